"""What comes first on paper: signs, fractions and the order of factors, read off without evaluating anything.

Main definitions: `is_negative`, `negated`, `split_fraction`, `has_model`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp


def is_negative(term: Any) -> bool:
    """Whether a term is written with a minus in front."""
    if _averages(term):
        return is_negative(term.args[0])
    if isinstance(term, sp.MatrixExpr):
        return isinstance(term, sp.MatMul) and is_negative(term.as_coeff_mmul()[0])
    number, rest = term.as_coeff_Mul() if isinstance(term, sp.Expr) else (sp.Integer(0), term)
    minus = bool(number.is_Number and number.is_extended_negative)
    # c E[-x] with a number c: the signs meet.
    return minus != is_negative(rest) if _averages(rest) else minus


def negated(term: Any) -> Any:
    """The term without its minus, never expanded; 𝔼[−x] is written −𝔼[x], as papers do."""
    if _averages(term):
        return term.func(negated(term.args[0]), *term.args[1:])
    if isinstance(term, sp.MatrixExpr):
        number, rest = term.as_coeff_mmul()
        positive = negated(number)
        return rest if positive == 1 else sp.MatMul(positive, *(rest.args if isinstance(rest, sp.MatMul) else [rest]))
    number, rest = term.as_coeff_Mul()
    if _averages(rest) and is_negative(rest):
        return sp.Mul(number, negated(rest), evaluate=False) if number != 1 else negated(rest)
    # -2(x + y): SymPy would distribute 2 over the sum.
    return rest if number == -1 else -number if rest == 1 else sp.Mul(-number, rest, evaluate=False)


def _averages(term: Any) -> bool:
    """Whether a term is an expectation of the model level."""
    return any(kind.__name__ in ("_Average", "_GivenAverage") for kind in type(term).__mro__)


def split_fraction(expression: Any) -> tuple[sp.Rational, list[Any], list[Any]]:
    """A product as its rational number, the factors above the line, and those below it."""
    above, below = [], []
    coefficient, factors = _coefficient(expression)
    for factor in factors:
        base, exponent = _power(factor)
        if exponent.is_Rational and exponent < 0:
            below.append(sp.Pow(base, -exponent, evaluate=False) if exponent != -1 else base)
        else:
            above.append(factor)
    return coefficient, above, below


def _coefficient(expression: Any) -> tuple[sp.Rational, list[Any]]:
    """The rational number in front of a product, and its other factors in reading order."""
    rational: Any = sp.Integer(1)
    factors: list[Any] = []
    for factor in expression.as_ordered_factors() if expression.is_commutative else expression.args:
        for part in factor.as_ordered_factors() if isinstance(factor, sp.Mul) else [factor]:
            rational, factors = (rational * part, factors) if part.is_Rational else (rational, [*factors, part])
    return rational, sorted(factors, key=_place)


def _place(factor: Any) -> int:
    """Reading order in a product: letters, weights, networks, functions, expectations: h(1 − γ), sg(δ) log π."""
    names = {kind.__name__ for kind in type(_power(factor)[0]).__mro__}
    groups = (
        {"Stopped"},
        {"Add"},
        {"Applied", "_Derivative", "Dot"},
        {"Function", "LogDensity"},
        {"_Average", "_GivenAverage"},
    )
    return next((place for place, group in enumerate(groups, 1) if names & group), 0)


def _power(factor: Any) -> tuple[Any, Any]:
    """Base and exponent as written."""
    return (factor.args[0], factor.args[1]) if isinstance(factor, sp.Pow) else (factor, sp.Integer(1))


def has_model(expression: Any) -> bool:
    """Whether networks, expectations or matrices stand in the expression."""
    return any(
        isinstance(node, sp.MatrixExpr) or getattr(node, "model_node", False)
        for node in sp.preorder_traversal(expression)
    )


def has_root(expression: Any) -> bool:
    """Whether the imaginary unit or a root of anything but a number stands in the expression."""
    roots = (power for power in expression.atoms(sp.Pow) if power.base.free_symbols and power.exp.is_Rational)
    return bool(expression.has(sp.I)) or any(not power.exp.is_Integer for power in roots)
