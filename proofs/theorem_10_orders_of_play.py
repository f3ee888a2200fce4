"""Orders of play, in function space.

Generator leads, min_G max_D: value -log 4 at q = p, and only there. Critic leads, max_D min_G: the generator's replies
are the laws carried by argmax D; the leader's best is D = 1/2 on the support of the data and at most 1/2 elsewhere, the
value is again -log 4, and any law carried by {D = 1/2} is a best reply: collapse is allowed. Simultaneous play: the
field. The leader is a parameter of the game, not of the code.

Source: Pfau and Vinyals (2016), arXiv:1610.01945, equations 1 and 2; Goodfellow et al. (2014), arXiv:1406.2661,
theorem 1.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, refutes, shows, states
from bilevel.language import vector
from bilevel.language.function_space import densities
from bilevel.language.orders_of_play import critic_leads_value, law_best_reply, orders_of_play
from bilevel.models import gan


def in_function_space() -> tuple[Claim, ...]:
    """Each order of play, over all critics and all laws."""
    critic, half = sp.Symbol("D"), sp.Rational(1, 2)
    both = orders_of_play(sp.log(critic), sp.log(1 - critic), critic)
    p, q = densities("p q")
    slope = p / critic - q / (1 - critic)
    reply = law_best_reply([half, half, sp.Rational(1, 3)])
    good = critic_leads_value([half, half, 0], [half, half, sp.Rational(1, 3)])
    bad = critic_leads_value([half, half, 0], [half, half, sp.Rational(2, 3)])
    return (
        states(
            "Generator leads: the value is -log 4, at q = p and only there.",
            both.value == -2 * sp.log(2) and both.matching_is_unique,
            trace=both.generator_leads,
        ),
        states(
            "Critic leads: against every critic the replies are the laws carried by argmax D. The value is -log 4 "
            "again, for D = 1/2 on the support of the data and at most 1/2 elsewhere, and for no other critic.",
            both.level == half and both.value == -2 * sp.log(2),
            trace=both.critic_leads,
        ),
        shows("Simultaneous play: the critic's slope at a point is p/D - q/(1 - D) ...", both.field[0], slope),
        shows("... and the generator's, in its density there, log(1 - D).", both.field[1], sp.log(1 - critic)),
        states(
            "On three points, the replies to D = (1/2, 1/2, 1/3) are all laws on the first two: collapse is allowed.",
            reply.contains([1, 0, 0])
            and reply.contains([half, half, 0])
            and not reply.contains([0, 0, 1])
            and not reply.unique,
            note="(1, 0, 0) and (1/2, 1/2, 0) are replies, (0, 0, 1) is none",
        ),
        states(
            "A critic at most 1/2 off the data is optimal.",
            good.optimal and good.margin == 1,
            note=f"margin {good.margin}",
        ),
        states("A critic above 1/2 somewhere off the data is not.", bad.margin > 1, note=f"margin {bad.margin}"),
    )


def the_leader_is_data() -> tuple[Claim, ...]:
    """The same game led by either player, over networks of any form."""
    theta, phi = vector("theta", "p"), vector("phi", "q")
    plain, led, following = gan(), gan(leader="generator"), gan(leader="discriminator")
    return (
        shows("With the generator leading, only its own gradient changes ...", led.field()[phi], plain.field()[phi]),
        refutes("... by the implicit derivative through the reply.", led.field()[theta], plain.field()[theta]),
        shows(
            "With the discriminator leading, only its own changes ...", following.field()[theta], plain.field()[theta]
        ),
        refutes("... by the derivative through the generator's reply.", following.field()[phi], plain.field()[phi]),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    claims = (*in_function_space(), *the_leader_is_data())
    return Proof(10, "Orders of play", __doc__ or "", "Pfau and Vinyals 2016, equations 1 and 2", claims)
