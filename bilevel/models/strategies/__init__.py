"""Stabilising strategies: maps from game and rule to game and rule. Each file of this folder is one; the folder is the
list.

Main definitions: the strategies themselves, `strategy` (the decorator that makes one), `Strategy`, `identity`,
`catalogue`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import types
from functools import cache
from typing import Any

from bilevel.language.names import absent

_PROTOCOL = {"Strategy": "strategy", "strategy": "strategy", "identity": "strategy", "with_costs": "structure"}


class _Package(types.ModuleType):
    """Importing the file `freezing` must not hide the strategy `freezing` the package offers."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, types.ModuleType) and name != "protocol"):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


@cache
def catalogue() -> dict[str, Any]:
    """Every strategy of the folder by name, the rows of the paper's table first.

    Math: see the strategies' own docstrings.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, table 1.

    Examples:
        >>> [*catalogue()][0]
        'freezing'
    """
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.ispkg:
            family = importlib.import_module(f"{__name__}.{module.name}")
            found |= {name: value for name, value in vars(family).items() if hasattr(value, "row")}
    return dict(sorted(found.items(), key=_place))


ROWS = (
    "Freezing learning",
    "Label smoothing",
    "Historical averaging",
    "Minibatch discrimination",
    "Batch normalization",
    "Target networks",
    "Replay buffers",
    "Entropy regularization",
    "Compatibility",
)  # the order in which the paper prints its rows


def _place(entry: tuple[str, Any]) -> tuple[int, str]:
    title = entry[1].row.title
    return (ROWS.index(title) if title in ROWS else len(ROWS), title)


def __getattr__(name: str) -> Any:
    if name in _PROTOCOL:
        return getattr(importlib.import_module(f"{__name__}.protocol.{_PROTOCOL[name]}"), name)
    if name == "__all__":
        return sorted({*_PROTOCOL, *catalogue(), "catalogue"})
    if not name.startswith("_") and name in catalogue():
        return catalogue()[name]
    raise absent(__name__, name, [*_PROTOCOL, *catalogue()])


def __dir__() -> list[str]:
    return sorted({*_PROTOCOL, *catalogue(), "catalogue"})
