"""Exact equilibria of zero-sum games, and oracles that end at one."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from bilevel import models
from bilevel.certificate import check
from bilevel.language.errors import GameError

payoffs = st.integers(1, 3).flatmap(
    lambda n: st.integers(1, 3).flatmap(
        lambda m: st.lists(st.lists(st.integers(-3, 3), min_size=m, max_size=m), min_size=n, max_size=n)
    )
)


@given(payoffs)
@settings(max_examples=25, deadline=None)
def test_equilibria_are_minimax_and_the_double_oracle_finds_them(payoff):
    """No pure strategy of either side beats the value, and the double oracle ends with that value and no gain."""
    A = sp.Matrix(payoff)
    x, y, value = models.matrix_equilibrium(payoff)
    assert sum(x) == sum(y) == 1 and min(*x, *y, 0) == 0
    assert max(A * sp.Matrix(y)) == value == min(sp.Matrix([x]) * A)
    rounds = models.double_oracle(payoff)
    assert rounds[-1].value == value and rounds[-1].exploitability == 0
    assert len(rounds) <= A.rows + A.cols
    assert all(one.row_gain >= 0 and one.column_gain >= 0 for one in rounds)


def test_an_oracle_gains_against_a_part_of_the_game():
    first = models.double_oracle()[0]
    assert first.rows == (0,) and first.exploitability == 2


def test_bad_populations_are_refused():
    with pytest.raises(GameError, match="sum to 1"):
        models.policy_space_responses(population=[[1, 1, 0], [0, 0, 1]])
    with pytest.raises(GameError, match="square"):
        models.policy_space_responses([[1, 2]])
    with pytest.raises(GameError, match="rational"):
        models.matrix_equilibrium([[sp.sqrt(2)]])
    with pytest.raises(GameError, match="start"):
        models.double_oracle(start=(3, 0))


@pytest.mark.parametrize("seed", range(6))
def test_exact_equilibria_have_the_value_of_scipys_linear_program_and_runs_pass_the_checker(seed):
    rng = np.random.default_rng(seed)
    payoff = rng.integers(-4, 5, (rng.integers(2, 9), rng.integers(2, 9)))
    x, y, value = models.matrix_equilibrium(payoff.tolist())
    n, m = payoff.shape
    floor = np.hstack([-payoff.T, np.ones((m, 1))])  # max v: x^T A >= v
    mixed = {"A_eq": [[1] * n + [0]], "b_eq": [1], "bounds": [(0, None)] * n + [(None, None)]}
    found = linprog([0] * n + [-1], floor, [0] * m, **mixed)
    assert -found.fun == pytest.approx(float(value), abs=1e-9)
    A = sp.Matrix(payoff.tolist())
    assert max(A * sp.Matrix(y)) == min(A.T * sp.Matrix(x)) == value and sum(x) == sum(y) == 1 and min(*x, *y) >= 0
    run = models.double_oracle(payoff.tolist())
    trace = models.oracle_certificate(payoff.tolist(), run)
    assert check(trace).ok and run[-1].value == value
    assert not check({**trace, "rounds": [*trace["rounds"], trace["rounds"][-1]]}).ok
