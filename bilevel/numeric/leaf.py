"""Arrays as a rule's numbers: arithmetic with the exact constants and symbols that stand in rules.

Main definitions: `Leaf`, `Converter`.

A rule multiplies field values by its parameters, which are exact SymPy numbers or symbols. A leaf turns the former
into Python floats (weakly typed: float32 stays float32) and looks the latter up among values, which may themselves
be traced by JAX: so a step size can be mapped over with `vmap`, or differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import sympy as sp

from bilevel.language.errors import GameError
from bilevel.numeric import functions
from bilevel.numeric.lowering import Scalars
from bilevel.rules.protocol.point import PerPlayer, Point

Converter = Callable[[Any], Any]


def converter(values: Mapping[Any, Any]) -> Converter:
    """Exact constants to floats, expressions in the named symbols to their values."""
    by_name = {str(key): value for key, value in values.items()}

    def convert(expr: Any) -> Any:
        if isinstance(expr, sp.Number):
            return functions.number(expr)
        missing = sorted(str(s) for s in expr.free_symbols if str(s) not in by_name)
        if missing:
            names = ", ".join(missing)
            raise GameError(f"the parameter {expr} needs a value for {names}; pass values={{'{missing[0]}': ...}}")
        return Scalars({s: by_name[str(s)] for s in expr.free_symbols})(expr)

    return convert


class Leaf:
    """An array that can be combined with exact scalars."""

    __slots__ = ("array", "convert")
    __array_ufunc__ = None
    _op_priority = 60.0

    def __init__(self, array: Any, convert: Converter) -> None:
        self.array, self.convert = array, convert

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(jnp.shape(self.array))

    def sum(self) -> Leaf:
        """Sum of all entries."""
        return Leaf(jnp.sum(self.array), self.convert)

    def zeroed(self) -> Leaf:
        """Zero in its place: unlike 0 times the array, known to the compiler, which drops what made the array."""
        return Leaf(jnp.zeros_like(self.array), self.convert)

    def raw(self, other: Any) -> Any:
        """The other operand as something JAX computes with, in this leaf's precision."""
        if isinstance(other, Leaf):
            return other.array
        if isinstance(other, sp.Basic):
            other = self.convert(other)
        return other if isinstance(other, int | float) else jnp.asarray(other, dtype=jnp.result_type(self.array))

    def _with(self, other: Any, combine: Callable[[Any, Any], Any]) -> Any:
        if isinstance(other, Point | PerPlayer):
            return NotImplemented
        return Leaf(combine(self.array, self.raw(other)), self.convert)

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b / a)

    def __pow__(self, exponent: Any) -> Any:
        return self._with(exponent, lambda a, b: a**b)

    def __neg__(self) -> Leaf:
        return Leaf(-self.array, self.convert)

    def __lt__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a < b)

    def __gt__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a > b)

    def __array_namespace__(self) -> Any:
        return _Namespace(self.convert)


class _Namespace:
    """The two array functions that rules use."""

    def __init__(self, convert: Converter) -> None:
        self.convert = convert

    def exp(self, leaf: Leaf) -> Leaf:
        return Leaf(jnp.exp(leaf.array), self.convert)

    def where(self, test: Leaf, then: Any, otherwise: Any) -> Leaf:
        like = then if isinstance(then, Leaf) else otherwise if isinstance(otherwise, Leaf) else test
        return Leaf(jnp.where(test.array, like.raw(then), like.raw(otherwise)), self.convert)
