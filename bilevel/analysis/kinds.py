"""Which kind of equilibrium a point is: Nash, local minimax, Stackelberg, saddle, or none, by exact second-order tests.

Main definitions: `KINDS` (the closed list), `kinds_at`.

"Strict" means that the second-order conditions hold strictly; "not strict" that the point is an equilibrium of that
kind all the same, by a higher derivative or because a cost does not depend on its owner's variables there. What is
not decided is left out; "not an equilibrium of the game" is said only when every kind that applies is refuted.

Math: with H_i the Hessian of player i's cost in its own variables, a local Nash point has gradients zero and H_i > 0
(strict). Two players, min_x max_y f: local minimax (strict) means f_yy < 0 and f_xx - f_xy f_yy^{-1} f_yx > 0 (Jin,
Netrapalli, Jordan 2020, arXiv:1902.00618). Costs that differ from f and -f by terms in the other player's variables
alone play the same game. Stackelberg (strict): the follower's Hessian and the second total derivative of the leader's
cost along the follower's reply are positive (Fiez, Chasnov, Ratliff 2020, arXiv:1906.01217).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from bilevel.analysis.definiteness import definiteness, hessian, minor, put
from bilevel.analysis.forms import plain
from bilevel.analysis.known import Known
from bilevel.language.errors import BilevelError
from bilevel.language.fractions import cancelled
from bilevel.language.nodes import Stopped
from bilevel.response import BestResponse, best_response
from bilevel.rules.protocol.smoothness import at_once

NASH, WEAK_NASH = "Nash (strict)", "Nash (not strict)"
MINIMAX, WEAK_MINIMAX = "local minimax (strict)", "local minimax (not strict)"
STACKELBERG = "Stackelberg (strict), leader {}"
SADDLE = "saddle"
NONE = "not an equilibrium of the game"
SPURIOUS = "spurious (not a zero of the field)"
KINDS = (NASH, WEAK_NASH, MINIMAX, WEAK_MINIMAX, STACKELBERG, SADDLE, NONE, SPURIOUS)
HIGHEST = 8  # derivatives of a cost in one variable are followed up to this order

Claim = bool | None


def kinds_at(
    game: Any, point: Mapping[Any, Any], known: Known, *, critical: bool = False, leaders: bool = True
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The kinds proved at a point, and the matrices whose definiteness proves them.

    `critical`: the point is known to be a zero of the field by other means than signs (an interval test). Without
    `leaders` nobody is asked for a strict minimum along the others' replies, which is costly in many variables.
    """
    if critical:
        known = _Critical(known, game, point)
    tests: dict[str, Any] = {}
    minima = [_own_minimum(game, name, point, known, tests) for name in game.players]
    strict, weak = _all(m[0] for m in minima), _all(m[1] for m in minima)
    found = [NASH] if strict else [WEAK_NASH] if weak and strict is False else []
    refuted = weak is False
    lead = leaders and not holds_back(game)
    pair = zero_sum_pair(game, known)
    if pair is not None:
        kind, other = _minimax(game, *pair, point, known, tests, weak)
        found += [kind] if kind else []
        refuted = refuted and other
    deep = lead and len(game.players) > 2 and any(_below(game, name) for name in game.players)
    if deep:
        answer = _hierarchy(game, point, known, tests)
        led = {other for name in game.players for other in _below(game, name)}
        found += [
            STACKELBERG.format(name) for name in game.players if answer and name not in led and _below(game, name)
        ]
        refuted = refuted and answer is False
    for leader in leaders_of(game, pair) if lead else ():
        answer = _stackelberg(game, leader, point, known, tests)
        found += [STACKELBERG.format(leader)] if answer else []
        refuted = refuted and answer is False
    if any(m[2] for m in minima):
        found.append(SADDLE)
    if not found and refuted and leaders:
        found.append(NONE)
    return tuple(found), tests


class _Critical(Known):
    """Signs at a certified zero of the field: the field's own components are zero there."""

    def __init__(self, known: Known, game: Any, point: Mapping[Any, Any]) -> None:
        super().__init__()
        self.known = known
        slopes = {put(value, point) for value in game.field().values()}
        self.vanishing = slopes | {-slope for slope in slopes}

    def sign(self, expression: Any) -> str | None:
        """Zero for a component of the field, else what the box says."""
        return "0" if expression in self.vanishing else self.known.sign(expression)


def _all(answers: Any) -> Claim:
    listed = list(answers)
    return False if False in listed else None if None in listed else True


