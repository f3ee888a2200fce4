"""Finite Markov decision processes in closed form, and the games of actors and critics in them.

Main definitions: `FiniteMDP`, `two_state_mdp`, `softmax`, `policy_gradient`, `bandit`.

Notation: n states, m actions, transition matrices P_a (rows: from), rewards r[s, a], discount gamma, start law mu; a
policy is an n x m matrix whose rows are laws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.values import expression, matrix


@dataclass(frozen=True)
class FiniteMDP:
    """A decision process with finitely many states and actions, its values and occupancies as exact expressions.

    Math: V = (1 - gamma P_pi)^{-1} r_pi, Q[s, a] = r[s, a] + gamma sum_s' P_a[s, s'] V[s'],
        occupancy d = (1 - gamma) mu^T (1 - gamma P_pi)^{-1}, return mu^T V.

    Shapes: `transitions` one n x n matrix an action, `rewards` n x m, `start` n probabilities; values are sums over all
        steps, the occupancy is a law.

    Raises: GameError where shapes do not fit, or rows of numbers do not sum to one.

    Reference: Puterman (1994), Markov Decision Processes, chapter 6.

    Examples:
        >>> g = sp.Symbol("g", positive=True)
        >>> mdp = FiniteMDP((sp.eye(1), sp.eye(1)), sp.Matrix([[1, 0]]), g, (1,))
        >>> mdp.value(sp.Matrix([[1, 0]]))
        Matrix([[1/(1 - g)]])
    """

    transitions: tuple[Any, ...]
    rewards: Any
    discount: Any
    start: tuple[Any, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "transitions", tuple(matrix(P, "transitions") for P in self.transitions))
        object.__setattr__(self, "rewards", matrix(self.rewards, "the rewards"))
        object.__setattr__(self, "discount", expression(self.discount, "the discount"))
        object.__setattr__(self, "start", tuple(expression(p, "a start probability") for p in self.start))
        n, m = self.rewards.shape
        if len(self.transitions) != m or any(P.shape != (n, n) for P in self.transitions) or len(self.start) != n:
            raise GameError(
                f"rewards are {n} x {m}, so {m} transition matrices of {n} x {n} and {n} start probabilities are "
                f"needed; got {[P.shape for P in self.transitions]} and {len(self.start)}"
            )
        rows = [sp.Matrix(self.start).T, *(P.row(s) for P in self.transitions for s in range(n))]
        for row in rows:
            if sp.expand(sum(row) - 1) != 0:
                raise GameError(f"probabilities sum to one; the row {list(row)} sums to {sp.expand(sum(row))}")

    @property
    def lawful(self) -> tuple[Any, ...]:
        """What makes symbols a process: no probability is negative, and the discount is from 0 up to below 1."""
        entries = [*self.start, *(entry for P in self.transitions for entry in P)]
        facts = [sp.Ge(entry, 0) for entry in entries] + [sp.Ge(self.discount, 0), sp.Lt(self.discount, 1)]
        return tuple(dict.fromkeys(fact for fact in facts if fact.free_symbols))

    @property
    def states(self) -> int:
        """Number of states."""
        return int(self.rewards.rows)

    @property
    def actions(self) -> int:
        """Number of actions."""
        return int(self.rewards.cols)

    def induced(self, policy: Any) -> Any:
        """P_pi: the transition matrix under a policy."""
        policy = matrix(policy, "the policy")
        return sum((sp.diag(*policy[:, a]) * P for a, P in enumerate(self.transitions)), sp.zeros(self.states))

    def expected_reward(self, policy: Any) -> Any:
        """r_pi: the mean reward of one step in each state, a column."""
        weighted = matrix(policy, "the policy").multiply_elementwise(self.rewards)
        return weighted * sp.ones(self.actions, 1)

    def value(self, policy: Any) -> Any:
        """V: the discounted sum of rewards from each state, a column."""
        return self._solved(self.induced(policy), self.expected_reward(policy))

    def action_value(self, policy: Any) -> Any:
        """Q: the same after a first action, n x m."""
        V = self.value(policy)
        later = sp.Matrix.hstack(*(P * V for P in self.transitions))
        return (self.rewards + self.discount * later).applyfunc(sp.together)

    def occupancy(self, policy: Any) -> Any:
        """The discounted law of the states visited, a row."""
        start = (1 - self.discount) * sp.Matrix(self.start)
        return self._solved(self.induced(policy).T, start).T

    def performance(self, policy: Any) -> Any:
        """The return from the start law."""
        return sp.together((sp.Matrix([self.start]) * self.value(policy))[0, 0])

    def _solved(self, P: Any, right: Any) -> Any:
        # By adjugates: no division by an entry that might vanish.
        system = sp.eye(self.states) - self.discount * P
        return (system.adjugate() * right / system.det()).applyfunc(sp.together)


def softmax(logits: Sequence[Any]) -> Any:
    """The softmax law of logits, the last of which is 0 and not given.

    Math: p_a = exp(l_a)/(1 + sum_b exp(l_b)); for one logit the sigmoid.

    Reference: Sutton and Barto (2018), section 13.1.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> softmax([x])
        Matrix([[sigmoid(x), 1 - sigmoid(x)]])
    """
    if len(logits) == 1:
        return sp.Matrix([[sigmoid(logits[0]), 1 - sigmoid(logits[0])]])
    weights = [*map(sp.exp, logits), sp.S.One]
    return sp.Matrix([[weight / sum(weights) for weight in weights]])


def two_state_mdp() -> FiniteMDP:
    """Two states, two actions, everything symbolic.

    Math: action 0 stays with probability p, action 1 with probability q; rewards r11, r12, r21, r22; discount gamma;
        the start is state 1.

    Reference: Puterman (1994), section 3.1.

    Examples:
        >>> two_state_mdp().states, two_state_mdp().actions
        (2, 2)
    """
    p, q, gamma = sp.symbols("p q gamma", positive=True)
    rewards = sp.Matrix(2, 2, lambda s, a: sp.Symbol(f"r{s + 1}{a + 1}", real=True))
    return FiniteMDP(([[p, 1 - p], [1 - p, p]], [[q, 1 - q], [1 - q, q]]), rewards, gamma, (1, 0))


def policy_gradient(mdp: FiniteMDP | None = None) -> Game:
    """The exact policy gradient of a softmax policy, with one row of logits a state.

    Math: max over the logits of mu^T V; the gradient is sum_s d[s]/(1 - gamma) sum_a Q[s, a] d pi(a | s) (a test checks
        it).

    Shapes: n (m - 1) scalars.

    Reference: Sutton, McAllester, Singh, Mansour (2000); Agarwal, Kakade, Lee, Mahajan (2021), arXiv:1908.00261.

    Examples:
        >>> [str(v) for v in policy_gradient().variables]
        ['theta_1', 'theta_2']
    """
    mdp = mdp or two_state_mdp()
    logits = [
        [
            sp.Symbol("_".join(["theta", str(s + 1), *([str(a + 1)] if mdp.actions > 2 else [])]), real=True)
            for a in range(mdp.actions - 1)
        ]
        for s in range(mdp.states)
    ]
    policy = sp.Matrix.vstack(*map(softmax, logits))
    moved = [logit for row in logits for logit in row]
    actor = maximize(mdp.performance(policy), *moved)
    return Game(actor=actor, assuming=mdp.lawful, title="Softmax policy gradient", source="Sutton et al. 2000")


def bandit() -> Game:
    """An actor and a critic on two arms: the smallest actor-critic method with its own policy's data.

    Math: arms pay r1 and r2 on average; policy (sigmoid(theta), 1 - sigmoid(theta)); actor: max_theta sum_a pi_a q_a
        with the critic's values q; critic: min sum_a pi_a (r_a - q_a)^2/2 over q. With an entropy bonus beta H(pi) the
        equilibrium is inside: logit theta = (r1 - r2)/beta at q = r.

    Shapes: three scalars theta, q1, q2.

    Reference: Sutton and Barto (2018), section 2.8; Williams and Peng (1991) for the entropy bonus.

    Examples:
        >>> game = bandit()
        >>> theta, q1, q2 = game.variables
        >>> sp.factor(game.field()[theta])
        (sigmoid(theta) - 1)*(-beta*theta + q1 - q2)*sigmoid(theta)
    """
    theta, q1, q2 = sp.symbols("theta q1 q2", real=True)
    r1, r2 = sp.symbols("r1 r2", real=True)
    beta = sp.Symbol("beta", positive=True)
    first, second = softmax([theta])
    # log sigmoid(t) = t - softplus(t) and log(1 - sigmoid(t)) = -softplus(t), so H = softplus(t) - t sigmoid(t).
    entropy = softplus(theta) - theta * first
    actor = maximize(first * q1 + second * q2 + beta * entropy, theta)
    critic = minimize(first * (r1 - q1) ** 2 / 2 + second * (r2 - q2) ** 2 / 2, q1, q2)
    return Game(actor=actor, critic=critic, title="Two-armed bandit", source="Sutton and Barto 2018, section 2.8")
