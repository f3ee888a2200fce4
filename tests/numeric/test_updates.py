"""A rule's numeric step is its derived update, memory and implicit points included."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.numeric import check_update, jax_function, reading
from bilevel.rules.protocol.rule import Rule
from tests.rules.examples import TWO_PLAYERS, examples, random_game

FIRST = [(name, rules[0]) for name, rules in examples().items() if rules]


@pytest.mark.parametrize("name, rule", FIRST, ids=str)
def test_the_numeric_step_is_the_derived_update(name: str, rule: Rule):
    game = random_game((1, 2), len(str(rule)), degree=2 if name == "symplectic_surgery" else 3)
    near = dict.fromkeys(game.variables, 0.02)  # close enough for implicit steps to have their solution
    assert check_update(game, rule, trials=1, values=near)


@pytest.mark.parametrize("name, rule", [case for case in FIRST if case[0] not in TWO_PLAYERS][::3], ids=str)
def test_three_players(name: str, rule: Rule):
    assert check_update(random_game((1, 1, 1), len(str(rule))), rule, trials=1)


def test_each_player_with_a_rule_of_its_own():
    rule = R.each({"p0": R.heavy_ball("1/5", "1/3"), "p1": R.simultaneous("1/4")})
    assert check_update(random_game((1, 2), 5), rule, trials=2)


def test_steps_per_player_and_symbols():
    h, k = sp.symbols("h k", positive=True)
    game = random_game((1, 1), 6)
    assert check_update(game, R.alternating({"p0": h, "p1": k}), trials=2)
    assert check_update(game, R.consensus(h, k), trials=2)


def test_a_wrong_rule_is_told_apart():
    # A mutant: the derived equations of one rule against the numeric step of another.
    game = random_game((1, 1), 3)
    point = {str(v): jnp.float32(0.3) for v in game.variables}
    derived = jax_function(R.derive(game, R.simultaneous("1/5")))(*point.values())
    stepped, _ = reading(game, R.alternating("1/5")).step(point)
    assert not np.allclose(derived, list(stepped.values()), rtol=1e-4)


@pytest.mark.parametrize("make", [R.alternating, R.extragradient, R.proximal_point])
def test_float32(make: Any):
    assert check_update(random_game((1, 1), 3), make("1/50"), trials=2, dtype="float32")
