# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # An actor-critic agent on a pendulum: which step does it tolerate?
#
# A deterministic actor and a critic learn to swing up the pendulum of `gymnasium` from recorded transitions, by plain
# gradient steps. We ask the Jacobian of their step how large the step may be, and check the answer by experiment.
#
# `pip install bilevel[agents]` brings the environment.

# %%
import time

import gymnasium
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from jax.flatten_util import ravel_pytree

from bilevel import rules
from bilevel.numeric import diagnose, eigenvalues, jacobian, reading

ROUNDS = 2  # of 2000 steps each; 4 give a better pendulum
started = time.time()

# %% [markdown]
# ## 1. Transitions
#
# 4000 of them, under random torques; a batch of 512 is fixed. States and rewards are scaled to order one.

# %%
environment, draw = gymnasium.make("Pendulum-v1"), np.random.default_rng(0)
SCALE = np.array([1, 1, 1 / 8], dtype=np.float32)


def record(length):
    rows, (state, _) = [], environment.reset(seed=0)
    for _ in range(length):
        action = draw.uniform(-1, 1, 1).astype(np.float32)
        after, reward, _, cut, _ = environment.step(2 * action)
        rows.append((state * SCALE, action, reward / 16 + 0.5, after * SCALE))
        state = environment.reset()[0] if cut else after
    return [np.array(column, dtype=np.float32) for column in zip(*rows, strict=True)]


recorded = record(4000)
chosen = draw.integers(0, 4000, 512)
batch = tuple(jnp.asarray(column[chosen]) for column in recorded)

# %% [markdown]
# ## 2. The game
#
# The critic holds its target constant: `stop_gradient` shapes its *field*. The field's own derivative knows that the
# target moves with the parameters; `jacobian` and `diagnose` differentiate through it.


# %%
def network(sizes, key):
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        {"w": jax.random.normal(k, (a, b)) / np.sqrt(a), "b": jnp.zeros(b)}
        for k, a, b in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]


def apply(layers, x):
    for layer in layers[:-1]:
        x = jnp.tanh(x @ layer["w"] + layer["b"])
    return x @ layers[-1]["w"] + layers[-1]["b"]


def value(z, state, action):
    return apply(z["critic"], jnp.concatenate([state, action], axis=1))[:, 0]


def policy(z, state):
    return jnp.tanh(apply(z["actor"], state))


def critic_loss(z, state, action, reward, after):
    target = jax.lax.stop_gradient(reward + 0.95 * value(z, after, policy(z, after)))
    return jnp.mean((value(z, state, action) - target) ** 2) / 2


def actor_loss(z, state, action, reward, after):
    return -jnp.mean(value(z, state, policy(z, state)))


losses = {"critic": critic_loss, "actor": actor_loss}
keys = jax.random.split(jax.random.PRNGKey(1), 2)
start = {"critic": network([4, 16, 16, 1], keys[0]), "actor": network([3, 16, 1], keys[1])}
print(sum(a.size for a in jax.tree.leaves(start)), "parameters")

# %% [markdown]
# ## 3. Training


# %%
def train(rule, z, steps, **numbers):
    stepper = reading(losses, rule)

    @jax.jit
    def run(z):
        def turn(carry, _):
            shown = jnp.array([critic_loss(carry[0], *batch), actor_loss(carry[0], *batch)])
            return stepper.step(*carry, *batch, values=numbers), shown

        (last, _), history = jax.lax.scan(turn, (z, stepper.init(z)), None, length=steps)
        return last, history

    last, history = run(z)
    return last, np.asarray(history)


def score(z, episodes=3):
    """Mean return of an episode: about -1200 for a pendulum left alone, -150 for one that is swung up and held."""
    act, total = jax.jit(lambda state: policy(z, state[None])[0]), 0.0
    for episode in range(episodes):
        state, _ = environment.reset(seed=100 + episode)
        for _ in range(200):
            state, reward, _, _, _ = environment.step(2 * np.asarray(act(np.asarray(state * SCALE, np.float32))))
            total += float(reward)
    return total / episodes


