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
# # Why a GAN oscillates, and what to do about it
#
# Two small networks learn a ring of eight Gaussians. Training goes well, and then it does not: the losses begin to
# shake, the discriminator wins, the generator is lost. We stop just before, ask `diagnose` what is happening, do what
# it says, and check every number it gave us by running the thing.

# %%
import time

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from jax.flatten_util import ravel_pytree

from bilevel import rules
from bilevel.numeric import diagnose, eigenvalues, jacobian, path_angle, reading

LONGER = 1  # 3 trains three times as long after the cure; the story is the same
started = time.time()

# %% [markdown]
# ## 1. The game
#
# Plain JAX: a network is a list of layers, a loss is a function of all players' parameters and of a batch. The batch
# is fixed, so the game stands still while we look at it.


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


keys = jax.random.split(jax.random.PRNGKey(0), 5)
start = {"generator": network([2, 16, 16, 2], keys[0]), "discriminator": network([2, 16, 16, 1], keys[1])}
noise = jax.random.normal(keys[2], (256, 2))
angle = jnp.arange(256) % 8 * jnp.pi / 4
real = 1.5 * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1) + 0.1 * jax.random.normal(keys[3], (256, 2))


def judge(z, x):
    return apply(z["discriminator"], x)[:, 0]


def generator_loss(z, real, noise):
    return jnp.mean(jax.nn.softplus(-judge(z, apply(z["generator"], noise))))


def discriminator_loss(z, real, noise):
    fake = apply(z["generator"], noise)
    return jnp.mean(jax.nn.softplus(-judge(z, real))) + jnp.mean(jax.nn.softplus(judge(z, fake)))


plain = {"generator": generator_loss, "discriminator": discriminator_loss}
print(sum(a.size for a in jax.tree.leaves(start)), "parameters")

# %% [markdown]
# ## 2. Simultaneous gradient steps


# %%
def train(losses, rule, z, steps):
    stepper = reading(losses, rule)

    @jax.jit
    def run(z):
        def turn(carry, _):
            z, memory = carry
            shown = jnp.array([generator_loss(z, real, noise), discriminator_loss(z, real, noise)])
            return stepper.step(z, memory, real, noise), shown

        (last, _), history = jax.lax.scan(turn, (z, stepper.init(z)), None, length=steps)
        return last, history

    last, history = run(z)
    return last, np.asarray(history)


simultaneous = rules.simultaneous("1/10")
before, first = train(plain, simultaneous, start, 4200)
_, as_it_is = train(plain, simultaneous, before, 2500)
print("generator's loss after 4200 steps", first[-1, 0], "and after 6700", as_it_is[-1, 0])
assert first[-1, 0] < 1 < as_it_is[-1, 0]

# %% [markdown]
# ## 3. The question
#
# At step 4200 nothing can be seen in the losses yet. What does the game's Jacobian say?

# %%
found = diagnose(plain, before, simultaneous, real, noise, since=start, count=4, products=2000, measure=1)
print(found)

# %% [markdown]
# Read it from above. The gradients are small but not zero, and there are directions of descent left: training is
# not over. *The mode that grows does not rotate*: it flips its sign at every step. The generator's own Hessian has an
# eigenvalue above 2/h = 20, so a step of h = 1/10 overshoots. It is no battle between the players that begins here;
# it is one player's step, too large for a curvature that has grown. The rule tolerates only a little less than the
# present step, and the first remedy is to shorten the generator's.

# %%
worst = found.map.leading
generators_curvature = found.tests[0].numbers["highest"]
print("leading eigenvalue of the step", worst.value, "in the generator", worst.share["generator"])
print("generator's curvature", generators_curvature, "against 2/h = 20")
assert worst.value.real < -1 and worst.share["generator"] > 0.8 and generators_curvature > 20
assert found.grows_above < 1

# %% [markdown]
# ## 4. Is that what happens?
#
# The prediction is a growth factor of `abs(worst.value)` a step along the leading eigenvector. We let two runs that
# differ by a hair in that direction go on side by side and watch the gap between them.


