"""Critics with linear features: key matrices by two roads, the classical divergences, bias and error bounds."""

from __future__ import annotations

import random

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel import equilibria, models, rules, stability
from bilevel.analysis.analyse import analyse
from bilevel.language.errors import GameError
from bilevel.models import LinearCritic, key

Q = sp.Rational
ALPHA, GAMMA, LAMBDA = sp.symbols("alpha gamma lambda", positive=True)


def law(source: random.Random, n: int) -> list[sp.Rational]:
    weights = [source.randint(1, 9) for _ in range(n)]
    return [Q(w, sum(weights)) for w in weights]


def chain(seed: int, *, on_policy: bool, n: int = 3, d: int = 2, discount: object = Q(4, 5)) -> LinearCritic:
    source = random.Random(seed)
    rows = [law(source, n) for _ in range(n)]
    features = sp.Matrix(n, d, lambda i, j: source.randint(-3, 3) + (i == j) * 7)
    rewards = [source.randint(-3, 3) for _ in range(n)]
    return LinearCritic(rows, rewards, features, discount, None if on_policy else law(source, n))


def floats(matrix: object) -> np.ndarray:
    return np.array(sp.Matrix(matrix).tolist(), dtype=float)


@given(seed=st.integers(0, 10**6), on_policy=st.booleans())
@settings(max_examples=3, deadline=None)
def test_key_matrices_agree_with_the_formulas_of_the_literature(seed, on_policy):
    """Games and their derivatives on one side, matrix formulas in floating point on the other."""
    critic, lam, g = chain(seed, on_policy=on_policy), 0.3, 0.8
    P, Phi, r, D = (
        floats(critic.chain),
        floats(critic.features),
        floats(critic.rewards),
        np.diag(floats(critic.law)[:, 0]),
    )
    one, inverse = np.eye(3), np.linalg.inv
    error = one - g * P
    traced = D @ inverse(one - g * lam * P)
    emphasis = inverse(one - g * P.T) @ D @ np.ones(3)
    mean = P @ Phi
    spread = sum(D[s, s] * ((Phi.T * P[s]) @ Phi - np.outer(mean[s], mean[s])) for s in range(3))
    residual = Phi.T @ error.T @ D
    two = g**2 * P @ P
    cases = {
        "td": (critic.td(), Phi.T @ D @ error @ Phi, Phi.T @ D @ r),
        "n": (critic.n_step(2), Phi.T @ D @ (one - two) @ Phi, Phi.T @ D @ (r + g * P @ r)),
        "lambda": (critic.td_lambda(Q(3, 10)), Phi.T @ traced @ error @ Phi, Phi.T @ traced @ r),
        "emphatic": (critic.emphatic(), Phi.T @ np.diag(emphasis) @ error @ Phi, Phi.T @ np.diag(emphasis) @ r),
        "double": (critic.residual_gradient(), residual @ error @ Phi, residual @ r),
        "single": (critic.residual_gradient(samples="single"), residual @ error @ Phi + g**2 * spread, residual @ r),
    }
    for game, A, b in cases.values():
        found = key(game)
        assert np.allclose(floats(found[0]), A) and np.allclose(floats(found[1]), b), game.title
    A, M, cross = cases["td"][1], Phi.T @ D @ Phi, g * Phi.T @ P.T @ D @ Phi
    zero = np.zeros((2, 2))
    assert np.allclose(floats(key(critic.gtd2())[0]), np.block([[zero, -A.T], [A, M]]))
    assert np.allclose(floats(key(critic.tdc())[0]), np.block([[A, cross], [A, M]]))


@given(seed=st.integers(0, 10**6), lam=st.sampled_from([0, Q(1, 3), Q(9, 10)]))
@settings(max_examples=6, deadline=None)
def test_on_policy_td_lambda_is_positive_definite_and_bounded_in_error(seed, lam):
    critic = chain(seed, on_policy=True)
    A, b = key(critic.td_lambda(lam))
    assert analyse(-(A + A.T), time="continuous").verdict == "stable"
    point = A.LUsolve(b)
    gap = critic.features * point - critic.value()
    best = critic.features * critic.gram.LUsolve(critic.features.T * sp.diag(*critic.law) * critic.value())
    size = lambda v: (v.T * sp.diag(*critic.law) * v)[0]
    # |v - V| <= (1 - lambda gamma)/(1 - gamma) |Pi V - V|
    factor = ((1 - lam * Q(4, 5)) / (1 - Q(4, 5))) ** 2
    assert size(gap) <= factor * size(best - critic.value())


