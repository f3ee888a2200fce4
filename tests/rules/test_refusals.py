"""What a rule cannot do is said in one sentence, with what came and what to try."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError, UnknownAnswer

x, y, z = sp.symbols("x y z", real=True)
h = sp.Symbol("h", positive=True)
TWO = Game(a=minimize(x * y + x**2, x), b=maximize(x * y - y**2, y))
THREE = Game(a=minimize(x**2 + y * z, x), b=minimize(y**2 + x * z, y), c=minimize(z**2 - x * y, z))

MADE = [
    (lambda: R.optimistic(), "either `step`"),
    (lambda: R.optimistic(h, alpha=1, beta=2), "either `step`"),
    (lambda: R.optimistic(alpha=1), "either `step`"),
    (lambda: R.extragradient(h, extrapolations=0), "at least 1; got 0"),
    (lambda: R.extragradient(h, extrapolations="3/2"), "got 3/2"),
    (lambda: R.runge_kutta(h, 5), "2, 3 or 4 stages; got 5"),
    (lambda: R.runge_kutta(h, 2, variant="kutta"), "midpoint, heun, ralston"),
    (lambda: R.averaged(h), "simultaneous(h)"),
    (lambda: R.averaged(R.flow(), 2), "takes steps"),
    (lambda: R.averaged(R.simultaneous(h), 0), "at least 1; got 0"),
    (lambda: R.historical(h, 1), "either `rate`"),
    (lambda: R.historical(h, 1, window=0), "at least 1 point"),
    (lambda: R.trailing(R.flow(), 1), "takes steps"),
    (lambda: R.projected(R.flow(), 1), "takes steps"),
    (lambda: R.along(R.simultaneous(h), R.heavy_ball(h, 1)), "remembers previous"),
    (lambda: R.continuous(3), "made of rules"),
    (lambda: R.taking_turns(R.flow()), "is a flow"),
    (lambda: R.each({"a": R.flow(), "b": R.simultaneous(h)}), "mix the two"),
    (lambda: R.each(R.simultaneous(h)), "table with a rule for every player"),
    (lambda: R.lola_exact(h, steps=0), "at least 1; got 0"),
    (lambda: R.heavy_ball(h), "missing a required argument: 'momentum'"),
    (lambda: R.simultaneous(object()), "a number or an expression|was expected"),
]


@pytest.mark.parametrize("make, message", MADE)
def test_making_a_rule(make: Callable[[], R.Rule], message: str):
    with pytest.raises(GameError, match=message.replace("(", r"\(").replace(")", r"\)")):
        make()


PLAYED = [
    (THREE, R.chambolle_pock(h), "two players; this game has 3"),
    (THREE, R.symplectic_surgery(h), "two players; this game has 3"),
    (TWO, R.stackelberg(h, leader="boss"), "no player 'boss'"),
    (TWO, R.follow_the_ridge(h, leader="boss"), "no player 'boss'"),
    (TWO, R.two_time_scale(h, 2, slow="boss"), "no player 'boss'"),
    (TWO, R.heavy_ball(h, 0, alternating=True, order=["a"]), "order must name each player once"),
    (TWO, R.target_copies(h, 1, copied=["boss"]), "copied names"),
    (TWO, R.anchored(h, 1, {"boss": 1}), "boss, which is no variable"),
    (TWO, R.each({"a": R.simultaneous(h)}), "the players are a, b"),
    (TWO, R.along(R.consensus(h, 1), R.consensus(h, 1)), "not its vjp"),
    (TWO, R.simultaneous({"a": h}), "no value is given for player 'b'"),
    (TWO, R.adam(h, epsilon=0), "0 to the power"),
    (TWO, R.anchored(h, 1, {"x": 1}), "not a fixed point"),
]


@pytest.mark.parametrize("game, rule, message", PLAYED, ids=lambda part: str(part) if isinstance(part, R.Rule) else "")
def test_playing_a_rule(game: Game, rule: R.Rule, message: str):
    with pytest.raises(GameError, match=message):
        R.linearise(game, rule, dict.fromkeys(game.variables, 0))


def test_a_singular_follower_has_no_ridge():
    game = Game(a=minimize(x * y, x), b=maximize(x * y, y))
    for rule in (R.stackelberg(h), R.follow_the_ridge(h)):
        with pytest.raises(GameError, match="singular"):
            R.linearise(game, rule, {x: 0, y: 0})


def test_the_edge_of_a_bound_is_unknown():
    with pytest.raises(UnknownAnswer, match="undecided at the point"):
        R.linearise(TWO, R.projected(R.simultaneous(h), 0), {x: 0, y: 0})


def test_an_implicit_rule_on_a_nonlinear_game_keeps_its_equation():
    update = R.derive(Game(a=minimize(sp.exp(x), x)), R.proximal_point(h))
    assert "x[t+1] = x - h*exp(x[t+1])" in str(update).replace("exp(x[t+1])*h", "h*exp(x[t+1])")
    with pytest.raises(UnknownAnswer, match="implicit"):
        update.composed()


def test_fixed_points_may_move_with_the_anchor():
    # z - h F + w (anchor - z) rests where h F = w (anchor - z): F = 2x for x^2, h = 1/2, w = 1: x = 1 - x.
    game = Game(a=minimize(x**2, x))
    assert R.linearise(game, R.anchored("1/2", 1, {"x": 1}), {x: "1/2"}).matrix == sp.Matrix([[-1]])


def test_new_names_never_meet_names_of_the_game():
    # x, x_1 and x_previous may all be variables or parameters of one game; intermediate points then take other names.
    first, past, unknown = sp.symbols("x_1 x_previous x_unknown", real=True)
    rules = [R.extragradient(h), R.heavy_ball(h, "1/2"), R.competitive(h), R.proximal_point(h), R.runge_kutta(h, 3)]
    for other, rule in itertools.product((first, past, unknown), rules):
        clash = Game(a=minimize(x * other + x**2, x), b=maximize(x * other - other**2, other))
        one, two = R.derive(clash, rule), R.derive(TWO, rule)
        renamed = dict(zip([*clash.variables, *one.remembered.values()], [x, y, *two.remembered.values()]))
        for v, w in zip(clash.variables, TWO.variables):
            assert sp.cancel(one.composed()[v].xreplace(renamed) - two.composed()[w]) == 0
