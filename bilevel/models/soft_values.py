"""Values with an entropy bonus: soft backups, soft policies, and their fixed points on finite processes.

Main definitions: `soft_backup`, `soft_policy`, `soft_value`, `soft_process`, `soft_example`, `soft_bandit`.

Notation: tau the temperature; a policy's step pays r(s, a) - tau log pi(a | s).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, maximize
from bilevel.language.instance import Instance
from bilevel.language.values import matrix
from bilevel.models.finite_processes import FiniteMDP, softmax
from bilevel.models.process_matrices import MatrixProcess


def _action_values(mdp: FiniteMDP, values: Any) -> Any:
    later = sp.Matrix.hstack(*(P * sp.Matrix(values) for P in mdp.transitions))
    return sp.Matrix(mdp.rewards) + mdp.discount * later


def soft_backup(mdp: FiniteMDP, values: Any, tau: Any) -> Any:
    """One step of soft value iteration.

    Math: (T V)[s] = tau log sum_a exp(Q[s, a]/tau), Q[s, a] = r[s, a] + gamma sum_s' P_a[s, s'] V[s'].

    Shapes: a column of n values gives one.

    Reference: Haarnoja, Tang, Abbeel, Levine (2017), arXiv:1702.08165, theorem 3.

    Examples:
        >>> one = FiniteMDP((sp.eye(1), sp.eye(1)), sp.Matrix([[0, 0]]), sp.Rational(1, 2), (1,))
        >>> soft_backup(one, [0], 1)
        Matrix([[log(2)]])
    """
    Q = _action_values(mdp, values)
    return sp.Matrix([tau * sp.log(sum(sp.exp(q / tau) for q in Q.row(s))) for s in range(mdp.states)])


def soft_policy(mdp: FiniteMDP, values: Any, tau: Any) -> Any:
    """The policy that is best against given values with the bonus: the softmax of Q/tau.

    Math: pi[s, a] = exp(Q[s, a]/tau) / sum_b exp(Q[s, b]/tau).

    Shapes: n x m, rows are laws.

    Reference: Haarnoja, Tang, Abbeel, Levine (2017), arXiv:1702.08165, theorem 1.

    Examples:
        >>> one = FiniteMDP((sp.eye(1), sp.eye(1)), sp.Matrix([[sp.log(3), 0]]), 0, (1,))
        >>> soft_policy(one, [0], 1)
        Matrix([[3/4, 1/4]])
    """
    Q = _action_values(mdp, values)
    rows = [[sp.exp(q / tau) for q in Q.row(s)] for s in range(mdp.states)]
    return sp.Matrix([[weight / sum(row) for weight in row] for row in rows])


def soft_value(mdp: FiniteMDP, policy: Any, tau: Any) -> Any:
    """The value of a policy with the bonus.

    Math: V = (1 - gamma P_pi)^{-1} (r_pi + tau H(pi)), H the entropy of each row.

    Shapes: a column of n sums over all steps.

    Reference: Haarnoja, Tang, Abbeel, Levine (2017), arXiv:1702.08165, definition 1.

    Examples:
        >>> one = FiniteMDP((sp.eye(1), sp.eye(1)), sp.Matrix([[0, 0]]), sp.Rational(1, 2), (1,))
        >>> soft_value(one, sp.Matrix([[sp.Rational(1, 2)] * 2]), 1)
        Matrix([[2*log(2)]])
    """
    paid = mdp.rewards - tau * matrix(policy, "the policy").applyfunc(sp.log)
    return FiniteMDP(mdp.transitions, paid, mdp.discount, mdp.start).value(policy)


def soft_process(transitions: Any, policy: Any, values: Any, discount: Any, tau: Any, start: Any) -> FiniteMDP:
    """A process made to have given soft values and a given best policy.

    Math: r[s, a] = V[s] + tau log pi[s, a] - gamma sum_s' P_a[s, s'] V[s']; then V is the fixed point of the soft
        backup and pi the softmax of Q/tau.

    Shapes: one n x n matrix an action, an n x m policy, n values.

    Raises: GameError as `FiniteMDP` does.

    Reference: Nachum, Norouzi, Xu, Schuurmans (2017), arXiv:1702.08892, theorem 1, read backwards.

    Examples:
        >>> half = sp.Rational(1, 2)
        >>> made = soft_process((sp.eye(1), sp.eye(1)), sp.Matrix([[half, half]]), [2], half, 1, (1,))
        >>> soft_backup(made, [2], 1).applyfunc(sp.simplify)
        Matrix([[2]])
    """
    V, policy = matrix(list(values), "the values"), matrix(policy, "the policy")
    ahead = sp.Matrix.hstack(*(matrix(P, "transitions") * V for P in transitions))
    rewards = sp.Matrix(
        policy.rows, policy.cols, lambda s, a: V[s] + tau * sp.log(policy[s, a]) - discount * ahead[s, a]
    )
    return FiniteMDP(tuple(transitions), rewards, discount, tuple(start))


def soft_example(process: MatrixProcess) -> Instance:
    """A process of any size as one with two states and two actions and known soft values, at temperature 1/2.

    Math: see `soft_process`; l and pi are the logarithm of the sum of exponentials and the softmax of each state.

    Shapes: two states, four pairs.

    Reference: Nachum, Norouzi, Xu, Schuurmans (2017), arXiv:1702.08892.

    Examples:
        >>> from bilevel.models.process_matrices import process_of_any_size
        >>> soft_example(process_of_any_size()).dims
        {'n': 2, 'k': 4}
    """
    half, third = sp.Rational(1, 2), sp.Rational(1, 3)
    moves = (sp.Matrix([[1, 0], [half, half]]), sp.Matrix([[half, half], [0, 1]]))
    made = soft_process(moves, [[third, 2 * third], [half, half]], [1, 2], half, half, (half, half))

    def normaliser(x: Any) -> list[Any]:
        return [sp.log(sp.exp(x[0]) + sp.exp(x[1])), sp.log(sp.exp(x[2]) + sp.exp(x[3]))]

    def policy(x: Any) -> list[Any]:
        return [sp.exp(x[i]) / (sp.exp(x[i - i % 2]) + sp.exp(x[i - i % 2 + 1])) for i in range(4)]

    networks = {"l": normaliser, "pi": policy}
    return process.instance(made, networks=networks, vectors={"V": [1, 2]}, scalars={"tau": half})


def soft_bandit() -> Game:
    """The softmax policy of a bandit with an entropy bonus: three arms, exact policy gradient.

    Math: max_theta sum_a pi_a (r_a - tau log pi_a), pi the softmax of (theta1, theta2, 0). The gradient vanishes at the
        softmax of r/tau, and only there.

    Shapes: two scalars.

    Reference: Williams and Peng (1991); Mei, Xiao, Szepesvari, Schuurmans (2020), arXiv:2005.06392, section 4.

    Examples:
        >>> game = soft_bandit()
        >>> tau = next(s for s in game.parameters if s.name == "tau")
        >>> r = sp.symbols("r1:4", real=True)
        >>> best = {t: (r[k] - r[2]) / tau for k, t in enumerate(game.variables)}
        >>> [sp.simplify(slope.subs(best)) for slope in game.field().values()]
        [0, 0]
    """
    theta, rewards = sp.symbols("theta1 theta2", real=True), sp.symbols("r1:4", real=True)
    tau = sp.Symbol("tau", positive=True)
    policy = softmax(theta)
    total = 1 + sum(sp.exp(t) for t in theta)
    logs = [*theta, sp.S.Zero]
    paid = sum(p * (r - tau * (t - sp.log(total))) for p, r, t in zip(policy, rewards, logs, strict=True))
    return Game(actor=maximize(paid, *theta), title="Soft bandit", source="Williams and Peng 1991")
