"""Why the actor must be blind.

A sighted actor, whose critic still sees only the image shown, is exactly half a GAN whose noise law is the data law.
Copying the
image is optimal there: the critic's loss is log 2 and the actor's gradient zero at the constant critic 1/2. Sightedness
makes the problem trivial. With noise of another law, the equality fails; so does equality with any GAN whose critic
sees only the image once the critic also sees the state, since (copying apart) it can tell a shown state from another
image.

Source: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.
"""

import sympy as sp

from bilevel.analysis import Proof, checks, correspond, refutes, shows, states
from bilevel.game import Game
from bilevel.language import data, gradient, network, vector
from bilevel.language.function_space import pointwise_best_response
from bilevel.models import blind_actor_critic, gan


def copying(loss):
    """The loss when the generator copies what it sees, at the constant critic 1/2."""
    generator, critic = network("G", out="n"), network("D", range="probability")
    copied = loss.replace(lambda e: getattr(e, "network", None) == generator, lambda e: e.arguments[0])
    return copied.replace(lambda e: getattr(e, "network", None) == critic, lambda e: sp.Rational(1, 2))


def prove() -> Proof:
    """The theorem with its evidence."""
    theta = vector("theta", "p")
    sighted = blind_actor_critic(sighted=True, scaled=True)
    fed_with_data, other_noise = gan(noise=data("p_data", "n")), gan(noise=data("p_noise", "n"))
    loss = sighted.cost("critic")
    claims = (
        shows(
            "The sighted critic's loss is half that of a GAN whose noise is drawn from the data.",
            loss,
            fed_with_data.cost("discriminator") / 2,
        ),
        checks("So is the whole field.", correspond(sighted, fed_with_data, claim="constant"), "constant"),
        shows("When the actor copies, and the critic is 1/2, the critic's loss is log 2.", copying(loss), sp.log(2)),
        shows(
            "At a critic without slope the actor's gradient is zero.",
            flat(sighted, theta),
            sp.ZeroMatrix(theta.shape[0], 1),
        ),
        refutes(
            "With noise of another law the losses are no longer proportional.",
            loss,
            other_noise.cost("discriminator") / 2,
        ),
        told_apart(),
    )
    return Proof(8, "A sighted actor has it easy", __doc__ or "", "Pfau and Vinyals 2016, section 2.3", claims)


def flat(game: Game, theta):
    """The actor's gradient with a critic that does not depend on the image."""
    critic, blank = network("D", range="probability"), network("D_flat", range="probability")
    loss = game.cost("actor").replace(lambda e: getattr(e, "network", None) == critic, lambda e: blank(e.arguments[-1]))
    return gradient(loss, theta)


def told_apart():
    """Data on two points, generated images of the same law: what the best critic pays when it also sees the state."""
    half, best = sp.Rational(1, 2), sp.Symbol("D")
    paid = sp.S.Zero
    for state in (0, 1):
        for image in (0, 1):
            real = half * half if image == state else sp.S.Zero
            fake = half * half * half
            loss = -real * sp.log(best) - fake * sp.log(1 - best)
            # Without real mass the loss falls towards D = 0, where it is 0.
            paid += pointwise_best_response(loss, best, range="probability").value_at_best_response if real else 0
    gap = sp.expand_log(sp.log(2) - paid, force=True)
    text = (
        "With a critic that also sees the state no GAN is equal: generated images of the law of the data cost the best "
        "GAN critic log 2, this one less."
    )
    return states(
        text,
        bool(gap.is_positive),
        note=f"data on two points with mass 1/2: {sp.N(paid, 6)} < log 2 = {sp.N(sp.log(2), 6)}",
    )
