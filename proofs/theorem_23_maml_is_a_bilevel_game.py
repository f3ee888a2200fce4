"""MAML is a bilevel game whose leader differentiates through one step of its follower.

The follower moves the displacement d from the leader's theta and descends the training loss L_train(theta + d); the
leader descends the test loss L_test(theta + d) through one unrolled step alpha of the follower. At d = 0 the leader's
gradient is that of L_test(theta - alpha dL_train(theta)): (I - alpha H) dL_test, H the Hessian of the training loss.
Any losses, any dimension. First-order MAML is the same game with the follower's point anticipated, and iMAML the game
whose follower answers best with a penalty.

Source: Finn, Abbeel, Levine (2017), arXiv:1703.03400, equation 1; Rajeswaran, Finn, Kakade, Levine (2019),
arXiv:1909.04630, lemma 1.
"""

import sympy as sp

from bilevel.analysis import Claim, Corresponds, Proof, refutes, shows
from bilevel.game import Game, minimize
from bilevel.language import dot, gradient, jacobian, network, substitute, vector
from bilevel.response import anticipated, best_response, unrolled

CORRESPONDS = Corresponds(
    "model-agnostic meta-learning with one inner step",
    "a bilevel game whose leader sees its follower through one unrolled step",
    "the same gradient of the leader, at displacement 0",
    ("losses twice differentiable",),
)
THETA, D = vector("theta", "p"), vector("d", "p")
ALPHA, WEIGHT = sp.symbols("alpha lambda", positive=True)
TRAIN, TEST = network("L_train"), network("L_test")


def leader_gradient(how, penalty=0):
    """The leader's gradient where the follower has not moved yet."""
    follower = minimize(TRAIN(THETA + D) + penalty * dot(D, D) / 2, D)
    through = {} if how is None else {"learner": how}
    return Game(meta=minimize(TEST(THETA + D), THETA, through=through), learner=follower).field()[THETA]


def claims() -> tuple[Claim, ...]:
    """MAML, its first-order form, and iMAML."""
    start = {D: sp.ZeroMatrix(*D.shape)}
    adapted = THETA - ALPHA * gradient(TRAIN(THETA), THETA)
    maml = gradient(TEST(adapted), THETA)
    slope = substitute(gradient(TEST(THETA), THETA), {THETA: adapted})
    hessian = jacobian(gradient(TRAIN(THETA), THETA), THETA)
    seen = substitute(leader_gradient(unrolled(1, ALPHA)), start)
    held = substitute(leader_gradient(anticipated(ALPHA)), start)
    identity = sp.Identity(THETA.shape[0])
    here = jacobian(gradient(TRAIN(THETA + D), D), D)
    implicit = leader_gradient(best_response(), WEIGHT)
    target = WEIGHT * sp.Inverse(WEIGHT * identity + here) * gradient(TEST(THETA + D), D)
    return (
        shows("The leader's gradient is that of L_test(theta - alpha dL_train(theta)).", seen, maml),
        shows("It is (I - alpha H) dL_test at the adapted point.", seen, (identity - ALPHA * hessian) * slope),
        shows("Anticipated, not differentiated through, it is first-order MAML: dL_test there.", held, slope),
        shows(
            "With a penalty lambda/2 |d|^2 and the best reply it is iMAML: lambda (lambda + H)^{-1} dL_test.",
            implicit,
            target,
        ),
        refutes("First-order MAML is not MAML.", held, maml),
        refutes("Without seeing the follower at all it is not either.", substitute(leader_gradient(None), start), maml),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    return Proof(23, "MAML is a bilevel game", __doc__ or "", "Finn, Abbeel, Levine 2017, equation 1", claims())
