"""Kinds of equilibria where players lead players that lead players."""

from __future__ import annotations

import sympy as sp

from bilevel import Game, best_response, equilibria, minimize

x, y, z = sp.symbols("x y z", real=True)
a = sp.Symbol("a", positive=True)


def three_levels(top: sp.Expr) -> Game:
    return Game(
        top=minimize(top, x, through={"middle": best_response()}),
        middle=minimize((y - x) ** 2 + z**2, y, through={"bottom": best_response()}),
        bottom=minimize((z - y) ** 2, z),
    )


def test_the_top_of_three_levels_is_a_strict_leader():
    # replies: z = y, y = x/2, so the top minimises x^2 + a x/2
    (point,) = equilibria(three_levels(x**2 + a * z)).points
    assert point.point == {x: -a / 4, y: -a / 8, z: -a / 8}
    assert point.kinds == ("Stackelberg (strict), leader top",)


def test_a_top_that_would_rather_leave_is_no_equilibrium():
    # along the replies the top's loss is -x^2 + x^2/4 < 0: a maximum
    (point,) = equilibria(three_levels(-(x**2) + z**2)).points
    assert point.kinds == ("not an equilibrium of the game",)


def test_two_followers_under_one_leader():
    price = a - x - y - z
    through = {"one": best_response(), "two": best_response()}
    game = Game(
        leader=minimize(-x * price, x, through=through), one=minimize(-y * price, y), two=minimize(-z * price, z)
    )
    (point,) = equilibria(game).points
    assert "Stackelberg (strict), leader leader" in point.kinds
