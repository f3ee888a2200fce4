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
# # Table 1, completed
#
# Pfau and Vinyals (2016, [arXiv:1610.01945](https://arxiv.org/abs/1610.01945)) list nine strategies that stabilise
# training, and mark for GANs and for actor-critic methods whether each had been shown to help, had not been tried, or
# did not apply. Here we learn what it means to *derive* an entry of that table. `bilevel table1` does it for all of
# them; this lecture does it for four.

# %%
import sympy as sp

import bilevel as bl
from bilevel.analysis import compare
from bilevel.models import strategies

h = sp.Symbol("h", positive=True)

# %% [markdown]
# ## 1. Two sides, one form
#
# A GAN and an actor-critic method are both written by what their critic is shown. The GAN shows data under label 1 and
# generated points under label 0; the bandit shows arms under their rewards.

# %%
gan = bl.models.gan_in_samples()
bandit = bl.models.bandit_in_samples()
for game in (gan, bandit):
    print(game.title)
    for stream in game.samples.data:
        print("   shown", stream.shown, " label", stream.label, " weight", stream.weight)

# %% [markdown]
# A strategy is a map from game and rule to game and rule. The same map acts on both, and two strategies compose.

# %%
averaging = strategies.historical_averaging("1/2", "1/10")
smoothing = strategies.label_smoothing("1/10")
game, rule = (smoothing | averaging)(gan, bl.rules.alternating(h))
print(bl.derive(game, rule))

# %% [markdown]
# ## 2. Before and after
#
# The plain Dirac-GAN circles: alternating steps are nowhere stable. With historical averaging they are, for exactly
# these steps. The two regions are compared by a point that is gained and a proof that nothing is lost.

# %%
before = bl.stability(gan, bl.rules.alternating(h), at={"theta": 0, "psi": 0})
game, rule = averaging(gan, bl.rules.alternating(h))
after = bl.stability(game, rule, at=dict.fromkeys(map(str, game.variables), 0))
found = compare(before, after)
assert before.condition == sp.false and found.word == "helps"
print(after.condition)
print(found.word, "-", found.why)

# %% [markdown]
# ## 3. Replay buffers
#
# The authors write that they tried replay buffers for GANs, and saw them fail. Let the critic see the last two
# generators in place of the current one. That is exact, no averaging model is needed.

# %%
game, rule = strategies.replay_buffers(window=2)(gan, bl.rules.alternating(h))
print(bl.derive(game, rule))
after = bl.stability(game, rule, at=dict.fromkeys(map(str, game.variables), 0))
found = compare(before, after)
assert after.verdict == "unstable" and found.word == "hurts"
print(after)

# %% [markdown]
# The centre becomes unstable at *every* step. The remark is right, and it is no accident of an experiment: the
# critic's force on the generator comes too late. On the bandit the same buffer leaves the players' eigenvalues alone,
# because a critic that is exact is exact on whatever data.

# %%
point = {"theta": sp.log(2), "q1": sp.log(2), "q2": 0}
plain = bl.stability(bandit, bl.rules.alternating(h), at=point)
game, rule = strategies.replay_buffers(window=2)(bandit, bl.rules.alternating(h))
buffered = bl.stability(game, rule, at=point | {"theta_back1": sp.log(2)})
assert plain.condition == buffered.condition
print(plain.condition)

# %% [markdown]
# ## 4. Not applicable, proved
#
# A target network puts a slow copy where the critic's own later value stands. In a GAN there is no such place. That is
# not declared: the strategy is applied, and every update of the players comes out as it was.

# %%
game, rule = strategies.target_networks("1/10")(gan, bl.rules.alternating(h))
assert all(game.field()[v] == gan.field()[v] for v in gan.variables)
print(bl.derive(game, rule))

# %% [markdown]
# ## 5. A kink is not differentiated through
#
# WGAN-GP draws the slope of the critic to length one. At the equilibrium the slope is zero, and the penalty has a kink
# there: the critic is pushed away from either side, so the equilibrium is destroyed.

# %%
game, rule = strategies.wgan_gp("1/2")(gan, bl.rules.flow())
print(game.field()[game.variables[1]])
try:
    bl.stability(game, rule, at={"theta": 0, "psi": 0})
except bl.language.errors.GameError as refusal:
    print("refused:", refusal)

# %% [markdown]
# ## 6. A picture
#
# Which steps and weights of historical averaging are stable on the Dirac-GAN? The boundary is exact; the shading is the
# spectral radius.

# %%
import numpy as np

from bilevel.rules import linearise

weight = sp.Symbol("weight", positive=True)
game, rule = strategies.historical_averaging(weight, "1/10")(gan, bl.rules.alternating(h))
matrix = linearise(game, rule, dict.fromkeys(map(str, game.variables), 0)).matrix
steps, weights = np.linspace(0.02, 4, 70), np.linspace(0.02, 2, 60)
entry = sp.lambdify((h, weight), matrix, "numpy")
radius = np.array([[abs(np.linalg.eigvals(entry(a, b))).max() for a in steps] for b in weights])
condition = bl.stability(game, rule, at=dict.fromkeys(map(str, game.variables), 0)).condition
inside = sp.Min(*(part.gts - part.lts for part in sp.And.make_args(condition)))
title = "Historical averaging on the Dirac-GAN"
figure = bl.show.stability_map(radius, steps, weights, names=(h, weight), boundary=inside, title=title)
figure

# %% [markdown]
# ## What to take home
#
# * A strategy is a map; what it does is computed: update equations, fixed points, regions, rates.
# * Replay buffers hurt a GAN and leave an exact critic alone; a target network does nothing to a GAN.
# * `bilevel table1` writes the whole table with a certificate and a problem file behind every verdict. A new strategy
#   is one file in `bilevel/models/strategies/`, and its row appears.
