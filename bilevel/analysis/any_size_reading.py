"""The linear reading of a rule on one singular value, which at the same time proves that the rule cannot see the axes.

Main definitions: `linearise_mode`, `ModeLeaf`.

A leaf stands for a vector of unspecified size, seen in one mode. Leaves of one variable can be added and scaled by
numbers, and go through the field and its products; nothing else. A rule that is read to the end on such leaves maps
vectors to vectors without looking at components, so it commutes with every orthogonal change of each variable's axes,
and its linear part falls apart into the modes. Products of vectors that vanish at the equilibrium contribute nothing to
the linear part and pass; a root, a shift of every component or a comparison of components is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sympy as sp

from bilevel.game import Game
from bilevel.language.errors import UnknownAnswer
from bilevel.rules.protocol.dual import Dual, dual, settle
from bilevel.rules.protocol.linear import LinearField, _label
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.rule import Rule


class ModeLeaf(Dual):
    """One mode of a vector variable: a dual number that knows whose it is."""

    owner: Any

    def _like(self, plain: Dual) -> ModeLeaf:
        return leaf_of(plain, self.owner)

    def __add__(self, other: Any) -> ModeLeaf:
        return self._like(Dual.__add__(_plain(self), self._same(other)))

    __radd__ = __add__

    def __neg__(self) -> ModeLeaf:
        return self._like(Dual.__neg__(_plain(self)))

    def __sub__(self, other: Any) -> ModeLeaf:
        return self + (-other)

    def __rsub__(self, other: Any) -> ModeLeaf:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, ModeLeaf):
            if settle(self.value) != 0 or settle(other.value) != 0:
                raise _sees_axes("multiplies components of vectors that do not vanish")
            return Dual(sp.S.Zero, {})
        return self._like(Dual.__mul__(_plain(self), _number(other)))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> ModeLeaf:
        if isinstance(other, ModeLeaf):
            raise _sees_axes("divides one vector by another, component by component")
        return self._like(Dual.__truediv__(_plain(self), _number(other)))

    def __rtruediv__(self, other: Any) -> Any:
        raise _sees_axes("divides by the components of a vector")

    def __pow__(self, exponent: Any) -> Any:
        raise _sees_axes(f"takes every component to the power {exponent}")

    def settled(self) -> ModeLeaf:
        """The same in settled form."""
        return self._like(Dual.settled(_plain(self)))

    def _same(self, other: Any) -> Dual:
        if isinstance(other, ModeLeaf):
            if other.owner != self.owner:
                raise _sees_axes(f"adds components of {self.owner} and {other.owner}, vectors of different axes")
            return _plain(other)
        number = _number(other)
        if settle(number.value) != 0:
            raise _sees_axes(f"adds {number.value} to every component of {self.owner}")
        return number


def leaf_of(plain: Dual, owner: Any) -> ModeLeaf:
    """A dual number as one mode of a vector variable."""
    made = ModeLeaf(plain.value, plain.row)
    object.__setattr__(made, "owner", owner)
    return made


def _sees_axes(what: str) -> UnknownAnswer:
    return UnknownAnswer(
        f"the rule {what}: it depends on the axes, so singular values do not decide it",
        next_step="instantiate the game with a concrete matrix",
    )


def _plain(leaf: Any) -> Dual:
    return Dual(leaf.value, leaf.row)


def _number(value: Any) -> Dual:
    number = dual(value)
    if number.row:
        raise _sees_axes("scales a vector by something that depends on single components")
    return number


def _bare(z: Point) -> Point:
    return Point({name: tuple(_plain(dual(leaf)) for leaf in block) for name, block in z.blocks.items()})


class ModeField(LinearField):
    """The field of the scalar game of one mode, on leaves that know their variable; some parameters may be fixed."""

    def __init__(self, game: Game, fixed: Mapping[Any, Any]) -> None:
        super().__init__(game)
        self._fixed = dict(fixed)

    def _at(self, key: Any, formula: Any, values: tuple[Any, ...]) -> Any:
        return super()._at(key, formula.subs(self._fixed) if self._fixed else formula, values)

    def _point(self, leaves: Iterable[Any]) -> Point:
        tagged = (leaf_of(_plain(dual(leaf)), v) for v, leaf in zip(self.game.variables, leaves, strict=True))
        return super()._point(tagged)

    def __call__(self, z: Point) -> Point:
        return super().__call__(_bare(z))

    def jvp(self, z: Point, v: Point) -> Point:
        return super().jvp(_bare(z), _bare(v))

    def vjp(self, z: Point, v: Point) -> Point:
        return super().vjp(_bare(z), _bare(v))

    def gradient(self, z: Point, *, of: str, wrt: str | None = None) -> Point:
        return super().gradient(_bare(z), of=of, wrt=wrt)

    def solve(self, operator: Callable[[Point], Point], right: Point, *, on: tuple[str, ...] | None = None) -> Point:
        return super().solve(lambda u: _bare(operator(u)), _bare(right), on=on)

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        return super().fixed_point(lambda w: _bare(step(w)), near=_bare(near))


def linearise_mode(game: Game, rule: Rule, fixed: Mapping[Any, Any] | None = None) -> tuple[Any, tuple[Any, ...]]:
    """The matrix of one mode at the origin, and what its rows are: (memory part, variable)."""
    reading = ModeField(game, fixed or {})
    parts = ["", *(name for name, _ in rule.memory)]
    order = tuple((part, v) for part in parts for v in game.variables)
    state = [reading._point(Dual(sp.S.Zero, {(part, v): sp.S.One}) for v in game.variables) for part in parts]
    after = [leaf for part in rule.on(reading)(*state) for leaf in part.leaves()]
    rows = []
    for (part, v), leaf in zip(order, after, strict=True):
        if not isinstance(leaf, ModeLeaf) or leaf.owner != v:
            raise _sees_axes(f"puts something else than a vector of its own axes in the place of {_label(part, v)}")
        plain = Dual.settled(_plain(leaf))
        if plain.value != 0:
            moved = f"{_label(part, v)} moves by {plain.value}"
            raise UnknownAnswer(f"the origin is no fixed point of {rule.name}: {moved}")
        rows.append([plain.row.get(column, sp.S.Zero) for column in order])
    return sp.ImmutableMatrix(rows), order


def block_at_zero(matrix: Any, order: tuple[Any, ...], sides: Mapping[str, str | None], side: str) -> Any:
    """The rows and columns of the vectors on one side: what a zero mode of that side sees. None if there are none."""
    inside = [k for k, (_, v) in enumerate(order) if sides[str(v)] == side]
    outside = [k for k in range(len(order)) if k not in inside]
    if any(matrix[i, j] != 0 for i in inside for j in outside):
        raise UnknownAnswer("the zero modes do not fall apart into left and right ones")
    return matrix.extract(inside, inside) if inside else None
