"""Rational functions of symbols in lowest terms, and their factors, by python-flint; the rest is left to SymPy.

Main definitions: `cancelled`, `vanishes`, `factors`, `Ring`.

SymPy's `cancel(together(e))` and `factor_list` are what these stand for, and their results are written as SymPy would.
"""

from __future__ import annotations

from math import gcd, lcm
from typing import Any

import sympy as sp
from flint import fmpq, fmpq_mpoly_ctx
from sympy.polys.polytools import _sorted_factors
from sympy.polys.polyutils import _sort_gens

from bilevel.language.surds import settled

Pair = tuple[Any, Any]


class Ring:
    """Polynomials in the symbols of an expression, in SymPy's own order of them."""

    def __init__(self, expression: Any) -> None:
        self.symbols = _sort_gens(expression.free_symbols) or (sp.Dummy(),)
        self.context = fmpq_mpoly_ctx.get([f"x{i}" for i in range(len(self.symbols))], "lex")
        self.meaning = dict(zip(self.symbols, self.context.gens(), strict=True))
        self.one = self.context.constant(1)

    def read(self, e: Any) -> Pair | None:
        """Numerator and denominator, without common factors; None for what is no rational function."""
        if e.is_Rational:
            return self.context.constant(fmpq(int(e.p), int(e.q))), self.one
        if e in self.meaning:
            return self.meaning[e], self.one
        if e.is_Pow and e.exp.is_Integer:
            base = self.read(e.base)
            if base is None:
                return None
            top, bottom = base if e.exp > 0 else base[::-1]
            if bottom.is_zero():
                return None
            return top ** abs(int(e.exp)), bottom ** abs(int(e.exp))
        if not (e.is_Add or e.is_Mul):
            return None
        parts = [self.read(a) for a in e.args]
        if any(part is None for part in parts):
            return None
        return _sum(parts) if e.is_Add else _product(parts)

    def write(self, polynomial: Any, among: Any = None) -> Any:
        """As SymPy's polynomial in the symbols of a multiple of it."""
        degrees = (polynomial if among is None else among).degrees()
        kept = [i for i, degree in enumerate(degrees) if degree > 0] or [0]
        rows = {tuple(int(m[i]) for i in kept): int(c.p) for m, c in polynomial.to_dict().items()}
        return sp.Poly.from_dict(rows, *(self.symbols[i] for i in kept), domain="ZZ")

    def primitive(self, polynomial: Any) -> tuple[Any, Any]:
        """A rational number, and a polynomial with coprime integer coefficients, the leading one positive."""
        coefficients = [c for _, c in polynomial.terms()]
        number = sp.Rational(gcd(*(int(c.p) for c in coefficients)), lcm(*(int(c.q) for c in coefficients)))
        number = -number if coefficients[0] < 0 else number
        return number, polynomial / fmpq(int(number.p), int(number.q))


def _sum(parts: list[Any]) -> Pair:
    groups: dict[Any, Any] = {}
    for top, bottom in parts:
        groups[str(bottom)] = (groups[str(bottom)][0] + top, bottom) if str(bottom) in groups else (top, bottom)
    top, bottom = None, None
    for t, b in groups.values():
        if top is None:
            top, bottom = t, b
            continue
        g = bottom.gcd(b)
        top, bottom = top * (b / g) + t * (bottom / g), bottom * (b / g)
    return _reduced(top, bottom)


def _product(parts: list[Any]) -> Pair:
    top, bottom = parts[0]
    for t, b in parts[1:]:
        g, h = top.gcd(b), t.gcd(bottom)
        top, bottom = (top / g) * (t / h), (bottom / h) * (b / g)
    return top, bottom


def _reduced(top: Any, bottom: Any) -> Pair:
    g = top.gcd(bottom)
    return top / g, bottom / g


def _read(expression: Any) -> tuple[Ring, Any, Any] | None:
    ring = Ring(expression)
    pair = ring.read(expression)
    return None if pair is None or pair[1].is_zero() else (ring, *pair)


def cancelled(expression: Any) -> Any:
    """A quotient of expanded polynomials in lowest terms.

    Math: what SymPy's `cancel(together(e))` gives; with roots or functions in it, denominators stay powers of factors.

    Reference: Hart and others, FLINT: Fast Library for Number Theory.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> cancelled(1/(x - y) - 1/(x + y))
        2*y/(x**2 - y**2)
    """
    if expression.is_Atom:
        return expression
    found = _read(expression)
    if found is None:
        return _in_letters(expression)
    ring, top, bottom = found
    if top.is_zero():
        return sp.S.Zero
    (a, top), (b, bottom) = ring.primitive(top), ring.primitive(bottom)
    number = a / b
    above, below = ring.write(number.p * top).as_expr(), ring.write(number.q * bottom).as_expr()
    return above / below


def _in_letters(expression: Any) -> Any:
    """The same with roots, exponentials and other functions as letters; what has other rules is SymPy's."""
    ruled = any(not power.exp.is_Rational for power in expression.atoms(sp.Pow)) or expression.has(sp.Piecewise)
    found = settled(expression) if expression.is_commutative and not ruled else None
    return sp.cancel(sp.together(expression)) if found is None else found


def vanishes(expression: Any) -> bool | None:
    """Whether a rational function is zero; None for another expression."""
    found = None if expression.is_Atom else _read(expression)
    return bool(expression == 0) if expression.is_Atom else None if found is None else bool(found[1].is_zero())


def factors(expression: Any) -> tuple[Any, list[tuple[Any, int]]] | None:
    """A constant and the irreducible factors with their powers, negative below the line; None where it is no rational
    function.

    Math: primitive factors over the integers, leading coefficients positive.

    Reference: see `cancelled`.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> factors((x**2 - 1)/(2*y))
        (1/2, [(x - 1, 1), (x + 1, 1), (y, -1)])
    """
    found = _read(expression)
    if found is None:
        return None
    ring, top, bottom = found
    if top.is_zero():
        return sp.S.Zero, []
    constant, pairs = sp.S.One, []
    for part, turn in ((top, 1), (bottom, -1)):
        unit, several = part.factor()
        constant *= sp.Rational(int(unit.p), int(unit.q)) ** turn
        rows = []
        for factor, power in several:
            number, factor = ring.primitive(factor)
            constant *= number ** (turn * int(power))
            rows.append((ring.write(factor, part), int(power)))
        pairs += [(p.as_expr(), power * turn) for p, power in _sorted_factors(rows, "factor")]
    return constant, pairs
