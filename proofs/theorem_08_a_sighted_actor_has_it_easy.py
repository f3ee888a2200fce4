"""Why the actor must be blind.

A sighted actor, whose critic still sees only the image shown, is exactly half a GAN whose noise law is the data law.
Copying the image is optimal there: the critic's loss is log 2 and the actor's gradient zero at the constant critic
1/2. Sightedness makes the problem trivial. With noise of another law, the equality fails; so does equality with any
GAN whose critic sees only the image once the critic also sees the state, since (copying apart) it can tell a shown
state from another image.

Source: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, checks, correspond, refutes, shows, states
from bilevel.game import Game
from bilevel.language import data, gradient, network, vector
from bilevel.language.function_space import densities, pointwise_best_response
from bilevel.language.instance import Instance
from bilevel.language.instantiate import instantiate
from bilevel.language.orders_of_play import orders_of_play
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
    loss, critic = sighted.cost("critic"), sp.Symbol("D")
    both = orders_of_play(sp.log(critic), sp.log(1 - critic), critic)
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
        states(
            "Copying is optimal: no law of images costs the best critic more, and only that of the data costs as much.",
            both.value == -2 * sp.log(2) and both.matching_is_unique,
            trace=both.generator_leads,
        ),
        refutes("With noise of another law the losses differ, ...", loss, other_noise.cost("discriminator") / 2),
        checks(
            "... and the fields are no constant multiples.",
            correspond(sighted, other_noise, claim="constant-per-player"),
            "constant-per-player",
            holds=False,
        ),
        *told_apart(),
    )
    return Proof(8, "A sighted actor has it easy", __doc__ or "", "Pfau and Vinyals 2016, section 2.3", claims)


def flat(game: Game, theta):
    """The actor's gradient with a critic that does not depend on the image."""
    critic, blank = network("D", range="probability"), network("D_flat", range="probability")
    loss = game.cost("actor").replace(lambda e: getattr(e, "network", None) == critic, lambda e: blank(e.arguments[-1]))
    return gradient(loss, theta)


def other_of_two(sees_state: bool) -> sp.Expr:
    """The critic's loss where the data are 0 or 1, each half the time, and the actor shows the state it does not see.

    A critic that sees the state guesses 4/5 where the image is the state and 1/5 where it is not.
    """
    half, fifths = sp.Rational(1, 2), sp.Rational(3, 5)
    critic = {
        True: lambda image, state, phi: sp.Rational(4, 5) - fifths * (image[0] - state[0]) ** 2,
        False: lambda image, phi: half,
    }
    instance = Instance(
        dims={"n": 1, "p": 1, "q": 1},
        networks={"D": critic[sees_state], "G": lambda state, theta: [1 - state[0]]},
        laws={"p_data": ([[0], [1]], [half, half])},
    )
    game = blind_actor_critic(sighted=True, critic_sees_state=sees_state)
    return instantiate(game.cost("critic"), instance)


def told_apart() -> tuple[Claim, ...]:
    """Why no GAN is the method whose critic sees the state as well."""
    p = densities("p")
    d = sp.Symbol("D")
    least = pointwise_best_response(-(p * sp.log(d) + p * sp.log(1 - d)) / 2, d, range="probability")
    paid, blind = other_of_two(True), other_of_two(False)
    gap = sp.expand_log(sp.log(2) - paid, force=True)
    return (
        shows(
            "Where the generated images have the law p of the data, a GAN's critic pays at least half of 2 p log 2 at "
            "every image, log 2 in all, whatever the noise: its best value is 1/2.",
            least.value_at_best_response,
            p * sp.log(2),
        ),
        states(
            "With a critic that also sees the state no GAN is equal: on two states, an actor that shows the other one "
            "keeps the law of the data, and such a critic pays less than log 2.",
            bool(gap.is_positive) and sp.expand_log(blind - sp.log(2), force=True) == 0,
            note=f"it pays {paid} = {sp.N(paid, 6)}; a critic that sees only the image pays log 2 at its best",
        ),
    )
