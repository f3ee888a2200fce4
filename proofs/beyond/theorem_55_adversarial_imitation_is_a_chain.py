"""Adversarial imitation is a chain: the discriminator teaches the critic, the critic teaches the actor.

For networks of any form in GAIL: the actor's gradient does not contain the discriminator at all, the discriminator's
does not contain the critic, and the critic, who is told -log D as reward, does not differentiate it: so D speaks to the
actor through what the critic has learned only. Pointwise the best discriminator is p_pi/(p_pi + p_expert), and where
the two occupancies agree every action pays log 2. On two actions the chain of three has one equilibrium, the expert's
policy, and its flow is stable.

Source: Ho and Ermon (2016), arXiv:1606.03476, section 5.
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, information_structure, shows, stability, states
from bilevel.language.function_space import densities, pointwise_best_response
from bilevel.models import gail, instance


def prove() -> Proof:
    """The theorem with its evidence."""
    game = gail("reparameterised")
    empty = [game.jacobian(of=a, wrt=b) for a, b in (("actor", "discriminator"), ("discriminator", "critic"))]
    edges = {(e.source, e.target, e.kind) for e in information_structure(game).edges}
    p, q = densities("p q")
    u = sp.Symbol("D")
    best = pointwise_best_response(-p * sp.log(u) - q * sp.log(1 - u), u, range="probability")
    small = instance("gail")
    found = equilibria(small)
    (point,) = [e.point for e in found.points]
    verdict = stability(small, at=point).verdict
    claims = (
        states(
            "The actor does not hear the discriminator, nor the discriminator the critic.",
            all(isinstance(block, sp.ZeroMatrix) for block in empty),
            note="both blocks of the Jacobian are zero matrices",
        ),
        states(
            "D tells Q the reward and passes no gradient to it; Q passes its gradient to pi.",
            {("D", "Q", "information"), ("Q", "pi", "gradient")} <= edges and ("D", "Q", "gradient") not in edges,
            note="edges of the information structure",
        ),
        shows("The best discriminator is p/(p + q), p the actor's occupancy.", best.value, p / (p + q)),
        shows("Where they agree every action pays log 2.", -sp.log(best.value.subs(q, p)), sp.log(2)),
        states(
            "On two actions the one equilibrium is the expert's policy.",
            found.complete and list(point.values()) == [0, 0, sp.log(3)],
            note=str(found.points[0]),
        ),
        states("Its flow is stable.", verdict == "stable", note=verdict),
    )
    return Proof(55, "Adversarial imitation is a chain", __doc__ or "", "Ho and Ermon 2016, section 5", claims)
