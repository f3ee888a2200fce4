"""The theorems' cards, made in a process of its own, which prints one line of JSON a theorem.

Main definitions: `main`.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from bilevel.app.report_theorems import made
from bilevel.app.theorems import theorems


def main() -> None:
    """Prove them all, in the order of their numbers."""
    for theorem in theorems():
        print(json.dumps([theorem.name, asdict(made(theorem))]), flush=True)


if __name__ == "__main__":
    main()
