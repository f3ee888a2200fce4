"""Arithmetic of what is known about a sign: a sign is the set of values of sgn that remain possible.

Main definitions: `Sign`, `plus`, `times`, `to_power`, `ASSUMPTIONS` (what "positive" and the like mean), `RELATIONS`.
"""

from __future__ import annotations

Sign = frozenset[int]
ANY: Sign = frozenset((-1, 0, 1))
POSITIVE: Sign = frozenset((1,))
NONNEGATIVE: Sign = frozenset((0, 1))
NEGATIVE: Sign = frozenset((-1,))
NONPOSITIVE: Sign = frozenset((-1, 0))
NONZERO: Sign = frozenset((-1, 1))
ZERO: Sign = frozenset((0,))

ASSUMPTIONS = {
    "real": ANY,
    "positive": POSITIVE,
    "nonnegative": NONNEGATIVE,
    "negative": NEGATIVE,
    "nonpositive": NONPOSITIVE,
    "nonzero": NONZERO,
}
RELATIONS = {">": POSITIVE, ">=": NONNEGATIVE, "<": NEGATIVE, "<=": NONPOSITIVE, "!=": NONZERO, "==": ZERO}


def sign_of(number: object) -> int:
    """-1, 0 or 1 for an exact number."""
    return (number > 0) - (number < 0)  # type: ignore[operator]


def plus(left: Sign, right: Sign) -> Sign:
    """Signs a sum can have."""
    out: set[int] = set()
    for a in left:
        for b in right:
            out |= ANY if a * b < 0 else {a or b}
    return frozenset(out)


def times(left: Sign, right: Sign) -> Sign:
    """Signs a product can have."""
    return frozenset(a * b for a in left for b in right)


def to_power(base: Sign, exponent: int) -> Sign:
    """Signs an integer power can have."""
    if exponent == 0:
        return POSITIVE
    return frozenset(a * a if exponent % 2 == 0 else a for a in base)
