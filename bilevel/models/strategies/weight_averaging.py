"""Weight averaging: a moving average of the actor is what is kept in the end.

Main definitions: `weight_averaging`.
"""

from __future__ import annotations

from typing import Any

from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import copies, with_followers


@strategy(row="Weight averaging (EMA)", numbers={"rate": "1/10"}, output=True)
def weight_averaging(rate: Any = None) -> Any:
    """An exponential moving average of everybody's parameters beside the players; nobody learns from it.

    Math: average <- average + rate (theta - average); the players' own updates are as before.

    Reference: Polyak and Juditsky (1992); Yazici et al. (2019), arXiv:1806.04498.

    Examples:
        >>> from bilevel.models import dirac_gan
        >>> from bilevel.models.strategies import weight_averaging
        >>> from bilevel.rules import derive, simultaneous
        >>> print(derive(*weight_averaging("1/10")(dirac_gan("wasserstein"), simultaneous("1/5"))))
        theta[t+1] = theta - psi/5
        psi[t+1] = psi + theta/5
        theta_average[t+1] = theta[t+1]/10 + 9*theta_average/10
        psi_average[t+1] = psi[t+1]/10 + 9*psi_average/10
    """

    def build(game: Any, rule: Any) -> Any:
        copy = copies(game, game.variables, "average")
        return with_followers(game, rule, "average", {c: v for v, c in copy.items()}, rate)

    return build
