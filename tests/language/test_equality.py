"""Equality: the paper's theorems are proved, mutants refuted by exact counterexamples, and a proof is never wrong."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel.language.enclosure import differ, enclosure
from bilevel.language.equality import equal
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.gradient import gradient, jacobian
from bilevel.language.laws import bernoulli, categorical, data, density, log_density, normal, random
from bilevel.language.networks import OPEN, network
from bilevel.language.nodes import dot, norm2, stop_gradient, vector
from bilevel.language.substitute import substitute
from bilevel.models import guided_cost_learning_instance

HALF = sp.Rational(1, 2)
theta, phi, u = vector("theta", "p"), vector("phi", "q"), vector("u", "n")
z, z2, x = random("z", normal("m")), random("z2", normal("m")), random("x", data("p_data", "n"))
x2 = random("x2", data("p_data", "n"))
y = random("y", bernoulli(HALF))
D, G, V = network("D", range="probability"), network("G", out="n"), network("V")
fake = G(z, theta)
shown = y * x + (1 - y) * fake

gan = -E(sp.log(D(x, phi)), x) - E(sp.log(1 - D(fake, phi)), z)
critic = E(-y * sp.log(D(shown, phi)) - (1 - y) * sp.log(1 - D(shown, phi)), x, y, z)


def refuted(left, right, known="exact", **options):
    found = equal(left, right, **options)
    assert found.answer is False, str(found)
    assert found.known == known
    assert found.counterexample.left != found.counterexample.right
    return found.counterexample


# --- the paper's identities and their mutants ------------------------------------------------------------------------


def test_critic_loss_of_the_coin_environment_is_half_the_gan_loss():
    found = equal(critic, gan / 2)
    assert found.answer is True
    assert found.known == "exact"
    assert found.trace[0].rule == "outcomes"


def test_a_wrong_factor_is_refuted_with_both_values():
    example = refuted(critic, gan)
    ratio = enclosure(example.right / example.left)
    assert abs(float(ratio) - 2) < 1e-9
    assert "D = (1 + u^2)/(2 + u^2 + v^2)" in str(example)


def test_fields_of_both_are_half_each_other():
    assert equal(gradient(critic, phi), gradient(gan, phi) / 2)
    assert equal(gradient(-critic, theta), gradient(-gan, theta) / 2)
    refuted(gradient(critic, theta), -gradient(gan, theta) / 2)


def test_coupling_blocks_of_a_zero_sum_game():
    rows = jacobian(gradient(gan, phi), theta)
    columns = jacobian(gradient(-gan, theta), phi)
    assert equal(rows, -columns.T)
    example = refuted(rows, columns.T)
    assert example.dims["p"] > 1 or example.dims["q"] > 1


def test_a_transposed_block_larger_than_one_by_one_is_refuted():
    square = vector("psi", "p")
    loss = E(V(G(z, theta), square), z)
    block = jacobian(gradient(loss, theta), square)
    refuted(block, block.T)


def test_saturating_and_non_saturating_steps_differ():
    saturating = gradient(E(sp.log(1 - D(fake, phi)), z), theta)
    other = gradient(-E(sp.log(D(fake, phi)), z), theta)
    refuted(saturating, other)


def test_swapped_arguments_are_refuted():
    refuted(V(theta, theta + theta), V(theta + theta, theta))
    u, w = vector("u", "n"), vector("w", "n")
    refuted(V(u, w), V(w, u))
    refuted(dot(u, sp.MatrixSymbol("M", *2 * (u.shape[0],)) * w), dot(w, sp.MatrixSymbol("M", *2 * (u.shape[0],)) * u))


def test_score_function_has_the_policy_gradient_form():
    s = random("s", data("states", "k"))
    a = random("a", density("pi", "m", s, theta))
    value = E(V(s, a), s, a)
    score = E(V(s, a) * gradient(log_density(a.law, a), theta), s, a)
    assert equal(gradient(value, theta), score)
    refuted(gradient(value, theta), 2 * score)


def test_values_and_derivatives_of_stopped_gradients():
    loss = stop_gradient(V(theta)) * V(theta)
    assert equal(loss, V(theta) ** 2)
    assert equal(loss, V(theta) ** 2, values=False).answer is None
    assert equal(gradient(loss, theta), gradient(V(theta) ** 2, theta) / 2)
    assert equal(loss, V(theta) ** 3, values=False).answer is False


def test_logit_slopes():
    logit = network("l")(fake, phi)
    q = sigmoid(logit)
    dull = E(q * gradient(logit, theta), z)
    assert equal(gradient(E(-sp.log(1 - q), z), theta), dull)
    assert equal(gradient(E(softplus(-logit), z), theta), -E((1 - q) * gradient(logit, theta), z))


# --- counterexamples -------------------------------------------------------------------------------------------------


def test_data_laws_and_densities_are_replaced_by_finite_laws():
    example = refuted(E(norm2(x), x), norm2(E(x, x)))
    assert "p_data" in example.laws
    assert example.left.is_Rational
    s = random("s", density("rho", "k", theta))
    refuted(E(V(s), s), V(E(s, s)))


def test_normal_laws_stay_normal():
    e = random("e", normal(0, 1))
    assert equal(E(e**4, e), 3)
    refuted(E(e**4, e), 2)
    refuted(E(V(z), z) ** 2, E(V(z) ** 2, z))
    assert equal(E(D(z, phi), z) ** 2, E(D(z, phi) ** 2, z)).known == "float"


def test_log_densities_use_normal_laws():
    s = random("s", density("rho", "k", theta))
    refuted(E(log_density(s.law, s), s), 2 * E(log_density(s.law, s), s))
    slope = gradient(E(V(s), s), theta)
    refuted(slope, -slope)


def test_unknown_keeps_its_reason():
    noise = random("e", normal(0, 1))  # integration by parts is a rewrite, not a rule of the normal form
    t = sp.Symbol("t", real=True)
    found = equal(E(noise * V(noise), noise), E(substitute(gradient(V(t), t), {t: noise}), noise))
    assert found.answer is None
    assert "agree at every instance" in found.reason
    assert "E_e[" in found.reason


def test_scores_have_mean_zero_whatever_is_conditioned_on():
    s = random("s", data("states", "k"))
    a = random("a", density("pi", "m", s, theta))
    score = gradient(log_density(a.law, a), theta)
    assert equal(E(V(s) * score, s, a), sp.ZeroMatrix(*theta.shape))
    assert equal(E(score, a), sp.ZeroMatrix(*theta.shape))
    refuted(E(V(s, a) * score, s, a), sp.ZeroMatrix(*theta.shape))
    other = random("b", density("pi", "m", s, theta + theta))
    refuted(E(gradient(log_density(a.law, other), theta), s, other), sp.ZeroMatrix(*theta.shape))


def test_assumptions_must_hold_at_the_counterexample():
    c = sp.Symbol("c", real=True)
    assert equal(E(D(fake, phi), z), c, assuming=[(D(fake, phi), c)])
    assert equal(E(D(fake, phi), z), 2 * c, assuming=[(D(fake, phi), c)]).answer is None
    example = refuted(sp.Abs(c), -c, assuming=[c > 0])
    assert sp.sympify(example.point["c"]) > 0
    with pytest.raises(GameError, match="turn it round"):
        equal(c, c + 1, assuming=[(c, c + 1)])


def test_unlike_shapes_are_refused():
    with pytest.raises(GameError, match="one shape"):
        equal(theta, dot(theta, theta))
    with pytest.raises(GameError, match="one shape"):
        equal(theta, phi)


def test_enclosures_decide_logarithms():
    assert differ(sp.log(2) + sp.log(3) - sp.log(6, evaluate=False)) == ""
    assert differ(sp.log(2) - sp.Rational(6931471805599453, 10**16)) == "exact"
    assert enclosure(sp.Symbol("t")) is None


# --- what must not be taken for granted ------------------------------------------------------------------------------


def test_infinity_is_no_number_to_calculate_with():
    assert equal(sp.oo * V(u), 2 * sp.oo * V(u)).answer is not True


def test_a_function_of_a_known_name_is_not_the_known_function():
    class exp(sp.Function):  # a user's own function
        pass

    t = sp.Symbol("t", real=True)
    assert equal(exp(2 * t), exp(t) ** 2).answer is not True
    assert equal(sp.Function("f")(t), sp.Function("f")(t))
    assert equal(sp.Function("f")(t), sp.Function("g")(t)).answer is not True


def test_complex_symbols_are_not_taken_for_real_ones():
    c = sp.Symbol("c")
    assert equal(sp.log(sp.exp(c)), c).answer is not True
    assert equal(sp.sqrt(sp.exp(c)), sp.exp(c / 2), attempts=0).answer is not True
    assert equal(sp.log(sp.exp(V(u))), V(u)).answer is True


def test_where_stopped_gradients_count_the_road_of_the_derivative_does_too():
    mean = sp.Symbol("mu", real=True)
    a, noise = random("a", normal(mean, 1)), random("e", normal(0, 1))
    kept, moved = E(stop_gradient(V(a)), a), E(stop_gradient(V(mean + noise)), noise)
    assert equal(kept, moved)
    assert equal(kept, moved, values=False).answer is None
    assert equal(gradient(kept, mean), gradient(moved, mean)).answer is not True


def test_probabilities_at_a_counterexample_sum_to_one():
    first, second = sp.symbols("first second", positive=True)
    kind = random("kind", categorical(first, second))
    assert equal(E(V(kind) + 1, kind), E(V(kind), kind) + 1).answer is not False


def test_critic_constant_with_zero_slope_on_the_support():
    c = sp.Symbol("c", positive=True)
    logit = network("l")
    q = sigmoid(logit(fake, phi))
    row = jacobian(gradient(E(-sp.log(1 - q), z), phi), theta)
    column = jacobian(gradient(E(-sp.log(q), z), theta), phi)
    slope = gradient(logit(u, phi), u).func
    given = [
        (logit(fake, phi), sp.log(c / (1 - c))),
        (slope(logit(fake, phi), 1, (0, OPEN)), sp.ZeroMatrix(u.shape[0], 1)),
    ]
    mixed = c * E(jacobian(gradient(logit(u, phi), phi), u).xreplace({u: fake}) * jacobian(fake, theta), z)
    assert equal(row, mixed, assuming=[*given, c < 1])
    assert equal(column, -(1 - c) / c * mixed.T, assuming=[*given, c < 1])
    assert equal(column, -mixed.T, assuming=[*given, c < 1]).answer is not True


def test_a_score_away_from_its_own_law_is_not_read_off_the_wrong_outcome():
    a = random("a", density("pi", "m", theta))
    b = random("b", density("rho", "m"))
    score = gradient(log_density(a.law, b), theta)
    example = refuted(E(score, b), sp.ZeroMatrix(*theta.shape))
    assert "normal" in example.laws["pi"]


T = sp.Symbol("t", real=True)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (sp.cosh(T), 1 + T**2 / 2),
        (sp.sinh(T), T + T**3 / 6),
        (sp.tan(T), T),
        (sp.atan(T), T / (1 + T**2)),
        (sp.erf(T), 2 * T / sp.sqrt(sp.pi)),
        (sp.asinh(T), sp.log(1 + T**2)),
    ],
)
def test_functions_that_differ_at_a_rational_point_are_told_apart(first, second):
    answer = equal(first, second)
    assert answer.answer is False and answer.counterexample.known == "exact"


def test_powers_of_roots_of_numbers_are_numbers():
    two, t, u = sp.sqrt(2), sp.Symbol("t", real=True), random("u", normal(0, 1))
    assert equal(1 / (two - 1), two + 1).answer and equal(sp.Pow(two, 2, evaluate=False) * t, 2 * t).answer
    assert equal(E((two * u + t) ** 2, u), 2 + t**2).answer
    assert equal(E((two * u + t) ** 2, u), E(2 * u**2 + 2 * two * u * t + t**2, u)).answer
    assert equal(E((two * u + t) ** 2, u), two + t**2).answer is False
    assert equal(sp.cbrt(2) ** 4 * t, 2 * sp.cbrt(2) * t).answer and equal(t / two, two * t / 2).answer


def test_weights_by_a_density_are_refuted_where_they_are_left_out():
    """E_q[w f]/E_q[w] with w = exp(-c)/q is not E_q[f]: exactly, at a random cost and normal sampler, or where told."""
    psi, c, tau = vector("psi", "q"), network("c"), random("tau", density("q", "n", vector("theta", "p")))
    weight = sp.exp(-c(tau, psi) - log_density(density("q", "n", vector("theta", "p")), tau))
    place = vector("place", "n")
    slope = substitute(gradient(c(place, psi), psi), {place: tau})
    weighed, plain = (1 / E(weight, tau)) * E(weight * slope, tau), E(slope, tau)
    found = equal(weighed, plain)
    assert (found.answer, found.known) == (False, "exact") and "normal" in found.counterexample.laws["q"]
    told = equal(weighed, plain, instances=[guided_cost_learning_instance()], attempts=0)
    assert (told.answer, told.known) == (False, "exact"), "what the instance leaves open is drawn"
    assert equal(weighed, (1 / E(weight, tau)) * E(slope * weight, tau)).answer
