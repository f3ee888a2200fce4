"""The follow-on trace: exact conditions for a finite variance, moments against paths written out."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from bilevel.analysis import follow_on
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.models import FiniteMDP, LinearCritic

Q = sp.Rational
GAMMA = sp.Symbol("gamma", positive=True)
MOVES = (sp.Matrix([[Q(1, 2), Q(1, 2)], [Q(1, 3), Q(2, 3)]]), sp.Matrix([[0, 1], [Q(3, 4), Q(1, 4)]]))
MU = [[Q(1, 2), Q(1, 2)], [Q(2, 3), Q(1, 3)]]
PI = [[Q(1, 4), Q(3, 4)], [Q(1, 2), Q(1, 2)]]


def process(discount) -> FiniteMDP:
    return FiniteMDP(MOVES, sp.zeros(2, 2), discount, (1, 0))


def paths(discount, length, interest):
    """d(s) E[F^2 | s] and d(s) E[F | s] after so many steps from the stationary law, path by path."""
    found = follow_on(process(discount), behaviour=MU, target=PI, interest=interest)
    first, second = [Fraction(0)] * 2, [Fraction(0)] * 2
    exact = lambda e: Fraction(int(e.p), int(e.q))
    for states in itertools.product((0, 1), repeat=length + 1):
        for actions in itertools.product((0, 1), repeat=length):
            chance, F = exact(found.law[states[0]]), Fraction(interest[states[0]])
            for s, a, t in zip(states, actions, states[1:], strict=False):
                chance *= exact(MU[s][a]) * exact(sp.Rational(MOVES[a][s, t]))
                F = Fraction(interest[t]) + exact(discount) * exact(PI[s][a]) / exact(MU[s][a]) * F
            first[states[-1]] += chance * F
            second[states[-1]] += chance * F**2
    return first, second


def test_moments_are_limits_of_those_along_all_paths():
    discount, interest = Q(1, 3), [1, 3]
    found = follow_on(process(discount), behaviour=MU, target=PI, interest=interest)
    gaps = []
    for length in (2, 4, 6):
        ends = [found.first_moment, found.second_moment]
        gaps.append(
            max(
                abs(float(e) - g)
                for end, given in zip(ends, paths(discount, length, interest), strict=True)
                for e, g in zip(end, map(float, given), strict=True)
            )
        )
    rate = max(float(discount), float(discount) ** 2 * max(abs(np.linalg.eigvals(np.array([[0.625, 0.625]] * 2)))))
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < gaps[1] * 2 * rate**1.5


def test_the_condition_is_the_radius_of_the_squared_ratios():
    found = follow_on(process(GAMMA), behaviour=MU, target=PI)
    squared = np.array([[float(PI[s][a] ** 2 / MU[s][a]) for a in (0, 1)] for s in (0, 1)])
    S = sum(squared[:, a, None] * np.array(M.tolist(), float) for a, M in enumerate(MOVES))
    edge = 1 / np.sqrt(max(abs(np.linalg.eigvals(S))))
    assert found.known == "exact" and found.certificate is not None
    for gamma, finite in ((edge * 0.999, True), (edge * 1.001, False)):
        assert (found.condition.subs(GAMMA, Q(gamma).limit_denominator(10**6)) == sp.true) is finite
    assert found.mean.solve(GAMMA) == sp.StrictLessThan(GAMMA, 1)


def test_the_emphasis_of_the_linear_critic_is_the_first_moment():
    """Sutton, Mahmood, White: the law of `emphatic` at lambda = 0 is d(s) E[F | s]."""
    found = follow_on(process(Q(1, 3)), behaviour=MU, target=PI, interest=[1, 2])
    mdp = process(Q(1, 3))
    critic = LinearCritic(mdp.induced(sp.Matrix(PI)), [0, 0], sp.eye(2), Q(1, 3), found.law)
    loss = critic.emphatic(interest=[1, 2])["critic"].loss
    w = critic.weights
    # At w = e_s with the target's copy equal, the squared error of s alone has weight m(s)/2.
    slopes = [sp.diff(loss.doit(), v, 2) for v in w]
    assert [sp.nsimplify(s) for s in slopes] == list(found.first_moment)


def test_bairds_star_has_an_infinite_variance_from_a_discount_below_one_half_on():
    """rho is 7 on the way to the seventh state: finite iff 7 gamma^2 < 1."""
    others = sp.Matrix(7, 7, lambda i, j: Q(1, 6) if j < 6 else 0)
    seventh = sp.Matrix(7, 7, lambda i, j: int(j == 6))
    mdp = FiniteMDP((others, seventh), sp.zeros(7, 2), GAMMA, (1, *[0] * 6))
    found = follow_on(mdp, behaviour=[[Q(6, 7), Q(1, 7)]] * 7, target=[[0, 1]] * 7)
    assert found.solve(GAMMA) == sp.StrictLessThan(GAMMA, sp.sqrt(7) / 7)
    fixed = follow_on(
        FiniteMDP((others, seventh), sp.zeros(7, 2), Q(99, 100), (1, *[0] * 6)),
        behaviour=[[Q(6, 7), Q(1, 7)]] * 7,
        target=[[0, 1]] * 7,
    )
    assert fixed.mean.verdict == "stable" and fixed.verdict == "unstable"
    with pytest.raises(UnknownAnswer, match=r"mean square is infinite, proved: gamma.2 rho.S. is at least 1"):
        _ = fixed.second_moment
    assert str(fixed) == "mean of the trace: finite (exact)\nmean square of the trace: infinite (exact)"
    assert "finite iff" in str(found) and "else infinite" in str(found)


def test_at_the_edge_the_second_moment_grows_without_end():
    one = FiniteMDP((sp.eye(1),) * 2, sp.zeros(1, 2), sp.sqrt(2) / 2, (1,))
    found = follow_on(one, behaviour=[[Q(1, 2), Q(1, 2)]], target=[[1, 0]])
    assert found.verdict == "marginal" and found.condition == sp.false


def test_on_policy_the_trace_is_its_mean_and_states_without_interest_do_not_count():
    found = follow_on(process(Q(1, 2)), behaviour=PI, target=PI)
    assert [g * d for g, d in zip(found.second_moment, found.law, strict=True)] == [f**2 for f in found.first_moment]
    apart = FiniteMDP((sp.eye(2), sp.eye(2)[::-1, :]), sp.zeros(2, 2), GAMMA, (1, 0))
    lonely = follow_on(apart, behaviour=[[Q(1, 2), Q(1, 2)]] * 2, target=[[1, 0], [Q(1, 2), Q(1, 2)]], interest=[1, 0])
    assert lonely.states == (0,) and lonely.solve(GAMMA) == sp.StrictLessThan(GAMMA, sp.sqrt(2) / 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(GameError, match="never does"):
        follow_on(process(GAMMA), behaviour=[[1, 0], [1, 0]], target=PI)
    with pytest.raises(GameError, match="policies are 2 x 2"):
        follow_on(process(GAMMA), behaviour=[[1, 0]], target=PI)
    with pytest.raises(GameError, match="from 0 on"):
        follow_on(process(GAMMA), behaviour=MU, target=PI, interest=[-1, 1])
