"""Replies: the ways one player's derivative passes through another player's answer.

Main definitions: `best_response`, `unrolled`, `anticipated`, and `total_gradient`, the derivative they lead to;
`settled_gradient`, the same as a function that is differentiated again; `reply_points`, the points that unrolling
passes, for printing.

Notation: the leader i moves x; its followers S are the players it differentiates through and everyone they do; F_S is
their stationarity. All derivatives are taken at the players' current point. What a follower's loss holds constant
(`stop_gradient`) is held in its own gradient and varies in its answer: F_S is a function like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy as sp

from bilevel.language import calculus
from bilevel.language.blocks import solve_blocks, transposed
from bilevel.language.errors import GameError
from bilevel.language.values import expression

if TYPE_CHECKING:
    from bilevel.game import Game


@dataclass(frozen=True)
class BestResponse:
    """Differentiate through the follower's stationarity (implicit function theorem)."""

    def __str__(self) -> str:
        return "best response"


@dataclass(frozen=True)
class Unrolled:
    """Differentiate through a number of the follower's own gradient steps."""

    steps: int
    step: sp.Expr

    def __str__(self) -> str:
        return f"unrolled {self.steps}, step {self.step}"


@dataclass(frozen=True)
class Anticipated:
    """Evaluate at the follower's next point, without differentiating through it."""

    step: sp.Expr

    def __str__(self) -> str:
        return f"anticipated, step {self.step}"


Reply = BestResponse | Unrolled | Anticipated


def best_response() -> BestResponse:
    """The follower answers optimally: differentiate through its stationarity F_S = 0.

    Math: d c/dx = ∂_x c + (dx_S/dx)^T ∂_S c with dx_S/dx = -(∂_S F_S)^{-1} ∂_x F_S, at the current point.

    Reference: Fiez, Chasnov, Ratliff (2020), arXiv:1906.01217, proposition 1; Ghadimi and Wang (2018),
        arXiv:1802.02246.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize
        >>> a, q, r = sp.symbols("a q r", real=True)      # Stackelberg duopoly at price a - q - r
        >>> game = Game(leader=maximize(q*(a - q - r), q, through={"follower": best_response()}),
        ...             follower=maximize(r*(a - q - r), r))
        >>> sp.solve(list(game.field().values()), [q, r])
        {q: a/2, r: a/4}
    """
    return BestResponse()


def unrolled(steps: int, step: Any) -> Unrolled:
    """The follower takes `steps` of its own gradient steps; differentiate through all of them.

    Math: c is taken at (x, y_K(x)), y_{k+1} = y_k - step F_y(x, y_k), y_0 the current point; several followers step
        together.
        A reply that would lead back to a player already being unrolled is taken naive: its own plain gradient.

    Raises: GameError unless `steps` is a whole number of at least one.

    Reference: Metz et al. (2017), arXiv:1611.02163.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> x, y = sp.symbols("x y", real=True)
        >>> s = sp.Symbol("s", positive=True)
        >>> seeing = minimize(x*y, x, through={"critic": unrolled(1, s)})
        >>> Game(actor=seeing, critic=maximize(x*y, y)).field()[x].expand()
        2*s*x + y
    """
    if not isinstance(steps, int) or steps < 1:
        raise GameError(f"unrolled needs a whole number of steps of at least 1; got {steps!r}")
    return Unrolled(steps, expression(step, "a step"))


def anticipated(step: Any) -> Anticipated:
    """The follower's next point is foreseen and held fixed.

    Math: the partial derivative ∂_x c, evaluated at (x, y - step F_y(x, y)).

    Reference: Zhang and Lesser (2010), look-ahead; Letcher et al. (2019), arXiv:1811.08469.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> x, y = sp.symbols("x y", real=True)
        >>> s = sp.Symbol("s", positive=True)
        >>> seeing = minimize(x*y, x, through={"critic": anticipated(s)})
        >>> Game(actor=seeing, critic=maximize(x*y, y)).field()[x].expand()
        s*x + y
    """
    return Anticipated(expression(step, "a step"))


def total_gradient(game: Game, name: str, within: tuple[str, ...] = ()) -> dict[Any, Any]:
    """Derivative of one player's cost in its own variables, through every reply it declares.

    Math: see `best_response`, `unrolled`, `anticipated`; replies to players in `within` (already being followed) are
        naive.

    Raises: GameError if best responses run in a circle.

    Reference: Fiez, Chasnov, Ratliff (2020), arXiv:1906.01217; Foerster et al. (2018), arXiv:1709.04326.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> x, y = sp.symbols("x y", real=True)
        >>> outer = minimize(x**2 + y, x, through={"inner": best_response()})
        >>> total_gradient(Game(outer=outer, inner=minimize((y - 3*x)**2, y)), "outer")
        {x: 2*x + 3}
    """
    player = game[name]
    replies = {other: how for other, how in player.through if other not in within}
    stack = (*within, name)
    foreseen, frozen = _foreseen_points(game, replies, stack)
    cost = calculus.replace(player.cost, foreseen)
    gradient = {x: calculus.derivative(cost, x) for x in player.moves}
    followers = _followers(game, replies, stack)
    if followers:
        gradient = _through_best_response(game, cost, gradient, followers, stack)
    return {x: calculus.replace(value, frozen) for x, value in gradient.items()}


