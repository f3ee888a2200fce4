"""Mistakes that were made in public code, small, and the words in which the test kit names them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from bilevel.language import stop_gradient
from bilevel.testing import Mismatch, assert_gradient, assert_implements

theta, phi, v, w, q = sp.symbols("theta phi v w q", real=True)
h = sp.Rational(1, 8)


def reasons(step, update, **more) -> tuple[str, ...]:
    with pytest.raises(Mismatch) as caught:
        assert_implements(step, update, **more)
    return caught.value.reasons


def descent(update_of):
    """A JAX training step: every entry of the point descends its own loss, all from the old point."""

    def step(z):
        slopes = {name: jax.grad(lambda value, n=name: update_of[n]({**z, n: value}))(z[name]) for name in update_of}
        return {name: z[name] - 0.125 * slopes[name] for name in update_of}

    return step


# --- an actor and a critic that share nothing, one state, Gaussian policy: keras-team/keras-io issue 194 ---
# The actor weighs the log-probability of its action by the advantage, reward minus value; the value must be held still.

reward, action = sp.Rational(3, 2), sp.Rational(1, 2)
value = v * w  # two weights, shared by the actor's advantage and the critic
advantage = reward - value
log_probability = -((action - theta * w) ** 2) / 2


def shared_game(stopped: bool) -> Game:
    held = stop_gradient(advantage) if stopped else advantage
    body = -log_probability * held + advantage**2 / 2
    return Game(agent=minimize(body, theta, v, w))


def shared_step(held):
    def loss(z):
        apart = 1.5 - z["v"] * z["w"]
        return (0.5 - z["theta"] * z["w"]) ** 2 / 2 * held(apart) + apart**2 / 2

    return descent(dict.fromkeys(("theta", "v", "w"), loss))


def test_an_actor_loss_differentiated_through_the_advantage():
    update = R.derive(shared_game(True), R.simultaneous(h))
    assert_implements(shared_step(jax.lax.stop_gradient), update)
    (reason,) = reasons(shared_step(lambda x: x), update)
    assert "missing stop-gradient" in reason
    assert "-v*w + 3/2" in reason


def test_a_critic_that_is_held_still_where_it_should_learn():
    update = R.derive(shared_game(False), R.simultaneous(h))
    (reason,) = reasons(shared_step(jax.lax.stop_gradient), update)
    assert "a stop-gradient too many: on -v*w + 3/2 in the loss of agent" in reason


# --- the sign of the actor's loss: openai/baselines issue 645 ---

critic_value = -((theta - q) ** 2) / 2  # Q(mu(theta)); the actor ascends it
DDPG = Game(actor=minimize(-critic_value, theta), critic=minimize((q - 1) ** 2 / 2, q))


def test_the_sign_of_the_actors_loss():
    step = descent({"theta": lambda z: -((z["theta"] - z["q"]) ** 2) / 2, "q": lambda z: (z["q"] - 1) ** 2 / 2})
    (reason,) = reasons(step, R.derive(DDPG, R.simultaneous(h)))
    assert reason == "wrong sign: actor maximises its loss"


# --- a temporal-difference target that is differentiated: residual in place of semi-gradient ---


def test_a_target_differentiated_through():
    update = R.derive(Game(critic=minimize((stop_gradient(1 + v**2 / 2) - v) ** 2 / 2, v)), R.simultaneous(h))
    right = descent({"v": lambda z: (jax.lax.stop_gradient(1 + z["v"] ** 2 / 2) - z["v"]) ** 2 / 2})
    through = descent({"v": lambda z: (1 + z["v"] ** 2 / 2 - z["v"]) ** 2 / 2})
    assert_implements(right, update)
    (reason,) = reasons(through, update)
    assert reason == "missing stop-gradient: the loss of critic is differentiated through v**2/2 + 1"
    other = descent({"v": lambda z: jnp.cos(3 * z["v"])})
    assert reasons(other, update) == ()  # a loss of another shape is not talked into a slip


def test_semi_gradient_in_place_of_the_residual_gradient():
    residual = Game(critic=minimize((1 + v**2 / 2 - v) ** 2 / 2, v))
    step = descent({"v": lambda z: (jax.lax.stop_gradient(1 + z["v"] ** 2 / 2) - z["v"]) ** 2 / 2})
    (reason,) = reasons(step, R.derive(residual, R.simultaneous(h)))
    assert reason == "a stop-gradient too many: on v**2/2 in the loss of critic"


# --- where the gradient flows: seungeunrho/minimalRL issue 15, bentrevett/pytorch-rl issue 2 ---


def test_the_importance_weight_is_differentiated():
    weight = sp.exp(theta)  # the ratio of policies: a weight, not part of the objective
    game = Game(actor=minimize(-stop_gradient(weight) * theta * phi, theta), critic=minimize((phi - 1) ** 2, phi))
    critic = lambda z: (z["phi"] - 1) ** 2
    wrong = descent({"theta": lambda z: -jnp.exp(z["theta"]) * z["theta"] * z["phi"], "phi": critic})
    (reason,) = reasons(wrong, R.derive(game, R.simultaneous(h)))
    assert reason == "missing stop-gradient: the loss of actor is differentiated through exp(theta)"


def test_the_critic_is_trained_on_the_actors_loss():
    game = Game(actor=minimize(theta**2 * phi, theta), critic=minimize((phi - theta) ** 2, phi))
    wrong = lambda z: {
        "theta": z["theta"] - 0.25 * z["theta"] * z["phi"],
        "phi": z["phi"] - 0.125 * z["theta"] ** 2,
    }
    (reason,) = reasons(wrong, R.derive(game, R.simultaneous(h)))
    assert reason == "the wrong player's gradient: critic descends the loss of actor"


def test_a_forgotten_entropy_bonus():
    game = Game(actor=minimize(-(theta * phi) + theta**2 / 4, theta), critic=minimize((phi - theta) ** 2, phi))
    wrong = lambda z: {
        "theta": z["theta"] + 0.125 * z["phi"],
        "phi": z["phi"] - 0.25 * (z["phi"] - z["theta"]),
    }
    (reason,) = reasons(wrong, R.derive(game, R.simultaneous(h)))
    assert reason == "in the gradient of actor with respect to theta the term theta/2 is missing"


# --- opponent shaping: the cross term forgotten, or taken of the wrong loss (alshedivat/lola issue 8) ---

x, y = sp.symbols("x y", real=True)
LOLA = Game(a=minimize(x**2 * y + x * y, x), b=minimize(y**2 / 2 - x * y, y))


def test_lola_without_its_cross_term():
    update = R.derive(LOLA, R.lola("1/8", "1/4"))
    wrong = lambda z: {
        "x": z["x"] - 0.125 * (2 * z["x"] * z["y"] + z["y"]),
        "y": z["y"] - 0.125 * (z["y"] - z["x"]),
    }
    assert reasons(wrong, update) == ("lola: weight is missing",)


def test_gradients_are_explained_too():
    game = Game(g=minimize(theta * phi + theta**2, theta), d=maximize(theta * phi - phi**2 / 2, phi))
    with pytest.raises(Mismatch, match="the term 2\\*theta is halved"):
        assert_gradient(lambda z: {"theta": z["phi"] + z["theta"]}, game, "g")
    with pytest.raises(Mismatch, match="wrong sign: d minimises"):
        assert_gradient(lambda z: {"phi": z["theta"] - z["phi"]}, game, "d")
