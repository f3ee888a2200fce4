"""How long do leading eigenvalues of games take, dense, matrix-free and against matfree, up to a million parameters?

Processor time and wall time of one run each, products and residuals beside them. matfree is compared where it is
installed. `python3 -m benchmarks.spectra 200` runs the network with layers of 200 instead of 700 units.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy

from bilevel.numeric import eigenvalues, jacobian

SIZE = 500  # variables of each player of the quadratic game
WIDTH = 700  # units of the hidden layers of the large game


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """A result, its wall time and its processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def quadratic(n: int) -> tuple[Any, Any]:
    """A quadratic game of two players with n variables each, and its origin."""
    draw = np.random.default_rng(0)
    first, second, cross = (jnp.asarray(draw.standard_normal((n, n)) / np.sqrt(n)) for _ in range(3))
    losses = {
        "x": lambda z: jnp.sum((first @ z["x"]) ** 2) / 2 + z["x"] @ cross @ z["y"],
        "y": lambda z: jnp.sum((second @ z["y"]) ** 2) / 2 - z["x"] @ cross @ z["y"],
    }
    return losses, {"x": np.zeros(n), "y": np.zeros(n)}


def network(sizes: list[int], key: Any) -> list[dict[str, Any]]:
    """A multilayer perceptron's parameters."""
    keys = jax.random.split(key, len(sizes) - 1)
    pairs = zip(keys, sizes[:-1], sizes[1:], strict=True)
    return [{"w": jax.random.normal(k, (a, b)) / np.sqrt(a), "b": jnp.zeros(b)} for k, a, b in pairs]


def apply(layers: list[dict[str, Any]], x: Any) -> Any:
    """The perceptron."""
    for layer in layers[:-1]:
        x = jnp.tanh(x @ layer["w"] + layer["b"])
    return x @ layers[-1]["w"] + layers[-1]["b"]


def gan(width: int) -> tuple[Any, Any, tuple[Any, Any]]:
    """A GAN of two perceptrons: losses, parameters, a batch of 64."""
    keys = jax.random.split(jax.random.PRNGKey(0), 4)
    params = {"generator": network([64, width, width, 2], keys[0]), "critic": network([2, width, width, 1], keys[1])}
    batch = jax.random.normal(keys[2], (64, 2)) + 2, jax.random.normal(keys[3], (64, 64))

    def generator(z: Any, real: Any, noise: Any) -> Any:
        return jnp.mean(jax.nn.softplus(-apply(z["critic"], apply(z["generator"], noise))))

    def critic(z: Any, real: Any, noise: Any) -> Any:
        fake = apply(z["critic"], apply(z["generator"], noise))
        return jnp.mean(jax.nn.softplus(-apply(z["critic"], real))) + jnp.mean(jax.nn.softplus(fake))

    return {"generator": generator, "critic": critic}, params, batch


def row(words: str, wall: float, cpu: float, rest: str) -> None:
    """One line of the table."""
    print(f"| {words} | {wall:.2f} | {cpu:.2f} | {rest} |", flush=True)


def by_matfree(J: Any, count: int) -> Any:
    """Leading moduli by matfree's Arnoldi factorisation with as many products as ARPACK takes."""
    from matfree import decomp, eig

    matrix = jnp.asarray(J.dense())
    start = jnp.asarray(np.random.default_rng(0).standard_normal(J.size))
    leading = eig.eig_partial(decomp.hessenberg(250, reortho="full"))
    values = np.asarray(leading(lambda v: matrix @ v, start)[0])
    return values[np.argsort(-np.abs(values))][:count]


def small() -> None:
    """n = 1000: all eigenvalues by LAPACK, a few by products."""
    with jax.enable_x64(True):
        losses, origin = quadratic(SIZE)
        J = jacobian(losses, origin)
        J.forward(np.zeros(J.size)), J.backward(np.zeros(J.size)), J.dense()  # compiled
        matrix, wall, cpu = timed(J.dense)
        row("matrix of 1000 products", wall, cpu, "1000 products")
        truth, wall, cpu = timed(lambda: np.linalg.eigvals(matrix))
        row("NumPy `eigvals`", wall, cpu, "all eigenvalues, no residuals")
        truth = truth[np.argsort(-np.abs(truth))]
        for method, left in (("dense", True), ("Krylov", True), ("Krylov", False)):
            found, wall, cpu = timed(lambda m=method, left=left: eigenvalues(J, count=6, method=m, left=left))
            off = max(min(abs(r.value - t) for t in truth) for r in found.values)
            worst = max(r.backward_error for r in found.values)
            words = f"`eigenvalues`, {method}{', condition numbers' if left else ''}"
            row(words, wall, cpu, f"{found.products} products, backward error {worst:.0e}, off by {off:.0e}")
        if importlib.util.find_spec("matfree"):
            found, wall, cpu = timed(lambda: by_matfree(J, 6))
            off = max(min(abs(v - t) for t in truth) for v in found)
            row("matfree, Arnoldi with 250 vectors, on the matrix", wall, cpu, f"no residuals, off by {off:.0e}")


def large(width: int) -> None:
    """A GAN of about a million parameters in float32."""
    losses, params, batch = gan(width)
    J = jacobian(losses, params, *batch)
    print(f"\n{J.size:,} parameters, batch 64, float32, compilation included\n")
    print("| end | wall [s] | processor [s] | |\n|---|---|---|---|")
    cases = [("game Jacobian", J, "largest modulus"), ("game Jacobian", J, "smallest real part"),
             ("symmetric part", J.symmetric, "largest real part"),
             ("antisymmetric part", J.antisymmetric, "largest modulus"),
             ("critic's own Hessian", J.own("critic"), "smallest real part")]  # fmt: skip
    for words, operator, which in cases:
        work = partial(eigenvalues, operator, which, count=4, budget=400)
        found, wall, cpu = timed(work)
        worst = max((r.backward_error for r in found.values), default=float("nan"))
        lead = found.leading.value if found.leading else float("nan")
        rest = f"{found.found} of 4, leading {lead:.4g}, {found.products} products, backward error {worst:.0e}"
        row(f"{words}, {which}", wall, cpu, rest)


if __name__ == "__main__":
    versions = f"JAX {jax.__version__}, SciPy {scipy.__version__}, NumPy {np.__version__}"
    print(f"Python {platform.python_version()}, {versions}")
    print(f"\nquadratic game, {2 * SIZE} variables, float64, 6 eigenvalues of largest modulus\n")
    print("| | wall [s] | processor [s] | |\n|---|---|---|---|")
    small()
    large(int(sys.argv[1]) if len(sys.argv) > 1 else WIDTH)
