"""Sets of parameters stated through a number of roots: exact, disjoint and a cover where formulas would be too long."""

import random

import flint
import pytest
import sympy as sp
from flint import fmpq, fmpq_mat, fmpz_poly
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.analysis.analyse import analyse
from bilevel.analysis.enclosure import truth_at
from bilevel.analysis.spectrum import spectrum
from bilevel.language import read, write
from bilevel.language.root_counts import (
    COUNTS,
    census,
    roots_on_axis,
    roots_on_circle,
    roots_outside_circle,
    roots_right_of_axis,
)

PIECES = {  # factors with (inside, on, outside) of the circle known by hand
    (1, 2): (1, 0, 0),
    (2, 1): (0, 0, 1),
    (-1, 1): (0, 1, 0),
    (1, 1): (0, 1, 0),
    (5, -6, 5): (0, 2, 0),
    (1, 0, 1): (0, 2, 0),
    (2, -5, 2): (1, 0, 1),
    (1, 2, 5): (2, 0, 0),
    (10, -2, 1): (0, 0, 2),
    (0, 1): (1, 0, 0),
}


@given(st.lists(st.sampled_from(sorted(PIECES)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_census_of_a_product_is_the_sum_of_the_censuses(chosen):
    product, expected = fmpz_poly([1]), [0, 0, 0]
    for c in chosen:
        product *= fmpz_poly(list(c))
        expected = [a + b for a, b in zip(expected, PIECES[c], strict=True)]
    assert census(product, circle=True) == tuple(expected)


@given(st.lists(st.integers(-4, 4), min_size=3, max_size=8).filter(lambda c: c[-1] and c[0]))
@settings(max_examples=60, deadline=None)
def test_the_circle_and_the_axis_agree_through_the_moebius_map(coefficients):
    z = sp.Symbol("z")
    p = sp.Poly(coefficients[::-1], z)
    n = p.degree()
    if p.eval(-1) == 0:
        return
    moved = sp.Poly(sp.expand(sum(c * (1 + z) ** k * (1 - z) ** (n - k) for k, c in enumerate(coefficients))), z)
    other = fmpz_poly([int(c) for c in moved.all_coeffs()[::-1]])
    assert census(fmpz_poly(coefficients), circle=True) == census(other, circle=False)


def _companion(c):
    """A map whose characteristic polynomial is z^n + c_{n-1} z^{n-1} + ... + c_0."""
    n = len(c)
    return sp.Matrix(n, n, lambda i, j: -c[n - 1 - j] if i == 0 else int(i == j + 1))


A, B = sp.symbols("a b", real=True)
SIX = [(A**2 * B + A / 3) / 9, B / 7, (A * B + 1) / 8, A - B**2 / 2, (B**2 - A * B) / 5, (A**3 + B) / 6]
WIDE = [sum((k + 1) * A**i * B**j for i in range(3) for j in range(3) if (i + j + k) % 3) / 9 for k in range(5)]


def _verdict_at(matrix, point, time):
    numbers = matrix.subs(point)
    return spectrum(fmpq_mat(*numbers.shape, [fmpq(int(e.p), int(e.q)) for e in numbers]), time).verdict


@pytest.mark.parametrize("time", ["discrete", "continuous"])
@pytest.mark.parametrize("coefficients", [SIX, WIDE])
def test_the_three_sets_are_right_at_random_rational_points(coefficients, time):
    matrix = _companion(coefficients)
    verdict = analyse(matrix, time=time)
    assert verdict.verdict == "conditional" and verdict.known == "exact"
    assert verdict.unstable_on.has(*COUNTS)
    source, seen = random.Random(3), set()
    for _ in range(25):
        point = {s: sp.Rational(source.randint(-12, 12), source.choice((3, 5, 8, 16))) for s in (A, B)}
        sets = {"stable": verdict.condition, "unstable": verdict.unstable_on, "marginal": verdict.marginal_on}
        expected = _verdict_at(matrix, point, time)
        assert {name: truth_at(s, point) for name, s in sets.items()} == {name: name == expected for name in sets}
        assert bool(verdict.unstable_on.subs(point)) == (expected == "unstable")
        seen.add(expected)
    assert len(seen) > 1 or time == "continuous"


def test_points_exactly_on_the_circle_are_marginal_and_jordan_blocks_do_not_hide_there():
    # (z^2 - 2 a z + 1)^2 times a stable quartic in b, multiplied out so that nothing factors
    z = sp.Symbol("z")
    double = (z**2 - 2 * A * z + 1) ** 2 * (z**3 - B / 3 * z + B / 9)
    p = sp.Poly(double + (A - sp.Rational(3, 5)) * (B**5 + A * B * z), z)
    matrix = _companion([sp.expand(c) for c in p.all_coeffs()[:0:-1]])
    verdict = analyse(matrix, time="discrete")
    for b in (0, 1, -1, sp.Rational(1, 2)):
        point = {A: sp.Rational(3, 5), B: b}
        assert truth_at(verdict.marginal_on, point) and not truth_at(verdict.unstable_on, point)
        assert _verdict_at(matrix, point, "discrete") == "marginal"


def test_counts_are_written_and_read_back():
    for count in COUNTS:
        condition = count(A, B - 1, A * B) > 0
        assert read(write(condition), {"a": A, "b": B}) == condition
    assert read("roots_outside_circle(-2, 1) + roots_on_circle(1, 0, 1)") == 3
    assert read("roots_right_of_axis(-2, 1) + roots_on_axis(1, 0, 1)") == 3


def test_counts_at_numbers_that_are_not_rational_are_enclosed():
    root = sp.sqrt(2)
    assert truth_at(roots_outside_circle(root, 1) > 0, {}) is True
    assert truth_at(sp.Eq(roots_right_of_axis(root, 1), 0), {}) is True
    assert truth_at(roots_on_circle(root / 2, 0, 1) > 0, {}) is False
    assert truth_at(roots_on_axis(root, 0, 1) > 0, {}) is None  # balls never show that a root lies on the axis
    assert flint.ctx.prec == 53
