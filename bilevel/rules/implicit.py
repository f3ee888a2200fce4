"""Implicit rules: the new point stands on both sides of the equation.

Main definitions: `proximal_point`, `competitive`, `chambolle_pock`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.rules.protocol.parts import across
from bilevel.rules.protocol.rule import Field, rule
from bilevel.rules.protocol.turns import blocks_of, two_players


@rule
def proximal_point(step: Any) -> Callable[[Field], Callable[..., Any]]:
    """The proximal point: a gradient step with the field taken where it arrives.

    Math: z_{t+1} = z_t - step F(z_{t+1}), the solution near z_t.

    Shapes: per step; `step` may differ between players. An eigenvalue lambda of F' becomes 1/(1 + step lambda).

    Raises: GameError where I + step F' is singular; UnknownAnswer if a composed formula is asked of a nonlinear game.

    Reference: Rockafellar (1976); Mokhtari et al. (2020), arXiv:1901.08511, theorem 2.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import linearise, proximal_point
        >>> x, h = sp.symbols("x h", positive=True)
        >>> linearise(Game(a=minimize(x**2 / 2, x)), proximal_point(h), {x: 0}).matrix
        Matrix([[1/(h + 1)]])
    """
    return lambda field: lambda z: field.fixed_point(lambda w: z - step * field(w), near=z)


@rule
def competitive(step: Any) -> Callable[[Field], Callable[..., Any]]:
    """Competitive gradient descent: the Nash point of everybody's bilinear model with a quadratic cost of moving.

    Math: z_{t+1} = z + d with d_i = -step (F_i + sum over j != i of (dF_i/dz_j) d_j), all d_i at once; for two players
        dx = -step (1 - step^2 f_xy g_yx)^{-1} (f_x - step f_xy g_y).

    Shapes: per step; `step` may differ between players; any number of players (for three or more this is polymatrix
        competitive gradient descent).

    Raises: GameError where the linear system is singular.

    Reference: Schaefer and Anandkumar (2019), arXiv:1905.12103; Ma et al. (2021), arXiv:2111.08565, for many players.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import competitive, derive
        >>> x, y, h = sp.symbols("x y h", positive=True)
        >>> step = derive(Game(a=minimize(x*y, x), b=maximize(x*y, y)), competitive(h)).composed()
        >>> sp.factor(step[x])
        (-h*y + x)/(h**2 + 1)
    """

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any) -> Any:
            return z + field.solve(lambda d: d + step * across(field, z, d), -(step * field(z)))

        return advance

    return on


@rule
def chambolle_pock(step: Any, theta: Any = 1, *, order: Any = None) -> Callable[[Field], Callable[..., Any]]:
    """The primal-dual method of Chambolle and Pock: proximal answers, the second to an extrapolation of the first.

    Math: x' = x - step F_x(x', y), xbar = x' + theta (x' - x), y' = y - step F_y(xbar, y'). Where the coupling is
        bilinear, c_x = g(x) + <Kx, y>, the first line is prox of g at x - step K^T y, as in the paper.

    Shapes: per step; `step` per player (tau for the first, sigma for the second), `order` says who is first.

    Raises: GameError unless two players play.

    Reference: Chambolle and Pock (2011), A first-order primal-dual algorithm, doi:10.1007/s10851-010-0251-1.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import chambolle_pock, derive
        >>> x, y, h = sp.symbols("x y h", positive=True)
        >>> game = Game(a=minimize(x*y, x), b=maximize(x*y, y))
        >>> derive(game, chambolle_pock(h)).composed()[y].expand()
        -2*h**2*y + h*x + y
    """

    def on(field: Field) -> Callable[..., Any]:
        first, second = tuple(order or two_players(field, "chambolle_pock"))
        two_players(field, "chambolle_pock")

        def proximal(player: str, around: Any) -> Any:
            # The others stay: their equations read w = around.
            return field.fixed_point(lambda w: blocks_of(around - step * field(w), (player,), around), near=around)

        def advance(z: Any) -> Any:
            primal = proximal(first, z)
            extrapolated = blocks_of(primal + theta * (primal - z), (first,), z)
            return blocks_of(proximal(second, extrapolated), (second,), primal)

        return advance

    return on
