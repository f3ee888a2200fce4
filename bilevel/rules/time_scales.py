"""Rules in which some players move faster than others.

Main definitions: `two_time_scale`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.rules.protocol.rule import Field, rule
from bilevel.rules.protocol.turns import in_turn, leading


@rule
def two_time_scale(
    step: Any, ratio: Any, *, slow: str | None = None, alternating: bool = False, order: Any = None
) -> Callable[[Field], Callable[..., Any]]:
    """Two time scales: one player takes steps of size `step`, everybody else steps `ratio` times as large.

    Math: x <- x - step F_x for the slow player x (default: the first declared), y <- y - ratio step F_y for all
        others; at once, or one after another with `alternating`. As the ratio grows, what attracts tends to the slow
        player's Stackelberg points.

    Shapes: per step; `ratio` is a pure number.

    Raises: GameError if the slow player does not play.

    Reference: Heusel et al. (2017), arXiv:1706.08500; Jin, Netrapalli, Jordan (2020), arXiv:1902.00618.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import linearise, two_time_scale
        >>> x, y, h, r = sp.symbols("x y h r", real=True)
        >>> linearise(Game(a=minimize(x*y, x), b=maximize(x*y, y)), two_time_scale(h, r), {x: 0, y: 0}).matrix
        Matrix([
        [  1, -h],
        [h*r,  1]])
    """

    def on(field: Field) -> Callable[..., Any]:
        _, fast = leading(field, slow)

        def advance(z: Any) -> Any:
            move = step * field(z)
            quick = move.only(*fast)
            return z - (move - quick) - ratio * quick

        return in_turn(field, advance, order) if alternating else advance

    return on
