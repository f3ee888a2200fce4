"""The one door through which Python values become expressions; text goes to the safe reader, never to SymPy.

Main definitions: `expression`, `matrix`; `conjuncts`, the parts of facts that all hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError


def expression(value: Any, meaning: str = "a number or an expression") -> Any:
    """A number, fraction, SymPy object or readable text as an exact expression (floats stay floats).

    Math: text decimals are exact, 0.1 is 1/10; a Python float keeps its binary value and precision.

    Raises: GameError for anything else; ReadError for text that cannot be read.

    Reference: SymPy issues 10805 and 24990, on why text must not reach SymPy.

    Examples:
        >>> expression("1/10"), expression(Fraction(1, 3))
        (1/10, 1/3)
    """
    if isinstance(value, sp.Basic | sp.MatrixBase):
        return value
    if isinstance(value, bool):
        return sp.true if value else sp.false
    if isinstance(value, str):
        from bilevel.language.reader import read

        return read(value, {})
    if isinstance(value, int):
        return sp.Integer(value)
    if isinstance(value, Fraction):
        return sp.Rational(value.numerator, value.denominator)
    if isinstance(value, float) or (type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()):
        return sp.Integer(int(value)) if "int" in type(value).__name__ else sp.Float(float(value))
    raise GameError(f"{meaning} was expected; got {value!r} of type {type(value).__name__}")


def conjuncts(facts: Iterable[Any]) -> tuple[Any, ...]:
    """The facts one by one, conjunctions taken apart, the empty ones left out."""
    parts = (part for fact in facts for part in sp.And.make_args(expression(fact, "an assumption")))
    return tuple(part for part in parts if part != sp.true)


def matrix(given: Any, meaning: str = "a matrix") -> Any:
    """A matrix from rows, a column from a flat list, 1 x 1 from a single value; entries through `expression`.

    Raises: GameError where rows are not equally long, or an entry is no expression.

    Reference: as `expression`: a SymPy matrix of texts would evaluate them.

    Examples:
        >>> matrix([["0.1", 2]])
        Matrix([[1/10, 2]])
    """
    given = given.tolist() if hasattr(given, "tolist") else given
    listed = list(given) if isinstance(given, list | tuple) else [given]
    rows = [list(row) if isinstance(row, list | tuple) else [row] for row in listed]
    if not rows or len({len(row) for row in rows}) != 1:
        raise GameError(f"{meaning} has rows of one length; got lengths {[len(row) for row in rows]}")
    return sp.ImmutableMatrix([[expression(entry, f"an entry of {meaning}") for entry in row] for row in rows])
