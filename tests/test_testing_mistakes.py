"""Mistakes that were made in public code, small, and the words in which the test kit names them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from bilevel.language import stop_gradient
from bilevel.language.functions import sigmoid
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


# --- keras-team/keras-io#194: an actor and a critic with common weights, one state, a Gaussian policy ---
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


# --- openai/baselines#645: is the inner derivative there? The thread ends with "yes, by automatic differentiation" ---
# The deterministic policy gradient is dQ/da at a = mu(theta), times dmu/dtheta.

state = sp.Symbol("s", positive=True)
critic_value = -((theta * state - q) ** 2) / 2  # Q(s, mu(s)), mu(s) = theta s; the actor ascends it
DDPG = Game(actor=minimize(-critic_value, theta), critic=minimize((q - 1) ** 2 / 2, q))


def test_both_factors_of_the_deterministic_policy_gradient():
    update = R.derive(DDPG, R.simultaneous(h))
    losses = {"theta": lambda z: (z["theta"] * 1.5 - z["q"]) ** 2 / 2, "q": lambda z: (z["q"] - 1) ** 2 / 2}
    assert_implements(descent(losses), update, values={state: 1.5})
    outer = lambda z: {**descent(losses)(z), "theta": z["theta"] - 0.125 * (z["theta"] * 1.5 - z["q"])}
    (reason,) = reasons(outer, update, values={state: 1.5})
    assert reason == "in the gradient of actor with respect to theta the factor s of s*(-q + s*theta) is missing"


def test_the_sign_of_the_actors_loss():
    step = descent({"theta": lambda z: -((z["theta"] * 1.5 - z["q"]) ** 2) / 2, "q": lambda z: (z["q"] - 1) ** 2 / 2})
    (reason,) = reasons(step, R.derive(DDPG, R.simultaneous(h)), values={state: 1.5})
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


# --- seungeunrho/minimalRL#15: ACER's bias correction is an expectation under the policy, which is a weight there ---


def test_the_policy_is_differentiated_where_it_is_a_weight():
    policy = {1: sigmoid(theta), 0: 1 - sigmoid(theta)}
    advantages = {1: q - phi, 0: -q - phi}  # Q(s, a) - V(s)
    correction = -sum(stop_gradient(policy[k] * advantages[k]) * sp.log(policy[k]) for k in policy)
    game = Game(actor=minimize(correction, theta), critic=minimize((phi - q) ** 2, phi, q))
    update = R.derive(game, R.simultaneous(h))

    def step(held):
        def actor(z):
            p = jax.nn.sigmoid(z["theta"])
            return -sum(held(pi) * a * jnp.log(pi) for pi, a in ((p, z["q"] - z["phi"]), (1 - p, -z["q"] - z["phi"])))

        critic = lambda z: (z["phi"] - z["q"]) ** 2
        return descent({"theta": actor, "phi": critic, "q": critic})

    assert_implements(step(jax.lax.stop_gradient), update)
    (reason,) = reasons(step(lambda x: x), update)
    assert reason == "missing stop-gradients, all of them, in the loss of actor"


# --- bentrevett/pytorch-rl#2: the actor is weighted with the return alone, so the critic teaches it nothing ---


def test_the_critic_does_not_reach_the_actor():
    G = sp.Symbol("G", real=True)
    log_probability = sp.log(sigmoid(theta))
    game = Game(actor=minimize(-stop_gradient(G - v) * log_probability, theta), critic=minimize((G - v) ** 2 / 2, v))
    actor = lambda z: -1.5 * jnp.log(jax.nn.sigmoid(z["theta"]))
    wrong = descent({"theta": actor, "v": lambda z: (1.5 - z["v"]) ** 2 / 2})
    (reason,) = reasons(wrong, R.derive(game, R.simultaneous(h)), values={G: 1.5})
    assert reason == "in the loss of actor the term -v of G - v is missing"


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


# --- alshedivat/lola#8: the critic's target takes the return where the reward of one step is due ---


def test_the_return_in_place_of_the_reward_in_a_target():
    r, G, gamma, s0, s1 = sp.symbols("r G gamma s0 s1", real=True)
    target = stop_gradient(r + gamma * v * s1)
    game = Game(actor=minimize(-G * sp.log(sigmoid(theta)), theta), critic=minimize((target - v * s0) ** 2 / 2, v))
    numbers = {"r": 0.5, "G": 2.0, "gamma": 0.875, "s0": 1.5, "s1": 0.75}

    def step(reward):
        def critic(z):
            return (jax.lax.stop_gradient(reward + 0.875 * z["v"] * 0.75) - 1.5 * z["v"]) ** 2 / 2

        return descent({"theta": lambda z: -2.0 * jnp.log(jax.nn.sigmoid(z["theta"])), "v": critic})

    update = R.derive(game, R.simultaneous(h))
    assert_implements(step(0.5), update, values=numbers)
    (reason,) = reasons(step(2.0), update, values=numbers)
    assert reason == "in the loss of critic G stands in place of r"


# --- alexis-jacq/LOLA_DiCE#1: other results in every run, though a seed is named; exact gradients do work ---

x, y = sp.symbols("x y", real=True)
LOLA = Game(a=minimize(x**2 * y + x * y, x), b=minimize(y**2 / 2 - x * y, y))


def lola_step(z, noise=0.0):
    """Each descends its loss, plus what the other's naive step of 1/4 makes of it (Foerster et al. 2018)."""
    x, y = z["x"], z["y"]
    ahead_of_y, ahead_of_x = -0.25 * (y - x), -0.25 * (2 * x * y + y)
    return {
        "x": x - 0.125 * (2 * x * y + y + (2 * x + 1) * ahead_of_y + (x**2 + x) * 0.25) + noise,
        "y": y - 0.125 * (y - x - ahead_of_x + y * 0.25 * (2 * x + 1)),
    }


