"""The catalogue of models.

Every module of this folder is a family; every public function in it that returns a game is a model.

Main definitions: the models themselves, `catalogue`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from typing import Any


@cache
def _names() -> dict[str, Any]:
    """Everything public that the modules of this folder define."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg:
            continue
        family = importlib.import_module(f"{__name__}.{module.name}")
        for name, value in vars(family).items():
            if not name.startswith("_") and getattr(value, "__module__", None) == family.__name__:
                found[name] = value
    return found


@cache
def catalogue() -> dict[str, Any]:
    """Every model that makes a game, or a flow or map, without being told anything, by name.

    Math: a function of this folder that returns a `Game` or a `System` and whose parameters all have defaults.

    Reference: the models' own docstrings.

    Examples:
        >>> "dirac_gan" in catalogue() and "gan" in catalogue()
        True
    """
    found = {}
    for name, value in _names().items():
        if not inspect.isfunction(value) or value.__annotations__.get("return") not in ("Game", "System"):
            continue
        parameters = inspect.signature(value).parameters.values()
        if all(p.default is not p.empty or p.kind == p.VAR_KEYWORD for p in parameters):
            found[name] = value
    return dict(sorted(found.items()))


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted([*_names(), "catalogue"])
    if not name.startswith("_") and name in _names():
        return _names()[name]
    if name in {"squared", "cross_entropy"}:
        return getattr(importlib.import_module(f"{__name__}.divergence"), name)
    raise AttributeError(f"module {__name__!r} has no model or name {name!r}; names: {', '.join(sorted(_names()))}")


def __dir__() -> list[str]:
    return sorted([*_names(), "catalogue"])
