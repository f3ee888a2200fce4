"""Fixed points found numerically, of any size, with what is known of them; small ones are handed on to be proved.

Main definitions: `fixed_point`, `FixedPoint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optimistix
import sympy as sp
from jax.flatten_util import ravel_pytree

from bilevel.analysis.local import stability
from bilevel.analysis.verdict import Verdict
from bilevel.game import Game
from bilevel.language.errors import UnknownAnswer
from bilevel.language.values import expression
from bilevel.numeric.precision import as_numpy, working
from bilevel.numeric.solvers import DENSE, entries, linear_solution, size, solver_for, unit
from bilevel.numeric.stepper import reading
from bilevel.rules.protocol.defaults import default_rule
from bilevel.rules.protocol.rule import Rule

STEPS = 256
SETTLING = 100_000  # steps an optimiser is run in place
DIRECTIONS = 3
REACHES = (1 / 4, 3 / 8)  # powers of the machine epsilon: a double root's residual, their square, is no rounding
SIMPLE = 0.25  # half way between a simple root (near 0) and a double one (1/2)
_FLOW = Rule("flow", (), lambda field: lambda z: -field(z), "continuous")


@dataclass(frozen=True)
class FixedPoint:
    """A point that a rule leaves nearly where it is, how nearly, and what that took.

    Math: `residual` is the largest entry of T(z) - z (of dz/dt for a flow). `converged`: every entry r_i of it is small
        for its own number, |r_i| <= eps^(1/2) |z_i| + eps^(3/4), or no more than what rounding in z makes of it.
        `regular` says in floats whether the zero
        is a simple one: from a little beside it, one Newton step comes back to a quarter of the distance or less. At a
        root of multiplicity m it comes back to (m - 1)/m of it; on a continuum nowhere in particular. Three directions
        are tried; up to 256 unknowns the Jacobian's singular values are looked at too.

    Shapes: `point` and `state` have the structure of the start; `iterations` counts Newton steps, each one residual
        and n products with its Jacobian (n <= 256 unknowns; beyond, as many products as GMRES takes).

    Reference: Ortega and Rheinboldt (1970), section 10.2; Krawczyk (1969), doi:10.1007/BF02234767.

    Examples:
        >>> from bilevel.game import minimize
        >>> from bilevel.rules import simultaneous
        >>> x = sp.Symbol("x", real=True)
        >>> found = fixed_point(Game(a=minimize(x**3/3 - 2*x, x)), simultaneous("1/10"), near={x: 1})
        >>> round(float(found.point[x]), 6), found.regular, found.verdict().known
        (1.414214, True, 'enclosed')
    """

    point: Any
    state: tuple[Any, ...]
    residual: float
    iterations: int
    converged: bool
    regular: bool | None
    problem: tuple[Any, Rule, Mapping[Any, Any]] = field(repr=False, compare=False)

    def verdict(self) -> Verdict:
        """The rule's stability at the exact fixed point next to this one, `enclosed`: proved to exist by an interval
        test and decided by enclosed eigenvalues; `unknown` at a multiple root, which no such test isolates. For
        coordinate games whose parameters all have values."""
        game, rule, values = self.problem
        if any(not isinstance(how, str) for _, how in rule.memory):
            raise UnknownAnswer(
                "an optimiser of Optax has no formula",
                next_step="take a rule that has one, such as bilevel.rules.adam, rmsprop or heavy_ball",
            )
        if not isinstance(game, Game) or not game.is_coordinate:
            raise UnknownAnswer(
                "a verdict needs formulas, and these losses are functions",
                next_step="give the game in symbols, or ask bilevel.numeric for the spectrum",
            )
        if not self.converged:
            raise UnknownAnswer(
                f"no fixed point was reached: the residual is {self.residual:.2g}", next_step="start nearer to one"
            )
        given, fixed = _exact(game, rule, values)
        at = {v: sp.Float(float(value)) for v, value in zip(game.variables, self._numbers, strict=True)}
        return stability(given, fixed, at=at)

    @cached_property
    def _numbers(self) -> list[Any]:
        by_name = {str(getattr(key, "name", key)): value for key, value in self.point.items()}
        return [by_name[str(v)] for v in self.problem[0].variables]

    def __str__(self) -> str:
        said = "a simple zero" if self.regular else "not a simple zero: a multiple root, or one of a continuum"
        kept = any(not isinstance(how, str) for _, how in self.problem[1].memory)
        where = "the optimiser still moves where the gradient vanishes (it may decay weights)"
        missed = where if kept and self.regular is None and self.iterations else "the iteration did not settle"
        told = f"{said} (float)" if self.converged else f"no fixed point: {missed}"
        return f"residual {self.residual:.2g} after {self.iterations} Newton steps; {told}"


def _exact(game: Game, rule: Rule, values: Mapping[Any, Any]) -> tuple[Game, Rule]:
    """The game with its parameters put in, exactly."""
    if missing := sorted(str(s) for s in rule.symbols):
        raise UnknownAnswer(
            f"the rule has symbols ({', '.join(missing)}), and a verdict at a numeric point has none",
            next_step="put numbers into the rule",
        )
    names = {str(key): expression(value) for key, value in values.items()}
    put = {s: names[str(s)] for s in game.parameters if str(s) in names}
    return (game.map_losses(lambda loss: loss.subs(put)) if put else game), rule


def fixed_point(
    losses: Any,
    rule: Rule | None = None,
    *,
    near: Any,
    arguments: tuple[Any, ...] = (),
    values: Mapping[Any, Any] | None = None,
    solver: Any = None,
    dtype: Any = "float64",
    **choices: Any,
) -> FixedPoint:
    """A fixed point of a rule, or a zero of the field (no rule), near a start, by Optimistix.

    Math: T(z, memory) = (z, memory) by Newton's method (or any `optimistix` root finder), the memory started as the
        rule starts it and solved for too. What an Optax transformation keeps counts its steps and rests nowhere: it is
        run at a zero of the field until its numbers settle, and `residual` is the step it then takes. One that decays
        weights (AdamW) rests elsewhere, where its decay balances the gradient: that place is not sought, and
        `converged` is False. A residual alone proves nothing: x^2 = 0 is met at 1e-9 as well. So the last steps are
        measured, and `verdict()` proves small games' points.

    Shapes: `losses` and `near` as for `reading` (which takes `choices`); any number of parameters: dense systems up
        to 256 unknowns, beyond it products with the Jacobian only, 40 directions kept.

    Raises: GameError as `reading`.

    Reference: Rader, Lyons, Kidger (2024), arXiv:2402.09983, Optimistix.

    Examples:
        >>> found = fixed_point({"a": lambda z: (z["a"] - 3.0) ** 4}, near={"a": 1.0})
        >>> found.converged, found.regular      # a fourfold minimum: the gradient has a triple root
        (True, False)
    """
    rule = rule or (default_rule(losses) if isinstance(losses, Game) else _FLOW)
    kinds, choices = {how for _, how in rule.memory}, {"values": values, **choices}
    if kinds - {"same"}:
        # What sums gradients rests where they vanish: from elsewhere, Newton's steps in a mean of squares run off.
        zero = fixed_point(losses, _FLOW, near=near, arguments=arguments, solver=solver, dtype=dtype, **choices)
        near = zero.point if zero.converged else near
    if any(not isinstance(how, str) for how in kinds):
        with working(dtype):
            return _rested(zero, reading(losses, rule, **choices), arguments)
    keys = {str(getattr(key, "name", key)): key for key in near}
    with working(dtype):
        stepper = reading(losses, rule, **choices)
        start = jax.tree.map(_in_precision(dtype), {name: near[key] for name, key in keys.items()})
        layout = stepper.layout(start)
        first = (layout.blocks, tuple(layout.remembered(part) for part in stepper.init(start)))
        residual = _residual(stepper, layout, arguments)
        w, count = _root(residual, first, solver)
        left, turn, still = jax.jit(lambda w: (size(residual(w)), _return(residual, w), _still(residual, w)))(w)
        converged = bool(still)
        plain = jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf,
                             layout.params(w[0]))  # fmt: skip
        return FixedPoint(
            {key: plain[name] for name, key in keys.items()},
            as_numpy(tuple(map(layout.memory, w[1]))),
            float(left),
            count,
            converged,
            bool(float(turn) <= SIMPLE) if converged else None,
            (losses, rule, dict(values or {})),
        )


def _residual(stepper: Any, layout: Any, arguments: tuple[Any, ...]) -> Any:
    """What a step adds to parameters and memory, in blocks (for a flow: the rate)."""

    def residual(state: Any, _: Any = None) -> Any:
        here, memory = state
        after, kept = stepper.step(layout.params(here), tuple(map(layout.memory, memory)), *arguments)[:2]
        new = (stepper.layout(after).blocks, tuple(layout.remembered(part) for part in kept))
        return new if stepper.rule.time == "continuous" else jax.tree.map(jnp.subtract, new, state)

    return residual


def _rested(field: FixedPoint, stepper: Any, arguments: tuple[Any, ...]) -> FixedPoint:
    """Where an optimiser rests: at a zero of the field, once what it remembers of the way there has died away."""
    state = stepper.init(field.point)
    moving = lambda tree: [a for a in jax.tree.leaves(tree) if jnp.issubdtype(jnp.result_type(a), jnp.floating)]

    def settled(carry: Any) -> Any:
        count, known, apart = carry
        kept = stepper.step(field.point, known, *arguments)[1]
        changes = [jnp.max(jnp.abs(a - b), initial=0) for a, b in zip(moving(kept), moving(known), strict=True)]
        return count + 1, kept, jnp.max(jnp.stack(changes)) if changes else apart * 0

    def run(state: Any) -> Any:
        tiny = jnp.finfo(float).tiny
        first = (jnp.asarray(0), state, jnp.asarray(jnp.inf))
        _, last, _ = jax.lax.while_loop(lambda c: (c[0] < SETTLING) & (c[2] > tiny), settled, first)
        after = stepper.step(field.point, last, *arguments)[0]
        apart = [jnp.abs(a - b) for a, b in zip(moving(after), moving(field.point), strict=True)]
        # A gradient that is rounding alone, over its own size, is a step of no small size: hence the one.
        slack = [jnp.sqrt(jnp.finfo(b.dtype).eps) * (1 + jnp.abs(b)) for b in moving(field.point)]
        still = [jnp.all(a <= b) for a, b in zip(apart, slack, strict=True)]
        return last, size(apart), jnp.all(jnp.stack(still))

    last, left, quiet = jax.jit(run)(jax.tree.map(jnp.asarray, state))
    still = bool(quiet)
    return replace(field, state=as_numpy(last), residual=float(left), converged=field.converged and still,
                   regular=field.regular if still else None, problem=(field.problem[0], stepper.rule, field.problem[2])
                   )  # fmt: skip


def _still(residual: Any, w: Any) -> Any:
    """Whether every number stands still for its own size, or as far as rounding in all of them lets it be seen."""
    flat, back = ravel_pytree(w)
    exact, value = unit(w), lambda v: ravel_pytree(residual(back(v)))[0]
    left, signs = value(flat), jax.random.rademacher(jax.random.key(1), (DIRECTIONS, flat.size), flat.dtype)
    rounding = jnp.max(jax.lax.map(lambda s: jnp.abs(value(flat * (1 + 4 * exact * s)) - left), signs), axis=0)
    return jnp.all(jnp.abs(left) <= jnp.sqrt(exact) * jnp.abs(flat) + exact**0.75 + rounding)


def _in_precision(dtype: Any) -> Any:
    def convert(leaf: Any) -> Any:
        if isinstance(leaf, sp.Basic | int) and not isinstance(leaf, bool):
            leaf = float(leaf)
        floating = isinstance(leaf, float) or (hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating))
        return jnp.asarray(leaf, dtype=dtype) if floating else leaf

    return convert


def _root(residual: Any, first: Any, solver: Any) -> tuple[Any, int]:
    """Where a root finder ends, and after how many steps; least squares where Newton's method meets no number."""
    if float(size(residual(first))) == 0.0:
        return first, 0  # at a singular zero Newton's step would be 0/0
    exact = 4 * unit(first)
    newton: Any = optimistix.Newton(rtol=exact, atol=exact, linear_solver=solver_for(first))
    count = 0
    for method in (solver,) if solver is not None else (newton, optimistix.LevenbergMarquardt(rtol=exact, atol=exact)):
        found: Any = optimistix.root_find(residual, method, first, max_steps=STEPS, throw=False)
        count += int(found.stats["num_steps"])
        if bool(jnp.isfinite(size(found.value))) or entries(first) > DENSE:
            break
    return found.value, count


