"""MAML is a bilevel game whose followers take a few steps.

The gradient of MAML's own loss, E l(x', theta - alpha grad E l(x, theta)), is the leader's gradient in the game of
adapting followers, seen through as many unrolled steps, at the point where no follower has moved: for one and for two
steps, losses of any form and any dimension. At no step it is the plain average of the tasks, and with the Hessian left
out (first-order MAML) it is something else.

Source: Finn, Abbeel, Levine (2017), arXiv:1703.03400, equation 1 and section 5.2; Franceschi et al. (2018),
arXiv:1806.04910.
"""

import sympy as sp

from bilevel.analysis import Corresponds, Proof, refutes, shows
from bilevel.language import E, gradient, network, random, substitute, vector
from bilevel.language.laws import data
from bilevel.models import adaptation_game

CORRESPONDS = Corresponds(
    "model-agnostic meta-learning with one or two inner steps",
    "a bilevel game whose leader sees its followers through as many unrolled steps",
    "the same gradient of the leader, where no follower has moved",
    ("losses twice differentiable",),
)
ALPHA = sp.Symbol("alpha", positive=True)
THETA, DELTA, LOSS = vector("theta", "p"), vector("delta_1", "p"), network("l")
X, HELD = random("x_1", data("train_1", "n")), random("v_1", data("test_1", "n"))


def training_slope(weights):
    """grad E l(x, w) at some weights."""
    w = vector("w", "p")
    return substitute(gradient(E(LOSS(X, w), X), w), {w: weights})


def adapted(steps):
    """The weights after some steps from theta."""
    weights = THETA
    for _ in range(steps):
        weights = weights - ALPHA * training_slope(weights)
    return weights


def leader(steps):
    """The leader's gradient in the game, where no follower has moved."""
    field = adaptation_game(1, steps).field()[THETA]
    return substitute(field, {DELTA: sp.ZeroMatrix(*DELTA.shape)})


def prove() -> Proof:
    """The theorem with its evidence."""
    w = vector("w", "p")
    first_order = substitute(gradient(E(LOSS(HELD, w), HELD), w), {w: adapted(1)})
    claims = (
        *(
            shows(
                f"{steps} step{'s' * (steps > 1)}: MAML's gradient is the leader's.",
                gradient(E(LOSS(HELD, adapted(steps)), HELD), THETA),
                leader(steps),
            )
            for steps in (1, 2)
        ),
        refutes("Two steps are not one.", leader(1), leader(2)),
        refutes("First-order MAML leaves something out.", first_order, leader(1)),
    )
    return Proof(40, "MAML is a bilevel game", __doc__ or "", "Finn, Abbeel, Levine 2017, equation 1", claims)