def test_a_step_that_draws_without_its_seed():
    update = R.derive(LOLA, R.lola("1/8", "1/4"))
    assert_implements(lola_step, update)
    source = np.random.default_rng()
    (reason,) = reasons(lambda z: lola_step(z, source.normal()), update)
    assert "gives other numbers when called again" in reason


def test_lola_without_its_cross_term():
    update = R.derive(LOLA, R.lola("1/8", "1/4"))
    wrong = lambda z: {
        "x": z["x"] - 0.125 * (2 * z["x"] * z["y"] + z["y"]),
        "y": z["y"] - 0.125 * (z["y"] - z["x"]),
    }
    assert reasons(wrong, update) == ("lola: weight is missing",)


# --- other slips of the trade, none of them on a list: they come out as mutants of the derived update ---

gamma, rho, r = sp.symbols("gamma rho r", positive=True)


def test_a_discount_to_the_wrong_power():
    game = Game(critic=minimize((stop_gradient(r + gamma**2 * v**2) - v) ** 2 / 2, v))
    wrong = lambda z: {"v": z["v"] - 0.125 * (z["v"] - 0.5 - 0.9 * z["v"] ** 2)}
    (reason,) = reasons(wrong, R.derive(game, R.simultaneous(h)), values={"r": 0.5, "gamma": 0.9})
    assert "the power of gamma is wrong: gamma in place of gamma**2" in reason


def test_a_missing_importance_weight():
    weight = stop_gradient(sp.exp(theta))
    game = Game(actor=minimize(-weight * theta * phi, theta), critic=minimize((phi - 1) ** 2 / 2, phi))
    wrong = lambda z: {"theta": z["theta"] + 0.125 * z["phi"], "phi": z["phi"] - 0.125 * (z["phi"] - 1)}
    (reason,) = reasons(wrong, R.derive(game, R.simultaneous(h)))
    assert "exp(theta)" in reason and "is missing" in reason


def test_a_sum_over_the_batch_where_a_mean_is_meant():
    batch = [0.5, -1.0, 2.0, 0.25]
    game = Game(a=minimize(sum((theta - sp.Rational(b)) ** 2 for b in batch) / 8, theta))
    wrong = lambda z: {"theta": z["theta"] - 0.125 * sum(z["theta"] - b for b in batch)}
    (reason,) = reasons(wrong, R.derive(game, R.simultaneous(h)))
    assert "4 times the derived one (a sum over 4 where a mean is meant" in reason


def test_a_part_with_a_factor_of_its_own():
    game = Game(a=minimize(theta**4 + rho * theta**2 / 2, theta), b=minimize(phi**2 * theta, phi))
    wrong = lambda z: {"theta": z["theta"] - 0.125 * (4 * z["theta"] ** 3 + 0.7**2 * z["theta"]),
                       "phi": z["phi"] - 0.25 * z["phi"] * z["theta"]}  # fmt: skip
    (reason,) = reasons(wrong, R.derive(game, R.simultaneous(h)), values={"rho": 0.7})
    assert "rho**2 in place of rho" in reason or "stands there rho = 0.7 times" in reason


def test_a_target_network_moved_before_its_network():
    game = Game(critic=minimize((phi - theta) ** 2 / 2, phi), actor=minimize(theta**2 / 2 - theta * phi, theta))
    update = R.derive(game, R.target_copies("1/8", "1/4", copied=["critic"]))

    def step(z, follows):
        after = {"phi": z["phi"] - 0.125 * (z["phi"] - z["theta"]),
                 "theta": z["theta"] - 0.125 * (z["theta"] - z["phi@target"])}  # fmt: skip
        seen = follows(z, after)
        return {**after, **{f"{n}@target": z[f"{n}@target"] + 0.25 * (seen[n] - z[f"{n}@target"]) for n in after}}

    assert_implements(lambda z: step(z, lambda z, after: after), update)
    (reason,) = reasons(lambda z: step(z, lambda z, after: z), update)
    assert reason == "the target of phi, theta takes the old value, before the step"
    direct = lambda z: step({**z, "phi@target": z["phi"]}, lambda z, after: after)
    late = lambda z: {**step(z, lambda z, after: after), "theta": direct(z)["theta"]}
    (reason,) = reasons(late, update)
    assert reason == "the gradients read the current phi in place of the target of phi"


def test_gradients_are_explained_too():
    game = Game(g=minimize(theta * phi + theta**2, theta), d=maximize(theta * phi - phi**2 / 2, phi))
    with pytest.raises(Mismatch, match="the term 2\\*theta is halved"):
        assert_gradient(lambda z: {"theta": z["phi"] + z["theta"]}, game, "g")
    with pytest.raises(Mismatch, match="wrong sign: d minimises"):
        assert_gradient(lambda z: {"phi": z["theta"] - z["phi"]}, game, "d")
