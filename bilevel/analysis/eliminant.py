"""Every solution of the coupled Riccati equations of one or two controllers of a scalar, as exact algebraic numbers.

Main definitions: `scalar_gains`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import sympy as sp
from flint import arb

from bilevel.analysis.enclosure import enclose
from bilevel.analysis.krawczyk import certify
from bilevel.analysis.univariate import rational_roots

PRECISION = 256


def scalar_gains(game: Any) -> list[tuple[Any, ...]] | None:
    """All real solutions, stabilising or not; None where they are not isolated or not told apart.

    Math: with c = a - sum_i b_i k_i, E_i = 0 reads (1 - gamma c^2) r_ii k_i = gamma b_i c (q_i + sum_j r_ij k_j^2). The
        resultant in either gain has every solution's coordinate among its real roots. Balls around two roots exclude a
        pair, or Krawczyk's test proves one solution there; its coordinates are then the only roots that near.

    Shapes: one or two players.

    Reference: von zur Gathen and Gerhard (2013), Modern Computer Algebra, section 6.8, for resultants.

    Examples:
        >>> from bilevel.models import RegulatorGame
        >>> scalar_gains(RegulatorGame(1, [1], ["1/2"], [1]))
        [(-1,), (1/2,)]
    """
    gains = [K[0] for K in game.gains]
    equations = _equations(game, gains)
    if len(gains) == 1:
        eliminants = equations
    else:
        eliminants = [sp.resultant(*equations, other) for other in reversed(gains)]
    if any(sp.expand(e) == 0 for e in eliminants):
        return None
    roots = [rational_roots(sp.Poly(e, k, domain="QQ")) for e, k in zip(eliminants, gains, strict=True)]
    if len(gains) == 1:
        return [(root,) for root in roots[0]]
    return _paired(equations, gains, roots)


def _equations(game: Any, gains: list[Any]) -> list[Any]:
    gamma, loop = game.discount, game.A[0] - sum(B[0] * k for B, k in zip(game.B, gains, strict=True))
    found = []
    for i, k in enumerate(gains):
        paid = game.Q[i][0] + sum(R[0] * other**2 for R, other in zip(game.R[i], gains, strict=True))
        here = (1 - gamma * loop**2) * game.R[i][i][0] * k - gamma * game.B[i][0] * loop * paid
        found.append(sp.expand(here))
    return found


def _paired(equations: list[Any], gains: list[Any], roots: list[list[Any]]) -> list[tuple[Any, ...]] | None:
    tried = [[(root, enclose(root, precision=PRECISION)) for root in some] for some in roots]
    balls = [[(root, ball) for root, ball in some if ball is not None] for some in tried]
    if any(len(some) < len(all_of) for some, all_of in zip(balls, tried, strict=True)):
        return None
    found = []
    for (x, at_x), (y, at_y) in product(*balls):
        here = dict(zip(gains, (at_x, at_y), strict=True))
        values = [enclose(e, here, PRECISION) for e in equations]
        if any(v is not None and not v.contains(0) for v in values):
            continue
        box = certify(equations, gains, [float(at_x.mid()), float(at_y.mid())])
        if box is None or not all(_only(box[k], some) for k, some in zip(gains, balls, strict=True)):
            return None
        found.append((x, y))
    return found


def _only(box: arb, roots: list[tuple[Any, arb]]) -> bool:
    """Whether the box holds one of the roots and no other."""
    return sum(1 for _, ball in roots if box.overlaps(ball)) == 1
