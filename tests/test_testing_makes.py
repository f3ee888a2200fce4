"""Steps of other makes: PyTorch, what only looks like it, networks over pytrees with batches and keys, models."""

from __future__ import annotations

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from bilevel.language import Instance
from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid
from bilevel.models import gan
from bilevel.numeric import reading
from bilevel.testing import Mismatch, assert_implements, optimizer_step

x, y = sp.symbols("x y", real=True)
h = sp.Symbol("h", positive=True)
GAME = Game(a=minimize(x * y + x**2 / 2, x), b=maximize(x * y, y))
SIMULTANEOUS, ALTERNATING = R.derive(GAME, R.simultaneous(h)), R.derive(GAME, R.alternating(h))


def reasons(step, derived, **more) -> tuple[str, ...]:
    with pytest.raises(Mismatch) as caught:
        assert_implements(step, derived, **more)
    return caught.value.reasons


# --- PyTorch ---


def torch_step(torch, z, dtype, *, alternating=False):
    px, py = (torch.tensor(z[name], dtype=dtype, requires_grad=True) for name in "xy")
    first, second = torch.optim.SGD([px], lr=0.1), torch.optim.SGD([py], lr=0.1, maximize=True)
    (px.grad,) = torch.autograd.grad(px * py + px**2 / 2, px)
    if alternating:
        first.step()
    (py.grad,) = torch.autograd.grad(px * py, py)
    if not alternating:
        first.step()
    second.step()
    return {"x": px, "y": py}


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_pytorch(precision):
    torch = pytest.importorskip("torch")
    kind = getattr(torch, precision)
    simultaneous = lambda z: torch_step(torch, z, kind)
    alternating = lambda z: torch_step(torch, z, kind, alternating=True)
    assert_implements(simultaneous, SIMULTANEOUS, values={h: 0.1})
    assert_implements(alternating, ALTERNATING, values={h: 0.1})
    assert reasons(simultaneous, ALTERNATING, values={h: 0.1}) == ("old values: simultaneous in place of alternating",)


class Tensor:
    """What the kit asks of a tensor: `detach`, `fill_`, a type, and how to become an array."""

    def __init__(self, value, dtype=np.float64):
        self.array = np.array(value, dtype=dtype)
        self.dtype = self.array.dtype

    def detach(self):
        return self

    def fill_(self, value):
        self.array[...] = value

    def __array__(self, dtype=None, copy=None):
        return self.array.astype(dtype or self.array.dtype)


class Optimiser:
    """Holds the parameters it was given, as PyTorch's do: the copy of both must stay one thing."""

    def __init__(self, parameters):
        self.parameters = parameters

    def step(self, slopes):
        for parameter, slope in zip(self.parameters, slopes, strict=True):
            parameter.array[...] -= 0.1 * slope


class Trainer:
    def __init__(self, weight=1.0):
        self.x, self.y, self.weight = Tensor(0.0), Tensor(0.0), weight
        self.optimiser = Optimiser([self.x, self.y])

    def step(self):
        x, y = self.x.array.copy(), self.y.array.copy()
        self.optimiser.step([self.weight * (x + y), -x])


def test_parameters_that_an_optimiser_holds_are_filled_in_place():
    trainer = Trainer()
    assert_implements(trainer, SIMULTANEOUS, values={h: 0.1})
    assert trainer.x.array == 0.0, "the object itself is left alone"
    assert copy.deepcopy(trainer).optimiser.parameters[0] is not trainer.x
    (reason,) = reasons(Trainer(0.5), SIMULTANEOUS, values={h: 0.1})
    assert reason == "the gradient of a is half of it (a factor 1/2)"


def test_an_optax_chain_that_clips():
    optax = pytest.importorskip("optax")
    gradient = lambda z: {"x": z["x"] + z["y"], "y": -z["x"]}
    chain = optimizer_step(optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1)), gradient)
    assert reasons(chain, SIMULTANEOUS, values={h: 0.1}) == ()  # no slip of the update: clipping is no factor
    inside = [{"x": 0.1, "y": 0.2}, {"x": -0.25, "y": 0.5}]
    assert_implements(chain, SIMULTANEOUS, values={h: 0.1}, points=inside)


