"""Methods of papers in five lines: linear readings against blocks composed by hand, sets against exact spectra."""

import random

import pytest
import sympy as sp
from flint import fmpq, fmpq_mat

from bilevel.analysis.analyse import analyse
from bilevel.analysis.enclosure import truth_at
from bilevel.analysis.spectrum import spectrum
from bilevel.game import Game, maximize, minimize
from bilevel.rules import linearise, rule

x, y, z = sp.symbols("x y z", real=True)
h, w = sp.symbols("h w", positive=True)


@rule(memory=("previous",))
def reflected(step):
    return lambda F: lambda at, before: (at - step * F(2 * at - before), at)


@rule(memory=("previous", "older"))
def delayed_optimism(step, weight):
    return lambda F: lambda at, p, o: (at - step * F(at) - weight * (F(p) - F(o)), at, p)


@rule(memory={"mean": "zero"})
def mean_of_gradients(step, weight):
    return lambda F: lambda at, e: (at - step * ((1 - weight) * F(at) + weight * e), (1 - weight) * F(at) + weight * e)


@rule(memory=("slow",))
def slow_and_fast(step, weight):
    return lambda F: lambda at, s: (at - step * F(at) + weight * (s - at), s + weight * (at - s))


@rule(time="continuous", memory={"velocity": "zero"})
def friction(strength):
    return lambda F: lambda at, v: (v, -strength * v - F(at))


def blocks(*rows):
    return sp.Matrix(sp.BlockMatrix([list(row) for row in rows]))


METHODS = {
    "reflected": (reflected(h), lambda J, I, O: blocks((I - 2 * h * J, h * J), (I, O))),
    "delayed": (
        delayed_optimism(h, w),
        lambda J, I, O: blocks((I - h * J, -w * J, w * J), (I, O, O), (O, I, O)),
    ),
    "mean": (
        mean_of_gradients(h, w),
        lambda J, I, O: blocks((I - h * (1 - w) * J, -h * w * I), ((1 - w) * J, w * I)),
    ),
    "slow": (slow_and_fast(h, w), lambda J, I, O: blocks(((1 - w) * I - h * J, w * I), (w * I, (1 - w) * I))),
    "friction": (friction(w), lambda J, I, O: blocks((O, I), (-J, -w * I))),
}
LOSS = x**2 / 2 + x * y + (sp.exp(x * y) - 1) / 2
GAMES = {
    "two": Game(a=minimize(LOSS, x), b=maximize(LOSS - y**2 / 3, y)),
    "three": Game(
        a=minimize(x**2 / 2 + x * y - x * z, x),
        b=minimize(y**2 / 2 - x * y + y * z, y),
        c=minimize(z**2 / 2 + x * z - 2 * y * z, z),
    ),
    "bilinear": Game(a=minimize(x * y, x), b=maximize(x * y, y)),
}


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_three_sets_of_a_new_method_are_exact(method, game):
    made, by_hand = method
    at = dict.fromkeys(game.variables, sp.S.Zero)
    linear = linearise(game, made, at)
    jacobian = game.jacobian().subs(at)
    n = jacobian.rows
    expected = by_hand(jacobian, sp.eye(n), sp.zeros(n, n))
    assert (sp.Matrix(linear.matrix) - expected).applyfunc(sp.expand).is_zero_matrix
    verdict = analyse(linear.matrix, time=linear.time)
    sets = {"stable": verdict.condition, "unstable": verdict.unstable_on, "marginal": verdict.marginal_on}
    source = random.Random(4)
    for _ in range(6):
        point = {s: sp.Rational(source.randint(1, 20), source.choice((2, 5, 20, 60))) for s in (h, w)}
        point |= {w: sp.S.One} if source.random() < 0.3 else {}
        numbers = expected.subs(point)
        exact = fmpq_mat(*numbers.shape, [fmpq(int(e.p), int(e.q)) for e in numbers])
        truth = spectrum(exact, linear.time).verdict
        assert {name: truth_at(s, point) for name, s in sets.items()} == {name: name == truth for name in sets}
