"""Points with declared values.

Main definitions: `constant`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.rules.protocol.point import PerPlayer, Point


def constant(field: Any, values: Any, like: Point) -> Point:
    """The point where each variable (or each variable of a player) has its declared value; what is not named stands at 0."""
    table = dict(values.values) if isinstance(values, PerPlayer) else {}
    names = {name: [str(v) for v in player.moves] for name, player in field.game.players.items()}
    unknown = set(table) - set(names) - {v for moved in names.values() for v in moved}
    if unknown:
        raise GameError(f"a value is given for {', '.join(sorted(unknown))}, which is no variable and no player of the game")
    overall = sp.S.Zero if isinstance(values, PerPlayer) or values is None else values
    chosen = [table.get(v, table.get(name, overall)) for name, moved in names.items() for v in moved]
    zero = like - like
    return zero.rebuilt(_put(leaf, value) for leaf, value in zip(zero.leaves(), chosen, strict=True))


def _put(zero: Any, value: Any) -> Any:
    if isinstance(value, sp.MatrixExpr):
        return value
    if isinstance(zero, sp.MatrixExpr):
        return sp.ZeroMatrix(*zero.shape) if value == 0 else value * sp.OneMatrix(*zero.shape)
    if isinstance(zero, sp.Basic) or hasattr(zero, "row"):
        return zero + value
    return zero + float(value)
