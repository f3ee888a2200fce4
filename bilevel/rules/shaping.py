"""Rules that foresee, or shape, what the other players will do next.

Main definitions: `look_ahead`, `lola`, `lola_exact`, `unrolling`, `sos`.

H_o are the blocks dF_i/dz_j with i != j, and chi_i = sum over j != i of (dF_j/dz_i)^T dc_i/dz_j: what moving i does
to i's own cost through the others' steps. `weight` is the step size the others are thought to take (default: `step`).
LOLA's fixed points need not be zeros of F; the linear reading takes the rule at its own fixed point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.language.errors import GameError
from bilevel.rules.protocol.parts import across, shaping
from bilevel.rules.protocol.rule import Field, rule
from bilevel.rules.protocol.scalars import where_below
from bilevel.rules.protocol.turns import blocks_of, leading


@rule
def look_ahead(step: Any, weight: Any = None) -> Callable[[Field], Callable[..., Any]]:
    """Look-ahead: each player descends its cost at the point where the others will be, to first order in their steps.

    Math: z_{t+1} = z - step (F - H_o (weight F)), the first order in `weight` of F_i(z_i, z_j - weight F_j).

    Shapes: per step; `step` and `weight` may differ between players (weight_j belongs to the player foreseen).

    Reference: Zhang and Lesser (2010); Letcher et al. (2019), arXiv:1811.08469.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import linearise, look_ahead
        >>> x, y, h, a = sp.symbols("x y h a", real=True)
        >>> linearise(Game(a=minimize(x*y, x), b=maximize(x*y, y)), look_ahead(h, a), {x: 0, y: 0}).matrix
        Matrix([
        [-a*h + 1,       -h],
        [       h, -a*h + 1]])
    """
    foreseen = step if weight is None else weight

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any) -> Any:
            slope = field(z)
            return z - step * (slope - across(field, z, foreseen * slope))

        return advance

    return on


@rule
def lola(step: Any, weight: Any = None) -> Callable[[Field], Callable[..., Any]]:
    """LOLA in its Taylor form: each player also counts how its own move changes the others' next steps.

    Math: z_i <- z_i - step d/dz_i [c_i + sum over j != i of (dc_i/dz_j)^T delta_j], delta_j = -weight F_j; that is
        z - step (F - H_o (weight F) - weight chi).

    Shapes: per step; `step` and `weight` may differ between players.

    Reference: Foerster et al. (2018), arXiv:1709.04326; Letcher et al. (2019), arXiv:1811.08469, for this form.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import linearise, lola
        >>> x, y, h, a = sp.symbols("x y h a", real=True)
        >>> linearise(Game(a=minimize(x*y, x), b=maximize(x*y, y)), lola(h, a), {x: 0, y: 0}).matrix
        Matrix([
        [-2*a*h + 1,         -h],
        [         h, -2*a*h + 1]])
    """
    foreseen = step if weight is None else weight

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any) -> Any:
            slope = field(z)
            return z - step * (slope - across(field, z, foreseen * slope) - shaping(field, z, foreseen))

        return advance

    return on


def _through_steps(field: Field, z: Any, player: str, steps: int, inner: Any) -> Any:
    """One player's total gradient through `steps` gradient steps of everybody else, by adjoints: one vjp a step."""
    path = [z]
    for _ in range(steps):
        path.append(blocks_of(z, (player,), path[-1] - inner * field(path[-1])))
    slope = field.gradient(path[-1], of=player)
    total, adjoint = slope.only(player), slope - slope.only(player)
    for stop in reversed(path[:-1]):
        pull = field.vjp(stop, inner * adjoint)
        total = total - pull.only(player)
        adjoint = adjoint - (pull - pull.only(player))
    return total


def _whole(steps: Any, name: str) -> int:
    if steps != int(steps) or steps < 1:
        raise GameError(f"{name} needs a whole number of steps of at least 1; got {steps}")
    return int(steps)