# %%
def gaps(losses, z, steps, scales, length, towards, size=1e-4):
    """Distance between two runs that start `size` apart, for every scale of the step: one row a step."""
    s = sp.Symbol("s", positive=True)
    stepper = reading(losses, rules.simultaneous(s * sp.Rational(steps)))
    cut = sum(a.size for a in jax.tree.leaves(z["generator"]))  # players stand in the order they are declared in
    parts = {"generator": towards[:cut], "discriminator": towards[cut:]}
    near = {name: ravel_pytree(z[name])[1](ravel_pytree(z[name])[0] + size * part) for name, part in parts.items()}

    def run(scale):
        def turn(pair, _):
            moved = [stepper.step(one, (), real, noise, values={s: scale})[0] for one in pair]
            apart = jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), *moved)
            return tuple(moved), jnp.sqrt(sum(jax.tree.leaves(apart)))

        return jax.lax.scan(turn, (z, near), None, length=length)[1]

    return np.asarray(jax.jit(jax.vmap(run, out_axes=1))(jnp.asarray(scales)))


def leading_direction(losses, z):
    step = jacobian(losses, z, real, noise, rule=simultaneous)
    mode = eigenvalues(step, count=1, vectors=True, left=False).leading.vector.real
    return jnp.asarray(mode / np.linalg.norm(mode), jnp.float32)


def rate(column, last):
    """Growth a step over the last steps, by a straight line through the logarithm."""
    y = np.log(column[-last:])
    return float(np.exp(np.polyfit(np.arange(last), y, 1)[0]))


apart = gaps(plain, before, "1/10", [1.0], 8, leading_direction(plain, before))[:, 0]
measured = rate(apart, 8)
print(f"growth a step: predicted {abs(worst.value):.3f}, measured {measured:.3f}")
assert abs(measured - abs(worst.value)) < 0.03

# %% [markdown]
# ## 5. The cure
#
# Half the step for the generator, everything else as it was, from the same point; and, as many would do, a gradient
# penalty on the discriminator (R1), from the start.


# %%
def penalised(z, real, noise):
    slope = jax.vmap(jax.grad(lambda x: judge(z, x[None])[0]))(real)
    return discriminator_loss(z, real, noise) + 0.15 * jnp.mean(jnp.sum(slope**2, axis=1))


cure = rules.simultaneous({"generator": "1/20", "discriminator": "1/10"})
cured, calm = train(plain, cure, before, 2500)
with_r1 = {"generator": generator_loss, "discriminator": penalised}
settled, quiet = train(with_r1, simultaneous, start, 6700 * LONGER)

figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
axes[0].plot(np.arange(4200), first[:, 0], color="#444444", lw=0.8)
axes[0].plot(4200 + np.arange(2500), as_it_is[:, 0], color="#d55e00", lw=0.6, label="as it is")
axes[0].plot(4200 + np.arange(2500), calm[:, 0], color="#0072b2", lw=1.2, label="generator's steps halved at 4200")
axes[0].plot(np.arange(len(quiet)), quiet[:, 0], color="#00865f", lw=1.2, ls="--", label="R1 penalty from the start")
axes[0].set(xlabel="step", ylabel="generator's loss", ylim=(0.5, 3), title="what the losses do")
axes[0].legend(fontsize=8, loc="upper left")
for axis, point, title in ((axes[1], cured, "steps halved, step 6700"), (axes[2], settled, "R1 penalty")):
    axis.plot(*np.asarray(real).T, ".", color="#bbbbbb", ms=5, label="data")
    axis.plot(*np.asarray(apply(point["generator"], noise)).T, ".", color="#0072b2", ms=3, label="generated")
    axis.set(xlim=(-2.4, 2.4), ylim=(-2.4, 2.4), aspect="equal", title=title)
axes[2].legend(fontsize=8, loc="center")
figure

