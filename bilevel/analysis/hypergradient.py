"""Hypergradients: a leader's derivative through its followers' answers, exact or after some steps, and its bias.

Main definitions: `hypergradient`, `bias`, `answers`, `truncated`, `unrolled_for`, `inner_error`.

Notation: the leader moves x and descends c(x, y); its followers' stationarity is F_S(x, y) = 0 with the answer y*(x).
The exact hypergradient is d/dx c(x, y*(x)) = c_x - (∂_x F_S)^T (∂_y F_S)^{-T} c_y at y*(x). Every other one is taken
where the followers stand, y, and its bias is the difference, a formula in x and y.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.game import Game, Player
from bilevel.language import calculus
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.values import expression
from bilevel.response import BestResponse, Unrolled, best_response, settled_gradient


@dataclass(frozen=True)
class Truncated:
    """Take a number of the follower's own gradient steps, and differentiate through the last few only."""

    steps: int
    kept: int
    step: sp.Expr


def truncated(steps: int, kept: int, step: Any) -> Truncated:
    """The followers take `steps` gradient steps; only the last `kept` are differentiated through.

    Math: c is taken at y_K, K = `steps`, y_{k+1} = y_k - step F_S(x, y_k); y_{K - kept} is held constant.

    Raises: GameError unless 0 <= kept <= steps are whole numbers and there is a step.

    Reference: Shaban, Cheng, Hatch, Boots (2019), arXiv:1810.10667.

    Examples:
        >>> truncated(5, 2, "1/10").kept
        2
    """
    whole = all(isinstance(k, int) and not isinstance(k, bool) for k in (steps, kept))
    if not whole or not 0 <= kept <= steps or steps < 1:
        raise GameError(f"truncated needs whole numbers 0 <= kept <= steps, steps >= 1; got steps {steps}, kept {kept}")
    return Truncated(steps, kept, expression(step, "a step"))


def unrolled_for(steps: Any, step: Any) -> Unrolled:
    """The followers take a number of gradient steps that may be a symbol; differentiate through all of them.

    Math: as `bilevel.response.unrolled`. For a symbol t the followers' costs must be quadratic in their own variables
        without cross terms: then y_t = y* + q^t (y - y*), q = 1 - step ∂_y F.

    Raises: GameError unless the number of steps is whole or a symbol for one.

    Reference: Grazzi, Franceschi, Pontil, Salzo (2020), arXiv:2006.16218.

    Examples:
        >>> unrolled_for(sp.Symbol("t", integer=True, positive=True), "1/10").steps
        t
    """
    count = expression(steps, "a number of steps")
    if count.is_integer is False or count.is_negative or (count.is_number and not count.is_Integer):
        raise GameError(f"the number of steps is a whole number or a symbol for one; got {steps}")
    return Unrolled(int(count) if count.is_Integer else count, expression(step, "a step"))


def hypergradient(
    game: Game, leader: str, how: Any = None, *, followers: Iterable[str] | None = None
) -> dict[Any, Any]:
    """The leader's total derivative through its followers, as a formula at the players' current point.

    Math: `how` is best_response() (default; implicit), unrolled(K, s), unrolled_for(t, s), truncated(K, k, s) or
        anticipated(s), for every follower; followers keep their own replies, so any depth. The derivative is that of
        the leader's cost (minus the loss, if it maximises).

    Shapes: one entry for each variable the leader moves; also for vectors of any dimension.

    Raises: GameError for unknown players; UnknownAnswer for a symbolic number of steps where there is no closed form.

    Reference: Domke (2012), AISTATS; Pedregosa (2016), arXiv:1602.02355; Ghadimi and Wang (2018), arXiv:1802.02246.

    Examples:
        >>> from bilevel.game import minimize
        >>> x, y = sp.symbols("x y", real=True)
        >>> game = Game(outer=minimize(x + (y - 1)**2/2, x), inner=minimize((y - 3*x)**2/2, y))
        >>> hypergradient(game, "outer")
        {x: 3*y - 2}
    """
    how = how or best_response()
    chosen = _followers(game, leader, followers)
    if isinstance(how, Truncated):
        return _after_steps(game, leader, chosen, how.steps, how.kept, how.step)
    if isinstance(how, Unrolled) and not isinstance(how.steps, int):
        return _after_many_steps(game, leader, chosen, how)
    return settled_gradient(_with_replies(game, leader, chosen, how), leader)


