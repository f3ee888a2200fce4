"""Exact expectations against a second road: Gauss quadrature for continuous laws, plain sums for finite ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from bilevel.language.errors import GameError, ReadError, UnknownAnswer
from bilevel.language.functions import softplus
from bilevel.language.moments import Bernoulli, Finite, Normal, Uniform, expectation, moment, read_law

x, y, t = sp.symbols("x y t", real=True)
s = sp.Symbol("s", positive=True)
p = sp.Symbol("p", positive=True)


def quadrature(expr: Any, law: Any) -> float:
    """Average of expr over x by Gauss's rule, in floats."""
    function = sp.lambdify(x, expr, "numpy")
    if isinstance(law, Normal):
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        points, total = float(law.mean) + np.sqrt(float(law.variance)) * nodes, np.sqrt(2 * np.pi)
    else:
        nodes, weights = np.polynomial.legendre.leggauss(60)
        low, high = float(law.low), float(law.high)
        points, total = (high + low) / 2 + (high - low) / 2 * nodes, 2.0
    return float(np.sum(weights * (function(points) + 0 * points)) / total)


LAWS = [Normal(0, 1), Normal("1/2", "1/4"), Normal(-1, 0), Uniform(-1, 1), Uniform("1/3", 2)]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(
    "expr",
    [
        x**6,
        (x + 2) ** 3,
        x * sp.exp(x),
        (1 + x) ** 2 * sp.exp(-x / 2),
        sp.cosh(x),
        2**x,
        sp.exp(2 * x - 1) * (x**3 - x),
        sp.Integer(3),
    ],
)
def test_continuous_laws_agree_with_quadrature(law: Any, expr: sp.Expr) -> None:
    exact, numeric = float(expectation(expr, {x: law})), quadrature(expr, law)
    assert abs(exact - numeric) <= 1e-11 * (1 + abs(numeric))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 8),
    st.fractions(-2, 2, max_denominator=4),
    st.fractions(-2, 2, max_denominator=4),
    st.sampled_from(LAWS),
)
def test_law_stein_and_parts(n: int, a: Any, b: Any, law: Any) -> None:
    """E[(x - m) g] = v E[g'] for a normal law (Stein 1972); for a uniform one, E[g'] by the ends."""
    a, b = sp.Rational(a), sp.Rational(b)
    g = (x + b) ** n * sp.exp(a * x)
    if isinstance(law, Normal):
        left, right = expectation((x - law.mean) * g, {x: law}), law.variance * expectation(g.diff(x), {x: law})
    else:
        left, right = expectation(g.diff(x), {x: law}) * (law.high - law.low), g.subs(x, law.high) - g.subs(x, law.low)
    assert sp.expand(left - right) == 0


def test_parameters_stay_symbolic() -> None:
    assert sp.expand(expectation((x + t) ** 4, {x: Normal(0, s)}) - (t**4 + 6 * t**2 * s + 3 * s**2)) == 0
    assert expectation(sp.exp(t * x), {x: Normal(0, s)}) == sp.exp(s * t**2 / 2)
    assert expectation(x**2, {x: Uniform(-t, t + 1)}).expand() == t**2 / 3 + t / 3 + sp.Rational(1, 3)
    assert expectation(t**2, {x: Normal(0, 1)}) == t**2


def test_finite_laws_are_summed_in_every_expression() -> None:
    c = Finite([0, 1, t], [p, p, 1 - 2 * p])
    assert expectation(sp.log(2 + x**2), {x: c}) == p * sp.log(2) + p * sp.log(3) + (1 - 2 * p) * sp.log(2 + t**2)
    assert expectation(softplus(x), {x: Bernoulli(p)}) == (1 - p) * sp.log(2) + p * softplus(1)
    assert sp.expand(expectation(x**3 * sp.exp(x), {x: c}) - (p * sp.E + (1 - 2 * p) * t**3 * sp.exp(t))) == 0


def test_independence_splits_products_and_conditioning_goes_inside() -> None:
    laws = {x: Normal(t, s), y: Bernoulli(p)}
    assert sp.expand(expectation(x**2 * y + x * y**5, laws) - p * (t**2 + s + t)) == 0
    assert sp.expand(expectation(sp.exp(x * y), laws) - (1 - p + p * sp.exp(t + s / 2))) == 0
    assert expectation((x - y) ** 2, {x: Normal(0, 1), y: Normal(0, 1)}) == 2
    many = sp.symbols("b0:12", real=True)
    assert expectation(sp.prod(1 + b for b in many), dict.fromkeys(many, Bernoulli("1/2"))) == sp.Rational(3, 2) ** 12


