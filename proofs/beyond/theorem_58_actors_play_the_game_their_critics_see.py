"""Actors play the game that their critics see.

Two actors with central critics, of any form: where the second critic is minus the first the blocks of the Jacobian
between the actors are opposite transposes, where it is the first they are transposes of each other. Learning the
critics makes neither the conflict nor the cooperation go away. On the bilinear payoff the critics converge, and what is
left at the equilibrium is the actors' centre: a pair of imaginary eigenvalues.

Source: Lowe et al. (2017), arXiv:1706.02275; Balduzzi et al. (2018), arXiv:1802.05642; Singh, Kearns, Mansour (2000).
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, refutes, shows, states
from bilevel.game import Game
from bilevel.language import network, vector
from bilevel.models import instance, maddpg


def with_second_critic(sign):
    """The game of the actors alone, the second critic a multiple of the first."""
    first, phi = network("Q_1"), vector("phi_1", "q_1")
    game = maddpg()

    def change(loss):
        return loss.replace(
            lambda part: getattr(getattr(part, "network", None), "name", "") == "Q_2" and hasattr(part, "arguments"),
            lambda part: sign * first(*part.arguments[:-1], phi),
        )

    actors = {name: game[name] for name in ("actor_1", "actor_2")}
    return Game(actors).map_losses(change)


def prove() -> Proof:
    """The theorem with its evidence."""
    opposed, joint = with_second_critic(-1), with_second_critic(1)

    def blocks(game):
        return game.jacobian(of="actor_1", wrt="actor_2"), game.jacobian(of="actor_2", wrt="actor_1").T

    small = instance("maddpg")
    found = equilibria(small)
    (point,) = [e.point for e in found.points]
    spectrum = small.jacobian().subs(point).eigenvals()
    claims = (
        shows("Opposed critics: opposite transposes.", blocks(opposed)[0], -blocks(opposed)[1]),
        shows("One critic for both: transposes of each other.", *blocks(joint)),
        refutes("Opposed critics are not one critic.", *blocks(opposed)),
        states(
            "On the bilinear payoff the critics are right and the actors at 0.",
            found.complete and [point[v] for v in small.variables] == [1, 0, -1, 0],
            note=str(found.points[0]),
        ),
        states(
            "There the critics contract and the actors have a pair of imaginary eigenvalues.",
            spectrum == {sp.Integer(2): 2, sp.I: 1, -sp.I: 1},
            note=str(spectrum),
        ),
    )
    return Proof(58, "Actors play the game their critics see", __doc__ or "", "Lowe et al. 2017", claims)
