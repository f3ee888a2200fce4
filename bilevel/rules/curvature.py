"""Rules that use the curvature of the game: one player leads, or the rotation is corrected.

Main definitions: `stackelberg`, `follow_the_ridge`, `lead`, `symplectic_surgery`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.rules.protocol.parts import across
from bilevel.rules.protocol.rule import Field, rule
from bilevel.rules.protocol.scalars import exponential
from bilevel.rules.protocol.turns import leading, two_players


@rule
def stackelberg(step: Any, *, leader: str | None = None) -> Callable[[Field], Callable[..., Any]]:
    """Stackelberg (implicit) gradient: the leader differentiates through the followers' best response; they descend.

    Math: leader x: x - step (dc/dx - (dF_S/dx)^T (dF_S/dS)^{-T} dc/dS), followers S: S - step F_S. The same formula
        as a game whose leader declares `through={follower: best_response()}` under simultaneous steps.

    Shapes: per step; `step` may differ between players; `leader` defaults to the first player declared.

    Raises: GameError for an unknown leader, or where the followers' curvature is singular.

    Reference: Fiez, Chasnov, Ratliff (2020), arXiv:1906.01217.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import derive, stackelberg
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> f = 2*x*y - y**2
        >>> derive(Game(a=minimize(f, x), b=maximize(f, y)), stackelberg(h)).composed()[x].expand()
        -2*h*x + x
    """

    def on(field: Field) -> Callable[..., Any]:
        chosen, followers = leading(field, leader)

        def advance(z: Any) -> Any:
            direct = field.gradient(z, of=chosen)
            weights = field.solve(lambda v: field.vjp(z, v).only(*followers), direct.only(*followers), on=followers)
            total = (direct - field.vjp(z, weights)).only(chosen)
            return z - step * (total + field(z).only(*followers))

        return advance

    return on


@rule
def follow_the_ridge(step: Any, *, leader: str | None = None) -> Callable[[Field], Callable[..., Any]]:
    """Follow the ridge: gradient steps, and the followers also move to stay stationary while the leader moves.

    Math: x <- x - step F_x, S <- S - step F_S + (dF_S/dS)^{-1} (dF_S/dx) step F_x; in a zero-sum game with leader x
        and step sizes eta this is y + eta_y f_y + eta_x f_yy^{-1} f_yx f_x. At a fixed point the spectrum is {1 -
        eta_x Schur complement} and {1 - eta_y dF_S/dS}: only local minimax points attract.

    Shapes: per step; `step` may differ between players; `leader` defaults to the first player declared.

    Raises: GameError for an unknown leader, or where the followers' curvature is singular.

    Reference: Wang, Zhang, Ba (2020), arXiv:1910.07512.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import follow_the_ridge, linearise
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> f = -3*x**2 - y**2 + 4*x*y
        >>> m = linearise(Game(a=minimize(f, x), b=maximize(f, y)), follow_the_ridge(h), {x: 0, y: 0}).matrix
        >>> m.eigenvals()
        {1 - 2*h: 2}
    """

    def on(field: Field) -> Callable[..., Any]:
        chosen, followers = leading(field, leader)

        def advance(z: Any) -> Any:
            move = step * field(z)
            drift = field.jvp(z, move.only(chosen))
            ridge = field.solve(lambda v: field.jvp(z, v).only(*followers), drift.only(*followers), on=followers)
            return z - move + ridge

        return advance

    return on


@rule(memory=("previous",))
def lead(step: Any, alpha: Any, beta: Any = 0) -> Callable[[Field], Callable[..., Any]]:
    """LEAD, least action dynamics: momentum, and a force that answers the other players' last displacement.

    Math: z_{t+1} = z + beta (z - z_prev) - step F - alpha H_o (z - z_prev), H_o the blocks dF_i/dz_j with i != j; for
        min-max f: x + beta dx - step f_x - alpha f_xy dy and y + beta dy + step f_y + alpha f_yx dx.

    Shapes: per step; each number may differ between players.

    Reference: Hemmat et al. (2023), arXiv:2010.13846, theorem 2.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import derive, lead
        >>> x, y, h, a = sp.symbols("x y h a", real=True)
        >>> derive(Game(a=minimize(x*y, x), b=maximize(x*y, y)), lead(h, a)).composed()[x].expand()
        -a*y + a*y_previous - h*y + x
    """

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any, previous: Any) -> Any:
            moved = z - previous
            return z + beta * moved - step * field(z) - alpha * across(field, z, moved), z

        return advance

    return on


@rule
def symplectic_surgery(step: Any, weight: Any = 1) -> Callable[[Field], Callable[..., Any]]:
    """Local symplectic surgery: cut the rotation out of the field, so that only local Nash equilibria attract.

    Math: z_{t+1} = z - step/2 (F + J^T (J^T J + r I)^{-1} J^T F), r = weight (1 - exp(-||F||^2)), with the inner
        system solved exactly (the paper's fast time scale at its limit). Where F = 0 and J is invertible it
        linearises to I - step (J + J^T)/2.

    Shapes: per step; `step` may differ between players.

    Raises: GameError unless two players play, and where J^T J + r I is singular.

    Reference: Mazumdar, Jordan, Sastry (2019), arXiv:1901.00838.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import linearise, symplectic_surgery
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> game = Game(a=minimize(x**2 + 3*x*y, x), b=maximize(3*x*y - y**2, y))
        >>> linearise(game, symplectic_surgery(h), {x: 0, y: 0}).matrix
        Matrix([
        [1 - 2*h,       0],
        [      0, 1 - 2*h]])
    """

    def on(field: Field) -> Callable[..., Any]:
        two_players(field, "symplectic_surgery")

        def advance(z: Any) -> Any:
            slope = field(z)
            rest = 1 - exponential(-slope.dot(slope))

            def regularised(v: Any) -> Any:
                return field.vjp(z, field.jvp(z, v)) + weight * (v * rest)

            straight = field.vjp(z, field.solve(regularised, field.vjp(z, slope)))
            return z - step * (slope + straight) / 2

        return advance

    return on
