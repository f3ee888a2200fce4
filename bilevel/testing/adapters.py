"""Training steps of any make as functions from a point to a point.

Main definitions: `optimizer_step`, `as_function`, `named`.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bilevel.language.errors import GameError

__all__ = ["optimizer_step"]

Step = Callable[..., Any]


def optimizer_step(transformation: Any, gradient: Step) -> Step:
    """An optax transformation (or chain) and a gradient as one step from a fresh state.

    Math: z + u, with u from `transformation.update(gradient(z), transformation.init(z), z)`.

    Shapes: `gradient` takes and returns {name: number}.

    Reference: Hessel et al. (2020), Optax.

    Examples:
        >>> import optax
        >>> step = optimizer_step(optax.sgd(0.25), lambda z: {"x": 2 * z["x"]})
        >>> float(step({"x": 1.0})["x"])
        0.5
    """

    from bilevel.numeric.precision import working

    def step(point: Mapping[str, Any]) -> dict[str, Any]:
        found = gradient(dict(point))
        slopes = {key: np.asarray(found[key]) for key in point}
        coarsest = min((slope.dtype for slope in slopes.values()), key=lambda kind: kind.itemsize)
        here = {key: np.asarray(value, dtype=coarsest) for key, value in point.items()}
        with working("float64"):  # allows both precisions; what is float32 stays so
            change, _ = transformation.update(slopes, transformation.init(here), here)
            return {key: here[key] + np.asarray(change[key]) for key in here}

    return step


def as_function(step: Any) -> Step:
    """A function as it is; an object with a method `step` afresh (a deep copy) for every point.

    A method `step(point)` is called; for a method without arguments the variables are set as attributes before and
    read after. What is given twice (parameters that an optimiser knows) stays one thing in the copy.
    """
    method = getattr(step, "step", None)
    if not callable(method):
        if not callable(step):
            raise GameError(f"a step is a function or an object with a method step; got {type(step).__name__}")
        return step
    takes = [p for p in inspect.signature(method).parameters.values() if p.default is p.empty]
    takes = [p for p in takes if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if takes:
        return lambda point, *more: copy.deepcopy(step).step(dict(point), *more)

    def through_attributes(point: Mapping[str, Any]) -> dict[str, Any]:
        fresh = copy.deepcopy(step)
        for name, value in point.items():
            if not hasattr(fresh, name):
                raise GameError(f"the object has no attribute {name}; give a function from a point to the next point")
            _set(fresh, name, value)
        fresh.step()
        return {name: getattr(fresh, name) for name in point}

    return through_attributes


def _set(owner: Any, name: str, value: float) -> None:
    """Set an attribute; a tensor that an optimiser holds on to is filled in place (PyTorch's `fill_`)."""
    current = getattr(owner, name)
    if hasattr(current, "fill_"):
        current.detach().fill_(value)
    else:
        setattr(owner, name, value)


def named(found: Any, keys: list[str], what: str) -> dict[str, Any]:
    """What came back, by name; a sequence is taken in the order of the keys."""
    if isinstance(found, Mapping):
        by_name = {str(getattr(key, "name", key)): value for key, value in found.items()}
        if missing := [key for key in keys if key not in by_name]:
            raise GameError(f"{what} returns {', '.join(by_name) or 'nothing'}; {', '.join(missing)} is missing")
        return {key: by_name[key] for key in keys}
    if isinstance(found, tuple | list | np.ndarray) and len(found) == len(keys):
        return dict(zip(keys, found, strict=True))
    raise GameError(f"{what} must return a number for each of {', '.join(keys)}; got {type(found).__name__}")


def precision(found: Mapping[str, Any]) -> float:
    """The tolerance that fits the coarsest type among the results: of its rounding, with room for a short step."""
    kinds = [getattr(value, "dtype", np.dtype(float)) for value in found.values()]
    sizes = [getattr(kind, "itemsize", 8) for kind in kinds]
    return {1: 1e-1, 2: 3e-2, 4: 3e-5}.get(min(sizes, default=8), 1e-9)