# --- networks over pytrees, with batches and keys ---


def network(p, s):
    return jnp.tanh(s @ p["w"] + p["b"]) @ p["v"]


def critic(p, batch, key):
    return jnp.mean((batch["r"] - network(p["critic"], batch["s"])) ** 2) / 2


def actor(p, batch, key, held=jax.lax.stop_gradient):
    noise = jax.random.normal(key, batch["a"].shape)
    advantage = held(batch["r"] - network(p["critic"], batch["s"]))
    return jnp.mean(advantage * (batch["a"] + noise - network(p["actor"], batch["s"])) ** 2) / 2


def weights(seed):
    keys = jax.random.split(jax.random.key(seed), 2)
    return {"w": jax.random.normal(keys[0], (3, 4)), "b": jnp.zeros(4), "v": jax.random.normal(keys[1], (4,))}


PARAMS = {"critic": weights(0), "actor": weights(1)}
BATCH = {"s": jnp.asarray(np.random.default_rng(0).normal(size=(8, 3)), jnp.float32), "a": jnp.linspace(-1, 1, 8),
         "r": jnp.linspace(0, 2, 8)}  # fmt: skip
TRIED = {"points": [PARAMS], "arguments": (BATCH, jax.random.key(5)), "trials": 2}


def training(p, batch, key, *, critic=critic, actor=actor, alternating=False):
    def descended(name, loss, at):
        slopes = jax.grad(lambda own: loss({**at, name: own}, batch, key))(at[name])
        return jax.tree.map(lambda a, g: a - 0.1 * g, at[name], slopes)

    after = descended("critic", critic, p)
    return {"critic": after, "actor": descended("actor", actor, {**p, "critic": after} if alternating else p)}


STEPPER = reading({"critic": critic, "actor": actor}, R.simultaneous("1/10"))


def test_a_right_step_over_pytrees_passes():
    assert_implements(training, STEPPER, **TRIED)
    assert_implements(lambda p, *more: (training(p, *more), "a state", 3), STEPPER, **TRIED)
    turns = reading({"critic": critic, "actor": actor}, R.alternating("1/10"))
    assert_implements(lambda *given: training(*given, alternating=True), turns, **TRIED)


