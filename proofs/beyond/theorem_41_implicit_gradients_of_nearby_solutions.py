"""Implicit MAML: the gradient through a solution that is kept near the meta-parameters.

With the task's loss L and the term lambda/2 |w - theta|^2 the reply's derivative is (I + H/lambda)^(-1), H the Hessian
of L at the solution. So the meta-gradient is lambda (H + lambda I)^(-1) grad L_test, for losses of any form and any
dimension: it needs the solution only and not the way there. Hyperparameter optimisation is the same statement with a
penalty R(h, w): the gradient is -(d_h d_w R) (H + d_w d_w R)^(-1) grad L_validation; for ridge regression it is the
derivative of the closed form.

Source: Rajeswaran, Finn, Kakade, Levine (2019), arXiv:1909.04630, lemma 1; Pedregosa (2016), arXiv:1602.02355,
equation 2.
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, refutes, shows, states
from bilevel.language import E, gradient, jacobian, network, random, vector
from bilevel.language.laws import data
from bilevel.models import hyperparameter_optimisation, imaml, instance

LAMBDA = sp.Symbol("lambda", positive=True)


def near():
    """(the engine's meta-gradient, the lemma's, the test gradient alone)."""
    theta, w = vector("theta", "p"), vector("w_1", "p")
    loss, x, v = network("l"), random("x_1", data("train_1", "n")), random("v_1", data("test_1", "n"))
    hessian = jacobian(gradient(E(loss(x, w), x), w), w)
    pull = gradient(E(loss(v, w), v), w)
    identity = sp.Identity(w.shape[0])
    return imaml(1).field()[theta], LAMBDA * sp.Inverse(hessian + LAMBDA * identity) * pull, pull


def tuned():
    """(the engine's gradient for the hyperparameters, the implicit formula)."""
    h, w = vector("h", "d"), vector("w", "p")
    loss, penalty = network("l"), network("R", range="positive")
    x, v = random("x", data("train", "n")), random("v", data("validation", "n"))
    slope = gradient(E(loss(x, w), x) + penalty(h, w), w)
    pull = gradient(E(loss(v, w), v), w)
    mixed = jacobian(slope, h)
    return hyperparameter_optimisation().field()[h], -mixed.T * sp.Inverse(jacobian(slope, w)) * pull


def ridge():
    """(the engine's gradient on the learner's answer, the derivative of the closed form), and the equilibria."""
    game = instance("hyperparameter_optimisation")
    h, w = game.variables
    answer = 2 / (1 + sp.exp(h))
    return game.field()[h].subs(w, answer), sp.diff((answer - 1) ** 2 / 2, h), equilibria(game)


def prove() -> Proof:
    """The theorem with its evidence."""
    engine, lemma, plain = near()
    closed = ridge()
    claims = (
        shows("The meta-gradient is lambda (H + lambda I)^(-1) grad L_test.", engine, lemma),
        refutes("It is not the test gradient alone.", engine, plain),
        shows("The hyperparameters' gradient is the implicit formula.", *tuned()),
        shows("For ridge regression it is the derivative of the closed form.", closed[0], closed[1]),
        states(
            "Its one equilibrium is h = 0, w = 1.",
            closed[2].complete and [list(e.point.values()) for e in closed[2].points] == [[0, 1]],
            note="; ".join(map(str, closed[2].points)),
        ),
    )
    return Proof(41, "Implicit gradients of nearby solutions", __doc__ or "", "Rajeswaran et al. 2019, lemma 1", claims)
