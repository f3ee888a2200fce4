"""Optimistic rules: the last gradient predicts the next, at one evaluation a step.

Main definitions: `optimistic`, `past_extragradient`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.language.errors import GameError
from bilevel.rules.protocol.rule import Field, rule
from bilevel.rules.protocol.turns import in_turn


@rule(memory=("previous",))
def optimistic(
    step: Any = None, *, alpha: Any = None, beta: Any = None, alternating: bool = False, order: Any = None
) -> Callable[[Field], Callable[..., Any]]:
    """Optimistic gradient descent: more of the new gradient, less of the old one.

    Math: z_{t+1} = z_t - alpha F(z_t) + beta F(z_{t-1}); `step` s means alpha = 2s, beta = s. With `alternating`,
        players in `order` move one after another, and F(z_{t-1}) is then the gradient the player saw at its last turn.

    Shapes: per step; each number may differ between players.

    Raises: GameError unless either `step` or both `alpha` and `beta` are given.

    Reference: Popov (1980); Daskalakis et al. (2018), arXiv:1711.00141; Mokhtari et al. (2020), arXiv:1901.08511.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import derive, optimistic
        >>> x, y, s = sp.symbols("x y s", real=True)
        >>> derive(Game(a=minimize(x*y, x), b=maximize(x*y, y)), optimistic(s)).composed()[y]
        2*s*x - s*x_previous + y
    """
    if (step is None) == (alpha is None or beta is None) or (
        step is not None and (alpha is not None or beta is not None)
    ):
        raise GameError("optimistic needs either `step` (alpha = 2 step, beta = step) or both `alpha` and `beta`")
    forward, back = (2 * step, step) if step is not None else (alpha, beta)

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any, previous: Any) -> Any:
            return z - forward * field(z) + back * field(previous), z

        return in_turn(field, advance, order) if alternating else advance

    return on


@rule(memory=("waypoint",))
def past_extragradient(step: Any) -> Callable[[Field], Callable[..., Any]]:
    """Extragradient that extrapolates with the gradient of the last waypoint, so each step evaluates the field once.

    Math: w_t = z_t - step F(w_{t-1}), z_{t+1} = z_t - step F(w_t). The waypoints obey the optimistic rule,
        w_{t+1} = w_t - 2 step F(w_t) + step F(w_{t-1}).

    Shapes: per step; `step` may differ between players.

    Reference: Popov (1980); Gidel et al. (2019), arXiv:1802.10551; Hsieh et al. (2019), arXiv:1908.08465.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import linearise, past_extragradient
        >>> x, h = sp.symbols("x h", real=True)
        >>> linearise(Game(a=minimize(x**2 / 2, x)), past_extragradient(h), {x: 0}).matrix
        Matrix([
        [1 - h, h**2],
        [    1,   -h]])
    """

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any, waypoint: Any) -> Any:
            waypoint = z - step * field(waypoint)
            return z - step * field(waypoint), waypoint

        return advance

    return on
