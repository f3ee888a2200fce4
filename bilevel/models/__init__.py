"""The catalogue of models.

Every module of this folder is a family; every public function in it that returns a game is a model. A model written
for networks of any form may have a small instance beside it: a function `<model>_instance` that returns an `Instance`,
the sizes, networks and laws with which the same model becomes a game in coordinates.

Main definitions: the models themselves, `catalogue`, `instance`, `instances`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from typing import Any

from bilevel.language.names import absent

_PARTS = ("strategies",)


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

    Math: a function of this folder that returns a `Game` or a `System` and whose parameters all have defaults; and
        under the name `<model>_instance` the small instance of a model, in coordinates.

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
    found |= {f"{name}_instance": _made(name, world) for name, world in instances().items()}
    return dict(sorted(found.items()))


@cache
def instances() -> dict[str, Any]:
    """The functions `<model>_instance` of this folder, by the model's name.

    Math: a choice of dimensions, networks and laws with which the model becomes a game in scalar variables.

    Reference: the models' own docstrings.

    Examples:
        >>> instances()["gan"]().dims["n"]
        1
    """
    return {
        name.removesuffix("_instance"): value
        for name, value in _names().items()
        if inspect.isfunction(value)
        and value.__annotations__.get("return") == "Instance"
        and name.endswith("_instance")
        and name.removesuffix("_instance") in _names()
    }


def instance(name: str, **choices: Any) -> Any:
    """The small instance of a model: the same losses in scalar variables, ready for fixed points and stability.

    Math: `instantiate(model(**choices), model_instance())`; averages without a closed form wait until a point is put
        in.

    Raises: GameError if no model of that name has an instance.

    Reference: the models' own docstrings.

    Examples:
        >>> instance("gan", generator="non-saturating").variables
        (phi, theta)
    """
    from bilevel.language.errors import GameError
    from bilevel.language.instantiate import instantiate
    from bilevel.language.mean import waiting

    if name not in instances():
        raise GameError(f"no model {name!r} has an instance; those that have: {', '.join(sorted(instances()))}")
    made = instantiate(_names()[name](**choices), instances()[name]())
    return made.map_losses(waiting)


def _made(name: str, world: Any) -> Any:
    """The instance as a function without arguments, described by what is said about its world."""

    def made() -> Any:
        return instance(name)

    made.__doc__ = world.__doc__
    return made


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted([*_names(), *_PARTS, "catalogue", "instance", "instances"])
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    if not name.startswith("_") and name in _names():
        return _names()[name]
    if name in {"squared", "cross_entropy"}:
        return getattr(importlib.import_module(f"{__name__}.divergence"), name)
    raise absent(__name__, name, [*_names(), *_PARTS])


def __dir__() -> list[str]:
    return sorted([*_names(), *_PARTS, "catalogue", "instance", "instances"])
