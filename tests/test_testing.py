"""The test kit accepts right implementations and says what is wrong with others."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.testing import assert_gradient, assert_implements, points

x, y = sp.symbols("x y", real=True)
h = sp.Symbol("h", positive=True)
GAME = Game(a=minimize(x * y + x**2 / 2, x), b=maximize(x * y, y))
ALTERNATING = R.derive(GAME, R.alternating(h))


def alternating(z, step=0.1):
    after = z["x"] - step * (z["y"] + z["x"])
    return {"x": after, "y": np.asarray(z["y"] + step * after)}


def test_a_right_step_passes():
    assert_implements(alternating, ALTERNATING, values={h: 0.1})


MISTAKES = {
    "wrong sign": lambda z: {**alternating(z), "x": z["x"] + 0.1 * (z["y"] + z["x"])},
    "factor 1/2": lambda z: {**alternating(z), "x": z["x"] - 0.05 * (z["y"] + z["x"])},
    "factor 2": lambda z: {**alternating(z), "x": z["x"] - 0.2 * (z["y"] + z["x"])},
    "no step": lambda z: {**alternating(z), "x": z["x"]},
    "old values: simultaneous": lambda z: {**alternating(z), "y": z["y"] + 0.1 * z["x"]},
    "nan": lambda z: {**alternating(z), "x": float("nan")},
}


@pytest.mark.parametrize("word", MISTAKES)
def test_mistakes_are_found_and_named(word):
    with pytest.raises(AssertionError, match=word):
        assert_implements(MISTAKES[word], ALTERNATING, values={"h": 0.1})


def test_memory_is_part_of_the_step():
    update = R.derive(Game(a=minimize(x**2, x)), R.heavy_ball(h, sp.Rational(1, 2)))
    step = lambda z: {"x": z["x"] - 0.2 * z["x"] + 0.5 * (z["x"] - z["x@previous"]), "x@previous": z["x"]}
    assert_implements(step, update, values={h: 0.1})
    with pytest.raises(GameError, match="x@previous is missing"):
        assert_implements(lambda z: {"x": 0.0}, update, values={h: 0.1})


def test_gradients():
    assert_gradient(lambda z: {"x": z["y"] + z["x"]}, GAME, "a")
    assert_gradient(lambda z: {"y": -z["x"]}, GAME, "b")  # the cost of a maximiser is minus its loss
    with pytest.raises(AssertionError, match="wrong sign: b minimises"):
        assert_gradient(lambda z: {"y": z["x"]}, GAME, "b")
    with pytest.raises(GameError, match="no player"):
        assert_gradient(lambda z: {}, GAME, "nobody")


def test_the_first_point_is_simple():
    assert next(iter(points([x, y]))) == {"x": 1.0, "y": 2.0}
    assert len(list(points([x], trials=4))) == 4
