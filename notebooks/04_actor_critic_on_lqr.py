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
# # Actor-critic on the linear-quadratic regulator
#
# The regulator is the problem on which reinforcement learning can be checked against a closed form: the best feedback
# is linear, its value quadratic. So is an actor-critic method on it: the actor has a gain $k$, the critic the weights
# of a quadratic form. When does it converge, and for which steps?

# %%
import sympy as sp

import bilevel as bl
from bilevel.models import strategies

h = sp.Symbol("h", positive=True)

# %% [markdown]
# ## 1. The problem
#
# State $s' = a s + b u$, cost $q s^2 + r u^2$, discount $\gamma$. In units in which the best value is $s^2$ the costs
# follow from the best gain, so that everything is rational. Here $a = b = 1$ and the best gain is $1/2$.

# %%
choice = {"a": 1, "b": 1, "gain": "1/2", "discount": "1/2"}
game = bl.models.lqr_actor_critic(**choice, exploration="3/4")
point = bl.models.lqr_equilibrium(**choice)
print(game.title)
print("equilibrium", {str(v): str(x) for v, x in point.items()})
assert all(slope.subs(point) == 0 for slope in game.field().values())

# %% [markdown]
# ## 2. How it learns
#
# The critic bootstraps: its own later value stands in its target, and is held fixed. The actor climbs the critic.

# %%
print(sp.factor(game.field()[game.variables[0]]))

# %% [markdown]
# ## 3. Does it converge?
#
# The flow does. Steps do up to a largest one, the same for both players here.

# %%
flow = bl.stability(game, bl.rules.flow(), at=point)
steps = bl.stability(game, bl.rules.simultaneous(h), at=point)
print(flow.verdict)
print(steps.condition)
assert flow.verdict == "stable" and steps.known == "exact"

# %% [markdown]
# A picture of the four eigenvalues as the step grows. The circle is the boundary of stability.

# %%
figure = bl.show.eigenvalue_paths({"simultaneous": steps.jacobian}, [k / 100 for k in range(1, 81)], parameter=h)
figure

# %% [markdown]
# ## 4. The same in samples
#
# Written by what the critic is shown, with states drawn from a fixed normal law of the same variance, the method has
# the same Jacobian at the equilibrium: there the critic is exact, so where its data come from does not matter.

# %%
samples = bl.models.regulator_in_samples({"v": "3/4", "q": "3/4", "r": "1/2"})
there = {"k": "1/2", "w1": "-5/4", "w2": -1, "w3": -1}
other = bl.stability(samples, bl.rules.simultaneous(h), at=there)
assert other.condition == steps.condition
print(other.condition)

# %% [markdown]
# ## 5. What strategies do to it
#
# A target network slows the critic's chase of its own tail. It converges, for these steps:

# %%
from bilevel.analysis import compare
from bilevel.rules import simultaneous

chosen = (strategies.replay_buffers("1/10"), strategies.target_networks(1, every=2), strategies.two_time_scales(2))
for strategy in chosen:
    changed, rule = strategy(samples, simultaneous(h))
    copies = {str(v): there.get(str(v), there.get(str(v).rpartition("_")[0])) for v in changed.variables}
    after = bl.stability(changed, rule, at=copies)
    print(f"{strategy}: {compare(other, after).word}")

# %% [markdown]
# ## What to take home
#
# * Actor-critic on the regulator has exact regions of stability, in closed form.
# * At the equilibrium the critic is exact on all data; so a replay buffer changes nothing there.
# * The strategies of the table act on it as they act on GANs, and each answer is derived.
