"""Delayed actor updates: the actor moves in every k-th step only.

Main definitions: `delayed_actor`.
"""

from __future__ import annotations

from typing import Any

from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import actor_of
from bilevel.rules import delayed


@strategy(row="Delayed actor updates")
def delayed_actor(every: Any = 2, actor: str | None = None) -> Any:
    """The actor stands still in all but the last of every few steps.

    Math: H^(k-1), then T, T the rule and H the same with the actor held; a flow has no steps and is left as it is.

    Reference: Fujimoto, van Hoof, Meger (2018), arXiv:1802.09477.

    Examples:
        >>> from bilevel.models import dirac_gan
        >>> from bilevel.models.strategies import delayed_actor
        >>> from bilevel.rules import simultaneous
        >>> delayed_actor()(dirac_gan(), simultaneous("1/5"))[1].name
        'delayed'
    """

    def build(game: Any, rule: Any) -> Any:
        if rule.time == "continuous":
            return game, rule
        return game, delayed(rule, [actor_of(game, actor)], every)

    return build
