"""What does a rule cost at run time: jitted steps of rules on an MLP GAN against the same rules written by hand in JAX?

Goals: a ratio of at most 1.05 for every rule; the first compilation of a derived 16-variable update under 1 s. Both
sides run in turns in one process; the ratio is that of the medians, beside it that of the operations XLA counts.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, minimize
from bilevel.numeric import jax_function, reading

REPEATS, BATCH, WIDTH = 60, 256, 128
H, M = 0.01, 0.5

Tree = Any


def layers(key: Any, *sizes: int) -> Tree:
    """A network's parameters."""
    keys = jax.random.split(key, len(sizes))
    make = lambda k, a, b: {"w": jax.random.normal(k, (a, b)) / np.sqrt(a), "b": jnp.zeros(b)}
    return [make(k, a, b) for k, a, b in zip(keys, sizes, sizes[1:])]


def network(params: Tree, x: Any) -> Any:
    """A multilayer perceptron."""
    for layer in params[:-1]:
        x = jnp.tanh(x @ layer["w"] + layer["b"])
    return x @ params[-1]["w"] + params[-1]["b"]


def loss(z: Tree, batch: Any, noise: Any) -> Any:
    """What the critic makes small and the generator large."""
    fake = network(z["critic"], network(z["generator"], noise))
    return jnp.mean(jax.nn.softplus(-network(z["critic"], batch))) + jnp.mean(jax.nn.softplus(fake))


def field(z: Tree, *data: Any) -> Tree:
    """The game's field by one backward pass, as an expert writes it."""
    slope = jax.grad(loss)(z, *data)
    return {"generator": jax.tree.map(jnp.negative, slope["generator"]), "critic": slope["critic"]}


def plus(z: Tree, size: float, v: Tree) -> Tree:
    """z + size v."""
    return jax.tree.map(lambda a, b: a + size * b, z, v)


def simultaneous(z: Tree, s: Any, *data: Any) -> Any:
    """One step from the old point."""
    return plus(z, -H, field(z, *data)), s


def alternating(z: Tree, s: Any, *data: Any) -> Any:
    """The generator, then the critic."""
    up = jax.grad(lambda own: loss({**z, "generator": own}, *data))(z["generator"])
    z = {**z, "generator": plus(z["generator"], H, up)}
    down = jax.grad(lambda own: loss({**z, "critic": own}, *data))(z["critic"])
    return {**z, "critic": plus(z["critic"], -H, down)}, s


def extragradient(z: Tree, s: Any, *data: Any) -> Any:
    """The field where a first step leads."""
    return plus(z, -H, field(plus(z, -H, field(z, *data)), *data)), s


def heavy_ball(z: Tree, s: Any, *data: Any) -> Any:
    """A part of the last move on top."""
    moved = jax.tree.map(jnp.subtract, z, s[0])
    return plus(plus(z, -H, field(z, *data)), M, moved), (z,)


def optimistic(z: Tree, s: Any, *data: Any) -> Any:
    """z - 2 h F(z) + h F(previous z), the old field evaluated again, as the rule's memory is a point."""
    return plus(plus(z, -2 * H, field(z, *data)), H, field(s[0], *data)), (z,)


def consensus(z: Tree, s: Any, *data: Any) -> Any:
    """The field plus w J^T F."""
    value, pull = jax.vjp(lambda z: field(z, *data), z)
    return plus(z, -H, plus(value, M, pull(value)[0])), s


def symplectic(z: Tree, s: Any, *data: Any) -> Any:
    """The field plus w (J^T F - J F)/2."""
    value, pull = jax.vjp(lambda z: field(z, *data), z)
    push = jax.jvp(lambda z: field(z, *data), (z,), (value,))[1]
    return plus(z, -H, plus(plus(value, M / 2, pull(value)[0]), -M / 2, push)), s


def adam(z: Tree, s: Any, *data: Any) -> Any:
    """Adam at late times, epsilon inside the root."""
    slope = field(z, *data)
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, s[0], slope)
    square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, s[1], slope)
    return jax.tree.map(lambda a, m, v: a - H * m / jnp.sqrt(v + 1e-8), z, mean, square), (mean, square)


h = sp.Rational(1, 100)
PAIRS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "simultaneous": (R.simultaneous(h), simultaneous),
    "alternating": (R.alternating(h), alternating),
    "extragradient": (R.extragradient(h), extragradient),
    "heavy_ball": (R.heavy_ball(h, "1/2"), heavy_ball),
    "optimistic": (R.optimistic(h), optimistic),
    "consensus": (R.consensus(h, "1/2"), consensus),
    "symplectic": (R.symplectic(h, "1/2"), symplectic),
    "adam": (R.adam(h), adam),
}


def compared(rule: Any, by_hand: Callable[..., Any]) -> tuple[float, float, float, float]:
    """Median milliseconds of our step and of the hand-written one, ratio of operations, largest difference."""
    one, two, three, four = jax.random.split(jax.random.key(0), 4)
    params = {"generator": layers(one, 32, WIDTH, WIDTH, 2), "critic": layers(two, 2, WIDTH, WIDTH, 1)}
    data = jax.random.normal(three, (BATCH, 2)), jax.random.normal(four, (BATCH, 32))
    stepper = reading({"generator": loss, "critic": loss}, rule, maximizing=("generator",))
    state = stepper.init(params)
    programs = [jax.jit(f).lower(params, state, *data).compile() for f in (stepper.step, by_hand)]
    results = [program(params, state, *data)[0] for program in programs]
    apart = max(float(jnp.max(jnp.abs(a - b))) for a, b in zip(*map(jax.tree.leaves, results)))
    spent: list[list[float]] = [[], []]
    for turn in range(REPEATS):
        for k in (0, 1) if turn % 2 else (1, 0):
            started = time.process_time()
            jax.block_until_ready(programs[k](params, state, *data))
            spent[k].append(time.process_time() - started)
    flops = [program.cost_analysis()["flops"] for program in programs]
    ours, theirs = (statistics.median(times) * 1e3 for times in spent)
    return ours, theirs, flops[0] / flops[1], apart


def compilation() -> float:
    """Processor seconds to trace and compile a derived update of 16 variables for the first time."""
    names = sp.symbols("x0:16", real=True)
    players = {}
    for k in range(4):
        own, other = names[4 * k : 4 * k + 4], names[4 * ((k + 1) % 4) : 4 * ((k + 1) % 4) + 4]
        coupling = sum(a * sp.tanh(b) for a in own for b in other)
        players[f"p{k}"] = minimize(sum(a**4 / 4 + a**2 for a in own) + coupling + sp.log(1 + sp.exp(sum(own))), *own)
    step = jax_function(R.derive(Game(players), R.extragradient(h)))
    started = time.process_time()
    jax.jit(step).lower(*[1.0] * 16).compile()
    return time.process_time() - started


def main() -> None:
    """Print a table of ratios."""
    print(
        f"Python {platform.python_version()}, JAX {jax.__version__}, median of {REPEATS} steps in turns, processor time"
    )
    print(f"MLP GAN, width {WIDTH}, batch {BATCH}")
    print(f"{'rule':15} {'bilevel':>10} {'by hand':>10} {'ratio':>7} {'operations':>11} {'apart':>9}")
    for name, pair in PAIRS.items():
        ours, theirs, flops, apart = compared(*pair)
        print(f"{name:15} {ours:8.3f}ms {theirs:8.3f}ms {ours / theirs:7.3f} {flops:11.3f} {apart:9.1e}")
    print(f"first compilation of a derived 16-variable extragradient update: {compilation():.2f} s")


if __name__ == "__main__":
    main()
