"""Parameters of Flax (linen, frozen, nnx), Haiku and Equinox: steps, the test kit, hypergradients, diagnosis."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import core, nnx
from flax import linen as nn

from bilevel import rules as R
from bilevel.numeric import diagnose, hypergradient, reading
from bilevel.testing import Mismatch, assert_implements

KEYS = jax.random.split(jax.random.key(0), 3)
X = jax.random.normal(KEYS[2], (8, 3))
NAMES = ("generator", "critic")


def linen() -> Any:
    net = nn.Sequential([nn.Dense(2), jnp.tanh, nn.Dense(1)])
    return {name: net.init(key, X) for name, key in zip(NAMES, KEYS)}, lambda p, x: net.apply(p, x)[:, 0]


def frozen() -> Any:
    params, forward = linen()
    return {name: core.freeze(p) for name, p in params.items()}, forward


def nnx_net(seed: int) -> Any:
    rngs = nnx.Rngs(seed)
    return nnx.Sequential(nnx.Linear(3, 2, rngs=rngs), jnp.tanh, nnx.Linear(2, 1, rngs=rngs))


def nnx_states() -> Any:
    split = [nnx.split(nnx_net(seed), nnx.Param, ...) for seed in (0, 1)]
    graph, _, rest = split[0]
    return {n: part[1] for n, part in zip(NAMES, split)}, lambda p, x: nnx.merge(graph, p, rest)(x)[:, 0]


def nnx_modules() -> Any:
    return {n: nnx_net(seed) for seed, n in enumerate(NAMES)}, lambda p, x: p(x)[:, 0]


def haiku() -> Any:
    net = hk.without_apply_rng(hk.transform(lambda x: hk.nets.MLP([2, 1], activation=jnp.tanh)(x)[:, 0]))
    return {n: net.init(key, X) for n, key in zip(NAMES, KEYS)}, net.apply


class Scaled(eqx.Module):
    """A module with a static field, an integer and a flag among its parts."""

    net: eqx.nn.MLP
    width: int
    scale: float = eqx.field(static=True)
    trained: bool = True

    def __call__(self, x: Any) -> Any:
        return self.scale * jax.vmap(self.net)(x)[:, 0]


def equinox() -> Any:
    make = lambda key: Scaled(eqx.nn.MLP(3, 1, 2, 1, activation=jnp.tanh, key=key), 2, 1.5)
    return {n: make(key) for n, key in zip(NAMES, KEYS)}, lambda p, x: p(x)


LIBRARIES = [linen, frozen, nnx_states, nnx_modules, haiku, equinox]


@pytest.fixture(params=LIBRARIES, ids=lambda make: make.__name__)
def problem(request: Any) -> Any:
    """Parameters, and the value of a game between two networks."""
    params, forward = request.param()

    def value(z: Any) -> Any:
        made, judged = forward(z["generator"], X), forward(z["critic"], X + 1)
        return jnp.mean(made * judged) - jnp.mean(judged**2) + jnp.mean((made - 1) ** 2) / 2

    return params, dict.fromkeys(NAMES, value)


def moved(params: Any, losses: Any, step: float, extra: float = 1.0) -> Any:
    """One simultaneous gradient step as a person writes it, whatever the library."""
    arrays, rest = eqx.partition(params, eqx.is_inexact_array)
    slope = jax.grad(lambda a: losses["critic"](eqx.combine(a, rest)))(arrays)
    signs = {"generator": -step, "critic": step * extra}
    return eqx.combine(
        {n: jax.tree.map(lambda a, s, k=k: a + k * s, arrays[n], slope[n]) for n, k in signs.items()}, rest
    )


def test_a_step_keeps_the_structure_and_is_the_hand_written_one(problem: Any):
    params, losses = problem
    stepper = reading(losses, R.consensus("1/10", 0), maximizing=("critic",))
    after, _ = stepper.step(params)
    assert jax.tree.structure(after) == jax.tree.structure(params)
    assert {n: type(p) for n, p in after.items()} == {n: type(p) for n, p in params.items()}
    for found, wanted in zip(
        *(jax.tree.leaves(eqx.filter(t, eqx.is_array)) for t in (after, moved(params, losses, 0.1)))
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_the_kit_passes_what_is_right_and_names_what_is_wrong(problem: Any):
    params, losses = problem
    derived = reading(losses, R.simultaneous("1/10"), maximizing=("critic",))
    assert_implements(lambda z: moved(z, losses, 0.1), derived, points=[params], trials=2)
    with pytest.raises(Mismatch, match=r"gradient of critic is half of it|critic: the step is 0.5 times"):
        assert_implements(lambda z: moved(z, losses, 0.1, extra=0.5), derived, points=[params], trials=2)


def test_a_hypergradient_has_the_structure_of_the_leader(problem: Any):
    params, losses = problem
    found = hypergradient(losses, "generator", at=params, maximizing=("critic",)).value
    moving = eqx.filter(params["generator"], eqx.is_inexact_array)
    assert [a.shape for a in jax.tree.leaves(found)] == [a.shape for a in jax.tree.leaves(moving)]
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(found))


def test_a_diagnosis_is_given(problem: Any):
    params, losses = problem
    assert "step" in str(diagnose(losses, params, R.simultaneous("1/10"), maximizing=("critic",)))
