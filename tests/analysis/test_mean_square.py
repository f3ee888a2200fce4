"""Learning from samples: exact mean-square regions and covariances against known bounds, products and runs."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from bilevel import models, rules
from bilevel.analysis import mean_square
from bilevel.game import Game, maximize, minimize
from bilevel.language import stop_gradient
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.moments import Bernoulli, Normal, Uniform
from bilevel.models import key

Q = sp.Rational
H, S, NU, B = sp.symbols("h s nu B", positive=True)
W, X, E = sp.symbols("w x e", real=True)
STEP = rules.simultaneous(H)
LMS = Game(learner=minimize((E - W * X) ** 2 / 2, W))
NOISE = {X: Normal(0, S), E: Normal(0, NU)}


def same(left: object, right: object) -> bool:
    return sp.cancel(sp.together(left - right)) == 0


def test_least_mean_squares_on_gaussian_features():
    """alpha < 2/((d + 2) s) for d independent features of variance s, a third of the mean's 2/s for one of them."""
    found = mean_square(LMS, STEP, at={W: 0}, noise=NOISE)
    assert found.solve(H) == sp.StrictLessThan(H, 2 / (3 * S))
    assert found.mean.solve(H) == sp.StrictLessThan(H, 2 / S)
    assert same(found.covariance[0], H * NU / (2 - 3 * H * S))
    assert found.certificate["kind"] == "region", "checked by the independent checker"
    w, x = sp.symbols("w1:4", real=True), sp.symbols("x1:4", real=True)
    game = Game(learner=minimize((E - sum(a * b for a, b in zip(w, x, strict=True))) ** 2 / 2, *w))
    laws = {**dict.fromkeys(x, Normal(0, S)), E: Normal(0, NU)}
    many = mean_square(game, STEP, at=dict.fromkeys(w, 0), noise=laws)
    assert many.solve(H) == sp.StrictLessThan(H, 2 / (5 * S))
    assert same(many.covariance[1, 1], H * NU / (2 - 5 * H * S)) and many.covariance[0, 1] == 0


def test_a_batch_divides_the_variance_and_one_copy_is_no_batch():
    found = mean_square(LMS, STEP, at={W: 0}, noise=NOISE, batch=B)
    # E(1 - h m)^2 with m the mean of B squares: 1 - 2hs + h^2 s^2 (1 + 2/B)
    limit = found.solve(H)
    assert limit.lhs == H and same(limit.rhs, 2 * B / (S * (B + 2)))
    assert same(limit.rhs.subs(B, 1), mean_square(LMS, STEP, at={W: 0}, noise=NOISE).solve(H).rhs)
    two = mean_square(LMS, STEP, at={W: 0}, noise=NOISE, batch=2)
    assert same(two.covariance[0], found.covariance[0].subs(B, 2))


def test_additive_noise_leaves_the_region_and_settles_at_lyapunovs_covariance():
    """Momentum on a quadratic: region that of the mean; covariance solves X = J X J^T + h^2 nu e e^T."""
    a, m = sp.symbols("a m", positive=True)
    game = Game(learner=minimize(a * W**2 / 2 + E * W, W))
    rule = rules.heavy_ball(H, m)
    found = mean_square(game, rule, at={W: 0}, noise={E: Normal(0, NU)})
    numbers = {a: 1, m: Q(1, 2), H: Q(1, 3), NU: 2}
    J, G = found.mean.jacobian.subs(numbers), found.noise.subs(numbers)
    cov = found.covariance.subs(numbers)
    assert (J * cov * J.T + G - cov).applyfunc(sp.cancel) == sp.zeros(2, 2)
    assert cov[0, 0] > 0 and cov.det() > 0
    for h in (Q(1), Q(29, 10), Q(31, 10)):
        at = {a: 1, m: Q(1, 2), H: h, NU: 2}
        assert found.condition.subs(at) == found.mean.condition.subs(at) == sp.sympify(h < 3)


@pytest.mark.parametrize("rule", [rules.simultaneous, rules.alternating, rules.extragradient])
def test_the_operator_is_the_kronecker_square_on_symmetric_matrices(rule):
    """Two outcomes: spectral radius of sum p J (x) J by floating point on both sides of the exact edge."""
    theta, psi = sp.symbols("theta psi", real=True)
    loss = theta * psi * (1 + X)
    game = Game(a=minimize(loss + theta**2 / 2, theta), b=maximize(loss - psi**2 / 2, psi))
    origin = {theta: 0, psi: 0}
    noise = [(Q(1, 2), {X: Q(1, 2)}), (Q(1, 2), {X: Q(-1, 2)})]
    found = mean_square(game, rule(H), at=origin, noise=noise)
    seen = set()
    for h in (Q(1, 10), Q(1, 2), Q(4, 5), Q(1), Q(7, 5), Q(2)):
        total = np.zeros((4, 4))
        for p, put in noise:
            fixed = game.map_losses(lambda e, put=put: e.subs(put))
            J = np.array(rules.linearise(fixed, rule(H), origin).matrix.subs(H, h).tolist(), dtype=float)
            total += float(p) * np.kron(J, J)
        answer = max(abs(np.linalg.eigvals(total))) < 1
        assert (found.condition.subs(H, h) == sp.true) == answer
        assert not answer or found.mean.condition.subs(H, h) == sp.true, "stable in mean square, so in the mean"
        seen.add(answer)
    assert seen == {True, False}


