"""Wrong training steps on an actor-critic loss in plain JAX: the kit names the term, the factor or the pattern."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bilevel import rules
from bilevel.numeric import optimizer, reading
from bilevel.testing import assert_implements

held = jax.lax.stop_gradient
S, NEXT = (jnp.asarray(np.random.default_rng(k).standard_normal((6, 2))) for k in (0, 1))
REWARD, DONE = jnp.arange(6.0) / 4, jnp.array([0.0, 1, 0, 0, 1, 0])
AT = {"critic": {"w": jnp.array([0.5, -1.0])}, "actor": {"w": jnp.array([0.3, 0.8])}}
RULE = rules.simultaneous("1/10")


def value(z, x):
    return jnp.tanh(x @ z["critic"]["w"])


def critic(z, *, bootstrap=held, mask=1.0, discount=0.9, penalty=0.1, mean=jnp.mean):
    target = REWARD + discount * (1 - mask * DONE) * bootstrap(value(z, NEXT))
    return mean((value(z, S) - target) ** 2) + penalty * jnp.sum(z["critic"]["w"] ** 2)


def actor(z, *, baseline=1.0, entropy=0.03):
    mean = S @ z["actor"]["w"]
    return jnp.mean((REWARD - mean) ** 2 * held(REWARD - baseline * value(z, S))) - entropy * jnp.mean(jnp.cos(mean))


def step(critic=critic, actor=actor, rule=RULE):
    stepper = reading({"critic": critic, "actor": actor}, rule)
    return lambda p: stepper.step(p, stepper.init(p))[0]


def decayed(p):
    return jax.tree.map(lambda new, old: new - 0.01 * old, step()(p), p)


WRONG = {
    "no detach in the bootstrap target": (step(partial(critic, bootstrap=lambda x: x)), "missing stop-gradient"),
    "no end of episode": (step(partial(critic, mask=0.0)), r"the term data of \(1 - data\) is missing"),
    "no discount": (step(partial(critic, discount=1.0)), "the factor 0.9 is missing"),
    "a sum for a mean, in one term": (step(partial(critic, mean=jnp.sum)), "the division by 6 is missing"),
    "the penalty twice": (step(partial(critic, penalty=0.2)), "is doubled"),
    "no baseline": (step(actor=partial(actor, baseline=0.0)), "of .*sub.* is missing|the term .* is missing"),
    "the entropy turned": (step(actor=partial(actor, entropy=-0.03)), "wrong sign"),
    "weight decay beside the step": (decayed, "weight decay"),
    "Adam in place of descent": (step(rule=optimizer(optax.adam(0.1))), "sign of the gradient"),
    "clipped gradients": (
        step(rule=optimizer(optax.chain(optax.clip_by_global_norm(0.05), optax.sgd(0.1)))), "clipped"
    ),
    "taking turns": (step(rule=rules.alternating("1/10")), "alternating in place of simultaneous"),
}  # fmt: skip


@pytest.mark.parametrize("slip", WRONG)
def test_a_wrong_step_is_named(slip):
    wrong, words = WRONG[slip]
    with pytest.raises(AssertionError, match=rf"it looks like this: .*({words})"):
        assert_implements(wrong, reading({"critic": critic, "actor": actor}, RULE), points=[AT], trials=4)


def test_consensus_by_hand_on_held_values_is_named():
    losses = {"critic": critic, "actor": actor}

    def field(z):
        return {n: jax.grad(lambda own, n=n: losses[n]({**z, n: own}))(z[n]) for n in z}

    def by_hand(z):
        bend = jax.grad(lambda z: sum(jnp.sum(x**2) for x in jax.tree.leaves(field(z))) / 2)(z)
        return jax.tree.map(lambda x, f, b: x - 0.1 * (f + 0.5 * b), z, field(z), bend)

    with pytest.raises(AssertionError, match="what a loss holds constant is held in J too"):
        assert_implements(by_hand, reading(losses, rules.consensus("1/10", "1/2")), points=[AT], trials=4)


def test_the_right_step_passes():
    assert_implements(step(), reading({"critic": critic, "actor": actor}, RULE), points=[AT], trials=4)