WRONG = {
    "new values: alternating in place of simultaneous: critic before actor": {"alternating": True},
    "wrong sign: actor moves the other way": {"actor": lambda *given: -actor(*given)},
    "the gradient of critic is twice it (a factor 2)": {"critic": lambda *given: 2 * critic(*given)},
    "critic: the step is 8 times the derived one (a sum over 8 where a mean is meant":
        {"critic": lambda *given: 8 * critic(*given)},
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_slips_over_pytrees_are_named(words):
    (reason,) = reasons(lambda *given: training(*given, **WRONG[words]), STEPPER, **TRIED)
    assert words in reason


def shared(p, batch, key, held=jax.lax.stop_gradient):
    """keras-team/keras-io#194 with real networks: a common layer, an actor's head, a critic's head."""
    p = p["agent"]
    hidden = jnp.tanh(batch["s"] @ p["w"])
    advantage = batch["r"] - hidden @ p["v"]
    return jnp.mean(held(advantage) * (batch["a"] - hidden @ p["b"]) ** 2) / 2 + jnp.mean(advantage**2)


def test_a_stop_gradient_that_is_missing_from_a_jax_loss_is_found_in_its_program():
    mine = {"agent": {**PARAMS["actor"], "b": PARAMS["critic"]["v"]}}
    tried = {**TRIED, "points": [mine]}
    held, free = shared, lambda *given: shared(*given, held=lambda a: a)
    step_of = lambda loss: lambda p, *more: jax.tree.map(lambda a, g: a - 0.1 * g, p, jax.grad(loss)(p, *more))
    stepper = {loss: reading({"agent": loss}, R.simultaneous("1/10")) for loss in (held, free)}
    assert_implements(step_of(held), stepper[held], **tried)
    (reason,) = reasons(step_of(free), stepper[held], **tried)
    assert reason.startswith("missing stop-gradient: the loss of agent is differentiated through the result of sub")
    (reason,) = reasons(step_of(held), stepper[free], **tried)
    assert reason.startswith("a stop-gradient too many in the loss of agent: on the result of sub") and "mul" in reason


def test_a_key_that_is_not_handed_on_is_told():
    source = np.random.default_rng()
    loose = lambda p, batch, key: training(p, batch, jax.random.key(source.integers(1000)))
    (reason,) = reasons(loose, STEPPER, **TRIED)
    assert "hand it a fixed key" in reason


def test_what_is_wrong_with_a_call_over_pytrees_is_said():
    with pytest.raises(GameError, match=r"pass points=\[params\]"):
        assert_implements(training, STEPPER)
    with pytest.raises(GameError, match="must return parameters as it got them"):
        assert_implements(lambda p, *more: p["actor"], STEPPER, **TRIED)
    with pytest.raises(GameError, match=r"shape \(4,\) came back as \(1, 4\)"):
        bent = lambda p, *more: {**p, "actor": {**p["actor"], "b": p["actor"]["b"][None]}}
        assert_implements(bent, STEPPER, **TRIED)
    with pytest.raises(GameError, match=r"bilevel.numeric.reading\(losses, rule\) for losses in JAX; got Game"):
        assert_implements(training, GAME, **TRIED)


# --- models ---


def test_a_model_level_update_is_tried_on_an_instance():
    update = R.derive(gan(), R.simultaneous("1/10"))
    with pytest.raises(GameError, match="pass instance="):
        assert_implements(lambda z: z, update)
    dirac = Instance(
        dims=dict.fromkeys("npqm", 1),
        networks={"D": lambda w, phi: sigmoid(phi[0] * w[0]), "G": lambda z, theta: [theta[0]]},
        laws=dict.fromkeys(("p_data", "p_z"), ([[0]], [1])),
    )
    right = lambda z: {"phi": z["phi"] - 0.1 * z["theta"] / (1 + np.exp(-z["phi"] * z["theta"])),
                       "theta": z["theta"] + 0.1 * z["phi"] / (1 + np.exp(-z["phi"] * z["theta"]))}  # fmt: skip
    assert_implements(right, update, instance=dirac)
    wrong = lambda z: {**right(z), "theta": 2 * z["theta"] - right(z)["theta"]}
    (reason,) = reasons(wrong, update, instance=dirac)
    assert "wrong sign" in reason


def penalised(p, fit=1.0, weight=0.1, bonus=0.01):
    """A sum of three terms under one factor, the last of them taken away."""
    p, s = p["net"], BATCH["s"]
    error = jnp.tanh(s @ p["w"]) @ p["v"] - 1
    return (fit * jnp.mean(error**2) + weight * jnp.sum(p["w"] ** 2) - bonus * jnp.sum(p["v"] ** 2)) / 2


@pytest.mark.parametrize("change, term, words", [
    ({"weight": 0.0}, "0.1*sum(net['w']**2)", "is missing"),
    ({"weight": 0.05}, "0.1*sum(net['w']**2)", r"is halved"),
    ({"weight": -0.1}, "0.1*sum(net['w']**2)", "has the wrong sign"),
    ({"bonus": 0.02}, "0.01*sum(net['v']**2)", r"is doubled"),
    ({"fit": 0.0}, "sum(((tanh((data @ net['w'])) @ net['v']) - 1)**2)/8", "is missing"),
])  # fmt: skip
@pytest.mark.parametrize("jitted", [False, True])
def test_a_term_of_a_jax_loss_is_named(change, term, words, jitted):
    params = {"net": {"w": PARAMS["actor"]["w"], "v": PARAMS["actor"]["v"]}}
    meant = jax.jit(lambda p: penalised(p)) if jitted else penalised
    derived = reading({"net": meant}, R.simultaneous("1/10"))
    step = lambda loss: lambda p: jax.tree.map(lambda a, g: a - 0.1 * g, p, jax.grad(loss)(p))
    assert_implements(step(penalised), derived, points=[params], trials=2)
    (reason,) = reasons(step(lambda p: penalised(p, **change)), derived, points=[params], trials=3)
    assert reason.startswith(f"in the loss of net the term {term} {words}")
