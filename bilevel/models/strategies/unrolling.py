"""Unrolling: the actor differentiates through the critic's next steps.

Main definitions: `unrolling`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import actor_of, critic_of, with_costs, with_replies
from bilevel.response import unrolled


@strategy(row="Unrolling", numbers={"inner": "1/2"})
def unrolling(inner: Any = None, steps: Any = 1) -> Any:
    """The actor's loss is taken after some gradient steps of the critic, and differentiated through them.

    Math: d/dtheta f(theta, w_K(theta)), w_{k+1} = w_k - inner dF/dw. Where f and -F differ by what does not depend on
        theta (a zero-sum game), f is taken as -F: through w_K(theta) that part counts, as in the paper.

    Reference: Metz, Poole, Pfau, Sohl-Dickstein (2017), arXiv:1611.02163.

    Examples:
        >>> from bilevel.models import dirac_gan
        >>> from bilevel.models.strategies import unrolling
        >>> game, _ = unrolling("1/2")(dirac_gan("wasserstein"))
        >>> game.field()[game.variables[0]].expand()
        psi + theta
    """

    def build(game: Any, rule: Any) -> Any:
        actor, critic = actor_of(game), critic_of(game)
        rest = game.cost(actor) + game.cost(critic)
        if all(sp.expand(sp.diff(rest, v)) == 0 for v in game[actor].moves):
            game = with_costs(game, {actor: -rest})
        return with_replies(game, actor, {critic: unrolled(int(steps), inner)}), rule

    return build
