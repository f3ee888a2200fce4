"""The cards of the paper's theorems, made in a second process, which prints one line of JSON a theorem.

Main definitions: `begin` (start it), `main` (what it runs).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bilevel.app.report_theorems import Card, made
from bilevel.app.theorems import Theorem, theorems


def _chosen() -> list[Theorem]:
    return [theorem for theorem in theorems() if theorem.of_the_paper]


def begin(tell: Callable[[str], None]) -> Callable[[], list[Card]]:
    """Start proving in a second process, and return what waits for the cards; without a second process, prove then."""
    command = [sys.executable, "-m", "bilevel.app.report_worker"]
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=os.environ | {"PYTHONPATH": path}
        )
    except OSError:
        return lambda: [made(theorem) for theorem in _chosen()]
    cards: dict[str, Card] = {}

    def read() -> None:
        for line in process.stdout or ():
            name, card = json.loads(line)
            cards[name] = Card(**card)
            tell(f"proved: {card['data'].get('title', name)}")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def wait() -> list[Card]:
        reader.join()
        process.wait()
        return [cards.get(theorem.name) or made(theorem) for theorem in _chosen()]

    return wait


def main() -> None:
    """Prove them all, in the order of their numbers."""
    for theorem in _chosen():
        print(json.dumps([theorem.name, asdict(made(theorem))]), flush=True)


if __name__ == "__main__":
    main()
