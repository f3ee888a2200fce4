"""Real roots of a polynomial in one unknown, each with the conditions under which it is real.

Main definition: `real_roots`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from math import gcd
from typing import Any

import sympy as sp

from bilevel.analysis.known import Condition, Known
from bilevel.analysis.writing import shown


class Unsolved(Exception):
    """No closed form was found; the text says of what."""


Root = tuple[Any, tuple[Condition, ...]]


def real_roots(polynomial: Any, known: Known) -> Iterator[Root]:
    """(root, conditions): every real root where the leading coefficient does not vanish.

    Numbers: all real roots, as radicals up to degree two and indexed algebraic numbers above. Parameters: degree one
    and two, and polynomials of these degrees in a power of the unknown.
    """
    coefficients = polynomial.all_coeffs()
    if all(c.is_Rational for c in coefficients):
        yield from ((root, ()) for root in rational_roots(polynomial))
        return
    power = reduce(gcd, (m for (m,), c in polynomial.terms() if m), 0)
    if polynomial.degree() == power:
        yield from _power_roots(-coefficients[-1] / coefficients[0], power, known)
        return
    if polynomial.degree() != 2 * power:
        raise Unsolved(f"{shown(polynomial.as_expr())} = 0 has no short solution")
    a, b, c = coefficients[0], polynomial.coeff_monomial(polynomial.gen**power), coefficients[-1]
    discriminant = sp.factor(sp.expand(b**2 - 4 * a * c))
    inside = known.decide((discriminant, ">="))
    if inside is False:
        return
    condition: tuple[Condition, ...] = () if inside else ((discriminant, ">="),)
    for sign in (-1, 1) if not known.zero(discriminant) else (1,):
        for root, more in _power_roots((-b + sign * sp.sqrt(discriminant)) / (2 * a), power, known):
            yield root, (*condition, *more)


def rational_roots(polynomial: Any) -> list[Any]:
    """Distinct real roots of a polynomial with rational coefficients, in increasing order, exact."""
    roots = []
    for factor, _ in polynomial.factor_list()[1]:
        if factor.degree() == 2:
            a, b, c = factor.all_coeffs()
            d = b**2 - 4 * a * c
            if d > 0:
                roots += [(-b - sp.sqrt(d)) / (2 * a), (-b + sp.sqrt(d)) / (2 * a)]
        else:
            roots += factor.real_roots(radicals=False)
    return sorted((sp.expand(r) for r in roots), key=lambda r: r.evalf(40))


def _power_roots(value: Any, power: int, known: Known) -> Iterator[Root]:
    """The real solutions of v^power = value."""
    value = sp.factor(value) if not value.is_Atom and not value.has(sp.Pow) else value
    if power == 1:
        yield value, ()
        return
    if known.zero(value):
        yield sp.S.Zero, ()
        return
    sign = known.sign(value)
    if power % 2:
        if sign not in ("+", "-", ">=0", "<=0"):
            raise Unsolved(f"the sign of {shown(value)} decides how its root of order {power} is written")
        turn = 1 if sign in ("+", ">=0") else -1
        yield turn * (turn * value) ** sp.Rational(1, power), ()
        return
    if sign == "-":
        return
    condition: tuple[Condition, ...] = () if sign in ("+", ">=0") else ((value, ">="),)
    root = value ** sp.Rational(1, power)
    yield -root, condition
    yield root, condition
