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
# # Your own training step
#
# You have two networks, two losses and a training loop that more or less works. Here we bring that code, as it is,
# to the learning rules of this library: parameters of any make, any rule, any Optax optimiser, in five lines. Then
# we ask three questions that such code usually leaves open. Does the step do what the formula says? What does a
# gradient *through* the other player look like, and how wrong is the cheap version? Where does it all come to rest?

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax
import sympy as sp

import bilevel as bl
from bilevel import rules
from bilevel.numeric import answers, fixed_point, hypergradient, implicit, one_step, optimizer, reading
from bilevel.response import unrolled

# %% [markdown]
# ## 1. Two networks as you keep them
#
# Parameters may be any pytree: dicts as Flax and Haiku have them, Equinox modules with functions in them. The losses
# are plain functions of *all* players' parameters and of whatever else they need: a batch, a random key.


# %%
def layers(key, *sizes):
    keys = jax.random.split(key, len(sizes))
    make = lambda k, a, b: {"w": jax.random.normal(k, (a, b)) / np.sqrt(a), "b": jnp.zeros(b)}
    return [make(k, a, b) for k, a, b in zip(keys, sizes, sizes[1:])]


def network(params, x):
    for layer in params[:-1]:
        x = jnp.tanh(x @ layer["w"] + layer["b"])
    return x @ params[-1]["w"] + params[-1]["b"]


def value(z, batch, key):
    fake = network(z["generator"], jax.random.normal(key, (len(batch), 2)))
    real_score, fake_score = network(z["critic"], batch), network(z["critic"], fake)
    return jnp.mean(jax.nn.softplus(-real_score)) + jnp.mean(jax.nn.softplus(fake_score))


one, two = jax.random.split(jax.random.key(0))
params = {"generator": layers(one, 2, 16, 2), "critic": layers(two, 2, 16, 1)}

# %% [markdown]
# ## 2. Five lines
#
# Both players share one loss, which the generator wants large. The rule is alternating Adam, one optimiser each.

# %%
rule = rules.taking_turns(optimizer({"generator": optax.adam(2e-3, b1=0.5), "critic": optax.adam(2e-3, b1=0.5)}))
stepper = reading({"generator": value, "critic": value}, rule, maximizing=("generator",))
state = stepper.init(params)


def batch(key):
    centre = jax.random.choice(key, jnp.asarray([[1.0, 0.0], [-1.0, 0.0]]), (64,))
    return centre + 0.1 * jax.random.normal(key, (64, 2))


def train(carry, key):
    data, noise = jax.random.split(key)
    after = stepper.step(*carry, batch(data), noise)
    return after, value(after[0], batch(data), noise)


(trained, _), history = jax.lax.scan(train, (params, state), jax.random.split(jax.random.key(1), 600))
print("the critic's loss:", np.asarray(history[::100]).round(3))
print("where it cannot tell the two apart:", round(2 * np.log(2), 3))

# %% [markdown]
# Another rule is another first line. Consensus optimisation needs the Jacobian of the whole game; it comes by
# automatic differentiation, and Adam then takes the steps.

# %%
consensus = rules.along(optimizer(optax.adam(2e-3)), rules.consensus(1, "1/10"))
other = reading({"generator": value, "critic": value}, consensus, maximizing=("generator",))
after, _ = other.step(params, other.init(params), batch(one), two)
assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after))

# %% [markdown]
# ## 3. Is it the step you think it is?
#
# On a game small enough to write down, the derived update equation is the measure. Here is a hand-written
# extragradient step with a mistake that is easily made: the critic's look-ahead forgets that the generator moves too.

# %%
x, y = sp.symbols("x y", real=True)
game = bl.Game(generator=bl.minimize(x * y, x), critic=bl.maximize(x * y - y**2 / 4, y))
update = bl.derive(game, rules.extragradient("1/10"))
print(update)


# %%
def mine(z):
    ahead = {"x": z["x"] - 0.1 * z["y"], "y": z["y"] + 0.1 * (z["x"] - z["y"] / 2)}
    return {"x": z["x"] - 0.1 * ahead["y"], "y": z["y"] + 0.1 * (z["x"] - ahead["y"] / 2)}


from bilevel.testing import assert_implements

try:
    assert_implements(mine, update)
    raise SystemExit("the kit should have objected")
except AssertionError as problem:
    print(str(problem)[:400])

# %% [markdown]
# The same kit accepts the library's own numeric step, which is a check of the library by itself.

# %%
numeric = reading(game, rules.extragradient("1/10"))
assert_implements(lambda z: numeric.step(z)[0], update, trials=3)

# %% [markdown]
# ## 4. A gradient through the other player, and its bias
#
# Ridge regression: the inner player fits weights, the outer one chooses how strongly they are held. The exact
# hypergradient solves the inner problem and differentiates the solution; unrolling ten steps, or one, is cheaper and
# biased. The bias is worked out and printed beside the number.

# %%
source = np.random.default_rng(0)
X, U = source.standard_normal((40, 10)), source.standard_normal((20, 10))
t, v = X @ np.ones(10) + source.standard_normal(40), U @ np.ones(10)
ridge = {
    "held": lambda z: jnp.mean((U @ z["weights"] - v) ** 2),
    "weights": lambda z: jnp.mean((X @ z["weights"] - t) ** 2) + jnp.exp(z["held"]) * jnp.sum(z["weights"] ** 2),
}
at = {"held": jnp.asarray(-1.0), "weights": jnp.full(10, 0.5)}
with jax.enable_x64(True):
    at = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=float), at)
    exact = hypergradient(ridge, "held", at=answers(ridge, "held", at=at))
    print(exact)
    neumann = implicit("neumann", steps=20, step="1/10")
    for how in (unrolled(30, "1/10"), unrolled(3, "1/10"), one_step("1/10"), neumann):
        print(hypergradient(ridge, "held", how, at=at))
assert exact.bias.size < 1e-12

# %% [markdown]
# Where the game is written in symbols, the bias has a formula, and the number comes from it.

# %%
inner = bl.Game(outer=bl.minimize(x + (y - 1) ** 2 / 2, x), inner=bl.minimize((y - 3 * x) ** 2 / 2, y))
print(hypergradient(inner, "outer", unrolled(2, "1/2"), at={x: 1.0, y: 2.0}))

# %% [markdown]
# ## 5. Where it comes to rest, proved
#
# A numeric fixed point is a guess. For a small game in symbols, an interval test proves that exactly one fixed point
# lies next to it, and enclosed eigenvalues decide whether the rule converges there.

# %%
curved = bl.Game(generator=bl.minimize(x**4 / 4 + x * y - x, x), critic=bl.maximize(x * y - y**2 - sp.exp(y) / 2, y))
found = fixed_point(curved, rules.extragradient("1/10"), near={x: 1.0, y: 0.0})
print(found)
print(found.verdict())
assert found.verdict().known == "enclosed"

# %% [markdown]
# A multiple root has a tiny residual too, and is told apart: no verdict rests on it.

# %%
flat = fixed_point(bl.Game(a=bl.minimize(x**3 / 3, x)), rules.simultaneous("1/10"), near={x: 1.0})
print(flat)
assert flat.regular is False and flat.verdict().known == "unknown"

# %% [markdown]
# ## 6. Taking it away
#
# What was derived leaves as LaTeX, as Python without this library, as a JAX function, or as StableHLO.

# %%
h = sp.symbols("h", positive=True)
verdict = bl.stability(game, rules.extragradient(h), at={x: 0, y: 0})
print(verdict.python())
