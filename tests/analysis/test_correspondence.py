"""Correspondences: laws of the relations, published pairs, and games that only look alike."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from bilevel import Game, correspond, maximize, minimize, models
from bilevel.analysis.correspondence import RELATIONS, weaker_than
from bilevel.analysis.proportion import is_positive
from bilevel.language import network, vector
from bilevel.language.errors import GameError

x, y, u, v = sp.symbols("x y u v", real=True)
a, m = sp.symbols("a m", positive=True)
BILINEAR = Game(one=minimize(a * x * y, x), two=maximize(a * x * y, y))


def scaled(first: sp.Expr, second: sp.Expr) -> Game:
    return Game(one=minimize(first * a * x * y, x), two=maximize(second * a * x * y, y))


def holding(game: Game, other: Game, **how) -> set[str]:
    return {r.name for r in correspond(game, other, **how).proved} - {"information-structure"}


@given(st.integers(1, 5), st.integers(1, 5))
def test_constants_are_found_whatever_they_are(p, q):
    found = correspond(scaled(sp.Integer(p), sp.Integer(q)), BILINEAR)
    assert found["constant-per-player"].holds
    assert found["constant"].holds is (p == q)
    assert found["equal-fields"].holds is (p == q == 1)


def test_every_relation_is_reflexive_and_implies_the_weaker_ones():
    for game in (BILINEAR, models.gan(), models.blind_actor_critic()):
        assert set(RELATIONS) == {r.name for r in correspond(game, game).proved}
    for name in RELATIONS:
        assert name not in weaker_than(name)


def test_terms_free_of_the_own_variables_leave_the_fields_equal_and_the_losses_not():
    other = Game(one=minimize(a * x * y + y**2, x), two=maximize(a * x * y + x**3, y))
    found = correspond(other, BILINEAR)
    assert found["identical"].holds is False and found["equal-fields"].holds is True
    assert [r.name for r in found.maximal if r.name != "information-structure"] == ["equal-fields"]


def test_a_wrong_sign_is_refuted_and_keeps_the_fixed_points():
    flipped = Game(one=minimize(-a * x * y, x), two=maximize(a * x * y, y))
    found = correspond(flipped, BILINEAR)
    assert found["constant-per-player"].holds is False and found["function"].holds is False
    assert found["fixed-points"].holds is True


def test_a_positive_function_of_the_variables_is_found():
    # the same stationarity, reweighted: c = log(1 + x^2) descends 2 x/(1 + x^2)
    first, second = Game(one=minimize(sp.log(1 + x**2), x)), Game(one=minimize(x**2, x))
    found = correspond(first, second)
    assert found["constant"].holds is False
    assert found["function"].holds is True and sp.cancel(found["function"].factor["one"] - 1 / (1 + x**2)) == 0
    assert found["fixed-points"].holds is True


def test_gtd2_is_the_penalised_bilinear_game_in_shifted_coordinates():
    b = sp.Symbol("b", real=True)
    loss = (b - a * x) * y - m * y**2 / 2
    gtd = Game(primal=minimize(loss, x), dual=maximize(loss, y))
    dirac = Game(g=minimize(-a * u * v - m * v**2 / 2, u), d=maximize(-a * u * v - m * v**2 / 2, v))
    assert "identical" in holding(gtd, dirac, map={x: u + b / a, y: v})
    assert "identical" in holding(gtd, dirac, map={"x": "u + b/a", "y": "v"})
    assert "identical" not in holding(gtd, dirac, map={x: u, y: v})


def test_networks_are_renamed_by_the_map():
    theta, phi = vector("theta", "p"), vector("phi", "q")
    first = Game(one=minimize(network("Q")(theta, phi) ** 2, theta), two=minimize(network("Q")(theta, phi), phi))
    second = Game(one=minimize(network("D")(theta, phi) ** 2, theta), two=minimize(network("D")(theta, phi), phi))
    assert "identical" in holding(first, second, map={"Q": "D"})
    assert "identical" not in holding(first, second)


def test_a_networks_probability_makes_its_complement_positive():
    value = network("D", range="probability")(vector("w", "n"))
    assert is_positive(value * (1 - value)) and not is_positive(1 - 2 * value)
    assert not is_positive(1 - network("D")(vector("w", "n")))


@pytest.mark.parametrize(
    ("claim", "how", "words"),
    [("equal", {}, "no relation"), (None, {"q": x}, "no such variable"), (None, {x: u}, "would move x")],
)
def test_what_does_not_fit_is_refused(claim, how, words):
    with pytest.raises(GameError, match=words):
        correspond(BILINEAR, BILINEAR, claim=claim, map=how)


def test_least_squares_and_the_squared_critic_are_proportional_sample_by_sample() -> None:
    from bilevel.models import blind_actor_critic, lsgan, squared

    found = correspond(lsgan(), blind_actor_critic(divergence=squared), map={"D": "D"})["per-sample"]
    (_, factor), *_ = found.factor["generator"]
    (value,) = {
        part for part in sp.preorder_traversal(factor) if getattr(getattr(part, "network", None), "name", "") == "D"
    }
    assert found.holds and sp.expand(factor - 2 * (1 - value)) == 0


def test_a_factor_that_may_be_zero_proves_no_fixed_points() -> None:
    c, positive = sp.Symbol("c", real=True), sp.Symbol("k", positive=True)
    plain = Game(one=minimize(x**4 + x**2, x))
    for factor, holds in ((c, None), (positive, True), (sp.Integer(-2), True)):
        other = Game(one=minimize(factor * (x**4 + x**2), x))
        assert correspond(plain, other, claim="fixed-points").answer is holds
        assert correspond(other, plain, claim="fixed-points").answer is holds
