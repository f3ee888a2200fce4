"""What must not matter: names and order of players, constants in the losses, the units of the loss."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, minimize
from tests.rules.examples import Q, examples, origin, random_game

SIMULTANEOUS = [
    "simultaneous",
    "heavy_ball",
    "nesterov",
    "extragradient",
    "optimistic",
    "past_extragradient",
    "proximal_point",
    "competitive",
    "runge_kutta",
    "hamiltonian",
    "consensus",
    "symplectic",
    "jare",
    "look_ahead",
    "lola",
    "lola_exact",
    "sos",
    "lead",
    "symplectic_surgery",
    "rmsprop",
    "adam",
    "averaged",
    "trailing",
    "target_copies",
    "historical",
    "anchored",
]


def matrix(game: Game, rule: Any) -> sp.Matrix:
    return sp.Matrix(R.linearise(game, rule, origin(game)).matrix)


@pytest.mark.parametrize("name", SIMULTANEOUS)
def test_the_order_of_players_does_not_matter(name: str):
    game, rule = random_game((1, 2), 31), examples()[name][0]
    turned = Game(dict(reversed(game.players.items())))
    one, other = R.linearise(game, rule, origin(game)), R.linearise(turned, rule, origin(turned))
    where = [other.order.index(label) for label in one.order]
    assert one.matrix == other.matrix.extract(where, where)


@pytest.mark.parametrize("name", ["alternating", "heavy_ball", "extragradient", "optimistic"])
def test_the_declared_order_of_an_alternating_rule_is_its_order(name: str):
    game = random_game((1, 1), 32)
    turned = Game(dict(reversed(game.players.items())))
    make = {
        "alternating": lambda **o: R.alternating(Q(1, 5), **o),
        "heavy_ball": lambda **o: R.heavy_ball(Q(1, 5), Q(1, 3), alternating=True, **o),
        "extragradient": lambda **o: R.extragradient(Q(1, 5), alternating=True, **o),
        "optimistic": lambda **o: R.optimistic(Q(1, 5), alternating=True, **o),
    }[name]
    one = R.linearise(game, make(order=["p1", "p0"]), origin(game))
    other = R.linearise(turned, make(), origin(turned))
    where = [other.order.index(label) for label in one.order]
    assert one.matrix == other.matrix.extract(where, where)
    assert one.matrix != R.linearise(game, make(), origin(game)).matrix


NAMING = {  # rules that name a player, by the name of the second one
    "followed": lambda second: R.followed(R.simultaneous(Q(1, 5)), Q(1, 3), [second]),
    "delayed": lambda second: R.delayed(R.simultaneous(Q(1, 5)), [second]),
    "replying": lambda second: R.replying(R.simultaneous(Q(1, 5)), [second]),
    "each": lambda second: R.each({second[0] + "0": R.simultaneous(Q(1, 5)), second: R.heavy_ball(Q(1, 5), Q(1, 2))}),
}


@pytest.mark.parametrize("name", sorted(examples()))
def test_names_and_constants_do_not_matter(name: str):
    rule = next(iter(examples()[name]), None)
    if name in ("magnetic", "projected"):  # their first examples name a player
        rule = R.magnetic(Q(1, 5), Q(1, 4)) if name == "magnetic" else examples()[name][1]
    game = random_game((1, 1), 33)
    renamed = Game({f"q{i}": p for i, p in enumerate(game.players.values())})
    shifted = game.map_losses(lambda loss: loss + 17)
    called = {"p1": rule, "q1": rule}
    if name in NAMING:
        called = {second: NAMING[name](second) for second in called}
    assert matrix(game, called["p1"]) == matrix(renamed, called["q1"]) == matrix(shifted, called["p1"])


SCALED = {
    "simultaneous": lambda c: R.simultaneous(Q(1, 5) * c),
    "alternating": lambda c: R.alternating(Q(1, 5) * c),
    "heavy_ball": lambda c: R.heavy_ball(Q(1, 5) * c, Q(1, 3)),
    "nesterov": lambda c: R.nesterov(Q(1, 5) * c, Q(1, 3)),
    "extragradient": lambda c: R.extragradient(Q(1, 5) * c, Q(1, 3) * c),
    "optimistic": lambda c: R.optimistic(Q(1, 5) * c),
    "past_extragradient": lambda c: R.past_extragradient(Q(1, 5) * c),
    "proximal_point": lambda c: R.proximal_point(Q(1, 5) * c),
    "chambolle_pock": lambda c: R.chambolle_pock(Q(1, 5) * c),
    "runge_kutta": lambda c: R.runge_kutta(Q(1, 5) * c),
    "consensus": lambda c: R.consensus(Q(1, 5) * c, Q(1, 3) * c),
    "symplectic": lambda c: R.symplectic(Q(1, 5) * c, Q(1, 3) * c),
    "hamiltonian": lambda c: R.hamiltonian(Q(1, 5) * c**2),
    "look_ahead": lambda c: R.look_ahead(Q(1, 5) * c, Q(1, 3) * c),
    "lola": lambda c: R.lola(Q(1, 5) * c, Q(1, 3) * c),
    "lola_exact": lambda c: R.lola_exact(Q(1, 5) * c, Q(1, 3) * c),
    "competitive": lambda c: R.competitive(Q(1, 5) * c),
    "lead": lambda c: R.lead(Q(1, 5) * c, Q(1, 4) * c, Q(1, 3)),
    "follow_the_ridge": lambda c: R.follow_the_ridge(Q(1, 5) * c),
    "stackelberg": lambda c: R.stackelberg(Q(1, 5) * c),
    "symplectic_surgery": lambda c: R.symplectic_surgery(Q(1, 5) * c),
    "adam": lambda c: R.adam(Q(1, 5), Q(1, 2), Q(3, 4), Q(1, 9) / c**2),
    "magnetic": lambda c: R.magnetic(Q(1, 5) * c, Q(1, 4) / c),
}


@pytest.mark.parametrize("name", sorted(SCALED))
def test_steps_and_losses_share_one_unit(name: str):
    # Losses divided by c and steps (and weights, by their units) multiplied by c: nothing moves. Adam's step has no
    # such unit.
    c = Q(3, 2)
    game = random_game((1, 1), 34)
    one, other = matrix(game, SCALED[name](1)), matrix(game.map_losses(lambda loss: loss / c), SCALED[name](c))
    # Adam remembers gradients, which do have the unit.
    units = sp.diag(1, 1, c, c, c**2, c**2) if name == "adam" else sp.eye(one.rows)
    assert one == units * other * units.inv()


def test_a_step_per_player_equal_for_all_is_one_step():
    game = random_game((1, 1), 35)
    both = {"p0": Q(1, 5), "p1": Q(1, 5)}
    for make in (
        R.simultaneous,
        R.extragradient,
        R.optimistic,
        R.proximal_point,
        R.competitive,
        R.look_ahead,
        R.lola,
        R.lola_exact,
    ):
        assert matrix(game, make(both)) == matrix(game, make(Q(1, 5)))


def test_linear_change_of_one_players_variable_rescales_its_step():
    # x = 2 u turns c(x) into c(2u): descent in u with step s is descent in x with step 4 s.
    game = random_game((1, 1), 36)
    first = game.variables[0]
    stretched = Game({n: minimize(p.loss.subs(first, 2 * first), *p.moves) for n, p in game.players.items()})
    one = matrix(game, R.simultaneous({"p0": Q(4, 5), "p1": Q(1, 5)}))
    other = matrix(stretched, R.simultaneous(Q(1, 5)))
    change = sp.diag(2, 1)
    assert change * other * change.inv() == one