def _own_minimum(
    game: Any, name: str, point: Mapping[Any, Any], known: Known, tests: dict[str, Any]
) -> tuple[Claim, Claim, bool]:
    """(strict?, a minimum at all?, a saddle?) of one player's cost in its own variables."""
    player = game[name]
    slopes = [put(sp.diff(player.cost, v), point) for v in player.moves]
    if any(known.nonzero(s) for s in slopes):
        return False, False, False
    if not all(known.zero(s) for s in slopes):
        return None, None, False
    matrix = hessian(player.cost, player.moves, player.moves, point)
    tests[f"own Hessian of {name}"] = matrix
    shape = definiteness(matrix, known)
    if shape == "positive":
        return True, True, False
    if shape in ("negative", "mixed"):
        return False, False, shape == "mixed"
    if shape is None:
        return None, None, False
    return False, _flat_minimum(player, point, known), False


def _flat_minimum(player: Any, point: Mapping[Any, Any], known: Known) -> Claim:
    """Whether a cost with a singular nonnegative Hessian has a minimum in its owner's variables."""
    others = {v: value for v, value in point.items() if v not in player.moves}
    cost = at_once(plain(player.cost), others)
    slopes = [sp.diff(cost, v) for v in player.moves]
    if all(known.zero(s) for s in slopes):
        return True
    if all(known.zero(sp.diff(s, u, v)) for s in slopes for u in player.moves for v in player.moves):
        return True  # quadratic and convex
    if len(player.moves) > 1:
        return None
    (v,) = player.moves
    for order in range(3, HIGHEST + 1):
        value = sp.diff(cost, v, order).subs({v: point.get(v, v)})
        sign = known.sign(value)
        if sign in ("+", "-"):
            return order % 2 == 0 and sign == "+"
        if sign != "0":
            return None
    return None


def holds_back(game: Any) -> bool:
    """Whether somebody's loss holds fixed what is moved: it is then no function whose values could be compared along
    replies, or added up."""
    moved = set(game.variables)
    return any(node.free_symbols & moved for p in game.players.values() for node in p.cost.atoms(Stopped))


def zero_sum_pair(game: Any, known: Known) -> tuple[str, str, Any] | None:
    """(minimiser, maximiser, f) when two players' costs are f and -f up to terms without strategic effect."""
    if len(game.players) != 2 or holds_back(game):
        return None
    first = next((n for n, p in game.players.items() if p.sense == "min"), next(iter(game.players)))
    (second,) = (n for n in game.players if n != first)
    total = plain(game.cost(first) + game.cost(second))
    if not all(known.zero(sp.diff(total, u, v)) for u in game[first].moves for v in game[second].moves):
        return None
    # total = a(x) + b(y); f = c_1 - b(y): its derivatives in y are those of -c_2.
    return first, second, game.cost(first)


def _minimax(
    game: Any, first: str, second: str, cost: Any, point: Any, known: Known, tests: dict[str, Any], weak_nash: Claim
) -> tuple[str | None, bool]:
    """(the kind of minimax point, whether it is refuted to be one)."""
    xs, ys = game[first].moves, game[second].moves
    slopes = [put(sp.diff(game.cost(n), v), point) for n in (first, second) for v in game[n].moves]
    if any(known.nonzero(s) for s in slopes):
        return None, True
    if not all(known.zero(s) for s in slopes):
        return None, False
    inner = hessian(game.cost(second), ys, ys, point)  # -f_yy
    shape = definiteness(inner, known)
    if shape in ("negative", "mixed"):
        return None, True
    outer: str | None = None
    if shape == "positive":
        cross = hessian(cost, xs, ys, point)
        schur = (hessian(cost, xs, xs, point) + cross * inner.inv() * cross.T).applyfunc(cancelled)
        tests[f"Schur complement of {first}"] = schur
        outer = definiteness(schur, known)
        if outer == "positive":
            return MINIMAX, False
        if outer in ("negative", "mixed"):
            return None, True
        if outer == "semi" and _quadratic(cost, game, known) and _quadratic(game.cost(second), game, known):
            return WEAK_MINIMAX, False
    decided = shape == "semi" or outer == "semi"
    return (WEAK_MINIMAX if weak_nash and decided else None), False


def _quadratic(cost: Any, game: Any, known: Known) -> bool:
    return all(
        known.zero(sp.diff(cost, u, v, w)) for u in game.variables for v in game.variables for w in game.variables
    )