def test_the_mean_square_region_lies_strictly_inside_the_means():
    """TD(0) from single transitions on an on-policy chain."""
    critic = models.LinearCritic([[Q(1, 2), Q(1, 2)], [1, 0]], [1, 0], [[1, 0], [1, 1]], Q(1, 2))
    game, outcomes = models.sampled_td(critic)
    A, b = key(critic.td())
    at = dict(zip(critic.weights, A.LUsolve(b), strict=True))
    found = mean_square(game, STEP, at=at, noise=outcomes)
    assert sp.Matrix(found.mean.jacobian) == sp.eye(2) - H * A
    edge = lambda condition: next(k for k in range(1, 400) if condition.subs(H, Q(k, 100)) != sp.true)
    assert edge(found.condition) < edge(found.mean.condition)
    cov = found.covariance.subs(H, Q(1, 10))
    assert cov[0, 0] > 0 and cov.det() > 0
    assert (found.covariance.subs(H, 0)) == sp.zeros(2, 2), "no noise is left as the step goes to nothing"


def test_the_covariance_is_what_a_long_run_shows():
    generator = np.random.default_rng(3)
    h, w, total, steps = 0.2, np.zeros(4000), 0.0, 400
    for t in range(steps):
        x, e = generator.normal(size=4000), generator.normal(size=4000)
        w = w - h * x * (w * x - e)
        total += (w**2).mean() if t >= 200 else 0
    found = mean_square(LMS, STEP, at={W: 0}, noise=NOISE).covariance[0].subs({H: Q(1, 5), S: 1, NU: 1})
    assert found == Q(1, 7)
    assert abs(total / 200 - 1 / 7) < 0.005


def test_semi_gradients_are_stopped_in_batches_too():
    gamma = sp.Symbol("gamma", positive=True)
    p, q = sp.symbols("p q", real=True)
    td = Game(critic=minimize((stop_gradient(gamma * q * W) - p * W) ** 2 / 2, W))
    laws = {p: Bernoulli(Q(1, 2)), q: Uniform(0, 1)}
    found = mean_square(td, STEP, at={W: 0}, noise=laws, batch=B)
    # J = 1 - h (p - gamma p q): mean (1 - gamma/2)/2, second moment E p^2 E(1 - gamma q)^2
    mean, second = (1 - gamma / 2) / 2, (1 - gamma + gamma**2 / 3) / 2
    assert same(found.mean.jacobian[0], 1 - H * mean)
    assert same(found.second.jacobian[0], 1 - 2 * H * mean + H**2 * (mean**2 + (second - mean**2) / B))


def test_composed_samples_take_a_number_for_the_batch():
    rule = rules.extragradient(H)
    unknown = mean_square(LMS, rule, at={W: 0}, noise=NOISE, batch=B)
    assert unknown.verdict == "unknown" and "number up to" in unknown.reason
    with pytest.raises(UnknownAnswer):
        unknown.covariance
    two = mean_square(LMS, rule, at={W: 0}, noise=NOISE, batch=2)
    # J = 1 - h m + h^2 m^2 with m the mean of two squares of N(0, s); E m^k = s^k, 2, 6, 24
    square = 1 - 2 * H * S + 3 * 2 * (H * S) ** 2 - 2 * 6 * (H * S) ** 3 + 24 * (H * S) ** 4
    assert same(two.second.jacobian[0], square)


def test_noise_may_be_named_and_its_law_written():
    named = mean_square(LMS, STEP, at={"w": 0}, noise={"x": "normal(0, 2)", "e": Normal(0, NU)})
    assert named.solve(H) == sp.StrictLessThan(H, Q(1, 3))


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(GameError, match="got LinearCritic"):
        mean_square(models.doubling_chain(), STEP, at={W: 0}, noise=NOISE)
    with pytest.raises(GameError, match="flow"):
        mean_square(LMS, rules.flow(), at={W: 0}, noise=NOISE)
    with pytest.raises(GameError, match="expected step moves"):
        mean_square(LMS, STEP, at={W: 1}, noise=NOISE)
    with pytest.raises(GameError, match="do not contain"):
        mean_square(LMS, STEP, at={W: 0}, noise={sp.Symbol("k"): Normal(0, 1)})
    with pytest.raises(GameError, match="sum to"):
        mean_square(LMS, STEP, at={W: 0}, noise=[(Q(1, 2), {X: 1, E: 0})])
    logistic = Game(learner=minimize(sp.log(1 + sp.exp(-W * X)), W))
    open_one = mean_square(logistic, STEP, at={W: 1}, noise={X: Normal(0, 1)})
    assert open_one.verdict == "unknown" and open_one.reason


def test_the_model_says_when_one_sample_serves_several_evaluations():
    x, e, h = sp.symbols("x e h", real=True)
    game = Game(a=minimize(e * x**2 / 2, x))
    said = lambda rule: mean_square(game, rule, at={x: 0}, noise={e: Normal(1, 1)})
    once, twice = said(rules.simultaneous(h)), said(rules.extragradient(h))
    assert once.model == "one fresh sample a step"
    assert twice.model == "one fresh sample a step, the same in all 2 evaluations of the field within it"
    assert str(twice).startswith("model: " + twice.model)
    # x' = x - h e (x - h e x) on one e: E[(1 - h e + h^2 e^2)^2] holds fourth moments, not two samples' products.
    moments = {1: 1, 2: 2, 3: 4, 4: 10}
    assert (
        sp.expand(
            twice.second.jacobian[0]
            - (1 - 2 * h * moments[1] + 3 * h**2 * moments[2] - 2 * h**3 * moments[3] + h**4 * moments[4])
        )
        == 0
    )
