"""A rule is linearised only where the losses have derivatives: kinks are refused, harmless ones pass."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel.analysis import stability
from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.rules import flow, linearise, simultaneous
from bilevel.rules.protocol.smoothness import evaluated

x, y = sp.symbols("x y", real=True)
h = sp.Symbol("h", positive=True)


def alone(loss: sp.Expr) -> Game:
    return Game(only=minimize(loss, x))


@pytest.mark.parametrize(
    "loss",
    [
        x**2 + sp.Abs(x),
        x**2 - sp.Abs(x),
        (sp.Abs(x) - 1) ** 2,
        sp.Max(0, x) ** 2 - x**2,
        sp.Min(0, x),
        sp.Piecewise((x**2, x > 0), (-(x**2), True)),
        sp.Piecewise((x, x > 0), (-x, True)),
    ],
)
def test_kinks_are_refused(loss: sp.Expr):
    for rule in (flow(), simultaneous(h)):
        with pytest.raises(GameError, match="kink"):
            stability(alone(loss), rule, at={x: 0})


@pytest.mark.parametrize(
    ("loss", "slope"),
    [
        (x**2 / 2 + sp.Max(0, sp.Abs(x) - 1) ** 2, 1),
        (x**2 / 2 + sp.Abs(x) ** 3, 1),
        (x**2 / 2 + sp.Max(0, x) ** 3, 1),
        (sp.Piecewise((x**2 / 2 + x**3, x > 0), (x**2 / 2, True)), 1),
    ],
)
def test_where_every_side_agrees_the_value_is_taken(loss: sp.Expr, slope: int):
    assert linearise(alone(loss), simultaneous(h), {x: 0}).matrix[0] == 1 - slope * h


def test_away_from_the_kink_nothing_is_refused():
    for at, side in ((2, 1), (-2, -1)):
        loss = x**2 / 2 - 2 * side * x + (sp.Abs(x) - 2) ** 2
        assert linearise(alone(loss), simultaneous(h), {x: at}).matrix[0] == 1 - 3 * h


def test_values_at_jumps():
    assert evaluated(sp.sign(x) * y, {x: 0}) is None
    assert evaluated(sp.sign(x) * y, {x: 0, y: 0}) == 0
    assert evaluated(sp.Heaviside(x - 1), {x: 1}) is None
    assert evaluated(sp.Heaviside(x - 1), {x: 2}) == 1
    assert evaluated(sp.Piecewise((x, x > y), (y, True)), {x: 3, y: 3}) == 3