@pytest.mark.parametrize(
    "expr", [sp.log(1 + x**2), sp.exp(x**2), sp.exp(x * y), 1 / x, sp.Abs(x), sp.Max(x, 0), sp.Function("f")(x), x**t]
)
def test_what_has_no_closed_form_here_is_said_to_be_unknown(expr: sp.Expr) -> None:
    with pytest.raises(UnknownAnswer):
        expectation(expr, {x: Normal(0, 1), y: Normal(0, 1)})


def test_unknown_also_for_poles_many_outcomes_and_a_rate_that_may_vanish() -> None:
    with pytest.raises(UnknownAnswer):
        expectation(sp.log(x), {x: Bernoulli(p)})
    many = sp.symbols("b0:12", real=True)
    with pytest.raises(UnknownAnswer):
        expectation(softplus(sum(many)), dict.fromkeys(many, Bernoulli("1/2")))
    with pytest.raises(UnknownAnswer):
        expectation(sp.exp(t * x), {x: Uniform(0, 1)})
    assert moment(Uniform(0, 1), 0, s) == (sp.exp(s) / s - 1 / s)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Normal(0, -1),
        lambda: Uniform(1, 0),
        lambda: Bernoulli(2),
        lambda: Finite([0, 1], ["1/2", "1/3"]),
        lambda: Finite([0], [p]),
        lambda: Finite([], []),
        lambda: Normal(sp.I, 1),
        lambda: Normal("a", 1),
        lambda: expectation(x, {x: Normal(y, 1), y: Normal(0, 1)}),
        lambda: expectation(sp.Abs(s), {s: Normal(0, 1)}),
        lambda: expectation(x > 0, {x: Normal(0, 1)}),
        lambda: expectation(x, {x: 3}),
    ],
)
def test_laws_without_meaning_are_refused(make: Any) -> None:
    with pytest.raises(GameError, match=r"[;:]"):
        make()


def test_laws_are_read_with_mean_and_variance() -> None:
    assert read_law("normal(0, s^2)", {"s": s}) == Normal(0, s**2)
    assert read_law("bernoulli(1/2)", {}) == Bernoulli("1/2")
    assert read_law("uniform(-1, 1)", {}) == Uniform(-1, 1)
    assert read_law({"values": [0, 0.5], "probabilities": ["p", "1 - p"]}, {"p": p}) == Finite([0, "1/2"], [p, 1 - p])


@pytest.mark.parametrize(
    "description",
    [
        "normal(0)",
        "gaussian(0, 1)",
        "normal(0, 1) + 1",
        "normal(normal(0, 1), 1)",
        "3",
        "normal(0, -1)",
        "",
        7,
        {"value": [0]},
        {"values": [0, 1], "probabilities": ["1/2", "1/3"]},
        {"values": 3, "probabilities": 1},
        "normal(0, 1",
        "bernoulli(x < 1)",
        None,
    ],
)
def test_descriptions_that_are_no_law_are_refused(description: Any) -> None:
    with pytest.raises(ReadError):
        read_law(description, {"x": x})


@pytest.mark.parametrize(
    ("order", "rate", "bend"), [(0, 0, "-1/2"), (1, "1/3", "1/8"), (3, -1, "-2"), (4, "1/2", "1/5")]
)
def test_moments_under_exponentials_of_squares_are_integrals(order, rate, bend):
    """E[x^n exp(a x + b x^2)] of a normal law against scipy's quadrature."""
    m, v, a, b = 0.3, 1.25, float(sp.Rational(rate)), float(sp.Rational(bend))
    law = Normal(sp.Rational(3, 10), sp.Rational(5, 4))
    weight = lambda x: x**order * np.exp(a * x + b * x * x - (x - m) ** 2 / (2 * v)) / np.sqrt(2 * np.pi * v)
    expected = quad(weight, -np.inf, np.inf, epsabs=1e-12)[0]
    assert float(moment(law, order, sp.Rational(rate), sp.Rational(bend))) == pytest.approx(expected, rel=1e-9)


def test_averages_of_exponentials_of_squares_are_finite_only_where_the_law_decays_faster():
    c, k = sp.Symbol("c", real=True), sp.Symbol("k", positive=True)
    assert expectation(sp.exp(-k * x**2 / 2), {x: Normal(0, 1)}) == 1 / sp.sqrt(k + 1)
    both = expectation(sp.exp(-(x**2) - y**2 + x * y), {x: Normal(0, 1), y: Normal(0, 1)})
    assert sp.simplify(both - 1 / sp.sqrt(8)) == 0, "det(1 + [[2, -1], [-1, 2]]) = 8"
    for sharp, word in ((sp.Rational(1, 2), "infinite"), (1, "infinite"), (c, "finite only where")):
        with pytest.raises(UnknownAnswer, match=word):
            expectation(sp.exp(sharp * x**2), {x: Normal(0, 1)})
    with pytest.raises(UnknownAnswer):
        expectation(sp.exp(x**2), {x: Uniform(0, 1)})
