"""DDPG settles where its critic is right, and of those points at the optimal control only.

Where the copies have caught up, the critic's gradient is that of the semi-gradient temporal-difference loss, for
networks of any form: copies change the way, not the goal; it is not the gradient of the whole squared error. On a
quadratic process whose critic is exact, the fixed points are the two solutions of the Riccati equation, and the flow,
copies included, is stable at the optimal control and unstable at the other.

Source: Lillicrap et al. (2016), arXiv:1509.02971; Bradtke, Ydstie, Barto (1994) for the quadratic process.
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, refutes, shows, stability, states
from bilevel.language import E, gradient, network, stop_gradient, substitute, vector
from bilevel.models import ddpg, instance
from bilevel.models.replayed import copy_of, discounted, replayed

THETA, PHI = vector("theta", "p"), vector("phi", "q")


def squared_error(target_mark):
    """E (target - Q)^2 without copies, the target marked or not."""
    s, a, r, later = replayed()
    Q, pi = network("Q"), network("pi", out="m")
    target = r + discounted(None) * Q(later, pi(later, THETA), PHI)
    return E((target_mark(target) - Q(s, a, PHI)) ** 2, s, a, r, later)


def riccati(v):
    """v - max_a (s a - a^2/2 + gamma v a^2/4) at s = 1, gamma = 3/4: the optimality equation of the value v s^2."""
    curvature = sp.Rational(1, 2) - sp.Rational(3, 16) * v
    return v - 1 / (4 * curvature)


def prove() -> Proof:
    """The theorem with its evidence."""
    caught_up = substitute(ddpg().field()[PHI], {copy_of(PHI): PHI, copy_of(THETA): THETA})
    semi, whole = (gradient(squared_error(mark), PHI) for mark in (stop_gradient, lambda target: target))
    game = instance("ddpg")
    found = equilibria(game)
    gains = [e.point[game.variables[2]] for e in found.points]
    verdicts = [stability(game, at=e.point).verdict for e in found.points]
    values = [theta / 2 for theta in gains]
    v = sp.Symbol("v")
    slopes = [sp.diff(v - riccati(v), v).subs(v, value) for value in values]
    claims = (
        shows("Where the copies have caught up, the critic's gradient is the semi-gradient.", caught_up, semi),
        refutes("It is not the gradient of the squared error.", caught_up, whole),
        states(
            "On the quadratic process the fixed points are theta = 4/3 and theta = 4, and no others.",
            found.complete and gains == [sp.Rational(4, 3), 4],
            note="; ".join(map(str, found.points)),
        ),
        states(
            "Their values theta/2 are the solutions of the Riccati equation.",
            all(riccati(v) == 0 for v in values) and len(set(values)) == 2,
            note=", ".join(map(str, values)),
        ),
        states(
            "Value iteration contracts at the first, by 1/3 a step, and expands at the second, by 3.",
            slopes == [sp.Rational(1, 3), 3],
            note="slopes of v -> max_a (a - a^2/2 + gamma v a^2/4)",
        ),
        states(
            "The flow is stable at the first, the optimal control, and unstable at the second.",
            verdicts == ["stable", "unstable"],
            note=", ".join(verdicts),
        ),
    )
    return Proof(50, "DDPG settles where its critic is right", __doc__ or "", "Lillicrap et al. 2016", claims)
