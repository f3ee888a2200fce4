"""Derived gradients and updates, in any dimension, against automatic differentiation; mutants that are caught."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel import rules as R
from bilevel.analysis.proof import Proof, refutes, shows
from bilevel.game import Game, maximize, minimize
from bilevel.language import E, density, dot, gradient, network, normal, random, stop_gradient, uniform, vector
from bilevel.language.errors import GameError
from bilevel.models import blind_actor_critic, gan
from bilevel.numeric import check_equal, check_gradient, check_proof, check_update
from bilevel.response import anticipated, best_response, unrolled

GAMES = {
    "minimax": gan(),
    "non-saturating": gan("non-saturating"),
    "labelled": gan(labelled=True),
    "soft labels": gan(labels=(sp.Rational(9, 10), sp.Rational(1, 10))),
    "actor-critic": blind_actor_critic(),
    "scaled": blind_actor_critic(scaled=True),
    "queried at the action": blind_actor_critic(query="action"),
    "conditional target": blind_actor_critic(inside=True),
    "with a future": blind_actor_critic(discount=sp.Rational(1, 2)),
    "target copy": blind_actor_critic(discount=sp.Rational(1, 2), mode="target copy"),
    "generator leads": gan(leader="generator"),
}


@pytest.mark.parametrize("name", GAMES)
def test_the_derived_field_is_the_derivative_of_the_compiled_loss(name):
    assert check_gradient(GAMES[name], trials=2)


@given(st.tuples(*[st.integers(1, 3)] * 4), st.integers(0, 10**6))
@settings(max_examples=4)
def test_in_every_dimension(sizes, seed):
    assert check_gradient(GAMES["scaled"], trials=1, seed=seed, sizes=sizes)


@pytest.mark.parametrize(
    "rule",
    [R.alternating("1/5"), R.extragradient("1/5"), R.heavy_ball("1/5", "1/2"), R.consensus("1/5", "1/3")],
    ids=str,
)
def test_updates_of_networks_of_any_form(rule):
    assert check_update(gan("non-saturating"), rule, trials=2)


@pytest.mark.parametrize("how", [best_response(), unrolled(2, "1/5"), anticipated("1/5")], ids=str)
def test_replies_are_differentiated_through(how):
    x, y, z = sp.symbols("x y z", real=True)
    game = Game(
        top=minimize(x**2 * y + sp.sin(x * z), x, through={"middle": how}),
        middle=minimize((y - x) ** 2 * (1 + x**2) + y * z, y),
        bottom=maximize(y * z - z**2 * (2 + sp.cos(x)), z),
    )
    assert check_gradient(game, trials=4)
    assert check_update(game, R.simultaneous("1/7"), trials=2)


def test_replies_below_replies():
    x, y, z = sp.symbols("x y z", real=True)
    game = Game(
        top=minimize(x**2 + y * z + x * z, x, through={"middle": best_response()}),
        middle=minimize((y - x * z) ** 2 + y**4, y, through={"bottom": best_response()}),
        bottom=minimize((z - x - y) ** 2 * (1 + y**2), z),
    )
    assert check_gradient(game, trials=4)


def test_score_functions_of_densities_and_normal_laws():
    theta, w = vector("theta", "p"), vector("w", "q")
    f = network("f")
    a = random("a", density("pi", "k", theta))
    assert check_gradient(Game(actor=minimize(E(f(a, w), a), theta), critic=minimize(E(f(a, w) ** 2, a), w)))
    mean, spread = sp.Symbol("m", real=True), sp.Symbol("v", positive=True)
    x = random("x", normal(mean, spread))
    u = random("u", uniform(-spread, spread))
    game = Game(one=minimize(E(f(x, w) + u * f(u, w), x, u), mean, spread))
    assert check_gradient(game, dims={"q": 3})


def test_pathwise_and_score_derivatives_agree():
    mean, w = sp.Symbol("m", real=True), vector("w", "q")
    x = random("x", normal(mean, sp.Rational(1, 4)))
    loss = E(network("f")(x, w), x)
    assert check_equal(gradient(loss, mean, how="pathwise"), gradient(loss, mean, how="score"))


def test_gaussian_policies():
    theta, w = vector("theta", "p"), vector("w", "q")
    a = random("a", density("pi", None, theta))
    assert check_gradient(Game(actor=minimize(E(network("f")(a, w), a), theta)), laws={"pi": "gaussian"})


def mutants():
    game, theta, phi = gan(), vector("theta", "p"), vector("phi", "q")
    cost = game.cost("generator")
    other = game.cost("discriminator")
    stopped = blind_actor_critic(scaled=True).cost("actor")
    released = stopped.replace(
        lambda part: hasattr(part, "model_node") and type(part).__name__ == "Stopped", lambda part: part.args[0]
    )
    yield "sign", gradient(cost, theta), -gradient(cost, theta)
    yield "half", gradient(cost, theta), gradient(cost, theta) / 2
    yield "stop-gradient", gradient(stopped, theta), gradient(released, theta)
    yield "missing term", gradient(other, phi), gradient(other + dot(phi, phi) / 10**6, phi)


@pytest.mark.parametrize("name, left, right", list(mutants()), ids=lambda case: case if isinstance(case, str) else "")
def test_mutants_are_caught(name, left, right):
    assert not check_equal(left, right)
    assert check_equal(left, right, differs=True)


def test_stopped_gradients_keep_their_value():
    v = vector("v", "n")
    assert check_equal(dot(stop_gradient(v), v), dot(v, v))


def test_a_proof_is_checked_claim_by_claim():
    game, method = gan(), blind_actor_critic()
    loss, half = method.cost("critic"), game.cost("discriminator") / 2
    proof = Proof(0, "half", "", "", (shows("half", loss, half), refutes("not whole", loss, 2 * half)))
    checks = check_proof(proof)
    assert [check.differs for check in checks] == [False, True]
    assert all(checks)
    assert "differs, as it should" in str(checks[1])


def test_assumed_values_of_a_network():
    w, phi, c = vector("w", "n"), vector("phi", "q"), sp.Symbol("c", positive=True)
    critic = network("l")
    slope = gradient(critic(w, phi), w)
    flat = ((slope, sp.ZeroMatrix(*slope.shape)), (critic(w, phi), sp.log(c)))
    assert check_equal(gradient(sp.exp(critic(w, phi)), w), sp.ZeroMatrix(*slope.shape), assuming=flat)
    assert check_equal(sp.exp(critic(w, phi)), c, assuming=flat)
    assert not check_equal(sp.exp(critic(w, phi)), c)


def test_both_precisions_and_no_global_setting():
    before = jax.config.jax_enable_x64
    single, double = (check_gradient(gan(), trials=1, dtype=dtype) for dtype in ("float32", "float64"))
    assert single and double
    assert single.tolerance / double.tolerance == pytest.approx(2**29, rel=0.1)
    assert jax.config.jax_enable_x64 == before


def test_not_a_number_never_passes():
    x = sp.Symbol("x", positive=True)
    assert not check_equal(sp.log(-x - 1), sp.log(-x - 1))
    assert np.isinf(check_equal(sp.log(-x - 1), sp.S.Zero).worst)


def test_bad_requests():
    v = vector("v", "n")
    with pytest.raises(GameError, match="shapes"):
        check_equal(v, dot(v, v))
    with pytest.raises(GameError, match="no player"):
        check_gradient(gan(), "nobody")
    with pytest.raises(GameError, match="do not use"):
        check_gradient(gan(), networks={"Q": lambda w: w})
