"""The test kit accepts right implementations, of any make, and names what is wrong with others."""

from __future__ import annotations

import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.models import blind_actor_critic, gan, quadratic_game
from bilevel.testing import (
    Mismatch,
    assert_corresponds,
    assert_gradient,
    assert_implements,
    assert_stable,
    mutants,
    optimizer_step,
    points,
    strategies,
)
from bilevel.testing.explain import table

x, y = sp.symbols("x y", real=True)
h = sp.Symbol("h", positive=True)
GAME = Game(a=minimize(x * y + x**2 / 2, x), b=maximize(x * y, y))
ALTERNATING = R.derive(GAME, R.alternating(h))
SIMULTANEOUS = R.derive(GAME, R.simultaneous(h))


def alternating(z, step=0.1):
    after = z["x"] - step * (z["y"] + z["x"])
    return {"x": after, "y": np.asarray(z["y"] + step * after)}


def simultaneous(z, step=0.1):
    return {"x": z["x"] - step * (z["y"] + z["x"]), "y": z["y"] + step * z["x"]}


def failure(step, update, **more) -> Mismatch:
    with pytest.raises(Mismatch) as caught:
        assert_implements(step, update, **more)
    return caught.value


# --- steps of any make ---


class Stateful:
    """What a training class looks like: attributes, a counter, and a step without arguments."""

    def __init__(self):
        self.x, self.y, self.calls = 5.0, 6.0, 0

    def step(self):
        self.calls += 1
        assert self.calls == 1, "every call gets a fresh copy"
        self.x, self.y = self.x - 0.1 * (self.x + self.y), self.y + 0.1 * self.x


class Trainer:
    def step(self, batch):
        return simultaneous(batch)


RIGHT = {
    "floats": simultaneous,
    "in order": lambda z: [*simultaneous(z).values()],
    "symbols as keys": lambda z: {x: simultaneous(z)["x"], y: simultaneous(z)["y"]},
    "an array": lambda z: np.array([*simultaneous(z).values()]),
    "float32 arrays": lambda z: simultaneous({k: jnp.float32(e) for k, e in z.items()}),
    "an object": Stateful(),
    "an object that takes the point": Trainer(),
    "an optax chain": optimizer_step(
        optax.chain(optax.clip(1e9), optax.sgd(0.1)), lambda z: {"x": z["x"] + z["y"], "y": -z["x"]}
    ),
}


@pytest.mark.parametrize("make", RIGHT)
def test_a_right_step_passes(make):
    assert_implements(RIGHT[make], SIMULTANEOUS, values={h: 0.1})


def test_alternating_steps():
    assert_implements(alternating, ALTERNATING, values={"h": 0.1})
    assert_implements(alternating, ALTERNATING, values={h: sp.Rational(1, 10)}, points=[{x: 1, y: 2}])


def test_memory_is_part_of_the_step():
    update = R.derive(Game(a=minimize(x**2, x)), R.heavy_ball(h, sp.Rational(1, 2)))
    step = lambda z: {"x": z["x"] - 0.2 * z["x"] + 0.5 * (z["x"] - z["x@previous"]), "x@previous": z["x"]}
    assert_implements(step, update, values={h: 0.1})
    with pytest.raises(GameError, match="x@previous is missing"):
        assert_implements(lambda z: {"x": 0.0}, update, values={h: 0.1})
    forgets = lambda z: {"x": z["x"] - 0.2 * z["x"], "x@previous": z["x"]}
    assert failure(forgets, update, values={h: 0.1}).reasons == ("heavy_ball: momentum is missing",)


# --- slips are named ---

SLIPS = {
    "wrong sign: a maximises": lambda z: {**simultaneous(z), "x": z["x"] + 0.1 * (z["y"] + z["x"])},
    "gradient of a is half of it": lambda z: {**simultaneous(z), "x": z["x"] - 0.05 * (z["y"] + z["x"])},
    "factor 2": lambda z: {**simultaneous(z), "x": z["x"] - 0.2 * (z["y"] + z["x"])},
    "no step at all: a stands still": lambda z: {**simultaneous(z), "x": z["x"]},
    "the term y is missing": lambda z: {**simultaneous(z), "x": z["x"] - 0.1 * z["x"]},
    "new values: alternating in place of simultaneous: a before b": alternating,
    "b before a": lambda z: {
        "y": z["y"] + 0.1 * z["x"],
        "x": z["x"] - 0.1 * (z["x"] + z["y"] + 0.1 * z["x"]),
    },
    "x: the change comes back": lambda z: {**simultaneous(z), "x": -0.1 * (z["y"] + z["x"])},
    "x: the step is 3 times the derived one": lambda z: {**simultaneous(z), "x": z["x"] - 0.3 * (z["y"] + z["x"])},
    "off by the constant 1": lambda z: {**simultaneous(z), "x": z["x"] - 0.1 * (z["y"] + z["x"]) + 1},
}


