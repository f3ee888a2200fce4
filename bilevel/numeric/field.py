"""A game's field in JAX: what a rule asks for, by automatic differentiation.

Main definitions: `JaxField`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from bilevel.language.errors import GameError
from bilevel.numeric.held import without_held
from bilevel.numeric.leaf import Converter, Leaf, converter
from bilevel.numeric.solvers import implicit_point, linear_solution
from bilevel.rules.protocol.point import Point

EXACT = converter({})  # constants only
Blocks = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class JaxField:
    """The field of some costs over arrays, with products, gradients, linear solves and implicit points.

    Math: F_i = d cost_i / d x_i, cost_i = sign_i costs_i; F' v by forward, F'^T v by reverse mode; systems of up to
        256 unknowns by LU, larger ones by GMRES; implicit points by Newton's method, differentiated by the implicit
        function theorem. What a cost holds constant (`jax.lax.stop_gradient`) is held in F and varies in F': F is a
        function like any other once its gradients are taken. `slope` replaces F where a game's players differentiate
        through replies. Players who share
        one loss (the same function, as in a zero-sum game) share one backward pass.

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
    signs: Mapping[str, int] = field(default_factory=dict)

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
        sharing: dict[int, list[str]] = {}
        for name, cost in self.costs.items():
            sharing.setdefault(id(cost), []).append(name)
        slopes: dict[str, tuple[Any, ...]] = {}
        for names in sharing.values():
            # One backward pass with the first player's sign; whoever has the other sign turns its part around.
            loss, first = self.costs[names[0]], self._sign(names[0])
            own = {name: blocks[name] for name in names}
            found = jax.grad(lambda moved, loss=loss, first=first: first * loss({**blocks, **moved}))(own)
            slopes |= {name: _turned(slope, first * self._sign(name)) for name, slope in found.items()}
        return {name: slopes[name] for name in self.costs}

    def _sign(self, player: str) -> int:
        return self.signs.get(player, 1)

    def _field(self, blocks: Blocks) -> Any:
        return without_held(lambda z: dict((self.slope or self.own_slopes)(z)), blocks)

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
        sign, loss = self._sign(of), self.costs[of]
        whole = self.point(without_held(jax.grad(lambda blocks: sign * loss(blocks)), self.blocks(z)))
        return whole if wrt is None else whole.only(wrt)

    def solve(self, operator: Callable[[Point], Point], right: Point, *, on: tuple[str, ...] | None = None) -> Point:
        """u with operator(u) = right on the named players' blocks, zero elsewhere."""
        names = tuple(on or self.players)
        goal = self.blocks(right)
        rest = jax.tree.map(jnp.zeros_like, goal)

        def image(u: Any) -> Any:
            moved = self.blocks(operator(self.point({**rest, **u})))
            return {name: moved[name] for name in names}

        return self.point({**rest, **linear_solution(image, {name: goal[name] for name in names})})

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        """w with w = step(w), by Newton's method from a point."""

        def residual(w: Any) -> Any:
            return jax.tree.map(jnp.subtract, w, self.blocks(step(self.point(w))))

        return self.point(implicit_point(residual, self.blocks(near)))


def _turned(slope: Any, sign: int) -> Any:
    return slope if sign > 0 else jax.tree.map(jnp.negative, slope)
