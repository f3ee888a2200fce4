"""Formulas on polynomials to and from SymPy Booleans, written as a person would write them.

Main definitions: `to_formula`, `to_boolean`, `relation` (one inequality, negative terms on the other side),
`formula_size`, `shown` and `unsolved` (text for messages), `in_decimals` (numbers that are only enclosed)."""

from __future__ import annotations

from math import gcd
from typing import Any

import sympy as sp

from bilevel.analysis.polynomials import Coordinates, rational
from bilevel.analysis.regions import All, Sign, compare, conj, disj, negate, signs
from bilevel.language.errors import BilevelError
from bilevel.language.root_counts import COUNTS
from bilevel.language.text import write

DIGITS = 12  # decimals of a number that is only enclosed
LARGE = 400  # terms times degree: from here on SymPy is not asked to evaluate a Boolean


def shown(expression: Any) -> str:
    """The text of an expression inside a message; SymPy's own for what the reader has no words for."""
    try:
        return write(expression)
    except BilevelError:
        return str(expression)


def unsolved(factor: Any) -> str:
    """The message that an equation was not solved."""
    factor = -factor if factor.could_extract_minus_sign() else factor  # the same sign in every run
    return f"{shown(factor)} = 0 was not solved"


def in_decimals(boolean: Any) -> Any:
    """The Boolean with decimals for numbers, terms collected over both sides of each relation."""
    return boolean.xreplace({r: _collected(r) for r in boolean.atoms(sp.core.relational.Relational)})


def _collected(relation: Any) -> Any:
    if isinstance(relation.lhs, sp.Symbol) and not relation.rhs.free_symbols:
        return relation.func(relation.lhs, decimal(relation.rhs))
    terms = [term.as_coeff_Mul() for term in sp.Add.make_args(sp.expand(relation.lhs - relation.rhs))]
    left = [decimal(c) * rounded(term) for c, term in terms if c > 0]
    return relation.func(sp.Add(*left), sp.Add(*(decimal(-c) * rounded(term) for c, term in terms if c < 0)))


def rounded(expression: Any) -> Any:
    """The expression with decimals for its long fractions."""
    return expression.xreplace({r: decimal(r) for r in expression.atoms(sp.Rational) if r.q > 10**DIGITS})


def decimal(number: Any) -> Any:
    """A number that is only enclosed, as it is shown; whole numbers stay."""
    return number if number.is_Integer else sp.Float(str(sp.N(number, DIGITS)))


def formula_size(formula: Any) -> int:
    """Terms times degree over all its polynomials: a measure of what it costs to work on."""
    return sum(
        len(s.polynomial) * (1 + s.polynomial.total_degree()) if not isinstance(s.polynomial, sp.Basic) else 10**6
        for s in signs(formula)
    )


def to_formula(boolean: Any, coordinates: Coordinates) -> Any:
    """A SymPy Boolean of relationals as a formula on polynomials; None where something in it is not understood."""
    if boolean in (sp.true, True):
        return True
    if boolean in (sp.false, False):
        return False
    if isinstance(boolean, sp.And | sp.Or):
        parts = [to_formula(part, coordinates) for part in boolean.args]
        if any(part is None for part in parts):
            return None
        return (conj if isinstance(boolean, sp.And) else disj)(parts)
    if isinstance(boolean, sp.Not):
        inner = to_formula(boolean.args[0], coordinates)
        return None if inner is None else negate(inner)
    if not isinstance(boolean, sp.core.relational.Relational):
        return None
    difference = boolean.lhs - boolean.rhs
    top, bottom = coordinates.convert(difference)
    cleared = top if bottom.is_constant() else coordinates.reduce(top * bottom)
    defined = True if bottom.is_constant() else compare(bottom, "!=")
    return conj([compare(cleared, boolean.rel_op), defined])


def to_boolean(formula: Any, coordinates: Coordinates) -> Any:
    """A formula as a SymPy Boolean whose relations read as a person would write them."""
    if isinstance(formula, bool):
        return sp.true if formula else sp.false
    if isinstance(formula, Sign):
        return relation(formula, coordinates)
    join = sp.And if isinstance(formula, All) else sp.Or
    return join(*(to_boolean(part, coordinates) for part in formula.parts), evaluate=formula_size(formula) < LARGE)


def relation(atom: Sign, coordinates: Coordinates) -> Any:
    """One condition with its negative terms moved to the other side, the longer side on the left."""
    p, op = atom.polynomial, atom.relation
    make = {">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne, "<": sp.Lt, "<=": sp.Le}
    if isinstance(p, COUNTS) and op == "!=":  # a count is never negative
        return sp.Gt(p, 0, evaluate=False)
    if isinstance(p, sp.Basic):
        return make[op](p, 0, evaluate=False)
    terms = p.to_dict()
    plus = coordinates.context.from_dict({m: c for m, c in terms.items() if c > 0})
    minus = coordinates.context.from_dict({m: -c for m, c in terms.items() if c < 0})
    variable = [bool(meaning.free_symbols) for meaning in coordinates.meaning]
    left, right = (plus, minus) if _weight(plus, variable) > _weight(minus, variable) else (minus, plus)
    if left is minus:
        op = {">": "<", ">=": "<="}.get(op, op)
    scale = _common_scale(left, right)
    # Asking SymPy to compare long sums costs seconds and decides nothing.
    return make[op](coordinates.expression(left / scale), coordinates.expression(right / scale), evaluate=len(p) <= 8)


def _weight(p: Any, variable: list[bool]) -> tuple[Any, ...]:
    """Which side stands on the left: more terms that are not constant, higher degree, fewer terms, smaller
    coefficients."""
    if p == 0:
        return (-1,)
    heights = sum(max(abs(int(c.p)), int(c.q)) for c in p.coeffs())
    return (
        sum(1 for m in p.to_dict() if any(e and v for e, v in zip(m, variable, strict=True))),
        p.total_degree(),
        -len(p),
        -heights,
        str(p),
    )


def _common_scale(left: Any, right: Any) -> Any:
    """A positive number to divide both sides by: a single term on the left becomes monic when the other side is no
    longer; else what all numerators have in common."""
    if len(left) == 1 and len(right) <= 1:
        return left.leading_coefficient()
    return rational(gcd(*(int(c.p) for c in (*left.coeffs(), *right.coeffs()))))
