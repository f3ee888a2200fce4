"""Canonical text: what is written is read back to the same expression, and looks as a person would write it."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.reader import read
from bilevel.language.text import write, write_polynomial
from bilevel.language.tokens import Budget

x, y = sp.symbols("x y", real=True)
h, gamma = sp.symbols("h gamma", positive=True)
z = sp.Symbol("z")
NAMES = {"x": x, "y": y, "h": h, "gamma": gamma, "z": z}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (h**2 / 4 + gamma * h - 2, "h^2/4 + gamma*h - 2"),
        (sp.Lt(h**2 / 4 + 2 * gamma * h, 4), "h^2/4 + 2*gamma*h < 4"),
        (sp.Eq(h**2 / 4 + 2 * gamma * h, 4), "h^2/4 + 2*gamma*h == 4"),
        (h < 4 * (sp.sqrt(gamma**2 + 1) - gamma), "h < 4*(sqrt(gamma^2 + 1) - gamma)"),
        (1 - gamma * h - h**2 / 4, "1 - gamma*h - h^2/4"),
        (-h / 2, "-h/2"),
        (sp.sqrt(5) / 2 - sp.Rational(1, 2), "(sqrt(5) - 1)/2"),
        (x**2 - y**2, "x^2 - y^2"),
        (y**2 - x**2, "y^2 - x^2"),
        (1 / (2 * x * y), "1/(2*x*y)"),
        (x / (2 * (x + y)), "x/(2*x + 2*y)"),
        (sp.Mul(x, sp.Rational(1, 2), 1 / (x + y)), "x/(2*(x + y))"),
        (1 / sp.sqrt(x), "1/sqrt(x)"),
        (x ** sp.Rational(-3, 2), "1/x^(3/2)"),
        (2**-x, "2^(-x)"),
        (sp.And(h > 1, h < 4), "h > 1 and h < 4"),
        (sp.Or(x < 0, sp.And(x > 1, y > 1)), "x < 0 or x > 1 and y > 1"),
        (sp.Not(sp.And(x > 1, y > 1)), "not (x > 1 and y > 1)"),
        (sp.Ne(x, 0), "x != 0"),
        (-sp.log(1 + sp.exp(-x)), "-log(exp(-x) + 1)"),
        (sp.Max(x, y, 1), "max(1, x, y)"),
        ((x + y) ** 2 * h, "h*(x + y)^2"),
        (sp.true, "true"),
        (sp.exp(h / 4) * sp.besselk(0, h / 4) < sp.erfc(h), "besselk(0, h/4)*exp(h/4) < erfc(h)"),
        (sp.Heaviside(x - 1) * sp.sign(y), "heaviside(x - 1)*sign(y)"),
        (sp.LambertW(h) + sp.LambertW(-sp.exp(-2), -1), "lambertw(h) + lambertw(-exp(-2), -1)"),
        (sp.besselk(y, h) - sp.besselk(2, h), "besselk(y, h) - besselk(2, h)"),
        (1 + sp.sqrt(3) * sp.I, "1 + sqrt(3)*I"),
    ],
)
def test_looks_as_a_person_writes_and_is_read_back(expression: Any, text: str) -> None:
    assert write(expression) == text
    assert read(text, NAMES, imaginary=True) == expression


def test_characteristic_polynomial_is_collected() -> None:
    polynomial = z**2 + (h**2 / 4 + gamma * h - 2) * z + 1 - gamma * h
    assert write_polynomial(polynomial, z) == "z^2 + (h^2/4 + gamma*h - 2)*z + 1 - gamma*h"
    assert sp.expand(read(write_polynomial(polynomial, z), NAMES) - polynomial) == 0
    assert write_polynomial(z**2 - (h + 2) * z - h, z) == "z^2 - (h + 2)*z - h"
    with pytest.raises(GameError):
        write_polynomial(sp.sin(z), z)


@pytest.mark.parametrize(
    "expression",
    [
        sp.oo,
        sp.Function("f")(x),
        sp.Derivative(sp.Function("f")(x), x),
        sp.Piecewise((x, x > 0), (0, True)),
        sp.Symbol("E"),
        sp.Symbol("lambda"),
        sp.Dummy("u"),
        sp.rootof(x**5 - x - 1, 0),
        sp.Heaviside(x, 1),
        sp.DiracDelta(x),
        sp.Integer(10) ** 2000,
        sp.Matrix([1]),
        sp.Symbol("x") + x,
        sp.Symbol("a;b"),
    ],
)
def test_what_has_no_text_is_refused_with_advice(expression: Any) -> None:
    with pytest.raises(GameError, match=";"):
        write(expression)


def test_memory_names_are_written_and_read() -> None:
    old = sp.Symbol("x@1", real=True)
    assert write(old - 2 * x) == "x@1 - 2*x"
    assert read("x@1 - 2*x", {**NAMES, "x@1": old}) == old - 2 * x


def test_floats_become_their_shortest_decimal() -> None:
    assert write(sp.Float(0.1)) == "0.1"
    assert float(read(write(sp.Float(1 / 3)))) == 1 / 3


ROOMY = Budget(exponent=10**9, bits=10**9)  # what SymPy has already evaluated may hold exp(1331)
numbers = st.fractions(min_value=-20, max_value=20, max_denominator=12).map(
    lambda q: sp.Rational(q.numerator, q.denominator)
)
leaves = st.one_of(numbers, st.sampled_from([x, y, h, gamma, sp.pi, sp.E]))
smooth = st.sampled_from(
    [sp.exp, sp.sin, sp.cos, sp.tanh, sp.Abs, sigmoid, softplus, sp.sinh, sp.cosh, sp.asinh, sp.atan, sp.erf, sp.erfc]
    + [sp.sign, sp.Heaviside, lambda e: sp.besselk(2, e * e + 1)]
)
exponents = st.sampled_from(
    [-2, -1, sp.Rational(-1, 2), sp.Rational(1, 2), sp.Rational(1, 3), sp.Rational(3, 2), 2, 3, h, -y]
)


def _grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: sp.Add(*parts)),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: sp.Mul(*parts)),
        st.tuples(inner, exponents).map(lambda pair: pair[0] ** pair[1] if pair[0].is_zero is False else pair[0]),
        st.tuples(smooth, inner).map(lambda pair: pair[0](pair[1])),
        st.tuples(inner, inner).map(
            lambda pair: sp.Max(*pair) if all(part.is_extended_real for part in pair) else pair[0]
        ),
    )


expressions = st.recursive(leaves, _grow, max_leaves=8)


def _writable(e: Any) -> bool:
    return not e.has(sp.zoo, sp.nan, sp.oo, -sp.oo, sp.re, sp.im, sp.arg, sp.cot, sp.acot, sp.conjugate)


@settings(max_examples=100, deadline=None)
@given(expressions)
def test_law_read_after_write_is_the_identity(e: Any) -> None:
    if not _writable(e):
        return
    assert read(write(e), NAMES, imaginary=True, budget=ROOMY) == e, write(e)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(expressions, expressions, st.sampled_from([sp.Lt, sp.Le, sp.Gt, sp.Ge, sp.Eq, sp.Ne])),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([sp.And, sp.Or, lambda *parts: sp.Not(sp.And(*parts))]),
)
def test_law_for_conditions(parts: list[tuple[Any, Any, Any]], joined: Any) -> None:
    if not all(_writable(side) and side.is_extended_real for left, right, _ in parts for side in (left, right)):
        return
    condition = joined(*[relation(left, right) for left, right, relation in parts])
    if condition.has(sp.oo, sp.Symbol("none")):
        return
    assert read(write(condition), NAMES, budget=ROOMY) == condition, write(condition)


def test_a_long_product_of_factors_stays_one_and_a_short_one_is_multiplied_out() -> None:
    short = (z - h) * (z + gamma)
    assert write_polynomial(short, z) == "z^2 + (gamma - h)*z - gamma*h"
    many = sp.symbols("c0:40", positive=True)
    sum_of_all = sp.Add(*(c**2 * h for c in many))
    long = (z - sum_of_all / (1 + gamma)) ** 2 * (z**2 + z * sum_of_all + gamma)
    text = write_polynomial(long, z)
    names = {**NAMES, **{c.name: c for c in many}}
    assert ")^2*(z^2 + (" in text or ")*(z - (" in text
    drawn = {s: sp.Rational(k + 1, 7) for k, s in enumerate((*many, h, gamma, z))}
    assert (read(text, names) - long).subs(drawn) == 0