@pytest.mark.parametrize("words", SLIPS)
def test_slips_are_found_and_named(words):
    found = failure(SLIPS[words], SIMULTANEOUS, values={"h": 0.1})
    assert len(found.reasons) == 1 and words in found.reasons[0], found


def test_old_values_where_new_ones_are_due():
    found = failure(simultaneous, ALTERNATING, values={h: 0.1})
    assert found.reasons == ("old values: simultaneous in place of alternating",)
    update = R.derive(GAME, R.extragradient(h))
    assert failure(simultaneous, update, values={h: 0.1}).reasons == (
        "old values: every gradient is taken at the current point",
    )


def test_two_slips_are_named_one_by_one():
    wrong = lambda z: {"x": z["x"] - 0.05 * (z["y"] + z["x"]), "y": z["y"] - 0.1 * z["x"]}
    first, second = failure(wrong, SIMULTANEOUS, values={h: 0.1}).reasons
    assert first.startswith("x: the gradient of a is half") and second.startswith("y: wrong sign: b")


def test_step_sizes_are_told_apart():
    update = R.derive(GAME, R.simultaneous({"a": "1/10", "b": "3/10"}))
    wrong = lambda z: {"x": z["x"] - 0.1 * (z["y"] + z["x"]), "y": z["y"] + 0.1 * z["x"]}
    assert failure(wrong, update).reasons == ("simultaneous: step of b is that of a",)


def test_a_transposed_matrix_and_a_transposed_jacobian():
    (a1, a2), (b1, b2) = sp.symbols("a1 a2", real=True), sp.symbols("b1 b2", real=True)
    value = a1 * b1 + 2 * a1 * b2 + 3 * a2 * b1 + 4 * a2 * b2
    game = Game(a=minimize(value, a1, a2), b=maximize(value, b1, b2))
    right = lambda z: {"a1": z["b1"] + 2 * z["b2"], "a2": 3 * z["b1"] + 4 * z["b2"]}
    assert_gradient(right, game, "a")
    with pytest.raises(Mismatch, match="a transposed matrix: a's gradient has the block in the variables of b"):
        assert_gradient(lambda z: {"a1": z["b1"] + 3 * z["b2"], "a2": 2 * z["b1"] + 4 * z["b2"]}, game, "a")

    update = R.derive(GAME, R.consensus("1/10", "1/2"))
    wrong = lambda z: {  # F + J F / 2 in place of F + J^T F / 2, with J = [[1, 1], [-1, 0]]
        "x": z["x"] - 0.1 * (z["x"] + z["y"] + 0.5 * (z["x"] + z["y"] - z["x"])),
        "y": z["y"] - 0.1 * (-z["x"] - 0.5 * (z["x"] + z["y"])),
    }
    assert failure(wrong, update).reasons == ("a transposed Jacobian: J in place of its transpose",)
    plain = lambda z: {"x": z["x"] - 0.1 * (z["x"] + z["y"]), "y": z["y"] + 0.1 * z["x"]}
    assert failure(plain, update).reasons == ("consensus: weight is missing",)


def test_the_counterexample_is_small():
    cubic = R.derive(Game(a=minimize(x**4 / 4 + y**2 * x, x), b=minimize(y**2, y)), R.simultaneous("1/2"))
    wrong = lambda z: {"x": z["x"] - (z["x"] ** 3 - z["y"] ** 2) / 2, "y": 0.0}
    found = failure(wrong, cubic)
    assert found.point == {"x": 0.0, "y": 1.0}
    assert (found.found["x"], found.wanted["x"]) == (0.5, -0.5)
    assert "the term y**2 has the wrong sign" in str(found) and "x[t+1] = " in str(found)
    assert failure(wrong, cubic, points=[{"x": 0.25, "y": 7.0}]).point == {"x": 0.25, "y": 7.0}


def test_what_is_not_a_number_fails_and_is_not_explained_away():
    found = failure(lambda z: {**simultaneous(z), "x": float("nan")}, SIMULTANEOUS, values={h: 0.1})
    assert np.isnan(found.found["x"]) and "no single known slip" in str(found)


def test_points_outside_the_domain_are_left_out():
    s = sp.Symbol("s", real=True)
    update = R.derive(Game(a=minimize(s * sp.log(s) - s, s)), R.simultaneous("1/2"))
    assert_implements(lambda z: {"s": z["s"] - np.log(z["s"]) / 2}, update)
    with pytest.raises(GameError, match="no finite value at the points tried"):
        assert_implements(lambda z: z, update, points=[{"s": -1}])


