"""Reinforcement learning written as a user writes it: updates, fixed points and regions, against NumPy by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp

from bilevel import Game, derive, equilibria, maximize, minimize, stability
from bilevel.app.problem import load
from bilevel.language import stop_gradient
from bilevel.language.errors import GameError, ReadError
from bilevel.rules import alternating, extragradient, simultaneous

Q = sp.Rational
h, gamma, tau = sp.symbols("h gamma tau", positive=True)
w1, w2, w, x, y, b = sp.symbols("w1 w2 w x y b", real=True)
PHI = np.array([[1, 0], [0, 1], [1, 1]])
CHAIN = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
LAW, REWARDS = np.array([1 / 2, 1 / 3, 1 / 6]), np.array([1, 0, 2])


def off_policy_td() -> Game:
    """Three states, two features, visited as no policy would visit them."""
    value = [w1, w2, w1 + w2]
    gaps = (r + gamma * stop_gradient(value[(s + 1) % 3]) - value[s] for s, r in enumerate((1, 0, 2)))
    return Game(critic=minimize(sum(d * gap**2 / 2 for d, gap in zip((Q(1, 2), Q(1, 3), Q(1, 6)), gaps)), w1, w2))


def sides(verdict, radius, **values) -> None:
    """The condition agrees with a spectral radius by hand wherever that is not within a thousandth of one."""
    for point in itertools.product(*values.values()):
        rho = radius(*map(float, point))
        if abs(rho - 1) > 1e-3:
            put = {s: v for s in verdict.condition.free_symbols for k, v in zip(values, point) if s.name == k}
            assert bool(verdict.condition.subs(put)) == (rho < 1), (point, rho)


def test_off_policy_td_has_one_fixed_point_and_the_step_sizes_of_its_key_matrix():
    game = off_policy_td()
    found = equilibria(game)
    assert found.complete and len(found.points) == 1, "a value of gamma at which a pivot vanishes is no further point"
    (point,) = found.points
    key = lambda g: PHI.T @ np.diag(LAW) @ (np.eye(3) - g * CHAIN) @ PHI
    for g in (0.3, 0.9, 4.0):
        theirs = np.linalg.solve(key(g), PHI.T @ np.diag(LAW) @ REWARDS)
        assert np.allclose([float(v.subs(gamma, g)) for v in point.point.values()], theirs)
    assert point.kinds == ("Nash (strict)",) and "where gamma !=" in str(point)
    radius = lambda step, g: max(abs(np.linalg.eigvals(np.eye(2) - step * key(g))))
    sides(stability(game, simultaneous(h)), radius, h=(Q(1, 2), Q(2), Q(5, 2), 4), gamma=(Q(1, 3), Q(9, 10), Q(24, 25)))


def test_the_same_problem_in_a_file_stops_the_gradient_in_words():
    text = """