def bias(
    game: Game,
    leader: str,
    how: Any,
    *,
    followers: Iterable[str] | None = None,
    optimum: Mapping[Any, Any] | None = None,
) -> dict[Any, Any]:
    """A hypergradient minus the exact one, d/dx c(x, y*(x)): what the approximation gets wrong, as a formula.

    Math: bias(x, y) = hypergradient(how)(x, y) - [c_x - (∂_x F_S)^T (∂_y F_S)^{-T} c_y](x, y*(x)); it depends on where
        the followers start, y. `optimum` gives y*(x) where it is known or is to keep a name; else F_S = 0 is solved.

    Raises: UnknownAnswer where F_S = 0 has no single closed-form solution.

    Reference: Grazzi, Franceschi, Pontil, Salzo (2020), arXiv:2006.16218; Shaban et al. (2019), arXiv:1810.10667.

    Examples:
        >>> from bilevel.game import minimize
        >>> from bilevel.response import unrolled
        >>> x, y = sp.symbols("x y", real=True)
        >>> game = Game(outer=minimize(y, x, through={"inner": best_response()}), inner=minimize((y - 3*x)**2/2, y))
        >>> bias(game, "outer", unrolled(2, sp.Rational(1, 2)))
        {x: -3/4}
    """
    chosen = _followers(game, leader, followers)
    approximate = hypergradient(game, leader, how, followers=chosen)
    known = _given(game, optimum) if optimum is not None else answers(game, leader, followers=chosen)
    exact = {x: calculus.replace(value, known) for x, value in hypergradient(game, leader, followers=chosen).items()}
    return {x: _tidied(approximate[x] - exact[x]) for x in exact}


def answers(game: Game, leader: str, *, followers: Iterable[str] | None = None) -> dict[Any, Any]:
    """The followers' answer y*(x), by solving their stationarity.

    Math: F_S(x, y) = 0 for everyone the leader's derivative reaches; stationary points at which a follower's cost is
        known to curve downwards are no answers. Where the sign is open, stationarity is all that is shown.

    Raises: UnknownAnswer where there is no solution in closed form, or more than one.

    Reference: von Stackelberg (1934).

    Examples:
        >>> from bilevel.game import minimize
        >>> x, y = sp.symbols("x y", real=True)
        >>> answers(Game(outer=minimize(x*y, x), inner=minimize((y - 3*x)**2/2, y)), "outer")
        {y: 3*x}
    """
    below = _below(game, leader, _followers(game, leader, followers))
    slopes = {v: slope for name in below for v, slope in settled_gradient(game, name, (leader,)).items()}
    if not game.is_coordinate:
        raise UnknownAnswer("the followers' answer is not solved for vectors", next_step="give it with optimum={...}")
    matrix = sp.Matrix([[sp.diff(slope, v) for v in slopes] for slope in slopes.values()])
    if not matrix.free_symbols & set(slopes):
        rest = sp.Matrix([slope.subs(dict.fromkeys(slopes, 0), simultaneous=True) for slope in slopes.values()])
        if matrix.det(method="berkowitz").expand() != 0:
            found = [dict(zip(slopes, (_tidied(e) for e in matrix.LUsolve(-rest)), strict=True))]
            return _only_minimum(found, slopes, game)
    return _only_minimum(sp.solve(list(slopes.values()), list(slopes), dict=True), slopes, game)


def _only_minimum(found: list[dict[Any, Any]], slopes: Mapping[Any, Any], game: Game) -> dict[Any, Any]:
    """The one real solution at which no follower's cost is known to curve downwards (if it sees no replies)."""
    plain = {v: slope for v, slope in slopes.items() if not game[game.owner[v]].through}
    kept = [
        point
        for point in found
        if set(point) == set(slopes)
        and all(value.is_real is not False for value in point.values())
        and not any(sp.diff(slope, v).subs(point).is_negative for v, slope in plain.items())
    ]
    if len(kept) != 1:
        raise UnknownAnswer(
            f"the followers' stationarity has {len(kept) or 'no'} closed-form solutions that can be answers",
            next_step="give the one meant with optimum={...}; a name may stand for it",
        )
    return kept[0]


def inner_error(inner: Any, variable: Any, parameter: Any, steps: Any, start: Any = None) -> tuple[Any, Any]:
    """How far an affine inner iteration and its derivative are from their limits after t steps.

    Math: inner map w -> q(l) w + r(l), w* = r/(1 - q): w_t - w* = q^t (w_0 - w*), and in the parameter l
        w_t' - w*' = t q^{t-1} q' (w_0 - w*) - q^t w*'; both are returned.

    Raises: GameError unless the map is affine in the variable.

    Reference: Grazzi, Franceschi, Pontil, Salzo (2020), arXiv:2006.16218.

    Examples:
        >>> w, l, t = sp.symbols("w l t", positive=True)
        >>> inner_error(w/2 + l, w, l, t)
        ((-2*l + w)/2**t, -2/2**t)
    """
    t, inner = expression(steps, "a number of steps"), expression(inner, "the inner map")
    q = sp.cancel(sp.diff(inner, variable))
    if variable in q.free_symbols:
        raise GameError(f"the inner map {inner} is not affine in {variable}; unroll a whole number of steps instead")
    if q == 1:
        raise GameError(f"the inner map {inner} has no isolated fixed point: its slope is one")
    limit = sp.cancel((inner - q * variable) / (1 - q))
    first = variable if start is None else expression(start, "the start")
    slope, drift = sp.diff(q, parameter), sp.diff(limit - first, parameter)
    return q**t * (first - limit), t * q ** (t - 1) * slope * (first - limit) - q**t * drift


