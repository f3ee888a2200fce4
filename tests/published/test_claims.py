"""The comparisons themselves: a wrong claim is called wrong, an undecided one unknown."""

from __future__ import annotations

import sympy as sp

from bilevel.analysis import stability
from bilevel.language.errors import UnknownAnswer
from bilevel.rules import alternating, extragradient, simultaneous
from tests.published.claims import (
    Check,
    Q,
    Result,
    differs,
    is_zero,
    matrix_of,
    outcome,
    radius_below,
    radius_is,
    region,
    same,
    spectrum,
)
from tests.published.dirac import F1, dirac, psi, slope_penalty, theta
from tests.published.zero_sum import BILINEAR, ORIGIN, UNIT, eta, sigma

h, gamma = sp.symbols("h gamma", positive=True)


def status(*checks: Check) -> str:
    return outcome(Result("X", "nobody", "nothing", lambda: checks)).status


def test_identities_are_told_from_near_misses():
    a = sp.Symbol("a", positive=True)
    assert same("", (a + 1) ** 2, a**2 + 2 * a + 1).holds is True
    assert same("", sp.sqrt(1 + a), 1 + a / 2).holds is False
    assert same("", sp.Matrix([[a, 1]]), sp.Matrix([[a, 1 + Q(1, 10**12)]])).holds is False
    assert differs("", a, a + 1).holds is True
    assert is_zero(sp.gamma(a + 1) - a * sp.gamma(a)) is not False


def test_a_wrong_spectrum_is_wrong():
    found = matrix_of(BILINEAR, simultaneous(eta))
    assert spectrum("", found, 1 + sp.I * eta * sigma, 1 - sp.I * eta * sigma).holds
    assert spectrum("", found, 1 + sp.I * eta * sigma, 1 + sp.I * eta * sigma).holds is False


def test_a_wrong_region_is_wrong():
    verdict = stability(BILINEAR, extragradient(eta), at=ORIGIN)
    assert region("right", verdict, eta * sigma < 1, on=[{eta: 1, sigma: 1}]).holds
    for wrong in (eta * sigma < Q(9, 10), eta * sigma > 1, sp.And(eta * sigma < 1, eta < 1)):
        assert region("wrong", verdict, wrong, points=80).holds is False
    assert region("wrong boundary", verdict, eta * sigma < 1, on=[{eta: 1, sigma: Q(99, 100)}]).holds is False
    penalised = stability(dirac(slope_penalty("R1", gamma)), alternating(h), at={theta: 0, psi: 0})
    assert region("too generous", penalised, h**2 * F1**2 + h * gamma < 4, points=80).holds is False


def test_a_wrong_radius_is_wrong():
    found = matrix_of(UNIT, alternating(eta))
    assert radius_is("", found, sp.S.One, eta < 2).holds
    assert radius_is("", found, 1 + eta, eta < 2).holds is False
    assert radius_below("", found, 1 + eta, eta < 1).holds
    assert radius_below("", found, sp.S.One, eta < 1).holds is False


def test_what_becomes_of_a_result():
    def stops() -> list[Check]:
        raise UnknownAnswer("too large")

    assert status(Check("", True)) == "re-derived"
    assert status(Check("", True), Check("", None)) == "unknown"
    assert status(Check("", None), Check("", False)) == "wrong"
    assert status() == "unknown"
    assert outcome(Result("X", "nobody", "nothing", stops)).status == "unknown"
