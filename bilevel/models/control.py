"""Control problems small enough for closed forms: policy gradients of the linear-quadratic regulator.

Main definitions: `linear_quadratic_regulator`.
"""

from __future__ import annotations

import sympy as sp

from bilevel.game import Game, minimize


def linear_quadratic_regulator() -> Game:
    """Policy gradient of the scalar linear-quadratic regulator: one player, one feedback gain.

    Math: s' = a s + b u, u = -k s, cost q s^2 + r u^2 a step, s_0 with second moment 1:
        J(k) = (q + r k^2)/(1 - (a - b k)^2) wherever |a - b k| < 1. Its stationary points are the Riccati gains.

    Shapes: one scalar k; cost over the whole (infinite) run.

    Reference: Fazel, Ge, Kakade, Mesbahi (2018), arXiv:1801.05039.

    Examples:
        >>> game = linear_quadratic_regulator()
        >>> (k,) = game.variables
        >>> a, b, q, r = game.parameters
        >>> sp.factor(game.field()[k].subs(a, 0))
        2*k*(b**2*q + r)/((b*k - 1)**2*(b*k + 1)**2)
    """
    a = sp.Symbol("a", real=True)
    b, q, r = sp.symbols("b q r", positive=True)
    k = sp.Symbol("k", real=True)
    cost = (q + r * k**2) / (1 - (a - b * k) ** 2)
    source = "Fazel et al. 2018, arXiv:1801.05039"
    settles = ((a - b * k) ** 2 < 1,)
    return Game(controller=minimize(cost, k), assuming=settles, title="Linear-quadratic regulator", source=source)
