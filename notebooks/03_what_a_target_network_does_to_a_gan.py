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
# # What a target network does to a GAN
#
# Target networks are among the most useful tricks of reinforcement learning. Pfau and Vinyals (2016) print "not
# applicable" for GANs. Two different things can be meant by a target network in a GAN. One is nothing at all; the other
# is harmful.

# %%
import sympy as sp

import bilevel as bl
from bilevel.models import strategies

h, tau = sp.symbols("h tau", positive=True)

# %% [markdown]
# ## 1. The copy in the target
#
# Q-learning chases its own tail: the critic's value stands on both sides of its loss. The strategy finds those places,
# which are the ones held fixed, and puts a slow copy there.

# %%
process = bl.models.two_states_in_samples()
game, _ = strategies.target_networks(tau)(process)
critic = game.variables[2]
print("before ", process.field()[critic].subs(dict.fromkeys(process.variables[:2], 0)).expand())
print("after  ", game.field()[critic].subs(dict.fromkeys(process.variables[:2], 0)).expand())

# %% [markdown]
# In a GAN nothing follows after a picture has been judged, so there is no such place. The copy is made, and nobody
# looks at it.

# %%
gan = bl.models.gan_in_samples()
game, rule = strategies.target_networks(tau)(gan, bl.rules.simultaneous(h))
print(bl.derive(game, rule))
assert all(game.field()[v] == gan.field()[v] for v in gan.variables)

# %% [markdown]
# The spectrum says the same: the players' two eigenvalues, and the copy's own, $1 - \tau$.

# %%
z = sp.Symbol("z")
point = {"theta": 0, "psi": 0}
plain = bl.rules.linearise(gan, bl.rules.simultaneous(h), point).matrix.charpoly(z).as_expr()
copied = bl.rules.linearise(game, rule, point | {"psi_target": 0}).matrix.charpoly(z).as_expr()
assert sp.expand(copied - (z - 1 + tau) * plain) == 0
print(sp.factor(copied))

# %% [markdown]
# ## 2. The copy of the opponent
#
# Another idea: let the generator see a slow copy of the discriminator. That is a game with a delay, and no longer the
# same.

# %%
lagged = bl.rules.target_copies(h, tau, copied=["discriminator"])
print(bl.derive(gan, lagged))
verdict = bl.stability(gan, lagged, at=point)
print(verdict)
assert verdict.condition == sp.false

# %% [markdown]
# Nowhere stable, at any step and any rate: the delay turns the circle outward, whatever the rate. Compare the modulus
# of the leading eigenvalue with and without the delay.

# %%
paths = {
    "no copy": bl.stability(gan, bl.rules.simultaneous(h), at=point).jacobian,
    "copy at rate 1/2": verdict.jacobian.subs(tau, sp.Rational(1, 2)),
    "copy at rate 1/10": verdict.jacobian.subs(tau, sp.Rational(1, 10)),
}
figure = bl.show.eigenvalue_paths(paths, [k / 20 for k in range(1, 61)], parameter=h)
figure

# %% [markdown]
# ## 3. With a penalty
#
# An R1 penalty makes the Dirac-GAN stable. Which delay does it bear? Exactly this one:

# %%
cured, _ = strategies.gradient_penalty(1)(gan)
delayed = bl.stability(cured, lagged, at=point)
print(delayed.condition)
assert delayed.verdict == "conditional"

# %% [markdown]
# ## What to take home
#
# * In its own place a target network does nothing to a GAN: proved by the update equations, for any data and networks.
# * As a copy of the opponent it is a delay, and a delay makes the centre unstable.
# * With a penalty there is room for a delay, and the room is known exactly.