def _followers(game: Game, leader: str, named: Iterable[str] | None) -> tuple[str, ...]:
    declared = [other for other, _ in game[leader].through]
    chosen = tuple(named) if named is not None else tuple(declared or (n for n in game.players if n != leader))
    for name in chosen:
        game[name]
    if leader in chosen or not chosen:
        raise GameError(f"{leader} leads other players; got the followers {', '.join(chosen) or 'nobody'}")
    return chosen


def _below(game: Game, leader: str, chosen: tuple[str, ...]) -> list[str]:
    """Everyone the followers' replies lead to, each once."""
    found: list[str] = []
    queue = list(chosen)
    while queue:
        name = queue.pop(0)
        if name not in found and name != leader:
            found.append(name)
            queue += [other for other, how in game[name].through if isinstance(how, BestResponse)]
    return found


def _with_replies(game: Game, leader: str, chosen: tuple[str, ...], how: Any) -> Game:
    player = game[leader]
    seeing = Player(player.moves, player.loss, player.sense, tuple((name, how) for name in chosen))
    return game.with_players(**{leader: seeing})


def _given(game: Game, optimum: Mapping[Any, Any]) -> dict[Any, Any]:
    names = {str(v): v for v in game.variables}
    unknown = [str(key) for key in optimum if str(key) not in names]
    if unknown:
        raise GameError(f"nobody moves {', '.join(unknown)}; the variables are {', '.join(names)}")
    return {names[str(key)]: value for key, value in optimum.items()}


def _slopes(game: Game, leader: str, chosen: tuple[str, ...]) -> dict[Any, Any]:
    return {v: slope for name in chosen for v, slope in settled_gradient(game, name, (leader,)).items()}


def _after_steps(game: Game, leader: str, chosen: tuple[str, ...], steps: int, kept: int, step: Any) -> dict[Any, Any]:
    """All steps taken, the last `kept` differentiated: the point before them is held by placeholders."""
    slopes = _slopes(game, leader, chosen)

    def walk(point: dict[Any, Any], count: int) -> dict[Any, Any]:
        for _ in range(count):
            point = {v: point[v] - step * calculus.replace(slope, point) for v, slope in slopes.items()}
        return point

    from bilevel.response import _placeholder

    held = {v: _placeholder(v) for v in slopes}
    early = walk({v: v for v in slopes}, steps - kept)
    cost = calculus.replace(game.cost(leader), walk(dict(held), kept))
    put = {held[v]: early[v] for v in slopes}
    return {x: calculus.released(calculus.replace(calculus.derivative(cost, x), put)) for x in game[leader].moves}


def _after_many_steps(game: Game, leader: str, chosen: tuple[str, ...], how: Unrolled) -> dict[Any, Any]:
    """t steps in closed form, where each follower's own step is affine in its own variable alone."""
    slopes = _slopes(game, leader, chosen)
    reached = {}
    for v, slope in slopes.items():
        curvature = sp.expand(sp.diff(slope, v)) if game.is_coordinate else None
        if curvature is None or curvature.free_symbols & set(slopes) or (slope.free_symbols & set(slopes)) - {v}:
            raise UnknownAnswer(
                f"for a symbolic number of steps {v} must move by itself under a quadratic cost",
                next_step="unroll a whole number of steps",
            )
        limit = sp.cancel(v - slope / curvature) if curvature != 0 else None
        q = 1 - how.step * curvature
        reached[v] = v - how.steps * how.step * slope if limit is None else limit + q**how.steps * (v - limit)
    cost = game.cost(leader).xreplace(reached)
    return {x: calculus.released(calculus.derivative(cost, x)) for x in game[leader].moves}


def _tidied(value: Any) -> Any:
    """Factored where it is rational, else expanded."""
    if calculus.is_model_level(value):
        return value
    rational = not any(not p.exp.is_Integer for p in value.atoms(sp.Pow)) and not value.has(sp.Function)
    if rational and not value.has(sp.Float):
        return sp.factor(value)
    return sp.powsimp(sp.expand(value))