[parameters]
gamma = "positive"
h = "positive"
[players.critic]
moves = ["w1", "w2"]
minimize = "(1 + gamma*stop_gradient(w2) - w1)^2/4 + (gamma*stop_gradient(w1 + w2) - w2)^2/6 + LAST"
[rule]
name = "simultaneous"
step = "h"
"""
    last = "(2 + gamma*stop_gradient(w1) - w1 - w2)^2/12"
    game = load(text.replace("LAST", last)).game
    ours, theirs = off_policy_td().field(), game.field()
    assert [sp.expand(e) for e in ours.values()] == [sp.expand(e) for e in theirs.values()]
    with pytest.raises(ReadError, match="stop_gradient"):
        load(text.replace("LAST", "0").replace('step = "h"', 'step = "stop_gradient(h)"'))


def test_a_mixture_of_semi_gradient_and_residual_gradient_has_the_product_of_both_limits():
    """w -> 2 w: the slope is (1 - 2 gamma)(1 - 2 gamma mu), so mu mixes the two, and mu > 1 overshoots."""
    mu = sp.Symbol("mu", nonnegative=True)
    semi, whole = 1 + gamma * stop_gradient(2 * w) - w, 1 + 2 * gamma * w - w
    verdict = stability(Game(critic=minimize((1 - mu) * semi**2 / 2 + mu * whole**2 / 2, w)), simultaneous(h))
    radius = lambda step, g, m: abs(1 - step * (1 - 2 * g) * (1 - 2 * g * m))
    sides(verdict, radius, h=(Q(1, 3), 2, 5), gamma=(Q(1, 5), Q(3, 5), Q(9, 10)), mu=(0, Q(1, 2), Q(7, 10), 2))


def test_soft_q_learning_ends_at_the_logarithm_of_a_quadratic():
    q1, q2 = sp.symbols("q1 q2", real=True)
    soft = sp.log(sp.exp(q1) + sp.exp(q2))
    found = equilibria(Game(critic=minimize(((1 + stop_gradient(soft) / 2 - q1) ** 2 + q2**2) / 2, q1, q2)))
    (point,) = found.points
    q = 0.0
    for _ in range(200):
        q = 1 + np.log(np.exp(q) + 1) / 2
    assert found.complete and point.known == "exact" and abs(float(point.point[q1]) - q) < 1e-12


@pytest.mark.parametrize("rule", [simultaneous(h), alternating(h)])
def test_double_estimators_are_a_game_whose_coupling_is_the_discount(rule):
    game = Game(first=minimize((1 + gamma * y - x) ** 2 / 2, x), second=minimize((1 + gamma * x - y) ** 2 / 2, y))

    def radius(step, g):
        first, second = np.array([[1 - step, step * g], [0, 1]]), np.array([[1, 0], [step * g, 1 - step]])
        both = np.array([[1 - step, step * g], [step * g, 1 - step]])
        return max(abs(np.linalg.eigvals(both if rule.name == "simultaneous" else second @ first)))

    sides(stability(game, rule), radius, h=(Q(1, 2), Q(6, 5), Q(19, 10), Q(21, 10)), gamma=(Q(1, 4), Q(9, 10), Q(6, 5)))


def markov_game() -> Game:
    """Matching pennies for r in state 1, a pause in state 2 after every other round; both players softmax."""
    r, first, second = sp.Symbol("r", positive=True), sp.Symbol("V1"), sp.Symbol("V2")
    p, q = 1 / (1 + sp.exp(-x)), 1 / (1 + sp.exp(-y))
    pay = r * (2 * p - 1) * (2 * q - 1)
    value = sp.solve([first - pay - gamma * (first + second) / 2, second - gamma * first], [first, second])[first]
    return Game({"one": maximize(value, x), "two": minimize(value, y)}, assuming=(gamma < 1,))


def test_a_markov_game_of_pennies_needs_extrapolation_and_allows_the_steps_of_its_value():
    found = equilibria(markov_game())
    assert found.complete and [dict(p.point) for p in found.points] == [{x: 0, y: 0}]
    assert stability(markov_game(), simultaneous(h)).verdict == "unstable"
    verdict = stability(markov_game(), extragradient(h))
    r = next(s for s in verdict.condition.free_symbols if s.name == "r")
    # the slope of the value is r/(2 (1 - gamma)(2 + gamma)): extragradient with h times it below one
    assert verdict.condition == sp.StrictLessThan(2 * gamma**2 + h * r + 2 * gamma, 4)


def test_a_policy_gradient_with_a_learnt_baseline_and_entropy_settles_at_the_soft_optimum():
    p = 1 / (1 + sp.exp(-x))  # written out by hand, where a sigmoid would do
    spread = -(p * sp.log(p) + (1 - p) * sp.log(1 - p))
    actor = p * (1 - stop_gradient(b)) - (1 - p) * stop_gradient(b) + tau * spread
    fit = (stop_gradient(p) * (1 - b) ** 2 + (1 - stop_gradient(p)) * b**2) / 2
    game = Game(actor=maximize(actor, x), baseline=minimize(fit, b))
    (point,) = equilibria(game).points
    assert point.point[x] == 1 / tau and point.kinds == ("Nash (strict)",)
    chance = lambda t: 1 / (1 + np.exp(-1 / t))
    radius = lambda step, t: max(abs(1 - step * t * chance(t) * (1 - chance(t))), abs(1 - step))
    sides(stability(game, simultaneous(h)), radius, h=(Q(1, 2), Q(3, 2), Q(5, 2)), tau=(Q(1, 4), 1, 20))


def test_a_constraint_by_its_multiplier_turns_round_and_extrapolation_stops_it():
    p, price = 1 / (1 + sp.exp(-x)), sp.Symbol("price", real=True)
    lagrangian = 2 * p - price * (p - Q(1, 2))
    game = Game(policy=maximize(lagrangian, x), multiplier=minimize(lagrangian, price))
    assert dict(equilibria(game).points[0].point) == {x: 0, price: 2}
    assert stability(game, simultaneous(h)).verdict == "unstable"
    assert stability(game, extragradient(h)).condition == sp.StrictLessThan(h, 4)


def test_average_reward_td_leaves_the_level_of_its_values_free():
    """A chain 1 -> 1 or 2, 2 -> 1: differential values are known up to a constant, a zero mode."""
    v1, v2, rate = sp.symbols("v1 v2 rate", real=True)
    first = 1 - rate + stop_gradient((v1 + v2) / 2) - v1
    second = -rate + stop_gradient(v1) - v2
    values = minimize(first**2 / 3 + second**2 / 6, v1, v2)
    game = Game(values=values, rate=minimize((Q(2, 3) - rate) ** 2 / 2, rate))
    (continuum,) = equilibria(game).points
    assert continuum.free == (v2,) and continuum.point[v1] == v2 + Q(2, 3) and continuum.point[rate] == Q(2, 3)
    assert continuum.kinds == ("Nash (strict)",), "what others hold fixed is compared along no reply"
    verdict = stability(game, simultaneous(h), at={v1: Q(2, 3), v2: 0, rate: Q(2, 3)})
    assert verdict.condition == sp.false and "zero mode" in verdict.marginal_why
    assert verdict.unstable_on == sp.StrictGreaterThan(h, 2)


def test_what_two_players_share_is_one_players():
    with pytest.raises(GameError, match="make one player of what shares it"):
        Game(actor=minimize(w * x, x, w), critic=minimize((w - 1) ** 2, w))
    both = Game(agent=minimize((stop_gradient(w) * x) + (w - 1) ** 2, x, w))
    assert "stop_gradient" not in str(derive(both, simultaneous(h))) and both.field()[w] == 2 * w - 2
