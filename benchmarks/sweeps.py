"""What does a verdict cost at every point of a grid, beside NumPy's batched eigenvalues and the machine's own limits?

Processor time per point, median of 5, eigenvalues and verdicts of the same matrices on one core; then the clock with
two threads. In the same run a triad a + s b over arrays larger than any cache measures memory bandwidth, and a
product of matrices in cache the arithmetic peak of one core; the operations are those XLA counts in the compiled
program.

Goals: 25, 50 and 25 times NumPy at n = 2, 4 and 8 on two cores; 10^8 points of a 2x2 family within 2 GiB.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # NumPy on one core: processor time adds up over threads

import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp

from bilevel.numeric.lowering import lower
from bilevel.numeric.precision import working
from bilevel.numeric.sweep_axes import axes_of
from bilevel.numeric.sweep_plan import Plan, plan_of
from bilevel.numeric.sweep_points import BLOCK, _compiled, chunk

SIDE = 1024
a, b = sp.symbols("a b", real=True)


def median(work: Callable[[], Any], clock: Callable[[], float] = time.process_time, repeats: int = 5) -> float:
    """Median of a clock over runs, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append(clock() - start)
    return statistics.median(times)


def family(n: int) -> Any:
    """A map in two parameters: the alternating Dirac-GAN at n = 2, else A + a B + b I with random fractions."""
    if n == 2:
        return sp.Matrix([[1, -a / 2], [a / 2, 1 - a * b - a**2 / 4]])
    source = np.random.default_rng(n)
    first, second = (sp.Matrix(n, n, lambda i, j: sp.Rational(int(source.integers(-9, 10)), 10 * n)) for _ in "AB")
    return first + a * second + b * sp.eye(n)


def plan(n: int) -> Plan:
    """One chunk of the family, away from the lines on which every point is marginal."""
    span = (sp.Rational(1, 100), 2, SIDE)
    return plan_of(family(n), "discrete", axes_of({a: span, b: span}, [a, b]), (), SIDE**2)


def eigenvalues(one: Plan) -> float:
    """NumPy's processor time per point on matrices of the same grid; building them is not counted."""
    function = lower(one.matrix, [a, b])
    grid = np.meshgrid(*(axis.floats[::4] for axis in one.grid), indexing="ij")
    stack = np.ascontiguousarray(np.asarray(function(*(part.ravel() for part in grid))))
    return median(lambda: np.abs(np.linalg.eigvals(stack)).max(axis=1) < 1, repeats=3) / len(stack)


def operations(one: Plan) -> float:
    """Floating-point operations per point, as XLA counts them in the compiled program."""
    with working("float64"):
        run, _, columns = _compiled(one)
        return float(run.lower(0, columns).compile().cost_analysis()["flops"]) / BLOCK


def machine() -> tuple[float, float]:
    """Bytes a second of the triad, operations a second of a matrix product, both on one core."""
    with working("float64"):
        size = 2**24
        first, second = jnp.arange(size, dtype=float), jnp.ones(size)
        triad = jax.jit(lambda x, y: x + 3.0 * y)
        bandwidth = 3 * 8 * size / median(lambda: triad(first, second).block_until_ready())
    square = np.random.default_rng(0).standard_normal((512, 512))
    return bandwidth, 2 * 512**3 / median(lambda: square @ square)


def rates() -> None:
    """The table over n."""
    bandwidth, peak = machine()
    print(f"triad {bandwidth / 1e9:.1f} GB/s, matrix product {peak / 1e9:.1f} Gflop/s, one core\n")
    print("| n | verdict | NumPy eigvals | ratio, 1 core | ratio, 2 threads (clock) | of bandwidth | flops | of peak | "
          "first call |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for n in (2, 4, 8):
        one = plan(n)
        start = time.process_time()
        found = chunk(one, 0)
        first = time.process_time() - start
        ours = median(lambda one=one: chunk(one, 0)) / one.points
        with ThreadPoolExecutor(2) as pool:
            work = lambda one=one, pool=pool: list(pool.map(chunk, [one] * 4, [0] * 4))
            both = median(work, time.perf_counter, 3) / (4 * one.points)
        theirs, count = eigenvalues(one), operations(one)
        print(
            f"| {n} | {ours * 1e9:.1f} ns | {theirs * 1e9:.0f} ns | {theirs / ours:.0f} | {theirs / both:.0f} | "
            f"{9 / ours / bandwidth:.1%} | {count:.0f} | {count / ours / peak:.1%} | {first:.1f} s |",
            f"  ({found.redecided} of {one.points} exactly)",
            flush=True,
        )


CHILD = """
import resource, sys, time
import sympy as sp
from bilevel import rules
from bilevel.numeric import sweep
h, gamma = sp.symbols("h gamma", positive=True)
theta, psi = sp.symbols("theta psi", real=True)
from bilevel.game import Game, maximize, minimize
loss = -sp.log(1 + sp.exp(-psi * theta))
game = Game(generator=minimize(loss, theta), discriminator=maximize(loss - gamma / 2 * psi**2, psi))
start = time.process_time(), time.perf_counter()
found = sweep(game, rules.alternating(h), {theta: 0, psi: 0}, over={h: (0, 4, 10**4), gamma: (0, 4, 10**4)},
              store=sys.argv[1] or None)
used = time.process_time() - start[0], time.perf_counter() - start[1]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"{found.attrs['points']:.0e} points, {found.attrs['redecided']} exactly: {peak:.2f} GiB at most, "
      f"{used[0]:.1f} s of processor time, {used[1]:.1f} s by the clock")
"""


def large() -> None:
    """10^8 points in memory, and into a Zarr store."""
    with tempfile.TemporaryDirectory() as folder:
        for where, path in (("in memory", ""), ("Zarr store", f"{folder}/map.zarr")):
            done = subprocess.run([sys.executable, "-c", CHILD, path], capture_output=True, text=True, check=True)
            size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 2**30
            print(f"{where}: {done.stdout.strip()}" + (f", {size:.2f} GiB on disk" if path else ""), flush=True)


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, JAX {jax.__version__}, NumPy {np.__version__}, {os.cpu_count()} cores, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    rates()
    print()
    large()
    print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB at most")
