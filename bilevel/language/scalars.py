"""Exact scalars from what a caller may hand over. Main definition: `scalar`."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError


def scalar(value: Any) -> Any:
    """A SymPy object from an integer, a fraction or a SymPy object; text and floating-point numbers are refused."""
    if isinstance(value, sp.Basic):
        if value.has(sp.Float):
            raise GameError(
                f"{value} holds a floating-point number; exact answers need rationals, such as sp.Rational(1, 2)"
            )
        return value
    if isinstance(value, bool) or not isinstance(value, (int, Fraction)):
        raise GameError(
            f"an exact number or a SymPy expression is needed; {value!r} came; write for example Fraction(1, 2)"
        )
    return sp.Rational(value.numerator, value.denominator)
