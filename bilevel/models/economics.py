"""Duopolies: two firms choose quantities, at once (Cournot) or one after the other (Stackelberg).

Main definitions: `cournot_duopoly`, `stackelberg_duopoly`.

Notation: price a - b (q1 + q2), cost c a unit, a > c; the firms move q1 and q2.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, maximize
from bilevel.response import best_response

_A, _B, _C = sp.symbols("a b c", positive=True)
_Q1, _Q2 = sp.symbols("q1 q2", real=True)


def _profit(own: Any) -> Any:
    return own * (_A - _B * (_Q1 + _Q2) - _C)


def cournot_duopoly() -> Game:
    """Two firms that choose quantities at the same time.

    Math: firm i maximises q_i (a - b (q1 + q2) - c); in equilibrium q1 = q2 = (a - c)/(3 b), each profit (a - c)^2/(9
        b).

    Reference: Cournot (1838), Recherches sur les principes mathematiques de la theorie des richesses.

    Examples:
        >>> game = cournot_duopoly()
        >>> sp.solve(list(game.field().values()), game.variables)
        {q1: (a - c)/(3*b), q2: (a - c)/(3*b)}
    """
    firms = {"first": maximize(_profit(_Q1), _Q1), "second": maximize(_profit(_Q2), _Q2)}
    return Game(firms, assuming=(_A > _C,), title="Cournot duopoly", source="Cournot 1838")


def stackelberg_duopoly() -> Game:
    """Two firms of which the first foresees the other's reply.

    Math: as `cournot_duopoly`, the leader differentiating through the follower's best response: q1 = (a - c)/(2 b),
        q2 = (a - c)/(4 b), profits (a - c)^2/(8 b) and (a - c)^2/(16 b).

    Reference: von Stackelberg (1934), Marktform und Gleichgewicht.

    Examples:
        >>> game = stackelberg_duopoly()
        >>> sp.solve(list(game.field().values()), game.variables)
        {q1: (a - c)/(2*b), q2: (a - c)/(4*b)}
    """
    leader = maximize(_profit(_Q1), _Q1, through={"follower": best_response()})
    firms = {"leader": leader, "follower": maximize(_profit(_Q2), _Q2)}
    return Game(firms, assuming=(_A > _C,), title="Stackelberg duopoly", source="von Stackelberg 1934")
