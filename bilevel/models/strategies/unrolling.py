"""Unrolling: the actor differentiates through the critic's next steps.

Main definitions: `unrolling`.
"""

from __future__ import annotations

from typing import Any

from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import actor_of, critic_of, with_replies
from bilevel.response import unrolled


@strategy(row="Unrolling", numbers={"inner": "1/2"})
def unrolling(inner: Any = None, steps: Any = 1) -> Any:
    """The actor's loss is taken after some gradient steps of the critic, and differentiated through them.

    Math: d/dtheta f(theta, w_K(theta)), w_{k+1} = w_k - inner dF/dw.

    Reference: Metz, Poole, Pfau, Sohl-Dickstein (2017), arXiv:1611.02163.

    Examples:
        >>> from bilevel.models import dirac_gan
        >>> from bilevel.models.strategies import unrolling
        >>> game, _ = unrolling("1/2")(dirac_gan("wasserstein"))
        >>> game.field()[game.variables[0]].expand()
        psi + theta
    """

    def build(game: Any, rule: Any) -> Any:
        return with_replies(game, actor_of(game), {critic_of(game): unrolled(int(steps), inner)}), rule

    return build
