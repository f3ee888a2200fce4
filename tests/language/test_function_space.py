"""Best responses in function space: published rows, cases at the boundary, and a numeric second road."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.conjugates import conjugate
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.function_space import BestResponse, Lipschitz, densities, pointwise_best_response
from bilevel.language.signs import box, sign

p, q = densities("p q")
D = sp.Symbol("D")
a, b = sp.symbols("a b", real=True)
log, exp, sqrt = sp.log, sp.exp, sp.sqrt
LOG2 = sp.log(2)
x, y = sp.symbols("x y", positive=True)

F_GAN = {
    "KL": (lambda u: u * log(u), 1 + log(p / q), lambda t: exp(t - 1), (-sp.oo, sp.oo), 1),
    "reverse KL": (lambda u: -log(u), -q / p, lambda t: -1 - log(-t), (-sp.oo, 0), -1),
    "Pearson": (lambda u: (u - 1) ** 2, 2 * (p / q - 1), lambda t: t**2 / 4 + t, (-2, sp.oo), 0),
    "squared Hellinger": (lambda u: (sqrt(u) - 1) ** 2, 1 - sqrt(q / p), lambda t: t / (1 - t), (-sp.oo, 1), 0),
    "Jensen-Shannon": (
        lambda u: u * log(u) - (u + 1) * log((u + 1) / 2),
        log(2 * p / (p + q)),
        lambda t: -log(2 - exp(t)),
        (-sp.oo, LOG2),
        0,
    ),
    "GAN": (
        lambda u: u * log(u) - (u + 1) * log(u + 1),
        log(p / (p + q)),
        lambda t: -log(1 - exp(t)),
        (-sp.oo, 0),
        -LOG2,
    ),
}


def same(left: Any, right: Any) -> bool:
    """Equal at p = q = t = u = 1 (t = -1 for domains below 0), with equal derivatives in every symbol."""
    gap = sp.sympify(left - right)
    slopes = [
        sp.cancel(sp.together(sp.diff(gap.subs({p: x**2, q: y**2}), s))) for s in (x, y, *(gap.free_symbols - {p, q}))
    ]
    return (
        all(sp.simplify(slope) == 0 for slope in slopes)
        and sp.simplify(gap.subs(dict.fromkeys(gap.free_symbols, -1 if not gap.has(p) else 1))) == 0
    )


def gan(**options: Any) -> BestResponse:
    return pointwise_best_response(p * log(D) + q * log(1 - D), D, sense="max", range="probability", **options)


def case_at(reply: BestResponse, **zeros: int) -> Any:
    """The case of a face, such as p=0, with no other zero."""
    wanted = {sp.Eq(sp.Symbol(name, nonnegative=True), 0) for name in zeros}
    return next(case for case in reply.cases if set(case.condition.atoms(sp.Eq)) == wanted)


def test_gan_critic_curvature_and_sensitivity() -> None:
    reply = gan()
    assert (reply.value, reply.kind, reply.known) == (p / (p + q), "interior", "exact")
    assert sp.simplify(reply.curvature + (p + q) ** 3 / (p * q)) == 0
    assert sp.simplify(reply.sensitivity(q) + p / (p + q) ** 2) == 0
    assert any("unique global minimum" in line for line in reply.trace)


def test_gan_critic_where_a_density_vanishes() -> None:
    reply = gan()
    assert (case_at(reply, p=0).value, case_at(reply, p=0).attained) == (0, False)
    assert (case_at(reply, q=0).value, case_at(reply, q=0).attained) == (1, False)
    assert case_at(reply, p=0, q=0).ties == sp.Interval.open(0, 1)
    assert not reply.attained


def test_general_label_targets() -> None:
    alpha, beta = sp.symbols("alpha beta", positive=True)
    loss = p * (alpha * log(D) + (1 - alpha) * log(1 - D)) + q * (beta * log(D) + (1 - beta) * log(1 - D))
    reply = pointwise_best_response(loss, D, sense="max", range="probability", assuming=(alpha < 1, beta < 1))
    assert sp.cancel(reply.value - (alpha * p + beta * q) / (p + q)) == 0
    assert case_at(reply, p=0).value == beta and case_at(reply, p=0).attained


def test_closed_label_targets_are_not_claimed_inside() -> None:
    """With alpha = 1 and beta = 0 allowed together the denominators of the proof still have a sign:
    p, q > 0 suffices.
    """
    alpha = sp.Symbol("alpha", positive=True)
    reply = pointwise_best_response(
        -p * (alpha * log(D) + (1 - alpha) * log(1 - D)) - q * log(1 - D),
        D,
        sense="min",
        range="probability",
        assuming=(alpha <= 1,),
    )
    assert sp.cancel(reply.value - alpha * p / (p + q)) == 0


def test_least_squares_critic() -> None:
    reply = pointwise_best_response(p * (D - b) ** 2 / 2 + q * (D - a) ** 2 / 2, D)
    assert sp.cancel(reply.value - (b * p + a * q) / (p + q)) == 0
    assert sp.cancel(reply.value_at_best_response - p * q * (a - b) ** 2 / (2 * (p + q))) == 0


@pytest.mark.parametrize("name", F_GAN)
def test_f_gan_rows(name: str) -> None:
    f, best, star, domain, slope_at_one = F_GAN[name]
    u, t = sp.Symbol("u", positive=True), sp.Symbol("t", real=True)
    found = conjugate(f(u), u, argument=t)
    assert (found.domain.start, found.domain.end) == domain
    assert same(found.expression, star(t))
    assert same(sp.diff(f(u), u).subs(u, 1), slope_at_one)
    reply = pointwise_best_response(p * D - q * found.expression.subs(t, D), D, sense="max", range=found.domain)
    assert reply.kind == "interior" and same(reply.value, best)
    assert same(reply.value, sp.diff(f(u), u).subs(u, p / q))
    assert same(reply.value_at_best_response, q * f(p / q))


def test_total_variation_is_bang_bang_with_ties() -> None:
    reply = pointwise_best_response((p - q) * D, D, sense="max", range=sp.Interval(-1, 1))
    assert reply.kind == "boundary"
    assert [reply.value.subs({p: x, q: y}) for x, y in ((2, 1), (1, 2))] == [1, -1]
    assert any(case.ties == sp.Interval(-1, 1) and case.condition == sp.Eq(q, p) for case in reply.cases)


@pytest.mark.parametrize("limits", ["real", sp.Interval(-1, 1)])
def test_hinge(limits: Any) -> None:
    reply = pointwise_best_response(p * sp.Max(0, 1 - D) + q * sp.Max(0, 1 + D), D, range=limits)
    assert reply.kind == "boundary"
    for x, y in ((3, 1), (1, 3), (2, 2)):
        assert reply.value_at_best_response.subs({p: x, q: y}) == 2 * min(x, y)
        assert x == y or reply.value.subs({p: x, q: y}) == (1 if x > y else -1)


def test_hinge_on_a_face_has_a_half_line_of_optima() -> None:
    reply = pointwise_best_response(p * sp.Max(0, 1 - D) + q * sp.Max(0, 1 + D), D)
    assert case_at(reply, p=0).ties == sp.Interval(-sp.oo, -1)
    assert case_at(reply, q=0).ties == sp.Interval(1, sp.oo)


def test_energy_based_margin_critic() -> None:
    m = sp.Symbol("m", positive=True)
    reply = pointwise_best_response(p * D + q * sp.Max(0, m - D), D, range="nonnegative")
    assert [reply.value.subs({p: x, q: y}) for x, y in ((2, 1), (1, 2))] == [0, m]


def test_projection_onto_a_range_that_misses_the_stationary_value() -> None:
    reply = pointwise_best_response(p * (D - 1) ** 2 + q * (D + 1) ** 2, D, range=sp.Interval(0, 1))
    assert reply.kind == "cases"
    assert [reply.value.subs({p: x, q: y}) for x, y in ((1, 3), (3, 1))] == [0, sp.Rational(1, 2)]


def test_concave_cost_goes_to_an_end() -> None:
    reply = pointwise_best_response(-p * D**2 + q * D, D, range=sp.Interval(0, 1))
    assert [reply.value.subs({p: x, q: y}) for x, y in ((1, 2), (2, 1))] == [0, 1]


def test_double_well_compares_all_candidates() -> None:
    u = sp.Symbol("u")
    reply = pointwise_best_response((u**2 - 1) ** 2, u, range=sp.Interval(-3, 2))
    assert reply.cases[0].ties == sp.FiniteSet(-1, 1) and reply.value_at_best_response == 0


@pytest.mark.parametrize("constraint", [Lipschitz(1), "1-Lipschitz"])
def test_nonpointwise_constraint_is_unknown(constraint: Any) -> None:
    with pytest.raises(UnknownAnswer, match="ties different points together"):
        pointwise_best_response((p - q) * D, D, sense="max", constraint=constraint)


def test_unbounded_is_said() -> None:
    reply = pointwise_best_response((p - q) * D, D, sense="max", range="real")
    assert not reply.attained


def test_mistakes_are_answered() -> None:
    with pytest.raises(GameError, match="sense"):
        pointwise_best_response(p * D**2, D, sense="best")
    with pytest.raises(GameError, match="range"):
        pointwise_best_response(p * D**2, D, range="somewhere")


FALLING = {
    "-log": -log(D),
    "log loss": -log(D / (1 + D)),
    "inverse": 1 / D,
    "root": -sqrt(D),
    "square": (D - 1) ** 2,
    "exp": exp(-D),
    "linear": -D,
    "hinge": sp.Max(0, sp.Rational(1, 2) - D),
}
RISING = {
    "log": -log(1 - D),
    "square": D**2,
    "exp": exp(D),
    "ratio": D / (1 - D),
    "linear": D,
    "soft": log(1 + exp(D)),
    "cube": D**3,
}


@pytest.mark.parametrize(("falling", "rising"), list(itertools.product(FALLING, RISING)))
def test_no_grid_point_beats_the_answer(falling: str, rising: str) -> None:
    """Second road: on a grid of values and at rational densities nothing is better; an honest unknown passes."""
    loss = p * FALLING[falling] + q * RISING[rising]
    try:
        reply = pointwise_best_response(loss, D, range=sp.Interval.open(0, 1))
    except UnknownAnswer:
        return
    cost = sp.lambdify((D, p, q), loss, "math")
    for x, y in ((1.0, 2.0), (0.3, 0.1), (2.0, 0.05), (0.02, 1.5)):
        at = {p: sp.Rational(x).limit_denominator(100), q: sp.Rational(y).limit_denominator(100)}
        best, optimum = float(reply.value.subs(at)), float(reply.value_at_best_response.subs(at))
        grid = [k / 400 for k in range(1, 400)]
        costs = [cost(u, x, y) for u in grid]
        assert optimum <= min(costs) + 1e-9, (loss, at)
        assert -1e-12 <= best <= 1 + 1e-12
        assert abs(grid[costs.index(min(costs))] - best) < 0.02 or abs(min(costs) - optimum) < 1e-3 * max(
            1, abs(optimum)
        )


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 10), st.integers(0, 10))
def test_label_targets_at_random_rationals(x: int, y: int, i: int, j: int) -> None:
    alpha, beta = sp.Rational(i, 10), sp.Rational(j, 10)
    loss = -x * (alpha * log(D) + (1 - alpha) * log(1 - D)) - y * (beta * log(D) + (1 - beta) * log(1 - D))
    reply = pointwise_best_response(loss, D, range="probability")
    assert reply.value == (alpha * x + beta * y) / (x + y)
    assert reply.attained == (0 < reply.value < 1)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=3, max_size=5), st.integers(-3, 0), st.integers(1, 3))
def test_polynomials_against_a_grid(coefficients: list[int], low: int, high: int) -> None:
    u = sp.Symbol("u")
    cost = sum(c * u**k for k, c in enumerate(coefficients))
    try:
        reply = pointwise_best_response(cost, u, range=sp.Interval(low, high))
    except UnknownAnswer:
        return
    values = [
        cost.subs(u, low + sp.Rational(k, 40) * (high - low)) if u in sp.sympify(cost).free_symbols else cost
        for k in range(41)
    ]
    optimum = float(reply.value_at_best_response)
    assert optimum <= float(min(values)) + 1e-12
    assert math.isclose(float(sp.sympify(cost).subs(u, reply.value)), optimum, rel_tol=1e-9, abs_tol=1e-9)


def test_an_optimum_at_infinity_is_approached_not_attained() -> None:
    reply = pointwise_best_response(p * exp(-D) + q * exp(-2 * D), D)
    assert reply.value == sp.oo and reply.value_at_best_response == 0 and not reply.cases[0].attained


def test_kink_against_a_curved_piece() -> None:
    reply = pointwise_best_response(p * sp.Max(0, 1 - D) + q * exp(D), D)
    assert reply.kind == "cases"
    assert reply.value.subs({p: 1, q: 1}) == 0 and reply.value.subs({p: 3, q: 1}) == 1
    assert (case_at(reply, p=0).value, case_at(reply, p=0).attained) == (-sp.oo, False)


def test_lambert_w_where_the_stationarity_is_transcendental() -> None:
    reply = pointwise_best_response(-p * log(D) + q * exp(D), D, range="positive")
    assert reply.value == sp.LambertW(p / q)


def test_undecided_sign_at_infinity_is_unknown() -> None:
    with pytest.raises(UnknownAnswer, match="depends on the sign"):
        pointwise_best_response(q * log(1 + exp(D)) - p * D, D)


def test_text_and_floats_are_refused() -> None:
    for bad in ("p*D", 0.5, 0.5 * D**2):
        with pytest.raises(GameError):
            pointwise_best_response(bad, D)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=6, max_size=6), st.integers(0, 3))
def test_a_proved_sign_holds_at_sampled_points(c: list[int], form: int) -> None:
    """Second road for the sign prover: exact evaluation all over the box, its closed face included."""
    s, t, r = sp.Symbol("s", positive=True), sp.Symbol("t", real=True), sp.Symbol("r", positive=True)
    tail = (c[4] * exp(t), c[4] * exp(-r) * s, c[4] * log(1 + s), c[4] * r * s**2)[form]
    expression = c[0] + c[1] * s + c[2] * r * s + c[3] * t**2 + tail + c[5] * (1 - r)
    found = sign(expression, box((s, t, r), (r <= 1,)))
    for values in itertools.product((sp.Rational(1, 9), 1, 20), (-2, 0, sp.Rational(1, 3)), (sp.Rational(1, 50), 1)):
        number = expression.subs(dict(zip((s, t, r), values, strict=True))) if found is not None else 0
        assert found is None or sp.sign(sp.N(number, 40)) == found


def test_an_unbounded_linear_loss_is_finite_where_the_densities_agree() -> None:
    d = sp.Symbol("D", real=True)
    reply = pointwise_best_response((p - q) * d, d, sense="max")
    at = lambda one, other: reply.value_at_best_response.subs({p: one, q: other})
    assert at(2, 2) == 0 and at(2, 1) == sp.oo and at(1, 2) == sp.oo


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (sp.Eq(D, sp.Rational(1, 2)), {sp.Rational(1, 2)}),
        (sp.Eq(D**2, sp.Rational(1, 9)), {sp.Rational(1, 3)}),  # -1/3 is no probability
        (sp.Eq(6 * D**2 - 5 * D + 1, 0), {sp.Rational(1, 2), sp.Rational(1, 3)}),
    ],
)
def test_an_equation_at_every_point_leaves_the_best_of_the_values_it_allows(constraint: Any, expected: Any) -> None:
    loss = p * sp.log(D) + q * sp.log(1 - D)
    reply = pointwise_best_response(loss, D, sense="max", range="probability", constraint=constraint)
    assert {case.value for case in reply.cases} == expected and reply.kind == "tied"
    for mass in [(1, 3), (3, 1), (2, 5), (7, 2)]:
        at = dict(zip((p, q), map(sp.Integer, mass), strict=True))
        best = max(expected, key=lambda v: float(loss.subs(D, v).subs(at)))
        assert reply.value.subs(at) == best


def test_constraints_that_are_not_solved_are_refused_for_their_own_reason() -> None:
    solve = lambda **kw: pointwise_best_response((p - q) * D, D, sense="max", **kw)
    with pytest.raises(GameError, match="no value of D"):
        solve(range="probability", constraint=sp.Eq(D, 3))
    with pytest.raises(UnknownAnswer, match="bounds on D are its range"):
        solve(constraint=D < 1)
    with pytest.raises(UnknownAnswer, match="says nothing of D"):
        solve(constraint=sp.Eq(p * D, 1))
    with pytest.raises(UnknownAnswer, match="degree one and two"):
        solve(constraint=sp.Eq(sp.exp(D), 2))
