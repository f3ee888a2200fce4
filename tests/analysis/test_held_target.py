"""Held target copies: the cycle's region against long products, its limits, and copies that stand idle."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from bilevel import models, rules, stability
from bilevel.analysis import held_target
from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.nodes import Stopped, stop_gradient
from bilevel.models import LinearCritic, key

Q = sp.Rational
ALPHA, GAMMA, TAU = sp.symbols("alpha gamma tau", positive=True)
STEP = rules.simultaneous(ALPHA)


def origin(game: Game) -> dict[object, int]:
    return dict.fromkeys(game.variables, 0)


def test_a_copy_renewed_at_every_step_is_no_copy():
    chain = models.doubling_chain()
    game = chain.td(target="copy")
    held, plain = held_target(game, STEP, every=1, at=origin(game)), stability(chain.td(), STEP, at={"w": 0})
    assert held.jacobian == plain.jacobian and held.condition == plain.condition


def test_a_copy_held_until_convergence_is_fitted_iteration():
    chain = models.fitted_chain()
    game = chain.td(target="copy")
    held, fitted = held_target(game, STEP, every=sp.oo, at=origin(game)), stability(chain.fitted(), at={"w": 0})
    assert sp.expand(held.jacobian[0] - fitted.jacobian[0]) == 0
    # the Gram matrix is 5/2, so the fit between renewals converges iff 5 alpha/2 < 2
    fit = sp.StrictLessThan(ALPHA, Q(4, 5))
    assert held.condition == sp.And(fitted.condition, fit) and held.rate is None
    assert held.unstable_on.subs({ALPHA: 1, GAMMA: Q(1, 100), sp.Symbol("epsilon", positive=True): Q(1, 2)}) == sp.true


def test_a_fit_that_does_not_converge_settles_nothing():
    game = models.doubling_chain().td(target="copy")
    held = held_target(game, STEP, every=sp.oo, at=origin(game))
    assert held.certificate is not None and held.condition.subs({ALPHA: 3, GAMMA: Q(1, 4)}) == sp.false
    assert held.unstable_on.subs({ALPHA: 3, GAMMA: Q(1, 4)}) == sp.true
    assert held.condition.subs({ALPHA: 1, GAMMA: Q(1, 4)}) == sp.true


@pytest.mark.parametrize("every", [2, 3, 7])
def test_the_cycle_is_the_product_of_its_steps(every):
    """Off policy on three states with two features: the exact verdict against powers in floating point."""
    rows = [[Q(1, 2), Q(1, 3), Q(1, 6)], [Q(1, 4), Q(1, 4), Q(1, 2)], [0, Q(1, 5), Q(4, 5)]]
    critic = LinearCritic(rows, [0, 0, 0], [[1, 0], [1, 2], [0, 3]], Q(9, 10), [Q(7, 10), Q(1, 5), Q(1, 10)])
    game = critic.td(target="copy")
    held = held_target(game, STEP, every=every, at=origin(game))
    gram = np.array(critic.gram.tolist(), dtype=float)
    ahead = gram - np.array(key(critic.td())[0].tolist(), dtype=float)
    for k in range(1, 30, 3):
        alpha = k / 20
        step, total = np.eye(2) - alpha * gram, np.zeros((2, 2))
        for i in range(every):
            total += np.linalg.matrix_power(step, i)
        cycle = np.linalg.matrix_power(step, every) + total @ (alpha * ahead)
        assert (held.condition.subs(ALPHA, Q(k, 20)) == sp.true) == (max(abs(np.linalg.eigvals(cycle))) < 1)


def test_holding_a_copy_makes_a_diverging_critic_diverge_more_slowly_and_no_better():
    """w -> 2w: the edge stays at gamma = 1/2 for every C; at small steps the cycle's rate is that of C steps."""
    game = models.doubling_chain().td(target="copy")
    for every in (2, 5):
        held = held_target(game, STEP, every=every, at=origin(game))
        for gamma, expected in ((Q(49, 100), sp.true), (Q(51, 100), sp.false)):
            assert held.condition.subs({GAMMA: gamma, ALPHA: Q(1, 2)}) == expected
    assert held.jacobian[0].subs(GAMMA, 2).subs(ALPHA, Q(1, 10)) > 1


def test_a_soft_copy_is_a_player_and_moves_the_region_of_large_steps():
    chain = models.doubling_chain()
    game = chain.td(target="copy")
    soft = stability(game, rules.simultaneous({"critic": ALPHA, "target": TAU}), at=origin(game))
    # [[1 - alpha, 2 gamma alpha], [tau, 1 - tau]]: Jury's conditions by hand
    for gamma, alpha, tau in ((Q(2, 5), 1, Q(1, 10)), (Q(3, 5), 1, Q(1, 10)), (Q(2, 5), Q(19, 10), Q(1, 2))):
        J = np.array([[1 - alpha, 2 * gamma * alpha], [tau, 1 - tau]], dtype=float)
        expected = max(abs(np.linalg.eigvals(J))) < 1
        assert (soft.condition.subs({GAMMA: gamma, ALPHA: alpha, TAU: tau}) == sp.true) == expected


def test_without_a_future_a_copy_is_idle_and_with_one_it_is_not():
    """Bootstrapping and regression told apart: at discount 0 the cycle is the critic's own steps, C of them."""
    regression = models.fitted_chain(discount=0, end=Q(1, 10))
    game = regression.td(target="copy")
    (slope,) = key(regression.td())[0]
    assert sp.expand(held_target(game, STEP, every=3, at=origin(game)).jacobian[0] - (1 - ALPHA * slope) ** 3) == 0
    bootstrapped = models.fitted_chain(discount=Q(1, 2), end=Q(1, 10))
    (slope,) = key(bootstrapped.td())[0]
    game = bootstrapped.td(target="copy")
    assert sp.expand(held_target(game, STEP, every=3, at=origin(game)).jacobian[0] - (1 - ALPHA * slope) ** 3) != 0


def test_whole_actor_critics_take_held_copies():
    """The regulator with a copy in its target: renewed at each step it is the method without one."""
    plain = models.lqr_actor_critic(1, 1, gain="1/2", discount=1, exploration=1, features="state")
    w = plain["critic"].moves[0]
    copy = sp.Symbol("w_copy", real=True)
    swap = lambda e: e.replace(lambda part: part == Stopped(w), lambda part: copy)
    players = dict(plain.map_losses(lambda e: e).players)
    players["critic"] = minimize(swap(plain["critic"].loss), w)
    players["target"] = minimize((copy - stop_gradient(w)) ** 2 / 2, copy)
    game = Game(players)
    at = models.lqr_equilibrium(1, 1, gain="1/2", discount=1, features="state")
    once = held_target(game, STEP, every=1, at={**at, copy: at[w]})
    assert sp.cancel(sp.Matrix(once.jacobian - stability(plain, STEP, at=at).jacobian).norm()) == 0
    assert held_target(game, STEP, every=4, at={**at, copy: at[w]}).condition.subs(ALPHA, Q(1, 10)) == sp.true


def test_what_cannot_be_held_is_refused():
    game = models.doubling_chain().td(target="copy")
    with pytest.raises(GameError, match="from 1 to"):
        held_target(game, STEP, every=0, at=origin(game))
    with pytest.raises(GameError, match="flow"):
        held_target(game, rules.flow(), every=2, at=origin(game))
    with pytest.raises(GameError, match="moves under the rule"):
        held_target(game, STEP, every=2, at={"w": 0, "wbar": 1})
    with pytest.raises(GameError, match="no player"):
        held_target(models.w_to_two_w(), STEP, every=2, at={"w": 0})