@given(seed=st.integers(0, 10**6))
@settings(max_examples=6, deadline=None)
def test_emphasis_makes_off_policy_td_positive_definite(seed):
    A, _ = key(chain(seed, on_policy=False).emphatic())
    assert analyse(-(A + A.T), time="continuous").verdict == "stable"


def test_the_step_region_is_min_2_re_over_modulus_squared():
    critic = chain(11, on_policy=True)
    game = critic.td()
    point = equilibria(game).points[0].point
    condition = stability(game, rules.simultaneous(ALPHA), at=point).condition
    values = np.linalg.eigvals(floats(key(game)[0]))
    limit = min(2 * values.real / abs(values) ** 2)
    assert condition.subs(ALPHA, sp.Rational(limit * 0.9999)) == sp.true
    assert condition.subs(ALPHA, sp.Rational(limit * 1.0001)) == sp.false


def test_td_and_the_gradient_methods_share_the_projected_fixed_point():
    critic = chain(5, on_policy=False)
    A, b = key(critic.td())
    w = A.LUsolve(b)
    assert critic.projected_error(w) == 0 and critic.bellman_error(w) > 0
    for game in (critic.gtd2(), critic.tdc()):
        (found,) = equilibria(game).points
        assert [found.point[v] for v in critic.weights] == list(w)
        assert all(found.point[v] == 0 for v in game["auxiliary"].moves)
    (settled,) = equilibria(critic.fitted()).points
    assert [settled.point[v] for v in critic.weights] == list(w)


def test_the_bias_of_single_samples_is_a_formula():
    """w' - w = -(A + gamma^2 C)^{-1} gamma^2 C w, C the averaged covariance of the next features; none if none."""
    p = sp.Symbol("p", positive=True)
    critic = LinearCritic([[0, p, 1 - p], [0, 0, 0], [0, 0, 0]], [0, 1, 0], sp.eye(3), 1, [Q(1, 3)] * 3)
    double, single = (key(critic.residual_gradient(samples=s)) for s in ("double", "single"))
    true, found = double[0].LUsolve(double[1]), single[0].LUsolve(single[1])
    extra = single[0] - double[0]
    bias = (single[0].inv() * extra * true + found - true).applyfunc(sp.cancel)
    assert bias == sp.zeros(3, 1)
    assert sp.cancel(true[0] - p) == 0 and sp.cancel(found[0] - p) != 0
    assert sp.cancel(found[0].subs(p, 1)) == 1, "a chain without chance has no bias"


def test_w_to_two_w_diverges_exactly_above_one_half():
    verdict = stability(models.w_to_two_w(), rules.simultaneous(ALPHA), at={"w": 0})
    assert verdict.condition.subs({ALPHA: 1, GAMMA: Q(49, 100)}) == sp.true
    assert verdict.condition.subs({ALPHA: 1, GAMMA: Q(51, 100)}) == sp.false
    repaired = models.doubling_chain().emphatic()
    assert stability(repaired, at={"w": 0}).verdict == "stable"


def test_bairds_star_diverges_for_every_step_and_its_remedies_converge():
    origin = lambda game: dict.fromkeys(game.variables, 0)
    star = models.baird_star(Q(99, 100))
    td = star.td()
    assert stability(td, rules.simultaneous(ALPHA), at=origin(td)).verdict == "unstable"
    for game in (star.tdc(), star.gtd2(), star.emphatic(), star.residual_gradient()):
        across = stability(game, at=origin(game)).transverse
        assert across["condition"] == sp.true, game.title
    symbolic = models.baird_counterexample()
    verdict = stability(symbolic, at=origin(symbolic))
    assert verdict.unstable_on == sp.StrictGreaterThan(GAMMA, Q(15, 17))
    for discount, expected in ((0.88, True), (0.89, False)):  # 15/17 = 0.88235...
        A = floats(key(symbolic)[0].subs(GAMMA, discount))
        assert (min(np.linalg.eigvals(A).real) > -1e-9) == expected


def test_tdc_on_bairds_star_is_lost_only_far_beyond_discount_one():
    """One time scale: exact verdicts against eigenvalues, on both sides of the edge near 1.6175."""
    for discount, lost in ((Q(99, 100), False), (Q(161, 100), False), (Q(162, 100), True)):
        game = models.baird_star(discount).tdc()
        verdict = stability(game, at=dict.fromkeys(game.variables, 0))
        values = np.linalg.eigvals(-floats(key(game)[0]))
        assert (verdict.verdict == "unstable") == lost == (max(values.real) > 1e-6)
        assert lost or verdict.transverse["condition"] == sp.true


