"""Replies: implicit, unrolled, anticipated, at any depth, each against substitution of the explicit reply."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from bilevel import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.response import anticipated, best_response, unrolled

x, y, z, w = sp.symbols("x y z w", real=True)
s = sp.Symbol("s", positive=True)
small = st.integers(-3, 3)


@given(st.lists(small, min_size=4, max_size=4))
def test_the_implicit_gradient_is_that_of_the_substituted_reply(c):
    # follower: argmin (y - c0 x - c1)^2, explicit reply y = c0 x + c1
    leader = x**2 + c[2] * x * y + c[3] * y**3
    game = Game(
        leader=minimize(leader, x, through={"follower": best_response()}),
        follower=minimize((y - c[0] * x - c[1]) ** 2, y),
    )
    explicit = leader.subs(y, c[0] * x + c[1]).diff(x)
    assert sp.expand(game.field()[x].subs(y, c[0] * x + c[1]) - explicit) == 0


@given(st.lists(small, min_size=3, max_size=3))
def test_three_levels_are_nested_substitution(c):
    # bottom: z = y + c0; middle: min (y - x)^2 + c1^2 z^2 through z; top through both
    through = {"middle": best_response()}
    top = minimize(x**2 + c[2] * y * z, x, through=through)
    middle = minimize((y - x) ** 2 + c[1] ** 2 * z**2, y, through={"bottom": best_response()})
    game = Game(top=top, middle=middle, bottom=minimize((z - y - c[0]) ** 2, z))
    reply_z = y + c[0]
    (reply_y,) = sp.solve(((y - x) ** 2 + c[1] ** 2 * reply_z**2).diff(y), y)
    explicit = (x**2 + c[2] * y * reply_z).subs(y, reply_y).diff(x)
    at = {z: reply_z.subs(y, reply_y), y: reply_y}
    assert sp.simplify(game.field()[x].subs(at) - explicit) == 0


def test_two_followers_answer_together():
    # Cournot followers of a Stackelberg leader at price a - x - y - z
    a = sp.Symbol("a", positive=True)
    price = a - x - y - z
    game = Game(
        leader=maximize(x * price, x, through={"one": best_response(), "two": best_response()}),
        one=maximize(y * price, y),
        two=maximize(z * price, z),
    )
    assert sp.solve(list(game.field().values()), [x, y, z]) == {x: a / 2, y: a / 6, z: a / 6}


@given(small, small, st.integers(1, 3))
def test_unrolling_is_substitution_of_the_steps(b, c, steps):
    follower = (y - b * x) ** 2 + c * y
    game = Game(
        leader=minimize(x**2 + y**2 * x, x, through={"follower": unrolled(steps, s)}), follower=minimize(follower, y)
    )
    reached = y
    for _ in range(steps):
        reached = reached - s * follower.diff(y).subs(y, reached)
    assert sp.expand(game.field()[x] - (x**2 + reached**2 * x).diff(x)) == 0


def test_anticipation_is_evaluated_there_and_not_differentiated():
    follower = (y - 2 * x) ** 2
    game = Game(leader=minimize(x * y**2, x, through={"follower": anticipated(s)}), follower=minimize(follower, y))
    assert sp.expand(game.field()[x] - (y - s * follower.diff(y)) ** 2) == 0


def test_mutual_unrolling_takes_the_other_as_naive():
    # exact LOLA on x*y: each foresees one plain step of the other
    game = Game(
        one=minimize(x * y, x, through={"two": unrolled(1, s)}), two=maximize(x * y, y, through={"one": unrolled(1, s)})
    )
    assert {v: sp.expand(f) for v, f in game.field().items()} == {x: 2 * s * x + y, y: 2 * s * y - x}


def test_a_variable_names_its_player():
    game = Game(leader=minimize(x * y, x, through={y: best_response()}), follower=minimize((y - x) ** 2, y))
    assert game["leader"].through == (("follower", best_response()),)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: unrolled(0, s), "at least 1"),
        (lambda: unrolled(1.5, s), "whole number"),
        (
            lambda: Game(
                a=minimize(x * y + x**2, x, through={"b": best_response()}),
                b=minimize(x * y + y**2, y, through={"a": best_response()}),
            ).field(),
            "circle",
        ),
        (lambda: Game(a=minimize(x * y, x, through={"b": best_response()}), b=minimize(x * y, y)).field(), "singular"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words):
    with pytest.raises(GameError, match=words):
        make()


def test_printed_updates_name_the_points_that_unrolling_passes():
    """Two steps: the second is written by the first, and the leader's gradient by the second."""
    from bilevel.models import data_distillation, unrolled_gan
    from bilevel.rules import derive, flow

    lines = str(derive(data_distillation(reply="unrolled 2"), flow())).splitlines()
    assert lines[0] == "w_ahead1 = w - eta*d2 l(s_1, w)"
    assert lines[1] == "w_ahead2 = w_ahead1 - eta*d2 l(s_1, w_ahead1)"
    assert "w_ahead2" in lines[2] and len(lines) == 4
    plain = str(derive(unrolled_gan(0), flow()))
    assert "ahead" not in plain
