"""Two time scales: the critic learns faster than the actor.

Main definitions: `two_time_scales`.
"""

from __future__ import annotations

from typing import Any

from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import critic_of, with_ratio


@strategy(row="Two time scales", numbers={"ratio": 4})
def two_time_scales(ratio: Any = None, critic: str | None = None) -> Any:
    """The critic's steps are multiplied by a ratio, under any rule with a step.

    Math: h_critic -> ratio h_critic.

    Reference: Heusel et al. (2017), arXiv:1706.08500; Konda and Tsitsiklis (1999).

    Examples:
        >>> from bilevel.models import dirac_gan
        >>> from bilevel.models.strategies import two_time_scales
        >>> from bilevel.rules import alternating
        >>> str(two_time_scales(4)(dirac_gan(), alternating("1/5"))[1])
        'alternating(step={generator: 1/5, discriminator: 4/5}, repeats=1)'
    """

    def build(game: Any, rule: Any) -> Any:
        return game, with_ratio(rule, {critic_of(game, critic): ratio}, tuple(game.players))

    return build
