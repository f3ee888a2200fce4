"""Recurrent actors are trained back through their memory.

For recurrent networks of any form the actor's gradient in RDPG, after two observations, is -E (dh_2/dtheta^T dpi/dh^T
+ dpi/dtheta^T) dQ/da with dh_2/dtheta = dg/dtheta + (dg/dh) dh_1/dtheta: the chain through every earlier memory. With
the earlier memory held fixed it is something else. On a task where the first observation says what to do at the second,
the actor that remembers settles at the right action, and the flow, copies included, is stable.

Source: Heess, Hunt, Lillicrap, Silver (2015), arXiv:1512.04455, equations 5 and 6; Werbos (1990), doi:10.1109/5.58337.
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, refutes, shows, stability, states
from bilevel.language import E, density, gradient, jacobian, network, random, substitute, vector
from bilevel.language.laws import data
from bilevel.models import instance, rdpg

THETA, PHI = vector("theta", "p"), vector("phi", "q")
G, CELL, PI, Q = network("g", out="d"), network("e", out="e"), network("pi", out="m"), network("Q")
H, O, A, C = vector("h", "d"), vector("obs", "k"), vector("act", "m"), vector("c", "e")


def by_hand():
    """The gradient through the whole memory, and with the first memory held."""
    first = random("o_1", data("O_1", "k"))
    second = random("o_2", density("O_2", "k", first))
    start = sp.ZeroMatrix(H.shape[0], 1)
    h1, c1 = G(start, first, THETA), CELL(sp.ZeroMatrix(C.shape[0], 1), first, PHI)
    h2, c2 = G(h1, second, THETA), CELL(c1, second, PHI)
    early, late = ({H: before, O: seen} for before, seen in ((start, first), (h1, second)))
    own = [substitute(jacobian(G(H, O, THETA), THETA), place) for place in (early, late)]
    back = substitute(jacobian(G(H, O, THETA), H), late)
    of_memory, of_weights = (substitute(jacobian(PI(H, THETA), wrt), {H: h2}) for wrt in (H, THETA))
    pull = substitute(gradient(Q(C, A, PHI), A), {C: c2, A: PI(h2, THETA)})
    whole, held = own[1] + back * own[0], own[1]
    return [-E((of_memory * slope + of_weights).T * pull, first, second) for slope in (whole, held)]


def prove() -> Proof:
    """The theorem with its evidence."""
    whole, held = by_hand()
    field = rdpg().field()[THETA]
    game = instance("rdpg")
    found = equilibria(game)
    verdict = stability(game, at=found.points[0].point).verdict
    claims = (
        shows("The actor's gradient runs back through every memory.", field, whole),
        refutes("With the earlier memory held it is something else.", field, held),
        states(
            "On the task the one equilibrium acts on what was seen first.",
            found.complete and [list(e.point.values()) for e in found.points] == [[1, 1, 1, 1]],
            note=str(found.points[0]),
        ),
        states("The flow, copies included, is stable.", verdict == "stable", note=verdict),
    )
    return Proof(53, "Gradients run back through memory", __doc__ or "", "Heess et al. 2015", claims)
