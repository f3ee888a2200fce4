"""Hypergradients on real parameters: a leader's derivative through its followers, with its bias beside it.

Main definitions: `hypergradient`, `answers`, `Hypergradient`, `Bias`. The ways to differentiate are those of
`bilevel.response` and `bilevel.analysis.hypergradient` (best response, unrolled, truncated, anticipated), and
`implicit`, `one_step` here; the same derivative as a formula is `bilevel.analysis.hypergradient.hypergradient`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bilevel.analysis.hypergradient import Truncated
from bilevel.game import Game
from bilevel.language.errors import BilevelError
from bilevel.numeric.exact_bias import exact_bias
from bilevel.numeric.field import Blocks
from bilevel.numeric.levels import Levels
from bilevel.numeric.replies import Implicit, Through
from bilevel.numeric.solvers import entries, linear_solution, size, unit

ITERATIONS = 50


@dataclass(frozen=True)
class Bias:
    """A hypergradient minus the exact one: the difference itself, its largest entry, and how it is known.

    Math: value - d/dx c(x, y*(x)), y* the followers' answer. `relative` is the size over that of the exact one.

    Shapes: `value` has the structure of the leader's parameters; None where nothing is known.

    Reference: Grazzi, Franceschi, Pontil, Salzo (2020), arXiv:2006.16218.

    Examples:
        >>> print(Bias(None, None, None, "unknown: the followers' answer was not found"))
        bias unknown: the followers' answer was not found
    """

    value: Any
    size: float | None
    relative: float | None
    known: str

    def __str__(self) -> str:
        if self.size is None:
            return f"bias {self.known}"
        return f"bias {self.size:.2g} ({self.relative:.2g} of the exact size), {self.known}"


@dataclass(frozen=True)
class Hypergradient:
    """A leader's derivative through its followers: the value, how far the followers are from answering, the bias.

    Math: `residual` is the largest entry of the followers' stationarity F_S where they stand. `bias` is worked out
        when it is asked for (or printed), and costs as much as the exact hypergradient.

    Shapes: `value` has the structure of the leader's parameters.

    Reference: Domke (2012), AISTATS; Pedregosa (2016), arXiv:1602.02355.

    Examples:
        >>> from bilevel.response import unrolled
        >>> losses = {"outer": lambda z: z["inner"], "inner": lambda z: (z["inner"] - 3 * z["outer"]) ** 2 / 2}
        >>> with jax.enable_x64(True):
        ...     found = hypergradient(losses, "outer", unrolled(2, "1/2"), at={"outer": 1.0, "inner": 2.0})
        ...     print(found)
        2.25 by unrolled 2, step 1/2; followers' residual 1; bias 0.75 (0.25 of the exact size), float: ...
    """

    value: Any
    residual: Any
    how: str
    work: Callable[[], Bias] = field(repr=False, compare=False)

    @cached_property
    def bias(self) -> Bias:
        """What the approximation gets wrong."""
        return self.work()

    def __str__(self) -> str:
        shown = _shown(self.value)
        return f"{shown} by {self.how}; followers' residual {float(self.residual):.2g}; {self.bias}"


def _shown(value: Any) -> str:
    if entries(value) <= 6:
        return str(jax.tree.map(lambda a: np.asarray(a).round(6).tolist(), value))
    return f"{entries(value)} numbers up to {float(size(value)):.4g}"


def hypergradient(
    losses: Any,
    leader: str,
    how: Any = None,
    *,
    at: Any,
    arguments: tuple[Any, ...] = (),
    followers: Iterable[str] | None = None,
    through: Through | None = None,
    maximizing: Any = (),
    values: Mapping[Any, Any] | None = None,
) -> Hypergradient:
    """The leader's total derivative through its followers, where the players stand.

    Math: `how` is implicit(...) (default), best_response(), unrolled(K, s), truncated(K, k, s), one_step(s) or
        anticipated(s), for every follower; followers keep the replies declared in the game or in `through`, so any
        number of levels. The derivative is that of the leader's cost (minus the loss, if it maximises). At the
        followers' `answers` the implicit one is exact.

    Shapes: `losses`, `at` and `arguments` as for `reading`: pytrees, or a coordinate-level game with `values`.
        `.value` can be taken inside jit, vmap and grad. Implicit costs one linear system in the followers'
        parameters, matrix-free beyond 256 of them; unrolled keeps every step in memory, truncated the last k.

    Raises: GameError for unknown players or parameters.

    Reference: Domke (2012), AISTATS; Pedregosa (2016), arXiv:1602.02355; Shaban et al. (2019), arXiv:1810.10667;
        Bolte, Pauwels, Vaiter (2023), arXiv:2305.13768.

    Examples:
        >>> losses = {"outer": lambda z: z["outer"] + (z["inner"] - 1) ** 2 / 2,
        ...           "inner": lambda z: (z["inner"] - 3 * z["outer"]) ** 2 / 2}
        >>> found = hypergradient(losses, "outer", at={"outer": 1.0, "inner": 3.0})
        >>> float(found.value), found.bias.size
        (7.0, 0.0)
    """
    how = how or Implicit()
    levels = Levels(losses, leader, at, arguments, followers, through, maximizing, values)
    value = levels.replies(how).slope(leader, levels.z)
    residual = size(levels.stationarity({name: levels.z[name] for name in levels.below}, levels.z))

    def work() -> Bias:
        if isinstance(losses, Game):
            try:
                exact = exact_bias(losses, leader, how, levels.followers, levels.layout.tree, levels.z, values or {})
                return _bias(exact, jax.tree.map(jnp.subtract, value, exact), _FORMULA, levels)
            except BilevelError:
                pass
        return _measured(levels, value)

    return Hypergradient(levels.layout.tree(leader, value), residual, _told(how), work)


_FORMULA = "exact: its formula, evaluated in floating point"


def _told(how: Any) -> str:
    if isinstance(how, Truncated):
        return f"truncated: the last {how.kept} of {how.steps} steps of {how.step}"
    if isinstance(how, Implicit):
        bound = f", {how.steps} steps" if how.steps else ""
        return f"implicit ({how.solver}{bound})"
    return str(how)


def _measured(levels: Levels, value: Any) -> Bias:
    """Against the implicit derivative at the followers' answer, which Newton's method finds from where they stand."""
    theirs = _newton(levels, "auto")
    z = {**levels.z, **theirs}
    left = float(size(levels.stationarity(theirs, z)))
    exact = levels.replies(Implicit()).slope(levels.leader, z)
    if not all(bool(jnp.all(jnp.isfinite(a))) for a in exact):
        return Bias(None, None, None, "unknown: the followers' answer was not found from where they stand")
    difference = jax.tree.map(jnp.subtract, value, exact)
    return _bias(difference, exact, f"float: the followers' answer was found to a residual of {left:.1g}", levels)


def _bias(difference: Any, exact: Any, known: str, levels: Levels) -> Bias:
    largest, whole = float(size(difference)), float(size(exact))
    relative = largest / whole if whole else float("inf") if largest else 0.0
    return Bias(levels.layout.tree(levels.leader, tuple(difference)), largest, relative, known)


def answers(
    losses: Any,
    leader: str,
    *,
    at: Any,
    arguments: tuple[Any, ...] = (),
    followers: Iterable[str] | None = None,
    through: Through | None = None,
    maximizing: Any = (),
    values: Mapping[Any, Any] | None = None,
    solver: str = "auto",
) -> Any:
    """The parameters with everyone below the leader at their answer y*(x), by Newton's method from where they stand.

    Math: F_S(x, y) = 0 to rounding: a stationary point, which is a best response where the followers' costs curve
        upwards; nan where Newton's method does not settle.

    Shapes: as for `hypergradient`; the result has the structure of `at`. `solver` as in `implicit`: "cg" for a
        follower's convex cost, "auto" otherwise. A quadratic cost takes one linear system.

    Raises: GameError as `hypergradient`.

    Reference: von Stackelberg (1934); Lorraine, Vicol, Duvenaud (2020), arXiv:1911.02590.

    Examples:
        >>> losses = {"outer": lambda z: z["inner"], "inner": lambda z: (z["inner"] - 3 * z["outer"]) ** 2 / 2}
        >>> float(answers(losses, "outer", at={"outer": 2.0, "inner": 0.0})["inner"])
        6.0
    """
    levels = Levels(losses, leader, at, arguments, followers, through, maximizing, values)
    return levels.layout.params({**levels.z, **_newton(levels, solver)})


def _newton(levels: Levels, solver: str) -> Blocks:
    """Newton's method on F_S. It stops by the residual, so that a linear F_S takes one system and not two."""
    start = {name: levels.z[name] for name in levels.below}
    still = jax.tree.map(jax.lax.stop_gradient, levels.z)
    exact = unit(start)
    rounding = 16 * exact
    function = lambda theirs: levels.stationarity(theirs, still)

    def going_on(state: Any) -> Any:
        count, _, value, largest, move = state
        return (count < ITERATIONS) & ~(size(value) <= rounding * largest) & (move > 0)

    def advance(state: Any) -> Any:
        count, y, value, largest, _ = state
        push = jax.linearize(function, y)[1]
        move = linear_solution(push, value, solver, sure=False)
        new = jax.tree.map(jnp.subtract, y, move)
        after, step = function(new), size(move)
        return count + 1, new, after, jnp.maximum(largest, size(after)), jnp.where(step > rounding * size(new), step, 0)

    value = function(start)
    first = (jnp.asarray(0), start, value, size(value), jnp.asarray(jnp.inf, dtype=size(value).dtype))
    _, y, value, largest, move = jax.lax.while_loop(going_on, advance, first)
    good = (size(value) <= jnp.sqrt(exact) * (1 + largest)) & ((size(value) <= rounding * largest) | (move == 0))
    return jax.tree.map(lambda leaf: jnp.where(good, leaf, jnp.nan), y)
