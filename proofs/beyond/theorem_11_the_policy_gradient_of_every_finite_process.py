"""The policy gradient of every finite process is the slope of the policy times its action values, over the occupancy.

For any numbers of states and actions and any differentiable policy, the gradient of the return <mu, V>, V = (I -
gamma P_pi)^{-1} r_pi, is sum_s d(s) sum_a (d pi(a|s)) Q(s, a)/(1 - gamma), with d the discounted law of the states
visited: the occupancy itself is not differentiated. Any function of the state may be taken from Q; with V, this is
the advantage form. The inverse exists for 0 <= gamma < 1, since P_pi is stochastic and its spectral radius is 1.

Source: Sutton, McAllester, Singh, Mansour (2000), Policy gradient methods with function approximation, theorem 1.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, refutes, shows
from bilevel.language import diagonal, dot, gradient, jacobian, network, ones, vector
from bilevel.language.algebra import transpose
from bilevel.models import FiniteMDP, MatrixProcess, process_of_any_size

PROCESS, THETA = process_of_any_size(), vector("theta", "p")
POLICY = network("pi", out="k")(THETA)


def small() -> FiniteMDP:
    """Two states, two actions, rational numbers: where wrong claims are refuted."""
    third = sp.Rational(1, 3)
    moves = ([[1, 0], [third, 2 * third]], [[third, 2 * third], [0, 1]])
    return FiniteMDP(moves, [[1, -2], [0, 3]], sp.Rational(1, 2), (third, 2 * third))


def small_instance(process: MatrixProcess, **vectors):
    """The process as that one, with a policy that moves probability between the actions of a state."""
    share = lambda x: [(1 + x[0] ** 2) / (2 + x[0] ** 2), 1 / (2 + x[0] ** 2), x[1] ** 2, 1 - x[1] ** 2]
    point = {"theta": [1, sp.Rational(1, 2)], **vectors}
    return process.instance(small(), dims={"p": 2}, networks={"pi": share}, vectors=point)


def drawn() -> dict:
    """Numbers for the check in JAX: a softmax of three features a pair."""
    numbers = PROCESS.numbers({}, {"p": 3})
    features = [
        [0.3, -1.0, 0.2],
        [0.5, 0.1, -0.7],
        [1.0, 0.4, 0.0],
        [-0.2, 0.6, 0.9],
        [0.1, 0.0, 0.4],
        [0.8, -0.3, 0.5],
    ]

    def policy(theta):
        xp, states = theta.__array_namespace__(), numbers["values"]["S"]
        weights, S = xp.exp(xp.asarray(features) @ theta), xp.asarray(states)
        return weights / (S @ (S.T @ weights))

    return {**numbers, "networks": {"pi": policy}}


def of_the_values() -> tuple[Claim, ...]:
    """Bellman's equations, and the occupancy as a law."""
    V, Q, Pi = PROCESS.value(POLICY), PROCESS.action_value(POLICY), PROCESS.averaging(POLICY)
    d, system = PROCESS.occupancy(POLICY), PROCESS.system(POLICY)
    n = PROCESS.state_of.shape[1]
    rules = (*PROCESS.lawful, *PROCESS.allowed(POLICY))
    told = {"assuming": rules, "numbers": drawn()}
    left = 1 - PROCESS.discount
    return (
        shows("The value satisfies Bellman's equation: V = Pi (r + gamma P V).", V, Pi * Q, numbers=drawn()),
        shows("The advantage has mean zero in every state.", Pi * PROCESS.advantage(POLICY), 0 * V, **told),
        shows(
            "The occupancy balances: d = (1 - gamma) mu + gamma (Pi P)^T d.",
            d,
            left * PROCESS.start + PROCESS.discount * transpose(Pi * PROCESS.moves) * d,
            numbers=drawn(),
        ),
        shows("The system maps ones to 1 - gamma, ...", system * ones(n), left * ones(n), **told),
        shows("... so the occupancy has the mass of the start.", dot(d, system * ones(n)), left, **told),
        shows(
            "The return is the mean reward over the occupancy, divided by 1 - gamma.",
            PROCESS.performance(POLICY),
            dot(d, Pi * PROCESS.rewards) / left,
            numbers=drawn(),
        ),
    )


def of_the_gradient() -> tuple[Claim, ...]:
    """The theorem, its advantage form, and two slips."""
    slope, S = transpose(jacobian(POLICY, THETA)), PROCESS.state_of
    d, left = PROCESS.occupancy(POLICY), 1 - PROCESS.discount
    found = gradient(PROCESS.performance(POLICY), THETA)
    weighted = lambda values: slope * diagonal(S * d) * values
    told = {"assuming": (*PROCESS.lawful, *PROCESS.allowed(POLICY, THETA))}
    b, Q = vector("b", S.shape[1]), PROCESS.action_value(POLICY)
    return (
        shows(
            "The gradient of the return is (d pi)^T diag(S d) Q/(1 - gamma).",
            found,
            weighted(Q) / left,
            numbers=drawn(),
        ),
        shows(
            "It is (d pi)^T diag(S d) A/(1 - gamma), A the advantage.",
            found,
            weighted(PROCESS.advantage(POLICY)) / left,
            numbers=drawn(),
            **told,
        ),
        shows(
            "Any function b of the state may be taken from Q.",
            found,
            weighted(Q - S * b) / left,
            numbers=drawn(),
            **told,
        ),
    )


def slips() -> tuple[Claim, ...]:
    """What is not the gradient."""
    slope, S = transpose(jacobian(POLICY, THETA)), PROCESS.state_of
    c, Q, left = vector("c", S.shape[0]), PROCESS.action_value(POLICY), 1 - PROCESS.discount
    weighted = lambda values: slope * diagonal(S * PROCESS.occupancy(POLICY)) * values
    found = gradient(PROCESS.performance(POLICY), THETA)
    rules = (*PROCESS.lawful, *PROCESS.allowed(POLICY, THETA))
    told = {"assuming": rules, "numbers": drawn(), "instances": [small_instance(PROCESS, c=[1, 0, 2, 0])]}
    return (
        refutes("A baseline that looks at the action changes the gradient.", found, weighted(Q - c) / left, **told),
        refutes("With the occupancy as a law, the factor 1/(1 - gamma) is needed.", found, weighted(Q), **told),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    claims = (*of_the_values(), *of_the_gradient(), *slips())
    return Proof(
        11, "The policy gradient, for every finite process", __doc__ or "", "Sutton et al. 2000, theorem 1", claims
    )
