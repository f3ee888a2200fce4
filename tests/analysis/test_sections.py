"""One parameter in pieces: kinds against eigenvalues in floats, best rates against the exact minimum and a grid."""

from __future__ import annotations

import random

import numpy as np
import pytest
import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.best_enclosed import enclosed_minimum
from bilevel.analysis.best_exact import exact_minimum
from bilevel.analysis.comparison import compare
from bilevel.analysis.sections import MARGINAL, STABLE, UNSTABLE, sections
from bilevel.language.errors import UnknownAnswer

h = sp.Symbol("h", positive=True)
g = sp.Symbol("g", real=True)
Q = sp.Rational
IRRATIONAL = [sp.sqrt(2) / 3, sp.exp(Q(1, 3)) / 4]


def family(source, n, time, over, numbers, *, turning=False):
    A, B = (sp.Matrix(n, n, lambda i, j: source.choice(numbers)) for _ in range(2))
    if turning:  # a rotation leaves eigenvalues on the axis for every value
        return (A - A.T) * over
    return sp.eye(n) - over * A + over**2 * B / 4 if time == "discrete" else A * over + B - over**2 * sp.eye(n) / 4


def margin(matrix, over, at, time):
    values = np.linalg.eigvals(np.array(matrix.subs(over, at).evalf(20).tolist(), dtype=float))
    return float((abs(values) - 1 if time == "discrete" else values.real).max())


@pytest.mark.parametrize("time", ["discrete", "continuous"])
@pytest.mark.parametrize("extra", [[], IRRATIONAL], ids=["rational", "irrational"])
@pytest.mark.parametrize("over", [h, g])
def test_every_piece_has_the_kind_that_eigenvalues_have_anywhere_in_it(time, extra, over):
    source = random.Random(11)
    numbers = [Q(k, 4) for k in range(-6, 7)] + [sp.S.Zero] * 3 + extra
    for trial in range(8):
        matrix = family(source, source.choice([1, 2, 3, 4, 5]), time, over, numbers, turning=trial == 7)
        found = sections([matrix], over, time=time)
        for piece in found.pieces:
            ends = [None if b is None else float(b.mid()) for b in (piece.low, piece.high)]
            low = ends[0] if ends[0] is not None else (ends[1] or 0.0) - 9.0
            high = ends[1] if ends[1] is not None else low + 9.0
            for _ in range(3):
                at = sp.Rational(low + (high - low) * source.uniform(0.05, 0.95))
                gap = margin(matrix, over, at, time)
                if abs(gap) > 1e-5:
                    assert piece.kinds[0] == (UNSTABLE if gap > 0 else STABLE)


def test_pieces_are_those_of_the_verdict_boundary_cases_included():
    spiral = sp.Matrix([[1, -h / 2], [h / 2, 1 - h**2 / 4]])  # marginal up to 4
    kinds = [(piece.sample, piece.kinds[0]) for piece in sections([spiral], h, time="discrete").pieces]
    assert [kind for _, kind in kinds] == [MARGINAL, UNSTABLE] and 0 < kinds[0][0] < 4 < kinds[1][0]
    touching = sp.Matrix([[1 - (h - 2) ** 2]])  # stable on both sides of the point 2, marginal there
    verdict = analyse(touching, time="discrete")
    found = sections([touching], h, time="discrete")
    assert all(bool(verdict.condition.subs(h, piece.sample)) == (piece.kinds[0] == STABLE) for piece in found.pieces)


def test_facts_cut_the_line_and_other_symbols_are_refused():
    found = sections([sp.Matrix([[1 - h]])], h, time="discrete", facts=[sp.Gt(h, 3)])
    assert [piece.kinds[0] for piece in found.pieces] == [UNSTABLE]
    with pytest.raises(UnknownAnswer, match="stand beside"):
        sections([sp.Matrix([[1 - h * g]])], h, time="discrete")


def test_irrational_ends_that_coincide_are_not_told_apart_and_claim_nothing():
    # sqrt(2) sqrt(3) and sqrt(6) are one number for the eye and two generators for the polynomials
    one, two = sp.Matrix([[1 - sp.sqrt(2) * sp.sqrt(3) * h]]), sp.Matrix([[1 - 3 * sp.cos(1) ** 2 * h]])
    same = sp.Matrix([[1 - (3 - 3 * sp.sin(1) ** 2) * h]])
    assert compare(*(analyse(m, time="discrete") for m in (one, one))).word == "neutral"
    assert compare(*(analyse(m, time="discrete") for m in (two, same))).word in ("neutral", "unknown")


@pytest.mark.parametrize("seed", [0, 1, 3, 5])  # of 2 and 4 the exact road says that it does not know
def test_the_enclosed_minimum_holds_the_exact_one(seed):
    source = random.Random(seed)
    A = sp.Matrix(2, 2, lambda i, j: Q(source.randint(-4, 4), 4) + 2 * (i == j))
    matrix = sp.ImmutableMatrix(sp.eye(2) - h * A)
    (low, high), (least, most) = enclosed_minimum(matrix, h, time="discrete")
    step, square = exact_minimum(matrix, h, "discrete")
    assert low <= step <= high and least <= sp.sqrt(square) <= most
    assert most - least < Q(1, 10**5)


def test_the_enclosed_minimum_of_a_larger_matrix_is_met_on_a_grid_and_not_undercut():
    source = random.Random(3)
    A = sp.Matrix(5, 5, lambda i, j: Q(source.randint(-3, 3), 6) + 2 * (i == j))
    matrix = sp.eye(5) - h * A
    (low, high), (least, most) = enclosed_minimum(matrix, h, time="discrete")
    steps = [*np.linspace(0.01, 2, 60), float(low + high) / 2]
    rates = [margin(matrix, h, sp.Rational(step), "discrete") + 1 for step in steps]
    assert min(rates) >= float(least) - 1e-9 and rates[-1] <= float(most) + 1e-4


def test_no_best_rate_where_nothing_is_stable_or_it_grows_without_bound():
    with pytest.raises(UnknownAnswer, match="no value of h"):
        enclosed_minimum(sp.Matrix([[1, -h], [h, 1]]), h, time="discrete")
    with pytest.raises(UnknownAnswer, match="without bound"):
        enclosed_minimum(sp.Matrix([[-h, 1], [0, -2 * h]]), h, time="continuous")


def test_irrational_regions_that_no_rational_polynomial_bounds_are_compared():
    root = sp.sqrt(5)
    wide = sp.Matrix([[1 - h, h / 3, 0], [-h / 3, 1 - h / root, h / 5], [0, h / root, 1 - h / 2]])
    narrow = sp.eye(3) - (sp.eye(3) - wide) * Q(3, 2)
    found = sections([narrow, wide], h, time="discrete")
    kinds = [piece.kinds for piece in found.pieces]
    assert found.complete and (UNSTABLE, STABLE) in kinds and (STABLE, UNSTABLE) not in kinds
    at = next(piece.sample for piece in found.pieces if piece.kinds == (UNSTABLE, STABLE))
    assert margin(wide, h, at, "discrete") < 0 < margin(narrow, h, at, "discrete")


def test_comparing_is_antisymmetric_over_one_irrational_parameter():
    root = sp.sqrt(5)
    before, after = (analyse(sp.Matrix([[1 - c * h]]), time="discrete") for c in (root, 2))
    assert compare(before, after).word == "helps" and compare(after, before).word == "hurts"
