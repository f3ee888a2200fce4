"""The follow-on trace of emphatic TD: whether its mean and its variance are finite, and what they are.

Main definitions: `follow_on`, `FollowOn`.

Notation: actions are drawn from mu, values are those of pi, rho = pi/mu; F_t = i(s_t) + gamma rho_{t-1} F_{t-1} with
interest i. P_pi[s, s'] = sum_a pi(a|s) p(s'|s, a); S[s, s'] = sum_a pi(a|s)^2/mu(a|s) p(s'|s, a); d the law of mu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.verdict import Verdict
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.values import matrix
from bilevel.models.linear_critics import stationary_law


@dataclass(frozen=True)
class FollowOn:
    """Verdicts on the trace's first and second moments, and the moments where they are finite.

    Math: f(s) = d(s) lim E[F_t | s_t = s] solves f = d i + gamma P_pi^T f, finite iff gamma rho(P_pi) < 1: `mean`.
        g(s) = d(s) lim E[F_t^2 | s_t = s] solves g = i^2 d + 2 gamma i (P_pi^T f) + gamma^2 S^T g, finite iff gamma^2
        rho(S) < 1: `second`; at equality it grows without end. Every trace parameter lambda has the same condition:
        e_t = rho_t (gamma lambda e_{t-1} + M_t phi_t) adds the factor lambda^2 to S, and M_t = lambda i + (1 - lambda)
        F_t. An infinite variance does not keep emphatic TD from converging almost surely with falling steps (Yu 2015).

    Shapes: `states` are those that are visited and that the interest reaches through P_pi; elsewhere F is 0 or unseen.

    Raises: UnknownAnswer for a moment that is infinite, which it says, or whose finiteness is not decided.

    Reference: Sutton, Mahmood, White (2016), arXiv:1503.04269; Yu (2015), arXiv:1506.02582.

    Examples:
        >>> from bilevel.models import FiniteMDP
        >>> right = sp.Matrix([[0, 1], [0, 1]])
        >>> g = sp.Symbol("gamma", positive=True)
        >>> mdp = FiniteMDP((sp.Matrix([[1, 0], [1, 0]]), right), sp.zeros(2, 2), g, (1, 0))
        >>> follow_on(mdp, behaviour=[["1/2", "1/2"]] * 2, target=[[0, 1]] * 2).solve(g)
        gamma < sqrt(2)/2
    """

    mean: Verdict
    second: Verdict
    law: Any
    interest: Any
    states: tuple[int, ...]

    @property
    def verdict(self) -> str:
        """Of the second moment: stable is finite, unstable and marginal are infinite."""
        return self.second.verdict

    @property
    def condition(self) -> Any:
        """Where the variance of the trace is finite."""
        return self.second.condition

    @property
    def known(self) -> str:
        """How the condition is known."""
        return self.second.known

    @property
    def certificate(self) -> Any:
        """Of the verdict on the second moment."""
        return self.second.certificate

    def solve(self, parameter: Any) -> Any:
        """The condition solved for one parameter."""
        return self.second.solve(parameter)

    @property
    def first_moment(self) -> Any:
        """f: d(s) times the mean of the trace in s; with d in front, the emphasis of lambda = 0."""
        start = self.law.multiply_elementwise(self.interest)
        return self._spread(_fixed(self.mean, self._kept(start), "mean", "gamma rho(P_pi)"))

    @property
    def second_moment(self) -> Any:
        """g: d(s) times the mean square of the trace in s."""
        i, d = self._kept(self.interest), self._kept(self.law)
        f = _fixed(self.mean, d.multiply_elementwise(i), "mean", "gamma rho(P_pi)")
        ahead = self.mean.jacobian * f
        right = i.multiply_elementwise(i).multiply_elementwise(d) + 2 * i.multiply_elementwise(ahead)
        return self._spread(_fixed(self.second, right, "mean square", "gamma^2 rho(S)"))

    def _kept(self, column: Any) -> Any:
        return sp.Matrix([column[s] for s in self.states])

    def _spread(self, column: Any) -> Any:
        place = {s: k for k, s in enumerate(self.states)}
        return sp.ImmutableMatrix([column[place[s]] if s in place else 0 for s in range(self.law.rows)])

    def __str__(self) -> str:
        return f"mean of the trace: {_said(self.mean)}\nmean square of the trace: {_said(self.second)}"


def _said(verdict: Verdict) -> str:
    """A radius against 1 as what it says of a moment."""
    if verdict.verdict == "unknown":
        return f"not decided: {verdict.reason}"
    if verdict.verdict == "conditional" and verdict.condition != sp.false:
        return f"finite iff {verdict.condition}, else infinite ({verdict.known})"
    return f"{'finite' if verdict.verdict == 'stable' else 'infinite'} ({verdict.known})"


def follow_on(mdp: Any, *, behaviour: Any, target: Any, interest: Any = None) -> FollowOn:
    """Whether the follow-on trace of emphatic TD has a finite mean and a finite variance.

    Math: see `FollowOn`: spectral radii of gamma P_pi^T and gamma^2 S^T against 1, exactly.

    Shapes: policies states x actions; interest one number a state, from 0 on (default 1); numbers or symbols.

    Raises: GameError where shapes do not fit, an interest is negative, or pi takes an action that mu does not.

    Reference: Sutton, Mahmood, White (2016), arXiv:1503.04269, section 5; Yu (2015), arXiv:1506.02582.

    Examples:
        >>> from bilevel.models import FiniteMDP
        >>> half = sp.Rational(1, 2)
        >>> mdp = FiniteMDP((sp.eye(1),) * 2, sp.Matrix([[1, 0]]), half, (1,))
        >>> found = follow_on(mdp, behaviour=[[half, half]], target=[[1, 0]])
        >>> found.first_moment, found.second_moment
        (Matrix([[2]]), Matrix([[6]]))
    """
    mu, pi = matrix(behaviour, "the behaviour"), matrix(target, "the target policy")
    cared = sp.ones(mdp.states, 1) if interest is None else matrix(interest, "the interest")
    if mu.shape != (mdp.states, mdp.actions) or pi.shape != mu.shape or cared.shape != (mdp.states, 1):
        raise GameError(f"policies are {mdp.states} x {mdp.actions} and the interest has {mdp.states} entries")
    if any(i.is_negative for i in cared):
        raise GameError("an interest is a number from 0 on")
    for s in range(mdp.states):
        for a in range(mdp.actions):
            if mu[s, a] == 0 and pi[s, a] != 0:
                raise GameError(f"the target policy takes action {a + 1} in state {s + 1}; the behaviour never does")
    ratios = sp.Matrix(*mu.shape, lambda s, a: 0 if pi[s, a] == 0 else pi[s, a] ** 2 / mu[s, a])
    P, S = mdp.induced(pi), mdp.induced(ratios)
    law, gamma = stationary_law(mdp.induced(mu)), mdp.discount
    states = _reached([s for s in range(mdp.states) if cared[s] != 0 and law[s] != 0], P)
    judged = lambda M, factor: analyse((factor * M.T).extract(states, states).applyfunc(sp.cancel), time="discrete")
    return FollowOn(judged(P, gamma), judged(S, gamma**2), law, sp.ImmutableMatrix(cared), tuple(states))


def _reached(start: list[int], P: Any) -> list[int]:
    found, open_ones = set(start), list(start)
    while open_ones:
        s = open_ones.pop()
        for t in range(P.cols):
            if P[s, t] != 0 and t not in found:
                found.add(t)
                open_ones.append(t)
    return sorted(found)


def _fixed(verdict: Verdict, right: Any, moment: str, radius: str) -> Any:
    """x = right + M x where M contracts."""
    if verdict.verdict == "unknown":
        raise UnknownAnswer(
            f"whether the trace's {moment} is finite is not decided: {verdict.reason}",
            next_step="give numbers to some of the symbols",
        )
    if verdict.condition == sp.false:
        raise UnknownAnswer(
            f"the trace's {moment} is infinite, proved: {radius} is at least 1 ({verdict.known})",
            next_step="lower gamma, or bring behaviour and target policy closer",
        )
    gap = sp.eye(right.rows) - verdict.jacobian
    return gap.LUsolve(right).applyfunc(sp.cancel)
