"""Expressions with their exact first derivative: what the linear reading computes with.

Main definitions: `Dual`.

A `Dual` is a value at the fixed point together with its derivative in the state's coordinates (a sparse row). Values
stay small because everything is evaluated at the point first and composed afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from bilevel.language.fractions import cancelled
from bilevel.language.surds import settled
from bilevel.language.values import expression

LONG = 60


@cache
def settle(formula: Any) -> Any:
    """An exact expression in a form whose vanishing shows: expanded, cancelled only where a zero could hide."""
    if formula.is_Atom:
        return formula
    if formula.free_symbols and (_has_roots(formula) or _many_terms(formula)):
        found = settled(formula)
        if found is not None:
            return found
    plain = sp.expand(formula)
    if plain.is_Atom or plain.is_zero is False:
        return plain
    if any(power.exp.is_negative for power in plain.atoms(sp.Pow)) or (
        plain.has(sp.Float) is False and _has_roots(plain)
    ):
        reduced = cancelled(formula) if not _has_roots(plain) else sp.radsimp(sp.together(plain))
        if reduced == 0 or sp.expand(reduced) == 0:
            return sp.S.Zero
    return plain


def _many_terms(formula: Any) -> bool:
    """Whether a quotient is so long that expanding it over its denominators would multiply its terms."""
    below = (power for power in formula.atoms(sp.Pow) if power.exp.is_negative and power.base.is_Add)
    return next(below, None) is not None and bool(formula.count_ops() > LONG)


def _has_roots(formula: Any) -> bool:
    return any(not power.exp.is_integer for power in formula.atoms(sp.Pow))


Row = Mapping[Any, Any]


def _sum(a: Row, b: Row, scale: Any = 1) -> dict[Any, Any]:
    total = dict(a)
    for key, entry in b.items():
        total[key] = total.get(key, sp.S.Zero) + scale * entry
    return {key: entry for key, entry in total.items() if entry != 0}


@dataclass(frozen=True)
class Dual:
    """A value and its derivative row; the usual calculus under + - * / and powers."""

    value: Any
    row: Row
    _op_priority = 50.0
    __array_ufunc__ = None

    def __add__(self, other: Any) -> Dual:
        other = dual(other)
        return Dual(self.value + other.value, _sum(self.row, other.row))

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(-self.value, {key: -entry for key, entry in self.row.items()})

    def __sub__(self, other: Any) -> Dual:
        return self + (-dual(other))

    def __rsub__(self, other: Any) -> Dual:
        return dual(other) - self

    def __mul__(self, other: Any) -> Dual:
        other = dual(other)
        left = {key: other.value * entry for key, entry in self.row.items()} if other.value != 0 else {}
        return Dual(self.value * other.value, _sum(left, other.row, self.value) if self.value != 0 else left)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Dual:
        return self * dual(other) ** -1

    def __rtruediv__(self, other: Any) -> Dual:
        return dual(other) * self**-1

    def __pow__(self, exponent: Any) -> Dual:
        if self.value == 0 and exponent < 1:
            from bilevel.language.errors import GameError

            raise GameError(f"the rule takes 0 to the power {exponent} at the point, where it has no derivative")
        slope = exponent * self.value ** (exponent - 1)
        return Dual(self.value**exponent, {key: slope * entry for key, entry in self.row.items()})

    def settled(self) -> Dual:
        """The same with value and row in settled form."""
        row = {key: settle(entry) for key, entry in self.row.items()}
        return Dual(settle(self.value), {key: entry for key, entry in row.items() if entry != 0})


def dual(value: Any) -> Dual:
    """A constant as a dual number; duals pass through."""
    return value if isinstance(value, Dual) else Dual(expression(value), {})
