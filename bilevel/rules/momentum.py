"""Rules that remember the previous point and keep part of the last displacement.

Main definitions: `heavy_ball`, `nesterov`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.rules.protocol.rule import Field, rule
from bilevel.rules.protocol.turns import in_turn


@rule(memory=("previous",))
def heavy_ball(
    step: Any, momentum: Any, *, alternating: bool = False, order: Any = None
) -> Callable[[Field], Callable[..., Any]]:
    """Polyak's heavy ball: a gradient step plus part of the last displacement; negative momentum is allowed.

    Math: z_{t+1} = z_t - step F(z_t) + momentum (z_t - z_{t-1}); with `alternating`, players in `order` do so one after
        another, each seeing the new values of those before it.

    Shapes: per step; `step` and `momentum` may differ between players. Every eigenvalue lambda of F' gives the roots of
        m^2 - (1 + momentum - step lambda) m + momentum.

    Raises: GameError if `order` leaves a player out.

    Reference: Polyak (1964); Gidel et al. (2019), arXiv:1807.04740, theorems 3 and 6.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import heavy_ball, linearise
        >>> x, h, b = sp.symbols("x h b", real=True)
        >>> linearise(Game(a=minimize(x**2 / 2, x)), heavy_ball(h, b), {x: 0}).matrix
        Matrix([
        [b - h + 1, -b],
        [        1,  0]])
    """

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any, previous: Any) -> Any:
            return z - step * field(z) + momentum * (z - previous), z

        return in_turn(field, advance, order) if alternating else advance

    return on


@rule(memory=("previous",))
def nesterov(
    step: Any, momentum: Any, *, alternating: bool = False, order: Any = None
) -> Callable[[Field], Callable[..., Any]]:
    """Nesterov's momentum: move ahead by part of the last displacement, then take the gradient step from there.

    Math: w = z_t + momentum (z_t - z_{t-1}), z_{t+1} = w - step F(w); with `alternating`, players in `order` do so
        one after another.

    Shapes: per step; `step` and `momentum` may differ between players.

    Raises: GameError if `order` leaves a player out.

    Reference: Nesterov (1983), a method with rate O(1/k^2).

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import derive, nesterov
        >>> x, h, b = sp.symbols("x h b", real=True)
        >>> derive(Game(a=minimize(x**2 / 2, x)), nesterov(h, b)).composed()[x].expand()
        -b*h*x + b*h*x_previous + b*x - b*x_previous - h*x + x
    """

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any, previous: Any) -> Any:
            ahead = z + momentum * (z - previous)
            return ahead - step * field(ahead), z

        return in_turn(field, advance, order) if alternating else advance

    return on
