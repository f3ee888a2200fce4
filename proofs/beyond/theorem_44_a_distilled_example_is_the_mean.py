"""A distilled example is the mean, where distance is squared.

The gradient for made-up examples, seen through one training step w' = w - eta grad l(s, w), is -eta (d_s d_w l(s, w))
grad E l(v, w'), for losses of any form and any dimension: the data speak at the weights that training reaches. For the
squared distance one made-up example settles at the mean of the data, whatever the step and whether training is seen for
one step or to its end, and the flow is stable there.

Source: Wang, Zhu, Torralba, Efros (2018), arXiv:1811.10959, equations 3 and 4.
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, refutes, shows, stability, states
from bilevel.language import E, gradient, jacobian, network, random, substitute, vector
from bilevel.language.laws import data
from bilevel.models import data_distillation, instance

ETA, S, W = sp.Symbol("eta", positive=True), vector("s_1", "n"), vector("w", "p")


def by_hand():
    """The gradient at the weights reached, and at the weights before the step."""
    loss, v = network("l"), random("v", data("validation", "n"))
    slope = gradient(loss(S, W), W)
    pull = gradient(E(loss(v, W), v), W)
    mixed = jacobian(slope, S).T
    return -ETA * mixed * substitute(pull, {W: W - ETA * slope}), -ETA * mixed * pull


def prove() -> Proof:
    """The theorem with its evidence."""
    reached, before = by_hand()
    field = data_distillation().field()[S]
    claims = [
        shows("The gradient is taken at the weights that training reaches.", field, reached),
        refutes("Not at the weights before.", field, before),
    ]
    for reply in ("unrolled 1", "best response"):
        game = instance("data_distillation", reply=reply)
        found = equilibria(game)
        verdict = stability(game, at=found.points[0].point).verdict
        claims.append(
            states(
                f"Seen by {reply}, the example settles at the mean 2 of 1 and 3, and the flow is stable.",
                found.complete and [list(e.point.values()) for e in found.points] == [[2, 2]] and verdict == "stable",
                note=f"{found.points[0]}; {verdict}",
            )
        )
    return Proof(44, "A distilled example is the mean", __doc__ or "", "Wang et al. 2018", tuple(claims))
