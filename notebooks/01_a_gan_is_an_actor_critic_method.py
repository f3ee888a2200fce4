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
# # A GAN is an actor-critic method
#
# A generative adversarial network trains two networks against each other. An actor-critic method trains two
# networks with each other: a critic that judges, an actor that wants to be judged well. Pfau and Vinyals (2016,
# [arXiv:1610.01945](https://arxiv.org/abs/1610.01945)) say that the first is a special case of the second, in an
# environment where the actor is blind and cannot affect its reward.
#
# In this lecture we write both down, derive how they learn, *prove* that they are the same, check the proof with
# automatic differentiation, and then ask the question that matters in practice: does such learning converge?

# %%
import sympy as sp

import bilevel as bl

# %% [markdown]
# ## 1. What the two players want
#
# A GAN has real images $w$, noise $z$, a generator $G(z, \theta)$ and a discriminator $D(w, \phi)$ that says how
# probably an image is real. We leave open what the networks look like and how large anything is: `network` and
# `vector` name them, and their dimensions are letters.

# %%
theta, phi = bl.vector("theta", "p"), bl.vector("phi", "q")
D, G = bl.network("D", range="probability"), bl.network("G", out="n")

from bilevel.language import data, normal

w, z = bl.random("w", data("p_data", "n")), bl.random("z", normal("m"))
loss = -bl.E(sp.log(D(w, phi)), w) - bl.E(sp.log(1 - D(G(z, theta), phi)), z)

by_hand = bl.Game(discriminator=bl.minimize(loss, phi), generator=bl.maximize(loss, theta), title="GAN")
print(by_hand)

# %% [markdown]
# The catalogue holds the same game. Are they really the same? That is a question the library answers with a
# proof.

# %%
gan = bl.models.gan()
same = bl.correspond(by_hand, gan, claim="identical")
assert same.answer is True
print(same)

# %% [markdown]
# ## 2. How they learn
#
# Each player walks down the gradient of its own loss. The gradient is taken for networks of any form: `d1`, `d2`
# are derivatives in the first and second argument.

# %%
h = sp.Symbol("h", positive=True)
print(bl.derive(gan, bl.rules.alternating(h)))

# %% [markdown]
# *Alternating* means: the generator already sees the discriminator's new weights, `phi[t+1]`. In simultaneous steps it
# would see the old ones.

# %%
print(bl.derive(gan, bl.rules.simultaneous(h)))

# %% [markdown]
# ## 3. The environment
#
# Now the other side. In the environment of the paper's section 2.3 the actor's action *is* an image. A coin is
# tossed; if it falls on one side, the critic is shown a real image and the reward is 1, otherwise it is shown the
# actor's image and the reward is 0. The next state has nothing to do with what was done.

# %%
world = bl.models.gan_environment()
print("state       ", world.state, "~", world.state.law)
print("critic sees ", *world.critic_sees)
print("reward      ", world.reward)
print("blind:      ", world.blind, "  stateless:", world.stateless)
assert world.blind and world.stateless

# %% [markdown]
# An ordinary actor-critic method in this environment, with cross-entropy between reward and estimate. With
# `scaled=True` the actor's signal is multiplied by the slope of that divergence, which is held constant (`sg`).

# %%
method = bl.models.blind_actor_critic(scaled=True)
print(method)

# %% [markdown]
# ## 4. The theorem
#
# The critic's loss is half the discriminator's loss. The half is the coin's.

# %%
half = bl.equal(method.cost("critic"), gan.cost("discriminator") / 2)
assert half.answer is True
print(half)

# %% [markdown]
# Read the steps: the coin is summed over its two outcomes, variables that no longer occur are dropped, and both
# sides have the same normal form. And not only the critic: the whole field, both players' gradients, is half the
# GAN's.

# %%
relation = bl.correspond(method, gan, claim="constant")["constant"]
assert relation.holds and relation.factor == sp.Rational(1, 2)
print(relation)

# %% [markdown]
# A claim that is wrong is refuted, by an instance: sizes, networks, laws and a point at which the two sides
# differ.

# %%
wrong = bl.equal(method.cost("critic"), gan.cost("discriminator"))
assert wrong.answer is False
print(wrong)

# %% [markdown]
# ## 5. The actor that nothing rewards
#
# The reward is 1 whenever a real image is shown. That happens half the time, whatever the actor does.

# %%
from bilevel.models import expected_reward, generator_policy

