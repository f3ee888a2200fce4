"""What does `diagnose` cost on a GAN of a million weights, and its Krylov basis against SciPy's ARPACK?

Processor time, wall time, products and peak memory of one run each, compilation included; one process for each rule.
`python3 -m benchmarks.diagnosis 100` runs it with layers of 100 instead of 660 units.
"""

from __future__ import annotations

import multiprocessing
import platform
import resource
import sys
import time
from typing import Any

import jax
import numpy as np
import scipy
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

from benchmarks.spectra import gan, row, timed
from bilevel import rules
from bilevel.numeric import diagnose, jacobian
from bilevel.numeric.spectra import several_ends
from bilevel.numeric.spectra_solvers import TOLERANCE, Search

WIDTH, BATCH, COUNT = 660, 16, 6
RULES = {
    "simultaneous": lambda: rules.simultaneous("1/100"),
    "alternating": lambda: rules.alternating("1/100"),
    "extragradient": lambda: rules.extragradient("1/100"),
    "heavy ball": lambda: rules.heavy_ball("1/100", "1/2"),
    "Adam, from a fresh state": lambda: rules.adam("1/1000"),
}
# An end as ARPACK calls it, with the sign and the shift, in norms, that make small real parts large moduli.
ARPACK = {
    "largest modulus": ("LM", 1, 0),
    "smallest real part": ("LR", -1, 1),
    "largest imaginary part": ("LI", 1, 0),
}


def game(width: int) -> tuple[Any, Any, Any]:
    """The GAN of `spectra.py` at a small batch."""
    losses, params, (real, noise) = gan(width)
    return losses, params, (real[:BATCH], noise[:BATCH])


def diagnosed(name: str, width: int) -> None:
    """One diagnosis in a process of its own."""
    losses, params, batch = game(width)
    wall, cpu = time.perf_counter(), time.process_time()
    found = diagnose(losses, params, RULES[name](), *batch)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    edge = "none found" if found.grows_above is None else f"{found.grows_above:.4g} times the steps"
    row(name, wall, cpu, f"{found.products} products, peak {peak:.0f} MiB, growth from: {edge}")


def by_arpack(J: Any, norm: float) -> tuple[int, float]:
    """The same three ends, one ARPACK run each: products, and the largest residual."""
    before, worst = J.products(), 0.0
    start = np.random.default_rng(0).standard_normal(J.size)
    for code, sign, shift in ARPACK.values():

        def image(v: Any, sign: int = sign, away: float = shift * norm) -> Any:
            return away * v.ravel() + sign * J.forward(v.ravel())

        operator = LinearOperator((J.size, J.size), matvec=image, dtype=float)
        try:
            values, vectors = eigs(operator, COUNT, which=code, v0=start, tol=TOLERANCE[J.dtype], ncv=40, maxiter=20)
        except ArpackNoConvergence as stop:
            values, vectors = stop.eigenvalues, stop.eigenvectors
        for value, x in zip(values, vectors.T, strict=True):
            moved = image(np.ascontiguousarray(x.real)) + 1j * image(np.ascontiguousarray(x.imag))
            worst = max(worst, float(np.linalg.norm(moved - value * x)))
    return J.products() - before, worst


def ends(width: int) -> None:
    """Three ends of the game Jacobian from one basis, and by three runs of ARPACK."""
    losses, params, batch = game(width)
    J = jacobian(losses, params, *batch)
    J.forward(np.zeros(J.size))  # compiled
    search = Search(0, TOLERANCE[J.dtype], 1000, left=False, floor=0.0)
    found, wall, cpu = timed(lambda: several_ends(J, tuple(ARPACK), count=COUNT, search=search))
    worst = max(ritz.backward_error for one in found for ritz in one.values)
    row("one basis (`several_ends`)", wall, cpu, f"{found[0].products} products, residuals up to {worst:.0e}")
    norm = max(abs(ritz.value) for ritz in found[0].values)
    (products, worst), wall, cpu = timed(lambda: by_arpack(J, norm))
    row(f"SciPy {scipy.__version__} ARPACK, three runs", wall, cpu, f"{products} products, residuals up to {worst:.0e}")


if __name__ == "__main__":
    width = int(sys.argv[1]) if len(sys.argv) > 1 else WIDTH
    size = sum(leaf.size for leaf in jax.tree.leaves(gan(width)[1]))
    print(f"Python {platform.python_version()}, JAX {jax.__version__}, NumPy {np.__version__}")
    print(f"\n{size:,} weights, batch {BATCH}, float32")
    print("\n| `diagnose` | wall [s] | processor [s] | |\n|---|---|---|---|", flush=True)
    fresh = multiprocessing.get_context("spawn")
    for name in RULES:
        process = fresh.Process(target=diagnosed, args=(name, width))
        process.start()
        process.join()
    print(f"\n{COUNT} eigenvalues at each of three ends\n\n| | wall [s] | processor [s] | |\n|---|---|---|---|")
    ends(width)
