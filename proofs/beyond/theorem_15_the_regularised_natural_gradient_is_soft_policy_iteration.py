"""Natural policy gradient with an entropy bonus is soft policy iteration exactly at the step (1 - gamma)/tau.

For any numbers of states and actions and a tabular softmax: with V the value of rewards r - tau log pi and Q = r +
gamma P V, a natural step eta makes log pi' = (1 - eta tau/(1 - gamma)) log pi + eta/(1 - gamma) Q, up to a constant
in every state. At eta = (1 - gamma)/tau the old policy drops out: pi' is the softmax of Q/tau, the step of soft
policy iteration. At smaller steps pi' is a geometric mixture of both.

Source: Cen, Cheng, Chen, Wei, Chi (2022), doi 10.1287/opre.2021.2151, equation 15; Haarnoja et al. (2017),
arXiv:1702.08165.
"""

import sympy as sp

from bilevel.analysis import Claim, Corresponds, Proof, refutes, shows
from bilevel.language import diagonal, gradient, vector
from bilevel.language.algebra import transpose
from bilevel.language.instance import Instance
from bilevel.models import FiniteMDP, TabularSoftmax, process_of_any_size

PROCESS = process_of_any_size()
SOFTMAX = TabularSoftmax(PROCESS)
RULES = (*PROCESS.lawful, *SOFTMAX.definition, *SOFTMAX.derived)
TAU, ETA = sp.symbols("tau eta", positive=True)
REWARDS, LEFT = PROCESS.rewards - TAU * SOFTMAX.log, 1 - PROCESS.discount
V = PROCESS.value(SOFTMAX.policy, REWARDS)
Q = PROCESS.rewards + PROCESS.discount * PROCESS.moves * V
A = Q - TAU * SOFTMAX.log - PROCESS.state_of * V
TOLD = {"assuming": RULES, "numbers": SOFTMAX.numbers()}
r1, r2, theta1, theta2 = sp.symbols("r1 r2 theta1 theta2", real=True)


def bandit() -> Instance:
    """One state and two actions, everything symbolic: the case that is certified."""
    mdp = FiniteMDP((sp.eye(1), sp.eye(1)), [[r1, r2]], PROCESS.discount, (1,))
    return SOFTMAX.instance(mdp, [theta1, theta2], vectors={"l_new": [sp.Symbol("l_new")]})


CORRESPONDS = Corresponds(
    "natural policy gradient on the return with an entropy bonus tau, tabular softmax",
    "soft policy iteration",
    "the same step at step size (1 - gamma)/tau; at a step eta the old policy keeps the weight 1 - eta tau/(1 - gamma)",
    ("finite states and actions", "0 <= gamma < 1", "every pair is visited"),
)


def small():
    """Two states, two actions: where wrong claims are refuted."""
    half = sp.Rational(1, 2)
    mdp = FiniteMDP(([[1, 0], [half, half]], [[half, half], [0, 1]]), [[1, -2], [0, 3]], half, (half, half))
    scalars = {"tau": half, "eta": sp.Rational(1, 3)}
    return SOFTMAX.instance(mdp, [sp.log(2), 0, 0, sp.log(3)], vectors={"l_new": [0, 0]}, scalars=scalars)


def of_the_gradient() -> tuple[Claim, ...]:
    """The regularised gradient and its natural direction."""
    visited = diagonal(PROCESS.pairs(SOFTMAX.policy))
    slope = gradient(PROCESS.performance(SOFTMAX.policy, REWARDS), SOFTMAX.logits)
    fisher = transpose(SOFTMAX.score) * visited * SOFTMAX.score
    mean = PROCESS.averaging(SOFTMAX.policy) * A
    return (
        shows("The soft advantage A = Q - tau log pi - S V has mean zero.", mean, 0 * V, **TOLD),
        shows(
            "The gradient is diag(S d) pi A/(1 - gamma): the bonus adds no term of its own.",
            slope,
            visited * A / LEFT,
            instances=[bandit()],
            **TOLD,
        ),
        shows(
            "The natural gradient is A/(1 - gamma): F A/(1 - gamma) is the gradient.", fisher * A / LEFT, slope, **TOLD
        ),
    )


def of_the_step() -> tuple[Claim, ...]:
    """What a natural step does to log pi; l_new normalises the new logits."""
    S, new = PROCESS.state_of, vector("l_new", PROCESS.state_of.shape[1])
    after = lambda eta: SOFTMAX.logits + eta / LEFT * A - S * new
    shift = lambda eta: S * (SOFTMAX.normaliser - eta / LEFT * V - new)
    mixed = (1 - ETA * TAU / LEFT) * SOFTMAX.log + ETA / LEFT * Q
    gap = after(ETA) - Q / TAU
    return (
        shows(
            "A natural step eta makes log pi' = (1 - eta tau/(1 - gamma)) log pi + eta Q/(1 - gamma), "
            "up to a constant in every state.",
            after(ETA),
            mixed + shift(ETA),
            instances=[bandit()],
            **TOLD,
        ),
        shows(
            "At eta = (1 - gamma)/tau it is Q/tau up to a constant in every state: soft policy iteration.",
            after(LEFT / TAU),
            Q / TAU + shift(LEFT / TAU),
            instances=[bandit()],
            **TOLD,
        ),
        refutes(
            "At another step what is left beside Q/tau is no constant in every state.",
            gap,
            S * PROCESS.averaging(SOFTMAX.policy) * gap,
            instances=[small()],
            **TOLD,
        ),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    title = "Regularised natural policy gradient is soft policy iteration"
    return Proof(15, title, __doc__ or "", "Cen et al. 2022, equation 15", (*of_the_gradient(), *of_the_step()))
