"""Learning in finite games: thresholds of temperature, one condition for two methods, and the switch of WoLF."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import sympy as sp

from bilevel import models, stability
from bilevel.analysis import switching
from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid
from bilevel.models import SwitchingFlow

Q = sp.Rational
T = sp.Symbol("T", positive=True)
SLOW, FAST = sp.symbols("l_min l_max", positive=True)


def at(system, value):
    return dict.fromkeys(system.variables, value)


@pytest.mark.parametrize(
    "payoffs, uniform, threshold",
    [
        ([[[1, -1], [-1, 1]]] * 2, Q(1, 2), 1),  # coordination
        (models.shapley_payoffs(), Q(1, 3), Q(1, 6)),
        (models.jordan_payoffs(), Q(1, 2), Q(1, 2)),
    ],
)
def test_logit_replies_stabilise_above_a_temperature_and_both_methods_agree_on_it(payoffs, uniform, threshold):
    """Q-learning moves values, fictitious play beliefs: different Jacobians, one condition."""
    play, values = models.smooth_fictitious_play(payoffs), models.boltzmann_q_learning(payoffs)
    for verdict in (stability(play, at=at(play, uniform)), stability(values, at=at(values, 0))):
        assert verdict.condition == sp.StrictGreaterThan(T, threshold)
        assert verdict.unstable_on == sp.StrictLessThan(T, threshold)


def test_matching_pennies_under_each_learner():
    assert stability(models.boltzmann_q_learning(), at={"q1": 0, "q2": 0}).verdict == "stable"
    assert stability(models.smooth_fictitious_play(), at={"x1": Q(1, 2), "x2": Q(1, 2)}).verdict == "stable"
    gradient = models.softmax_gradient_ascent()
    verdict = stability(gradient, at=at(gradient, 0))
    assert verdict.verdict == "marginal" and verdict.nonlinear["claim"] == "Lyapunov stable"
    bonus = models.softmax_gradient_ascent(entropy_weight=sp.Symbol("beta", positive=True))
    assert stability(bonus, at=at(bonus, 0)).verdict == "stable"


def test_mean_payoffs_by_a_second_road():
    """Three players with numbers drawn at random: the derivative of the mean payoff, by a sum over all plays."""
    source = random.Random(4)
    tables = [np.array([source.randint(-3, 3) for _ in range(12)]).reshape(2, 3, 2) for _ in range(3)]
    system = models.smooth_fictitious_play([t.tolist() for t in tables], 1)
    beliefs = dict(zip(system.variables, (Q(1, 3), Q(1, 5), Q(2, 5), Q(3, 4)), strict=True))
    mixed = [np.array([1 / 3, 2 / 3]), np.array([1 / 5, 2 / 5, 2 / 5]), np.array([3 / 4, 1 / 4])]
    expected = []
    for i in range(3):
        mean = np.zeros(tables[i].shape[i])
        for play in itertools.product(range(2), range(3), range(2)):
            mean[play[i]] += tables[i][play] * np.prod([mixed[j][play[j]] for j in range(3) if j != i])
        reply = np.exp(mean) / np.exp(mean).sum()
        expected += list((reply - mixed[i])[:-1])
    found = [float(e.subs(beliefs).replace(sigmoid, lambda t: 1 / (1 + sp.exp(-t)))) for e in system.equations.values()]
    assert np.allclose(found, expected)


def test_wolf_converges_exactly_when_losing_is_faster():
    verdict = switching(models.wolf_iga())
    assert verdict.condition == sp.StrictLessThan(SLOW, FAST)
    factor = verdict.jacobian[0]
    assert sp.cancel(factor - (SLOW / FAST) ** 4) == 0, "the square of the factor (l_min/l_max)^2 of one turn"
    assert switching(models.wolf_iga(winning=1, losing=1)).verdict == "marginal"
    assert switching(models.wolf_iga(winning=2, losing=1)).verdict == "unstable"


def test_the_return_map_is_what_a_simulation_shows():
    """Small steps of the switching flow, until it comes back to the axis it left."""
    flow = models.wolf_iga(winning=1, losing=2)
    matrices = [np.array(M.tolist(), dtype=float) for M in flow.matrices]
    z, h, crossings, previous = np.array([1.0, 0.0]), 1e-4, [], None
    for _ in range(200_000):
        quadrant = (0 if z[1] > 0 else 3) if z[0] > 0 else (1 if z[1] > 0 else 2)
        middle = z + h / 2 * matrices[quadrant] @ z
        z = z + h * matrices[quadrant] @ middle
        if previous is not None and previous > 0 >= z[1] and z[0] > 0:
            crossings.append(z[0])
        previous = z[1]
        if len(crossings) == 1:
            break
    assert abs(crossings[0] - 1 / 4) < 1e-3
    assert sp.sqrt(switching(flow).jacobian[0]) == Q(1, 4)


def test_a_switching_flow_that_does_not_turn_is_left_unknown():
    coordination = ([[1, -1], [-1, 1]], [[1, -1], [-1, 1]])
    assert switching(models.wolf_iga(coordination)).verdict == "unknown"
    damped = sp.Matrix([[-1, -1], [1, -1]])
    assert switching(SwitchingFlow({}, (damped,) * 4)).verdict == "unknown"
    turn = sp.Matrix([[0, -1], [1, 0]])
    assert switching(SwitchingFlow({}, (turn,) * 4)).verdict == "marginal"
    assert switching(SwitchingFlow({}, (turn, turn, turn, -turn))).verdict == "unknown"


def test_payoffs_that_do_not_fit_are_refused():
    with pytest.raises(GameError, match="payoff tables"):
        models.smooth_fictitious_play([[[1, 2], [3, 4]]])
    with pytest.raises(GameError, match="payoff tables"):
        models.boltzmann_q_learning([[[1, 2], [3, 4]], [[1], [2]]])
    with pytest.raises(GameError, match="two actions each"):
        models.wolf_iga(models.shapley_payoffs())
    with pytest.raises(GameError, match="nested lists"):
        models.smooth_fictitious_play("x")
    with pytest.raises(GameError, match="inside"):
        models.wolf_iga([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
    with pytest.raises(GameError, match="signs"):
        models.wolf_iga([[[1, 1], [1, 1]], [[1, 0], [0, 1]]])
    with pytest.raises(GameError, match="two actions a player"):
        models.softmax_gradient_ascent(models.shapley_payoffs(), entropy_weight=1)
