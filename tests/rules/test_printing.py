"""Update equations read as papers write them: the variable first, then its step with its sign in front."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel import rules
from bilevel.game import Game, minimize
from bilevel.models import gan, nfqca

H, M = sp.symbols("h m", positive=True)
REAL, FAKE = "E_w[d2 D(w, phi) / D(w, phi)]", "E_z[d2 D(G(z, theta), phi) / (1 - D(G(z, theta), phi))]"


def test_a_network_update_in_text() -> None:
    first, second = str(rules.derive(gan(), rules.alternating(H))).splitlines()
    assert first == f"phi[t+1] = phi - h*({FAKE} - {REAL})"
    assert second.startswith("theta[t+1] = theta + h*E_z[") and "phi[t+1]" in second


def test_momentum_and_past_gradients_in_text() -> None:
    first = str(rules.derive(gan(), rules.heavy_ball(H, M))).splitlines()[0]
    assert first == f"phi[t+1] = phi - h*({FAKE} - {REAL}) + m*(phi - phi_previous)"
    first = str(rules.derive(gan(), rules.optimistic(step=H))).splitlines()[0]
    assert first.startswith(f"phi[t+1] = phi - 2*h*({FAKE} - {REAL}) + h*(")


@pytest.mark.parametrize(
    "rule", [rules.alternating(H), rules.extragradient(H), rules.heavy_ball(H, M), rules.optimistic(step=H)]
)
def test_signs_stand_between_summands(rule) -> None:
    for game in (gan(), gan(leader="discriminator")):
        text, typeset = str(rules.derive(game, rule)), rules.derive(game, rule).latex()
        assert "(-" not in text.replace("^(-1)", "") and "*-" not in text and ".T" not in text
        assert r"\left(-" not in typeset and r" -h" not in typeset and "^{\\top}^" not in typeset


def test_the_leaders_step_holds_one_inverse_hessian() -> None:
    update = rules.derive(gan(leader="discriminator"), rules.simultaneous(H))
    first = str(update).splitlines()[0]
    assert first.count(")^-1 ") == 1 and "**" not in first
    assert update.latex().count("^{-1}") == 1


def test_the_flow_and_names_with_an_underscore() -> None:
    text = str(rules.derive(gan(), rules.flow()))
    assert text.splitlines()[0] == f"dphi/dt = {REAL} - {FAKE}"
    x = sp.Symbol("phi_copy", real=True)
    assert str(rules.derive(Game(a=minimize(x**2 / 2, x)), rules.simultaneous(H))) == (
        "phi_copy[t+1] = phi_copy - h*phi_copy"
    )
    copied = rules.derive(nfqca(), rules.simultaneous(H))
    assert "phi_copy[t+1] = phi_copy - h*(phi_copy - phi)" in str(copied)
