"""First- and second-order architecture search differ by a Hessian term.

The second-order gradient of DARTS, seen through one step w' = w - xi grad_w L_train(w, a), is grad_a L_val(w', a)
- xi (d_a d_w L_train(w, a)) grad_w' L_val(w', a), for losses of any form and any dimension; at xi = 0 it is the
first-order one. On the bilinear example of the paper the two settle elsewhere: first-order search at (2, 2), second
order at 2/(1 + 2 xi), which is the optimum (1, 1) at xi = 1/2, where one step reaches the weights' best response.

Source: Liu, Simonyan, Yang (2019), arXiv:1806.09055, equations 6 to 8 and figure 2.
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, refutes, shows, states
from bilevel.language import E, gradient, jacobian, network, random, substitute, vector
from bilevel.language.laws import data
from bilevel.models import darts, instance

XI = sp.Symbol("xi", positive=True)
A, W = vector("a", "d"), vector("w", "p")


def formula():
    """Equation 7 of the paper."""
    loss, x, v = network("l"), random("x", data("train", "n")), random("v", data("validation", "n"))
    training, held = E(loss(x, A, W), x), E(loss(v, A, W), v)
    reached = W - XI * gradient(training, W)
    direct, pull = (substitute(gradient(held, u), {W: reached}) for u in (A, W))
    return direct - XI * jacobian(gradient(training, W), A).T * pull, direct


def points(game):
    """Equilibria as tuples of values."""
    found = equilibria(game)
    return found.complete, [tuple(e.point.values()) for e in found.points]


def prove() -> Proof:
    """The theorem with its evidence."""
    second, direct = formula()
    field = darts().field()[A]
    first, later = points(instance("darts", order=1)), points(instance("darts"))
    best = points(instance("darts", step=sp.Rational(1, 2)))
    claims = (
        shows("The second-order gradient is the paper's.", field, second),
        refutes("The Hessian term is not nothing.", field, direct),
        shows("At xi = 0 it is the first-order gradient.", substitute(field, {XI: sp.S.Zero}), darts(1).field()[A]),
        states("On the example first-order search settles at (2, 2).", first == (True, [(2, 2)]), note=str(first[1])),
        states(
            "Second-order search settles at 2/(1 + 2 xi), twice ...",
            later[0] and [sp.cancel(u - 2 / (1 + 2 * XI)) for u in later[1][0]] == [0, 0],
            note=str(later[1]),
        ),
        states("... which is the optimum (1, 1) at xi = 1/2.", best == (True, [(1, 1)]), note=str(best[1])),
    )
    return Proof(42, "First- and second-order search", __doc__ or "", "Liu et al. 2019, equations 6 to 8", claims)
