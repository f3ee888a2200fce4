"""One sample for both factors biases the residual gradient by the covariance of the next features.

The residual gradient needs two independent next states. With one, the critic's key matrix is A + gamma^2 C in place of
A, C = sum_s d(s) Cov(phi' | s), and the vector b stays: the fixed point moves by -(A + gamma^2 C)^{-1} gamma^2 C w. A
chain without chance has C = 0 and no bias.

Source: Baird (1995), Residual algorithms; Sutton and Barto (2018), section 11.5 (the reason for double sampling).
"""

import sympy as sp

from bilevel.analysis import Proof, shows, states
from bilevel.models import LinearCritic, key

P, Q, GAMMA = sp.symbols("p q gamma", positive=True)


def critic() -> LinearCritic:
    """Any chain of two states with any two features."""
    features = sp.Matrix(2, 2, sp.symbols("f11 f12 f21 f22", real=True))
    law = sp.Symbol("d", positive=True)
    return LinearCritic([[1 - P, P], [Q, 1 - Q]], sp.symbols("r1 r2", real=True), features, GAMMA, [law, 1 - law])


def covariance(made: LinearCritic) -> sp.Matrix:
    """C = sum_s d(s) (E[phi' phi'^T | s] - E[phi' | s] E[phi' | s]^T)."""
    total = sp.zeros(2, 2)
    for s in range(2):
        second = sum((made.chain[s, t] * made.features.row(t).T * made.features.row(t) for t in range(2)), sp.zeros(2))
        mean = made.chain.row(s) * made.features
        total += made.law[s] * (second - mean.T * mean)
    return total


def prove() -> Proof:
    """The theorem with its evidence."""
    made = critic()
    (A, b), (single, again) = (key(made.residual_gradient(samples=s)) for s in ("double", "single"))
    extra = GAMMA**2 * covariance(made)
    expanded = lambda M: sp.Matrix(M).applyfunc(sp.expand)
    moved = sp.Matrix(sp.symbols("v1 v2", real=True))  # w + the move; (A + E) v = b = A w
    still = sp.Matrix(sp.symbols("w1 w2", real=True))
    gap = expanded((A + extra) * moved - A * still - ((A + extra) * (moved - still) + extra * still))
    claims = (
        states(
            "With one sample the key matrix is A + gamma^2 C.",
            expanded(single - A - extra) == sp.zeros(2, 2),
            note="for every chain of two states, every law of the data, every two features",
        ),
        shows("The vector is the same: its first entry, ...", again[0], b[0]),
        shows("... and its second.", again[1], b[1]),
        states(
            "So (A + gamma^2 C)(w' - w) = -gamma^2 C w: the bias is -(A + gamma^2 C)^{-1} gamma^2 C w.",
            gap == sp.zeros(2, 1),
            note="(A + E) w' = A w is (A + E)(w' - w) + E w = 0",
        ),
        states(
            "Without chance (p and q each 0 or 1) there is no bias.",
            all(extra.subs({P: a, Q: c}).applyfunc(sp.expand) == sp.zeros(2, 2) for a in (0, 1) for c in (0, 1)),
            note="C vanishes at all four corners",
        ),
        states("With chance there is one.", expanded(extra) != sp.zeros(2, 2), note=str(expanded(extra)[0, 0])),
    )
    return Proof(71, "One sample biases the residual gradient", __doc__ or "", "Baird 1995", claims)
