"""Every certificate handed out is accepted by the independent checker, and mutants of it are refused."""

from __future__ import annotations

import copy

import pytest
import sympy as sp

from bilevel import Game, maximize, minimize, rules, stability
from bilevel.certificate import CertificateError, check

theta, psi = sp.symbols("theta psi", real=True)
h, gamma = sp.symbols("h gamma", positive=True)
LOSS = -sp.log(1 + sp.exp(-psi * theta))
PENALISED = Game(generator=minimize(LOSS, theta), discriminator=maximize(LOSS - gamma / 2 * psi**2, psi))
RULES = [rules.flow(), rules.simultaneous(h), rules.alternating(h), rules.extragradient(h), rules.optimistic(step=h)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_region_of_a_rule_is_certified(rule):
    certificate = stability(PENALISED, rule, at={theta: 0, psi: 0}).certificate
    assert certificate is not None and check(certificate).ok


def accepted(certificate) -> bool:
    try:
        return check(certificate).ok
    except CertificateError:
        return False


def test_a_wider_or_narrower_region_is_refused():
    right = stability(PENALISED, rules.alternating(h), at={theta: 0, psi: 0}).certificate
    for bound in ("3", "5"):
        wrong = copy.deepcopy(right)
        wrong["claim"][0][2] = bound
        assert not accepted(wrong)


def test_numbers_are_certified_with_the_opposite_claim_refused():
    game = PENALISED.map_losses(lambda loss: loss.subs(gamma, 1))
    right = stability(game, rules.simultaneous(sp.Rational(1, 3)), at={theta: 0, psi: 0}).certificate
    assert right["claim"] == "stable" and check(right).ok
    assert not accepted({**right, "claim": "unstable"})


def test_a_verdict_that_is_not_exact_has_no_certificate():
    game = PENALISED.map_losses(lambda loss: loss.subs(gamma, 0.5))
    assert stability(game, rules.simultaneous(0.25), at={theta: 0, psi: 0}).certificate is None
