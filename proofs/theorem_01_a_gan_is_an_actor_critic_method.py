"""In its own environment, a blind actor-critic method is a GAN.

The environment tosses a coin and shows the critic the actor's image or a real one; the reward says which. The actor
sees nothing. With the cross-entropy divergence the critic's loss is half the discriminator's loss: an identity of
losses. With the actor's signal scaled by the slope of the divergence, and masked by what is shown, the whole field is
half the minimax GAN's. Networks of any form, spaces of any dimension; the coin gives each term its 1/2.

Source: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.
"""

from bilevel.analysis import Proof, by_rewrite, checks, correspond, refutes, shows
from bilevel.language import network, vector
from bilevel.language.rewrites import sample_by_sample
from bilevel.models import blind_actor_critic, cross_entropy, gan, gan_environment, generator_policy


def conditional_target():
    """The rewrite that takes the expectation inside the divergence, given what the critic sees."""
    environment, policy = gan_environment(), generator_policy()
    action, noise = policy.act(environment.actor_sees, environment.action)
    shown = environment.at(environment.critic_sees[0], action=action)
    guess = network("D", range="probability")(shown, vector("phi", "q"))
    return sample_by_sample(cross_entropy, environment.reward, guess, (*environment.randomness, *noise), shown)


def prove() -> Proof:
    """The theorem with its evidence."""
    adversarial, method = gan(), blind_actor_critic(scaled=True)
    loss, half = method.cost("critic"), adversarial.cost("discriminator") / 2
    inside = blind_actor_critic(inside=True).cost("critic")
    claims = (
        shows("The critic's loss is half the discriminator's loss.", loss, half),
        by_rewrite(
            "So is the loss with the expectation inside the divergence, given what the critic sees: "
            "the paper's form (9).",
            conditional_target(),
            half,
            inside,
        ),
        checks(
            "The field of the scaled, masked actor-critic method is one constant, 1/2, times the minimax GAN's.",
            correspond(method, adversarial, claim="constant"),
            "constant",
        ),
        refutes("With factor 1 in place of 1/2 the losses differ.", loss, 2 * half),
        refutes("With the wrong sign they differ.", loss, -half),
        checks(
            "The two games are not identical.",
            correspond(method, adversarial, claim="identical"),
            "identical",
            holds=False,
        ),
    )
    return Proof(1, "A GAN is an actor-critic method", __doc__ or "", "Pfau and Vinyals 2016, section 2.3", claims)
