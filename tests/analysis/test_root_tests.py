"""Open and closed root tests (Hurwitz, Schur by Moebius) on polynomials with planted roots, degrees one to six, and
their mutants."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sympy as sp
from flint import fmpq, fmpq_mat, fmpz_poly

from bilevel.analysis import hurwitz, schur
from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.regions import evaluate
from bilevel.analysis.spectrum import spectrum

TIMES = ("discrete", "continuous")
PIECES = {
    "discrete": (
        [0, 1],
        [-1, 2],
        [1, 0, 2],
        [2, 1, 3],
        [-1, 1],
        [1, 1],
        [1, 1, 1],
        [5, 6, 5],
        [-2, 1],
        [1, 4, 1],
        [3, 1, 1],
    ),
    "continuous": (
        [1, 1],
        [2, 1],
        [1, 1, 1],
        [0, 1],
        [1, 0, 1],
        [2, 0, 3],
        [-1, 1],
        [5, -2, 3],
        [-1, 0, 1],
        [1, 0, 0, 0, 1],
    ),
}


def companion(p: fmpz_poly) -> fmpq_mat:
    n, c = p.degree(), p.coeffs()
    rows = [[fmpq(int(j == i + 1)) for j in range(n)] for i in range(n - 1)]
    return fmpq_mat([*rows, [-fmpq(a) / fmpq(c[n]) for a in c[:n]]])


def planted(time: str, count: int, seed: int) -> list[fmpz_poly]:
    source, result = random.Random(seed), []
    while len(result) < count:
        p = fmpz_poly([1])
        for _ in range(source.randint(1, 4)):
            p *= fmpz_poly(list(source.choice(PIECES[time])))
        if source.random() < 0.3:
            p = fmpz_poly([source.randint(-3, 3) for _ in range(source.randint(1, 5))] + [source.randint(1, 3)])
        if 1 <= p.degree() <= 6:
            result.append(p if p.leading_coefficient() > 0 else -p)
    return result


def disagreements(time: str, count: int, seed: int) -> int:
    coordinates = Coordinates([sp.Symbol("a")], sp.Symbol("z"))
    test = schur.map_test if time == "discrete" else schur.flow_test

    def sign(p: Any) -> int:
        value = p.leading_coefficient() if p != 0 else 0
        return (value > 0) - (value < 0)

    wrong = 0
    for p in planted(time, count, seed):
        found = test([coordinates.context.constant(int(c)) for c in p.coeffs()], coordinates)
        truth = spectrum(companion(p), time).verdict
        assert found.closed is not None
        wrong += bool(evaluate(found.open, sign)) != (truth == "stable")
        wrong += bool(evaluate(found.closed, sign)) != (truth != "unstable")
    return wrong


@pytest.mark.parametrize("time", TIMES)
def test_open_and_closed_conditions_agree_with_planted_roots(time: str) -> None:
    assert disagreements(time, 600, seed=1) == 0


@pytest.mark.parametrize("time", TIMES)
def test_the_shift_by_epsilon_agrees_with_the_short_forms(time: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Force the general closed test for every degree: the same answers."""
    original = hurwitz.root_test

    def general(a: Any, coordinates: Any, *, leading_known: bool, shifted: Any = None) -> Any:
        found = original(a, coordinates, leading_known=leading_known, shifted=shifted)
        return hurwitz.RootTest(found.strict, hurwitz._closed_by_shift(shifted(), coordinates))

    monkeypatch.setattr(schur, "root_test", general)
    assert disagreements(time, 150, seed=2) == 0


def _without_determinant(a: Any, coordinates: Any, **rest: Any) -> Any:
    found = hurwitz.root_test(a, coordinates, **rest)
    return hurwitz.RootTest(tuple(s for s in found.strict if s[1] != "pair"), found.closed)


def _open_for_closed(a: Any, coordinates: Any, **rest: Any) -> Any:
    found = hurwitz.root_test(a, coordinates, **rest)
    return hurwitz.RootTest(found.strict, found.open)


def _wrong_end(c: Any, zero: Any) -> Any:
    first, *others = original_moebius(c, zero)
    return [-first, *others]


original_moebius = schur.moebius
MUTANTS = [
    ("continuous", hurwitz, "_discriminant", lambda a, b, c, coordinates: coordinates.one),
    ("continuous", schur, "root_test", _without_determinant),
    ("discrete", schur, "root_test", _open_for_closed),
    ("discrete", schur, "moebius", _wrong_end),
]


@pytest.mark.parametrize(("time", "module", "name", "mutant"), MUTANTS)
def test_mutants_are_caught(time: str, module: Any, name: str, mutant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The biquadratic clause, a determinant, the closed formula, a sign: each change is noticed."""
    monkeypatch.setattr(module, name, mutant)
    assert disagreements(time, 400, seed=1) > 0
