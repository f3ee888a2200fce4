"""A game's field in JAX: what a rule asks for, by automatic differentiation.

Main definitions: `JaxField`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.sparse.linalg import gmres

from bilevel.language.errors import GameError
from bilevel.numeric.leaf import Converter, Leaf, converter
from bilevel.rules.protocol.point import Point

DENSE = 256  # unknowns up to which linear systems are solved as matrices
NEWTON = 50  # iterations at most for implicit points

EXACT = converter({})  # constants only
Blocks = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class JaxField:
    """The field of some costs over arrays, with products, gradients, linear solves and implicit points.

    Math: F_i = d cost_i / d x_i; F' v by forward, F'^T v by reverse mode; systems of up to 256 unknowns by LU,
        larger ones by GMRES; implicit points by Newton's method, differentiated by the implicit function theorem.
        `slope` replaces F where a game's players differentiate through replies.

    Shapes: points hold arrays (as `Leaf`s) in blocks, one block per player; `costs` take blocks of arrays to a number.

    Raises: GameError if `game`'s players are not those of `costs`.

    Reference: Bradbury et al. (2018), JAX; Blondel et al. (2022), arXiv:2105.15183, for implicit differentiation.

    Examples:
        >>> field = JaxField({"a": lambda z: z["a"][0] * z["b"][0], "b": lambda z: -z["a"][0] * z["b"][0]})
        >>> [float(leaf.array) for leaf in field(field.point({"a": (2.0,), "b": (3.0,)})).leaves()]
        [3.0, -2.0]
    """

    costs: Mapping[str, Callable[[Blocks], Any]]
    game: Any = None
    slope: Callable[[Blocks], Blocks] | None = None
    convert: Converter = field(default_factory=lambda: EXACT)

    def __post_init__(self) -> None:
        if self.game is not None and tuple(self.game.players) != tuple(self.costs):
            raise GameError(
                f"costs are given for {', '.join(self.costs)}; the players are {', '.join(self.game.players)}"
            )

    @property
    def players(self) -> tuple[str, ...]:
        """The players, in order."""
        return tuple(self.costs)

    def point(self, blocks: Blocks) -> Point:
        """Arrays as a point rules can compute with."""
        return Point({n: tuple(Leaf(jnp.asarray(a), self.convert) for a in blocks[n]) for n in self.players})

    def blocks(self, z: Point) -> dict[str, tuple[Any, ...]]:
        """A point's arrays."""
        return {name: tuple(leaf.array for leaf in leaves) for name, leaves in z.blocks.items()}

    def own_slopes(self, blocks: Blocks) -> dict[str, tuple[Any, ...]]:
        """Every player's derivative of its own cost in its own block."""
        return {
            name: jax.grad(lambda own, name=name, cost=cost: cost({**blocks, name: own}))(blocks[name])
            for name, cost in self.costs.items()
        }

    def _field(self, blocks: Blocks) -> Any:
        return dict((self.slope or self.own_slopes)(blocks))

    def __call__(self, z: Point) -> Point:
        """F(z)."""
        return self.point(self._field(self.blocks(z)))

    def jvp(self, z: Point, v: Point) -> Point:
        """F'(z) v."""
        return self.point(jax.jvp(self._field, (self.blocks(z),), (self._like(z, v),))[1])

    def vjp(self, z: Point, v: Point) -> Point:
        """F'(z)^T v."""
        return self.point(jax.vjp(self._field, self.blocks(z))[1](self._like(z, v))[0])

    def _like(self, z: Point, v: Point) -> dict[str, tuple[Any, ...]]:
        here, push = self.blocks(z), self.blocks(v)
        return jax.tree.map(lambda a, b: jnp.broadcast_to(jnp.asarray(b, dtype=a.dtype), a.shape), here, push)

    def gradient(self, z: Point, *, of: str, wrt: str | None = None) -> Point:
        """Partial derivative of one player's cost in every block (or one)."""
        if of not in self.costs:
            raise GameError(f"there is no player {of!r}; the players are {', '.join(self.costs)}")
        whole = self.point(jax.grad(self.costs[of])(self.blocks(z)))
        return whole if wrt is None else whole.only(wrt)

    def solve(self, operator: Callable[[Point], Point], right: Point, *, on: tuple[str, ...] | None = None) -> Point:
        """u with operator(u) = right on the named players' blocks, zero elsewhere."""
        names = tuple(on or self.players)
        goal = self.blocks(right)
        vector, unravel = ravel_pytree({name: goal[name] for name in names})
        rest = jax.tree.map(jnp.zeros_like, goal)

        def image(flat: Any) -> Any:
            moved = self.blocks(operator(self.point({**rest, **unravel(flat)})))
            return ravel_pytree({name: moved[name] for name in names})[0]

        return self.point({**rest, **unravel(linear_solution(image, vector))})

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        """w with w = step(w), by Newton's method from a point."""
        start, unravel = ravel_pytree(self.blocks(near))

        def residual(flat: Any) -> Any:
            return flat - ravel_pytree(self.blocks(step(self.point(unravel(flat)))))[0]

        return self.point(unravel(implicit_point(residual, start)))


def linear_solution(image: Callable[[Any], Any], right: Any) -> Any:
    """u with image(u) = right, the map being linear."""
    if right.size <= DENSE:
        return jnp.linalg.solve(jax.jacfwd(image)(jnp.zeros_like(right)), right)
    exact = 10 * float(jnp.finfo(right.dtype).eps)
    return gmres(image, right, tol=exact, atol=0.0, restart=40, maxiter=200)[0]


def implicit_point(residual: Callable[[Any], Any], start: Any) -> Any:
    """A zero of a function near a point, differentiated by the implicit function theorem."""
    return jax.lax.custom_root(residual, jax.lax.stop_gradient(start), newton, linear_solution)


def newton(residual: Callable[[Any], Any], start: Any) -> Any:
    """A zero of a function near a point; the last iterate if it does not settle."""
    unit = float(jnp.finfo(start.dtype).eps)

    def going_on(state: Any) -> Any:
        count, w, move = state
        return (count < NEWTON) & (jnp.max(jnp.abs(move)) > 4 * unit * (1 + jnp.max(jnp.abs(w))))

    def advance(state: Any) -> Any:
        count, w, _ = state
        value, push = jax.linearize(residual, w)
        move = linear_solution(push, value)
        return count + 1, w - move, move

    first = (jnp.asarray(0), start, jnp.full_like(start, jnp.inf))
    return jax.lax.while_loop(going_on, advance, first)[1]
