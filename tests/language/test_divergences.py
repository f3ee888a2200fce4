"""Divergences: recognised in values of best responses, refused where none fits; Bregman critics; constraints;
orders of play.
"""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.bregman import bregman, bregman_critic, reversed_bregman_counterexample
from bilevel.language.constrained import best_density, project_box, project_simplex
from bilevel.language.divergences import divergences, recognise
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.function_space import densities, pointwise_best_response
from bilevel.language.orders_of_play import critic_leads_value, law_best_reply, orders_of_play

p, q = densities("p q")
D = sp.Symbol("D")
log, exp = sp.log, sp.exp
half = sp.Rational(1, 2)

VALUES = [
    (p * log(D) + q * log(1 - D), "max", "probability", "-2*log(2) + 2 * JS(p, q)"),
    ((p - q) * D, "max", sp.Interval(-1, 1), "2 * TV(p, q)"),
    (p * sp.Max(0, 1 - D) + q * sp.Max(0, 1 + D), "min", "real", "2 - 2 * TV(p, q)"),
    (p * D - q * exp(D - 1), "max", "real", "KL(p || q)"),
    (p * D + q * (1 + log(-D)), "max", "negative", "KL(q || p)"),
    (p * D - q * (D**2 / 4 + D), "max", "real", "chi2(p || q)"),
    (p * D - q * D / (1 - D), "max", (-sp.oo, 1), "H2(p, q)"),
    (p * exp(-D) + q * exp(D), "min", "real", "2 - H2(p, q)"),
    (p * (D - 1) ** 2 + q * (D + 1) ** 2, "min", "real", "2 - chi2(2 q || p + q)"),
]


def integrate(expression: Any, real: list[Any], fake: list[Any]) -> float:
    """The integral over a finite space."""
    return sum(float(expression.subs({p: x, q: y})) for x, y in zip(real, fake, strict=True))


def random_law(size: int, seed: int) -> list[Any]:
    weights = [random.Random(seed * 97 + k).randint(1, 9) for k in range(size)]
    return [sp.Rational(w, sum(weights)) for w in weights]


@pytest.mark.parametrize(("loss", "sense", "limits", "statement"), VALUES)
def test_value_at_best_response_is_a_divergence(loss: Any, sense: str, limits: Any, statement: str) -> None:
    value = pointwise_best_response(loss, D, sense=sense, range=limits).value_at_best_response
    found = recognise(value, p, q)
    assert found.statement == statement and found.known == "exact"
    for seed in (1, 2, 3):
        real, fake = random_law(4, seed), random_law(4, seed + 10)
        rebuilt = float(found.constant) + sum(
            float(c) * integrate(d.integrand(p, q), real, fake) for c, d in found.terms
        )
        assert math.isclose(integrate(value, real, fake), rebuilt, rel_tol=1e-9, abs_tol=1e-9)


def test_least_squares_value_with_its_labels() -> None:
    b, c = sp.symbols("b c", real=True)
    critic = (b * p + (b - 2) * q) / (p + q)
    value = (p * (critic - c) ** 2 + q * (critic - c) ** 2).subs(c, b - 1)
    assert recognise(value, p, q).statement == "chi2(2 q || p + q)"


@pytest.mark.parametrize("value", [p**2, p * log(q), p * log(p / q) + 1, sp.sqrt(p), p * log(p / (p + 2 * q))])
def test_near_misses_are_refused(value: Any) -> None:
    with pytest.raises(UnknownAnswer):
        recognise(value, p, q)


@settings(max_examples=15, deadline=None)
@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 5), st.sampled_from(sorted(divergences())))
def test_affine_functions_come_back(of_p: int, of_q: int, weight: int, name: str) -> None:
    found = recognise(of_p * p + of_q * q + weight * divergences()[name].integrand(p, q), p, q)
    assert (found.of_p, found.of_q) == (of_p, of_q)
    assert [(c, d.name) for c, d in found.terms] == [(weight, name)]


def test_linear_value_has_no_divergence() -> None:
    assert recognise(2 * p + 3 * q, p, q).statement == "5"