def _return(residual: Any, w: Any) -> Any:
    """How much of small displacements is left after one Newton step, at worst; infinite where the Jacobian has no
    inverse to speak of."""
    flat, back = ravel_pytree(w)

    # Only the parameters are moved aside, and less far the second time: what Adam remembers bends within epsilon. A
    # memory that is free to rest anywhere leaves the system below without a solution.
    moves = ravel_pytree((jax.tree.map(jnp.ones_like, w[0]), jax.tree.map(jnp.zeros_like, w[1])))[0]

    def left(key: Any, reach: Any) -> Any:
        drawn = jax.random.uniform(key, flat.shape, flat.dtype, 0.5, 1.5) * jax.random.rademacher(key, flat.shape)
        aside = reach * (1 + jnp.abs(flat)) * drawn * moves
        beside = back(flat + aside)
        value, push = jax.linearize(residual, beside)
        after = jax.tree.map(jnp.subtract, beside, linear_solution(push, value))
        return size(jax.tree.map(jnp.subtract, after, w)) / size(aside)

    keys = jax.random.split(jax.random.key(0), DIRECTIONS)
    tried = [jax.lax.map(lambda key, reach=unit(w) ** power: left(key, reach), keys) for power in REACHES]
    worst = jnp.min(jnp.max(jnp.nan_to_num(jnp.stack(tried), nan=jnp.inf), axis=1))
    if flat.size > DENSE:
        return worst
    matrix = jax.jacfwd(lambda v: ravel_pytree(residual(back(v)))[0])(flat)
    values = jnp.linalg.svd(_balanced(matrix, jnp.sqrt(unit(w))), compute_uv=False)
    return jnp.where(values[-1] > jnp.sqrt(unit(w)) * values[0], worst, jnp.inf)


def _balanced(matrix: Any, least: Any) -> Any:
    """Rows, then columns, brought to one size: units say nothing about rank. What is next to nothing stays so."""
    for axis in (1, 0):
        sizes = jnp.max(jnp.abs(matrix), axis=axis, keepdims=True)
        matrix = matrix / jnp.maximum(sizes, least * jnp.max(sizes))
    return matrix
