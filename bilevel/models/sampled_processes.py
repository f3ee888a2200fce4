"""Actor-critic methods in finite processes, in samples: problems on which strategies are weighed.

Main definitions: `finite_process_in_samples`, `bandit_in_samples`, `two_states_in_samples`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.language.functions import softplus
from bilevel.language.nodes import stop_gradient
from bilevel.language.values import expression
from bilevel.models.finite_processes import FiniteMDP, softmax
from bilevel.models.samples import SampledGame, Samples, Stream, sampled_game

_T, _Y = sp.Symbol("t", real=True), sp.Symbol("y", real=True)


def finite_process_in_samples(
    mdp: FiniteMDP, *, beta: Any = 1, visits: Sequence[Any] | str | None = None
) -> SampledGame:
    """An actor with softmax logits and a critic with a value for each state and action, in any finite process.

    Math: data: states with the law `visits` (default: all equally often; "policy": the discounted law of the states
        that the actor itself visits), actions from the policy; critic: min of
        E (r + gamma sum P(s'|s,a) pi(a'|s') Q(s', a') - Q(s, a))^2/2, the target held fixed (semi-gradient, expected
        SARSA); actor: max of E [sum_a pi(a|s) Q(s, a) + beta H(pi(.|s))]. A law that follows the policy is not
        differentiated: with an exact critic and beta = 0 this is 1 - gamma times the policy gradient.

    Shapes: n (m - 1) logits, n m values.

    Raises: GameError for a law of states that is neither probabilities nor "policy".

    Reference: Sutton and Barto (2018), chapters 6 and 13; Sutton, McAllester, Singh, Mansour (2000), theorem 1;
        Williams and Peng (1991) for the entropy bonus.

    Examples:
        >>> one = FiniteMDP((sp.eye(1), sp.eye(1)), sp.Matrix([[1, 0]]), 0, (1,))
        >>> len(finite_process_in_samples(one).variables)
        3
    """
    n, m = mdp.states, mdp.actions
    logits = [[_named("theta", s, a, n, m - 1) for a in range(m - 1)] for s in range(n)]
    past = [[sp.Symbol(f"{v.name}_past", real=True) for v in row] for row in logits]
    values = [[_named("q", s, a, n, m) for a in range(m)] for s in range(n)]
    pi, old = (sp.Matrix.vstack(*map(softmax, rows)) for rows in (logits, past))
    d, seen = _visits(mdp, visits, old, pi)
    inputs = sp.symbols(f"e1:{n * m + 1}", real=True)
    hot = {(s, a): tuple(sp.Integer(k == s * m + a) for k in range(n * m)) for s in range(n) for a in range(m)}
    flat = [q for row in values for q in row]
    moved = tuple(v for row in logits for v in row)
    data = [Stream(hot[s, a], mdp.rewards[s, a], d[s] * old[s, a], _later(mdp, pi, hot, s, a)) for s, a in hot]
    own = [Stream(hot[s, a], sp.S.Zero, seen[s] * pi[s, a]) for s, a in hot]
    entropy = sum((seen[s] * _entropy(logits[s], list(pi.row(s))) for s in range(n)), sp.S.Zero)
    density = sum((e * sp.log(pi[s, a]) for e, (s, a) in zip(inputs, hot, strict=True)), sp.S.Zero)
    samples = Samples(
        critic="critic",
        actor="actor",
        weights=tuple(flat),
        parameters=moved,
        behaviour=tuple(v for row in past for v in row),
        value=sp.Lambda(inputs, sum((q * e for q, e in zip(flat, inputs, strict=True)), sp.S.Zero)),
        divergence=sp.Lambda((_Y, _T), (_Y - _T) ** 2 / 2),
        signal=sp.Lambda((_T,), -_T),
        data=tuple(data),
        own=tuple(own),
        discount=sp.sympify(mdp.discount, strict=True),
        entropy=entropy,
        density=sp.Lambda(inputs, density),
        seen=sp.Lambda(inputs, sp.Tuple(*(sum(inputs[s * m : (s + 1) * m]) for s in range(n)))),
    )
    weight = expression(beta, "the weight of the entropy")
    return sampled_game(samples, costs=[("actor", -weight * entropy)] if weight != 0 else [], title="Finite process")


def _later(mdp: FiniteMDP, pi: Any, hot: Mapping[tuple[int, int], Any], s: int, a: int) -> tuple[Any, ...]:
    """What comes after an action in a state, with its probabilities."""
    chances = [(t, b, mdp.transitions[a][s, t] * pi[t, b]) for t, b in hot]
    return () if mdp.discount == 0 else tuple((p, hot[t, b]) for t, b, p in chances if p != 0)


def _visits(mdp: FiniteMDP, visits: Any, old: Any, pi: Any) -> tuple[list[Any], list[Any]]:
    """The law of the states in the critic's data, made by the old policy, and where the actor learns, held fixed."""
    if visits == "policy":
        return list(mdp.occupancy(old)), [stop_gradient(p) for p in mdp.occupancy(pi)]
    if isinstance(visits, str) or (visits is not None and len(visits) != mdp.states):
        raise GameError(f'visits are {mdp.states} probabilities, or "policy"; got {visits!r}')
    law = [sp.Rational(1, mdp.states)] * mdp.states if visits is None else visits
    given = [expression(p, "a probability") for p in law]
    return given, given


def _named(stem: str, s: int, a: int, states: int, per_state: int) -> Any:
    parts = [stem, *([str(s + 1)] if states > 1 else []), *([str(a + 1)] if per_state > 1 else [])]
    name = f"{stem}{a + 1}" if states == 1 and per_state > 1 else "_".join(parts)
    return sp.Symbol(name, real=True)


def _entropy(logits: Sequence[Any], chances: Sequence[Any]) -> Any:
    """H of a softmax law with last logit 0: log sum exp(l) - sum p l."""
    total = softplus(logits[0]) if len(logits) == 1 else sp.log(1 + sum(map(sp.exp, logits)))
    return total - sum((p * v for p, v in zip(chances, logits, strict=False)), sp.S.Zero)


def _titled(game: SampledGame, title: str, source: str) -> SampledGame:
    return sampled_game(game.samples, costs=game.costs, title=title, source=source)


def bandit_in_samples(rewards: Sequence[Any] = ("log(2)", 0), *, beta: Any = 1) -> SampledGame:
    """An actor and a critic on the arms of a bandit, with a softmax policy and a value for each arm.

    Math: the model `bandit`, for any number of arms; equilibrium q = r, logits (r_a - r_m)/beta.

    Shapes: m - 1 logits and m values.

    Reference: Sutton and Barto (2018), section 2.8; Williams and Peng (1991) for the entropy bonus.

    Examples:
        >>> [str(v) for v in bandit_in_samples().variables]
        ['theta', 'q1', 'q2']
    """
    m = len(rewards)
    one = FiniteMDP((sp.eye(1),) * m, sp.Matrix([[expression(r, "a reward") for r in rewards]]), 0, (1,))
    return _titled(finite_process_in_samples(one, beta=beta), "Two-armed bandit" if m == 2 else "Bandit",
                   "Sutton and Barto 2018, section 2.8")  # fmt: skip


def two_states_in_samples(discount: Any = "1/2", *, beta: Any = 1) -> SampledGame:
    """An actor and a critic in a decision process of two states and two actions, both of which are worth the same.

    Math: action 0 stays with probability 3/4, action 1 with 1/4; the rewards make Q(1, .) = 1 and Q(2, .) = 0 under the
        even policy at every discount, so the soft equilibrium is logits 0 for every beta. States are visited by the
        discounted law of the actor's own policy, from state 1 on: (3/4, 1/4) at the equilibrium for discount 1/2.

    Shapes: two logits, four values.

    Reference: Puterman (1994), section 3.1; Sutton and Barto (2018), chapter 6.

    Examples:
        >>> [str(v) for v in two_states_in_samples().variables]
        ['theta_1', 'theta_2', 'q_1_1', 'q_1_2', 'q_2_1', 'q_2_2']
    """
    gamma, stay = expression(discount, "a discount"), (sp.Rational(3, 4), sp.Rational(1, 4))
    steps = tuple(sp.Matrix([[p, 1 - p], [1 - p, p]]) for p in stay)
    worth = sp.Matrix([1, 0])
    rewards = sp.Matrix(2, 2, lambda s, a: worth[s] - gamma * (steps[a] * worth)[s])
    mdp = FiniteMDP(steps, rewards, gamma, (1, 0))
    made = finite_process_in_samples(mdp, beta=beta, visits="policy")
    return _titled(made, "Two-state decision process", "Sutton and Barto 2018, chapter 6")
