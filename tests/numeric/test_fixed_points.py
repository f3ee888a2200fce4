"""Numeric fixed points: verdicts proved from them, multiple roots told apart, pytrees of any size."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import optax
import optimistix
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.numeric import fixed_point, optimizer

X, Y, W = sp.symbols("x y w", real=True)
CUBIC = Game(a=minimize(X**4 / 4 + X * Y - X, X), b=maximize(X * Y - Y**2 - sp.exp(Y) / 2, Y))


@pytest.mark.parametrize("step, answer", [("1/10", "stable"), (2, "unstable")])
def test_a_numeric_point_carries_an_enclosed_verdict(step, answer):
    found = fixed_point(
        CUBIC, R.extragradient("1/10") if answer == "stable" else R.simultaneous(step), near={X: 1.0, Y: 0.0}
    )
    verdict = found.verdict()
    assert found.converged and found.regular and found.residual < 1e-14
    assert (verdict.verdict, verdict.known) == (answer, "enclosed")


def test_memory_and_parameters_are_solved_for():
    w = sp.Symbol("w", positive=True)
    game = Game(a=minimize(w * X**2 / 2 - sp.sin(X), X))
    found = fixed_point(game, R.heavy_ball("1/10", "1/2"), near={X: 0.5}, values={w: 2})
    assert found.regular and float(found.point[X]) == pytest.approx(0.4501836112948736, rel=1e-14)
    assert found.verdict().known == "enclosed" and len(found.state) == 1


@pytest.mark.parametrize("power", [3, 4])
def test_a_multiple_root_is_no_simple_zero_and_has_no_verdict(power):
    game = Game(a=minimize((X - 3) ** power / power, X))
    found = fixed_point(game, R.simultaneous("1/10"), near={X: 1.0})
    assert found.converged and found.regular is False and "not a simple zero" in str(found)
    assert found.verdict().verdict == "unknown"
    exactly = fixed_point(game, R.simultaneous("1/10"), near={X: 3})
    assert exactly.residual == 0 and exactly.regular is False and exactly.verdict().known != "enclosed"


def test_a_continuum_is_no_simple_zero():
    game = Game(a=minimize((X * Y - 1) ** 2, X), b=minimize((X * Y - 1) ** 2 * 2, Y))
    found = fixed_point(game, near={X: 1.2, Y: 0.9})
    assert found.converged and found.regular is False and found.verdict().verdict == "unknown"


def test_no_zero_is_said():
    found = fixed_point(Game(a=minimize(X**3 / 3 + X, X)), R.simultaneous("1/10"), near={X: 1.0})
    assert not found.converged and found.regular is None and "did not settle" in str(found)
    with pytest.raises(UnknownAnswer, match="no fixed point"):
        found.verdict()


def test_many_parameters_on_pytrees():
    curve = np.linspace(1.0, 2.0, 400)
    losses = {
        "a": lambda z, shift: jnp.sum(curve * (z["a"]["w"] - shift) ** 2) / 2 + jnp.sum(z["a"]["w"] * z["b"]),
        "b": lambda z, shift: jnp.sum(z["b"] ** 2) / 2 - jnp.sum(z["a"]["w"] * z["b"]),
    }
    start = {"a": {"w": np.zeros(400)}, "b": np.zeros(400)}
    found = fixed_point(losses, R.extragradient("1/10"), near=start, arguments=(1.0,))
    exact = np.linspace(1.0, 2.0, 400) / (np.linspace(1.0, 2.0, 400) + 1)
    np.testing.assert_allclose(found.point["a"]["w"], exact, rtol=1e-9)
    np.testing.assert_allclose(found.point["b"], exact, rtol=1e-9)
    assert found.regular and found.iterations < 12
    with pytest.raises(UnknownAnswer, match="formulas"):
        found.verdict()


def test_another_root_finder_and_precision():
    finder = optimistix.Dogleg(rtol=1e-6, atol=1e-6)
    found = fixed_point(CUBIC, R.flow(), near={X: 1.0, Y: 0.0}, solver=finder, dtype="float32")
    assert found.point[X].dtype == np.float32 and found.residual < 1e-5


def test_what_is_wrong_is_said():
    with pytest.raises(GameError, match="variables are x, y"):
        fixed_point(CUBIC, R.flow(), near={X: 1.0})
    with pytest.raises(GameError, match="value for h"):
        fixed_point(CUBIC, R.simultaneous(sp.Symbol("h")), near={X: 1.0, Y: 0.0})
    with pytest.raises(UnknownAnswer, match="numbers into the rule"):
        fixed_point(CUBIC, R.simultaneous(sp.Symbol("h")), near={X: 1.0, Y: 0.0}, values={"h": 0.1}).verdict()


@pytest.mark.parametrize("rule", [R.adam("1/10"), R.rmsprop("1/100")], ids=lambda rule: rule.name)
def test_a_rule_that_divides_by_a_root_of_squares_rests_at_a_simple_zero_and_is_decided(rule):
    # x^3/3 - 2x + xy against y^2 - xy: x^2 + y = 2 and x = 2y, an irrational point. Near it v = 0 bends within epsilon.
    game = Game(a=minimize(X**3 / 3 - 2 * X + X * Y, X), b=minimize(Y**2 - X * Y, Y))
    found = fixed_point(game, rule, near={X: 1.0, Y: 0.4})
    assert found.regular and float(found.point[X]) == pytest.approx((33**0.5 - 1) / 4)
    verdict = found.verdict()
    assert (verdict.verdict, verdict.known) == ("unstable", "enclosed")  # with epsilon 1e-8 steps are 1e3 times longer


def test_an_optax_optimiser_rests_where_its_memory_has_died_away():
    losses = {"a": lambda z: (z["a"] ** 2 - 2) ** 2 + z["a"] * z["b"], "b": lambda z: z["b"] ** 2}
    for transformation in (optax.adam(1e-2), optax.sgd(0.1, momentum=0.9)):
        found = fixed_point(losses, optimizer(transformation), near={"a": 1.2, "b": 0.3})
        assert found.converged and found.regular and float(found.point["a"]) == pytest.approx(2**0.5)
    with pytest.raises(UnknownAnswer, match="has no formula"):
        found.verdict()
    # Weight decay moves on where the gradient is zero.
    assert not fixed_point(losses, optimizer(optax.adamw(1e-2, weight_decay=0.1)), near={"a": 1.2, "b": 0.3}).converged


def test_small_numbers_are_held_to_their_own_size():
    large = lambda z: (z["a"] - 1e6) ** 2 / 2
    small = lambda z: (z["b"] - 1e-3) ** 2 / 2
    there = fixed_point({"a": large, "b": small}, near={"a": 0.0, "b": 0.0})
    assert there.converged and abs(there.point["b"] - 1e-3) < 1e-12
    coarse = optimistix.Newton(rtol=1e-3, atol=1e-3)
    # a cubic left half way: right to 1e-3 of the largest number, wrong by as much as the small one itself
    steep = lambda z: (z["b"] - 1e-3) ** 4 / 4
    left = fixed_point({"a": large, "b": steep}, near={"a": 0.0, "b": 0.1}, solver=coarse)
    assert left.residual < 1e-8 * 1e6 and not left.converged


def test_large_numbers_may_leave_what_rounding_leaves():
    both = lambda z: (z["a"] - 1e9) ** 2 / 2 + (z["b"] - z["a"] / 3) ** 2 / 2
    found = fixed_point({"a": both, "b": both}, near={"a": 0.0, "b": 0.0})
    assert found.converged


def test_an_optimiser_that_decays_weights_is_said_to_rest_elsewhere():
    rule = optimizer(optax.adamw(0.1, weight_decay=0.01))
    found = fixed_point({"a": lambda z: (z["a"] - 3.0) ** 2}, rule, near={"a": 1.0})
    assert not found.converged and "decay" in str(found)
