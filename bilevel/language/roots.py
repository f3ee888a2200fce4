"""The zero at which a reduced derivative rises, in closed form. Main definitions:
`rising_root`, `at_end`, `sign_at_end`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import UnknownAnswer
from bilevel.language.outcomes import tidy
from bilevel.language.reduction import Reduced
from bilevel.language.signs import Box, sign

Expr = Any


def rising_root(reduced: Reduced, region: Box) -> Expr:
    """The one zero of the polynomial in its interval, where it changes from - to +,
    carried back to the player's own value.
    """
    poly = sp.Poly(reduced.polynomial, reduced.unknown)
    found = (
        _degree_one(poly)
        or _binomial(poly, reduced.interval)
        or _quadratic(poly, region)
        or _by_radicals(poly, reduced.interval)
    )
    if found is None:
        raise UnknownAnswer(
            (
                f"the best response exists and is unique, but the equation {sp.Eq(poly.as_expr(), 0)} of degree "
                f"{poly.degree()} has no short solution"
            ),
            reached=f"one zero of {poly.as_expr()} in {reduced.interval}",
            next_step="fix parameters, or use the coordinate level",
        )
    return tidy(reduced.back(tidy(found[0])))


def at_end(reduced: Reduced, end: Expr) -> Expr:
    """An expression with the sign of the polynomial at (or near) an end of its interval;
    at infinity the leading coefficient decides.
    """
    poly = sp.Poly(reduced.polynomial, reduced.unknown)
    if end.is_finite:
        return sp.expand(reduced.polynomial.subs(reduced.unknown, end))
    return poly.LC() * (1 if end == sp.oo else (-1) ** poly.degree())


def sign_at_end(reduced: Reduced, end: Expr, region: Box) -> int | None:
    """The proved sign at an end; at infinity an undecided leading coefficient has no honest reading,
    so the answer is unknown.
    """
    found = sign(at_end(reduced, end), region)
    if not end.is_finite and found not in (1, -1):
        raise UnknownAnswer(
            f"whether the derivative changes sign before {end} depends on the sign of {at_end(reduced, end)}",
            reached=f"derivative reduced to {reduced.polynomial}",
            next_step="state assumptions that decide that sign",
        )
    return found


def _degree_one(poly: Any) -> tuple[Expr] | None:
    if poly.degree() != 1:
        return None
    a, b = poly.all_coeffs()
    return (-b / a,)


def _quadratic(poly: Any, region: Box) -> tuple[Expr] | None:
    """At the zero x where ``a x^2 + b x + c`` rises, ``2 a x + b = sqrt(b^2 - 4 a c)``, whatever the sign of a."""
    if poly.degree() != 2:
        return None
    a, b, c = poly.all_coeffs()
    root = sp.sqrt(sp.factor(sp.expand(b**2 - 4 * a * c)))
    return ((-b + root) / (2 * a),) if sign(a, region) else (-2 * c / (b + root),)


def _binomial(poly: Any, interval: Any) -> tuple[Expr] | None:
    """``a (x - s)^n + c`` on one side of s: the distance from s is the positive n-th root."""
    n, x = poly.degree(), poly.gen
    shift = sp.cancel(-poly.coeff_monomial(x ** (n - 1)) / (n * poly.LC()))
    moved = sp.Poly(sp.expand(poly.as_expr().subs(x, x + shift)), x)
    if any(sp.cancel(c) != 0 for c in moved.all_coeffs()[1:-1]):
        return None
    turn = 1 if (interval.start - shift).is_nonnegative else -1 if (interval.end - shift).is_nonpositive else 0
    if turn == 0:
        return None
    return (shift + turn * sp.root(sp.factor(-moved.TC() / (moved.LC() * turn**n)), n),)


def _by_radicals(poly: Any, interval: Any) -> tuple[Expr] | None:
    """Equations without parameters: the one real zero inside, as radicals or as an indexed algebraic number."""
    if poly.as_expr().free_symbols - {poly.gen} or not all(c.is_Rational for c in poly.all_coeffs()):
        return None
    inside = [r for r in poly.real_roots() if (interval.start < r) is sp.true and (r < interval.end) is sp.true]
    return (inside[0],) if len(set(inside)) == 1 else None
