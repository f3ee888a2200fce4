"""Numbers: large matrices, enclosures against exact arithmetic, floats that decide and floats that do not."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sympy as sp
from flint import fmpq_mat

from bilevel.analysis.decide import decide
from bilevel.analysis.enclosure import ball, enclose, enclosed_verdict, truth_at
from bilevel.analysis.polynomials import rational
from bilevel.analysis.spectrum import spectrum
from bilevel.language.errors import GameError


def dyadic(n: int, radius: float, seed: int) -> Any:
    """A random matrix with 53-bit entries and spectral radius near `radius`."""
    source = random.Random(seed)
    return sp.Matrix(n, n, lambda i, j: sp.Rational(source.gauss(0, 1) * radius / n**0.5))


@pytest.mark.parametrize("time", ["discrete", "continuous"])
@pytest.mark.parametrize("n", [6, 8, 12])
def test_enclosures_agree_with_exact_arithmetic(n: int, time: str) -> None:
    for seed in range(6):
        matrix = dyadic(n, 0.9, seed) - (sp.eye(n) if time == "continuous" and seed % 2 else sp.zeros(n))
        exact = spectrum(fmpq_mat([[rational(e) for e in matrix.row(i)] for i in range(n)]), time).verdict
        found = decide(matrix, time=time)
        assert (found.verdict, found.known) == (exact, "enclosed")


def test_thirty_two_by_thirty_two() -> None:
    found = decide(dyadic(32, 0.7, 1), time="discrete")
    assert (found.verdict, found.known) == ("stable", "enclosed")
    assert decide(dyadic(32, 1.5, 1), time="discrete").verdict == "unstable"


def test_ties_of_large_matrices_go_to_exact_arithmetic() -> None:
    """An orthogonal 8 x 8 matrix with long entries: no enclosure decides, integer arithmetic does."""
    t = sp.Rational(123456789123, 987654321987)
    turn = sp.Matrix([[1 - t**2, -2 * t], [2 * t, 1 - t**2]]) / (1 + t**2)
    found = decide(sp.diag(turn, turn**2, turn**3, turn**4), time="discrete")
    assert (found.verdict, found.known, found.marginal_why) == ("marginal", "exact", "centre")


def test_a_float_similarity_of_a_stable_jordan_block_is_never_called_unstable() -> None:
    """One Jordan block with radius 0.99, whose float eigenvalues exceed one: the exact answer stands."""
    n, source = 12, random.Random(4)
    lower = sp.Matrix(n, n, lambda i, j: 1 if i == j else source.randint(-1, 1) if i > j else 0)
    block = sp.Matrix(n, n, lambda i, j: sp.Rational(99, 100) if i == j else int(j == i + 1))
    similar = lower * block * lower.inv()
    assert decide(similar, time="discrete").verdict == "stable"
    assert decide(similar.applyfunc(sp.Float), time="discrete").verdict in ("stable", "unknown")


def test_floats_decide_only_with_room() -> None:
    assert decide(sp.Matrix([[0.5, 0.25], [0, -0.75]]), time="discrete").verdict == "stable"
    assert decide(sp.Matrix([[0.0, 1.0], [-1.0, 0.0]]), time="continuous").verdict == "unknown"
    assert enclosed_verdict([[1.0 + 2**-50]], "discrete") == "unstable"
    assert enclosed_verdict([[1.0 + 2**-52]], "discrete") is None
    assert ball(sp.Float("0.1", 30)).contains(ball(sp.Rational(1, 10)))


def test_values_and_truth_at_a_point() -> None:
    x = sp.Symbol("x", real=True)
    assert enclose(sp.exp(x) - 1, {x: 0}).contains(0)
    assert enclose(sp.sqrt(x), {x: -1}) is None
    assert truth_at(sp.And(x >= 1, sp.sqrt(x - 1) < 2), {x: 0}) is False
    assert truth_at(sp.Eq(x**2, 2), {x: sp.Rational(3, 2)}) is False
    assert truth_at(sp.sqrt(x) >= sp.Rational(3, 2), {x: sp.Rational(9, 4)}) is True


def test_what_is_no_matrix_of_numbers_is_refused() -> None:
    with pytest.raises(GameError):
        decide(sp.Matrix([[sp.Symbol("x")]]), time="discrete")
    with pytest.raises(GameError):
        decide(sp.Matrix([[1, 2]]), time="discrete")
    with pytest.raises(GameError):
        decide(sp.Matrix([[1]]), time="hybrid")
