"""Exact verdicts on rational matrices against planted spectra, a second exact method, and near-degenerate cases."""

from __future__ import annotations

import random
from fractions import Fraction

import flint
import pytest
import sympy as sp
from flint import fmpq, fmpq_mat, fmpz_poly
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.analysis.decide import decide
from bilevel.analysis.spectrum import CENTRE, FLIP, JORDAN, ZERO_MODE, characteristic_polynomial, spectrum

TIMES = ("discrete", "continuous")


def matrix(rows: list[list[object]]) -> fmpq_mat:
    return fmpq_mat([[fmpq(Fraction(x).numerator, Fraction(x).denominator) for x in row] for row in rows])


def enclosed(m: fmpq_mat, time: str) -> str:
    """A second method: isolate every root of the characteristic polynomial, raise the precision until its side is
    clear or is one that 2000 bits cannot tell from the boundary (at these heights: a root on it)."""
    p, saved = characteristic_polynomial(m), flint.ctx.prec
    try:
        worst = -1
        for factor, _ in p.factor()[1]:
            for precision in (64, 256, 2000):
                flint.ctx.prec = precision
                margins = [
                    (z * z.conjugate()).real - 1 if time == "discrete" else z.real for z, _ in factor.complex_roots()
                ]
                if all(v < 0 or v > 0 for v in margins):
                    break
            worst = max([worst] + [1 if v > 0 else -1 if v < 0 else 0 for v in margins])
        return {-1: "stable", 0: "marginal", 1: "unstable"}[worst]
    finally:
        flint.ctx.prec = saved


def random_matrix(source: random.Random) -> fmpq_mat:
    n = source.choice((1, 2, 2, 3, 3, 4, 5, 6))
    scale = source.choice((1, 2, 4, 6))
    return fmpq_mat([[fmpq(source.choice((0, source.randint(-5, 5))), scale) for _ in range(n)] for _ in range(n)])


@pytest.mark.parametrize("time", TIMES)
def test_random_matrices_agree_with_isolated_roots(time: str) -> None:
    source, counts = random.Random(3), {"stable": 0, "unstable": 0, "marginal": 0}
    for _ in range(700):
        m = random_matrix(source)
        verdict = spectrum(m, time).verdict
        assert verdict == enclosed(m, time)
        counts[verdict] += 1
    assert min(counts.values()) >= 10


def lyapunov_accepts(m: fmpq_mat) -> bool:
    """Whether M'P + PM = -I has a positive definite solution: the flow is stable iff it has (Lyapunov 1892)."""
    n = m.nrows()
    pairs = [(i, j) for i in range(n) for j in range(n)]
    rows = [[(m[k, i] if l == j else fmpq(0)) + (m[l, j] if k == i else fmpq(0)) for k, l in pairs] for i, j in pairs]
    try:
        solution = fmpq_mat(rows).solve(fmpq_mat(n * n, 1, [-int(i == j) for i, j in pairs]))
    except ZeroDivisionError:
        return False
    p = [[solution[i * n + j, 0] for j in range(n)] for i in range(n)]
    return all(fmpq_mat([row[: k + 1] for row in p[: k + 1]]).det() > 0 for k in range(n))


def test_random_matrices_agree_with_lyapunov() -> None:
    source, stable = random.Random(5), 0
    for _ in range(200):
        m = random_matrix(source)
        if m.nrows() <= 4:
            assert (spectrum(m, "continuous").verdict == "stable") == lyapunov_accepts(m)
            stable += lyapunov_accepts(m)
    assert stable >= 10


def companion(p: fmpz_poly) -> fmpq_mat:
    n, c = p.degree(), p.coeffs()
    rows = [[fmpq(int(j == i + 1)) for j in range(n)] for i in range(n - 1)]
    return fmpq_mat([*rows, [-fmpq(a) / fmpq(c[n]) for a in c[:n]]])


