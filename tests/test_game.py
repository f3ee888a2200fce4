"""Games: fields, Jacobians by blocks, and what is refused."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from bilevel import Game, maximize, minimize
from bilevel.language import stop_gradient
from bilevel.language.errors import GameError

x, y, z = sp.symbols("x y z", real=True)
small = st.integers(-3, 3)


def quadratic(c: list[int]) -> sp.Expr:
    return c[0] * x**2 + c[1] * x * y + c[2] * y**2 + c[3] * x + c[4] * y**3


losses = st.lists(small, min_size=5, max_size=5).map(quadratic)


def game_of(f: sp.Expr, g: sp.Expr) -> Game:
    return Game(one=minimize(f + x**4, x), two=maximize(g - y**4, y))


@given(losses, losses)
def test_the_jacobian_is_the_sum_of_its_parts(f, g):
    game = game_of(f, g)
    symmetric, antisymmetric = game.symmetric_part(), game.antisymmetric_part()
    assert (symmetric + antisymmetric - game.jacobian()).expand() == sp.zeros(2)
    assert symmetric == symmetric.T and antisymmetric == -antisymmetric.T


@given(losses, losses, small)
def test_constants_and_the_others_own_terms_leave_the_field_alone(f, g, c):
    plain, shifted = game_of(f, g), game_of(f + c + y**4, g + c + sp.cos(x))
    assert plain.field() == shifted.field()


@given(losses)
def test_a_zero_sum_game_has_antisymmetric_coupling(f):
    jacobian = Game(one=minimize(f + x**4, x), two=maximize(f - y**4, y)).jacobian()
    assert sp.expand(jacobian[0, 1] + jacobian[1, 0]) == 0


def test_blocks_are_rows_of_one_player_and_columns_of_another():
    game = Game(pair=minimize(x**2 * y + x * z, x, y), other=minimize(z**2 + y * z, z))
    assert game.jacobian(of="other", wrt="pair").tolist() == [[0, 1]]
    assert game.jacobian(of="pair", wrt="other").tolist() == [[1], [0]]


def test_a_stopped_gradient_stops_the_gradient_and_not_the_dynamics():
    game = Game(one=minimize(stop_gradient(x) * x, x))
    assert game.field() == {x: x}
    assert game.jacobian() == sp.Matrix([[1]])


def test_a_maximiser_descends_minus_its_loss():
    assert maximize(x * y, y).cost == -x * y
    assert Game(one=maximize(x - x**2, x)).field() == {x: 2 * x - 1}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Game(a=minimize(x, x), b=minimize(x + y, x)), "one owner"),
        (lambda: Game(a=minimize(y, x)), "add x to the loss"),
        (lambda: Game(a=minimize(y, x), b=minimize(x, y)), r"through=\{.b.: best_response\(\)\}"),
        (lambda: Game(a=minimize(x**2, x, through={"b": None})), "no player"),
        (lambda: minimize("x^2", x), "not text"),
        (lambda: minimize(x**2), "must move something"),
        (lambda: minimize(x**2, "x"), "symbols or vectors"),
        (lambda: Game(a=3), "minimize"),
        (lambda: Game({"not a name": minimize(x**2, x)}), "name"),
        (lambda: Game(a=minimize(x**2, x)).gradient(of="b"), "no player 'b'"),
        (lambda: Game(a=minimize(x**2 + sp.Symbol("x"), x, sp.Symbol("x"))), "two different variables"),
    ],
)
def test_what_makes_no_sense_is_refused_in_plain_words(make, words):
    with pytest.raises(GameError, match=words):
        make()
