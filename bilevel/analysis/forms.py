"""Forms of expressions that solving needs: plain exponentials, short values, what makes a value real.

Main definitions: `plain`, `tidied`, `is_linear`, `line`, `one_atom`, `exponentiated`, `real_conditions`, `own_signs`,
`never_zero`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp

from bilevel.analysis.known import Condition
from bilevel.language.fractions import cancelled
from bilevel.language.functions import log_odds, sigmoid, softplus


def plain(expression: Any) -> Any:
    """The expression with sigmoids and hyperbolic functions written by exponentials, log-odds as differences."""
    expression = log_odds(expression).replace(sigmoid, lambda u: 1 / (1 + sp.exp(-sp.expand(u))))
    expression = expression.replace(softplus, lambda u: sp.log(1 + sp.exp(sp.expand(u))))
    expression = expression.replace(sp.tanh, lambda u: (sp.exp(2 * u) - 1) / (sp.exp(2 * u) + 1))
    expression = expression.replace(sp.sinh, lambda u: (sp.exp(u) - sp.exp(-u)) / 2)
    return expression.replace(sp.cosh, lambda u: (sp.exp(u) + sp.exp(-u)) / 2)


def tidied(value: Any) -> Any:
    """A value as short as expanding or cancelling makes it."""
    if value.is_Atom or value.count_ops() > 400:
        return value
    options = [value, sp.expand(value)]
    try:
        options.append(sp.radsimp(sp.expand(value)) if not value.free_symbols else cancelled(value))
        options.append(sp.factor(options[-1]) if value.free_symbols else sp.expand(options[-1]))
    except (sp.PolynomialError, NotImplementedError):
        pass
    return min(options, key=lambda option: option.count_ops())


def is_linear(expression: Any, unknowns: Sequence[Any]) -> bool:
    """Whether an expression is of degree one at most in the unknowns together."""
    if not expression.is_polynomial(*unknowns):
        return False
    return bool(sp.Poly(expression, *unknowns).total_degree() <= 1)


def line(expression: Any, v: Any) -> tuple[Any, Any] | None:
    """(a, b) without v, with the expression a v + b; None where it is not linear in v, or does not depend on it.

    Term by term where the expression is a sum of products already: a derivative of a long sum costs far more.
    """
    slopes, rest = [], []
    for term in sp.Add.make_args(expression):
        factors = sp.Mul.make_args(term)
        holding = [f for f in factors if f.has(v)]
        if not holding:
            rest.append(term)
        elif holding == [v]:
            slopes.append(sp.Mul(*(f for f in factors if f != v)))
        elif len(holding) == 1 and holding[0].is_Pow and holding[0].base == v:
            return None  # another power
        else:
            slope = sp.diff(expression, v) if expression.is_polynomial(v) else v
            return None if slope.has(v) or slope == 0 else (slope, sp.expand(expression - slope * v))
    return (sp.Add(*slopes), sp.Add(*rest)) if slopes else None


def one_atom(factor: Any, unknowns: Any) -> tuple[Any, dict[Any, int]] | None:
    """The one exponential or logarithm through which all unknowns enter, if there is one, and its powers."""
    powers = _powers_of_one({a for a in factor.atoms(sp.exp, sp.log) if a.free_symbols & set(unknowns)})
    if powers is None:
        return None
    mark = sp.Dummy("E")
    left = factor.xreplace({a: mark**k for a, k in powers[1].items()})
    return powers if not left.free_symbols & set(unknowns) and left.is_polynomial(mark) else None


def _powers_of_one(atoms: set[Any]) -> tuple[Any, dict[Any, int]] | None:
    """The exponential or logarithm that all atoms are powers of, with these: e^{2x} and e^{3x} of e^x; else None."""
    listed = sorted(atoms, key=sp.default_sort_key)
    if len(listed) < 2:
        return (listed[0], {listed[0]: 1}) if listed else None
    shares = [sp.cancel(a.args[0] / listed[0].args[0]) for a in listed]
    if not all(isinstance(a, sp.exp) and s.is_Rational and s > 0 for a, s in zip(listed, shares, strict=True)):
        return None
    unit = sp.Rational(sp.igcd(*(s.p for s in shares)), sp.ilcm(*(s.q for s in shares)))
    base = sp.exp(sp.expand(unit * listed[0].args[0]))
    return base, {a: int(s / unit) for a, s in zip(listed, shares, strict=True)}


def exponentiated(equation: Any, unknowns: Any) -> tuple[Any, list[Condition]] | None:
    """exp of both sides of an equation "sum of logarithms and a linear form = 0", and what makes the two equivalent.

    q_1 log u_1 + ... + l = 0 is u_1^(n q_1) ... exp(n l) = 1 for positive u_i; here q_i are rational, n is their common
    denominator and l is linear with rational coefficients. None for any other equation.
    """
    logs: list[tuple[Any, Any]] = []
    rest = sp.S.Zero
    for term in sp.Add.make_args(sp.expand(equation)):
        share, inner = term.as_coeff_Mul()
        if isinstance(inner, sp.log) and share.is_Rational:
            logs.append((share, inner.args[0]))
        elif (inner.is_Symbol or inner == 1) and share.is_Rational:
            rest += term
        else:
            return None
    if not any(u.free_symbols & set(unknowns) for _, u in logs):
        return None
    n = sp.ilcm(1, *(share.q for share, _ in logs))
    product = sp.Mul(*(u ** (n * share) for share, u in logs)) * sp.exp(n * rest)
    numerator = sp.expand(sp.together(product - 1).as_numer_denom()[0])
    return numerator, [(u, ">") for _, u in logs if not u.is_positive]


def real_conditions(expression: Any, *, solved: bool = False) -> list[Condition]:
    """What makes an expression a real number: no vanishing denominator, radicands and logarithms where they belong.

    A value that was `solved` for is real as a whole: m sqrt(p), from the root of m^2 p, where p >= 0 or m = 0, that is
    p m^2 >= 0. What a person wrote has no value where p < 0, whatever multiplies the root.
    """
    found = dict.fromkeys(_real_conditions(expression, sp.S.One, solved))
    return [c for c in found if c[0].free_symbols]


def _real_conditions(node: Any, times: Any, solved: bool) -> Iterator[Condition]:
    """The conditions of a node and of what it is made of; `times`: what multiplies it."""
    if isinstance(node, sp.log):
        yield node.args[0], ">"
    elif isinstance(node, sp.Pow) and not isinstance(node, sp.exp) and node.exp.is_Rational:
        if node.exp.is_negative:
            yield node.base, "!="
        if not node.exp.is_Integer:
            yield node.base * times**2, ">="
    for part in node.args:
        beside = solved and isinstance(node, sp.Mul) and _is_root(part)
        yield from _real_conditions(part, _beside(part, node) if beside else sp.S.One, solved)


def _beside(root: Any, product: Any) -> Any:
    """What multiplies a root in a product, may vanish, and holds no roots itself."""
    others = (f.args[0] if isinstance(f, sp.Abs) else f for f in product.args if f != root)
    return sp.Mul(*(f for f in others if f.is_nonzero is not True and not any(map(_is_root, sp.preorder_traversal(f)))))


def _is_root(node: Any) -> bool:
    return isinstance(node, sp.Pow) and node.exp.is_Rational and not node.exp.is_Integer


def own_signs(symbol: Any) -> list[str]:
    """The relations to zero that a symbol's own assumptions state."""
    if symbol.is_positive:
        return [">"]
    if symbol.is_negative:
        return ["<"]
    return [
        r
        for flag, r in ((symbol.is_nonnegative, ">="), (symbol.is_nonpositive, "<="), (symbol.is_nonzero, "!="))
        if flag
    ]


def never_zero(factor: Any) -> bool:
    """A reciprocal power of something finite."""
    return isinstance(factor, sp.Pow) and factor.exp.is_negative is True
