"""Generative adversarial imitation is the matching of occupancies.

For any numbers of states and actions, policies and their occupancies over pairs determine each other: rho = diag(S d)
pi satisfies S^T rho = (1 - gamma) mu + gamma P^T rho, and every rho >= 0 that satisfies it is the occupancy of pi =
rho/(S S^T rho). The discriminator's best reply to occupancies rho_E of the expert and rho of the learner is
rho_E/(rho_E + rho), the game's value is the Jensen-Shannon divergence of the two less log 4, and it is least at rho =
rho_E, which only the expert's policy has where states are visited. The learner's step is a policy gradient with the
cost log(1 - D).

Source: Ho and Ermon (2016), Generative adversarial imitation learning, arXiv:1606.03476, proposition 3.1, lemma 3.1
and equation 15; Syed, Bowling, Schapire (2008), theorem 2, for the occupancies.
"""

import sympy as sp

from bilevel.analysis import Claim, Corresponds, Proof, refutes, shows, states
from bilevel.language import diagonal, dot, gradient, jacobian, network, pointwise_best_response, vector
from bilevel.language.algebra import transpose
from bilevel.language.divergences import recognise
from bilevel.language.function_space import densities
from bilevel.language.instance import Instance
from bilevel.language.orders_of_play import orders_of_play
from bilevel.models import FiniteMDP, process_of_any_size, two_state_mdp

CORRESPONDS = Corresponds(
    "generative adversarial imitation learning (without its entropy bonus)",
    "matching of occupancies in the Jensen-Shannon divergence",
    "the same problem: the value against the best discriminator, the optimum, and the learner's gradient",
    ("finite states and actions", "0 <= gamma < 1", "a discriminator for every pair, taken as its best reply"),
)
PROCESS = process_of_any_size()
POLICY, VISITS, THETA = vector("pi", "k"), vector("e", "n"), vector("theta", "p")
RULES = (*PROCESS.lawful, *PROCESS.allowed(POLICY))


def drawn() -> dict:
    """Numbers for the check in JAX."""
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
        xp, S = theta.__array_namespace__(), theta.__array_namespace__().asarray(numbers["values"]["S"])
        weights = xp.exp(xp.asarray(features) @ theta)
        return weights / (S @ (S.T @ weights))

    values = {**numbers["values"], "pi": [0.3, 0.7, 1.0, 0.2, 0.5, 0.3]}
    return {**numbers, "values": values, "networks": {"pi": policy}}


def small():
    """Two states, two actions: where a wrong claim is refuted."""
    half = sp.Rational(1, 2)
    mdp = FiniteMDP(([[1, 0], [half, half]], [[half, half], [0, 1]]), [[1, -2], [0, 3]], half, (half, half))
    return PROCESS.instance(mdp, vectors={"pi": [half, half, half / 2, 3 * half / 2], "e": [1, 3]})


def two_states() -> Instance:
    """Two states and two actions, everything symbolic: the case that is certified."""
    u, w, e1, e2 = sp.symbols("u w e1 e2", positive=True)
    return PROCESS.instance(two_state_mdp(), vectors={"pi": [u, 1 - u, w, 1 - w], "e": [e1, e2]})


def of_the_occupancies() -> tuple[Claim, ...]:
    """Policies and occupancies, one to one."""
    S, P, gamma, mu = PROCESS.state_of, PROCESS.moves, PROCESS.discount, PROCESS.start
    rho, d = PROCESS.pairs(POLICY), PROCESS.occupancy(POLICY)
    told = {"assuming": RULES, "numbers": drawn(), "instances": [two_states()]}
    made = diagonal(S * VISITS) * POLICY  # any rho over pairs, e its visits to states, pi its shares in each
    inflow = lambda pairs: (1 - gamma) * mu + gamma * transpose(P) * pairs
    return (
        shows("The occupancy over pairs sums to that over states: S^T rho = d.", S.T * rho, d, **told),
        shows("It balances: S^T rho = (1 - gamma) mu + gamma P^T rho.", S.T * rho, inflow(rho), **told),
        shows("It gives the policy back: diag(S S^T rho) pi = rho.", diagonal(S * S.T * rho) * POLICY, rho, **told),
        shows(
            "Conversely, for rho = diag(S e) pi the balance says (I - gamma Pi P)^T e = (1 - gamma) mu: e is the "
            "occupancy of pi over states, and rho that over pairs.",
            S.T * made - inflow(made),
            transpose(PROCESS.system(POLICY)) * VISITS - (1 - gamma) * mu,
            **told,
        ),
        shows("The return is linear in it: <rho, r>/(1 - gamma).", PROCESS.performance(POLICY),
              dot(rho, PROCESS.rewards) / (1 - gamma), numbers=drawn()),
        refutes("Not every law over pairs balances.", S.T * made, inflow(made), **{**told, "instances": [small()]}),
    )  # fmt: skip


def of_the_game() -> tuple[Claim, ...]:
    """The discriminator's reply and the value, over all occupancies."""
    D = sp.Symbol("D")
    expert, learner = densities("rho_E rho")
    gain = expert * sp.log(D) + learner * sp.log(1 - D)
    best = pointwise_best_response(gain, D, sense="max", range="probability")
    value = recognise(best.value_at_best_response, expert, learner)
    both = orders_of_play(sp.log(D), sp.log(1 - D), D)
    return (
        states(
            "The discriminator's best reply is rho_E/(rho_E + rho).",
            sp.cancel(best.value - expert / (expert + learner)) == 0,
            trace=best.trace,
        ),
        states(
            "The value against it is twice the Jensen-Shannon divergence less log 4.",
            value.constant == -2 * sp.log(2) and [c for c, _ in value.terms] == [2],
            trace=value.trace,
            note=value.statement,
        ),
        states(
            "Against it the value is least, -log 4, at rho = rho_E and only there.",
            both.value == -2 * sp.log(2) and both.matching_is_unique,
            trace=both.generator_leads,
        ),
    )


def of_the_learner() -> tuple[Claim, ...]:
    """The learner's gradient at a discriminator held fixed: its cost c = log(1 - D) for every pair."""
    policy, cost, S = network("pi", out="k")(THETA), vector("c", PROCESS.state_of.shape[0]), PROCESS.state_of
    found = gradient(dot(PROCESS.pairs(policy), cost), THETA)
    weights = diagonal(S * PROCESS.occupancy(policy))
    values = PROCESS.action_value(policy, cost)
    return (
        shows(
            "The learner's gradient of <rho, c> is the policy gradient with cost c.",
            found,
            transpose(jacobian(policy, THETA)) * weights * values,
            numbers=drawn(),
        ),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    claims = (*of_the_occupancies(), *of_the_game(), *of_the_learner())
    return Proof(19, "Adversarial imitation matches occupancies", __doc__ or "", "Ho and Ermon 2016", claims)
