"""Penalties on the slope of a critic: the general form, put on the Dirac-GAN, is the Dirac-GAN's own."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel import models
from bilevel.language import equal, sigmoid
from bilevel.language.errors import GameError
from bilevel.language.instance import Instance
from bilevel.language.instantiate import instantiate

DIRAC = Instance(
    dims={"n": 1, "m": 1, "p": 1, "q": 1},
    # The Dirac-GAN's discriminator is large on generated points, a GAN's on data: the logit changes sign.
    networks={"D": lambda x, phi: sigmoid(-phi[0] * x[0]), "G": lambda z, theta: [theta[0]]},
    laws={"p_data": ([[0]], [1])},
    vectors={"phi": [sp.Symbol("psi", real=True)]},
)


@pytest.mark.parametrize("kind", [None, "R1", "R2", "both"])
@pytest.mark.parametrize("generator", ["minimax", "non-saturating"])
def test_the_dirac_gan_is_an_instance(kind, generator):
    general = models.gan(generator)
    if kind:
        general = models.with_gradient_penalty(general, kind)
    own = models.dirac_gan(penalty=kind, generator=generator).field()
    found = instantiate(general, DIRAC).field()
    assert set(found) == set(own)
    for variable, slope in found.items():
        difference = slope - own[variable]
        for psi in (sp.Rational(2, 3), sp.Rational(-5, 4)):
            values = {"psi": psi, "theta": sp.Rational(3, 7), "gamma": sp.Rational(5, 2)}
            at = {s: values[s.name] for s in difference.free_symbols}
            assert abs(sp.N(difference.subs(at), 30)) < 1e-25


def test_only_the_critic_pays():
    for kind in ("R1", "R2", "both", "WGAN-GP"):
        game = models.with_gradient_penalty(models.wgan(), kind)
        assert game.cost("generator") == models.wgan().cost("generator")
        phi = game["discriminator"].moves[0]
        assert equal(game.field()[phi], models.wgan().field()[phi]).answer is False


def test_two_sided_penalty_by_two_roads():
    """Derive and then choose coordinates, or choose coordinates and then differentiate, with u at one place."""
    game = models.with_gradient_penalty(models.wgan(), "WGAN-GP", 3)
    instance = Instance(
        dims={"n": 2, "m": 1, "p": 1, "q": 1},
        networks={
            "D": lambda x, phi: phi[0] * (x[0] + 2 * x[1]) + phi[0] ** 2 * (x[0] ** 2 + x[1] ** 2) / 2,
            "G": lambda z, theta: [theta[0], 1],
        },
        laws={"p_data": ([[1, 2]], [1])},
    )
    phi = game["discriminator"].moves[0]
    derived = instantiate(game.field()[phi], instance)[0]
    direct = next(iter(instantiate(game, instance).field().values()))
    gap = derived - direct
    inner = [part for part in gap.atoms(sp.Symbol) if part.name not in ("phi", "theta")]
    bodies = gap.replace(lambda e: type(e).__name__ == "PendingExpectation", lambda e: e.body)
    bodies = bodies.subs({s: sp.Rational(1, 3) for s in bodies.free_symbols | set(inner)})
    assert abs(sp.N(bodies, 30)) < 1e-25


def test_what_cannot_be_penalised_is_refused():
    with pytest.raises(GameError, match="R1"):
        models.with_gradient_penalty(models.wgan(), "R3")
    with pytest.raises(GameError, match="data"):
        models.with_gradient_penalty(models.blind_actor_critic(), player="critic")