def leaders_of(game: Any, pair: Any) -> tuple[str, ...]:
    """Who may lead: whoever declares a best response, else either of two players whose costs are not opposed."""
    if len(game.players) != 2:
        return ()
    declared = tuple(n for n, p in game.players.items() if any(isinstance(h, BestResponse) for _, h in p.through))
    if pair is not None:
        return tuple(n for n in declared if n != pair[0])
    return declared or tuple(game.players)


def _stackelberg(game: Any, leader: str, point: Any, known: Known, tests: dict[str, Any]) -> Claim:
    """Whether the point is a strict Stackelberg equilibrium under this leader."""
    ys = next(game[n].moves for n in game.players if n != leader)
    inner = hessian(next(game.cost(n) for n in game.players if n != leader), ys, ys, point)
    shape = definiteness(inner, known)
    if shape != "positive":
        return False if shape in ("negative", "mixed") else None
    try:
        slopes, bending = along_replies(game, leader, point)
    except BilevelError:
        return None
    if any(known.nonzero(s) for s in slopes):
        return False
    if not all(known.zero(s) for s in slopes):
        return None
    curvature = bending()
    tests[f"second total derivative of {leader}"] = curvature
    return _strict(definiteness(curvature, known))


def along_replies(game: Any, leader: str, point: Any) -> tuple[list[Any], Callable[[], Any]]:
    """The slopes that vanish at a Stackelberg point; and, where asked for, the leader's second derivative along the
    follower's reply."""
    (follower,) = (n for n in game.players if n != leader)
    xs, ys = game[leader].moves, game[follower].moves
    reply = [sp.diff(game.cost(follower), v) for v in ys]
    bare = {n: type(p)(p.moves, p.loss, p.sense) for n, p in game.players.items()}
    leading = type(bare[leader])(xs, game[leader].loss, game[leader].sense, ((follower, best_response()),))
    led = type(game)(bare | {leader: leading}, assuming=game.assuming)
    total = [led.field()[v] for v in xs]
    slopes = [put(e, point) for e in (*total, *reply)]
    return slopes, lambda: _bending(total, reply, hessian(game.cost(follower), ys, ys, point), xs, ys, point)


def _bending(total: list[Any], reply: list[Any], inner: Any, xs: Any, ys: Any, point: Any) -> Any:
    """d^2/dx^2 of the leader's cost along the reply: own + through dy/dx."""
    moved = -inner.inv() * sp.ImmutableMatrix([[put(sp.diff(g, v), point) for v in xs] for g in reply])
    own = sp.ImmutableMatrix([[put(sp.diff(e, v), point) for v in xs] for e in total])
    through = sp.ImmutableMatrix([[put(sp.diff(e, v), point) for v in ys] for e in total])
    return (own + through * moved).applyfunc(cancelled)


def _strict(shape: str | None) -> Claim:
    """Whether a minimum is strict: a singular nonnegative Hessian leaves it open."""
    return {"positive": True, "negative": False, "mixed": False}.get(shape or "")


def _hierarchy(game: Any, point: Mapping[Any, Any], known: Known, tests: dict[str, Any]) -> Claim:
    """Whether every player of a game with declared best responses is at a strict minimum along the replies below it."""
    field = {v: put(f, point) for v, f in game.field().items()}
    if not all(known.zero(f) for f in field.values()):
        return False if any(known.nonzero(f) for f in field.values()) else None
    slopes = {u: {v: put(sp.diff(f, v), point) for v in game.variables} for u, f in game.field().items()}
    answers = []
    for name, player in game.players.items():
        below = [v for other in _below(game, name) for v in game[other].moves]
        block = lambda rows, columns: sp.ImmutableMatrix([[slopes[u][v] for v in columns] for u in rows])
        curvature = block(player.moves, player.moves)
        if below:
            replies = block(below, below)
            if known.zero(minor(replies, range(len(below)))):
                return None
            curvature -= block(player.moves, below) * replies.inv() * block(below, player.moves)
        tests[f"second total derivative of {name}"] = curvature = curvature.applyfunc(cancelled)
        answers.append(_strict(definiteness(curvature, known)))
    return _all(answers)


def _below(game: Any, name: str) -> list[str]:
    """The players whose best responses a player sees, directly or through others."""
    found: list[str] = []
    for other, how in game[name].through:
        if isinstance(how, BestResponse):
            found += [n for n in (other, *_below(game, other)) if n not in found]
    return found