reward = expected_reward(world, generator_policy())
assert bl.equal(reward, sp.Rational(1, 2)).answer is True
assert bl.equal(bl.gradient(reward, theta), sp.ZeroMatrix(theta.shape[0], 1)).answer is True
print("expected reward 1/2, gradient 0")

# %% [markdown]
# And yet the actor moves, because the critic's *estimate* has a gradient. The critic cannot tell what causes
# reward from what predicts it.

# %%
moved = bl.equal(method.field()[theta], sp.ZeroMatrix(theta.shape[0], 1))
assert moved.answer is False
print("the actor's gradient is not identically zero")

# %% [markdown]
# ## 6. Who sees what
#
# Figure 1 of the paper can be read off the losses. Solid arrows are information, the dashed one is a gradient.

# %%
from bilevel.analysis import information_structure

diagram = information_structure(bl.models.gan(labelled=True))
for edge in diagram.edges:
    print(f"{edge.source} {'->' if edge.kind == 'information' else '=>'} {edge.target}")
bl.show.diagram_svg(diagram)

# %% [markdown]
# The actor-critic method in this environment has the very same diagram; give its actor sight of the state, and it
# has not.

# %%
blind = information_structure(bl.models.blind_actor_critic())
sighted = information_structure(bl.models.blind_actor_critic(sighted=True))
assert diagram.isomorphism(blind) and not diagram.isomorphism(sighted)

# %% [markdown]
# ## 7. Do the numbers agree?
#
# A proof deserves a second road. The losses are compiled to JAX, networks become small random ones, and the
# derived update is compared with a step whose gradients come from automatic differentiation.

# %%
from bilevel.numeric.check import check_update

check = check_update(method, bl.rules.alternating(h))
assert check.passed
print(check)

# %% [markdown]
# ## 8. Does it converge?
#
# The smallest GAN: real data is the point 0, the generator makes the point $\theta$, and $D(x) = \sigma(\psi x)$.

# %%
small = bl.models.dirac_gan()
a, b = small.variables
origin = {a: 0, b: 0}
print(small.field())
print(small.jacobian().subs(origin))

# %% [markdown]
# At the equilibrium the Jacobian is antisymmetric: each player undoes what the other does. The gradient flow
# circles.

# %%
circling = bl.stability(small, bl.rules.flow(), at=origin)
assert circling.verdict == "marginal"
print(circling)
print("eigenvalues", [value for value, _ in circling.eigenvalues])

# %% [markdown]
# Simultaneous steps are worse: they spiral outward at *every* step size. Alternating steps keep both eigenvalues
# on the unit circle up to $h = 4$, and are never exponentially stable.

# %%
outward = bl.stability(small, bl.rules.simultaneous(h), at=origin)
turning = bl.stability(small, bl.rules.alternating(h), at=origin)
assert outward.verdict == "unstable" and turning.condition == sp.false and turning.unstable_on == (h > 4)
print(outward)
print(turning)

# %% [markdown]
# A penalty $\frac{\gamma}{2}\psi^2$ on the discriminator's slope cures it (Mescheder, Geiger and Nowozin 2018,
# [arXiv:1801.04406](https://arxiv.org/abs/1801.04406)). For which step sizes? Exactly for these:

# %%
cured = bl.models.dirac_gan(penalty="R1")
verdict = bl.stability(cured, bl.rules.alternating(h), at=origin)
assert verdict.known == "exact"
print(verdict.condition)
print(verdict.solve(h))

# %% [markdown]
# This is no fit and no scan. The condition comes from the characteristic polynomial of the linearised step, by
# the test of Schur and Cohn, in exact arithmetic. A picture may illustrate it; it decides nothing.

# %%
gamma = next(s for s in cured.parameters)
steps = [k / 20 for k in range(1, 101)]
figure = bl.show.eigenvalue_paths(
    {"no penalty": turning.jacobian, "penalty 1/2": verdict.jacobian.subs(gamma, sp.Rational(1, 2))}, steps, parameter=h
)
figure

# %% [markdown]
# ## What to take home
#
# * A GAN is an actor-critic method: same diagram, same field up to the coin's 1/2, for networks of any form.
# * Its actor is blind and its reward does not depend on it; it follows what the critic believes.
# * The two losses pull against each other, so plain learning circles; a penalty makes it converge, for step sizes known
#   exactly.
#
# `bilevel run` writes all of this, with the rest of the theorems and their proofs, as one page.
