"""Zeros of polynomials known by balls, isolated; and rationals between isolated zeros.

Main definitions: `isolated` and `real_balls` (balls around all zeros, around the real ones), `merged`, `between`,
`rational_coefficients`, `valued`, `whole`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flint
import sympy as sp
from flint import arb, fmpq, fmpz_poly

from bilevel.analysis.enclosure import lower_end, upper_end


def real_balls(coefficients: list[arb]) -> list[arb] | None:
    """Balls around the real zeros of a real polynomial in balls; None where they are not isolated."""
    roots = isolated(coefficients)
    if roots is None:
        return None
    # A ball that meets its own conjugate only holds a single root, which is then its own conjugate.
    return [z.real for z in roots if sum(z.conjugate().overlaps(other) for other in roots) == 1 and z.imag.contains(0)]


def isolated(coefficients: list[arb]) -> list[Any] | None:
    """Small disjoint balls around all complex zeros; None where they are not isolated at this precision."""
    if coefficients[-1].contains(0):
        return None
    try:
        found: Any = flint.acb_poly(coefficients).roots(tol=arb(2) ** -(flint.ctx.prec // 2))
    except (ValueError, ZeroDivisionError):
        return None
    return list(found)


def merged(balls: list[arb]) -> list[arb]:
    """Balls that overlap joined into one."""
    found: list[arb] = []
    for b in balls:
        if found and not found[-1] < b:
            found[-1] = found[-1].union(b)
        else:
            found.append(b)
    return found


def between(low: Any, high: Any) -> fmpq:
    """A rational of small denominator strictly between two ends (None: unbounded)."""
    if low is None and high is None:
        return fmpq(1)
    if low is None:
        return fmpq(_floor(lower_end(high))) - 1
    bottom = upper_end(low)
    if high is None:
        return fmpq(_floor(bottom) + 1)
    top = lower_end(high)
    middle, gap = (bottom + top) / 2, (top - bottom) / 4
    exact = sp.Rational(int(middle.p), int(middle.q))
    size = 1
    while True:
        short = exact.limit_denominator(size)
        value = fmpq(int(short.p), int(short.q))
        if abs(value - middle) <= gap:
            return value
        size *= 2


def _floor(x: fmpq) -> int:
    return int(x.p) // int(x.q)


def rational_coefficients(p: Any, index: int) -> list[fmpq]:
    """The coefficients of a polynomial in one generator only, constant first."""
    found = [fmpq(0)] * (max(p.degrees()[index], 0) + 1)
    for monomial, c in p.to_dict().items():
        found[monomial[index]] = c
    return found


def valued(coefficients: Sequence[Any], at: fmpq) -> Any:
    total = coefficients[-1] * 0
    for c in reversed(coefficients):
        total = total * at + c
    return total


def whole(values: Sequence[fmpq]) -> fmpz_poly:
    common = 1
    for value in values:
        common = common * int(value.q) // int(sp.igcd(common, int(value.q)))
    return fmpz_poly([int((value * common).p) for value in values])
