"""Quadratic games of numbers: the fast reading is the general one, and matrices of size 32 are decided."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel import rules
from bilevel.analysis.analyse import analyse
from bilevel.analysis.any_size_concrete import linearise_quadratic
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.response import best_response
from bilevel.rules import linearise

H = sp.Rational(1, 10)
RULES = {
    "flow": rules.flow(),
    "simultaneous": rules.simultaneous({"first": H, "second": 2 * H}),
    "alternating": rules.alternating(H),
    "extragradient": rules.extragradient(H),
    "optimistic": rules.optimistic(step=H),
    "proximal_point": rules.proximal_point(H),
    "consensus": rules.consensus(H, 1),
    "hamiltonian": rules.hamiltonian(H),
    "lola": rules.lola(H),
    "lola_exact": rules.lola_exact(H, H, 2),
    "look_ahead": rules.look_ahead(H),
    "competitive": rules.competitive(H),
    "symplectic": rules.symplectic(H, 1),
    "unrolling": rules.unrolling(H, 2),
    "heavy_ball": rules.heavy_ball(H, sp.Rational(-1, 2)),
    "chambolle_pock": rules.chambolle_pock(H),
    "anchored": rules.anchored(H, 1),
    "averaged": rules.averaged(rules.alternating(H), 2),
    "runge_kutta": rules.runge_kutta(H, 4),
    "target_copies": rules.target_copies(H, H),
}


def game_of(entries: Any, damping: Any = 0, shift: Any = 0) -> Game:
    rows, columns = len(entries), len(entries[0])
    xs = sp.symbols(f"x0:{rows}", real=True)
    ys = sp.symbols(f"y0:{columns}", real=True)
    loss = sp.Add(*(entries[i][j] * xs[i] * ys[j] for i in range(rows) for j in range(columns)))
    curved = sp.Add(*(damping * v**2 / 2 for v in (*xs, *ys))) + (xs[0] - 2 * ys[0]) ** 2 * damping
    first, second = loss + curved + shift * xs[0], loss - curved
    return Game(first=minimize(first, *xs), second=maximize(second, *ys))


@pytest.mark.parametrize("name", RULES)
def test_the_two_readings_agree(name: str) -> None:
    game = game_of([[1, -2], [sp.Rational(1, 3), 5]], damping=sp.Rational(3, 2))
    at = dict.fromkeys(game.variables, 0)
    assert linearise_quadratic(game, RULES[name], at) == linearise(game, RULES[name], at)


@pytest.mark.parametrize("name", ["simultaneous", "proximal_point", "consensus", "competitive", "target_copies"])
def test_away_from_the_origin(name: str) -> None:
    game = game_of([[1, -2], [sp.Rational(1, 3), 5]], damping=1, shift=7)
    at = sp.solve(list(game.field().values()), game.variables)
    assert any(at.values())
    assert linearise_quadratic(game, RULES[name], at) == linearise(game, RULES[name], at)


def test_a_fixed_point_of_the_rule_that_is_no_zero_of_the_field() -> None:
    x, y = sp.symbols("x y", real=True)
    game = Game(a=minimize(x * y + x**2 / 2 + x, x), b=minimize(x * y / 3 + y**2 / 2 - 2 * y, y))
    rule = rules.lola(H)
    update = rules.derive(game, rule).composed()
    (at,) = sp.solve([update[v] - v for v in (x, y)], [x, y], dict=True)
    assert any(value.subs(at) != 0 for value in game.field().values())
    assert linearise_quadratic(game, rule, at) == linearise(game, rule, at) is not None


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.integers(-4, 4), min_size=2, max_size=2), min_size=1, max_size=3),
    st.sampled_from(sorted(RULES)),
)
def test_agreement_on_random_shapes(entries: list[list[int]], name: str) -> None:
    game = game_of([[sp.Integer(e) for e in row] for row in entries], damping=2)
    at = dict.fromkeys(game.variables, 0)
    assert linearise_quadratic(game, RULES[name], at) == linearise(game, RULES[name], at)


def test_anything_else_is_left_to_the_general_reading() -> None:
    x, y = sp.symbols("x y", real=True)
    h = sp.Symbol("h", positive=True)
    plain = Game(a=minimize(x * y, x), b=maximize(x * y, y))
    origin = {x: 0, y: 0}
    assert linearise_quadratic(plain, rules.simultaneous(h), origin) is None
    assert linearise_quadratic(plain, rules.adam(H), origin) is None
    assert linearise_quadratic(plain, rules.projected(rules.simultaneous(H), lower=-1), origin) is None
    assert linearise_quadratic(plain, rules.simultaneous(H), {x: 1, y: 0}) is None
    assert linearise_quadratic(plain, rules.simultaneous(H), {x: sp.sqrt(2), y: 0}) is None
    cubic = Game(a=minimize(x * y + x**3, x), b=maximize(x * y, y))
    seeing = Game(a=minimize(x * y, x, through={"b": best_response()}), b=maximize(x * y - y**2, y))
    decimal = Game(a=minimize(0.5 * x * y, x), b=maximize(x * y, y))
    for game in (cubic, seeing, decimal):
        assert linearise_quadratic(game, rules.simultaneous(H), origin) is None
    with pytest.raises(GameError, match="no value"):
        linearise_quadratic(plain, rules.simultaneous(H), {x: 0})


def mirrored(size: int, source: random.Random) -> Any:
    """A rational orthogonal matrix: the reflection in a random hyperplane."""
    v = sp.Matrix([source.randint(-2, 2) or 1 for _ in range(size)])
    return sp.eye(size) - 2 * v * v.T / (v.T * v)[0]


@pytest.mark.parametrize(("step", "verdict"), [("49/100", "stable"), ("1/2", "marginal"), ("51/100", "unstable")])
def test_size_thirty_two_at_the_boundary(step: str, verdict: str) -> None:
    """Extragradient on 16 + 16 variables with largest singular value 2: stable iff h < 1/2."""
    source = random.Random(3)
    size = 16
    spectrum = sp.diag(2, *(sp.Rational(source.randint(1, 15), 8) for _ in range(size - 1)))
    coupling = mirrored(size, source) * spectrum * mirrored(size, source)
    game = game_of(coupling.tolist())
    found = linearise_quadratic(game, rules.extragradient(step), dict.fromkeys(game.variables, 0))
    assert found is not None and found.matrix.rows == 32
    assert analyse(found.matrix, time="discrete").verdict == verdict


def test_thirty_two_and_thirty_two_variables() -> None:
    source = random.Random(4)
    entries = [[sp.Rational(source.randint(-9, 9), 8) for _ in range(32)] for _ in range(32)]
    game = game_of(entries, damping=1)
    at = dict.fromkeys(game.variables, 0)
    found = linearise_quadratic(game, rules.proximal_point("1/10"), at)
    assert found is not None and found.matrix.rows == 64
    assert analyse(found.matrix, time="discrete").verdict == "stable"
