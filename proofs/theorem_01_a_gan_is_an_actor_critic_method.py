"""In its own environment, a blind actor-critic method is a GAN.

The environment tosses a coin and shows the critic the actor's image or a real one; the reward says which. The actor sees
nothing. With the cross-entropy divergence the critic's loss is half the discriminator's loss: an identity of losses. With the
actor's signal scaled by the slope of the divergence, and masked by what is shown, the whole field is half the minimax GAN's.
Networks of any form, spaces of any dimension; the coin gives each term its 1/2.

Source: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.
"""

from bilevel.analysis import Proof, checks, correspond, refutes, shows
from bilevel.models import blind_actor_critic, gan


def prove() -> Proof:
    """The theorem with its evidence."""
    adversarial, method = gan(), blind_actor_critic(scaled=True)
    inside = blind_actor_critic(scaled=True, inside=True)
    loss, half = method.cost("critic"), adversarial.cost("discriminator") / 2
    same = correspond(method, adversarial)
    claims = (
        shows("The critic's loss is half the discriminator's loss.", loss, half),
        checks("The field of the scaled actor-critic method is a constant multiple, 1/2, of the minimax GAN's.", same, "constant"),
        refutes("With factor 1 in place of 1/2 the losses differ.", loss, 2 * half),
        checks("The losses are not identical.", correspond(method, adversarial, claim="identical"), "identical", holds=False),
        checks(
            "Taking the expectation inside the divergence, given what the critic sees, changes nothing.",
            correspond(inside, adversarial, claim="constant"),
            "constant",
        ),
    )
    return Proof(1, "A GAN is an actor-critic method", __doc__ or "", "Pfau and Vinyals 2016, section 2.3", claims)