@pytest.mark.parametrize("name", sorted(divergences()))
def test_divergences_are_nonnegative_and_vanish_at_equality(name: str) -> None:
    integrand = divergences()[name].integrand(p, q)
    for seed in range(4):
        real, fake = random_law(3, seed), random_law(3, seed + 50)
        assert integrate(integrand, real, fake) > 0 or real == fake
        assert math.isclose(integrate(integrand, real, real), 0, abs_tol=1e-12)


# --- Bregman critics (theorem 4) -------------------------------------------------------------------


def test_every_bregman_divergence_has_the_same_best_critic() -> None:
    alpha, beta = sp.symbols("alpha beta", real=True)
    assert bregman_critic(p, q).value == p / (p + q)
    assert sp.cancel(bregman_critic(p, q, alpha, beta).value - (alpha * p + beta * q) / (p + q)) == 0
    assert sp.cancel(bregman_critic(p, q).sensitivity + p / (p + q) ** 2) == 0


def test_both_proofs_hold_for_an_undefined_function() -> None:
    u, phi = sp.Symbol("u", real=True), sp.Function("phi", real=True)
    found = bregman_critic(p, q)
    assert sp.expand(found.loss.subs(u, u) - found.entropy_gap).has(phi(u)) and not found.entropy_gap.has(u)
    assert sp.expand(sp.diff(found.loss, u) - phi(u).diff(u, 2) * ((p + q) * u - p)) == 0


def test_end_of_range_identity() -> None:
    """B(0 || v) - B(0 || u) = B(u || v) + u (phi'(v) - phi'(u)): the loss falls all the way to the end."""
    u, v = sp.symbols("u v", real=True)
    phi = sp.Function("phi", real=True)
    left = bregman(phi, 0, v) - bregman(phi, 0, u)
    assert sp.expand(left - bregman(phi, u, v) - u * (phi(v).diff(v) - phi(u).diff(u))) == 0


@pytest.mark.parametrize(
    "phi",
    [
        lambda x: x**2,
        lambda x: x * log(x) + (1 - x) * log(1 - x),
        lambda x: x**4 + x**2,
        lambda x: exp(x),
        lambda x: -sp.sqrt(x),
    ],
)
def test_concrete_bregman_losses_agree(phi: Any) -> None:
    u = sp.Symbol("u", real=True)
    loss = p * bregman(phi, 1, u) + q * bregman(phi, 0, u)
    reply = pointwise_best_response(loss, u, range="probability")
    assert sp.cancel(reply.value - p / (p + q)) == 0


def test_reversed_order_is_refuted() -> None:
    found = reversed_bregman_counterexample()
    assert found.at_equal_densities == 1 / sp.sqrt(2) != found.claimed


# --- constraints -----------------------------------------------------------------------------------


def test_entropy_regularised_policy_is_softmax() -> None:
    scores, tau, pi = sp.Symbol("Q", real=True), sp.Symbol("tau", positive=True), sp.Symbol("pi", positive=True)
    reply = best_density(pi * scores - tau * pi * log(pi), pi, sense="max", pointwise=[scores])
    assert reply.shape == exp(scores / tau) and reply.optimum == tau * log(reply.normaliser)
    levels = [0.3, -1.0, 2.0]
    z = sum(math.exp(level / 0.7) for level in levels)
    law = [math.exp(level / 0.7) / z for level in levels]
    value = sum(w * level - 0.7 * w * math.log(w) for w, level in zip(law, levels, strict=True))
    assert math.isclose(value, 0.7 * math.log(z))


def test_tilted_law_and_maximum_likelihood() -> None:
    c, x = sp.Symbol("c", real=True), sp.Symbol("x", positive=True)
    prior = sp.Symbol("m", positive=True)
    tilted = best_density(x * c + x * log(x / prior), x, pointwise=[c, prior])
    assert tilted.shape == prior * exp(-c) and tilted.optimum == -log(tilted.normaliser)
    assert best_density(-prior * log(x), x, pointwise=[prior]).shape == prior