def test_wrong_calls_are_answered():
    with pytest.raises(GameError, match="check h"):
        assert_implements(simultaneous, SIMULTANEOUS)
    with pytest.raises(GameError, match="a function or an object with a method step"):
        assert_implements(3, SIMULTANEOUS, values={h: 0.1})
    with pytest.raises(GameError, match="one number; got ndarray of shape"):
        assert_implements(lambda z: {"x": np.zeros(2), "y": 0.0}, SIMULTANEOUS, values={h: 0.1})
    with pytest.raises(GameError, match="a point needs a number for y"):
        assert_implements(simultaneous, SIMULTANEOUS, values={h: 0.1}, points=[{"x": 1}])


def test_gradients():
    assert_gradient(lambda z: {"x": z["y"] + z["x"]}, GAME, "a")
    assert_gradient(lambda z: {"y": -z["x"]}, GAME, "b")  # the cost of a maximiser is minus its loss
    with pytest.raises(AssertionError, match="wrong sign: b minimises"):
        assert_gradient(lambda z: {"y": z["x"]}, GAME, "b")
    with pytest.raises(GameError, match="no player"):
        assert_gradient(lambda z: {}, GAME, "nobody")


# --- laws of the kit ---


@settings(max_examples=5, deadline=None)
@given(strategies.zero_sum_games(), strategies.rules(), st.data())
def test_every_mutant_is_caught_and_explained_or_is_no_mutant(game, rule, data):
    update = R.derive(game, rule)
    slips = list(mutants(update))
    slip = data.draw(st.sampled_from(slips))
    try:
        changed = slip.make()
    except GameError:
        return
    keys = [str(v) for v in game.variables] + [f"{v}@{part}" for part, v in update.remembered]
    step = lambda z: table(changed, [[z[key] for key in keys]], {})[0]
    tried = np.array([list(point.values()) for point in points(keys, trials=6)])
    one, other = table(changed, tried, {}), table(update, tried, {})
    if np.any(np.abs(one - other) > 1e-6 * (1 + np.abs(other))):
        assert len(failure(step, update, trials=6).reasons) == 1
    elif np.allclose(one, other, rtol=0, atol=1e-12):
        assert_implements(step, update, trials=6)


@settings(max_examples=10, deadline=None)
@given(strategies.quadratic_games(), st.data())
def test_points_fit_their_game(game, data):
    point = data.draw(strategies.points(game))
    assert set(point) == set(game.variables)
    assert all((2 * value).is_Integer for value in point.values())
    assert all(value.subs(dict.fromkeys(game.variables, 0)) == 0 for value in game.field().values())


@settings(max_examples=10, deadline=None)
@given(strategies.processes(), strategies.networks([x, y]))
def test_processes_and_networks(process, network):
    states, actions = process.rewards.shape
    even = sp.ones(states, actions) / actions
    value, reward = process.value(even), sp.Matrix([sum(process.rewards.row(s)) / actions for s in range(states)])
    mixed = sum((P for P in process.transitions), sp.zeros(states)) / actions
    assert (value - reward - process.discount * mixed * value).expand() == sp.zeros(states, 1)  # Bellman's equation
    assert network[0].free_symbols == {x, y, *network[1]}


# --- claims ---


def test_correspondence_claims():
    assert_corresponds(blind_actor_critic(scaled=True), gan(), "constant")
    first, second = Game(a=minimize(x**2, x)), Game(a=minimize(3 * x**2, x))
    assert_corresponds(first, second, "constant")
    with pytest.raises(AssertionError, match=r"identical is refuted(.|\n)*counterexample(.|\n)*proved: constant"):
        assert_corresponds(first, second, "identical")


def test_stability_claims():
    game = quadratic_game(1, 1, 1)  # eigenvalues of the step 1 - h -+ ih: stable exactly when h < 1
    assert_stable(game, R.simultaneous(h), values={h: 0.5})
    with pytest.raises(AssertionError, match=r"h = 3/2(.|\n)*unstable side(.|\n)*stable iff h < 1"):
        assert_stable(game, R.simultaneous(h), values={"h": 1.5})
    with pytest.raises(AssertionError, match="marginal"):
        assert_stable(game, R.simultaneous(h), {"x": 0, "y": 0}, {h: 1})
    with pytest.raises(AssertionError, match="for every parameter"):
        assert_stable(game, R.simultaneous(h))
    with pytest.raises(GameError, match="contradicts"):
        assert_stable(game, R.simultaneous(h), values={h: -1})
    with pytest.raises(GameError, match="no parameter k"):
        assert_stable(game, R.simultaneous(h), values={"k": 1})


def test_the_first_point_is_simple():
    assert next(iter(points([x, y]))) == {"x": 1.0, "y": 2.0}
    assert len(list(points([x], trials=4))) == 4
    assert all(point["h"] > 0 for point in points([h]))


def test_importing_the_kit_is_light():
    code = (
        "import sys, bilevel.testing as t; t.assert_implements, t.mutants, t.points; "
        "print({'jax', 'hypothesis'} & {*sys.modules})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
