"""Off-policy data: what a replay buffer holds, and the classical examples in which such data makes critics diverge.

Main definitions: `state_action_critic`, `replayed_law`, `sampled_td`, `doubling_chain`, `baird_star`, `fitted_chain`;
as games `w_to_two_w`, `baird_counterexample`, `fitted_counterexample`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.nodes import stop_gradient
from bilevel.language.values import expression
from bilevel.models.finite_processes import FiniteMDP
from bilevel.models.linear_critics import LinearCritic, stationary_law
from bilevel.system import System


def replayed_law(mdp: FiniteMDP, policies: Sequence[Any], shares: Sequence[Any] | None = None) -> Any:
    """The law of state and action in a buffer filled by several policies.

    Math: d(s, a) = sum_j share_j d_j(s) pi_j(a | s), d_j the law that policy j settles in; one policy and its own
        critic: on-policy. Pairs in the order (s1, a1), (s1, a2), ..., a column.

    Shapes: policies n x m; shares sum to one (default: equal).

    Raises: GameError where shares and policies are not as many, or a policy settles in no single law.

    Reference: Lin (1992), doi 10.1007/BF00992699.

    Examples:
        >>> mdp = FiniteMDP((sp.eye(1), sp.eye(1)), sp.Matrix([[1, 0]]), sp.Rational(1, 2), (1,))
        >>> replayed_law(mdp, [sp.Matrix([[1, 0]]), sp.Matrix([[0, 1]])]).T
        Matrix([[1/2, 1/2]])
    """
    count = len(policies)
    parts = [sp.Rational(1, count)] * count if shares is None else [expression(s, "a share") for s in shares]
    if len(parts) != count:
        raise GameError(f"{count} policies need as many shares; got {len(parts)}")
    law = sp.zeros(mdp.states * mdp.actions, 1)
    for share, policy in zip(parts, policies, strict=True):
        visits = stationary_law(mdp.induced(policy))
        law += share * sp.Matrix([visits[s] * policy[s, a] for s in range(mdp.states) for a in range(mdp.actions)])
    return sp.ImmutableMatrix(law)


def state_action_critic(mdp: FiniteMDP, policy: Any, *, features: Any = None, law: Any = None) -> LinearCritic:
    """A critic of action values: the chain of pairs of state and action under the policy that is judged.

    Math: P((s, a), (s', a')) = P_a(s, s') pi(a' | s'); features default to one for each pair (a table); law default:
        the policy's own, `replayed_law(mdp, [policy])`.

    Shapes: n m pairs, in the order (s1, a1), (s1, a2), ...

    Reference: Rummery and Niranjan (1994), Online Q-learning using connectionist systems.

    Examples:
        >>> mdp = FiniteMDP((sp.eye(1), sp.eye(1)), sp.Matrix([[1, 0]]), sp.Rational(1, 2), (1,))
        >>> state_action_critic(mdp, sp.Matrix([[1, 0]])).value().T
        Matrix([[2, 1]])
    """
    pairs = [(s, a) for s in range(mdp.states) for a in range(mdp.actions)]
    chain = sp.Matrix(len(pairs), len(pairs), lambda i, j: _ahead(mdp, policy, pairs[i], pairs[j]))
    rewards = [mdp.rewards[s, a] for s, a in pairs]
    given = sp.eye(len(pairs)) if features is None else features
    return LinearCritic(chain, rewards, given, mdp.discount, replayed_law(mdp, [policy]) if law is None else law)


def _ahead(mdp: FiniteMDP, policy: Any, now: tuple[int, int], then: tuple[int, int]) -> Any:
    return mdp.transitions[now[1]][now[0], then[0]] * policy[then[0], then[1]]


def sampled_td(critic: LinearCritic) -> tuple[Game, list[tuple[Any, dict[Any, Any]]]]:
    """TD(0) on one transition at a time, and the law of transitions: what `bilevel.analysis.mean_square` takes.

    Math: min over w of (sg(r + gamma phi'^T w) - phi^T w)^2/2; a transition from s to s' has probability d_s P(s, s'),
        and is the end of a run (phi' = 0) with what is left.

    Shapes: symbols x1, ..., xd for phi, y1, ..., yd for phi', r; as many outcomes as transitions that happen.

    Reference: Sutton (1988), doi 10.1007/BF00115009.

    Examples:
        >>> game, outcomes = sampled_td(doubling_chain())
        >>> game.field(), [p for p, _ in outcomes]
        ({w: -x1*(gamma*w*y1 + r - w*x1)}, [1])
    """
    d = critic.features.cols
    now, then, r = sp.symbols(f"x1:{d + 1}", real=True), sp.symbols(f"y1:{d + 1}", real=True), sp.Symbol("r", real=True)
    w = critic.weights
    goal = r + critic.discount * sum(y * stop_gradient(v) for y, v in zip(then, w, strict=True))
    guess = sum(x * v for x, v in zip(now, w, strict=True))
    outcomes = []
    for s in range(critic.chain.rows):
        here = dict(zip(now, critic.features.row(s), strict=True)) | {r: critic.rewards[s]}
        ways = [(critic.chain[s, t], list(critic.features.row(t))) for t in range(critic.chain.rows)]
        ways.append((1 - sum(critic.chain.row(s)), [sp.S.Zero] * d))
        for p, ahead in ways:
            if sp.expand(critic.law[s] * p) != 0:
                outcomes.append((sp.expand(critic.law[s] * p), here | dict(zip(then, ahead, strict=True))))
    game = Game(critic=minimize((goal - guess) ** 2 / 2, *w), title="Sampled TD(0)", source="Sutton 1988")
    return game, outcomes


def doubling_chain(discount: Any = None) -> LinearCritic:
    """One transition, from a state of value w to one of value 2w; only the first is ever updated.

    Math: Phi = (1, 2)^T, no reward, d = (1, 0); TD(0): w <- w (1 + alpha (2 gamma - 1)), diverging iff gamma > 1/2.

    Reference: Sutton and Barto (2018), section 11.2.

    Examples:
        >>> doubling_chain().td().field()
        {w: -2*gamma*w + w}
    """
    return LinearCritic([[0, 1], [0, 0]], [0, 0], [1, 2], discount, law=[1, 0])


def baird_star(discount: Any = None) -> LinearCritic:
    """Baird's star: six states lead to a seventh, that stays; all seven are visited equally often.

    Math: values 2 w_i + w_8 (i = 1, ..., 6) and w_7 + 2 w_8, no rewards; behaviour: six times in seven to one of the
        first six states at random, else to the seventh; judged: always to the seventh. Eight features of rank seven, so
        the fixed points form a line.

    Reference: Baird (1995), Residual algorithms; Sutton and Barto (2018), figure 11.1.

    Examples:
        >>> baird_star().features.rank()
        7
    """
    features = sp.zeros(7, 8)
    for i in range(6):
        features[i, i], features[i, 7] = 2, 1
    features[6, 6], features[6, 7] = 1, 2
    chain = sp.Matrix(7, 7, lambda i, j: sp.Integer(j == 6))
    behaviour = sp.Matrix(7, 7, lambda i, j: sp.Rational(1, 7))
    return LinearCritic(chain, [0] * 7, features, discount, law=stationary_law(behaviour))


def fitted_chain(discount: Any = None, end: Any = None) -> LinearCritic:
    """Two states of values w and 2w, the second repeating until the run ends; both fitted at once.

    Math: the second state ends with probability epsilon; least squares over both: w <- w gamma (6 - 4 epsilon)/5, which
        diverges iff gamma > 5/(6 - 4 epsilon).

    Reference: Tsitsiklis and Van Roy (1996), doi 10.1007/BF00114724; Sutton and Barto (2018), example 11.1.

    Examples:
        >>> fitted_chain().fitted().equations
        {w: -4*epsilon*gamma*w/5 + 6*gamma*w/5}
    """
    epsilon = sp.Symbol("epsilon", positive=True) if end is None else expression(end, "the chance to end")
    half = sp.Rational(1, 2)
    return LinearCritic([[0, 1], [0, 1 - epsilon]], [0, 0], [1, 2], discount, law=[half, half])


def w_to_two_w() -> Game:
    """Semi-gradient TD(0) on the transition from w to 2w.

    Math: see `doubling_chain`.

    Reference: Sutton and Barto (2018), section 11.2.

    Examples:
        >>> w_to_two_w().jacobian()
        Matrix([[1 - 2*gamma]])
    """
    return doubling_chain().td()


def baird_counterexample() -> Game:
    """Off-policy semi-gradient TD(0) on Baird's star.

    Math: see `baird_star`; unstable for every step iff gamma > 15/17.

    Reference: Baird (1995), Residual algorithms.

    Examples:
        >>> len(baird_counterexample().variables)
        8
    """
    return baird_star().td()


def fitted_counterexample() -> System:
    """Fitted iteration on the two states of Tsitsiklis and Van Roy.

    Math: see `fitted_chain`.

    Reference: Tsitsiklis and Van Roy (1996), doi 10.1007/BF00114724.

    Examples:
        >>> fitted_counterexample().time
        'discrete'
    """
    return fitted_chain().fitted()