half = rules.simultaneous("1/2")
now, history = train(half, start, 2000 * ROUNDS)
before, after = score(start), score(now)
print(f"return {before:.0f} before training, {after:.0f} after {2000 * ROUNDS} steps")

# %% [markdown]
# ## 4. The question

# %%
found = diagnose(losses, now, half, *batch, count=4, products=1500, measure=0)
print(found)

# %% [markdown]
# ## 5. Is the edge where it says?
#
# Two runs that differ by a hair along the leading eigenvector of the field: below the edge they come together, above
# it they part. All step sizes are run at once, by `vmap` over the step. The prediction is about the first of all modes
# to grow, at a point that stands still; the experiment follows one mode, at a point that drifts. They agree to within
# a few percent.

# %%
s = sp.Symbol("s", positive=True)
edge = found.grows_above
mode = eigenvalues(jacobian(losses, now, *batch), count=1, vectors=True).leading
towards = mode.vector.real / np.linalg.norm(mode.vector.real)
cut = sum(a.size for a in jax.tree.leaves(now["critic"]))
parts = {"critic": towards[:cut], "actor": towards[cut:]}
flat = {name: ravel_pytree(now[name]) for name in now}
near = {name: flat[name][1](flat[name][0] + 1e-4 * jnp.asarray(parts[name], jnp.float32)) for name in now}
any_step = reading(losses, rules.simultaneous(s / 2))


def gap(scale):
    def turn(pair, _):
        moved = tuple(any_step.step(one, (), *batch, values={s: scale})[0] for one in pair)
        apart = jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), *moved)
        return moved, jnp.sqrt(sum(jax.tree.leaves(apart)))

    return jax.lax.scan(turn, (now, near), None, length=12)[1]


scales = edge * np.array([0.8, 0.9, 0.96, 1.04, 1.08, 1.12])
gaps = np.asarray(jax.jit(jax.vmap(gap))(jnp.asarray(scales)))
growth = np.exp(np.polyfit(np.arange(12), np.log(gaps).T, 1)[0])
print("growth of the gap a step:", dict(zip((scales / edge).round(2).tolist(), growth.round(3).tolist(), strict=True)))
beyond = scales > edge
onset = float(np.roots(np.polyfit(scales[beyond], growth[beyond] - 1, 1))[0])
print(f"onset of growth: predicted at {edge:.3f} times the step, measured at {onset:.3f}")
assert abs(onset / edge - 1) < 0.05

# %% [markdown]
# ## 6. On both sides of it
#
# The same point, 1500 further steps with six tenths of the edge, and with twice the edge.

# %%
scaled = rules.simultaneous(s / 2)
_, calm = train(scaled, now, 1500, s=0.6 * edge)
_, wild = train(scaled, now, 1500, s=2.0 * edge)
swings = {name: float(np.nanmax(np.abs(np.diff(run[:300, 1])))) for name, run in (("calm", calm), ("wild", wild))}
print("largest jump of the actor's loss within 300 steps:", swings)
assert swings["calm"] < swings["wild"] / 5

figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
axes[0].plot(history[:, 0], color="#444444", lw=0.8)
axes[0].plot(len(history) + np.arange(1500), wild[:, 0], color="#d55e00", lw=0.7, label="twice the edge")
axes[0].plot(len(history) + np.arange(1500), calm[:, 0], color="#0072b2", lw=1.2, label="0.6 of the edge")
axes[0].set(xlabel="step", ylabel="critic's loss", yscale="log", title="from one point, with two step sizes")
axes[0].legend(fontsize=8)
axes[1].axhline(1, color="#444444", lw=0.8)
axes[1].axvline(edge, color="#444444", lw=0.8, ls="--", label="predicted edge")
axes[1].plot(scales, growth, "o-", color="#0072b2", label="measured")
axes[1].set(xlabel="scale of the steps", ylabel="growth of the gap [per step]", title="two neighbouring runs")
axes[1].legend(fontsize=8)
figure

# %% [markdown]
# ## What to take home
#
# * A training step with held targets has a Jacobian like any other; its leading eigenvalue sets the step.
# * The edge predicted from products with that Jacobian is where neighbouring runs begin to part.

# %%
print(f"{time.time() - started:.0f} seconds")
