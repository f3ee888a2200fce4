"""Explicit Runge-Kutta integration of the gradient flow, used as a learning rule.

Main definitions: `runge_kutta`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as Q
from typing import Any

from bilevel.language.errors import GameError
from bilevel.rules.protocol.rule import Field, rule

# Rows of the Butcher tableau, then the weights: (row of stage 2, row of stage 3, ..., weights).
_MIDPOINT = ((Q(1, 2),), (Q(0), Q(1)))
_HEUN = ((Q(1),), (Q(1, 2), Q(1, 2)))
_RALSTON = ((Q(2, 3),), (Q(1, 4), Q(3, 4)))
_KUTTA3 = ((Q(1, 2),), (Q(-1), Q(2)), (Q(1, 6), Q(2, 3), Q(1, 6)))
_HEUN3 = ((Q(1, 3),), (Q(0), Q(2, 3)), (Q(1, 4), Q(0), Q(3, 4)))
_RALSTON3 = ((Q(1, 2),), (Q(0), Q(3, 4)), (Q(2, 9), Q(1, 3), Q(4, 9)))
_CLASSIC = ((Q(1, 2),), (Q(0), Q(1, 2)), (Q(0), Q(0), Q(1)), (Q(1, 6), Q(1, 3), Q(1, 3), Q(1, 6)))
_THREE_EIGHTHS = ((Q(1, 3),), (Q(-1, 3), Q(1)), (Q(1), Q(-1), Q(1)), (Q(1, 8), Q(3, 8), Q(3, 8), Q(1, 8)))


def _tableau(stages: int, variant: str | None) -> tuple[tuple[Q, ...], ...]:
    known: dict[int, dict[str, tuple[tuple[Q, ...], ...]]] = {
        2: {"midpoint": _MIDPOINT, "heun": _HEUN, "ralston": _RALSTON},
        3: {"kutta": _KUTTA3, "heun": _HEUN3, "ralston": _RALSTON3},
        4: {"classic": _CLASSIC, "three_eighths": _THREE_EIGHTHS},
    }
    if stages not in known:
        raise GameError(f"runge_kutta has 2, 3 or 4 stages; got {stages}")
    named = known[stages]
    chosen = next(iter(named)) if variant is None else variant
    if chosen not in named:
        raise GameError(f"runge_kutta with {stages} stages comes as {', '.join(named)}; got {chosen!r}")
    return named[chosen]


@rule
def runge_kutta(step: Any, stages: Any = 4, *, variant: str | None = None) -> Callable[[Field], Callable[..., Any]]:
    """An explicit Runge-Kutta step of the gradient flow, of order 2, 3 or 4.

    Math: k_1 = -F(z), k_i = -F(z + step sum over j < i of a_ij k_j), z_{t+1} = z + step sum of b_i k_i. `variant`:
        with 2 stages midpoint (default), heun, ralston; with 3 kutta (default), heun, ralston; with 4 classic
        (default), three_eighths. At a fixed point variants of equal order agree: lambda becomes sum over k <= stages
        of (-step lambda)^k/k!.

    Shapes: per step; `step` may differ between players (each then has its own clock).

    Raises: GameError for another number of stages or an unknown variant.

    Reference: Kutta (1901); Qin et al. (2020), arXiv:2010.15040, for training GANs.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import linearise, runge_kutta
        >>> x, h = sp.symbols("x h", real=True)
        >>> linearise(Game(a=minimize(x**2 / 2, x)), runge_kutta(h, 2), {x: 0}).matrix
        Matrix([[h**2/2 - h + 1]])
    """
    *rows, weights = _tableau(int(stages), variant)

    def on(field: Field) -> Callable[..., Any]:
        def moved(z: Any, slopes: list[Any], coefficients: tuple[Q, ...]) -> Any:
            for coefficient, slope in zip(coefficients, slopes, strict=True):
                if coefficient:
                    z = z - (step * coefficient) * slope
            return z

        def advance(z: Any) -> Any:
            slopes = [field(z)]
            for row in rows:
                slopes.append(field(moved(z, slopes, row)))
            return moved(z, slopes, weights)

        return advance

    return on
