"""Quadratic games of two players with one variable each: the test cases of min-max optimisation.

Main definitions: `bilinear_game`, `quadratic_game`, `stable_not_minimax`, `minimax_not_nash`, `wang_g1`,
`jin_quadratic`, `adolphs_game`, `linear_saddle`, `bilevel_quadratic`.

Notation: zero-sum games are min over x, max over y of one function; the first player moves x.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.language.values import expression
from bilevel.response import best_response

x, y = sp.symbols("x y", real=True)


def _parameter(value: Any, name: str, **assumptions: bool) -> Any:
    return sp.Symbol(name, **(assumptions or {"positive": True})) if value is None else expression(value, name)


def _zero_sum(value: Any, title: str, source: str) -> Game:
    return Game({"first": minimize(value, x), "second": maximize(value, y)}, title=title, source=source)


def bilinear_game(sigma: Any = None) -> Game:
    """The bilinear game min over x, max over y of sigma x y.

    Math: F = (sigma y, -sigma x), eigenvalues +-i sigma; sigma stands for a singular value of the coupling matrix.

    Reference: Daskalakis, Ilyas, Syrgkanis, Zeng (2018), arXiv:1711.00141.

    Examples:
        >>> bilinear_game().jacobian()
        Matrix([
        [     0, sigma],
        [-sigma,     0]])
    """
    return _zero_sum(_parameter(sigma, "sigma") * x * y, "Bilinear game", "Daskalakis et al. 2018, arXiv:1711.00141")


def quadratic_game(a: Any = None, b: Any = None, c: Any = None) -> Game:
    """The quadratic game min over x, max over y of a x^2/2 + b x y - c y^2/2.

    Math: F = (a x + b y, c y - b x).

    Reference: Zhang, Wang, Lessard, Grosse (2022), arXiv:2102.09468, for alternating steps on it.

    Examples:
        >>> quadratic_game().jacobian()
        Matrix([
        [ a, b],
        [-b, c]])
    """
    a, b, c = (_parameter(value, name) for value, name in ((a, "a"), (b, "b"), (c, "c")))
    return _zero_sum(a * x**2 / 2 + b * x * y - c * y**2 / 2, "Quadratic game", "Zhang et al. 2022, arXiv:2102.09468")


def stable_not_minimax() -> Game:
    """A game whose flow is stable at a point that is no local min-max.

    Math: min over x, max over y of -x^2/8 - y^2/2 + 6 x y/10; at 0 the flow has trace -3/4 and determinant 11/100,
        although the function is concave in x.

    Reference: Daskalakis and Panageas (2018), arXiv:1807.03907.

    Examples:
        >>> stable_not_minimax().jacobian().det()
        11/100
    """
    value = -(x**2) / 8 - y**2 / 2 + sp.Rational(6, 10) * x * y
    return _zero_sum(value, "Stable, but no local min-max", "Daskalakis and Panageas 2018, arXiv:1807.03907")


def minimax_not_nash() -> Game:
    """A game whose equilibrium is a local minimax point, but no Nash equilibrium.

    Math: min over x, max over y of -x^2 + 5 x y - y^2; the leader's curvature after the follower's reply is -2 + 25/2.

    Reference: Jin, Netrapalli, Jordan (2020), arXiv:1902.00618.

    Examples:
        >>> minimax_not_nash().jacobian()
        Matrix([
        [-2, 5],
        [-5, 2]])
    """
    source = "Jin, Netrapalli, Jordan 2020, arXiv:1902.00618"
    return _zero_sum(-(x**2) + 5 * x * y - y**2, "Local minimax, not Nash", source)


def wang_g1() -> Game:
    """The quadratic on which a follower must be three times faster.

    Math: min over x, max over y of -3 x^2 - y^2 + 4 x y: strict local minimax; the flow in which y moves gamma times
        faster is stable exactly when gamma > 3.

    Reference: Wang, Zhang, Ba (2020), arXiv:1910.07512.

    Examples:
        >>> wang_g1().field()
        {x: -6*x + 4*y, y: -4*x + 2*y}
    """
    source = "Wang, Zhang, Ba 2020, arXiv:1910.07512"
    return _zero_sum(-3 * x**2 - y**2 + 4 * x * y, "Follow-the-ridge example g1", source)


def jin_quadratic(epsilon: Any = None, *, minimax: bool = True) -> Game:
    """The quadratics showing that no fixed ratio of speeds finds exactly the local minimax points.

    Math: min over x, max over y of -x^2 + 2 sqrt(eps) x y - eps y^2/2 (`minimax`: a local minimax point, the flow
        stable exactly when y is more than 2/eps times faster), or of x^2 + 2 sqrt(eps) x y + eps y^2/2 (no local
        minimax point, stable exactly below that ratio).

    Reference: Jin, Netrapalli, Jordan (2020), arXiv:1902.00618.

    Examples:
        >>> jin_quadratic(4).field()
        {x: -2*x + 4*y, y: -4*x + 4*y}
    """
    epsilon = _parameter(epsilon, "epsilon")
    sign = -1 if minimax else 1
    value = sign * x**2 + 2 * sp.sqrt(epsilon) * x * y + sign * epsilon * y**2 / 2
    return _zero_sum(value, "Ratio of speeds", "Jin, Netrapalli, Jordan 2020, arXiv:1902.00618")


def adolphs_game() -> Game:
    """A game with three critical points, two of them stable, one of them a saddle in the sense of Nash.

    Math: min over x, max over y of 2 x^2 + y^2 + 4 x y + 4 y^3/3 - y^4/4; critical points 0 and
        (-2 -+ sqrt(2), 2 +- sqrt(2)).

    Reference: Adolphs, Daneshmand, Lucchi, Hofmann (2019), arXiv:1805.05751, section 3.

    Examples:
        >>> game = adolphs_game()
        >>> sp.solve(list(game.field().values()), game.variables)
        [(0, 0), (-2 - sqrt(2), sqrt(2) + 2), (-2 + sqrt(2), 2 - sqrt(2))]
    """
    value = 2 * x**2 + y**2 + 4 * x * y + sp.Rational(4, 3) * y**3 - y**4 / 4
    return _zero_sum(value, "Curvature exploitation example", "Adolphs et al. 2019, arXiv:1805.05751")


def linear_saddle(a: Any = None, b: Any = None, m: Any = None) -> Game:
    """Least squares as a saddle problem, the form of gradient temporal-difference learning (GTD2), in one variable.

    Math: min over x, max over y of (b - a x) y - m y^2/2; the maximum over y is (b - a x)^2/(2 m).

    Reference: Liu, Liu, Ghavamzadeh, Mahadevan, Petrik (2015), UAI; Sutton et al. (2009), GTD2.

    Examples:
        >>> linear_saddle().jacobian()
        Matrix([
        [0, -a],
        [a,  m]])
    """
    a, b, m = _parameter(a, "a"), _parameter(b, "b", real=True), _parameter(m, "m")
    return _zero_sum((b - a * x) * y - m * y**2 / 2, "GTD2 as a saddle problem", "Liu et al. 2015, UAI")


def bilevel_quadratic(reply: str = "best response") -> Game:
    """A leader whose loss depends on a follower's fit: the smallest bilevel problem.

    Math: leader: min over x of (y - 1)^2/2 + a x^2/2, follower: min over y of (y - b x)^2/2; differentiating through
        the best response y = b x gives a x + b (y - 1), else ("none") a x.

    Raises: GameError for an unknown reply.

    Reference: Ghadimi and Wang (2018), arXiv:1802.02246; Pedregosa (2016), arXiv:1602.02355.

    Examples:
        >>> bilevel_quadratic().field()[x]
        a*x + b*(y - 1)
    """
    a, b = _parameter(None, "a"), _parameter(None, "b")
    if reply not in ("best response", "none"):
        raise GameError(f"reply is 'best response' or 'none'; got {reply!r}")
    through = {"follower": best_response()} if reply == "best response" else None
    leader = minimize((y - 1) ** 2 / 2 + a * x**2 / 2, x, through=through)
    players = {"leader": leader, "follower": minimize((y - b * x) ** 2 / 2, y)}
    return Game(players, title="Bilevel least squares", source="Ghadimi and Wang 2018, arXiv:1802.02246")
