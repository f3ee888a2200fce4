"""A rule's numeric step, differentiated by JAX at a fixed point, is its exact linear reading."""

from __future__ import annotations

import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bilevel import rules as R
from bilevel.numeric import reading
from bilevel.numeric.precision import prepared, tolerance, working
from bilevel.rules.protocol.rule import Rule
from tests.rules.examples import examples, origin, random_game

SECOND = {
    "flow",
    "alternating",
    "two_time_scale",
    "heavy_ball",
    "optimistic",
    "stackelberg",
    "rmsprop",
    "adam",
}  # with a variant
CASES = [(name, rule) for name, rules in examples().items() for rule in rules[: 1 + (name in SECOND)]]


def game_for(name: str, rule: Rule) -> Any:
    """A random polynomial game at rest at the origin; small where a rule nests many derivatives."""
    shape = (1, 1) if name in ("along", "sos", "taking_turns", "continuous", "lola_exact", "chambolle_pock") else (1, 2)
    return random_game(shape, zlib.crc32(str(rule).encode()) % 1000, degree=2 if name == "symplectic_surgery" else 3)


def flat_step(game: Any, rule: Rule) -> Any:
    """One numeric step as a function of one vector: variables, then memory."""
    stepper, names = reading(game, rule), [str(v) for v in game.variables]

    def step(vector: Any) -> Any:
        parts = [dict(zip(names, part)) for part in jnp.split(vector, 1 + len(rule.memory))]
        params, state = stepper.step(parts[0], tuple(parts[1:]))
        return jnp.stack([part[name] for part in (params, *state) for name in names])

    return step


def test_every_rule_of_the_catalogue_is_read():
    assert {name for name, _ in CASES} == set(R.catalogue()) - {"each"}  # `each` needs players' names: below


@pytest.mark.parametrize("name, rule", CASES, ids=str)
def test_the_numeric_step_linearises_to_the_linear_reading(name: str, rule: Rule):
    game = game_for(name, rule)
    size = len(game.variables) * (1 + len(rule.memory))
    with working("float64"):
        slope, count = prepared(jax.jacfwd(flat_step(game, rule)), jnp.zeros(size))
        found = np.asarray(slope(jnp.zeros(size)))
    exact = np.array(R.linearise(game, rule, origin(game)).matrix, dtype=float)
    assert np.abs(found - exact).max() <= tolerance("float64", count, np.abs(exact).max())
