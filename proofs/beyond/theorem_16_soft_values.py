"""Soft values: one equation for every action, a contraction by gamma, and the softmax as the best policy.

For any numbers of states and actions and a temperature tau: with V = tau l(Q/tau), Q = r + gamma P V, l the logarithm
of the sum of exponentials in each state, and pi the softmax of Q/tau: V(s) = Q(s, a) - tau log pi(a|s) for every
action, not only on average, and along any path the rewards less tau log pi add up to the difference of values. V is
pi's own value with the bonus. The soft Bellman operator has the slope gamma Pi P: no negative entry and rows of sum
gamma, so it contracts by gamma in the largest absolute value and has one fixed point. In a bandit the best policy is
softmax(r/tau).

Source: Haarnoja, Tang, Abbeel, Levine (2017), arXiv:1702.08165, theorem 1; Nachum, Norouzi, Xu, Schuurmans (2017),
arXiv:1702.08892, theorem 1 and corollary 21.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, refutes, shows
from bilevel.language import diagonal, jacobian, network, ones, substitute, vector
from bilevel.models import process_of_any_size, soft_example

PROCESS = process_of_any_size()
N, K = PROCESS.state_of.shape[1], PROCESS.state_of.shape[0]
TAU, V, S = sp.Symbol("tau", positive=True), vector("V", N), PROCESS.state_of
Q = PROCESS.rewards + PROCESS.discount * PROCESS.moves * V
NORMALISER, POLICY = network("l", out=N), network("pi", out=K)
LOGITS = Q / TAU
PI = POLICY(LOGITS)
LOG = LOGITS - S * NORMALISER(LOGITS)  # log pi
ANY = sp.MatrixSymbol("B", N, K)  # rows are laws over the pairs of a state: B S = 1
# The slope of l is Pi (theorem 14 derives it), and probabilities sum to one.
SLOPE = (jacobian(NORMALISER(vector("x", K)), vector("x", K)), S.T * diagonal(POLICY(vector("x", K))))
AT_Q = tuple(substitute(side, {vector("x", K): LOGITS}) for side in SLOPE)
RULES = (AT_Q, *PROCESS.lawful, (S.T * PI, ones(N)))


def softmax(states) -> dict:
    """The networks l and pi as functions, for processes with this map from pairs to states."""

    def normaliser(x):
        xp = x.__array_namespace__()
        return xp.log(xp.asarray(states).T @ xp.exp(x))

    def policy(x):
        xp = x.__array_namespace__()
        return xp.exp(x - xp.asarray(states) @ normaliser(x))

    return {"l": normaliser, "pi": policy}


def drawn() -> dict:
    """Numbers for the check in JAX."""
    numbers = PROCESS.numbers({})
    back = [[0.9, 0.1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0.2, 0.3, 0.5]]
    return {**numbers, "networks": softmax(numbers["values"]["S"]), "values": {**numbers["values"], "B": back}}


def claims() -> tuple[Claim, ...]:
    """The operator T V = tau l(Q/tau)."""
    backup, told = TAU * NORMALISER(LOGITS), {"assuming": RULES, "numbers": drawn()}
    slope, Pi = jacobian(backup, V), S.T * diagonal(PI)
    fixed = (*RULES, (NORMALISER(LOGITS), V / TAU))
    step = lambda value: PROCESS.rewards - TAU * LOG + PROCESS.discount * PROCESS.moves * value
    at = [soft_example(PROCESS)]
    return (
        shows("For every action: S T V = Q - tau log pi.", S * backup, Q - TAU * LOG, numbers=drawn()),
        shows("On average: T V = Pi (Q - tau log pi).", backup, Pi * (Q - TAU * LOG), **told),
        shows("The slope of T is gamma Pi P, ...", slope, PROCESS.discount * Pi * PROCESS.moves, **told),
        shows("... whose rows sum to gamma.", slope * ones(N), PROCESS.discount * ones(N), **told),
        shows(
            "At the fixed point one step is S V = r - tau log pi + gamma P V, ...",
            S * V,
            step(V),
            assuming=fixed,
            numbers=drawn(),
        ),
        shows(
            "... and so is a path of two steps, the second averaged by any law over the pairs of a state.",
            S * V,
            step(ANY * step(V)),
            assuming=(*fixed, (ANY * S, sp.Identity(N))),
            numbers=drawn(),
        ),
        shows(
            "V is the value of pi with the bonus: V = Pi (r - tau log pi + gamma P V).",
            V,
            Pi * step(V),
            assuming=fixed,
            numbers=drawn(),
        ),
        refutes("Without the bonus the average of Q is another.", backup, Pi * Q, instances=at, **told),
        refutes("At another temperature the equation fails.", S * backup, Q - LOG, instances=at, numbers=drawn()),
    )


def of_the_bandit() -> tuple[Claim, ...]:
    """No future: the slope of the regularised return vanishes at logits r/tau."""
    r = PROCESS.rewards
    log = r / TAU - S * NORMALISER(r / TAU)
    policy = POLICY(r / TAU)
    rules = ((S.T * policy, ones(N)),)
    gain = r - TAU * log  # reward with the bonus; the advantage is this less its mean
    return (
        shows(
            "In a bandit the soft advantage vanishes at the softmax of r/tau.",
            gain - S * S.T * diagonal(policy) * gain,
            0 * r,
            assuming=rules,
            numbers=drawn(),
        ),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    source = "Haarnoja et al. 2017, theorem 1; Nachum et al. 2017, theorem 1"
    return Proof(16, "Soft values", __doc__ or "", source, (*claims(), *of_the_bandit()))
