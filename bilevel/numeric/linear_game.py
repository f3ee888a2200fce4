"""A game with a linear field F(z) = B z in plain NumPy: what any rule does to all its modes at once, uncompiled.

Main definitions: `LinearGame`, `step_matrix`.

A rule that is linear in its state is evaluated on all unit vectors together, as columns. Whether it is linear is
tested, by T(E R) = T(E) R for a random R; a rule that is not raises `NotLinear`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from bilevel.language.errors import GameError
from bilevel.numeric.leaf import Leaf
from bilevel.rules.protocol.point import PerPlayer, Point
from bilevel.rules.protocol.rule import Rule


class NotLinear(Exception):
    """The rule is no linear map of its state."""


class _Columns(Leaf):
    """Columns of a block, combined with exact scalars."""

    __slots__ = ()

    def raw(self, other: Any) -> Any:
        if isinstance(other, Leaf):
            return other.array
        return self.convert(other) if isinstance(other, sp.Basic) else other

    def _with(self, other: Any, combine: Callable[[Any, Any], Any]) -> Any:
        if isinstance(other, Point | PerPlayer):
            return NotImplemented
        return _Columns(combine(self.array, self.raw(other)), self.convert)

    def __neg__(self) -> _Columns:
        return _Columns(-self.array, self.convert)

    def sum(self) -> Any:
        raise NotLinear("an inner product")


class LinearGame:
    """The field F(z) = B z with one block per player, as rules ask for it."""

    def __init__(self, matrix: np.ndarray, sizes: Mapping[str, int], values: Mapping[Any, Any]) -> None:
        ends = np.cumsum([0, *sizes.values()])
        self.matrix, self.players = matrix, tuple(sizes)
        self.places = {name: slice(a, b) for name, a, b in zip(sizes, ends[:-1], ends[1:], strict=True)}
        movers = {name: SimpleNamespace(moves=[name]) for name in sizes}
        self.game = SimpleNamespace(players=movers, variables=list(sizes))
        self._by_name = {str(key): value for key, value in values.items()}
        self._numbers: dict[Any, float] = {}

    def number(self, expr: Any) -> float:
        """An exact scalar of the rule as a float."""
        if expr not in self._numbers:
            missing = [str(s) for s in expr.free_symbols if str(s) not in self._by_name]
            if missing:
                raise GameError(f"the parameter {expr} needs a value for {', '.join(missing)}; pass values={{...}}")
            put = {s: sp.Float(float(self._by_name[str(s)])) for s in expr.free_symbols}
            self._numbers[expr] = float(expr.subs(put))
        return self._numbers[expr]

    def point(self, array: np.ndarray) -> Point:
        """Columns of the joint space as a point."""
        return Point({name: (_Columns(array[place], self.number),) for name, place in self.places.items()})

    def flat(self, z: Point) -> np.ndarray:
        """A point's columns."""
        return np.concatenate([leaf.array for leaf in z.leaves()])

    def __call__(self, z: Point) -> Point:
        """F(z)."""
        return self.point(self.matrix @ self.flat(z))

    def jvp(self, z: Point, v: Point) -> Point:
        """B v."""
        return self.point(self.matrix @ self.flat(v))

    def vjp(self, z: Point, v: Point) -> Point:
        """B^T v."""
        return self.point(self.matrix.T @ self.flat(v))

    def gradient(self, z: Point, *, of: str, wrt: str | None = None) -> Point:
        """Slope of z_i (B_ii z_i / 2 + sum over j of B_ij z_j) in every block."""
        place, flat = self.places[of], self.flat(z)
        whole = self.matrix[place].T @ flat[place]
        whole[place] = self.matrix[place] @ flat
        found = self.point(whole)
        return found if wrt is None else found.only(wrt)

    def solve(self, operator: Callable[[Point], Point], right: Point, *, on: tuple[str, ...] | None = None) -> Point:
        """u with operator(u) = right on the named players' blocks, zero elsewhere."""
        chosen = np.concatenate([np.arange(self.places[n].start, self.places[n].stop) for n in on or self.players])
        goal = self.flat(right)
        unit = np.zeros_like(goal)
        unit[chosen, np.arange(len(chosen))] = 1.0
        matrix = self.flat(operator(self.point(unit)))[chosen, : len(chosen)]
        found = np.zeros_like(goal)
        found[chosen] = np.linalg.solve(matrix, goal[chosen])
        return self.point(found)

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        """w with w = step(w), the step being affine in w."""
        start = self.flat(near)
        n = len(start)
        constant = self.flat(step(self.point(np.zeros_like(start))))
        unit = np.zeros_like(start)
        unit[:, :n] = np.eye(n)
        slope = (self.flat(step(self.point(unit))) - constant)[:, :n]
        return self.point(np.linalg.solve(np.eye(n) - slope, constant))


def step_matrix(
    rule: Rule, matrix: np.ndarray, sizes: Mapping[str, int], values: Mapping[Any, Any], seed: int = 0
) -> np.ndarray:
    """The matrix of one step of a rule on the linear game, memory included."""
    field = LinearGame(matrix, sizes, values)
    rows = len(matrix) * (1 + len(rule.memory))
    step = rule.on(field)

    def image(columns: np.ndarray) -> np.ndarray:
        parts = np.split(columns, 1 + len(rule.memory))
        return np.concatenate([field.flat(part) for part in step(*map(field.point, parts))])

    mix = np.random.default_rng(seed).standard_normal((rows, rows))
    try:
        with np.errstate(all="ignore"):  # a rule that is not linear may take roots of what is negative here
            found, mixed = image(np.eye(rows)), image(mix)
    except (AttributeError, TypeError, np.linalg.LinAlgError) as problem:
        raise NotLinear(str(problem)) from None
    if not np.allclose(found @ mix, mixed, rtol=1e-6, atol=1e-6 * max(1.0, float(np.abs(mixed).max()))):
        raise NotLinear(f"{rule.name} is no linear map of its state")
    return found
