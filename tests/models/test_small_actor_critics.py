"""Actor-critic methods in two states and on the scalar regulator: their equilibria are the true values, their regions
exact."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel import equilibria, models, rules, stability
from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid

Q = sp.Rational
GAMMA, NU = sp.symbols("gamma nu", positive=True)
ACTOR, CRITIC = sp.symbols("h_a h_c", positive=True)
STEPS = rules.simultaneous({"actor": ACTOR, "critic": CRITIC})


def near(expression: sp.Expr, value: float) -> bool:
    return abs(complex(expression) - value) < 1e-9


def test_the_two_state_equilibrium_is_the_softmax_of_true_advantages():
    """By the process itself, at numbers: the critic's values solve Bellman's equation, the logit is the advantage."""
    numbers = {"discount": Q(3, 4), "entropy_weight": Q(1, 2), "stay_reward": Q(1, 3)}
    point = models.two_state_equilibrium(**numbers)
    theta1, _, V1, V2 = point
    stay = sp.exp(point[theta1]) / (1 + sp.exp(point[theta1]))
    chain = (sp.eye(2), sp.Matrix([[0, 1], [1, 0]]))
    mdp = models.FiniteMDP(chain, sp.Matrix([[Q(1, 3), 0]] * 2), Q(3, 4), (1, 0))
    policy = sp.Matrix([[stay, 1 - stay]] * 2)
    values, actions = mdp.value(policy), mdp.action_value(policy)
    for found, true in zip((point[V1], point[V2]), values, strict=True):
        assert near(found.replace(sigmoid, lambda t: 1 / (1 + sp.exp(-t))).evalf(30), complex(true.evalf(30)))
    assert near(((actions[0, 0] - actions[0, 1]) / Q(1, 2) - point[theta1]).evalf(30), 0)


def test_an_entropy_bonus_that_the_critic_does_not_see_breaks_symmetry_at_high_discounts():
    """Plain values: stable iff gamma (t + x (1 - t^2)/2) < 1. Soft values: at every discount."""
    beta, reward = Q(1), Q(3, 2)
    t = sp.tanh(reward / beta / 2)
    edge = 1 / (t + reward / beta * (1 - t**2) / 2)
    assert 0.9 < float(edge) < 1
    for values, above in (("plain", "unstable"), ("soft", "stable")):
        for discount, expected in ((Q(9, 10), "stable"), (Q(99, 100), above)):
            numbers = {"discount": discount, "entropy_weight": beta, "stay_reward": reward, "values": values}
            game, point = models.two_state_actor_critic(**numbers), models.two_state_equilibrium(**numbers)
            assert (discount < edge) == (discount == Q(9, 10))
            assert stability(game, at=point).verdict == expected
    symbolic = models.two_state_actor_critic(entropy_weight=beta, stay_reward=reward)
    at = models.two_state_equilibrium(entropy_weight=beta, stay_reward=reward)
    limit = stability(symbolic, at=at).solve(GAMMA)
    assert limit.subs(GAMMA, Q(9, 10)).replace(sigmoid, lambda x: 1 / (1 + sp.exp(-x))) == sp.true
    assert limit.subs(GAMMA, Q(99, 100)).replace(sigmoid, lambda x: 1 / (1 + sp.exp(-x))) == sp.false


def test_a_slow_actor_sees_the_critic_solved_and_its_condition_is_the_schur_complements():
    """Two time scales: for small actor steps the coupled Jacobian is stable iff A - B D^{-1} C is, D the critic's."""
    game = models.two_state_actor_critic(entropy_weight=1, stay_reward=Q(3, 2))
    at = models.two_state_equilibrium(entropy_weight=1, stay_reward=Q(3, 2))
    J = game.jacobian().subs(at)
    reduced = J[:2, :2] - J[:2, 2:] * J[2:, 2:].inv() * J[2:, :2]
    slope = lambda e: e.replace(sigmoid, lambda t: 1 / (1 + sp.exp(-t)))
    coupled = stability(game, rules.simultaneous({"actor": ACTOR, "critic": Q(1, 2)}), at=at).for_small(ACTOR)
    for discount in (Q(9, 10), Q(99, 100)):
        values = sp.Matrix(2, 2, [slope(e.subs(GAMMA, discount)).evalf(30) for e in reduced]).eigenvals()
        stable = all(sp.re(value) > 0 for value in values)
        assert stable == (discount == Q(9, 10))
        assert slope(coupled.subs(GAMMA, discount)) == sp.sympify(stable)


