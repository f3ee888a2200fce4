"""Points: what a rule adds, scales and feeds to a field, the same in all three readings.

Main definitions: `Point` (one block per player, a block is a tuple of leaves), `PerPlayer` (a number for each player).

A leaf is whatever the reading computes with: an expression, a model-level vector, an expression with its derivative, an
array. Between two points `*` and `/` act component by component.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.matrices.expressions.hadamard import HadamardPower, HadamardProduct
from sympy.matrices.expressions.matexpr import MatrixExpr

from bilevel.language.errors import GameError


@dataclass(frozen=True)
class PerPlayer:
    """A scalar for each player; arithmetic acts player by player, and it scales a point block by block.

    Math: (c z)_i = c_i z_i for player i's block z_i.

    Reference: Heusel et al. (2017), arXiv:1706.08500, for a step size per player.

    Examples:
        >>> x, y = sp.symbols("x y", real=True)
        >>> (PerPlayer({"A": 2, "B": 3}) * Point({"A": (x,), "B": (y,)})).blocks["B"]
        (3*y,)
    """

    values: Mapping[str, Any]

    def _with(self, other: Any, combine: Callable[[Any, Any], Any]) -> PerPlayer:
        if isinstance(other, PerPlayer):
            return PerPlayer({name: combine(value, other[name]) for name, value in self.values.items()})
        return PerPlayer({name: combine(value, other) for name, value in self.values.items()})

    def __getitem__(self, player: str) -> Any:
        if player not in self.values:
            raise GameError(f"no value is given for player {player!r}; given: {', '.join(self.values)}")
        return self.values[player]

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Point):
            return other._blockwise(lambda name, leaf: _scaled(self[name], leaf))
        return self._with(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> PerPlayer:
        return self._with(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> PerPlayer:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> PerPlayer:
        return self._with(other, lambda a, b: b - a)

    def __neg__(self) -> PerPlayer:
        return self._with(-1, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> PerPlayer:
        return self._with(other, lambda a, b: a / b)

    def __pow__(self, exponent: Any) -> PerPlayer:
        return self._with(exponent, lambda a, b: a**b)


def _scaled(scalar: Any, leaf: Any) -> Any:
    return scalar * leaf


def _times(a: Any, b: Any) -> Any:
    return HadamardProduct(a, b) if isinstance(a, MatrixExpr) else a * b


def _over(a: Any, b: Any) -> Any:
    return HadamardProduct(a, HadamardPower(b, -1)) if isinstance(a, MatrixExpr) else a / b


def _root(leaf: Any) -> Any:
    if isinstance(leaf, MatrixExpr):
        return HadamardPower(leaf, sp.Rational(1, 2))
    return leaf ** (sp.Rational(1, 2) if isinstance(leaf, sp.Basic) or hasattr(leaf, "row") else 0.5)


def _inner(a: Any, b: Any) -> Any:
    if isinstance(a, MatrixExpr):
        from bilevel.language.nodes import dot

        return dot(a, b)
    product = a * b
    return product.sum() if hasattr(product, "shape") and not isinstance(product, sp.Basic) else product


@dataclass(frozen=True)
class Point:
    """One point of the joint space: for each player a tuple of leaves.

    Math: a vector space with the component-wise product; `only` projects on some players' blocks.

    Reference: Balduzzi et al. (2018), arXiv:1802.05642, section 2, for the joint point of a game.

    Examples:
        >>> x, y = sp.symbols("x y", real=True)
        >>> z = Point({"A": (x,), "B": (y,)})
        >>> (z + 2 * z).blocks["A"]
        (3*x,)
    """

    blocks: Mapping[str, tuple[Any, ...]]
    __array_ufunc__ = None  # lets `array * point` reach __rmul__
    _op_priority = 100.0  # the same for SymPy scalars

    def _blockwise(self, act: Callable[[str, Any], Any]) -> Point:
        return Point({name: tuple(act(name, leaf) for leaf in leaves) for name, leaves in self.blocks.items()})

    def _with(self, other: Any, combine: Callable[[Any, Any], Any]) -> Point:
        if not isinstance(other, Point):
            raise GameError(f"a point can be combined with a point here, not with {type(other).__name__}")
        if other.blocks.keys() != self.blocks.keys():
            raise GameError(f"points of different games: {list(self.blocks)} and {list(other.blocks)}")
        return Point(
            {
                name: tuple(combine(a, b) for a, b in zip(leaves, other.blocks[name], strict=True))
                for name, leaves in self.blocks.items()
            }
        )

    def __add__(self, other: Any) -> Point:
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Point:
        return self._with(other, lambda a, b: a - b)

    def __neg__(self) -> Point:
        return self._blockwise(lambda _, leaf: -leaf)

    def __mul__(self, other: Any) -> Point:
        if isinstance(other, Point):
            return self._with(other, _times)
        if isinstance(other, PerPlayer):
            return other * self
        return self._blockwise(lambda _, leaf: _scaled(other, leaf))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Point:
        if isinstance(other, Point):
            return self._with(other, _over)
        if isinstance(other, PerPlayer):
            return other**-1 * self
        return self._blockwise(lambda _, leaf: leaf / other)  # leaf by leaf: 1/other would make a float of an integer

    def sqrt(self) -> Point:
        """Component-wise square root."""
        return self._blockwise(lambda _, leaf: _root(leaf))

    def plus(self, scalar: Any) -> Point:
        """Every component plus one scalar."""
        return self._blockwise(
            lambda _, leaf: leaf + (scalar * sp.OneMatrix(*leaf.shape) if isinstance(leaf, MatrixExpr) else scalar)
        )

    def dot(self, other: Point) -> Any:
        """Inner product over all players."""
        pairs = [
            (a, b) for name, leaves in self.blocks.items() for a, b in zip(leaves, other.blocks[name], strict=True)
        ]
        total = _inner(*pairs[0])
        for a, b in pairs[1:]:
            total = total + _inner(a, b)
        return total

    def only(self, *players: str) -> Point:
        """The same blocks for the named players, zero for everyone else."""
        for player in players:
            if player not in self.blocks:
                raise GameError(f"there is no player {player!r}; the players are {', '.join(self.blocks)}")
        return self._blockwise(lambda name, leaf: leaf if name in players else _zero(leaf))

    def leaves(self, players: Iterable[str] | None = None) -> list[Any]:
        """All leaves in order (of some players)."""
        return [leaf for name in (self.blocks if players is None else players) for leaf in self.blocks[name]]

    def rebuilt(self, leaves: Iterable[Any]) -> Point:
        """A point of the same shape with new leaves."""
        supply = iter(leaves)
        return self._blockwise(lambda *_: next(supply))


def _zero(leaf: Any) -> Any:
    if isinstance(leaf, MatrixExpr):
        return sp.ZeroMatrix(*leaf.shape)
    if hasattr(leaf, "zeroed"):
        return leaf.zeroed()
    return sp.S.Zero if isinstance(leaf, sp.Basic) else 0 * leaf
