"""Rewrites: each is tested on exact instances, and refuses what does not satisfy its conditions."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel.language.bregman import bregman
from bilevel.language.equality import equal
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.gradient import gradient
from bilevel.language.instance import Instance
from bilevel.language.instantiate import instantiate
from bilevel.language.laws import bernoulli, data, density, normal, random
from bilevel.language.networks import network
from bilevel.language.nodes import vector
from bilevel.language.rewrites import (
    gaussian_by_parts,
    sample_by_sample,
    score_as_pathwise,
    score_is_centred,
    tower,
)

HALF = sp.Rational(1, 2)
x, y = random("x", data("p_data", "n")), random("y", bernoulli(HALF))
u = vector("u", "n")
shown = y * x + (1 - y) * u
D = network("D", range="probability")
COIN = Instance(
    dims={"n": 1},
    networks={"D": lambda w: (1 + w[0] ** 2) / (3 + w[0] ** 2)},
    laws={"p_data": ([0, 1, 2], ["1/4", "1/4", "1/2"])},
    vectors={"u": [1]},
)


def holds(rewrite, instance):
    gap = instantiate(rewrite.before, instance) - instantiate(rewrite.after, instance)
    return sp.simplify(gap) == 0 if not isinstance(gap, sp.MatrixBase) else gap.applyfunc(sp.simplify).is_zero_matrix


def cross_entropy(r, q):
    return -r * sp.log(q) - (1 - r) * sp.log(1 - q)


def test_tower_rule():
    rewrite = tower(y, (x, y), shown, D(shown))
    assert holds(rewrite, COIN)
    assert "finite expectations" in rewrite.step.what
    with pytest.raises(GameError, match="depends on y"):
        tower(y, (x, y), x, D(shown))


def test_cross_entropy_sample_by_sample_is_the_conditional_loss():
    rewrite = sample_by_sample(cross_entropy, y, D(shown), (x, y), shown)
    assert rewrite.name == "tower rule"
    assert holds(rewrite, COIN)
    assert equal(rewrite.before, E(cross_entropy(y, D(shown)), x, y))


def test_squared_error_differs_by_a_term_free_of_the_critic():
    rewrite = sample_by_sample(lambda r, q: bregman(lambda t: t**2, r, q), y, D(shown), (x, y), shown)
    assert "free of the guess" in rewrite.name
    assert holds(rewrite, COIN)
    wrong = E(bregman(lambda t: t**2, E(y, x, y, given=shown), D(shown)), x, y)
    assert instantiate(rewrite.before - wrong, COIN) != 0


def test_every_bregman_divergence_has_the_form():
    convex = network("F")
    rewrite = sample_by_sample(lambda r, q: bregman(convex, r, q), y, D(shown), (x, y), shown)
    assert "free of the guess" in rewrite.name


def test_reversed_bregman_and_a_guess_that_sees_more_are_refused():
    with pytest.raises(GameError, match="first argument"):
        sample_by_sample(lambda r, q: bregman(lambda t: t**4, q, r), y, D(shown), (x, y), shown)
    with pytest.raises(GameError, match="depends on y"):
        sample_by_sample(cross_entropy, y, D(shown), (x, y), x)


def test_scores_are_centred():
    theta = vector("theta", "p")
    a = random("a", density("pi", None, theta))
    rewrite = score_is_centred(a.law, a, theta)
    finite = Instance(
        dims={"p": 2},
        laws={
            "pi": lambda t: (
                [0, 1],
                [(1 + t[0] ** 2) / (2 + t[0] ** 2 + t[1] ** 2), (1 + t[1] ** 2) / (2 + t[0] ** 2 + t[1] ** 2)],
            )
        },
    )
    assert holds(rewrite, finite)
    assert holds(rewrite, Instance(dims={"p": 2}, laws={"pi": lambda t: normal(t[0] * t[1], 2)}))
    with pytest.raises(GameError, match="not drawn"):
        score_is_centred(x.law, a, theta)


def test_score_road_equals_pathwise_road():
    mean = sp.Symbol("mu", real=True)
    a = random("a", normal(mean, 2))
    V = network("V")
    rewrite = score_as_pathwise(E(V(a), a), mean)
    assert holds(rewrite, Instance(networks={"V": lambda t: t**3 + 2 * t}))
    assert len(rewrite.conditions) == 3
    assert equal(rewrite.before, rewrite.after).answer is None
    assert equal(2 * rewrite.before, rewrite.after).answer is False


def test_stein():
    z = random("z", normal("m"))
    h = network("h")
    rewrite = gaussian_by_parts(h(z), z)
    cubic = Instance(dims={"m": 2}, networks={"h": lambda z: z[0] ** 4 + z[0] ** 2 * z[1] ** 2})
    assert holds(rewrite, cubic)
    assert gradient(h(z), z) is not None
    with pytest.raises(GameError, match="standard normal"):
        gaussian_by_parts(h(x), x)
