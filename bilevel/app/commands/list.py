"""`bilevel list`: models, rules, strategies and theorems.

Main definitions: `run`.
"""

from __future__ import annotations

import inspect
from typing import Any

from bilevel import models
from bilevel.app.layout import dumps
from bilevel.app.screen import columns
from bilevel.app.theorems import theorems
from bilevel.models import strategies
from bilevel.rules import catalogue


def run(options: Any) -> int:
    """Print what the package holds."""
    found = {
        "models": _described(models.catalogue()),
        "rules": _described(catalogue()),
        "strategies": _described(strategies.catalogue()),
        "theorems": {theorem.name: theorem.summary for theorem in theorems()},
    }
    if options.json:
        print(dumps(found))
    else:
        print("\n\n".join(f"{kind}\n{columns(entries.items())}" for kind, entries in found.items() if entries))
    return 0


def _described(makers: dict[str, Any]) -> dict[str, str]:
    """Each name with the first line of what is said about it."""
    return {name: (inspect.getdoc(maker) or "").partition("\n")[0] for name, maker in sorted(makers.items())}
