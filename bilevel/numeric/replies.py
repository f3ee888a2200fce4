"""Differentiating through other players' replies, in JAX: the numeric twin of `bilevel.response`.

Main definitions: `total_slopes`, `Replies`, `Implicit`, `implicit`, `one_step`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from bilevel.analysis.hypergradient import Truncated, truncated
from bilevel.language.errors import GameError
from bilevel.language.values import expression
from bilevel.numeric.held import without_held
from bilevel.numeric.sharding import is_explicit
from bilevel.numeric.solvers import SOLVERS, is_dense, linear_solution, transposed_solution
from bilevel.response import Anticipated, BestResponse, Unrolled

Blocks = Mapping[str, tuple[Any, ...]]
Through = Mapping[str, Mapping[str, Any]]  # {player: {other: how it answers}}

WRITTEN_OUT = 8  # steps up to which unrolling is written out; more are a loop of the compiled program


@dataclass(frozen=True)
class Implicit(BestResponse):
    """A best response whose linear system is solved in a way of its own."""

    solver: str = "auto"
    steps: int | None = None
    step: Any = None


def implicit(solver: str = "auto", *, steps: int | None = None, step: Any = None) -> Implicit:
    """The follower answers optimally; the adjoint system (∂_S F_S)^T w = ∂_S c is solved as said.

    Math: "dense": LU of the whole matrix; "gmres": matrix-free; "cg": conjugate gradients, for a single follower at
        a minimum (symmetric positive definite); "auto": dense up to 256 unknowns, else gmres; "neumann": the first
        `steps` terms of step Σ (I - step ∂_S F_S^T)^k, the derivative of that many gradient steps at their end.

    Shapes: `steps` bounds the iterations of cg and gmres; each costs one Hessian-vector product.

    Raises: GameError for an unknown solver, or neumann without steps and step.

    Reference: Pedregosa (2016), arXiv:1602.02355; Lorraine, Vicol, Duvenaud (2020), arXiv:1911.02590, for neumann.

    Examples:
        >>> implicit("neumann", steps=10, step="1/10").steps
        10
    """
    if solver not in SOLVERS:
        raise GameError(f"the adjoint is solved by one of {', '.join(SOLVERS)}; got {solver!r}")
    if solver == "neumann" and (steps is None or step is None):
        raise GameError('neumann needs a number of terms and a step: implicit("neumann", steps=10, step="1/10")')
    if steps is not None and (not isinstance(steps, int) or steps < 1):
        raise GameError(f"steps is a whole number of at least 1; got {steps!r}")
    return Implicit(solver, steps, None if step is None else expression(step, "a step"))


def one_step(step: Any) -> Truncated:
    """The follower takes one gradient step from where it stands, differentiated through: exact up to its contraction.

    Math: d/dx c(x, y - step F_S(x, y)) with y held: at y = y* its bias is (∂_x y*)^T (I - step ∂_y F_S)^T c_y.

    Reference: Bolte, Pauwels, Vaiter (2023), arXiv:2305.13768.

    Examples:
        >>> one_step("1/10").kept
        1
    """
    return truncated(1, 1, step)


@dataclass(frozen=True)
class Replies:
    """Who differentiates through whom, with what the derivatives are made of."""

    costs: Mapping[str, Callable[[Blocks], Any]]
    through: Through
    number: Callable[[Any], Any]

    def slope(self, name: str, z: Blocks, within: tuple[str, ...] = ()) -> tuple[Any, ...]:
        """The derivative of a player's cost in its own block, through the replies it declares."""
        replies = {other: how for other, how in self.through.get(name, {}).items() if other not in within}
        stack = (*within, name)

        def seen(at: Blocks) -> Any:
            return self.costs[name](self._reached(replies, z, at, stack))

        followers = self._followers(replies, stack)
        if not followers:
            return tuple(jax.grad(lambda own: seen({**z, name: own}))(z[name]))
        gradient = jax.grad(lambda at: seen({**z, **at}))({other: z[other] for other in (name, *followers)})

        def stationarity(theirs: Blocks, own: Any) -> Blocks:
            at = {**z, **theirs, name: own}
            return {other: self.answering(other, at, stack) for other in followers}

        # d c/dx = c_x - (∂_x F_S)^T w with (∂_S F_S)^T w = c_S.
        theirs, pull = {other: z[other] for other in followers}, {other: gradient[other] for other in followers}
        how = next(how for how in replies.values() if isinstance(how, BestResponse))
        solver, steps, step = (how.solver, how.steps, how.step) if isinstance(how, Implicit) else ("auto", None, None)
        if is_dense(pull, solver, steps) and not is_explicit(pull):
            weights = transposed_solution(jax.linearize(lambda at: stationarity(at, z[name]), theirs)[1], pull)
            mixed = jax.vjp(lambda own: stationarity(theirs, own), z[name])[1](weights)[0]
        else:  # both products are one vjp
            back = jax.vjp(stationarity, theirs, z[name])[1]
            length = None if step is None else self.number(step)
            weights = linear_solution(lambda w: back(w)[0], pull, solver, steps, length)
            mixed = back(weights)[1]
        return tuple(jax.tree.map(jnp.subtract, gradient[name], mixed))

    def answering(self, name: str, z: Blocks, within: tuple[str, ...]) -> tuple[Any, ...]:
        """A follower's slope as whoever leads it sees it: what the follower's loss holds constant varies in it."""
        return without_held(lambda at: self.slope(name, at, within), z)

    def _reached(self, replies: Mapping[str, Any], z: Blocks, at: Blocks, stack: tuple[str, ...]) -> Blocks:
        """Where the others stand when the player looks: foreseen, or after their steps."""
        foreseen = {
            other: _moved(z[other], self.number(how.step), self.slope(other, z, stack))
            for other, how in replies.items()
            if isinstance(how, Anticipated)
        }
        walking = {other: how for other, how in replies.items() if isinstance(how, Unrolled | Truncated)}
        held = {other: how for other, how in walking.items() if isinstance(how, Truncated) and how.kept < how.steps}
        if held:
            early = {other: how.steps - how.kept for other, how in held.items()}
            still = jax.tree.map(jax.lax.stop_gradient, dict(z))
            at = {**at, **jax.lax.stop_gradient(self._walked(held, early, still, stack))}
        late = {other: how.kept if isinstance(how, Truncated) else how.steps for other, how in walking.items()}
        return {**at, **self._walked(walking, late, at, stack), **foreseen}

    def _walked(
        self, how: Mapping[str, Any], counts: Mapping[str, int], at: Blocks, stack: tuple[str, ...]
    ) -> dict[str, tuple[Any, ...]]:
        """Gradient steps of the players named, together; whoever has fewer of them stops earlier."""
        point, done = {other: at[other] for other in counts}, 0
        for stop in sorted(set(counts.values())):
            moving = [other for other, count in counts.items() if count >= stop]

            def advance(here: Any, _: Any = None, moving: Any = moving) -> tuple[Any, None]:
                now = {**at, **here}
                new = {o: _moved(here[o], self.number(how[o].step), self.answering(o, now, stack)) for o in moving}
                return {**here, **new}, None

            if stop - done <= WRITTEN_OUT:
                for _ in range(stop - done):
                    point, _ = advance(point)
            else:
                point, _ = jax.lax.scan(advance, point, None, length=stop - done)
            done = stop
        return point

    def _followers(self, replies: Mapping[str, Any], stack: tuple[str, ...]) -> list[str]:
        found: list[str] = []
        waiting = [other for other, how in replies.items() if isinstance(how, BestResponse)]
        while waiting:
            name = waiting.pop(0)
            if name not in found and name not in stack:
                found.append(name)
                waiting += [o for o, how in self.through.get(name, {}).items() if isinstance(how, BestResponse)]
        return sorted(found, key=list(self.costs).index)


def total_slopes(through: Through, costs: Any, number: Callable[[Any], Any]) -> Callable[[Blocks], dict[str, Any]]:
    """Every player's derivative of its own cost through the replies it declares, as a function of the blocks."""
    replies = Replies(costs, through, number)
    return lambda z: {name: replies.slope(name, z) for name in costs}


def _moved(block: Any, step: Any, slope: Any) -> tuple[Any, ...]:
    return tuple(b - step * s for b, s in zip(block, slope, strict=True))
