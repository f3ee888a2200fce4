"""Linear systems and implicit points over pytrees, by Lineax and Optimistix.

Main definitions: `linear_solution`, `adjoint_solution`, `implicit_point`, `entries`, `size`.

A system that was not solved answers with nan, never with a wrong number: a solution is kept only where its residual,
taken once more, is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import lineax  # type: ignore[import-untyped]
import optimistix

DENSE = 256  # unknowns up to which linear systems are solved as matrices
NEWTON = 50  # iterations at most for implicit points
RESTART = 40  # directions GMRES keeps: so many copies of the unknowns stand in memory
ROUNDS = 100
ENOUGH = 0.01  # the share of the right side that a solution may leave

SOLVERS = ("auto", "dense", "cg", "gmres", "neumann")

Image = Callable[[Any], Any]


def entries(tree: Any) -> int:
    """How many numbers a pytree holds."""
    return sum(math.prod(jnp.shape(leaf)) for leaf in jax.tree.leaves(tree))


def size(tree: Any) -> Any:
    """The largest absolute entry of a pytree."""
    return jnp.max(
        jnp.stack([jnp.max(jnp.abs(leaf)) if leaf.size else jnp.zeros(()) for leaf in jax.tree.leaves(tree)])
    )


def unit(tree: Any) -> float:
    """The machine epsilon of the coarsest entries."""
    return max(float(jnp.finfo(jnp.result_type(leaf)).eps) for leaf in jax.tree.leaves(tree))


def kept_where(good: Any, tree: Any) -> Any:
    """The tree where a condition holds, nan elsewhere."""
    return jax.tree.map(lambda leaf: jnp.where(good, leaf, jnp.nan), tree)


def krylov(tree: Any) -> lineax.AbstractLinearSolver:
    """LU up to `DENSE` unknowns; GMRES beyond."""
    if entries(tree) <= DENSE:
        return lineax.AutoLinearSolver(well_posed=True)
    return lineax.GMRES(rtol=10 * unit(tree), atol=0.0, restart=RESTART, max_steps=ROUNDS, stagnation_iters=3)


def linear_solution(image: Image, right: Any) -> Any:
    """u with image(u) = right, the map being linear; nan where the best u found leaves more than 1 % of the right side.

    Large systems: GMRES on the residual, again and again while it falls (in a singular but solvable system GMRES stops
    early), down to rounding.
    """
    if entries(right) <= DENSE:
        operator = lineax.FunctionLinearOperator(image, jax.eval_shape(lambda: right))
        found = lineax.linear_solve(operator, right, krylov(right), throw=False).value
    else:
        found = jax.lax.custom_linear_solve(image, right, _refined, _refined)
    rest = jax.tree.map(jnp.subtract, right, image(found))
    return kept_where(size(rest) <= ENOUGH * size(right), found)


def _refined(image: Image, right: Any) -> Any:
    operator = lineax.linearise(lineax.FunctionLinearOperator(image, jax.eval_shape(lambda: right)))
    goal = 10 * unit(right) * size(right)

    def going_on(state: Any) -> Any:
        count, _, rest, before = state
        return (count < ROUNDS) & (size(rest) > goal) & (size(rest) < 0.9 * before)

    def advance(state: Any) -> Any:
        count, u, rest, _ = state
        move = lineax.linear_solve(operator, rest, krylov(right), throw=False).value
        new = jax.tree.map(jnp.add, u, move)
        left = jax.tree.map(jnp.subtract, right, operator.mv(new))
        better = size(left) < size(rest)
        keep = lambda a, b: jax.tree.map(lambda x, y: jnp.where(better, x, y), a, b)
        return count + 1, keep(new, u), keep(left, rest), size(rest)

    start = (jnp.asarray(0), jax.tree.map(jnp.zeros_like, right), right, jnp.full_like(size(right), jnp.inf))
    return jax.lax.while_loop(going_on, advance, start)[1]


def adjoint_solution(image: Image, right: Any, solver: str = "auto", steps: int | None = None, step: Any = None) -> Any:
    """u with image(u) = right by the solver named; with a bound on its steps, as far as they get.

    Math: "neumann" is step Σ_{k < steps} (1 - step image)^k right.
    """
    if solver == "auto" and steps is None:
        return linear_solution(image, right)
    if solver == "neumann":
        return _neumann(image, right, int(steps or 1), step)
    exact, bound = 10 * unit(right), steps or ROUNDS * RESTART
    if solver == "dense":
        chosen: Any = lineax.AutoLinearSolver(well_posed=True)
    elif solver == "cg":
        chosen = lineax.CG(rtol=exact, atol=0.0, max_steps=bound)
    else:
        cycles = -(-bound // RESTART) + 1  # the first one only sets up
        chosen = lineax.GMRES(rtol=exact, atol=0.0, restart=min(bound, RESTART), max_steps=cycles)
    tag = (lineax.positive_semidefinite_tag,) if solver == "cg" else ()

    def solve(image: Image, right: Any) -> Any:
        operator = lineax.FunctionLinearOperator(image, jax.eval_shape(lambda: right), tag)
        return lineax.linear_solve(operator, right, chosen, throw=False).value

    found = jax.lax.custom_linear_solve(image, right, solve, solve, symmetric=solver == "cg")
    if steps is not None:
        return found
    rest = jax.tree.map(jnp.subtract, right, image(found))
    return kept_where(size(rest) <= ENOUGH * size(right), found)


def _neumann(image: Image, right: Any, terms: int, step: Any) -> Any:
    def more(state: Any, _: Any) -> tuple[Any, None]:
        total, term = state
        term = jax.tree.map(lambda a, b: a - step * b, term, image(term))
        return (jax.tree.map(jnp.add, total, term), term), None

    (total, _), _ = jax.lax.scan(more, (right, right), None, length=terms - 1)
    return jax.tree.map(lambda a: step * a, total)


def implicit_point(residual: Image, start: Any) -> Any:
    """A zero of a function near a point, by Newton's method, differentiated by the implicit function theorem; nan
    where it does not settle."""
    exact, solver = 4 * unit(start), krylov(start)
    found = optimistix.root_find(
        lambda w, _: residual(w),
        optimistix.Newton(rtol=exact, atol=exact, linear_solver=solver),
        jax.lax.stop_gradient(start),
        max_steps=NEWTON,
        throw=False,
        adjoint=optimistix.ImplicitAdjoint(linear_solver=solver),
    ).value
    rest = size(residual(jax.lax.stop_gradient(found)))
    return kept_where(rest <= math.sqrt(unit(start)) * (1 + size(jax.lax.stop_gradient(found))), found)
