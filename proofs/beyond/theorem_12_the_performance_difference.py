"""The difference of two policies' values is the second's occupancy times the first's advantages.

For any numbers of states and actions, J(pi') - J(pi) = sum_s d'(s) sum_a pi'(a|s) A(s, a)/(1 - gamma), d' the
occupancy of pi' and A the advantage of pi; it holds from every start, V' - V = (I - gamma P')^{-1} Pi' A. So a policy
whose one-step advantage over pi is nowhere negative is at least as good in every state: the inverse is the sum of
(gamma P')^t, which has no negative entry (policy improvement).

Source: Kakade and Langford (2002), Approximately optimal approximate reinforcement learning, lemma 6.1; Howard
(1960).
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, refutes, shows
from bilevel.language import dot, vector
from bilevel.models import FiniteMDP, process_of_any_size

PROCESS = process_of_any_size()
OLD, NEW = vector("pi", "k"), vector("rho", "k")
RULES = (*PROCESS.lawful, *PROCESS.allowed(OLD), *PROCESS.allowed(NEW))


def small():
    """Two states, two actions and two policies with rational numbers: where wrong claims are refuted."""
    half, third = sp.Rational(1, 2), sp.Rational(1, 3)
    mdp = FiniteMDP(([[1, 0], [half, half]], [[half, half], [0, 1]]), [[1, -2], [0, 3]], half, (half, half))
    return PROCESS.instance(mdp, vectors={"pi": [half, half, third, 2 * third], "rho": [third, 2 * third, 1, 0]})


def drawn() -> dict:
    """Numbers for the check in JAX: two policies in three states with two, one and three actions."""
    numbers = PROCESS.numbers({})
    policies = {"pi": [0.3, 0.7, 1.0, 0.2, 0.5, 0.3], "rho": [0.9, 0.1, 1.0, 0.4, 0.0, 0.6]}
    return {**numbers, "values": {**numbers["values"], **policies}}


def claims() -> tuple[Claim, ...]:
    """The lemma in both forms, with its slips."""
    V, W = PROCESS.value(OLD), PROCESS.value(NEW)
    gain, left = PROCESS.averaging(NEW) * PROCESS.advantage(OLD), 1 - PROCESS.discount
    told = {"assuming": RULES, "numbers": drawn()}
    difference = dot(PROCESS.start, W) - dot(PROCESS.start, V)
    return (
        shows(
            "From every start: V' - V = (I - gamma P')^{-1} Pi' A.",
            W - V,
            sp.Inverse(PROCESS.system(NEW)) * gain,
            **told,
        ),
        shows(
            "Over the occupancy d' of the new policy: J' - J = <d', Pi' A>/(1 - gamma).",
            difference,
            dot(PROCESS.occupancy(NEW), gain) / left,
            **told,
        ),
        shows(
            "Over pairs: J' - J is the mean of A over the pairs the new policy visits, divided by 1 - gamma.",
            difference,
            dot(PROCESS.pairs(NEW), PROCESS.advantage(OLD)) / left,
            **told,
        ),
        refutes(
            "Over the old policy's occupancy the equation fails.",
            difference,
            dot(PROCESS.occupancy(OLD), gain) / left,
            instances=[small()],
            **told,
        ),
        refutes(
            "With the new policy's advantages it fails.",
            difference,
            dot(PROCESS.occupancy(NEW), PROCESS.averaging(NEW) * PROCESS.advantage(NEW)) / left,
            instances=[small()],
            **told,
        ),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    return Proof(12, "The performance difference", __doc__ or "", "Kakade and Langford 2002, lemma 6.1", claims())
