"""The natural policy gradient of a tabular softmax is the advantage over 1 - gamma, up to a constant in every state.

For any numbers of states and actions: with F the Fisher matrix over the pairs visited, F A/(1 - gamma) = grad J. The
Fisher matrix vanishes exactly on shifts of a state's logits where every pair is visited, and these change no policy;
so a natural step multiplies the policy by exp(eta A/(1 - gamma)) and normalises.

Source: Kakade (2001), A natural policy gradient; Agarwal, Kakade, Lee, Mahajan (2021), arXiv:1908.00261, lemma 5.1.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, refutes, shows
from bilevel.language import diagonal, dot, gradient, jacobian, vector
from bilevel.language.algebra import transpose
from bilevel.models import FiniteMDP, TabularSoftmax, process_of_any_size

PROCESS = process_of_any_size()
SOFTMAX = TabularSoftmax(PROCESS)
GIVEN = (*PROCESS.lawful, *SOFTMAX.definition)
KNOWN = (*GIVEN, *SOFTMAX.derived)


def small():
    """Two states, two actions, rational probabilities: where wrong claims are refuted."""
    half = sp.Rational(1, 2)
    mdp = FiniteMDP(([[1, 0], [half, half]], [[half, half], [0, 1]]), [[1, -2], [0, 3]], half, (half, half))
    return SOFTMAX.instance(mdp, [sp.log(2), 0, 0, sp.log(3)])


def of_the_score() -> tuple[Claim, ...]:
    """What follows from log pi = theta - S l and from probabilities that sum to one."""
    Pi, S, u = PROCESS.averaging(SOFTMAX.policy), PROCESS.state_of, vector("u", PROCESS.state_of.shape[0])
    told = {"numbers": SOFTMAX.numbers()}
    slope = jacobian(SOFTMAX.normaliser, SOFTMAX.logits)
    return (
        shows(
            "Scores have mean zero in every state, and that mean is Pi - dl: the normaliser's slope is dl = Pi.",
            Pi * SOFTMAX.score,
            Pi - slope,
            assuming=GIVEN,
            **told,
        ),
        shows("So the score is I - S Pi.", SOFTMAX.score * u, u - S * Pi * u, assuming=KNOWN, **told),
        shows(
            "A shift b of each state's logits has no score, ...",
            SOFTMAX.score * S * vector("b", S.shape[1]),
            0 * u,
            assuming=KNOWN,
            **told,
        ),
        shows(
            "... and a direction u without score is such a shift: u = S (Pi u), since X u = u - S (Pi u).",
            u - SOFTMAX.score * u,
            S * (Pi * u),
            assuming=KNOWN,
            **told,
        ),
    )


def of_the_step() -> tuple[Claim, ...]:
    """The natural gradient and what a step does."""
    left, eta = 1 - PROCESS.discount, sp.Symbol("eta", positive=True)
    visited = diagonal(PROCESS.pairs(SOFTMAX.policy))
    A, u, S = PROCESS.advantage(SOFTMAX.policy), vector("u", PROCESS.state_of.shape[0]), PROCESS.state_of
    fisher = lambda w: transpose(SOFTMAX.score) * visited * SOFTMAX.score * w
    slope = gradient(PROCESS.performance(SOFTMAX.policy), SOFTMAX.logits)
    told = {"assuming": KNOWN, "numbers": SOFTMAX.numbers()}
    new = vector("l_new", S.shape[1])
    moved = (SOFTMAX.logits + eta / left * A - S * new) - (eta / left * A + SOFTMAX.log)
    return (
        shows("The gradient is diag(S d) pi A/(1 - gamma), entry by entry.", slope, visited * A / left, **told),
        shows("F A/(1 - gamma) is the gradient.", fisher(A) / left, slope, **told),
        shows(
            "F vanishes where the score does: <u, F u> is the mean of (X u)^2 over the pairs visited.",
            dot(u, fisher(u)),
            dot(visited * (SOFTMAX.score * u), SOFTMAX.score * u),
            **told,
        ),
        shows(
            "After a step log pi has grown by eta A/(1 - gamma), up to a constant in every state.",
            moved,
            S * (SOFTMAX.normaliser - new),
            **told,
        ),
        refutes("The gradient itself is not its natural gradient.", fisher(slope), slope, instances=[small()], **told),
        refutes("Without 1/(1 - gamma), F A is not the gradient.", fisher(A), slope, instances=[small()], **told),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    claims = (*of_the_score(), *of_the_step())
    return Proof(
        14,
        "The natural gradient of a softmax is the advantage",
        __doc__ or "",
        "Kakade 2001; Agarwal et al. 2021, lemma 5.1",
        claims,
    )