def test_quadratic_density_keeps_its_multiplier() -> None:
    c, x = sp.Symbol("c", real=True), sp.Symbol("x", positive=True)
    reply = best_density(x**2 / 2 - c * x, x, pointwise=[c])
    assert reply.normaliser is None and reply.value.has(reply.multiplier)


def test_linear_cost_has_no_density() -> None:
    c, x = sp.Symbol("c", real=True), sp.Symbol("x", positive=True)
    with pytest.raises(UnknownAnswer):
        best_density(c * x, x, pointwise=[c])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.fractions(-3, 3, max_denominator=7), min_size=1, max_size=5))
def test_simplex_projection_is_nearest(point: list[Any]) -> None:
    entries = [sp.Rational(v.numerator, v.denominator) for v in point]
    (case,) = project_simplex(entries)
    assert sum(case.value) == 1 and min(case.value) >= 0
    gaps = [v - x for v, x in zip(entries, case.value, strict=True)]
    # Variational inequality: the gap makes an obtuse angle with every direction into the simplex; vertices suffice.
    assert max(gaps) - sum(g * x for g, x in zip(gaps, case.value, strict=True)) <= 0


def test_symbolic_simplex_cases_cover_exactly_once() -> None:
    names = sp.symbols("v0:3", real=True)
    cases = project_simplex(names)
    for seed in range(6):
        numbers = [sp.Rational(random.Random(seed * 7 + k).randint(-9, 9), 4) for k in range(3)]
        at = dict(zip(names, numbers, strict=True))
        holding = [case for case in cases if case.condition.subs(at) == sp.true]
        assert len(holding) == 1
        assert tuple(sp.sympify(v).subs(at) for v in holding[0].value) == project_simplex(numbers)[0].value


def test_weight_clipping() -> None:
    w = sp.Symbol("w", real=True)
    found = project_box([3, w, 0], -1, 1)
    assert found.active == (0,) and [found.value[1].subs(w, x) for x in (-2, 0, 5)] == [-1, 0, 1]
    with pytest.raises(GameError):
        project_box([0], 1, -1)


# --- orders of play (theorem 10) -------------------------------------------------------------------


def test_both_orders_have_the_value_minus_log_four() -> None:
    both = orders_of_play(log(D), log(1 - D), D)
    assert both.level == half and both.value == -2 * log(2) and both.matching_is_unique
    assert sp.simplify(both.field[0] - (p / D - q / (1 - D))) == 0 and both.field[1] == log(1 - D)


def test_orders_of_play_need_an_interior_constant() -> None:
    with pytest.raises(UnknownAnswer):
        orders_of_play(D, -D, D, range=sp.Interval(-1, 1))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=2, max_size=4))
def test_a_leading_critic_never_beats_minus_log_four(rows: list[tuple[int, int]]) -> None:
    total = sum(w for w, _ in rows)
    if total == 0:
        return
    data, levels = [sp.Rational(w, total) for w, _ in rows], [sp.Rational(d, 10) for _, d in rows]
    found = critic_leads_value(data, levels)
    assert found.margin >= 1
    described = all(d == half if w else d <= half for w, d in zip(data, levels, strict=True))
    assert found.optimal == described


def test_collapse_is_a_best_reply_to_the_leading_critic() -> None:
    found = critic_leads_value([half, half, 0], [half, half, sp.Rational(1, 3)])
    assert found.optimal and found.reply.vertices == ((1, 0, 0), (0, 1, 0))
    assert (
        found.reply.contains([1, 0, 0])
        and found.reply.contains([half, half, 0])
        and not found.reply.contains([0, half, half])
    )
    assert not critic_leads_value([half, half, 0], [half, half, sp.Rational(2, 3)]).optimal


def test_replies_to_scores() -> None:
    assert law_best_reply([log(2), log(3)]).unique and law_best_reply([log(2), log(3)], sense="min").carrier == (0,)
    with pytest.raises(GameError):
        law_best_reply([])
    with pytest.raises(GameError):
        critic_leads_value([1, 1], [half, half])
