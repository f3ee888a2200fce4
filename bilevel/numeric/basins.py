"""Which fixed point each start reaches, by simulation.

Main definitions: `basins`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bilevel.language.errors import GameError
from bilevel.numeric.precision import working
from bilevel.numeric.stepper import reading
from bilevel.numeric.trajectory import _integrated
from bilevel.rules.protocol.rule import Rule

BATCH = 2**16  # starts that are followed at a time

__all__ = ["basins"]


def basins(
    game: Any,
    rule: Rule,
    fixed_points: Sequence[Mapping[Any, Any]],
    *,
    over: Mapping[Any, tuple[Any, Any, int]],
    start: Mapping[Any, Any] | None = None,
    values: Mapping[Any, Any] | None = None,
    steps: int = 1000,
    tolerance: float = 1e-3,
    time_step: float | None = None,
) -> Any:
    """Which fixed point a rule has reached after many steps, from every start of a grid; in floats, so no proof.

    Math: basin(z_0) = k if |z_T - z*_k| <= tolerance (1 + |z*_k|) in the largest entry, for the nearest z*_k; -1 if
        z_T is near none of them (it wanders, is still on its way, or has left for infinity). z_{t+1} = T(z_t); a flow
        takes Runge-Kutta steps of `time_step`. The rule's memory starts as the rule says.
    Shapes: `over` gives (first, last, count) for one or more variables, `start` a number for the others. The result is
        an `xarray.Dataset` over these axes: `basin` (int32), `distance` to the nearest fixed point, and the fixed
        points. Work is steps times starts; memory a batch of starts and the result.
    Raises: GameError for unknown variables, a start that is not complete, or fixed points that are not.
    Reference: Nusse and Yorke (1997), Dynamics: Numerical Explorations, chapter 7.
    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import simultaneous
        >>> x = sp.Symbol("x", real=True)
        >>> double_well = Game(a=minimize(x**4/4 - x**2/2, x))
        >>> found = basins(double_well, simultaneous("1/10"), [{x: -1}, {x: 1}], over={x: (-2, 2, 5)})
        >>> found.basin.values.tolist(), found.attrs["known"]
        ([0, 0, -1, 1, 1], 'float')
    """
    if steps < 1 or int(steps) != steps:
        raise GameError(f"a basin map needs at least one step; got {steps}")
    if rule.time == "continuous" and time_step is None:
        raise GameError(f"{rule.name} is a flow: give time_step, the length of one integration step")
    names = [str(v) for v in game.variables]
    axes = {str(key): _axis(str(key), span, names) for key, span in over.items()}
    fixed = {str(key): float(value) for key, value in (start or {}).items()}
    if missing := [name for name in names if name not in axes and name not in fixed]:
        raise GameError(f"{missing[0]} has no value to start from; give start={{'{missing[0]}': ...}} or vary it too")
    targets = np.array([_point(point, names) for point in fixed_points], dtype=float).reshape(-1, len(names))
    if not len(targets):
        raise GameError("a basin map needs the fixed points that may be reached, for example from bilevel.equilibria")
    shape = tuple(len(axis) for axis in axes.values())
    with working("float64"):
        follow = _follower(reading(game, rule, values=values), int(steps), time_step)
        ends = np.concatenate(
            [follow(_starts(names, axes, fixed, shape, at)) for at in range(0, math.prod(shape), BATCH)]
        )[: math.prod(shape)]
    apart = np.abs(ends[:, None, :] - targets).max(axis=2) / (1 + np.abs(targets).max(axis=1))
    apart = np.where(np.isfinite(apart), apart, np.inf)
    distance = apart.min(axis=1)
    basin = np.where(distance <= tolerance, apart.argmin(axis=1), -1).astype(np.int32)
    return _dataset(axes, shape, names, targets, basin, distance, {"rule": str(rule), "steps": int(steps)})


def _axis(name: str, span: Any, names: list[str]) -> Any:
    if name not in names:
        raise GameError(f"there is no variable {name} to start from; the variables are: {', '.join(names)}")
    if name in ("basin", "distance", "fixed_point", "which", "variable"):
        raise GameError(f"the result has a part {name} of its own; give the variable {name} another name")
    if not isinstance(span, tuple) or len(span) != 3 or int(span[2]) < 1:
        raise GameError(f"{name} takes (first, last, count); got {str(span)[:60]}")
    return np.linspace(float(span[0]), float(span[1]), int(span[2]))


def _point(point: Mapping[Any, Any], names: list[str]) -> list[float]:
    by_name = {str(key): float(value) for key, value in point.items()}
    if missing := [name for name in names if name not in by_name]:
        raise GameError(f"the fixed point {dict(by_name)} has no number for {', '.join(missing)}")
    return [by_name[name] for name in names]


def _starts(names: list[str], axes: Mapping[str, Any], fixed: Mapping[str, float], shape: Any, at: int) -> Any:
    """One batch of starts, filled up with its last one to the one shape that is compiled."""
    last = min(at + BATCH, math.prod(shape)) - 1
    size = min(BATCH, math.prod(shape))
    place = dict(zip(axes, np.unravel_index(np.minimum(np.arange(at, at + size), last), shape), strict=True))
    return {name: axes[name][place[name]] if name in axes else np.full(size, fixed[name]) for name in names}


def _follower(stepper: Any, steps: int, time_step: float | None) -> Any:
    """A compiled function from starts {name: array} to where they are after all steps."""
    advance = stepper.step if time_step is None else _integrated(stepper.step, float(time_step))

    def run(params: Any) -> Any:
        first = (params, stepper.init(params))
        return jax.lax.fori_loop(0, steps, lambda _, state: advance(*state), first)[0]

    mapped = jax.jit(jax.vmap(run))

    def follow(starts: Mapping[str, Any]) -> Any:
        found = mapped({name: jnp.asarray(column) for name, column in starts.items()})
        return np.stack([np.asarray(found[name]) for name in starts], axis=1)

    return follow


def _dataset(
    axes: Any, shape: Any, names: list[str], targets: Any, basin: Any, distance: Any, about: Mapping[str, Any]
) -> Any:
    import xarray

    dims = tuple(axes)
    return xarray.Dataset(
        {
            "basin": (dims, basin.reshape(shape), {"long_name": "fixed point reached, -1 for none", "units": "1"}),
            "distance": (dims, distance.reshape(shape), {"long_name": "distance to the nearest", "units": "1"}),
            "fixed_point": (("which", "variable"), targets),
        },
        {**{name: (name, axis, {"long_name": name, "units": "1"}) for name, axis in axes.items()}, "variable": names},
        {**about, "known": "float"},
    )
