"""Trust region: the actor pays for the divergence of its law from the one before.

Main definitions: `trust_region`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import copies, samples_of, with_costs, with_followers


@strategy(row="Trust region (KL penalty)", numbers={"weight": "1/2"})
def trust_region(weight: Any = None) -> Any:
    """The actor pays for the Kullback-Leibler divergence from its law one step ago, to second order.

    Math: weight/2 (theta - theta')^T I(theta') (theta - theta'), theta' the parameters before the step and I the Fisher
        matrix of the actor's law there (the identity where the law has no known density): the KL penalty up to third
        order in the step. A flow has no steps and is left as it is.

    Reference: Schulman et al. (2015), arXiv:1502.05477; Kakade (2001).

    Examples:
        >>> from bilevel.models import bandit_in_samples
        >>> from bilevel.models.strategies import trust_region
        >>> [str(v) for v in trust_region()(bandit_in_samples())[0].variables]
        ['theta', 'q1', 'q2', 'theta_before']
    """

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "trust_region")
        if rule.time == "continuous":
            return game, rule
        copy = copies(game, samples.parameters, "before")
        gap = sp.Matrix([p - copy[p] for p in samples.parameters])
        fisher = _fisher(samples).xreplace(copy)
        paid = with_costs(game, {samples.actor: weight / 2 * (gap.T * fisher * gap)[0, 0]})
        return with_followers(paid, rule, "before", {c: p for p, c in copy.items()}, sp.S.One, first=True)

    return build, "the divergence to second order; a flow has no steps"


def _fisher(samples: Any) -> Any:
    """E score score^T over the actor's law as the data show it, where the score is known."""
    n = len(samples.parameters)
    if samples.score is None:
        return sp.eye(n)
    now = dict(zip(samples.behaviour, samples.parameters, strict=True))
    streams = [s for s in samples.data if (set(s.weight.free_symbols) | _of(s)) & set(samples.behaviour)]
    total = sp.zeros(n)
    for stream in streams:
        score = sp.Matrix(list(samples.score(*stream.shown))).xreplace(now)
        outer = (score * score.T).applyfunc(lambda e: samples.average(sp.expand(e)))
        total += stream.weight.xreplace(now) * outer
    return total


def _of(stream: Any) -> set[Any]:
    return {symbol for entry in stream.shown for symbol in entry.free_symbols}
