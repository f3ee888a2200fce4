"""Linear systems and implicit points over pytrees, by Lineax and Optimistix.

Main definitions: `linear_solution`, `implicit_point`, `entries`, `size`.

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
from jax.scipy.sparse.linalg import cg, gmres

from bilevel.numeric.sharding import within_auto

DENSE = 256  # unknowns up to which linear systems are solved as matrices
NEWTON = 50  # iterations at most for implicit points
RESTART = 40  # directions GMRES keeps: so many copies of the unknowns stand in memory
ROUNDS = 100
CLOSE = 8  # roundings that an iterative solution may leave
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


class Iterated(lineax.AbstractLinearSolver):
    """Krylov rounds of JAX's own gmres or cg on the residual, while it falls, down to rounding.

    Lineax's iterative solvers take a direction for a breakdown below about eps times the number of unknowns: in
    float32 they end on a million of them before they start. Rounds also bring singular but solvable systems to an end.
    """

    symmetric: bool = False
    steps: int | None = None
    once: bool = False

    def init(self, operator: Any, options: Any) -> Any:
        return lineax.linearise(operator)

    def compute(self, state: Any, vector: Any, options: Any) -> Any:
        exact = CLOSE * unit(vector)
        if self.symmetric:
            most = self.steps or ROUNDS * RESTART
            round_of = lambda rest: cg(state.mv, rest, tol=exact, atol=0.0, maxiter=most)[0]
        else:
            kept = min(self.steps or RESTART, RESTART, entries(vector))
            round_of = lambda rest: gmres(
                state.mv, rest, tol=exact, atol=0.0, restart=kept, maxiter=1, solve_method="incremental"
            )[0]
        if self.once or (self.steps is not None and (self.symmetric or self.steps <= RESTART)):
            return round_of(vector), lineax.RESULTS.successful, {}
        rounds = ROUNDS if self.steps is None else self.steps // RESTART
        found, rest = _rounds(state, vector, round_of, 2 * exact, rounds)
        good = (size(rest) <= ENOUGH * size(vector)) | (self.steps is not None)
        return kept_where(good, found), lineax.RESULTS.successful, {}

    def transpose(self, state: Any, options: Any) -> Any:
        return state.transpose(), options

    def conj(self, state: Any, options: Any) -> Any:
        return lineax.conj(state), options

    def assume_full_rank(self) -> bool:
        return True


def _rounds(operator: Any, right: Any, round_of: Image, exact: float, most: int) -> tuple[Any, Any]:
    """The sum of the rounds, and the residual it leaves."""
    whole = size(right)

    def going_on(state: Any) -> Any:
        count, _, rest, before = state
        return (count < most) & (size(rest) > exact * whole) & (size(rest) < 0.9 * before)

    def advance(state: Any) -> Any:
        count, u, rest, _ = state
        new = jax.tree.map(jnp.add, u, round_of(rest))
        left = jax.tree.map(jnp.subtract, right, operator.mv(new))
        better = size(left) < size(rest)
        keep = lambda a, b: jax.tree.map(lambda x, y: jnp.where(better, x, y), a, b)
        return count + 1, keep(new, u), keep(left, rest), size(rest)

    start = (jnp.asarray(0), jax.tree.map(jnp.zeros_like, right), right, jnp.full_like(whole, jnp.inf))
    return jax.lax.while_loop(going_on, advance, start)[1:3]


def is_dense(tree: Any, name: str = "auto", steps: int | None = None) -> bool:
    """Whether a system is solved as a matrix: when asked for, and by itself up to `DENSE` unknowns."""
    return name == "dense" or (name == "auto" and steps is None and entries(tree) <= DENSE)


def solver_for(
    tree: Any, name: str = "auto", steps: int | None = None, once: bool = False
) -> lineax.AbstractLinearSolver:
    """The solver of a name; "auto" is LU or gmres, by the number of unknowns."""
    if is_dense(tree, name, steps):
        return lineax.AutoLinearSolver(well_posed=True)
    return Iterated(name == "cg", steps, once)


def linear_solution(
    image: Image, right: Any, solver: str = "auto", steps: int | None = None, step: Any = None, *, sure: bool = True
) -> Any:
    """u with image(u) = right, the map being linear; nan where the best u found leaves more than 1 % of the right side.

    Math: "neumann" is step Σ_{k < steps} (1 - step image)^k right. With a bound on its steps a solver answers with
        what it has by then; `sure=False` leaves the check to whoever asks.
    """
    if solver == "neumann":
        return _neumann(image, right, int(steps or 1), step)
    return within_auto(lambda image, right: _solution(image, right, solver, steps, sure), image, right)


def _solution(image: Image, right: Any, solver: str, steps: int | None, sure: bool) -> Any:
    operator = lineax.FunctionLinearOperator(image, jax.eval_shape(lambda: right))
    chosen = solver_for(right, solver, steps, not sure)
    found = lineax.linear_solve(operator, right, chosen, throw=False).value
    if steps is not None or not sure or isinstance(chosen, Iterated):  # those judge themselves
        return found
    rest = jax.tree.map(jnp.subtract, right, image(found))
    return kept_where(size(rest) <= ENOUGH * size(right), found)


def transposed_solution(image: Image, right: Any) -> Any:
    """u with image^T u = right, by the matrix of the map itself, from trees like `right` to such.

    It is the matrix that Newton's method took on the way there: where the map is linear, the compiler sees that the
    two are the same, and makes and factors it once.
    """
    operator = lineax.FunctionLinearOperator(image, jax.eval_shape(lambda: right))
    solver = lineax.AutoLinearSolver(well_posed=True)
    state, options = solver.transpose(solver.init(operator, {}), {})
    found = lineax.linear_solve(operator.T, right, solver, options=options, state=state, throw=False).value
    rest = jax.tree.map(jnp.subtract, right, operator.T.mv(found))
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
    return within_auto(_newton, residual, start)


def _newton(residual: Image, start: Any) -> Any:
    exact, solver = 4 * unit(start), solver_for(start)
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
