"""Learning rules. Every module of this folder is a family; every function in it made by `rule` is a rule.

Main definitions: `rule`, `Rule`, `derive`, `Update`, `linearise`, `catalogue`, and the rules themselves.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from bilevel.language.names import absent

_PROTOCOL = {
    "Rule": "rule",
    "rule": "rule",
    "Field": "rule",
    "PerPlayer": "point",
    "Point": "point",
    "derive": "derivation",
    "Update": "update",
    "linearise": "linear",
    "Linearisation": "linear",
}


@cache
def catalogue() -> dict[str, Any]:
    """Every rule of the folder by name.

    Math: the families are listed in the architecture of the package; each rule's formula stands in its docstring.

    Reference: the rules' own docstrings.

    Examples:
        >>> "alternating" in catalogue()
        True
    """
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.ispkg:
            family = importlib.import_module(f"{__name__}.{module.name}")
            found |= {name: value for name, value in vars(family).items() if getattr(value, "is_rule", False)}
    return found


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
