"""Freezing: a player that is ahead stops learning.

Main definitions: `freezing`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import actor_of, critic_of, with_losses
from bilevel.rules import delayed


@strategy(
    row="Freezing learning",
    printed=("yes", "yes"),
    variants=({"threshold": "1/100"}, {"threshold": 2}, {"every": 2}),
    remarks={
        "gan": "trouble comes when one player outruns the other, so the one that is too strong stops for a while",
        "ac": "actor or critic is frozen by the size of the temporal-difference error",
    },
)
def freezing(player: str = "critic", threshold: Any = None, every: Any = None) -> Any:
    """The critic (or the actor) stops learning while its loss is below a threshold; or it learns in every k-th step.

    Math: theta_i <- theta_i - h [L_i > tau] dL_i/dtheta_i, which is descent on max(L_i, tau): exact, with a kink where
        L_i = tau. With `every`: the periodic model, frozen in all but the last of every k steps.

    Raises: GameError unless exactly one of threshold and every is given.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 3.1.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import freezing
        >>> game, _ = freezing(threshold=1)(gan_in_samples())
        >>> game.cost("discriminator").func
        Max
    """
    if (threshold is None) == (every is None):
        raise GameError("freezing needs a threshold of the loss, or `every` for the periodic model")

    def build(game: Any, rule: Any) -> Any:
        name = {"critic": critic_of, "actor": actor_of}.get(player, lambda g: player)(game)
        if every is not None:
            if rule.time == "continuous":
                return game, rule
            return game, delayed(rule, [name], every)
        return with_losses(game, {name: sp.Max(game.cost(name), threshold)}), rule

    return (
        (build, f"periodic: frozen in {every - 1} of {every} steps; a flow has no steps")
        if threshold is None
        else build
    )
