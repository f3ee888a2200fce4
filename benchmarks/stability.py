"""Exact stability: time of the conditions and of certified decisions, beside SymPy and NumPy in the same run.

Run `python benchmarks/stability.py` by hand, nothing else running. Prints a table: problem, ours, peer. A peer that
takes longer than the limit is stopped and shown as "> limit".
"""

from __future__ import annotations

import multiprocessing
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.decide import decide

LIMIT = 60.0


def seconds(work: Callable[[], Any], repeats: int = 5) -> float:
    """Median wall time, after one run that warms SymPy's caches of the arguments."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def limited(work: Callable[..., Any], *arguments: Any) -> str:
    """Wall time of one run in a process of its own, or "> limit"."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    start = time.perf_counter()
    process.start()
    process.join(LIMIT)
    if process.is_alive():
        process.kill()
        process.join()
        return f"> {LIMIT:.0f} s"
    return f"{time.perf_counter() - start:.3f} s"


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
        print(f"| {name} | {ours:.3f} s | SymPy eigenvals: {limited(sympy_eigenvalues, matrix)} |")


def growth() -> None:
    """How the cost of a fully symbolic matrix grows with its dimension, and of a two-dimensional one with its
    parameters."""
    for n in range(2, 6):
        ours = seconds(lambda n=n: analyse(generic(n), time="continuous"), repeats=1)
        print(f"| generic {n}x{n} ({n * n} parameters), flow | {ours:.3f} s | |")
    for count in range(1, 6):
        names = sp.symbols(f"p:{count}", positive=True)
        matrix = sp.Matrix([[1 - sum(names), -names[0]], [names[-1], 1 - sp.prod(names)]])
        ours = seconds(lambda matrix=matrix: analyse(matrix, time="discrete"), repeats=1)
        print(f"| 2x2 map with {count} positive parameters, reduced | {ours:.3f} s | |")


def decisions() -> None:
    """Certified decision of a random map with 53-bit entries against NumPy's uncertified eigenvalues."""
    for n in (4, 8, 16, 32):
        source = random.Random(n)
        floats = [[source.gauss(0, 1) * 0.8 / n**0.5 for _ in range(n)] for _ in range(n)]
        matrix, array = sp.Matrix(n, n, lambda i, j, floats=floats: sp.Rational(floats[i][j])), np.array(floats)
        ours = seconds(lambda matrix=matrix: decide(matrix, time="discrete"))
        peer = seconds(lambda array=array: np.abs(np.linalg.eigvals(array)).max())
        known = decide(matrix, time="discrete").known
        print(
            f"| random {n}x{n} map, 53-bit entries ({known}) | {ours * 1e3:.1f} ms | NumPy, no proof: {peer * 1e3:.2f} ms |"
        )


if __name__ == "__main__":
    print("| problem | bilevel | peer |\n|---|---|---|")
    conditions()
    growth()
    decisions()
