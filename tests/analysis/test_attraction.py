"""Which kinds of equilibrium a rule can converge to: published theorems re-derived, witnesses checked in floats."""

import numpy as np
import pytest
import sympy as sp

from bilevel import rules
from bilevel.analysis.attraction import (
    attraction,
    attracts_every,
    attracts_only,
    generic_quadratic,
)
from bilevel.analysis.kinds import MINIMAX, NASH, SPURIOUS, STACKELBERG
from bilevel.analysis.kinds_where import OTHER, kind_conditions
from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.models.quadratic_games import adolphs_game, stable_not_minimax

h, w = sp.symbols("h w", positive=True)
GAME, ZERO = generic_quadratic()
A, B, C = sp.symbols("a_11 b_11 c_11", real=True)

THEOREMS = [  # rule, kind, attracts only to it, attracts to every one of it for small steps; and where it is published
    (rules.follow_the_ridge(h), MINIMAX, True, True),  # Wang, Zhang, Ba 2020
    (rules.stackelberg(h), MINIMAX, True, True),  # Fiez, Chasnov, Ratliff 2020: zero-sum games
    (rules.symplectic_surgery(h), NASH, True, True),  # Mazumdar, Jordan, Sastry 2019
    (rules.simultaneous(h), NASH, False, True),  # Daskalakis and Panageas 2018
    (rules.simultaneous(h), MINIMAX, False, False),  # Jin, Netrapalli, Jordan 2020
    (rules.alternating(h), NASH, False, True),
    (rules.proximal_point(h), MINIMAX, False, False),
]


@pytest.mark.parametrize(("rule", "kind", "only", "every"), THEOREMS, ids=lambda v: getattr(v, "name", str(v)))
def test_published_attraction_theorems_come_out(rule, kind, only, every):
    first, second = attracts_only(GAME, rule, kind, ZERO), attracts_every(GAME, rule, kind, ZERO, small=h)
    assert (first.holds, second.holds) == (only, every)
    for found in (first, second):
        assert (found.witness is None) == bool(found)


def _radius(field_jacobian, step):
    return max(abs(np.linalg.eigvals(np.eye(len(field_jacobian)) - step * field_jacobian)))


def test_the_witness_against_simultaneous_steps_attracts_and_is_no_minimax_point():
    values = {str(k): float(v) for k, v in attracts_only(GAME, rules.simultaneous(h), MINIMAX, ZERO).witness.items()}
    a, b, c, step = (values[n] for n in ("a_11", "b_11", "c_11", "h"))
    assert _radius(np.array([[a, b], [-b, -c]]), step) < 1
    assert not (c < 0 and a - b * b / c > 0)


def test_a_minimax_point_that_simultaneous_steps_leave_for_every_small_step():
    values = {
        str(k): float(v) for k, v in attracts_every(GAME, rules.simultaneous(h), MINIMAX, ZERO, small=h).witness.items()
    }
    a, b, c = (values[n] for n in ("a_11", "b_11", "c_11"))
    assert c < 0 and a - b * b / c > 0
    assert all(_radius(np.array([[a, b], [-b, -c]]), step) >= 1 for step in (1e-2, 1e-3, 1e-4))


def test_a_rule_that_loses_the_correction_of_follow_the_ridge_is_refuted():
    @rules.rule
    def half_ridge(step, weight):
        def on(field):
            ridge = rules.follow_the_ridge(step).on(field)
            return lambda z: (1 - weight) * (z - step * field(z)) + weight * ridge(z)[0]

        return on

    assert attracts_only(GAME, half_ridge(h, sp.Rational(1, 2)), MINIMAX, ZERO).holds is False


def test_without_a_common_payoff_descent_leaves_some_nash_points():
    game, zero = generic_quadratic(zero_sum=False)
    found = attracts_every(game, rules.flow(), NASH, zero)
    assert found.holds is False  # Mazumdar, Ratliff, Sastry 2020: a strict Nash point may be a saddle of the flow
    v = {str(k): float(x) for k, x in found.witness.items()}
    jacobian = np.array([[v["a_11"], v["b_11"]], [v["d_11"], v["c_11"]]])
    assert v["a_11"] > 0 and v["c_11"] > 0 and min(np.linalg.eigvals(jacobian).real) <= 0
    assert set(kind_conditions(game, zero)) == {NASH, STACKELBERG.format("first"), STACKELBERG.format("second"), OTHER}


def test_nash_points_with_more_variables_attract_the_flow():
    game, zero = generic_quadratic(dimensions=(2, 1))
    assert attracts_every(game, rules.flow(), NASH, zero).holds is not False
    assert attracts_only(game, rules.flow(), NASH, zero).holds is False


def test_each_point_of_a_game_is_counted_under_its_own_kinds():
    (found,) = attraction(adolphs_game(), rules.simultaneous(h))
    assert found.where(NASH) == (h < sp.Rational(1, 4)) and found.where(MINIMAX) == found.where(NASH)
    assert found.where(OTHER) == (h < sp.Rational(1, 4)) == found.elsewhere(NASH)
    assert found.can(NASH).witness[h] < sp.Rational(1, 4) and found.complete
    (never,) = attraction(stable_not_minimax(), rules.symplectic_surgery(h))
    assert never.can(MINIMAX).holds is False and "cannot converge to" in str(never)


def test_a_kind_that_has_no_test_in_the_game_is_refused():
    game, zero = generic_quadratic(zero_sum=False)
    with pytest.raises(GameError, match="no kind"):
        attracts_only(game, rules.flow(), MINIMAX, zero)


def test_points_that_a_rule_adds_are_counted_as_spurious():
    x = sp.Symbol("x", real=True)
    game = Game(a=minimize(x**3 / 3 - x, x))
    (found,) = attraction(game, rules.hamiltonian(h))
    assert found.can(SPURIOUS).holds is False  # F'F = 0 at x = 0, a maximum of |F|^2: it repels
    assert found.can(NASH).holds is True and found.can(OTHER).holds is True  # and both zeros of F attract
