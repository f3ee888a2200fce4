"""Exact root counts against floating point, against each other, and on the boundary."""

from __future__ import annotations

import random

import numpy as np
import pytest
from flint import fmpq, fmpq_mat, fmpq_poly

from bilevel.certificate import check
from bilevel.certificate.conditions import faddeev_leverrier, families
from bilevel.certificate.spectra import Counts, count, semisimple


def _random_matrix(r: random.Random, size: int, scale: int) -> list[list[fmpq]]:
    return [[fmpq(r.randint(-6, 6), scale) for _ in range(size)] for _ in range(size)]


def _distances(rows: list[list[fmpq]], time: str) -> np.ndarray:
    values = np.linalg.eigvals(np.array([[int(x.p) / int(x.q) for x in row] for row in rows]))
    return values.real if time == "continuous" else abs(values) - 1


@pytest.mark.parametrize("time", ["continuous", "discrete"])
def test_counts_agree_with_eigenvalues(time: str) -> None:
    r = random.Random(3)
    for _ in range(150):
        rows = _random_matrix(r, r.randint(1, 6), r.choice((1, 4, 10)))
        distance = _distances(rows, time)
        if min(abs(distance)) < 1e-4:
            continue
        found = count(fmpq_mat(rows).charpoly(), time)
        assert found == Counts(int((distance < 0).sum()), 0, int((distance > 0).sum()))


@pytest.mark.parametrize("time", ["continuous", "discrete"])
def test_planted_roots_are_counted_with_multiplicity(time: str) -> None:
    r = random.Random(5)
    inside = {"continuous": ([1, 1], [5, 2, 1], [2, 3]), "discrete": ([-1, 2], [1, 1, 3], [0, 1])}[time]
    on = {"continuous": ([0, 1], [4, 0, 1], [2, 0, 1]), "discrete": ([-1, 1], [1, 1], [5, 6, 5], [1, 0, 1])}[time]
    outside = {"continuous": ([-1, 1], [5, -2, 1], [-2, 0, 1]), "discrete": ([-2, 1], [3, 1, 1])}[time]
    for _ in range(60):
        p, expected = fmpq_poly([1]), Counts(0, 0, 0)
        for group, unit in ((inside, Counts(1, 0, 0)), (on, Counts(0, 1, 0)), (outside, Counts(0, 0, 1))):
            for _ in range(r.randint(0, 3)):
                factor = fmpq_poly(r.choice(group))
                p = p * factor
                if factor == fmpq_poly([-2, 0, 1]):  # one root on each side
                    expected = expected + Counts(1, 0, 1)
                else:
                    for _ in range(factor.degree()):
                        expected = expected + unit
        if p.degree() > 0:
            assert count(p, time) == expected, p


@pytest.mark.parametrize("time", ["continuous", "discrete"])
def test_every_family_of_conditions_decides_like_the_exact_count(time: str) -> None:
    r, seen = random.Random(11), {True: 0, False: 0}
    for _ in range(250):
        size = r.randint(1, 5)
        rows = _random_matrix(r, size, r.choice((5, 7, 12)))
        if time == "continuous":
            rows = [[x - (1 if i == j else 0) for j, x in enumerate(row)] for i, row in enumerate(rows)]
        a = faddeev_leverrier(rows, fmpq(0), lambda k: fmpq(1, k))
        p = fmpq_mat(rows).charpoly()
        assert a == [p[k] for k in range(size - 1, -1, -1)]
        stable = count(p, time).verdict == "stable"
        seen[stable] += 1
        for name, family in families(a, time, fmpq(1)):
            assert all(x > 0 for x in family) == stable, (name, rows)
    assert min(seen.values()) > 40


def test_semisimple_and_jordan_blocks_on_the_boundary() -> None:
    rotation = [[0, -1, 1, 0], [1, 0, 0, 1], [0, 0, 0, -1], [0, 0, 1, 0]]
    for coupling, whole in ((1, False), (0, True)):
        rows = [[x * coupling if i < 2 <= j else x for j, x in enumerate(row)] for i, row in enumerate(rotation)]
        a = fmpq_mat([[fmpq(x) for x in row] for row in rows])
        assert semisimple(a, a.charpoly(), "continuous") is whole
        assert semisimple(a, a.charpoly(), "discrete") is whole


def test_the_unregularised_alternating_dirac_gan_is_marginal_up_to_four() -> None:
    for k in range(1, 90):
        h = fmpq(k, 20)
        rows = [[fmpq(1), -h / 2], [h / 2, 1 - h * h / 4]]
        claim, sort = ("marginal", "semisimple") if h < 4 else ("marginal", "jordan") if h == 4 else ("unstable", "")
        certificate = {"kind": "schur", "matrix": [[str(x) for x in row] for row in rows], "claim": claim}
        assert check(certificate | ({"boundary": sort} if sort else {})).ok


def test_a_rate_between_the_truth_and_a_false_one() -> None:
    flow = {"kind": "hurwitz", "matrix": [["0", "-1"], ["1", "-1/2"]], "claim": "stable"}
    assert check({**flow, "abscissa": "-24975/100000"}).ok
    assert not check({**flow, "abscissa": "-1/4"}).ok
    assert check({**flow, "abscissa": "-1/4", "claim": "marginal", "boundary": "semisimple"}).ok
