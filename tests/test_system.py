"""Flows and maps given directly are read like games."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel import rules, stability
from bilevel.language.errors import GameError
from bilevel.rules import derive
from bilevel.system import flow_of, map_of

x, y = sp.symbols("x y", real=True)
r = sp.Symbol("r", positive=True)


def test_the_logistic_map_loses_its_fixed_point_at_three():
    logistic = map_of({x: r * x * (1 - x)})
    assert stability(logistic, at={x: 1 - 1 / r}).condition == ((r > 1) & (r < 3))
    assert stability(logistic, at={x: 0}).condition == (r < 1)


def test_a_flow_is_its_own_gradient_flow():
    system = flow_of({x: y, y: -x - r * y})
    assert stability(system, at={x: 0, y: 0}).verdict == "stable"
    assert derive(system, rules.flow()).after == {x: y, y: -r * y - x}


def test_later_lines_of_a_sequential_map_see_earlier_results():
    alternating = map_of({x: x - r * y, y: y + r * x}, sequential=True)
    assert sp.expand(alternating.equations[y] - (y + r * x - r**2 * y)) == 0
    assert stability(alternating, at={x: 0, y: 0}).marginal_on == (r <= 2)


@pytest.mark.parametrize(
    "make", [lambda: flow_of({}), lambda: map_of({"x": x}), lambda: flow_of({x: -x}).gradient(of="x")]
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(GameError):
        make()
