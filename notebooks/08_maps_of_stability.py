# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Maps of stability
#
# For which settings does training converge? One verdict answers for one setting, or as a formula for all. A map shows
# the formula, and where there is no short formula it is the answer: a verdict at every point of a grid of settings.
# Here a hundred thousand points take a fraction of a second, none of them is decided by a floating-point eigenvalue,
# and the points on the boundary are decided in exact arithmetic.

# %%
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import sympy as sp

import bilevel as bl
from bilevel.numeric import basins, sweep

h = sp.Symbol("h", positive=True)
gan = bl.models.dirac_gan(penalty="R1")
(gamma,) = gan.parameters
origin = dict.fromkeys(gan.variables, 0)

# %% [markdown]
# ## A sweep
#
# `sweep` linearises the rule once, exactly, and takes the characteristic polynomial through the test of Schur and Cohn
# at every point. What comes back is an `xarray.Dataset`: named axes with units, the verdict, and a margin that says how
# far the boundary is.

# %%
found = sweep(
    gan, bl.rules.alternating(h), origin, over={h: (0, 5, 301), gamma: (0, 3, 301)}, units={h: "time", gamma: "1/time"}
)
found

# %% [markdown]
# The two edges of the grid, no step and no penalty, are marginal: at $h = 0$ nothing moves, at $\gamma = 0$ the players
# circle for ever. Rounding cannot tell that from slow convergence, exact arithmetic can; `redecided` counts how many
# points needed it.

# %%
found.attrs

# %%
assert (found.verdict.sel(h=0) == 2).all() and (found.verdict.sel(gamma=0, h=slice(0, 4)) == 2).all()
assert found.attrs["undecided"] == 0

# %% [markdown]
# Over the map goes the exact boundary, an algebraic curve that no grid has seen. Both roads to it share no code.

# %%
verdict = bl.stability(gan, bl.rules.alternating(h), at=origin)
print(verdict.condition)
picture = bl.show.sweep_map(found, boundary=verdict, title="Dirac-GAN with R1 penalty, alternating steps")
picture

# %%
step, penalty = np.meshgrid(found.h, found.gamma, indexing="ij")
inside = (step**2 / 4 + 2 * step * penalty < 4) & (step > 0) & (penalty > 0)
assert (inside == (found.verdict.values == 0)).all()

# %% [markdown]
# ## How fast?
#
# A map says where, a rate says how fast. The threshold is the end of the exact stable set; the best step is where two
# eigenvalues meet. Three rules, one penalty:

# %%
rules = {name: getattr(bl.rules, name)(h) for name in ("simultaneous", "alternating", "extragradient")}
rates = bl.show.rate_curve(gan, rules, origin, over=h, values={gamma: 1}, title="Dirac-GAN with R1, penalty 1")
rates

# %% [markdown]
# The numbers that are drawn are in `picture.data`:

# %%
{name: float(rates.data[f"best of {name}"].round(6)) for name in rules}

# %% [markdown]
# ## Larger than memory
#
# With `store=` the result goes to disk as it is computed, one box of the grid after another; memory is that of a few
# boxes. Stop it at any time (Ctrl-C, a crash, a reboot): the same call goes on, and no box is lost or computed twice.
# Here we stop it ourselves.

# %%
folder = Path(tempfile.mkdtemp())
large = {"over": {h: (0, 5, 1000), gamma: (0, 3, 1000)}, "chunk": 50_000, "store": folder / "map.zarr"}


def stop_half_way(done, of):
    if 2 * done >= of:
        raise KeyboardInterrupt


try:
    sweep(gan, bl.rules.alternating(h), origin, progress=stop_half_way, **large)
except KeyboardInterrupt:
    print("stopped half way")

computed = []
with ThreadPoolExecutor(2) as pool:  # any concurrent.futures.Executor, see below
    told = lambda done, of: computed.append(done)
    whole = sweep(gan, bl.rules.alternating(h), origin, executor=pool, progress=told, **large)
print(f"{len(computed)} of 20 boxes were left to do; {whole.attrs['stable']} of a million points are stable")
assert len(computed) == 10

# %% [markdown]
# The executor may be a cluster. With [Dask](https://www.dask.org) (`pip install 'bilevel[cluster]'`) three lines
# change, and a worker may die on the way:
#
# ```python
# from distributed import Client
# client = Client()                    # this machine; or Client("scheduler-address:8786")
# sweep(..., executor=client.get_executor())
# ```

# %% [markdown]
# ## Beyond the neighbourhood
#
# A verdict speaks of a neighbourhood of a fixed point. Where several fixed points attract, which one is reached depends
# on the start, and on the rule: the same game, the same fixed points, another map. This is simulation in floating
# point, and says so (`known: float`).

# %%
x, y = sp.symbols("x y", real=True)
wells = bl.Game(
    first=bl.minimize(x**4 / 4 - x**2 / 2 + x * y / 3, x), second=bl.minimize(y**4 / 4 - y**2 / 2 - x * y / 3, y)
)
ends = bl.numeric.simulate(wells, bl.rules.simultaneous("1/10"), {x: [1, -1, -1, 1], y: [1, 1, -1, -1]}, 2000)
points = [{x: ends["x"][-1, k], y: ends["y"][-1, k]} for k in range(4)]
over = {x: (-2, 2, 201), y: (-2, 2, 201)}
reached = basins(wells, bl.rules.simultaneous("1/10"), points, over=over, steps=400)
bl.show.basin_map(reached, title="Small steps")

# %%
hasty = basins(wells, bl.rules.simultaneous("7/10"), points, over=over, steps=400)
bl.show.basin_map(hasty, title="Large steps")

# %%
moved = float((hasty.basin != reached.basin).mean())
print(f"{moved:.0%} of the starts end elsewhere, or nowhere, when the steps are large")
assert hasty.attrs["known"] == "float" and 0 < moved < 1

# %% [markdown]
# And the paths themselves, three rules from one start:

# %%
bl.show.game_portrait(
    gan, rules, dict.fromkeys(gan.variables, 1), values={h: sp.Rational(1, 2), gamma: sp.Rational(1, 5)}, steps=40,
    equilibria=[origin], title="Dirac-GAN with R1: step 1/2, penalty 1/5",
)  # fmt: skip

# %% [markdown]
# ## What to take home
#
# * A sweep decides every point of a grid, on the boundary exactly; the map and the formula agree point for point.
# * It runs on whatever executor there is, in bounded memory, and goes on after an interruption.
# * Rates, thresholds and best steps come in one picture, with the numbers inside it.
# * Which fixed point is reached is a question for simulation, and is labelled as such.
