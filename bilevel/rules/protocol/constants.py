"""Values declared by variable or by player, laid out as the leaves of a point.

Main definitions: `declared`, `constant`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.rules.protocol.point import PerPlayer, Point


def declared(field: Any, values: Any, otherwise: Any) -> list[Any]:
    """One value a variable, in order: its own, else its player's, else `otherwise`; a lone value goes everywhere."""
    if not isinstance(values, PerPlayer):
        return [otherwise if values is None else values for _ in field.game.variables]
    names = {name: [str(v) for v in player.moves] for name, player in field.game.players.items()}
    unknown = set(values.values) - set(names) - {v for moved in names.values() for v in moved}
    if unknown:
        raise GameError(
            f"a value is given for {', '.join(sorted(unknown))}, which is no variable and no player of the game"
        )
    return [values.values.get(v, values.values.get(name, otherwise)) for name, moved in names.items() for v in moved]


def constant(field: Any, values: Any, like: Point) -> Point:
    """The point of declared values, 0 where nothing is declared."""
    zero = like - like
    return zero.rebuilt(
        placed(leaf, value) for leaf, value in zip(zero.leaves(), declared(field, values, sp.S.Zero), strict=True)
    )


def placed(leaf: Any, value: Any) -> Any:
    """A value as a leaf of the same kind as another: expression, vector, dual number or array."""
    if isinstance(leaf, sp.MatrixExpr):
        if isinstance(value, sp.MatrixExpr):
            return value
        return sp.ZeroMatrix(*leaf.shape) if value == 0 else value * sp.OneMatrix(*leaf.shape)
    if isinstance(leaf, sp.Basic) or hasattr(leaf, "row"):
        return 0 * leaf + value
    return 0 * leaf + float(value)
