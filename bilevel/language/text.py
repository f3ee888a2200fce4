"""Canonical plain text of expressions and conditions, which the safe reader reads back to an equal expression.

Main definitions: `write`, `write_polynomial`.

Terms stand by falling degree, a positive one first; factors stand as number, symbols by name, functions, sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.root_counts import COUNTS
from bilevel.language.text_atoms import AND, ATOM, NOT, OR, POWER, PRODUCT, SUM, number_text, refuse_text, symbol_text

__all__ = ["write", "write_polynomial"]

_HEADS = MappingProxyType(
    {
        sp.exp: "exp",
        sp.log: "log",
        sp.Abs: "abs",
        sp.Min: "min",
        sp.Max: "max",
        sp.sin: "sin",
        sp.cos: "cos",
        sp.tan: "tan",
        sp.tanh: "tanh",
        sigmoid: "sigmoid",
        softplus: "softplus",
        **{head: head.__name__ for head in (sp.sinh, sp.cosh, sp.asin, sp.acos, sp.atan, sp.asinh, sp.acosh, sp.atanh)},
        **{head: head.__name__ for head in (sp.erf, sp.erfc, sp.besselk, sp.sign)},
        sp.LambertW: "lambertw",
    }
)
_LONG = 200  # operations from which on a product of polynomials is not multiplied out
_SIGNS = MappingProxyType(
    {
        sp.StrictLessThan: "<",
        sp.LessThan: "<=",
        sp.StrictGreaterThan: ">",
        sp.GreaterThan: ">=",
        sp.Equality: "==",
        sp.Unequality: "!=",
    }
)


def write(expression: Any) -> str:
    """Canonical text of an expression or a condition.

    Math:
        read(write(e)) = e for every e that SymPy has evaluated, whose symbols `read` is given by name. A binary float
        is written as the shortest decimal that denotes it.
    Raises:
        GameError: for what has no text (unknown functions, derivatives, cases, infinities), with what to try.
    Reference:
        The grammar is that of `bilevel.language.reader.read`.
    Examples:
        >>> h, gamma = sp.symbols("h gamma", positive=True)
        >>> write(sp.Lt(2*gamma*h + h**2/4, 4))
        'h^2/4 + 2*gamma*h < 4'
        >>> write(h < 4*(sp.sqrt(gamma**2 + 1) - gamma))
        'h < 4*(sqrt(gamma^2 + 1) - gamma)'
        >>> write(1 - gamma*h - h**2/4)
        '1 - gamma*h - h^2/4'
    """
    expression = (
        sp.Integer(expression) if isinstance(expression, int) and not isinstance(expression, bool) else expression
    )
    if isinstance(expression, bool):
        return "true" if expression else "false"
    if not isinstance(expression, (sp.Expr, Boolean)):
        refuse_text(expression, "write each entry by itself")
    symbols: dict[str, sp.Symbol] = {}
    for symbol in expression.atoms(sp.Symbol):
        if symbols.setdefault(symbol.name, symbol) != symbol:
            raise GameError(
                f"two symbols are both called {symbol.name!r}; rename one, or give both the same assumptions"
            )
    try:
        return _top(expression)
    except RecursionError:
        raise GameError("the expression is nested too deeply to be written as text; write its parts") from None


def write_polynomial(polynomial: Any, variable: sp.Symbol) -> str:
    """Canonical text of a polynomial, collected by the powers of one variable.

    Math:
        z^n + c_(n-1) z^(n-1) + ... + c_0 with each c_k in the form of `write`; c_0 stands without brackets. A product
        that is long already stays one, each factor collected.
    Raises:
        GameError: when it is no polynomial in the variable, or a coefficient has no text.
    Reference:
        As for `write`.
    Examples:
        >>> h, gamma, z = sp.symbols("h gamma z", positive=True)
        >>> write_polynomial(z**2 + (h**2/4 + gamma*h - 2)*z + 1 - gamma*h, z)
        'z^2 + (h^2/4 + gamma*h - 2)*z + 1 - gamma*h'
    """
    factors = sp.Mul.make_args(sp.sympify(polynomial, strict=True))
    if len(factors) > 1 and polynomial.count_ops() > _LONG:
        return "*".join(_collected_factor(factor, variable) for factor in sorted(factors, key=sp.default_sort_key))
    pieces: list[tuple[bool, str]] = []
    for degree, coefficient in _by_degree(polynomial, variable):
        parts = sp.Add.make_args(coefficient)
        if degree == 0:
            pieces += _terms(parts)
        elif len(parts) == 1:
            pieces += _terms([coefficient * variable**degree])
        else:
            negative = all(_negative(part) for part in parts)
            inner = _joined(_terms([-part for part in parts] if negative else parts))
            pieces.append((negative, f"({inner})*{_power(variable, sp.Integer(degree))[0]}"))
    return _joined(pieces)


def _collected_factor(factor: Any, variable: sp.Symbol) -> str:
    """A factor in brackets, collected by the powers of the variable."""
    base, exponent = factor.as_base_exp()
    if not base.has(variable):
        return _at(factor, PRODUCT)
    return f"({write_polynomial(base, variable)})" + (f"^{exponent}" if exponent != 1 else "")


def _by_degree(polynomial: Any, variable: sp.Symbol) -> list[tuple[int, Any]]:
    """Falling degrees with their coefficients: as they stand where the polynomial is written out already."""
    found: dict[int, list[Any]] = {}
    for term in sp.Add.make_args(sp.sympify(polynomial, strict=True)):
        coefficient, power = term.as_independent(variable, as_Add=False)
        base, degree = power.as_base_exp() if power != 1 else (variable, sp.S.Zero)
        if base != variable or not degree.is_Integer or degree < 0 or (coefficient.is_Add and degree == 0):
            break
        found.setdefault(int(degree), []).append(coefficient)
    else:
        return [(degree, sp.Add(*parts)) for degree, parts in sorted(found.items(), reverse=True)]
    try:
        return [(degree, coefficient) for (degree,), coefficient in sp.Poly(polynomial, variable).terms()]
    except sp.PolynomialError:
        raise GameError(f"the expression is no polynomial in {variable}; use write") from None


def _top(e: Any) -> str:
    """Text of a part that stands alone (the whole, a side of a comparison, an argument)."""
    if isinstance(e, sp.Add):
        content = _content(e.args)
        if content != 1:
            inner = _joined(_terms([term / content for term in e.args]))
            over = f"/{content.q}" if content.q != 1 else ""
            return (f"{content.p}*" if content.p != 1 else "") + f"({inner})" + over
    return _text(e)[0]


def _content(terms: Iterable[Any]) -> sp.Rational:
    """Common rational factor of a sum that holds a root; 1 for polynomials, which people write multiplied out."""
    terms = list(terms)
    if not any(
        isinstance(node, sp.Pow) and node.exp.is_Rational and not node.exp.is_Integer
        for term in terms
        for node in sp.Mul.make_args(term)
    ):
        return sp.S.One
    coefficients = [term.as_coeff_Mul()[0] for term in terms]
    if not all(c.is_Rational for c in coefficients):
        return sp.S.One
    return sp.Rational(sp.igcd(0, *[abs(c.p) for c in coefficients]), sp.ilcm(1, *[c.q for c in coefficients]))


@lru_cache(maxsize=20_000, typed=True)  # sorting asks for the text of each part again: without it the cost is 3^depth
def _text(e: Any) -> tuple[str, int]:
    """Text of any node and how strongly its outermost operation binds."""
    if isinstance(e, sp.Symbol):
        return symbol_text(e), ATOM
    if e.is_Number or e.is_NumberSymbol or e is sp.I:
        return number_text(e)
    if isinstance(e, sp.Add):
        return _joined(_terms(e.args)), SUM
    if isinstance(e, sp.Mul) or (isinstance(e, sp.Pow) and e.exp.is_Rational and e.exp < 0):
        coefficient, rest = e.as_coeff_Mul()
        text, level = _product(abs(coefficient), sp.Mul.make_args(rest))
        return (f"-{text}", SUM) if coefficient < 0 else (text, level)
    if isinstance(e, sp.Pow):
        return _power(e.base, e.exp)
    if e is sp.true or e is sp.false:
        return ("true" if e is sp.true else "false"), ATOM
    if isinstance(e, (sp.And, sp.Or, sp.Not, Relational)):
        return _condition(e)
    if e.func in _HEADS:
        arguments = [_top(argument) for argument in e.args]
        return f"{_HEADS[e.func]}({', '.join(sorted(arguments) if e.func in (sp.Min, sp.Max) else arguments)})", ATOM
    if isinstance(e, sp.Heaviside) and e.args[1:] in ((), (sp.S.Half,)):  # at 0 the reader's is 1/2
        return f"heaviside({_top(e.args[0])})", ATOM
    if e.func in COUNTS:
        return f"{e.func.__name__}({', '.join(map(_top, e.args))})", ATOM
    refuse_text(e)


def _at(e: Any, level: int) -> str:
    """Text of a node, in brackets when it binds less strongly than `level`."""
    text, own = _text(e)
    return text if own >= level else f"({text})"


# --- sums ------------------------------------------------------------------------------------------------------------
def _negative(term: Any) -> bool:
    coefficient = term.as_coeff_Mul()[0]
    return bool(coefficient.is_number and coefficient.is_extended_real and coefficient < 0)


def _terms(terms: Iterable[Any]) -> list[tuple[bool, str]]:
    """(is negative, text without the sign) of each term, in the order they are written."""
    ordered = sorted(terms, key=_term_key)
    if ordered and _negative(ordered[0]):
        if not _negative(ordered[-1]):
            ordered.reverse()
        else:
            first = next((term for term in ordered if not _negative(term)), ordered[0])
            ordered = [first, *(term for term in ordered if term is not first)]
    pieces = []
    for term in ordered:
        coefficient, rest = term.as_coeff_Mul()
        pieces.append((_negative(term), _product(abs(coefficient), sp.Mul.make_args(rest))[0]))
    return pieces


def _joined(pieces: list[tuple[bool, str]]) -> str:
    """The pieces as a sum."""
    text = "".join((" - " if negative else " + ") + piece for negative, piece in pieces)
    return "-" + text[3:] if text.startswith(" - ") else text[3:]


def _term_key(term: Any) -> tuple[Any, ...]:
    """Falling degree, then the highest single power, then numbers behind functions and I last, then by name."""
    factors = sp.Mul.make_args(term.as_coeff_Mul()[1])
    exponents = [
        factor.as_base_exp()[1] for factor in factors if not factor.is_number and not isinstance(factor, sp.exp)
    ]
    highest = max((exponent for exponent in exponents if exponent.is_Rational), default=sp.S.Zero)
    kind = 3 if sp.I in factors else 1 if term.is_Rational else 2 if term.is_number else 0
    return -_degree(term), -highest, kind, _product(sp.S.One, factors)[0], str(term.as_coeff_Mul()[0])


def _degree(e: Any) -> Any:
    """Total degree in the symbols; what is no power of sums and products of them counts as a constant."""
    if isinstance(e, sp.Symbol):
        return sp.S.One
    if isinstance(e, sp.Pow) and e.exp.is_Rational:
        return e.exp * _degree(e.base)
    if isinstance(e, sp.Mul):
        return sum((_degree(factor) for factor in e.args), sp.S.Zero)
    return max(_degree(term) for term in e.args) if isinstance(e, sp.Add) else sp.S.Zero


# --- products --------------------------------------------------------------------------------------------------------
def _product(coefficient: Any, factors: Iterable[Any]) -> tuple[str, int]:
    """coefficient (not negative) times factors, as one fraction."""
    above: list[str] = []
    below: list[tuple[str, int]] = []
    for factor in sorted((factor for factor in factors if factor is not sp.S.One), key=_factor_key):
        if isinstance(factor, sp.Pow) and factor.exp.is_Rational and factor.exp < 0:
            below.append(_power(factor.base, -factor.exp))
        else:
            above.append(_at(factor, PRODUCT + 1))
    if coefficient.is_Rational:
        top, bottom = sp.Integer(coefficient.p), sp.Integer(coefficient.q)
        below = [number_text(bottom), *below] if bottom != 1 else below
    else:
        top = coefficient
    if top != 1 or not above:
        above.insert(0, number_text(top)[0])
    text = "*".join(above)
    if not below:
        return text, PRODUCT if len(above) > 1 else ATOM if text.isalnum() else PRODUCT
    texts = [piece if level > PRODUCT else f"({piece})" for piece, level in below]
    return f"{text}/{texts[0]}" if len(texts) == 1 else f"{text}/({'*'.join(texts)})", PRODUCT


def _factor_key(factor: Any) -> tuple[Any, ...]:
    """Numbers, then I, then symbols by name, then functions, then sums."""
    base = factor.base if isinstance(factor, sp.Pow) else factor
    kinds = ((base is sp.I, 1), (base.is_number, 0), (isinstance(base, sp.Symbol), 2), (isinstance(base, sp.Add), 4))
    kind = next((kind for holds, kind in kinds if holds), 3)
    return kind, _text(base)[0], _text(factor.exp)[0] if isinstance(factor, sp.Pow) else ""


def _power(base: Any, exponent: Any) -> tuple[str, int]:
    """base to an exponent; a square root by name."""
    if exponent == 1:
        return _text(base)
    if exponent == sp.S.Half:
        return f"sqrt({_top(base)})", ATOM
    return f"{_at(base, ATOM)}^{_at(exponent, ATOM)}", POWER


# --- conditions ------------------------------------------------------------------------------------------------------
def _condition(e: Any) -> tuple[str, int]:
    """Comparisons, and what joins them; bounds on the same symbols stand together, lower ones first."""
    if isinstance(e, Relational):
        if e.func not in _SIGNS or not all(isinstance(side, sp.Expr) for side in e.args):
            refuse_text(e, "compare numbers only")
        return f"{_top(e.lhs)} {_SIGNS[e.func]} {_top(e.rhs)}", 4
    if isinstance(e, sp.Not):
        return f"not {_at(e.args[0], NOT + 2)}", NOT
    level, word = (AND, " and ") if isinstance(e, sp.And) else (OR, " or ")
    return word.join(_at(part, level + 1) for part in sorted(e.args, key=_part_key)), level


def _part_key(part: Any) -> tuple[Any, ...]:
    names = sorted(symbol.name for symbol in part.free_symbols)
    return names, not isinstance(part, (sp.StrictGreaterThan, sp.GreaterThan)), _text(part)[0]