INSIDE = {"discrete": ([0, 1], [-1, 2], [1, 0, 2], [2, 1, 3]), "continuous": ([1, 1], [1, 1, 1], [5, 2, 3])}
ON = {"discrete": ([-1, 1], [1, 1], [1, 1, 1], [5, 6, 5], [5, -8, 5]), "continuous": ([0, 1], [1, 0, 1], [2, 0, 3])}
OUTSIDE = {
    "discrete": ([-2, 1], [3, 1, 1], [1, 4, 1]),
    "continuous": ([-1, 1], [5, -2, 3], [-1, 0, 1], [1, 0, 0, 0, 1]),
}


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(TIMES), st.data())
def test_planted_roots_are_found(time: str, data: st.DataObject) -> None:
    chosen = {
        where: data.draw(st.lists(st.sampled_from(pool[time]), max_size=2))
        for where, pool in (("in", INSIDE), ("on", ON), ("out", OUTSIDE))
    }
    product = fmpz_poly([1])
    for c in (c for group in chosen.values() for c in group):
        product *= fmpz_poly(list(c))
    if product.degree() == 0:
        return
    found = spectrum(companion(product), time)
    expected = "unstable" if chosen["out"] else "marginal" if chosen["on"] else "stable"
    assert found.verdict == expected
    if expected == "marginal":
        assert (JORDAN in found.why) == (len({tuple(c) for c in chosen["on"]}) < len(chosen["on"]))


@pytest.mark.parametrize("k", [3, 9, 30, 100, 300])
@pytest.mark.parametrize("time", TIMES)
def test_a_hair_beside_the_boundary_is_seen(time: str, k: int) -> None:
    hair = Fraction(1, 10**k)
    base = 1 if time == "discrete" else 0
    for sign, verdict in ((-1, "stable"), (0, "marginal"), (1, "unstable")):
        # A defective triple eigenvalue at distance 10^-k, hidden by a unimodular change of basis.
        x = base + sign * hair
        jordan = matrix([[x, 1, 0], [0, x, 1], [0, 0, x]])
        change = matrix([[1, 2, 3], [0, 1, 4], [5, 6, 0]])
        found = spectrum(change * jordan * change.inv(), time)
        assert found.verdict == verdict
        if sign == 0:
            assert found.why == (ZERO_MODE, JORDAN)


def test_jordan_blocks_are_told_from_semisimple_ones() -> None:
    assert spectrum(matrix([[0, 0], [0, 0]]), "continuous").why == (ZERO_MODE,)
    assert spectrum(matrix([[0, 1], [0, 0]]), "continuous").why == (ZERO_MODE, JORDAN)
    assert spectrum(matrix([[-1, 0], [0, -1]]), "discrete").why == (FLIP,)
    rotation = [[Fraction(3, 5), Fraction(-4, 5)], [Fraction(4, 5), Fraction(3, 5)]]
    twice = [[*rotation[0], 0, 0], [*rotation[1], 0, 0], [0, 0, *rotation[0]], [0, 0, *rotation[1]]]
    assert spectrum(matrix(twice), "discrete").why == (CENTRE,)
    twice[0][2] = 1
    assert spectrum(matrix(twice), "discrete").why == (CENTRE, JORDAN)


def test_the_marginal_grid_of_the_alternating_dirac_gan() -> None:
    """665 step sizes on which floating-point spectral radii fall on either side of one."""
    marginal = 0
    for k in range(1, 666):
        h = Fraction(4 * k, 665)
        found = spectrum(matrix([[1, -h / 2], [h / 2, 1 - h * h / 4]]), "discrete")
        assert found.verdict == "marginal"
        assert (JORDAN in found.why) == (k == 665)
        marginal += 1
    assert marginal == 665
    assert (
        decide(
            sp.Matrix([[1, -sp.Rational(41, 20)], [sp.Rational(41, 20), 1 - sp.Rational(41, 20) ** 2]]), time="discrete"
        ).verdict
        == "unstable"
    )


def test_coinciding_eigenvalues_are_decided_by_powers():
    """Two equal eigenvalues cannot be isolated in balls; a power of the matrix still says on which side they are."""
    from flint import arb

    from bilevel.analysis.enclosure import enclosed_verdict

    blur = arb(0, 1e-18)
    for value, maps, flows in ((0.9, "stable", "unstable"), (-1.1, "unstable", "stable"), (-0.5, "stable", "stable")):
        rows = [[arb(value) + blur, arb(1) + blur], [blur, arb(value) + blur]]
        assert enclosed_verdict(rows, "discrete") == maps
        assert enclosed_verdict(rows, "continuous") == flows
    edge = [[arb(1) + blur, blur], [blur, arb(1) + blur]]
    assert enclosed_verdict(edge, "discrete") is None
