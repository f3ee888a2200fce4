"""Best parameters, rates, crossings and modified equations: published values and numerical second roads."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import bilevel as bl
from bilevel.analysis.modified import modified_field, modified_losses
from bilevel.analysis.rates import best, crossings
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.rules import (
    alternating,
    extragradient,
    flow,
    heavy_ball,
    optimistic,
    past_extragradient,
    proximal_point,
    simultaneous,
)

x, y = sp.symbols("x y", real=True)
h, sigma, m, k, s, gamma = sp.symbols("h sigma m k s gamma", positive=True)
ORIGIN = {x: 0, y: 0}
BILINEAR = Game(first=minimize(x * y, x), second=maximize(x * y, y))


def test_extragradient_on_a_bilinear_game():
    game = Game(first=minimize(sigma * x * y, x), second=maximize(sigma * x * y, y))
    found = best(game, extragradient(h), ORIGIN, over=h)
    assert found.known == "exact" and sp.expand(found.rate**2) == sp.Rational(3, 4)
    assert sp.simplify(found.step * sigma - 1 / sp.sqrt(2)) == 0


def test_gradient_descent_between_two_curvatures():
    found = best(Game(one=minimize(m * x**2 / 2 + (m + k) * y**2 / 2, x, y)), simultaneous(h), ORIGIN, over=h)
    assert sp.simplify(found.step - 2 / (2 * m + k)) == 0 and sp.simplify(found.rate - k / (2 * m + k)) == 0


@pytest.mark.parametrize("rule", [simultaneous(h), alternating(h)])
def test_planar_minima_agree_with_a_grid(rule):
    loss = x * y + x**2 / 2
    game = Game(first=minimize(loss, x), second=maximize(loss - y**2 / 4, y))
    found = best(game, rule, ORIGIN, over=h)
    from bilevel.rules import linearise

    matrix = sp.lambdify(h, linearise(game, rule, ORIGIN).matrix, "numpy")
    grid = np.linspace(0.01, 2, 4000)
    radii = [max(abs(np.linalg.eigvals(np.array(matrix(v), float)))) for v in grid]
    rate = float(found.rate if found.known == "exact" else found.rate[1])
    assert rate <= min(radii) + 1e-6 and rate >= min(radii) - 2e-2


def test_crossings_of_the_regularised_dirac_gan():
    loss = -sp.log(1 + sp.exp(-x * y))
    game = Game(g=minimize(loss, x), d=maximize(loss - gamma / 2 * y**2, y))
    found = crossings(bl.stability(game, alternating(h), at=ORIGIN), h)
    assert [c.kind for c in found] == ["flip (eigenvalue -1)"]
    assert sp.simplify(found[0].value - 4 * (sp.sqrt(gamma**2 + 1) - gamma)) == 0


def _jf(game):
    return list(game.jacobian() * sp.Matrix(list(game.field().values())))


GENERAL = Game(first=minimize(sp.Function("c")(x, y), x), second=minimize(sp.Function("d")(x, y), y))


@pytest.mark.parametrize(
    ("rule", "factor"),
    [
        (simultaneous(s), -sp.S.Half),
        (extragradient(s), sp.S.Half),
        (proximal_point(s), sp.S.Half),
        (optimistic(s), sp.S.Half),
        (past_extragradient(s), sp.S.Half),
    ],
)
def test_modified_equations_of_any_smooth_field(rule, factor):
    found = modified_field(GENERAL, rule, s)
    for v, f, product in zip((x, y), GENERAL.field().values(), _jf(GENERAL), strict=True):
        assert sp.expand(found.leading[v] + f) == 0
        assert sp.expand(found.correction[v] - factor * product) == 0


def test_momentum_changes_the_leading_order():
    beta = sp.Symbol("beta", positive=True)
    found = modified_field(GENERAL, heavy_ball(s, beta), s)
    f = next(iter(GENERAL.field().values()))
    assert sp.cancel(found.leading[x] + f / (1 - beta)) == 0


def test_the_modified_flow_passes_through_the_iterates():
    """Halving the step divides the distance after one time unit by four, for a rule with memory too."""
    game = Game(one=minimize(x**4 / 4 + x**2 / 2, x))
    for rule in (heavy_ball(s, "1/4"), simultaneous(s), extragradient(s)):
        field = modified_field(game, rule, s).field[x]
        gaps = []
        for steps in (40, 80):
            size = 1 / steps
            slope = sp.lambdify(x, field.subs(s, sp.Rational(1, steps)), "math")
            step = sp.lambdify(
                [x, sp.Symbol("x_previous", real=True)],
                bl.derive(game, rule).composed()[x].subs(s, sp.Rational(1, steps)),
                "math",
            )
            now = exact = 0.8
            before = now + size * (-slope(now))  # on the slow manifold up to second order
            if rule.memory:
                before = now - size * slope(now) + size**2 / 2 * _second(slope, now)
            for _ in range(steps):
                now, before = step(now, before), now
                for _ in range(4):
                    d = size / 4
                    k1 = slope(exact)
                    k2 = slope(exact + d / 2 * k1)
                    k3 = slope(exact + d / 2 * k2)
                    exact += d / 6 * (k1 + 2 * k2 + 2 * k3 + slope(exact + d * k3))
            gaps.append(abs(now - exact))
        assert gaps[1] < gaps[0] / 3


def _second(slope, at):
    return (slope(at + 1e-5) - slope(at - 1e-5)) / 2e-5 * slope(at)


def test_modified_losses_of_a_zero_sum_game():
    e = sp.Function("E")(x, y)
    game = Game(phi=minimize(-e, x), theta=minimize(e, y))
    ex, ey = sp.diff(e, x) ** 2, sp.diff(e, y) ** 2
    found = modified_losses(game, simultaneous(s), s)
    assert sp.expand(found["phi"] - (-e + s / 4 * ex - s / 4 * ey)) == 0
    assert sp.expand(found["theta"] - (e - s / 4 * ex + s / 4 * ey)) == 0
    found = modified_losses(game, alternating(s), s)
    assert sp.expand(found["phi"] - (-e + s / 4 * ex - s / 4 * ey)) == 0
    assert sp.expand(found["theta"] - (e + s / 4 * ex + s / 4 * ey)) == 0


def test_flows_have_no_modified_equation():
    with pytest.raises(GameError, match="is a flow already"):
        modified_field(BILINEAR, flow(), s)


def _grid_best(matrix, over, time, ends=(0.002, 4), count=6000):
    from numpy.linalg import eigvals

    value = sp.lambdify(over, matrix, "numpy")
    measure = (lambda v: max(abs(v))) if time == "discrete" else (lambda v: max(v.real))
    return min((measure(eigvals(np.array(value(v), float))), v) for v in np.linspace(*ends, count))


ZERO_SUM = Game(first=minimize(x * y + x**2 / 2, x), second=maximize(x * y + x**2 / 2 - y**2 / 4, y))
QUADRATIC = Game(one=minimize(x**2 / 2 + 3 * y**2 / 2, x, y))


@pytest.mark.parametrize(
    ("game", "rule"),
    [
        (ZERO_SUM, alternating(h)),
        (ZERO_SUM, optimistic(h)),
        (ZERO_SUM, extragradient(h)),
        (BILINEAR, past_extragradient(h)),
        (BILINEAR, heavy_ball(h, -sp.Rational(1, 2), alternating=True)),
        (QUADRATIC, heavy_ball(h, sp.Rational(1, 4))),
        (Game(a=minimize(x * y + x**2, x), b=maximize(x * y - h * y**2, y)), flow()),
    ],
    ids=lambda v: str(v)[:24],
)
def test_the_exact_best_parameter_is_that_of_a_fine_grid(game, rule):
    from bilevel.rules import linearise

    found = best(game, rule, ORIGIN, over=h)
    linear = linearise(game, rule, ORIGIN)
    rate, _ = _grid_best(linear.matrix, h, linear.time)
    assert found.known == "exact"
    assert float(found.rate) <= rate + 1e-12 and float(found.rate) >= rate - 0.05 * abs(rate) - 1e-3
    at_best = np.linalg.eigvals(np.array(linear.matrix.subs(h, sp.N(found.step, 40)).evalf(30), complex))
    reached = max(abs(at_best)) if linear.time == "discrete" else max(at_best.real)
    assert abs(reached - float(found.rate)) < 1e-6


def test_parameters_that_only_set_a_scale_stay_free():
    game = Game(first=minimize(sigma * x * y, x), second=maximize(sigma * x * y, y))
    found, one = best(game, optimistic(h), ORIGIN, over=h), best(BILINEAR, optimistic(h), ORIGIN, over=h)
    assert found.rate == one.rate and sp.simplify(found.step * sigma - one.step) == 0
    flowing = Game(first=minimize(sigma * x * y, x), second=maximize(sigma * x * y - h * y**2 / 2, y))
    found = best(flowing, flow(), ORIGIN, over=h)
    assert (found.step, found.rate) == (2 * sigma, -sigma)  # critical damping, per unit time


def test_a_rate_that_only_an_end_of_the_domain_gives_is_not_called_best():
    from bilevel.language.errors import UnknownAnswer

    with pytest.raises(UnknownAnswer):
        best(Game(one=minimize(x**2 / 2, x)), proximal_point(h), {x: 0}, over=h)  # 1/(1 + h) falls for ever
