"""Soft actor-critic and advantage actor-critic with an entropy bonus settle at the Gibbs policy.

Against action values Q the best policy under alpha times the entropy is exp(Q/alpha)/Z, with value alpha log Z. On one
state with two actions, of which the second pays 1, soft actor-critic has one equilibrium, pi(1) = sigmoid(1/alpha) with
exact soft values Q = r + gamma alpha log sum exp(Q/alpha), and its flow is stable for every temperature. Advantage
actor-critic with bonus beta = alpha settles at the same policy, though its critic values the policy without the bonus:
there the critic is a baseline, and a baseline does not move the policy gradient, since the score has mean zero.

Source: Haarnoja, Zhou, Abbeel, Levine (2018), arXiv:1801.01290, theorem 4; Mnih et al. (2016), arXiv:1602.01783;
Williams (1992), doi:10.1007/BF00992696, for baselines.
"""

import sympy as sp

from bilevel.analysis import Proof, by_rewrite, equilibria, stability, states
from bilevel.language import density, random, score_is_centred, vector
from bilevel.language.constrained import best_density
from bilevel.models import instance


def settled(name):
    """Completeness, the point, and the verdict of an instance with one equilibrium."""
    game = instance(name)
    found = equilibria(game)
    (point,) = [e.point for e in found.points]
    return found.complete, {str(v): value for v, value in point.items()}, stability(game, at=point).verdict


def prove() -> Proof:
    """The theorem with its evidence."""
    Q, alpha, pi = sp.Symbol("Q", real=True), sp.Symbol("alpha", positive=True), sp.Symbol("pi", positive=True)
    best = best_density(pi * Q - alpha * pi * sp.log(pi), pi, sense="max", pointwise=[Q])
    soft, plain = settled("sac"), settled("advantage_actor_critic")
    first, second = soft[1]["phi_1"], soft[1]["phi_1"] + soft[1]["phi_2"]
    total = sp.expand(sum(sp.exp(sp.expand(value / alpha)) for value in (first, second)))
    one = 1 + sp.exp(1 / alpha)
    beta = sp.Symbol("beta", positive=True)
    theta, state = vector("theta", "p"), vector("s", "k")
    a = random("a", density("pi", "m", state, theta))
    centred = score_is_centred(a.law, a, theta)
    claims = (
        states(
            "The best policy under alpha times the entropy is exp(Q/alpha)/Z, its value alpha log Z.",
            best.shape == sp.exp(Q / alpha) and sp.expand(best.optimum - alpha * sp.log(best.normaliser)) == 0,
            trace=best.trace,
        ),
        states(
            "Soft actor-critic has one equilibrium, pi(1) = sigmoid(1/alpha).",
            soft[0] and soft[1]["theta"] == 1 / alpha and soft[1]["phi_2"] == 1,
            note=str(soft[1]),
        ),
        states(
            "Its critic satisfies the soft Bellman equation.",
            sp.expand(total - one**2) == 0 and sp.expand(first - alpha * sp.log(one)) == 0 and second - first == 1,
            note="sum exp(Q/alpha) = (1 + exp(1/alpha))^2, so gamma V = alpha log(1 + exp(1/alpha)) = phi_1",
        ),
        states("Its flow is stable for every temperature.", soft[2] == "stable", note=soft[2]),
        states(
            "Advantage actor-critic settles at sigmoid(1/beta), for every bonus.",
            plain[0] and plain[1]["theta"] == 1 / beta and plain[2] == "stable",
            note=str(plain[1]),
        ),
        by_rewrite(
            "A baseline does not move the gradient: the score has mean zero.", centred, centred.before, centred.after
        ),
    )
    return Proof(52, "The soft optimum", __doc__ or "", "Haarnoja et al. 2018, theorem 4", claims)
