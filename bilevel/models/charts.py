"""Weights that a critic uses through a change of variables.

Main definitions: `Chart`, `through`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.game import Game
from bilevel.language.nodes import release


@dataclass(frozen=True)
class Chart:
    """What a critic uses in place of its weights, and where that can lie.

    Math: u = forward(w), an expression for every weight; inside(u) > 0, written in the weights' symbols. None of it is
        trusted: who uses a chart proves it.

    Reference: Salimans and Kingma (2016), arXiv:1602.07868, for weights used through a change of variables.

    Examples:
        >>> w = sp.Symbol("w", real=True)
        >>> Chart((w,), (w / sp.sqrt(w**2 + 1),), 1 - w**2).put
        {w: w/sqrt(w**2 + 1)}
    """

    weights: tuple[Any, ...]
    forward: tuple[Any, ...]
    inside: Any

    @property
    def put(self) -> dict[Any, Any]:
        """What stands for each weight."""
        return dict(zip(self.weights, self.forward, strict=True))


def through(game: Game, chart: Chart) -> dict[Any, Any]:
    """The field of a game whose weights are used through a chart.

    Math: F_v(theta, u(w)) for the others, sum_k (du_k/dw) F_k(theta, u(w)) for a weight w.

    Reference: the chain rule.

    Examples:
        >>> from bilevel.game import minimize
        >>> w = sp.Symbol("w", real=True)
        >>> through(Game(a=minimize(w**2/2, w)), Chart((w,), (2*w,), sp.S.One))
        {w: 4*w}
    """
    field = {v: release(slope).subs(chart.put, simultaneous=True) for v, slope in game.field().items()}
    slopes = {w: sum((sp.diff(u, w) * field[v] for v, u in chart.put.items()), sp.S.Zero) for w in chart.weights}
    return field | slopes
