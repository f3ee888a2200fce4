"""Lowered expressions: values against exact evaluation, stable forms, refusals, precision, names that cannot do
harm."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.instance import PendingExpectation
from bilevel.language.laws import normal, uniform
from bilevel.numeric import lower

x, y = sp.symbols("x y", real=True)
UNARY = (sp.sin, sp.cos, sp.tanh, sp.exp, sigmoid, softplus, sp.atan, sp.Abs, sp.erf, lambda e: e**2, lambda e: -e / 2)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3):
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from([x, y, sp.Rational(1, 3), sp.Integer(2), sp.sqrt(2), sp.pi]))
    if draw(st.booleans()):
        return draw(st.sampled_from(UNARY))(draw(expressions(depth - 1)))
    left, right = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    return draw(st.sampled_from([left + right, left * right, sp.Max(left, right), left - right]))


@given(expressions(), st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=30)
def test_values_are_those_of_exact_evaluation(expression, a, b):
    got = float(lower(expression, [x, y])(a, b))
    wanted = complex(sp.sympify(expression).xreplace({x: sp.Float(a, 30), y: sp.Float(b, 30)}).evalf(30))
    assert got == pytest.approx(wanted.real, rel=1e-11, abs=1e-11)


@given(expressions(depth=2), st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=15)
def test_the_derivative_of_the_lowered_is_the_lowered_derivative(expression, a, b):
    if expression.has(sp.Abs, sp.Max):
        return
    with jax.enable_x64(True):
        slope = jax.grad(lambda u: jnp.asarray(lower(expression, [x, y]).function(u, b), dtype=float))(a)
    assert float(slope) == pytest.approx(float(lower(sp.diff(expression, x), [x, y])(a, b)), rel=1e-9, abs=1e-9)


STABLE = {
    sp.log(1 + sp.exp(x)): (1000.0, 0.0),
    sp.log(2 + 3 * sp.exp(x)): (1000 + np.log(3), np.log(2)),
    sp.log(sp.exp(x) + sp.exp(y)): (1000.0, 0.0),
    sp.exp(x) / (1 + sp.exp(x)): (1.0, 0.0),
    sp.exp(2 * x) / (1 + sp.exp(x)) ** 3: (0.0, 0.0),
    1 / (1 + sp.exp(-x)): (1.0, 0.0),
    sp.log(1 / (1 + sp.exp(-x))): (0.0, -1000.0),
    sp.log(sigmoid(x)): (0.0, -1000.0),
    sp.log(1 - sigmoid(x)): (-1000.0, 0.0),
    softplus(x): (1000.0, 0.0),
    sp.diff(-sp.log(1 + sp.exp(-x)), x): (0.0, 1.0),
    sp.diff(-sp.log(1 + sp.exp(-x)), x, 2): (0.0, 0.0),
}


@pytest.mark.parametrize("expression", STABLE, ids=str)
def test_no_overflow_and_no_nan_far_out(expression):
    far, near = STABLE[expression]
    function = lower(expression, [x, y])
    for point, wanted in ((1000.0, far), (-1000.0, near)):
        assert float(function(point, 0.0)) == pytest.approx(wanted, rel=1e-12, abs=1e-300)
        with jax.enable_x64(True):
            assert np.isfinite(jax.grad(lambda u: function.function(u, 0.0))(point))


@pytest.mark.parametrize(
    "expression, word",
    [
        (sp.Function("g")(x), "formula"),
        (sp.besselj(0, x), "besselj"),
        (x + sp.Symbol("q"), "q has no value"),
        (sp.I * x, "real number"),
        (sp.Integral(sp.exp(x**3), x), "carried out"),
        (sp.zoo + x, "real|value"),
        (sp.Integer(10) ** 400 * x, "float can hold"),
    ],
    ids=lambda case: str(case)[:20],
)
def test_what_has_no_numeric_form_is_refused_at_once(expression, word):
    with pytest.raises(GameError, match=word):
        lower(expression, [x])


def test_text_is_refused():
    with pytest.raises(GameError, match="not text"):
        lower("x**2", [x])


def test_big_integers_become_floats():
    assert float(lower(sp.Integer(2) ** 80 * x, [x])(0.5)) == 2.0**79


def test_names_do_no_harm_and_dummies_stay_apart():
    wicked = sp.Symbol("__import__('os').system('false')")
    first, second = sp.Dummy("a"), sp.Dummy("a")
    assert float(lower(wicked + first - 2 * second, [wicked, first, second])(1.0, 5.0, 2.0)) == 2.0


def test_precision_is_kept_and_no_global_setting_is_touched():
    before = jax.config.jax_enable_x64
    assert lower(x / 3, [x])(1.0).dtype == np.float64
    assert lower(sp.sqrt(2) * x**2 + sp.pi, [x], dtype="float32")(1.0).dtype == np.float32
    assert jax.config.jax_enable_x64 == before
    assert lower(sp.sqrt(2) * sp.exp(2) * x, [x]).function(jnp.float32(1)).dtype == np.float32


def test_structures_keep_their_shape():
    matrix = lower(sp.Matrix([[x, 1], [y, x * y]]), [x, y])(2.0, 3.0)
    assert matrix.tolist() == [[2, 1], [3, 6]]
    table = lower({"a": x, "b": [y, 1]}, [x, y])(2.0, 3.0)
    assert float(table["a"]) == 2 and [float(v) for v in table["b"]] == [3, 1]
    assert lower(x * y, [x, y])(np.ones(3), np.ones((2, 1))).shape == (2, 3)


def test_piecewise_and_relations():
    bump = sp.Piecewise((x**2, x > 1), (0, x < 0), (sp.Heaviside(x - 1), True))
    assert [float(lower(bump, [x])(v)) for v in (2.0, -1.0, 0.5)] == [4, 0, 0]


def test_expectations_without_closed_form_are_integrated():
    # E softplus(x) over N(0, 1) has the derivative 1/2 in a shift at 0, by symmetry of the sigmoid about 1/2.
    shifted = PendingExpectation(sigmoid(x + y), (x, normal(0, 1)))
    assert float(lower(shifted, [y])(0.0)) == pytest.approx(0.5, abs=1e-14)
    assert float(lower(PendingExpectation(sp.exp(x), (x, uniform(0, 1))), [])()) == pytest.approx(np.e - 1, rel=1e-14)


def test_sixteen_variables_compile_quickly_with_shared_parts():
    variables = sp.symbols("v0:16", real=True)
    shared = sum(a * b for a, b in zip(variables, variables[1:]))
    field = [sp.diff(sp.log(1 + sp.exp(shared)) * shared, v) for v in variables]
    function = lower(field, variables)
    with jax.enable_x64(True):
        jaxpr = jax.make_jaxpr(function.function)(*[0.1] * 16)
    assert len(jaxpr.eqns) < 250
