"""Advantage normalisation: the actor's signal is divided by the spread of the values it sees.

Main definitions: `advantage_normalization`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.language.nodes import stop_gradient
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_samples


@strategy(row="Advantage normalization", numbers={"epsilon": "1/4"})
def advantage_normalization(epsilon: Any = None) -> Any:
    """The actor's loss is divided by the standard deviation of the critic's values over the actor's own points.

    Math: f/sqrt(Var Q + eps), the divisor held fixed; large batches: the variance of the law.

    Reference: Schulman et al. (2017), arXiv:1707.06347; Andrychowicz et al. (2021), arXiv:2006.05990.

    Examples:
        >>> from bilevel.models import bandit_in_samples
        >>> from bilevel.models.strategies import advantage_normalization
        >>> game, _ = advantage_normalization("1/4")(bandit_in_samples())
        >>> len(game.variables)
        3
    """

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "advantage_normalization")
        total = sum((s.weight for s in samples.own), sp.S.Zero)
        first = sum((s.weight * samples.average(sp.expand(samples.value(*s.shown))) for s in samples.own), sp.S.Zero)
        second = sum(
            (s.weight * samples.average(sp.expand(samples.value(*s.shown) ** 2)) for s in samples.own), sp.S.Zero
        )
        spread = second / total - (first / total) ** 2
        scale = stop_gradient(1 / sp.sqrt(spread + epsilon))
        own = tuple(replace(s, weight=s.weight * scale) for s in samples.own)
        return with_samples(game, replace(samples, own=own)), rule

    return build, "large batches: the variance of the law"
