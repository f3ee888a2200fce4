"""Extragradient rules: look where the field leads, then step from where you stood with the field found there.

Main definitions: `extragradient`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.language.errors import GameError
from bilevel.rules.protocol.rule import Field, rule
from bilevel.rules.protocol.turns import in_turn


@rule
def extragradient(
    step: Any, extrapolation_step: Any = None, *, extrapolations: Any = 1, alternating: bool = False, order: Any = None
) -> Callable[[Field], Callable[..., Any]]:
    """Extragradient: the field is taken at one or more extrapolated points, the step starts at the old one.

    Math: w_0 = z, w_k = z - extrapolation_step F(w_{k-1}) for k = 1..extrapolations, then z_{t+1} = z - step F(w_n).
        `extrapolation_step` defaults to `step`. With `alternating`, each player in `order` takes its part of such a
        step from where the players before it arrived.

    Shapes: per step; both steps may differ between players. With equal steps s an eigenvalue lambda of F' becomes
        sum over k = 0..n+1 of (-s lambda)^k, so n extrapolations tend to the proximal point for s |lambda| < 1.

    Raises: GameError unless `extrapolations` is a whole number of at least one.

    Reference: Korpelevich (1976); Zhang and Yu (2020), arXiv:1908.05699, for two steps; Mokhtari et al. (2020),
        arXiv:1901.08511.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import extragradient, linearise
        >>> x, h = sp.symbols("x h", real=True)
        >>> linearise(Game(a=minimize(x**2 / 2, x)), extragradient(h, extrapolations=2), {x: 0}).matrix
        Matrix([[-h**3 + h**2 - h + 1]])
    """
    if not extrapolations == int(extrapolations) or extrapolations < 1:
        raise GameError(f"extragradient needs a whole number of extrapolations of at least 1; got {extrapolations}")
    inner = step if extrapolation_step is None else extrapolation_step

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any) -> Any:
            ahead = z
            for _ in range(int(extrapolations)):
                ahead = z - inner * field(ahead)
            return z - step * field(ahead)

        return in_turn(field, advance, order) if alternating else advance

    return on
