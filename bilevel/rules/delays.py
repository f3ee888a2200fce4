"""Rules in which some players wait while the others move.

Main definitions: `delayed`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.language.errors import GameError
from bilevel.rules.protocol.rule import Field, Rule, rule
from bilevel.rules.protocol.turns import blocks_of


@rule
def delayed(base: Any, held: Any, every: Any = 2) -> Rule:
    """A base rule in which the players `held` stand still, except in the last of every few steps.

    Math: one round is H^(every - 1) T: T the base rule and H the same with the held players' blocks (and what they
        remember) put back.

    Shapes: per round of `every` base steps.

    Raises: GameError unless the base takes steps, `every` is a whole number and the held players play.

    Reference: Fujimoto, van Hoof, Meger (2018), arXiv:1802.09477, delayed policy updates; Pfau and Vinyals (2016),
        arXiv:1610.01945, section 3.1, freezing.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import delayed, linearise, simultaneous
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> game = Game(a=minimize(x*y, x), b=maximize(x*y, y))
        >>> linearise(game, delayed(simultaneous(h), ["a"]), {x: 0, y: 0}).matrix
        Matrix([
        [1 - h**2, -h],
        [     2*h,  1]])
    """
    if not isinstance(base, Rule) or base.time != "discrete":
        raise GameError(f"delayed needs a rule that takes steps as its base, such as simultaneous(h); got {base}")
    if every != int(every) or every < 1:
        raise GameError(f"delayed needs a whole number of steps of at least 1; got {every}")
    names = tuple(held) if isinstance(held, list | tuple) else (str(held),)

    def on(field: Field) -> Callable[..., Any]:
        if unknown := set(names) - set(field.players):
            raise GameError(f"held names {', '.join(sorted(unknown))}; the players are {', '.join(field.players)}")
        advance = base.on(field)

        def sweep(*state: Any) -> Any:
            for _ in range(int(every) - 1):
                after = advance(*state)
                state = tuple(blocks_of(old, names, new) for old, new in zip(state, after, strict=True))
            return advance(*state)

        return sweep

    return Rule("delayed", (), on, "discrete", base.memory)
