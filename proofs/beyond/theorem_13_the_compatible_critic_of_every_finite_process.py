"""A compatible critic that fits best gives the true policy gradient, and its weights are the natural gradient.

For any numbers of states and actions and any policy with score X = d log pi: the critic f_w = X w with the least
squared misfit to Q over the pairs visited has X^T diag(rho) X w = X^T diag(rho) Q, rho the law of the pairs. Then the
gradient of the return with f_w in place of Q is the true one, f_w has mean zero in every state, fitting A in place of
Q gives the same equation, and w = (1 - gamma) F^{-1} grad J, F = X^T diag(rho) X the Fisher matrix, where F is
nonsingular.

Source: Sutton, McAllester, Singh, Mansour (2000), theorem 2; Kakade (2001), A natural policy gradient, theorem 1.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, refutes, shows
from bilevel.language import diagonal, dot, gradient, jacobian, network, vector
from bilevel.language.algebra import transpose
from bilevel.models import FiniteMDP, process_of_any_size

PROCESS, THETA, W = process_of_any_size(), vector("theta", "p"), vector("w", "p")
POLICY, LOG = network("pi", out="k")(THETA), network("logpi", out="k")(THETA)
SCORE = jacobian(LOG, THETA)
# d pi = diag(pi) d log pi, and probabilities sum to one, so scores have mean zero in every state.
RULES = (
    *PROCESS.lawful,
    (jacobian(POLICY, THETA), diagonal(POLICY) * SCORE),
    *PROCESS.allowed(POLICY, THETA),
)


def drawn() -> dict:
    """Numbers for the check in JAX: a softmax of two features a pair, and its logarithm."""
    numbers = PROCESS.numbers({}, {"p": 2})
    features = [[0.3, -1.0], [0.5, 0.1], [1.0, 0.4], [-0.2, 0.6], [0.1, 0.0], [0.8, -0.3]]

    def log(theta):
        xp, S = theta.__array_namespace__(), theta.__array_namespace__().asarray(numbers["values"]["S"])
        logits = xp.asarray(features) @ theta
        return logits - S @ xp.log(S.T @ xp.exp(logits))

    return {**numbers, "networks": {"logpi": log, "pi": lambda theta: theta.__array_namespace__().exp(log(theta))}}


def small():
    """Two states, two actions, rational numbers: where wrong claims are refuted."""
    half = sp.Rational(1, 2)
    mdp = FiniteMDP(([[1, 0], [half, half]], [[half, half], [0, 1]]), [[1, -2], [0, 3]], half, (half, half))
    policy = lambda x: [x[0], 1 - x[0], x[0] * x[1], 1 - x[0] * x[1]]
    networks = {"pi": policy, "logpi": lambda x: [sp.log(p) for p in policy(x)]}
    point = {"theta": [half, sp.Rational(2, 3)], "w": [1, -1]}
    return PROCESS.instance(mdp, dims={"p": 2}, networks=networks, vectors=point)


def claims() -> tuple[Claim, ...]:
    """The critic's stationarity, what it says of the actor, and slips."""
    visited, left = diagonal(PROCESS.pairs(POLICY)), 1 - PROCESS.discount
    Q, f = PROCESS.action_value(POLICY), SCORE * W
    misfit = lambda values: dot(visited * (values - f), values - f) / 2
    fisher, told = transpose(SCORE) * visited * SCORE, {"assuming": RULES, "numbers": drawn()}
    true = gradient(PROCESS.performance(POLICY), THETA)
    guessed = transpose(SCORE) * visited * f / left
    slope = gradient(misfit(Q), W)
    return (
        shows(
            "The gradient of the return is X^T diag(rho) Q/(1 - gamma).",
            true,
            transpose(SCORE) * visited * Q / left,
            **told,
        ),
        shows(
            "The slope of the critic's misfit is 1 - gamma times the bias of the actor's gradient: "
            "where the critic is stationary, the actor is unbiased.",
            slope,
            left * (guessed - true),
            **told,
        ),
        shows("The critic has mean zero in every state.", PROCESS.averaging(POLICY) * f, 0 * PROCESS.start, **told),
        shows(
            "The fit to the advantage has the same slope.",
            slope,
            gradient(misfit(PROCESS.advantage(POLICY)), W),
            **told,
        ),
        shows("The curvature of the misfit is the Fisher matrix F.", jacobian(slope, W), fisher, numbers=drawn()),
        shows(
            "F w is the slope and 1 - gamma times the gradient: stationary critics have w = (1 - gamma) F^{-1} grad J.",
            fisher * W,
            slope + left * true,
            **told,
        ),
        slip(gradient(dot(Q - f, Q - f) / 2, W), left * (guessed - true)),
    )


def slip(unweighted, bias) -> Claim:
    """A critic fitted to all pairs alike."""
    text = "A misfit that is not weighted by the pairs visited leaves a bias."
    return refutes(text, unweighted, bias, instances=[small()], assuming=RULES, numbers=drawn())


def prove() -> Proof:
    """The theorem with its evidence."""
    return Proof(
        13, "The compatible critic", __doc__ or "", "Sutton et al. 2000, theorem 2; Kakade 2001, theorem 1", claims()
    )