def test_the_regulator_settles_at_the_riccati_gain():
    """The engine finds the point that Riccati's equation names, and no other inside the law's domain."""
    for features in ("state", "state-action"):
        game = models.lqr_actor_critic(1, 1, gain="1/2", discount=1, features=features)
        found = equilibria(game)
        assert found.complete and len(found.points) == 1
        assert found.points[0].point == models.lqr_equilibrium(1, 1, gain="1/2", discount=1, features=features)
    costs = {"state_cost": Q(1, 2), "action_cost": 1, "discount": 1}
    assert models.lqr_equilibrium(1, 1, **costs) == models.lqr_equilibrium(1, 1, gain="1/2", discount=1)


def test_the_regulators_actor_and_critic_decouple_at_the_optimum():
    """A greedy gain makes the critic's target flat in it, so the region is one condition on each step."""
    game = models.lqr_actor_critic(1, 1, gain="1/2", features="state-action")
    at = models.lqr_equilibrium(1, 1, gain="1/2")
    jacobian = game.jacobian().subs(at)
    assert all(sp.cancel(jacobian[row, 0]) == 0 for row in (1, 2, 3))
    assert stability(game, at=at).verdict == "stable"
    condition = stability(game, STEPS, at=at).condition
    alone = [part for part in sp.And.make_args(condition) if ACTOR in part.free_symbols]
    assert alone == [sp.StrictLessThan(GAMMA * ACTOR * NU, Q(3, 8))]
    assert not any(CRITIC in part.free_symbols for part in alone)


def test_moments_of_the_visited_states_by_a_second_road():
    """The critic's key matrix from the moments of a sampled chain's stationary law, written out by hand."""
    game = models.lqr_actor_critic(1, 1, gain="1/2", discount="1/2", exploration=1)
    jacobian = game.jacobian(of="critic").subs(models.lqr_equilibrium(1, 1, gain="1/2", discount="1/2"))
    K, X = Q(1, 2), 1 / (1 - Q(1, 4))
    # u = -K s + e; products of s^i e^j with s ~ N(0, X), e ~ N(0, 1)
    power = lambda n, v: sp.factorial2(n - 1) * v ** (n // 2) if n % 2 == 0 else 0
    s, e = sp.symbols("s e")
    law = lambda p: sum(c * power(i, X) * power(j, 1) for (i, j), c in sp.Poly(sp.expand(p), s, e).terms())
    u = -K * s + e
    here, later = [s**2, s * u, u**2], [(s + u) ** 2 * c for c in (1, -K, K**2)]
    key = sp.Matrix(3, 3, lambda i, j: law(here[i] * (here[j] - later[j] / 2)))
    assert sp.Matrix(jacobian)[:, 1:] == key


def test_choices_that_do_not_exist_are_refused():
    with pytest.raises(GameError, match="plain"):
        models.two_state_actor_critic(values="hard")
    with pytest.raises(GameError, match="state-action"):
        models.lqr_actor_critic(features="action")
    with pytest.raises(GameError, match="not both"):
        models.lqr_actor_critic(gain=1, state_cost=1)
    game = models.lqr_actor_critic(1, 1, gain="1/2", discount=1, features="state")
    with pytest.raises(GameError, match="outside the assumption"):
        stability(game, at=dict(zip(game.variables, (-1, Q(-1, 2)), strict=True)))
