"""Target policy smoothing: noise on the actor's next action in the bootstrapped target.

Main definitions: `target_policy_smoothing`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.language.coordinate_laws import Normal
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_samples


@strategy(row="Target policy smoothing", numbers={"variance": "1/4"})
def target_policy_smoothing(variance: Any = None) -> Any:
    """Normal noise is added to what the actor itself decides of the next point, in the target only.

    Math: r + gamma E_e Q(s', pi(s') + e), e ~ N(0, variance), not clipped; inputs of the next point that depend on the
        actor's parameters are blurred, others are not.

    Reference: Fujimoto, van Hoof, Meger (2018), arXiv:1802.09477.

    Examples:
        >>> from bilevel.models import regulator_in_samples
        >>> from bilevel.models.strategies import target_policy_smoothing
        >>> str(target_policy_smoothing("1/4")(regulator_in_samples())[0].samples.data[0].later[0][1][1])
        '-k*(e - k_past*s + s) + smoothing/2'
    """

    def build(game: Any, rule: Any) -> Any:
        samples, e = samples_of(game, "target_policy_smoothing").with_law("smoothing", Normal(0, 1))
        own = set(samples.parameters)
        blur = lambda x: x + sp.sqrt(variance) * e if x.free_symbols & own else x
        data = tuple(replace(s, later=tuple((p, tuple(map(blur, x))) for p, x in s.later)) for s in samples.data)
        return with_samples(game, replace(samples, data=data)), rule

    return build
