"""A method from a paper, nowhere in the package, written in five lines, is derived, linearised and decided."""

from __future__ import annotations

import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from tests.rules.examples import Q, origin, random_game

x, y = sp.symbols("x y", real=True)
h, sigma = sp.symbols("h sigma", positive=True)
GAME = Game(a=minimize(sigma * x * y, x), b=maximize(sigma * x * y, y))


@R.rule
def jacobian_method(step):
    return lambda field: lambda z: z - step * field(z) + step**2 * field.jvp(z, field(z))


@R.rule(memory=("previous",))
def reflected(step):
    return lambda field: lambda z, previous: (z - step * field(z + (z - previous)), z)


def test_the_jacobian_method_is_derived():
    found = R.derive(GAME, jacobian_method(h))
    assert sp.expand(found.composed()[x] - (x - h * sigma * y - h**2 * sigma**2 * x)) == 0
    assert "x[t+1]" in str(found) and r"\begin{aligned}" in found.latex() and "def step(x, y" in found.python()


def test_the_jacobian_method_linearises_like_extragradient():
    for shape in ((1, 1), (1, 2), (1, 1, 1)):
        game = random_game(shape, 41)
        assert (
            R.linearise(game, jacobian_method(Q(1, 5)), origin(game)).matrix
            == R.linearise(game, R.extragradient(Q(1, 5)), origin(game)).matrix
        )


def test_a_rule_with_memory_of_our_own():
    # Malitsky's projected reflected gradient, without the projection: linear, so it is the optimistic rule (2h, h).
    game = random_game((1, 2), 42)
    assert (
        R.linearise(game, reflected(Q(1, 5)), origin(game)).matrix
        == R.linearise(game, R.optimistic(Q(1, 5)), origin(game)).matrix
    )
    nonlinear = [R.derive(game, rule).composed() for rule in (reflected(Q(1, 5)), R.optimistic(Q(1, 5)))]
    assert any(sp.expand(nonlinear[0][v] - nonlinear[1][v]) != 0 for v in game.variables)


def test_new_rules_compose_with_old_ones():
    game = random_game((1, 1), 43)
    turned = R.linearise(game, R.taking_turns(jacobian_method(Q(1, 5))), origin(game)).matrix
    assert turned == R.linearise(game, R.extragradient(Q(1, 5), alternating=True), origin(game)).matrix
    assert str(R.averaged(reflected(h), 2)) == "averaged(base=reflected(step=h), every=2, weight=1/2)"


def test_the_symbols_of_a_rule_reach_through_its_bases():
    w = sp.Symbol("w")
    assert R.averaged(R.consensus(h, w), 2).symbols == {h, w}
    assert R.each({"a": R.simultaneous(h), "b": R.consensus(h, w)}).symbols == {h, w}
