"""Fixed points that a game names: known by theory, tested before they are used.

Main definitions: `named_points`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy as sp

from bilevel.language.errors import BilevelError
from bilevel.language.values import expression
from bilevel.rules.protocol.defaults import default_rule
from bilevel.rules.protocol.linear import stays
from bilevel.rules.protocol.rule import Rule


def named_points(
    game: Any,
    rule: Rule | None,
    given: Mapping[Any, Any],
    found: Sequence[Mapping[Any, Any]],
    inside: Callable[[Mapping[Any, Any]], Any],
) -> list[tuple[dict[Any, Any], Any]]:
    """Points that are new, agree with the coordinates given, and are left in place by the rule; where each exists.

    Math: `inside` says on which parameters a point satisfies the assumptions; a point that never does is left out.

    Reference: see `bilevel.analysis.equilibria`.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> x = sp.Symbol("x", real=True)
        >>> game = Game(a=minimize(x**2, x), points=({x: 0}, {x: 1}))
        >>> named_points(game, None, {}, [], lambda point: sp.true)
        [({x: 0}, True)]
    """
    new = []
    for point in ({v: expression(named[v]) for v in game.variables if v in named} for named in game.points):
        if len(point) < len(game.variables) or point in found or any(point[v] != x for v, x in given.items()):
            continue
        try:
            stays(game, rule or default_rule(game), point)
        except BilevelError:
            continue
        exists = inside(point)
        if exists != sp.false:
            new.append((point, exists))
    return new
