"""Sets of parameters described by signs of polynomials: a small and/or algebra without negation.

Main definitions: `Sign` (one polynomial against zero), `All`, `Some` (conjunction, disjunction), `conj`, `disj`,
`negate`, `evaluate`. Polynomials are python-flint ones, or SymPy expressions where expanding would be wasteful;
`True` and `False` stand for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

OPPOSITE = {">": "<=", ">=": "<", "==": "!=", "!=": "==", "<": ">=", "<=": ">"}


@dataclass(frozen=True, eq=False)
class Sign:
    """polynomial `relation` 0, the relation being one of > >= == !=."""

    polynomial: Any
    relation: str

    def same(self, other: Any) -> bool:
        """Whether the other is the same statement, read off literally."""
        if (
            not isinstance(other, Sign)
            or self.relation != other.relation
            or type(self.polynomial) is not type(other.polynomial)
        ):
            return False
        return bool(self.polynomial == other.polynomial) or (
            self.relation in ("==", "!=") and bool(self.polynomial == -other.polynomial)
        )


@dataclass(frozen=True, eq=False)
class All:
    """Every part holds."""

    parts: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Some:
    """At least one part holds."""

    parts: tuple[Any, ...]


def same(a: Any, b: Any) -> bool:
    """Whether two formulas are literally the same up to order of parts."""
    if isinstance(a, Sign):
        return a.same(b)
    if isinstance(a, All | Some):
        return (
            type(a) is type(b)
            and len(a.parts) == len(b.parts)
            and all(any(same(x, y) for y in b.parts) for x in a.parts)
        )
    return a is b


def _join(kind: Any, parts: Iterable[Any], neutral: bool) -> Any:
    kept: list[Any] = []
    for part in parts:
        if part is (not neutral):
            return part
        for piece in part.parts if isinstance(part, kind) else (part,):
            if piece is not neutral and not any(same(piece, other) for other in kept):
                kept.append(piece)
    if not kept:
        return neutral
    return kept[0] if len(kept) == 1 else kind(tuple(kept))


def conj(parts: Iterable[Any]) -> Any:
    """The conjunction, flattened, without repetition."""
    return _join(All, parts, True)


def disj(parts: Iterable[Any]) -> Any:
    """The disjunction, flattened, without repetition."""
    return _join(Some, parts, False)


def compare(polynomial: Any, relation: str) -> Any:
    """A `Sign` with the relation turned to > or >= (p < 0 becomes -p > 0); numbers decide at once."""
    if relation in ("<", "<="):
        polynomial, relation = -polynomial, relation.replace("<", ">")
    if hasattr(polynomial, "is_constant") and not hasattr(polynomial, "free_symbols") and polynomial.is_constant():
        value = polynomial.leading_coefficient() if polynomial != 0 else 0
        return {">": value > 0, ">=": value >= 0, "==": value == 0, "!=": value != 0}[relation]
    return Sign(polynomial, relation)


def negate(formula: Any) -> Any:
    """The complement."""
    if isinstance(formula, bool):
        return not formula
    if isinstance(formula, Sign):
        return compare(formula.polynomial, OPPOSITE[formula.relation])
    join = disj if isinstance(formula, All) else conj
    return join(negate(part) for part in formula.parts)


def signs(formula: Any) -> Iterator[Sign]:
    """Every `Sign` in the formula."""
    if isinstance(formula, Sign):
        yield formula
    elif isinstance(formula, All | Some):
        for part in formula.parts:
            yield from signs(part)


def transform(formula: Any, change: Callable[[Sign], Any]) -> Any:
    """The formula with every `Sign` replaced by what `change` makes of it."""
    if isinstance(formula, Sign):
        return change(formula)
    if isinstance(formula, All):
        return conj(transform(part, change) for part in formula.parts)
    if isinstance(formula, Some):
        return disj(transform(part, change) for part in formula.parts)
    return formula


def holds(sign: int, relation: str) -> bool:
    """Whether a value of this sign satisfies the relation to zero."""
    return {">": sign > 0, ">=": sign >= 0, "==": sign == 0, "!=": sign != 0}[relation]


def evaluate(formula: Any, sign_of: Callable[[Any], int | None]) -> bool | None:
    """Truth of the formula, given the sign (-1, 0, 1, or None for unknown) of each polynomial."""
    if isinstance(formula, Sign):
        sign = sign_of(formula.polynomial)
        return None if sign is None else holds(sign, formula.relation)
    if isinstance(formula, All | Some):
        absorbing = isinstance(formula, Some)
        values = []
        for part in formula.parts:
            value = evaluate(part, sign_of)
            if value is absorbing:
                return absorbing
            values.append(value)
        return None if None in values else not absorbing
    return bool(formula)
