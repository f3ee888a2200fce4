"""The best critic, pointwise, under every Bregman divergence.

For every Bregman divergence with the target first and the critic second (convex function strictly convex and finite on
[0, 1], differentiable inside) the best critic is p/(p+q) wherever p + q > 0, which falls where q grows (p > 0). With
cross-entropy the GAN's value is -log 4 + 2 JS. With general label targets the best critic is (alpha p + beta q)/(p +
q). With the order of the arguments reversed it is something else; with squared error in place of cross-entropy the
pointwise best critic is the same, and
the losses, fields and constants are not: only proportionality sample by sample is left, with factor 2 Q (1 - Q).

Source: Goodfellow et al. (2014), arXiv:1406.2661, proposition 1 and theorem 1; Banerjee, Guo, Wang (2005),
doi:10.1109/TIT.2005.850145; Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, checks, correspond, shows, states
from bilevel.language.bregman import bregman_critic, reversed_bregman_counterexample
from bilevel.language.divergences import recognise
from bilevel.language.function_space import densities, pointwise_best_response
from bilevel.models import blind_actor_critic, cross_entropy, squared


def factors_are(found) -> bool:
    """Whether every factor is 2 Q (1 - Q), Q the critic's value in it."""
    values = [
        (factor, [part for part in sp.preorder_traversal(factor) if hasattr(part, "network")]) for _, factor in found
    ]
    return bool(values) and all(calls and sp.expand(f - 2 * calls[0] * (1 - calls[0])) == 0 for f, calls in values)


def under_every_divergence() -> tuple[Claim, ...]:
    """The best critic for an undefined convex function, and what a reversed order does to it."""
    p, q = densities("p q")
    alpha, beta = sp.symbols("alpha beta", positive=True)
    every, labelled, reverse = (
        bregman_critic(p, q),
        bregman_critic(p, q, alpha, beta),
        reversed_bregman_counterexample(),
    )
    target = (alpha * p + beta * q) / (p + q)
    return (
        states(
            "Under every Bregman divergence, target first, the best critic is p/(p + q).",
            sp.cancel(every.value - p / (p + q)) == 0 and every.known == "exact",
            trace=every.trace,
        ),
        shows("It falls where q grows: d/dq p/(p + q) = -p/(p + q)^2.", sp.diff(every.value, q), -p / (p + q) ** 2),
        states(
            "With label targets alpha and beta it is (alpha p + beta q)/(p + q).",
            sp.cancel(labelled.value - target) == 0,
            trace=labelled.trace,
        ),
        states(
            "With the arguments reversed the best critic is another, already where p = q.",
            (reverse.at_equal_densities - sp.Rational(1, 2)).is_nonzero,
            trace=reverse.trace,
        ),
    )


def with_cross_entropy() -> tuple[Claim, ...]:
    """The value of the GAN, and the critic that squared error shares with it."""
    p, q = densities("p q")
    u = sp.Symbol("D")
    gan = pointwise_best_response(p * sp.log(u) + q * sp.log(1 - u), u, sense="max", range="probability")
    entropy, square = (
        pointwise_best_response(p * divergence(1, u) + q * divergence(0, u), u, range="probability")
        for divergence in (cross_entropy, squared)
    )
    value = recognise(gan.value_at_best_response, p, q)
    return (
        states(
            f"With cross-entropy the GAN's value is {value.statement}.",
            value.constant == -2 * sp.log(2) and [(c, d.notation) for c, d in value.terms] == [(2, "JS(p, q)")],
            trace=(*gan.trace, *value.trace),
        ),
        states(
            "Squared error and cross-entropy have the same pointwise best critic.",
            sp.cancel(square.value - entropy.value) == 0 and sp.cancel(square.value - p / (p + q)) == 0,
            trace=(*entropy.trace, *square.trace),
        ),
    )


def squared_against_cross_entropy() -> tuple[Claim, ...]:
    """What is left of the correspondence when the divergence is changed."""
    game = correspond(blind_actor_critic(divergence=squared), blind_actor_critic())
    failing = {
        "identical": "identical",
        "equal in their fields": "equal-fields",
        "one constant apart": "constant",
        "a constant per player apart": "constant-per-player",
    }
    return (
        *(
            checks(f"Squared error against cross-entropy: not {words}.", game, relation, holds=False)
            for words, relation in failing.items()
        ),
        checks("Yet their fields are proportional sample by sample ...", game, "per-sample"),
        states(
            "... with the factor 2 Q (1 - Q) for the critic.",
            factors_are(game["per-sample"].factor["critic"]),
            note=game["per-sample"].reason,
        ),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    claims = (*under_every_divergence(), *with_cross_entropy(), *squared_against_cross_entropy())
    return Proof(4, "The best critic", __doc__ or "", "Goodfellow et al. 2014, proposition 1 and theorem 1", claims)
