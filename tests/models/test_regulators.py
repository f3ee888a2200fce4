"""Regulators with matrices and the game against a disturbance: gradients, Riccati gains, regions of each update."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from bilevel import equilibria, models, rules, stability
from bilevel.analysis import riccati
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.models import Regulator

Q = sp.Rational
STEP = sp.Symbol("h", positive=True)
PLANT = (sp.Matrix([[Q(3, 4), Q(1, 2)], [Q(-1, 4), Q(1, 3)]]), sp.Matrix([[1], [Q(1, 2)]]), sp.diag(1, 2), [[Q(1, 2)]])


def plant(discount=1) -> Regulator:
    return Regulator(*PLANT, discount, [[2, Q(1, 2)], [Q(1, 2), 1]])


def zero(matrix) -> bool:
    return all(sp.cancel(sp.together(entry)) == 0 for entry in matrix)


def test_the_gradient_of_the_cost_is_twice_the_residual_times_the_moment():
    """Fazel et al., lemma 1: by differentiation on one side, by two Lyapunov equations on the other."""
    regulator = plant(Q(9, 10))
    field = regulator.game().field()
    slope = sp.Matrix([[field[k] for k in regulator.gain]])
    values = dict(zip(regulator.gain, (Q(1, 3), Q(1, 7)), strict=True))
    assert zero(slope.subs(values) - (2 * regulator.residual() * regulator.moment()).subs(values))


def test_values_are_sums_over_time():
    regulator, gain = plant(Q(1, 2)), [[Q(1, 3), Q(1, 7)]]
    A, B, QQ, R = (np.array(sp.Matrix(M).tolist(), dtype=float) for M in PLANT)
    K = np.array([[1 / 3, 1 / 7]])
    loop, total, ahead = A - B @ K, np.zeros((2, 2)), np.eye(2)
    for t in range(200):
        total += 0.5**t * ahead.T @ (QQ + K.T @ R @ K) @ ahead
        ahead = loop @ ahead
    assert np.allclose(np.array(regulator.value(gain).tolist(), dtype=float), total)


def test_gauss_newton_with_step_one_half_is_policy_iteration():
    regulator = plant(Q(9, 10))
    after = regulator.learner("Gauss-Newton", Q(1, 2)).equations
    values = dict(zip(regulator.gain, (Q(1, 3), Q(1, 7)), strict=True))
    improved = regulator.improved([[Q(1, 3), Q(1, 7)]])
    assert [after[k].subs(values) for k in regulator.gain] == list(improved)


def test_regions_of_the_three_updates_at_the_scalar_riccati_gain():
    """h (r + b^2 P) Sigma < 1, h (r + b^2 P) < 1 and h < 1, for costs that make k = 1/2 best with P = 1."""
    regulator = Regulator(1, 1, Q(1, 2), 1)
    at = {regulator.gain[0]: Q(1, 2)}
    assert riccati(regulator).gain[0] == Q(1, 2) and riccati(regulator).known == "exact"
    limits = {"gradient": Q(3, 8), "natural gradient": Q(1, 2), "Gauss-Newton": 1}
    for method, limit in limits.items():
        verdict = stability(regulator.learner(method, STEP), at=at)
        assert verdict.condition == sp.StrictLessThan(STEP, limit), method
    quadratic = stability(regulator.learner("Gauss-Newton", Q(1, 2)), at=at)
    assert quadratic.jacobian[0] == 0, "policy iteration converges quadratically"


def test_a_matrix_gain_is_enclosed_and_the_updates_there_are_decided():
    regulator = plant()
    found = riccati(regulator)
    assert found.known == "enclosed" and found.radius < 1e-14
    A, B, QQ, R = (np.array(sp.Matrix(M).tolist(), dtype=float) for M in PLANT)
    P, K = (np.array(M.tolist(), dtype=float) for M in (found.value, found.gain))
    assert np.allclose(P, QQ + A.T @ P @ A - A.T @ P @ B @ K) and np.allclose((R + B.T @ P @ B) @ K, B.T @ P @ A)
    curvature = float((R + B.T @ P @ B)[0, 0])
    at = dict(zip(regulator.gain, found.gain, strict=True))
    cases = (("natural gradient", 0.99 / curvature, "stable"), ("Gauss-Newton", 1.01, "unstable"))
    for method, step, expected in cases:
        verdict = stability(regulator.learner(method, Q(step).limit_denominator(10**6)), at=at)
        assert (verdict.verdict, verdict.known) == (expected, "enclosed"), method


def test_a_rational_riccati_gain_of_matrices_is_exact():
    """Two scalar problems side by side, turned by an integer change of coordinates."""
    turn = sp.Matrix([[1, 1], [0, 1]])
    A, B = turn * sp.eye(2) * turn.inv(), turn
    cost = turn.inv().T * sp.diag(Q(1, 2), Q(1, 2)) * turn.inv()
    found = riccati(Regulator(A, B, cost, sp.eye(2)))
    assert found.known == "exact" and found.gain == Q(1, 2) * turn.inv()
    with pytest.raises(UnknownAnswer, match="symbols"):
        riccati(Regulator(sp.diag(sp.Symbol("a"), 1), sp.eye(2), sp.eye(2), sp.eye(2)))
    with pytest.raises(UnknownAnswer, match="whose loop contracts"):
        riccati(Regulator(sp.diag(2, 2), sp.Matrix([1, 0]), sp.eye(2), [[1]]))


def test_the_scalar_regulators_of_the_catalogue_agree():
    a, b, q, r = models.linear_quadratic_regulator().parameters
    assert sp.cancel(Regulator(a, b, q, r).cost() - models.linear_quadratic_regulator()["controller"].loss) == 0


def test_the_game_against_noise_has_its_saddle_and_its_regions():
    numbers = {"closed_loop": Q(1, 2), "control": 1, "disturbance": 1, "action_cost": 1, "attenuation": 2}
    game, at = models.zero_sum_regulator(**numbers), models.zero_sum_equilibrium(**numbers)
    found = equilibria(game)
    (saddle,) = [point for point in found.points if point.point == at]
    assert any("Nash" in kind for kind in saddle.kinds) and found.complete
    flow = stability(game, at=at)
    assert flow.verdict == "stable"
    steps = stability(game, rules.simultaneous(STEP), at=at)
    J = np.array(game.jacobian().subs(at).tolist(), dtype=float)
    values = np.linalg.eigvals(J)
    limit = min(2 * values.real / abs(values) ** 2)
    assert steps.condition.subs(STEP, Q(limit * 0.999)) == sp.true
    assert steps.condition.subs(STEP, Q(limit * 1.001)) == sp.false
    nested = models.zero_sum_regulator(**numbers, play="nested")
    total = nested.jacobian(of="controller", wrt="controller").subs(at)
    schur = J[0, 0] - J[0, 1] * J[1, 0] / J[1, 1]
    # along the best response the controller's slope is the Schur complement
    path = nested.jacobian().subs(at)
    slope = path[0, 0] - path[0, 1] * path[1, 0] / path[1, 1]
    assert abs(float(slope) - schur) < 1e-12 and float(total if total.is_number else total[0]) != J[0, 0]


def test_a_price_below_the_disturbances_gain_leaves_no_saddle():
    numbers = {"closed_loop": Q(1, 2), "control": 1, "disturbance": 1, "action_cost": 1, "attenuation": Q(9, 10)}
    game, at = models.zero_sum_regulator(**numbers), models.zero_sum_equilibrium(**numbers)
    (point,) = equilibria(game, at=at).points
    assert not any(kind.startswith("Nash") for kind in point.kinds)
    nested = models.zero_sum_regulator(**numbers, play="nested")
    assert stability(nested, at=at).verdict != "stable"


def test_what_does_not_fit_is_refused():
    with pytest.raises(GameError, match="B is 2 x 1"):
        Regulator(sp.eye(3), sp.Matrix([1, 1]), sp.eye(2), [[1]])
    with pytest.raises(GameError, match="symmetric"):
        Regulator(sp.eye(2), sp.Matrix([1, 1]), [[1, 2], [0, 1]], [[1]])
    with pytest.raises(GameError, match="method"):
        plant().learner("newton", 1)
    with pytest.raises(GameError, match="gain of controller is 1 x 2; got 1 x 3"):
        plant().value([[1, 2, 3]])
    with pytest.raises(GameError, match="play"):
        models.zero_sum_regulator(play="alternating")


@pytest.mark.parametrize("costs", [(0, 1), (-1, 1)])  # a loop on the boundary at P = 0; no real root at all
def test_a_scalar_equation_without_a_stabilising_solution_has_no_gain(costs):
    q, r = costs
    with pytest.raises(UnknownAnswer, match="stabilises"):
        riccati(models.Regulator(1, 1, q, r))


def test_the_root_whose_loop_does_not_settle_is_no_equilibrium():
    found = equilibria(models.Regulator(1, 1, "1/2", 1).game())
    assert [list(p.point.values()) for p in found.points] == [[sp.Rational(1, 2)]] and found.complete
