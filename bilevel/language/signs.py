"""Signs of expressions over a box of parameters, decided by exact means.

Every symbol is rewritten in coordinates that are positive exactly inside the box (``x = lo + t``, ``x = (lo + hi
t)/(1 + t)``); a polynomial in positive coordinates whose coefficients share one sign has that sign. The test is
sufficient, never necessary: ``None`` means that no proof was found. Main definitions: `Box`, `box`, `sign`,
`coefficient_signs`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from math import gcd, lcm
from typing import Any

import sympy as sp

from bilevel.language import fractions
from bilevel.language.scalars import scalar

Expr = Any


@dataclass(frozen=True)
class Box:
    """An interval for every symbol that has one; open ends are left out, closed ends are proved separately."""

    sides: tuple[tuple[Any, Any], ...] = ()

    def with_side(self, symbol: Expr, interval: Any) -> Box:
        """The same box with one more (or a replaced) side."""
        return Box((*(pair for pair in self.sides if pair[0] != symbol), (symbol, interval)))


def box(symbols: Iterable[Expr], assuming: Iterable[Any] = ()) -> Box:
    """The box given by the symbols' own assumptions and by simple inequalities such as ``a < 1`` or ``a < b``.

    Nonnegative symbols are taken positive: a density is treated on the region where it is positive, its zeros are
    faces of their own. An inequality of another shape is left out, which loses proofs but never makes one wrong.
    """
    sides = {s: _own_interval(s) for s in sorted(symbols, key=str)}
    for relation in assuming:
        if isinstance(relation, sp.And):
            return box(symbols, (*(r for r in assuming if r is not relation), *relation.args))
        _narrow(sides, relation)
    # A side that leans on another symbol (a < b) comes after it, so that one pass of substitutions suffices.
    ordered = sorted(sides.items(), key=lambda pair: len(pair[1].start.free_symbols | pair[1].end.free_symbols))
    return Box(tuple(ordered))


def _own_interval(symbol: Expr) -> Any:
    if symbol.is_nonnegative:
        return sp.Interval.open(0, sp.oo)
    if symbol.is_nonpositive:
        return sp.Interval.open(-sp.oo, 0)
    return sp.Interval.open(-sp.oo, sp.oo)


def _narrow(sides: dict[Any, Any], relation: Any) -> None:
    """Use ``small < large`` as an end of the interval of one symbol, where it has that shape."""
    if not isinstance(relation, (sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan)):
        return
    small, large = (relation.lts, relation.gts)
    strict = isinstance(relation, (sp.StrictLessThan, sp.StrictGreaterThan))
    gap = sp.expand(large - small)
    loose = [s for s in sorted(gap.free_symbols, key=str) if s in sides and gap.diff(s) in (1, -1)]
    if len(gap.free_symbols) == 1 and not loose:
        (only,) = gap.free_symbols
        slope = gap.diff(only)
        if not slope.is_number or only not in sides:
            return
        loose, gap = [only], sp.expand(gap / abs(slope))
    for s in reversed(loose):
        rest = gap - gap.coeff(s) * s
        old, others = sides[s], rest.free_symbols
        if any((sides[o].start.free_symbols | sides[o].end.free_symbols) for o in others if o in sides):
            continue
        raises = gap.diff(s) == 1
        end = -rest if raises else rest
        if others and not (
            (old.start in (0, -sp.oo) and (end.is_nonnegative or old.start == -sp.oo)) if raises else old.end == sp.oo
        ):
            continue
        if raises and (others or end >= old.start):
            sides[s] = sp.Interval(end, old.end, strict, old.right_open)
            return
        if not raises and (others or end <= old.end):
            sides[s] = sp.Interval(old.start, end, old.left_open, strict)
            return


def sign(expression: Expr, region: Box) -> int | None:
    """1, -1 or 0 when the expression is proved positive, negative or zero throughout the box, otherwise None."""
    expression = scalar(expression)
    found = {_sign_on_face(expression, region, face) for face in _faces(region, expression.free_symbols)}
    return found.pop() if len(found) == 1 else None


def _faces(region: Box, symbols: set[Any]) -> list[dict[Any, Any]]:
    """The open box and each face at closed finite ends, as values for the symbols held fixed."""
    choices = []
    for symbol, interval in region.sides:
        ends = [
            e
            for e, is_open in ((interval.start, interval.left_open), (interval.end, interval.right_open))
            if not is_open
        ]
        choices.append([(symbol, None), *((symbol, end) for end in ends if symbol in symbols)])
    return [{s: e for s, e in pick if e is not None} for pick in product(*choices)]


def positive_coordinates(region: Box) -> dict[Any, Any]:
    """For every symbol of the box an expression in fresh symbols that sweeps exactly the open interval."""
    chart: dict[Any, Any] = {}
    for symbol, interval in region.sides:
        lo, hi = (scalar(end).xreplace(chart) for end in (interval.start, interval.end))
        t = sp.Dummy(f"t_{symbol}", positive=True)
        if lo == -sp.oo and hi == sp.oo:
            chart[symbol] = sp.Dummy(f"t_{symbol}", real=True)
        elif hi == sp.oo:
            chart[symbol] = lo + t
        elif lo == -sp.oo:
            chart[symbol] = hi - t
        else:
            chart[symbol] = (lo + hi * t) / (1 + t)
    return chart


def _sign_on_face(expression: Expr, region: Box, face: dict[Any, Any]) -> int | None:
    inside = Box(tuple((s, i) for s, i in region.sides if s not in face))
    chart = positive_coordinates(inside)
    held = {s: scalar(e).xreplace(chart) for s, e in face.items()}
    return positive_sign(expression.xreplace({**chart, **held}))


def positive_sign(expression: Expr) -> int | None:
    """Sign of an expression already written in sign-definite symbols, factor by factor."""
    expression = _monotone_exponentials(expression)
    if expression.is_zero:
        return 0
    if expression.is_positive:
        return 1
    if expression.is_negative:
        return -1
    if expression.has(sp.zoo, sp.nan, sp.oo):
        return None
    if expression.is_number:
        return _number_sign(expression)
    constant, factors = signed_factors(expression)
    result = _number_sign(constant)
    for factor, power in factors:
        one = _factor_sign(factor)
        if result is None or not one:
            return None
        result *= one ** abs(power)
    return result


def _exponential_units(expression: Expr) -> dict[Any, Any]:
    """For every term t in an exponent (up to a rational factor) the largest unit of which all its factors are
    multiples.
    """
    units: dict[Any, Any] = {}
    for atom in expression.atoms(sp.exp):
        for term in sp.Add.make_args(sp.expand(atom.args[0])):
            number, rest = sp.factor(term).as_coeff_Mul()
            if number.is_Rational:
                old = units.get(rest, sp.S.Zero)
                units[rest] = sp.Rational(gcd(int(number.p), int(old.p)), lcm(int(number.q), int(old.q)))
    return units


def _monotone_exponentials(expression: Expr) -> Expr:
    """``exp(a)`` with a > 0 becomes ``1 + s``, with a < 0 ``1/(1 + s)``, s > 0, and ``W(a)``, a > 0, a positive symbol.

    Every value stays possible, so a sign proved after the change holds before it.
    """
    units = _exponential_units(expression)
    grown: dict[Any, Any] = {}

    def one(term: Expr) -> Expr:
        number, rest = sp.factor(term).as_coeff_Mul()
        if term.is_number or not (rest.is_positive or rest.is_negative) or rest not in units:
            return sp.exp(term)
        s = grown.setdefault(rest, sp.Dummy("s", positive=True))
        return (1 + s) ** (number / units[rest] * (1 if rest.is_positive else -1))

    def lambert(argument: Expr, *branch: Expr) -> Expr:
        known = not branch and argument.is_positive
        return (
            grown.setdefault(("W", argument), sp.Dummy("w", positive=True)) if known else sp.LambertW(argument, *branch)
        )

    opened = expression.replace(sp.LambertW, lambert)
    return opened.replace(
        sp.exp, lambda argument: sp.Mul(*(one(term) for term in sp.Add.make_args(sp.expand(argument))))
    )


def signed_factors(expression: Expr) -> tuple[Expr, list[tuple[Expr, int]]]:
    """A constant and irreducible factors with their powers, negative below the line; functions count as unknowns."""
    marks: dict[Any, Any] = {}
    # An average is one unknown: what stands under it is about variables of its own.
    averages = {node for node in sp.preorder_traversal(expression) if getattr(node, "binds_symbols", False)}
    back: dict[Any, Any] = {node: sp.Dummy("k", real=True) for node in averages}
    marks |= back
    units = _exponential_units(expression)
    for atom in sorted(expression.atoms(sp.exp, sp.log, sp.Function, sp.Pow), key=lambda a: (-sp.count_ops(a), str(a))):
        if isinstance(atom, sp.Pow) and atom.exp.is_integer and not isinstance(atom, sp.exp):
            continue
        number, rest = sp.factor(atom.args[0]).as_coeff_Mul() if isinstance(atom, sp.exp) else (sp.S.One, None)
        unit = units.get(rest) if number.is_Rational else None
        head = atom if unit is None else sp.exp(unit * rest)
        mark = back.setdefault(head, sp.Dummy("k", positive=head.is_positive or None, real=True))
        marks[atom] = mark if unit is None else mark ** (number / unit)
    back = {mark: atom for atom, mark in back.items()}
    marked = expression.xreplace(marks)
    if (rational := fractions.factors(marked)) is not None:
        return rational[0], [(factor.xreplace(back), power) for factor, power in rational[1]]
    numerator, denominator = sp.fraction(sp.cancel(sp.together(marked)))
    constant, factors = sp.S.One, []
    for part, turn in ((numerator, 1), (denominator, -1)):
        number, found = sp.factor_list(part)
        constant *= number**turn
        factors += [(factor.xreplace(back), turn * power) for factor, power in found]
    return constant, factors


def _number_sign(number: Expr) -> int | None:
    if number.is_zero:
        return 0
    return 1 if number.is_positive else -1 if number.is_negative else None


def _factor_sign(factor: Expr) -> int | None:
    if factor.is_positive or factor.is_negative:
        return 1 if factor.is_positive else -1
    poly = sp.Poly(factor)
    if all(g.is_positive for g in poly.gens):
        signs = {_number_sign(c) for c in poly.coeffs()}
        return signs.pop() if len(signs) == 1 else None
    for g in (g for g in poly.gens if g.is_real and not g.is_positive):
        if any(other != g and other.has(*g.free_symbols) for other in poly.gens):
            continue  # a coefficient that moves with g
        in_g = poly.as_expr()
        if sp.degree(in_g, g) == 2:
            a, b, c = sp.Poly(in_g, g).all_coeffs()
            lead = positive_sign(a)
            if lead and positive_sign(sp.expand(b**2 - 4 * a * c)) == -1:
                return lead
    return None


def coefficient_signs(polynomial: Expr, x: Expr, interval: Any, region: Box) -> list[int | None]:
    """Signs of the coefficients, from the low end to the high end, of the polynomial carried from the interval to (0,
    oo).

    By Descartes' rule the number of sign changes bounds the number of zeros in the open interval, with equal parity;
    one change means exactly one zero, and it is simple.
    """
    t = sp.Dummy("t", positive=True)
    lo, hi = interval.start, interval.end
    degree = sp.Poly(polynomial, x).degree()
    if lo == -sp.oo and hi == sp.oo:
        if degree > 1:
            return [None] * (degree + 1)
        lead = sign(sp.Poly(polynomial, x).LC(), region)
        return [lead] if degree == 0 else [None if lead is None else -lead, lead]
    if hi == sp.oo:
        carried = polynomial.subs(x, lo + t)
    elif lo == -sp.oo:
        carried = polynomial.subs(x, hi - t)
    else:
        carried = sp.cancel(sp.together(polynomial.subs(x, (lo + hi * t) / (1 + t)) * (1 + t) ** degree))
    high_first = [sign(c, region) for c in sp.Poly(sp.expand(carried), t).all_coeffs()]
    return high_first if lo == -sp.oo else high_first[::-1]


def sign_changes(signs: list[int | None]) -> int | None:
    """The number of sign changes when it is the same for every way to fill in the unknown signs, otherwise None."""
    if signs.count(None) > 4:
        return None
    counts = set()
    for fill in product((-1, 0, 1), repeat=signs.count(None)):
        values = iter(fill)
        row = [s for s in (next(values) if s is None else s for s in signs) if s]
        counts.add(sum(a != b for a, b in zip(row, row[1:], strict=False)))
    return counts.pop() if len(counts) == 1 else None
