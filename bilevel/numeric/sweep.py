"""Stability over a grid of parameters: exact linearisation once, then a root test at every point.

Main definitions: `sweep`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np
import sympy as sp

from bilevel.language.errors import GameError
from bilevel.language.values import expression
from bilevel.numeric.sweep_axes import axes_of
from bilevel.numeric.sweep_chunks import Folder, Memory, computed
from bilevel.numeric.sweep_plan import Plan, plan_of
from bilevel.numeric.sweep_table import MEANINGS
from bilevel.rules.protocol.defaults import default_rule
from bilevel.rules.protocol.linear import linearise

CHUNK = 2**20
UNITS = {"discrete": "per step", "continuous": "per unit time"}

__all__ = ["sweep"]


def sweep(
    game: Any,
    rule: Any = None,
    at: Mapping[Any, Any] | None = None,
    *,
    over: Mapping[Any, Any],
    values: Mapping[Any, Any] | None = None,
    spectral_radius: bool = False,
    clearance: bool = False,
    units: Mapping[Any, str] | None = None,
    chunk: int = CHUNK,
    executor: Executor | None = None,
    checkpoint: Any = None,
    store: Any = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Any:
    """Verdict and margin of an equilibrium at every point of a grid of parameters, as an `xarray.Dataset`.

    Math: the rule's exact Jacobian M at the fixed point gives the coefficients of det(z I - M); each grid point takes
        them through the Schur-Cohn table (a map) or the Routh table (a flow) in ball arithmetic. `margin` is the
        smallest table entry: for a map 1 - |k| over the reflection coefficients k, for a flow the smallest entry of
        the Schwarz form; positive where stable, negative where unstable. Where the ball holds zero, exact rational
        arithmetic decides at the exact grid point (counted in the attribute `redecided`).
    Shapes: `over` gives (start, stop, count), both ends included, or a list of numbers, for each varied parameter:
        fractions and whole numbers are exact, floats stand for their bits. A positive parameter may reach 0.
        `verdict` is int8 (0 stable, 1 unstable, 2 marginal, 3 undecided: a pole, or outside the game's
        assumptions); `margin` and `spectral_radius` are per step, or (`spectral_abscissa`) per unit time;
        `clearance` is |margin| over its rounding error. `units` names the units of axes (1 unless given).
        Work goes in boxes of at most `chunk` points, here or by any `concurrent.futures.Executor`; those in the folder
        `checkpoint` are not computed again. Memory is that of the result (9 bytes a point) and of a few boxes. With
        `store`, a path, boxes go to a Zarr store on disk as they become ready, and the dataset reads from there:
        memory is that of a few boxes; the store is its own checkpoint. `progress(done, of)` is called after each box
        (see `progress_bar`).
    Raises: GameError for unknown parameters, bad ranges, a checkpoint or store of another sweep, or a store without
        the package zarr; UnknownAnswer for functions without a bound on rounding; BrokenExecutor if a worker died
        and the executor does not replace it.
    Reference: Schur (1917), doi:10.1515/crll.1917.147.205; Routh (1877); Higham (2002), section 3.3.
    Examples:
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import alternating
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> game = Game(a=minimize(x*y, x), b=maximize(x*y, y))
        >>> found = sweep(game, alternating(h), {x: 0, y: 0}, over={h: (0, 4, 5)})
        >>> found.verdict.values.tolist(), found.attrs["redecided"]
        ([2, 2, 2, 1, 1], 2)
    """
    game, rule, at = _parts(game, rule, at)
    if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
        raise GameError(f"a chunk has at least one point; got {chunk}")
    linear = linearise(game, rule, at)
    fixed = {str(key): expression(value) for key, value in (values or {}).items()}
    named = {str(s): s for s in _parameters(game, rule, linear.matrix)}
    if unknown := sorted(set(fixed) - set(named)):
        raise GameError(f"there is no parameter {unknown[0]}; the parameters are: {', '.join(sorted(named)) or 'none'}")
    put = {named[name]: value for name, value in fixed.items()}
    matrix = linear.matrix.subs(put)
    facts = [fact.subs(put) for fact in game.assuming if isinstance(fact, sp.Basic)]
    axes = axes_of(over, [s for s in named.values() if s not in put])
    extra = _extra(linear.time, spectral_radius=spectral_radius, clearance=clearance)
    plan = plan_of(matrix, linear.time, axes, facts, min(chunk, math.prod(map(len, axes))), extra)
    sink = _sink(plan, store, checkpoint, _about(plan, _units(units, axes)))
    left = [index for index in range(plan.chunks) if index not in sink.done]
    for index, found in computed(plan, executor, left):
        sink.put(index, found)
        if progress is not None:
            progress(len(sink.done), plan.chunks)
    return sink.dataset({"time": plan.time, "rule": str(rule), "points": plan.points})


def _parts(game: Any, rule: Any, at: Any) -> tuple[Any, Any, Any]:
    """Game, rule and point; a problem as read from a file brings its own."""
    if hasattr(game, "game"):
        game, rule, at = game.game, rule or game.rule, at or game.at or None
    rule = rule or default_rule(game)
    if at is None:
        from bilevel.analysis.local import _only_point

        at = _only_point(game, rule, None)
    return game, rule, at


def _parameters(game: Any, rule: Any, matrix: Any) -> set[Any]:
    return set(matrix.free_symbols) | set(rule.symbols) | set(game.parameters)


def _extra(time: str, *, spectral_radius: bool, clearance: bool) -> tuple[str, ...]:
    """Names of what is computed beside verdict and margin."""
    leading = "spectral_radius" if time == "discrete" else "spectral_abscissa"
    return tuple(name for name, asked in (("clearance", clearance), (leading, spectral_radius)) if asked)


def _sink(plan: Plan, store: Any, checkpoint: Any, about: Mapping[str, Mapping[str, Any]]) -> Any:
    """Where the result goes."""
    if store is None:
        return Memory(plan, None if checkpoint is None else Folder(checkpoint, plan), about)
    if checkpoint is not None:
        raise GameError("a store is its own checkpoint; give store= or checkpoint=, not both")
    from bilevel.numeric.sweep_zarr import ZarrStore

    return ZarrStore(store, plan, about)


def _about(plan: Plan, units: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Names and units of the variables and of the axes, in the words of the CF conventions."""
    unit = UNITS[plan.time]
    about: dict[str, dict[str, Any]] = {
        "verdict": {
            "long_name": "verdict on exponential stability",
            "flag_values": np.arange(len(MEANINGS), dtype=np.int8),
            "flag_meanings": " ".join(MEANINGS),
            "units": "1",
        },
        "margin": {"long_name": "smallest entry of the root test's table", "units": unit},
        "clearance": {"long_name": "margin over its rounding error", "units": "1"},
        "spectral_radius": {"long_name": "spectral radius", "units": unit},
        "spectral_abscissa": {"long_name": "spectral abscissa", "units": unit},
    }
    for axis in plan.grid:
        name, first, last = str(axis.symbol), str(axis.values[0]), str(axis.values[-1])
        if name in about:
            raise GameError(f"the result has a variable {name} of its own; give the parameter {name} another name")
        given = {"long_name": name, "units": units.get(name, "1")}
        about[name] = {**given, "exact_first": first, "exact_last": last}
    return about


def _units(units: Mapping[Any, str] | None, axes: tuple[Any, ...]) -> dict[str, str]:
    named = {str(key): str(unit) for key, unit in (units or {}).items()}
    if unknown := sorted(set(named) - {str(axis.symbol) for axis in axes}):
        raise GameError(f"units are for the axes {', '.join(str(a.symbol) for a in axes)}; got {unknown[0]}")
    return named
