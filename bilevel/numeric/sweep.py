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
from bilevel.numeric.lowering import lower
from bilevel.numeric.sweep_axes import axes_of
from bilevel.numeric.sweep_chunks import Folder, finished
from bilevel.numeric.sweep_plan import BLOCK, Plan, plan_of
from bilevel.numeric.sweep_table import MEANINGS, UNDECIDED
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
    chunk: int = CHUNK,
    executor: Executor | None = None,
    checkpoint: Any = None,
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
        `clearance` is |margin| over its rounding error. Work goes in chunks of `chunk` points: memory is that of the
        result (9 bytes a point) and of a few chunks.
    Raises: GameError for unknown parameters, bad ranges, or a checkpoint of another sweep; UnknownAnswer for
        functions without a bound on rounding.
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
    plan = plan_of(matrix, linear.time, axes, facts, min(chunk, math.prod(map(len, axes))), radius=clearance)
    arrays, counts = _collected(plan, executor, checkpoint, progress)
    if spectral_radius:
        arrays["spectral_radius" if plan.time == "discrete" else "spectral_abscissa"] = _spectral(plan)
    return _dataset(plan, arrays, counts, rule)


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


def _collected(
    plan: Plan, executor: Executor | None, checkpoint: Any, progress: Callable[[int, int], Any] | None
) -> tuple[dict[str, Any], dict[str, int]]:
    """All chunks in place, and what was counted on the way."""
    folder = None if checkpoint is None else Folder(checkpoint, plan)
    arrays: dict[str, Any] = {"verdict": np.empty(plan.points, np.int8), "margin": np.empty(plan.points, np.float64)}
    if plan.radius:
        arrays["clearance"] = np.empty(plan.points, np.float64)
    counts = {"redecided": 0, "outside": 0}
    for done, (index, found) in enumerate(finished(plan, executor, folder), 1):
        part = slice(index * plan.size, index * plan.size + len(found.verdict))
        arrays["verdict"][part], arrays["margin"][part] = found.verdict, found.margin
        if plan.radius:
            with np.errstate(divide="ignore", invalid="ignore"):
                arrays["clearance"][part] = np.abs(found.margin) / found.radius
        counts["redecided"] += found.redecided
        counts["outside"] += found.outside
        if progress is not None:
            progress(done, plan.chunks)
    return arrays, counts


def _spectral(plan: Plan) -> Any:
    """Largest modulus, or largest real part, of the eigenvalues in floats; nan where an entry is not finite."""
    function, result = lower(plan.matrix, [axis.symbol for axis in plan.grid]), np.empty(plan.points)
    columns, n = [axis.floats for axis in plan.grid], plan.matrix.rows
    block = max(1, BLOCK * 16 // (n * n))
    for start in range(0, plan.points, block):
        place = np.unravel_index(np.arange(start, min(start + block, plan.points)), plan.shape)
        stack = function(*(column[k] for column, k in zip(columns, place, strict=True)))
        stack = np.broadcast_to(stack, (len(place[0]), n, n))
        finite = np.isfinite(stack).all(axis=(1, 2))
        roots = np.linalg.eigvals(np.where(finite[:, None, None], stack, 0.0))
        size = np.abs(roots) if plan.time == "discrete" else roots.real
        result[start : start + len(finite)] = np.where(finite, size.max(axis=1), np.nan)
    return result


def _dataset(plan: Plan, arrays: Mapping[str, Any], counts: Mapping[str, int], rule: Any) -> Any:
    """The arrays under their names and units."""
    import xarray

    unit, names = UNITS[plan.time], [str(symbol) for symbol, _ in plan.axes]
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
    coordinates = {}
    for axis, name in zip(plan.grid, names, strict=True):
        first, last = str(axis.values[0]), str(axis.values[-1])
        coordinates[name] = (name, axis.floats, {"units": "1", "exact_first": first, "exact_last": last})
    return xarray.Dataset(
        {name: (names, array.reshape(plan.shape), about[name]) for name, array in arrays.items()},
        coordinates,
        {
            "time": plan.time,
            "rule": str(rule),
            "points": plan.points,
            "undecided": int(np.count_nonzero(arrays["verdict"] == UNDECIDED)),
            **counts,
        },
    )