def settled_gradient(game: Game, name: str, within: tuple[str, ...] = ()) -> dict[Any, Any]:
    """`total_gradient` with its stopped gradients let go, as a follower's answer and the game's field are made of it.

    Reference: see `total_gradient`.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.language import stop_gradient
        >>> w = sp.Symbol("w", real=True)
        >>> settled_gradient(Game(critic=minimize((w - stop_gradient(1 + w/2))**2/2, w)), "critic")
        {w: w/2 - 1}
    """
    return {x: calculus.released(slope) for x, slope in total_gradient(game, name, within).items()}


def _foreseen_points(
    game: Game, replies: Mapping[str, Reply], stack: tuple[str, ...]
) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Where unrolled and anticipated followers will stand; anticipated points are held by placeholders until the
    end."""
    unrolled_players = {other: how for other, how in replies.items() if isinstance(how, Unrolled)}
    point: dict[Any, Any] = {v: v for other in unrolled_players for v in game[other].moves}
    for k in range(max((how.steps for how in unrolled_players.values()), default=0)):
        moving = [other for other, how in unrolled_players.items() if k < how.steps]
        moved = {}
        for other in moving:
            for v, slope in settled_gradient(game, other, stack).items():
                moved[v] = point[v] - unrolled_players[other].step * calculus.replace(slope, point)
        point.update(moved)
    frozen: dict[Any, Any] = {}
    for other, how in replies.items():
        if isinstance(how, Anticipated):
            for v, slope in settled_gradient(game, other, stack).items():
                point[v] = _placeholder(v)
                frozen[point[v]] = v - how.step * slope
    return point, frozen


def reply_points(game: Game, name: Callable[[Any, str], Any]) -> list[tuple[Any, Any, Any]]:
    """Where unrolled followers will stand, step by step, under names of their own: for printing.

    Math: y_(k+1) = y_k - step F_y(x, y_k): triples of the name of y_(k+1), its value by the name of y_k, and its value
        in the variables alone. `name(variable, "ahead2")` makes the name of y_2; with one step it is "ahead".

    Reference: Metz et al. (2017), arXiv:1611.02163.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> x, y = sp.symbols("x y", real=True)
        >>> seeing = minimize(x*y**2, x, through={"critic": unrolled(1, sp.Rational(1, 2))})
        >>> game = Game(actor=seeing, critic=maximize(x*y, y))
        >>> reply_points(game, lambda v, when: sp.Symbol(f"{v}_{when}"))
        [(y_ahead, x/2 + y, x/2 + y)]
    """
    found: list[tuple[Any, Any, Any]] = []
    for leader, player in game.players.items():
        replies = {other: how for other, how in player.through if isinstance(how, Unrolled)}
        most = max((how.steps for how in replies.values()), default=0)
        last: dict[Any, Any] = {}
        for k in range(1, most + 1):
            going = {other: Unrolled(k, how.step) for other, how in replies.items() if how.steps >= k}
            reached = _foreseen_points(game, going, (leader,))[0]
            names = {v: name(v, "ahead" if most == 1 else f"ahead{k}") for v in reached}
            for v, value in reached.items():
                slope = settled_gradient(game, game.owner[v], (leader,))[v]
                before = last.get(v, v)
                found.append((names[v], before - going[game.owner[v]].step * calculus.replace(slope, last), value))
            last = last | names
    return [entry for i, entry in enumerate(found) if entry[2] not in [other[2] for other in found[:i]]]


def _placeholder(variable: Any) -> Any:
    if isinstance(variable, sp.Symbol):
        return sp.Dummy(variable.name, **variable.assumptions0)
    from bilevel.language.nodes import vector

    return vector(f"{variable.name}_foreseen", variable.shape[0])


def _followers(game: Game, replies: Mapping[str, Reply], stack: tuple[str, ...]) -> list[str]:
    """Everyone the best responses lead to, each once, leaders before their followers."""
    found: list[str] = []

    def visit(name: str, how: Reply, path: tuple[str, ...]) -> None:
        if not isinstance(how, BestResponse):
            return
        if name in path:
            raise GameError(f"best responses run in a circle: {' -> '.join((*path, name))}; let one player lead")
        if name not in found:
            found.append(name)
        for other, deeper in game[name].through:
            visit(other, deeper, (*path, name))

    for other, how in replies.items():
        visit(other, how, stack)
    return found


def _through_best_response(
    game: Game, cost: Any, gradient: dict[Any, Any], followers: list[str], stack: tuple[str, ...]
) -> dict[Any, Any]:
    # On F_S(x, x_S) = 0:  dx_S/dx = -(∂_S F_S)^{-1} ∂_x F_S,  so  d c/dx = ∂_x c - (∂_x F_S)^T (∂_S F_S)^{-T} ∂_S c.
    # Replies below a follower stand inside its F, and joint elimination equals nested elimination (Schur complements).
    stationarity = {v: slope for other in followers for v, slope in settled_gradient(game, other, stack).items()}
    own = list(stationarity)
    curvature = [[calculus.jacobian(stationarity[v], u) for u in own] for v in own]
    pull = [calculus.derivative(cost, v) for v in own]
    weights = solve_blocks([[transposed(row[i]) for row in curvature] for i in range(len(own))], pull)
    total = {}
    for x, direct in gradient.items():
        total[x] = direct
        for v, weight in zip(own, weights, strict=True):
            total[x] = total[x] - transposed(calculus.jacobian(stationarity[v], x)) * weight
    return total
