"""Bilevel optimisation: implicit and unrolled hypergradients, and leaders in a market."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from bilevel.analysis import equilibria
from bilevel.game import Game, maximize, minimize
from bilevel.response import best_response, unrolled
from tests.published.claims import Check, Result, holds, same

x, y = sp.symbols("x y", real=True)


def one_order(e: Any) -> Any:
    """Mixed derivatives in one order."""
    return sp.together(e.replace(sp.Derivative, lambda f, *v: sp.Derivative(f, *sorted(v, key=str))).doit())


def bilevel_game(upper: Any, lower: Any) -> Game:
    return Game(upper=minimize(upper, x, through={"lower": best_response()}), lower=minimize(lower, y))


def implicit_gradient() -> Iterator[Check]:
    f, g = (sp.Function(name)(x, y) for name in "fg")
    found = bilevel_game(f, g).field()[x]
    claim = f.diff(x) - g.diff(x, y) / g.diff(y, y) * f.diff(y)
    yield same("f_x - g_xy g_yy^{-1} f_y", one_order(found), one_order(claim))
    # A nonlinear lower level whose answer is log(1 + x^2): the value function itself is differentiated.
    lower, upper = sp.exp(y) - (1 + x**2) * y, x * y + y**2 + sp.sin(x)
    answer = sp.log(1 + x**2)
    yield same("the lower level's answer", sp.diff(lower, y).subs(y, answer), 0)
    yield same(
        "at it, the derivative of the value function",
        bilevel_game(upper, lower).field()[x].subs(y, answer),
        sp.diff(upper.subs(y, answer), x),
    )


def unrolled_gradient() -> Iterator[Check]:
    lam, w = sp.symbols("lambda w", real=True)
    s = sp.Symbol("s", positive=True)
    a, target = sp.Function("a")(lam), sp.Function("w_star")(lam)
    inner = a * (w - target) ** 2 / 2
    q = 1 - s * a  # one step: q w + (1 - q) w*
    claim = lambda t: t * q ** (t - 1) * q.diff(lam) * (w - target) - q**t * target.diff(lam) + target.diff(lam)
    for t in (1, 2, 3, 5):
        seeing = minimize(w, lam, through={"inner": unrolled(t, s)})
        found = Game(outer=seeing, inner=minimize(inner, w)).field()[lam]
        yield same(f"{t} steps: dw_t/dl", sp.expand(found.doit()), sp.expand(claim(t)))
    from bilevel.analysis.hypergradient import hypergradient, unrolled_for

    t = sp.Symbol("t", integer=True, positive=True)
    game = Game(outer=minimize(w + lam, lam), inner=minimize(inner, w))
    found = hypergradient(game, "outer", unrolled_for(t, s))[lam] - 1
    yield same("any number of steps", _powers(found.doit() - claim(t)), 0)


def _powers(e: Any) -> Any:
    """Powers with a symbolic exponent over one base: q^(t-1) = q^t / q."""
    return sp.cancel(sp.together(sp.expand_power_exp(sp.powdenest(e))))


def duopoly() -> Iterator[Check]:
    a, b, c = sp.symbols("a b c", positive=True)
    q1, q2 = sp.symbols("q1 q2", real=True)
    profit = lambda own: own * (a - b * (q1 + q2) - c)
    follower = maximize(profit(q2), q2)
    claims = {
        "Stackelberg": (
            {"follower": best_response()},
            (a - c) / (2 * b),
            (a - c) / (4 * b),
            (a - c) ** 2 / (8 * b),
            (a - c) ** 2 / (16 * b),
        ),
        "Cournot": (None, (a - c) / (3 * b), (a - c) / (3 * b), (a - c) ** 2 / (9 * b), (a - c) ** 2 / (9 * b)),
    }
    for name, (seeing, *claim) in claims.items():
        game = Game({"leader": maximize(profit(q1), q1, through=seeing), "follower": follower}, assuming=(a > c,))
        found = equilibria(game)
        yield holds(f"{name}: one equilibrium", found.complete and len(found.points) == 1)
        point = found.points[0].point
        values = [point[q1], point[q2], profit(q1).subs(point), profit(q2).subs(point)]
        for part, value, expected in zip(("q1", "q2", "profit 1", "profit 2"), values, claim, strict=True):
            yield same(f"{name}: {part}", value, expected)


RESULTS = (
    Result(
        "H01",
        "Domke 2012, AISTATS; Pedregosa 2016, arXiv:1602.02355; Ghadimi and Wang 2018, arXiv:1802.02246",
        "dF/dx = f_x - g_xy g_yy^{-1} f_y at the lower level's answer.",
        implicit_gradient,
    ),
    Result(
        "H02",
        "exact form in the setting of Grazzi et al. 2020, arXiv:2006.16218",
        "t unrolled steps of a contraction q: w_t' - w*' = t q^(t-1) q' (w_0 - w*) - q^t w*'.",
        unrolled_gradient,
    ),
    Result(
        "H08",
        "Cournot 1838; von Stackelberg 1934",
        "Linear duopoly: quantities and profits with and without a leader.",
        duopoly,
    ),
)
