"""Gradient play may leave a Nash point of gains.

Several controllers of one linear system, each with quadratic costs of its own, feed back the state. Where nobody's
gradient moves and every curvature R_ii + B_i^T P_i B_i is positive definite, nobody improves by any other stabilising
gain: the difference of costs is tr(D^T (R_ii + B_i^T P_i B_i) D Sigma'), exactly. Yet gradient play need not settle
there. On a plant of two states whose start spreads in nearly one direction only, the gradient flow turns away from the
one Nash point found, in a growing spiral. Natural gradients do not see the start, and find it. Two controllers of an
unstable scalar have three Nash points: the even one repels, the two in which one of them does the work attract; three
controllers have seven.

What is shown is the source's claim that such games exist, on a plant and costs of our own in the source's form (inputs
(1, 1) and (0, 1), half of the starts at (1, 1) and half at (1, 1.1)); its printed example is not reproduced. The
matrices SPREAD, which public code of others uses for games of this form, give a Nash point that attracts: leaving it is
no rule.

Source: Mazumdar, Ratliff, Jordan, Sastry (2020), arXiv:1907.03712; Fazel et al. (2018), arXiv:1801.05039, lemma 10.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, feedback_nash, gain_stability, states
from bilevel.language.matrices import short
from bilevel.models import RegulatorGame

PLANT = ([["0.979", "0.804"], ["0.249", "0.8"]], [[[1], [1]], [[0], [1]]])
COSTS = ([[["0.058", 0], [0, "0.986"]], [["0.123", 0], [0, "0.103"]]], ["0.01", "0.01"])
START = [["1", "1.05"], ["1.05", "1.105"]]
SPREAD = ([["0.588", "0.028"], ["0.570", "0.056"]], PLANT[1])
SPREAD_COSTS = ([[["0.01", 0], [0, 1]], [[1, 0], [0, "0.147"]]], ["0.01", "0.01"])

EVIDENCE = "the eigenvalues of the linearised learning at the enclosed gains are enclosed"


def difference():
    """Player 1's cost at gain k + d less that at k, and what the curvature says of it, where its slope at k is e."""
    a, b, r, gamma, p, e, k, d = sp.symbols("a b r gamma p e k d", real=True)
    # p is the value at k, so Q + others' actions is q = p - r k^2 - gamma L^2 p; the slope e = r k - gamma b p L.
    before = a - b * k
    q = p - r * k**2 - gamma * before**2 * p
    after = a - b * (k + d)
    cost = (q + r * (k + d) ** 2) / (1 - gamma * after**2)
    weight = 1 / (1 - gamma * after**2)
    e = r * k - gamma * b * p * before
    return short(sp.Matrix([[cost - p - weight * ((r + gamma * b**2 * p) * d**2 + 2 * d * e)]]))[0]


def of_scalars() -> tuple[Claim, ...]:
    """Two and three controllers of an unstable scalar."""
    pair = RegulatorGame(2, [1, 1], ["1/10", "1/10"], [1, 1])
    found = feedback_nash(pair)
    even = {p.gains[0] == p.gains[1]: gain_stability(pair, p).verdict for p in found.points}
    three = feedback_nash(RegulatorGame(2, [1, 1, 1], ["1/10", "1/10", "1/10"], [1, 1, 1]))
    return (
        states(
            "Two controllers of an unstable scalar have three Nash points; the even one repels, the others attract.",
            found.complete and len(found.points) == 3 and even == {True: "unstable", False: "stable"},
            note="; ".join(str(p.gains[0][0].evalf(6)) for p in found.points),
        ),
        states(
            "Three controllers of it have seven.",
            three.complete and len(three.points) == 7 and {p.kind for p in three.points} == {"Nash (strict)"},
            known="enclosed",
            note="all roots of one polynomial in the closed loop, each proved or excluded",
        ),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    game = RegulatorGame(*PLANT, *COSTS, 1, START)
    (point,) = feedback_nash(game).points
    gradient, natural = (gain_stability(game, point, method=m) for m in ("gradient", "natural gradient"))
    wide = RegulatorGame(*PLANT, *COSTS)
    spread = gain_stability(wide, feedback_nash(wide).points[0])
    other = RegulatorGame(*SPREAD, *SPREAD_COSTS, 1, START)
    settles = gain_stability(other, feedback_nash(other).points[0])
    claims = (
        states(
            "The difference of costs is the curvature's square and the slope, weighted by where the new gain leads.",
            difference() == 0,
            note="as an identity of rational functions, for scalars",
        ),
        states(
            "The plant has a strict Nash point.",
            point.kind == "Nash (strict)",
            known=point.known,
            note=f"gains {[list(K.evalf(6)) for K in point.gains]}, each within {point.radius:.1e}",
        ),
        states("The gradient flow leaves it.", gradient.verdict == "unstable", known=gradient.known, note=EVIDENCE),
        states("Natural gradients settle there.", natural.verdict == "stable", known=natural.known, note=EVIDENCE),
        states(
            "From a round start gradients settle too.", spread.verdict == "stable", known=spread.known, note=EVIDENCE
        ),
        states(
            "From the same start gradients settle with the matrices SPREAD.",
            settles.verdict == "stable",
            known=settles.known,
            note=EVIDENCE,
        ),
        *of_scalars(),
    )
    title = "Gradient play may leave a Nash point of gains"
    return Proof(80, title, __doc__ or "", "Mazumdar, Ratliff, Jordan, Sastry 2020, arXiv:1907.03712", claims)