def test_fitted_iteration_diverges_where_tsitsiklis_and_van_roy_say():
    epsilon = sp.Symbol("epsilon", positive=True)
    condition = stability(models.fitted_counterexample(), at={"w": 0}).condition
    for e in (Q(1, 10), Q(1, 2)):
        edge = 5 / (6 - 4 * e)
        assert condition.subs({epsilon: e, GAMMA: edge * Q(99, 100)}) == sp.true
        assert condition.subs({epsilon: e, GAMMA: edge * Q(101, 100)}) == sp.false
    target = models.fitted_chain(end=Q(1, 10))
    (w,) = target.weights
    slope = target.fitted().equations[w].diff(w)
    assert sp.expand(key(target.td())[0][0] - target.gram[0] * (1 - slope)) == 0, "one fixed point, two conditions"


def test_replay_mixes_past_policies_and_can_break_a_critic():
    """A critic of one feature converges on its own data, and diverges once enough of an old policy's is mixed in."""
    left, right = sp.Matrix([[1, 0], [1, 0]]), sp.Matrix([[0, 1], [0, 1]])
    mdp = models.FiniteMDP((left, right), sp.zeros(2, 2), Q(99, 100), (1, 0))
    judged, old = sp.Matrix([[Q(1, 10), Q(9, 10)]] * 2), sp.Matrix([[0, 1], [1, 0]])  # the old one goes to and fro
    features, share = sp.Matrix([0, 1, 0, 2]), sp.Symbol("rho", positive=True)
    data = models.replayed_law(mdp, [judged, old], [1 - share, share])
    assert sp.expand(sum(data)) == 1
    game = models.state_action_critic(mdp, judged, features=features, law=data).td()
    verdict = stability(game, at={"w": 0})
    assert verdict.condition.subs(share, 0) == sp.true and verdict.condition.subs(share, 1) == sp.false
    own = models.state_action_critic(mdp, judged, features=features).td()
    assert sp.cancel(key(own)[0][0] - key(game)[0][0].subs(share, 0)) == 0
    assert verdict.solve(share).lts.free_symbols <= {share}


def test_a_table_learns_the_true_values_from_any_data():
    mdp = models.FiniteMDP(
        (sp.Matrix([[1, 0], [Q(1, 2), Q(1, 2)]]), sp.Matrix([[0, 1], [0, 1]])),
        sp.Matrix([[1, 2], [0, -1]]),
        Q(1, 2),
        (1, 0),
    )
    policy, other = sp.Matrix([[Q(1, 3), Q(2, 3)], [Q(1, 2), Q(1, 2)]]), sp.Matrix([[Q(1, 2), Q(1, 2)]] * 2)
    critic = models.state_action_critic(mdp, policy, law=models.replayed_law(mdp, [policy, other]))
    for game in (critic.td(), critic.td_lambda(Q(1, 2))):
        (point,) = equilibria(game).points
        assert sp.Matrix(list(point.point.values())).reshape(2, 2) == mdp.action_value(policy)


def test_floats_are_taken_up_to_their_rounding():
    critic = LinearCritic([[0.1, 0.2, 0.7]] * 3, [1.0, 0, 0], sp.eye(3), 0.9)
    assert max(abs(p - q) for p, q in zip(critic.law, (0.1, 0.2, 0.7), strict=True)) < 1e-12
    assert (
        stability(critic.td(), rules.simultaneous(0.5), at=equilibria(critic.td()).points[0].point).verdict == "stable"
    )


def test_what_does_not_fit_is_refused():
    with pytest.raises(GameError, match="list of rows"):
        LinearCritic("abc", [1], [1])
    with pytest.raises(GameError, match="several classes"):
        LinearCritic(sp.eye(2), [0, 0], [1, 2])
    with pytest.raises(GameError, match="probabilities"):
        LinearCritic([[2, -1], [0, 1]], [0, 0], [1, 2], law=[1, 0])
    with pytest.raises(GameError, match="shapes"):
        LinearCritic([[0, 1], [1, 0]], [0], [1, 2])
    with pytest.raises(GameError, match="singular"):
        LinearCritic([[0, 1], [1, 0]], [0, 0], [[1, 2], [2, 4]]).fitted()
    with pytest.raises(GameError, match="positive integer"):
        models.doubling_chain().n_step(0)
    with pytest.raises(GameError, match="double"):
        models.doubling_chain().residual_gradient(samples="triple")
