"""What do exact stability conditions and certified decisions cost, beside SymPy and NumPy in the same run?

Processor time, which a loaded machine disturbs less than the clock. A peer that takes longer than the limit is stopped;
what it had used by then is shown with ">".

Goals: a generic quadratic game of two players of dimension 2 under 0.1 s (flow) and 0.5 s (simultaneous descent), a
fully symbolic 4x4 map under 1 s, a random 16x16 map with 53-bit entries under 10 ms and a 32x32 one under 0.1 s.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import random
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # NumPy on one core: processor time adds up over threads

import flint
import numpy as np
import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.decide import decide

LIMIT = 60  # seconds of processor time


def seconds(work: Callable[[], Any], repeats: int = 5) -> float:
    """Median processor time, after one run that warms SymPy's caches of the arguments."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def limited(work: Callable[..., Any], *arguments: Any) -> tuple[float, bool]:
    """Processor time of one run in a process of its own, and whether it came to an end."""

    def run() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
        work(*arguments)

    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, process.exitcode == 0


def row(problem: str, ours: float, peer: str = "", theirs: float | None = None, ended: bool = True) -> None:
    """One line of the table."""
    if theirs is None:
        print(f"| {problem} | {ours * 1e3:.1f} ms | | |", flush=True)
        return
    more = "" if ended else "> "
    print(
        f"| {problem} | {ours * 1e3:.1f} ms | {peer}: {more}{theirs * 1e3:.4g} ms | {more}{theirs / ours:.3g} |",
        flush=True,
    )


def generic(n: int) -> Any:
    """A square matrix whose entries are all symbols."""
    return sp.Matrix(n, n, lambda i, j: sp.Symbol(f"a{i}{j}", real=True))


def sympy_eigenvalues(matrix: Any) -> None:
    """What SymPy offers for the question: eigenvalues in closed form."""
    matrix.eigenvals()


def quadratic_game(players: int = 2, dimension: int = 2) -> Any:
    """The flow of a generic quadratic game: every entry of the field's Jacobian is free."""
    return -generic(players * dimension)


def conditions() -> None:
    """Symbolic conditions against SymPy's eigenvalues."""
    h, gamma = sp.symbols("h gamma", positive=True)
    game = quadratic_game()
    problems = [
        ("2+2 quadratic game, flow (Hurwitz)", game, "continuous"),
        ("2+2 quadratic game, simultaneous descent (Schur)", sp.eye(4) + h * game, "discrete"),
        ("4x4 fully symbolic map (Schur)", generic(4), "discrete"),
        ("alternating Dirac-GAN with R1", sp.Matrix([[1, -h / 2], [h / 2, 1 - h * gamma - h**2 / 4]]), "discrete"),
    ]
    for name, matrix, kind in problems:
        ours = seconds(lambda matrix=matrix, kind=kind: analyse(matrix, time=kind))
        row(name, ours, "SymPy `eigenvals`", *limited(sympy_eigenvalues, matrix))


def growth() -> None:
    """How the cost of a fully symbolic matrix grows with its dimension, and of a two-dimensional one with its
    parameters."""
    for n in range(2, 6):
        ours = seconds(lambda n=n: analyse(generic(n), time="continuous"), repeats=1)
        row(f"generic {n}x{n} ({n * n} parameters), flow", ours)
    for count in range(1, 6):
        names = sp.symbols(f"p:{count}", positive=True)
        matrix = sp.Matrix([[1 - sum(names), -names[0]], [names[-1], 1 - sp.prod(names)]])
        ours = seconds(lambda matrix=matrix: analyse(matrix, time="discrete"), repeats=1)
        row(f"2x2 map with {count} positive parameters, reduced", ours)


def decisions() -> None:
    """Certified decision of a random map with 53-bit entries against NumPy's uncertified eigenvalues."""
    for n in (4, 8, 16, 32):
        source = random.Random(n)
        floats = [[source.gauss(0, 1) * 0.8 / n**0.5 for _ in range(n)] for _ in range(n)]
        matrix, array = sp.Matrix(n, n, lambda i, j, floats=floats: sp.Rational(floats[i][j])), np.array(floats)
        ours = seconds(lambda matrix=matrix: decide(matrix, time="discrete"))
        peer = seconds(lambda array=array: np.abs(np.linalg.eigvals(array)).max())
        known = decide(matrix, time="discrete").known
        row(f"random {n}x{n} map, 53-bit entries ({known})", ours, "NumPy `eigvals`, no proof", peer)


if __name__ == "__main__":
    versions = f"SymPy {sp.__version__}, python-flint {flint.__version__}, NumPy {np.__version__}"
    print(f"Python {platform.python_version()}, {versions}, {os.cpu_count()} cores; processor time, median of 5\n")
    print("| problem | bilevel | peer | peer / bilevel |\n|---|---|---|---|")
    conditions()
    growth()
    decisions()
