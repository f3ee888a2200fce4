"""Plain gradient rules: the flow, simultaneous steps, alternating steps.

Main definitions: `flow`, `simultaneous`, `alternating`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.language.errors import GameError
from bilevel.rules.protocol.rule import Field, rule


@rule(time="continuous")
def flow(step: Any = 1) -> Callable[[Field], Callable[..., Any]]:
    """The gradient flow; `step` is a time scale, possibly one per player.

    Math: dz/dt = -step F(z).

    Shapes: per unit time.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406.

    Examples:
        >>> from bilevel.rules import flow
        >>> flow().time
        'continuous'
    """
    return lambda field: lambda z: -(step * field(z))


@rule
def simultaneous(step: Any) -> Callable[[Field], Callable[..., Any]]:
    """Simultaneous gradient descent: every player steps from the old point.

    Math: z_{t+1} = z - step F(z).

    Shapes: per step; `step` may be a table with one step per player.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, lemma 2.4.

    Examples:
        >>> from bilevel.rules import simultaneous
        >>> str(simultaneous("1/10"))
        'simultaneous(step=1/10)'
    """
    return lambda field: lambda z: z - step * field(z)


@rule
def alternating(step: Any, *, order: Any = None, repeats: Any = 1) -> Callable[[Field], Callable[..., Any]]:
    """Alternating gradient descent: players step one after another, each from where the ones before it arrived.

    Math: for each player i in `order` (default: as declared), `repeats` times: z_i <- z_i - step F_i(z).

    Shapes: per step, one step being a full round; `step` and `repeats` may be tables with one entry per player.

    Raises: GameError if `order` names someone who does not play, or leaves a player out.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, lemma 2.5.

    Examples:
        >>> from bilevel.rules import alternating
        >>> str(alternating("1/10", order=["critic", "actor"]))
        "alternating(step=1/10, order=('critic', 'actor'), repeats=1)"
    """

    def on(field: Field) -> Callable[..., Any]:
        players = tuple(order or field.players)
        if sorted(players) != sorted(field.players):
            raise GameError(
                f"order must name each player once; got {list(players)}, the players are {list(field.players)}"
            )

        def advance(z: Any) -> Any:
            for player in players:
                for _ in range(int(repeats[player] if hasattr(repeats, "values") else repeats)):
                    z = z - (step * field(z)).only(player)
            return z

        return advance

    return on
