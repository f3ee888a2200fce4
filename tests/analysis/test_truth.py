"""Truth of conditions at exact points, and assumptions in one parameter used to the full."""

from __future__ import annotations

import pytest
import sympy as sp
from flint import arb

from bilevel.analysis.analyse import analyse
from bilevel.analysis.conserved import conserved
from bilevel.analysis.enclosure import enclose, truth_at
from bilevel.analysis.known import Known
from bilevel.analysis.state_map import state_map
from bilevel.game import Game, maximize, minimize
from bilevel.rules import alternating, simultaneous

a, b = sp.symbols("a b", real=True)
t = sp.Symbol("t", positive=True)
Q = sp.Rational


def test_ties_are_decided_exactly():
    point = {a: Q(1, 3), b: Q(2, 3)}
    for gap in (a + b, a / b + Q(1, 2), b**2 / a - Q(1, 3)):
        assert truth_at(sp.Eq(gap, 1, evaluate=False), point) is True
        assert truth_at(gap <= 1, point) is True and truth_at(gap < 1, point) is False
    assert truth_at(a / (b - Q(2, 3)) > 1, point) is None
    assert truth_at(sp.sqrt(a * 3) >= 1, point) is True


def test_a_curved_fact_in_one_parameter_is_used():
    # spectral radius 8 t against 1 + t^2: stable exactly where the assumption holds strictly
    matrix = sp.Matrix([[8 * t / (1 + t**2)]])
    assert analyse(matrix, time="discrete", assuming=(8 * t < 1 + t**2,)).verdict == "stable"
    assert analyse(matrix, time="discrete", assuming=(8 * t > 1 + t**2,)).verdict == "unstable"
    assert analyse(matrix, time="discrete", assuming=(8 * t <= 1 + t**2,)).verdict == "conditional"


def test_conserved_quantities_survive_the_quick_refutation():
    x, y, h, s = sp.symbols("x y h s", positive=True)
    game = Game(u=minimize(s * x * y, x), v=maximize(s * x * y, y))
    kept = conserved(state_map(game, alternating(h), {x: 0, y: 0}), Known(()))
    assert len(kept) == 1 and not sp.cancel(kept[0] / (x**2 + y**2 - h * s * x * y)).has(x, y)
    assert conserved(state_map(game, simultaneous(h), {x: 0, y: 0}), Known(())) == ()


@pytest.mark.parametrize("exponent", [1, 2, 3, 4])
def test_a_ball_around_zero_has_powers(exponent: int):
    x = sp.Symbol("x", real=True)
    found = enclose(x**exponent, {x: arb(0, 0.5)})
    assert found is not None and found.contains(arb(0.5) ** exponent) and found.contains(0) and found < 1
    assert enclose(x**-exponent, {x: arb(0, 0.5)}) is None
