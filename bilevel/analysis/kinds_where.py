"""Where in the parameters a point is an equilibrium of each strict kind: second-order tests as conditions.

Main definitions: `kind_conditions`, `OTHER`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.analysis.definiteness import hessian, minor, put
from bilevel.analysis.kinds import MINIMAX, NASH, STACKELBERG, along_replies, holds_back, leaders_of, zero_sum_pair
from bilevel.analysis.known import Known
from bilevel.language.errors import BilevelError
from bilevel.language.fractions import cancelled
from bilevel.language.nodes import Stopped

OTHER = "no strict equilibrium"


def kind_conditions(game: Any, point: Mapping[Any, Any]) -> dict[str, Any]:
    """Where in the parameters a zero of the field is an equilibrium of each strict kind, as Booleans.

    Math: differential Nash: every player's own Hessian is positive definite; local minimax (zero-sum): -f_yy and
        f_xx - f_xy f_yy^{-1} f_yx are; differential Stackelberg: the follower's Hessian and the leader's second
        derivative along the reply are; definite by Sylvester's leading minors. "no strict equilibrium" is the rest.

    Reference: Jin, Netrapalli, Jordan (2020), arXiv:1902.00618; Fiez, Chasnov, Ratliff (2020), arXiv:1906.01217.

    Examples:
        >>> from bilevel.analysis.attraction import generic_quadratic
        >>> conditions = kind_conditions(*generic_quadratic())
        >>> conditions["Nash (strict)"], conditions["local minimax (strict)"]
        ((a_11 > 0) & (c_11 < 0), (c_11 < 0) & (b_11**2 > a_11*c_11))
    """
    if any(node.free_symbols & set(p.moves) for p in game.players.values() for node in p.cost.atoms(Stopped)):
        return {}  # what a player stops for itself is no cost that it minimises
    known = Known(game.assuming)
    own = [hessian(game.cost(n), game[n].moves, game[n].moves, point) for n in game.players]
    found = {NASH: _definite(own, known)}
    pair = zero_sum_pair(game, known)
    if pair is not None:
        first, second, cost = pair
        xs, ys = game[first].moves, game[second].moves
        inner, cross = hessian(game.cost(second), ys, ys, point), hessian(cost, xs, ys, point)
        if not known.zero(minor(inner, range(len(ys)))):
            schur = (hessian(cost, xs, xs, point) + cross * inner.inv() * cross.T).applyfunc(cancelled)
            found[MINIMAX] = _definite([inner, schur], known)
        else:
            found[MINIMAX] = sp.false
    for leader in () if holds_back(game) else leaders_of(game, pair):
        found[STACKELBERG.format(leader)] = _stackelberg(game, leader, point, known)
    found[OTHER] = sp.Not(sp.Or(*found.values()))
    return found


def _stackelberg(game: Any, leader: str, point: Mapping[Any, Any], known: Known) -> Any:
    follower = next(n for n in game.players if n != leader)
    inner = hessian(game.cost(follower), game[follower].moves, game[follower].moves, point)
    if known.zero(minor(inner, range(inner.rows))):
        return sp.false
    try:
        slopes, bending = along_replies(game, leader, point)
    except BilevelError:
        return sp.false
    flat = known.boolean([(cancelled(put(s, point)), "==") for s in slopes])
    return flat if flat == sp.false else sp.And(flat, _definite([inner, bending()], known))


def _definite(matrices: list[Any], known: Known) -> Any:
    """That each matrix is positive definite, every minor read under the conditions before it."""
    found: list[Any] = []
    for matrix in matrices:
        minors = [cancelled(minor(matrix, range(k))) for k in range(1, matrix.rows + 1)]
        found.append(known.boolean([(value, ">") for value in minors]))
        known = Known([*known.facts, found[-1]])
    return sp.And(*found)