# %%
swing = {name: float(np.ptp(history[:500, 0])) for name, history in (("as it is", as_it_is), ("halved", calm))}
print("swing of the generator's loss in the 500 steps after the diagnosis:", swing)
assert swing["halved"] < swing["as it is"] / 3

# %% [markdown]
# Halving the step holds for more than a thousand steps and then fails in the same way: the diagnosis also said that
# *the flow itself leaves this point*, and on its way the curvature goes on growing until it meets the new 2/h. A step
# size treats the symptom. The penalty keeps the curvature down, and training comes to rest.

# %% [markdown]
# ## 6. How large a step would the penalised game take?
#
# At the point that R1 leads to, `diagnose` gives the scale of the steps at which the first mode begins to grow. The
# experiment: run with many step sizes at once (one `vmap`), and see from which on two neighbouring runs part.

# %%
at_rest = diagnose(with_r1, settled, simultaneous, real, noise, count=3, products=1500, measure=0)
print(at_rest.point)
print(at_rest.step)
edge = at_rest.grows_above
# the mode that will grow flips its sign: the field's largest eigenvalue
flip = eigenvalues(jacobian(with_r1, settled, real, noise), count=1, vectors=True).leading.vector.real
flip = jnp.asarray(flip / np.linalg.norm(flip), jnp.float32)
scales = edge * np.array([0.9, 0.95, 1.02, 1.03, 1.04, 1.05])
rates = np.array([rate(column, 12) for column in gaps(with_r1, settled, "1/10", scales, 12, flip).T])
beyond = scales > edge
onset = float(np.roots(np.polyfit(scales[beyond], rates[beyond] - 1, 1))[0])
print(f"onset of growth: predicted at {edge:.3f} times the step, measured at {onset:.3f}")
assert abs(onset / edge - 1) < 0.03 and all(rates[~beyond] < 1.01)

# %% [markdown]
# ## 7. Rotation, seen along the path
#
# Does the game rotate at all? Its Jacobian has complex eigenvalues, shared evenly between the players; R1 makes them
# shrink. Along the straight line from start to end (Berard et al. 2020) pure attraction would show as a jump of the
# cosine from -1 to 1 at the end; here there is little of it.

# %%
J = jacobian(with_r1, settled, real, noise)
turning = eigenvalues(J, "largest imaginary part", count=4)
print(turning)
along = path_angle(with_r1, start, settled, real, noise)
print(along)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
shown = np.linalg.eigvals(J.dense())
axes[0].plot(shown.real, shown.imag, ".", color="#0072b2", ms=4)
circle = np.exp(1j * np.linspace(0, 2 * np.pi, 200))
axes[0].plot((10 * (1 + circle)).real, (10 * (1 + circle)).imag, color="#d55e00", lw=1, label="tolerated by h = 1/10")
axes[0].plot(((1 + circle) * 10 / edge).real, ((1 + circle) * 10 / edge).imag, color="#444444", lw=1, ls="--",
             label=f"tolerated by {edge / 10:.2f}")  # fmt: skip
axes[0].set(xlim=(-1, 10), ylim=(-4, 4), xlabel="real part [per unit time]", ylabel="imaginary part")
axes[0].set_title("spectrum of J")
axes[0].legend(fontsize=8)
axes[1].plot(along.positions, along.cosine, ".-", color="#0072b2")
axes[1].set(xlabel="position on the path (1 = end)", ylabel="cosine of field and path", ylim=(-1, 1))
axes[1].set_title("path-angle")
axes[1].axvline(1, color="#444444", lw=0.8)
figure

# %% [markdown]
# ## What to take home
#
# * An oscillation need not be a fight: here one player's step had become too large for its own curvature. The leading
#   eigenvector says whose.
# * The growth factor and the largest step that were predicted from products with the Jacobian are those that the
#   runs show.
# * `print(diagnose(losses, params, rule, batch))` is the whole of it.

# %%
print(f"{time.time() - started:.0f} seconds")
