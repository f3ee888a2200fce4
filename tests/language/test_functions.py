"""sigmoid and softplus: closed under differentiation, exact at 0, stable far out."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp

from bilevel.language.functions import sigmoid, softplus

x = sp.Symbol("x", real=True)
w = sp.Symbol("w")


@pytest.mark.parametrize("function", [sigmoid, softplus])
def test_derivatives_agree_with_the_exponential_form(function: type) -> None:
    own, plain = function(3 * x + 1), function(3 * x + 1).rewrite(sp.exp)
    for order in range(1, 4):
        difference = (own.diff(x, order) - plain.diff(x, order)).rewrite(sp.exp)
        assert sp.simplify(difference) == 0
        assert not own.diff(x, order).has(sp.exp, sp.log)


def test_exact_values_and_limits() -> None:
    assert sigmoid(0) == sp.Rational(1, 2) and softplus(0) == sp.log(2)
    assert sigmoid(sp.oo) == 1 and sigmoid(-sp.oo) == 0
    assert softplus(sp.oo) is sp.oo and softplus(-sp.oo) == 0
    assert sp.limit(sigmoid(x), x, sp.oo) == 1
    assert sp.limit(softplus(x) / x, x, sp.oo) == 1


def test_assumptions_and_comparisons() -> None:
    assert sigmoid(x).is_positive and softplus(x).is_positive and sigmoid(x).is_finite
    assert (sigmoid(x) < 1) is sp.true and (sigmoid(x) >= 1) is sp.false and sp.Gt(1, sigmoid(x)) is sp.true
    assert (sigmoid(x) > 2) is sp.false and sp.Le(2, sigmoid(x)) is sp.false
    assert sigmoid(w).is_positive is None and not isinstance(
        sigmoid(x) < sp.Rational(1, 2), sp.logic.boolalg.BooleanAtom
    )


@pytest.mark.parametrize("point", [-1000, -40, -1, sp.Rational(1, 3), 1, 40, 1000])
def test_numbers_agree_with_many_digits(point: sp.Expr) -> None:
    with mpmath.workdps(1000):
        value = mpmath.mpf(sp.Rational(point).p) / sp.Rational(point).q
        s, p = 1 / (1 + mpmath.exp(-value)), mpmath.log(1 + mpmath.exp(value))
        for exact, function in ((s, sigmoid), (p, softplus)):
            got = mpmath.mpf(str(function(point).evalf(30)))
            assert abs(got - exact) <= abs(exact) * mpmath.mpf(10) ** -28


def test_floats_are_evaluated_and_symbols_stay() -> None:
    assert abs(float(sigmoid(sp.Float(0.3))) - 0.574442516811659) < 1e-15
    assert softplus(x).evalf() == softplus(x)


def test_latex() -> None:
    assert sp.latex(sigmoid(x)) == r"\sigma\left(x\right)"
    assert sp.latex(sigmoid(x) ** 2) == r"\sigma^{2}\left(x\right)"
    assert sp.latex(softplus(x)) == r"\operatorname{softplus}\left(x\right)"
