"""Laws of the normal form: its axioms hold, bound names do not matter, finite laws expand, logarithms split rightly."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.gradient import gradient, jacobian
from bilevel.language.laws import bernoulli, categorical, data, density, finite, normal, pushforward, random, uniform
from bilevel.language.networks import network
from bilevel.language.nodes import dot, norm2, stop_gradient, vector
from bilevel.language.normal_form import Step, normal_form

HALF = sp.Rational(1, 2)
theta, phi, u, v = vector("theta", "p"), vector("phi", "q"), vector("u", "n"), vector("v", "n")
z, z2 = random("z", normal("m")), random("z2", normal("m"))
x, x2 = random("x", data("p_data", "n")), random("x2", data("p_data", "n"))
y = random("y", bernoulli(HALF))
D, G, V, P = network("D", range="probability"), network("G", out="n"), network("V"), network("P", range="positive")
n = sp.Symbol("n", integer=True, positive=True)
M, S = sp.MatrixSymbol("M", n, n), sp.MatrixSymbol("S", n, n)
a, b = sp.symbols("a b", real=True)


def vanishes(expr):
    return normal_form(expr).is_zero


# --- algebra ---------------------------------------------------------------------------------------------------------


def test_inner_products_have_no_direction():
    assert vanishes(dot(u, M * v) - dot(M.T * u, v))
    assert vanishes(dot(u, M * S * v) - dot(S.T * M.T * u, v))
    assert not vanishes(dot(u, M * v) - dot(M * u, v))


def test_products_reassociate_and_transpose():
    assert vanishes((M * S).T - S.T * M.T)
    assert vanishes(M * (S * v) - (M * S) * v)
    assert not vanishes(M * S - S * M)


def test_outer_products_are_not_symmetric():
    assert vanishes((u * v.T).T - v * u.T)
    assert not vanishes(u * v.T - v * u.T)
    assert vanishes(u * v.T * u - dot(u, v) * u)


def test_trace_is_cyclic_and_of_the_identity_the_dimension():
    assert vanishes(sp.Trace(M * S) - sp.Trace(S * M))
    assert vanishes(sp.Trace(M.T) - sp.Trace(M))
    assert vanishes(sp.Trace(sp.Identity(n)) - n)


def test_inverse_of_a_multiple_and_of_a_transpose():
    assert vanishes((2 * M).I - M.I / 2)
    assert vanishes((M.T).I - (M.I).T)
    assert not vanishes(M.I - (M.I).T)


def test_hessians_are_symmetric_and_mixed_partials_commute():
    H = jacobian(gradient(V(u, v), u), u)
    assert vanishes(H - H.T)
    assert vanishes(jacobian(gradient(V(u, v), u), v) - jacobian(gradient(V(u, v), v), u).T)


def test_third_derivatives_do_not_care_which_vector_stands_where():
    def third(first, second, third_vector):
        return dot(gradient(dot(gradient(dot(gradient(V(u), u), first), u), second), u), third_vector)

    w = vector("w", "n")
    assert vanishes(third(v, w, v) - third(v, v, w))
    assert not vanishes(third(v, w, v) - third(w, v, w))


# --- scalars ---------------------------------------------------------------------------------------------------------


def test_sigmoid_and_softplus_through_exp():
    logit = V(u)
    assert vanishes(1 - sigmoid(logit) - sigmoid(-logit))
    assert vanishes(sp.log(sigmoid(logit)) + softplus(-logit))
    assert vanishes(sp.log(1 - sigmoid(logit)) + softplus(logit))
    assert vanishes(sp.diff(sigmoid(a), a) - sigmoid(a) * (1 - sigmoid(a)))
    assert vanishes(sp.exp(2 * a) - sp.exp(a) ** 2)
    assert vanishes(sp.tanh(a) - 2 * sigmoid(2 * a) + 1)


def test_logarithms_split_only_where_the_sign_is_known():
    assert vanishes(sp.log(D(u) * (1 - D(u)), evaluate=False) - sp.log(D(u)) - sp.log(1 - D(u)))
    assert vanishes(sp.log(P(u) / (1 + P(u))) - sp.log(P(u)) + sp.log(1 + P(u)))
    assert not vanishes(sp.log(V(u) * V(v)) - sp.log(V(u)) - sp.log(V(v)))
    assert vanishes(sp.log(4 * P(u)) - 2 * sp.log(2) - sp.log(P(u)))
    assert not vanishes(sp.log(V(u) ** 2) - 2 * sp.log(V(u)))


def test_roots():
    assert vanishes(sp.sqrt(P(u)) ** 2 - P(u))
    assert vanishes(sp.sqrt(4 * P(u) ** 2) - 2 * P(u))
    assert not vanishes(sp.sqrt(V(u) ** 2) - V(u))
    assert vanishes(sp.sqrt(1 + P(u)) * sp.sqrt(1 + P(u)) - 1 - P(u))
    assert vanishes(sp.sqrt(8) - 2 * sp.sqrt(2))


def test_kinks():
    assert vanishes(sp.Max(0, P(u)) - P(u))
    assert vanishes(sp.Abs(V(u) - V(v)) - sp.Abs(V(v) - V(u)))
    assert not vanishes(sp.Max(0, V(u)) - V(u))


def test_assumptions_split_logarithms_and_put_equalities_in():
    c = sp.Symbol("c", real=True)
    assert normal_form(sp.log(c * V(u)) - sp.log(c) - sp.log(V(u)), assuming=[c > 0]).is_zero
    assert not normal_form(sp.log((1 - c) * V(u)) - sp.log(1 - c) - sp.log(V(u)), assuming=[c > 0]).is_zero
    assert normal_form(sp.log((1 - c) * V(u)) - sp.log(1 - c) - sp.log(V(u)), assuming=[c > 0, c < 1]).is_zero
    form = normal_form(E(D(z, phi), z) - c, assuming=[(D(z, phi), c)])
    assert form.is_zero
    assert form.trace[0].rule == "assumption"


# --- expectations ----------------------------------------------------------------------------------------------------


def test_expectation_is_linear_and_drops_what_is_free_of_it():
    assert vanishes(E(a * D(z, phi) + b * V(z), z) - a * E(D(z, phi), z) - b * E(V(z), z))
    assert vanishes(E(D(z, phi), z, x) - E(D(z, phi), z))
    assert vanishes(E(V(u), z) - V(u))


def test_independent_factors_split_and_nested_ones_flatten():
    assert vanishes(E(D(z) * V(x), z, x) - E(D(z), z) * E(V(x), x))
    assert vanishes(E(E(D(z) * V(x), x), z) - E(D(z) * V(x), z, x))
    assert vanishes(E(D(z) * E(V(z2), z2), z) - E(D(z), z) * E(V(z), z))
    assert vanishes(E(dot(x, G(z)), x, z) - dot(E(x, x), E(G(z), z)))
    assert not vanishes(E(D(z) * V(z), z) - E(D(z), z) * E(V(z), z))


def test_bound_names_do_not_matter_but_laws_do():
    w = random("w", normal("m"))
    other = random("x", data("q_data", "n"))
    assert vanishes(E(D(z, phi), z) - E(D(w, phi), w))
    assert not vanishes(E(D(x, phi), x) - E(D(other, phi), other))


def test_variables_of_one_law_may_be_exchanged():
    assert vanishes(E(V(z, z2), z, z2) - E(V(z2, z), z, z2))
    assert vanishes(E(D(x) / (D(x) + D(x2)), x, x2) - HALF)
    assert not vanishes(E(V(z, z2), z, z2) - E(V(z, z), z))
    assert vanishes(E(V(z), z) ** 2 - E(V(z) * V(z2), z, z2))


def test_integrands_over_one_law_are_compared_as_rational_functions():
    assert vanishes(E(D(x) / (1 + D(x)), x) + E(1 / (1 + D(x)), x) - 1)
    assert vanishes(E(1 / (D(x) * (1 - D(x))), x) - E(1 / D(x), x) - E(1 / (1 - D(x)), x))
    assert vanishes(
        E(V(x) / D(x) * x, x) - E(V(x) / (D(x) * (1 + P(x))) * x, x) - E(P(x) * V(x) / (D(x) * (1 + P(x))) * x, x)
    )


def test_finite_laws_are_summed():
    q = sp.Symbol("q0", positive=True)
    coin, die = random("c", bernoulli(q)), random("k", categorical(HALF, HALF / 2, HALF / 2))
    assert vanishes(
        E(D(coin * x + (1 - coin) * G(z), phi), coin, x, z) - q * E(D(x, phi), x) - (1 - q) * E(D(G(z), phi), z)
    )
    assert vanishes(E(V(die), die) - V(0 * a) / 2 - V(sp.S.One) / 4 - V(sp.Integer(2)) / 4)
    point = random("w", finite([u, v], [HALF, HALF]))
    assert vanishes(E(norm2(point), point) - norm2(u) / 2 - norm2(v) / 2)


def test_probabilities_that_depend_on_earlier_variables():
    shown = random("s", data("states", "k"))
    coin = random("r", bernoulli(D(shown)))
    assert vanishes(E(coin * V(shown), shown, coin) - E(D(shown) * V(shown), shown))


def test_conditional_laws_keep_their_condition():
    s = random("s", data("states", "k"))
    act = random("act", density("pi", "m", s, theta))
    assert vanishes(E(V(s) * E(D(act), act), s) - E(V(s) * D(act), s, act))
    assert vanishes(E(V(s), s, act) - E(V(s), s))
    assert not vanishes(E(V(s) * D(act), s, act) - E(V(s), s) * E(D(act), s, act))


def test_pushforwards_normal_and_uniform_laws_have_one_base():
    image, mean, scale = (
        random("w", pushforward(G(z, theta), z)),
        sp.Symbol("mu", real=True),
        sp.Symbol("s", positive=True),
    )
    assert vanishes(E(D(image, phi), image) - E(D(G(z, theta), phi), z))
    noise, shifted = random("e", normal(0, 1)), random("g", normal(mean, scale**2))
    assert vanishes(E(V(shifted), shifted) - E(V(mean + scale * noise), noise))
    unit, wide = random("t", uniform(0, 1)), random("r", uniform(a, a + 2))
    assert vanishes(E(V(wide), wide) - E(V(a + 2 * unit), unit))


def test_a_pushforward_may_use_the_name_of_an_outer_variable():
    image = random("w", pushforward(2 * z, z))
    assert vanishes(E(V(z) * V(image), z, image) - E(V(z), z) * E(V(2 * z2), z2))
    assert not vanishes(E(V(z) * V(image), z, image) - E(V(z) * V(2 * z), z))


def test_moments_of_standard_laws():
    e, t = random("e", normal(0, 1)), random("t", uniform(0, 1))
    assert vanishes(E(e**4 + e**3, e) - 3)
    assert vanishes(E((a + b * e) ** 2, e) - a**2 - b**2)
    assert vanishes(E(t**3, t) - sp.Rational(1, 4))
    assert vanishes(E(norm2(z), z) - sp.Symbol("m", integer=True, positive=True))
    assert vanishes(E(z, z))
    assert vanishes(E(z * z.T, z) - sp.Identity(sp.Symbol("m", integer=True, positive=True)))


def test_shadowed_variables_are_two_variables():
    assert vanishes(E(V(z) * E(V(z), z), z) - E(V(z), z) ** 2)


# --- stopped gradients, forms, traces --------------------------------------------------------------------------------


def test_stopped_gradients_are_values_or_stay_apart():
    loss = stop_gradient(V(theta)) * V(theta)
    assert vanishes(loss - V(theta) ** 2)
    assert not normal_form(loss - V(theta) ** 2, values=False).is_zero
    assert normal_form(stop_gradient(a * b) - stop_gradient(b * a), values=False).is_zero


def test_writing_and_reading_again_changes_nothing():
    w = y * x + (1 - y) * G(z, theta)
    critic = E(-y * sp.log(D(w, phi)) - (1 - y) * sp.log(1 - D(w, phi)), x, y, z)
    for expr in (
        critic,
        gradient(critic, phi),
        gradient(critic, theta),
        jacobian(gradient(critic, theta), theta),
        jacobian(gradient(critic, phi), theta),
        E(sp.log(E(D(z, x), z)), x),
        E(D(z, phi), z) ** 2,
    ):
        form = normal_form(expr)
        assert normal_form(form.expression).key == form.key


def test_the_trace_shows_the_coin_put_in():
    w = y * x + (1 - y) * G(z)
    form = normal_form(E(V(w), x, y, z))
    assert [step.rule for step in form.trace] == ["outcomes", "expectation", "normal form"]
    first = form.trace[0]
    assert isinstance(first, Step)
    assert normal_form(first.before - first.after).is_zero
    assert "1/2" in first.what
    assert "\\mathbb{E}" in first.latex()


def test_odd_symbol_names_cannot_forge_an_equality():
    odd = sp.Symbol("a+1*symbol:b")
    assert not vanishes(odd - sp.Symbol("a") - sp.Symbol("b"))
    assert not vanishes(sp.Symbol("c") - sp.Symbol("c", positive=True))


NETWORKS = st.sampled_from([D(u), V(u), V(v), P(v), a, b, sp.Integer(2), sp.exp(V(u)), sp.log(P(v))])
SCALARS = st.recursive(
    NETWORKS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] + p[1]), st.tuples(inner, inner).map(lambda p: p[0] * p[1])
    ),
    max_leaves=5,
)


@settings(max_examples=25, deadline=None)
@given(SCALARS, SCALARS, SCALARS)
def test_ring_laws(f, g, h):
    assert vanishes(f * (g + h) - f * g - h * f)
    assert vanishes((f + g) ** 2 - f**2 - 2 * f * g - g**2)
    assert normal_form(f + g).key == normal_form(g + f).key


@pytest.mark.parametrize("count", [2, 3])
def test_symmetrising_several_variables(count):
    drawn = [random(f"t{k}", data("p_data", "n")) for k in range(count)]
    total = sum(P(t) for t in drawn)
    assert vanishes(E(P(drawn[0]) / total, *drawn) - sp.Rational(1, count))