@rule
def lola_exact(step: Any, weight: Any = None, steps: Any = 1) -> Callable[[Field], Callable[..., Any]]:
    """LOLA without Taylor expansion: every player differentiates through the others' whole next step, or next few.

    Math: z_i <- z_i - step d/dz_i c_i(w_K), a total derivative in z_i, with w_0 = z and w_{k+1} = w_k - weight F(w_k)
        for all but i, K = `steps`. For one step: dc_i/dz_i(w) - sum over j != i of (dF_j/dz_i)^T weight dc_i/dz_j(w).

    Shapes: per step; `step` and `weight` may differ between players.

    Raises: GameError unless `steps` is a whole number of at least one.

    Reference: Foerster et al. (2018), arXiv:1709.04326; Letcher et al. (2019), arXiv:1811.08469.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import linearise, lola_exact
        >>> x, y, h, a = sp.symbols("x y h a", real=True)
        >>> linearise(Game(a=minimize(x*y, x), b=maximize(x*y, y)), lola_exact(h, a), {x: 0, y: 0}).matrix
        Matrix([
        [-2*a*h + 1,         -h],
        [         h, -2*a*h + 1]])
    """
    foreseen, count = step if weight is None else weight, _whole(steps, "lola_exact")

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any) -> Any:
            after = z
            for name in field.players:
                after = after - step * _through_steps(field, z, name, count, foreseen)
            return after

        return advance

    return on


@rule
def unrolling(
    step: Any, steps: Any = 1, inner_step: Any = None, *, leader: str | None = None
) -> Callable[[Field], Callable[..., Any]]:
    """Unrolled descent: the leader differentiates through some gradient steps of its followers, who simply descend.

    Math: leader x <- x - step d/dx c(x, S_K), S_{k+1} = S_k - inner_step F_S(x, S_k), S_0 = S; followers S <- S -
        step F_S(x, S). The same as a game whose leader declares `through={follower: unrolled(steps, inner_step)}`
        under simultaneous steps.

    Shapes: per step; `leader` defaults to the first player declared, `inner_step` to `step`.

    Raises: GameError unless `steps` is a whole number of at least one; or for an unknown leader.

    Reference: Metz et al. (2017), arXiv:1611.02163.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import linearise, unrolling
        >>> x, y, h, s = sp.symbols("x y h s", real=True)
        >>> linearise(Game(a=minimize(x*y, x), b=maximize(x*y, y)), unrolling(h, 3, s), {x: 0, y: 0}).matrix
        Matrix([
        [-6*h*s + 1, -h],
        [         h,  1]])
    """
    inner, count = step if inner_step is None else inner_step, _whole(steps, "unrolling")

    def on(field: Field) -> Callable[..., Any]:
        chosen, followers = leading(field, leader)

        def advance(z: Any) -> Any:
            return z - step * (_through_steps(field, z, chosen, count, inner) + field(z).only(*followers))

        return advance

    return on


@rule
def sos(step: Any, weight: Any = None, a: Any = "1/2", b: Any = "1/10") -> Callable[[Field], Callable[..., Any]]:
    """Stable opponent shaping: look-ahead, plus as much of LOLA's shaping as keeps look-ahead's fixed points.

    Math: xi0 = F - H_o (weight F), s = -weight chi, z_{t+1} = z - step (xi0 + p s), p = min(p1, p2) with
        p1 = 1 if <s, xi0> >= 0, else min(1, a ||xi0||^2 / -<s, xi0>);  p2 = ||F||^2 if ||F|| < b, else 1.
        Where F = 0, 0 <= p <= ||F||^2 makes p and its derivative vanish, so there the rule linearises to look-ahead
        exactly.

    Shapes: per step; `step` and `weight` may differ between players; a and b lie in (0, 1).

    Reference: Letcher et al. (2019), arXiv:1811.08469, algorithm 1.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import linearise, look_ahead, sos
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> game = Game(a=minimize(x*y, x), b=maximize(x*y, y))
        >>> linearise(game, sos(h), {x: 0, y: 0}) == linearise(game, look_ahead(h), {x: 0, y: 0})
        True
    """
    foreseen = step if weight is None else weight

    def on(field: Field) -> Callable[..., Any]:
        def advance(z: Any) -> Any:
            slope = field(z)
            ahead = slope - across(field, z, foreseen * slope)
            shape = -shaping(field, z, foreseen)
            return z - step * (ahead + shape * _trust(slope, ahead, shape))

        def _trust(slope: Any, ahead: Any, shape: Any) -> Any:
            along, allowed, norm = shape.dot(ahead), (a * ahead).dot(ahead), slope.dot(slope)
            one = along * 0 + 1
            # min(1, allowed / -along), read as 1 unless the bound bites: allowed < -along.
            first = where_below(allowed, -along, lambda: allowed / (-along), lambda: one)
            second = where_below(norm, b**2, lambda: norm, lambda: one)
            return where_below(first, second, lambda: first, lambda: second)

        return advance

    return on
