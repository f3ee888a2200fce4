"""Fixed points of a game whose weights are used through a change of variables, and where only their direction matters.

Main definitions: `is_charted`, `is_inside`, `same_through`; `free_length`, `zeros_on_sphere`, `across`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.analysis.enclosure import enclose
from bilevel.analysis.equilibrium import Equilibrium
from bilevel.analysis.known import Known
from bilevel.analysis.krawczyk import certify
from bilevel.analysis.local_model import FINE
from bilevel.analysis.nearest import ball_of, zeros_of
from bilevel.analysis.polynomials import Coordinates
from bilevel.language.errors import UnknownAnswer
from bilevel.language.nodes import release
from bilevel.language.values import expression
from bilevel.models.charts import Chart, through
from bilevel.rules.protocol.linear import Linearisation


def is_charted(game: Any, plain: Any, chart: Chart) -> bool:
    """Whether it is proved that a game is another one with its weights used through a chart: (theta, w) is then a fixed
    point exactly where (theta, u(w)) is one of the other game, and u(w) lies inside.

    Math: F = (F_theta(theta, u(w)), Du(w)^T F_w(theta, u(w))) as an identity; det Du > 0 everywhere, so that Du^T
        takes nothing else to 0; inside(u(w)) > 0.

    Reference: the chain rule; Miyato et al. (2018), arXiv:1802.05957, for normalised weights.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> w = sp.Symbol("w", real=True)
        >>> chart = Chart((w,), (w / sp.sqrt(w**2 + 1),), 1 - w**2)
        >>> plain, used = Game(a=minimize((w - 2)**2, w)), Game(a=minimize((w / sp.sqrt(w**2 + 1) - 2)**2, w))
        >>> is_charted(used, plain, chart), is_inside({w: 2}, chart)
        (True, False)
    """
    expected, field = through(plain, chart), game.field()
    if set(expected) != set(field):
        return False
    volume = sp.Matrix(chart.forward).jacobian(list(chart.weights)).det(method="berkowitz")
    positive = all(_positive(e) for e in (volume, chart.inside.subs(chart.put, simultaneous=True)))
    return positive and all(_vanishes(release(slope) - expected[v]) for v, slope in field.items())


def _positive(formula: Any) -> bool:
    coordinates = Coordinates([formula], sp.Dummy("z"))
    top, bottom = map(coordinates.expression, coordinates.convert(formula))
    return Known().sign(top / bottom) == "+"


def _vanishes(formula: Any) -> bool:
    """Whether a rational function of symbols, roots and the like is 0 identically."""
    return bool(Coordinates([formula], sp.Dummy("z")).convert(formula)[0] == 0)


def is_inside(used: Mapping[Any, Any], chart: Chart) -> bool | None:
    """Whether values of the weights lie where a chart leads; None where that is not decided.

    Math: the sign of inside(u).

    Reference: see `is_charted`.

    Examples: see `is_charted`.
    """
    sign = Known().sign(chart.inside.subs(used, simultaneous=True))
    return {"+": True, "-": False, "0": False}.get(sign or "")


def same_through(plain: Any, old: Mapping[Any, Any], new: Mapping[Any, Any], chart: Chart) -> bool:
    """Whether it is proved that an enclosed fixed point is an exact one of the other game, seen through the chart.

    Math: (theta, u(w)) is a zero of the other field by `is_charted`; it lies in a box with one zero, as `old` does.

    Reference: Krawczyk (1969), doi:10.1007/BF02234767.

    Examples:
        >>> from bilevel.analysis.nearest import zeros_near
        >>> from bilevel.game import Game, minimize
        >>> w = sp.Symbol("w", real=True)
        >>> chart = Chart((w,), (w / sp.sqrt(w**2 + 1),), 1 - w**2)
        >>> plain = Game(a=minimize((w - sp.log(2))**2, w))
        >>> new = zeros_near(Game(a=minimize((w / sp.sqrt(w**2 + 1) - sp.log(2))**2, w)), {w: 0})[0].point
        >>> same_through(plain, {w: sp.log(2)}, new, chart)
        True
    """
    variables = list(plain.variables)
    box = certify(list(plain.field().values()), variables, [float(sp.N(old[v])) for v in variables])
    if box is None:
        return False
    balls = {v: ball_of(x) for v, x in new.items()}
    pairs = [(box[v], enclose(chart.put.get(v, v), balls, FINE)) for v in variables]
    pairs += [(box[v], enclose(old[v], precision=FINE)) for v in variables]
    return all(found is not None and wide.contains(found) for wide, found in pairs)


def free_length(game: Any, weights: Sequence[Any]) -> bool:
    """Whether it is proved that only the direction of some weights matters: fixed points come in rays.

    Math: sum over the weights of w F_w = 0 identically, and by Euler's sums over w dF/dw every F_v of the others is
        homogeneous of degree 0 in them, their own of degree -1: F_v(c w) = F_v(w), F_w(c w) = F_w(w)/c for c > 0.

    Reference: Euler's theorem on homogeneous functions; van Laarhoven (2017), arXiv:1706.05350.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> w, u = sp.symbols("w u", real=True)
        >>> free_length(Game(a=minimize(w / sp.sqrt(w**2 + u**2), w, u)), (w, u))
        True
    """
    field = {v: release(slope) for v, slope in game.field().items()}
    euler = lambda e: sum((w * sp.diff(e, w) for w in weights), sp.S.Zero)
    if not all(w in field for w in weights) or not _vanishes(sum((w * field[w] for w in weights), sp.S.Zero)):
        return False
    return all(_vanishes(euler(e) + (e if v in weights else 0)) for v, e in field.items())


def zeros_on_sphere(game: Any, weights: Sequence[Any], start: Mapping[Any, Any]) -> list[Equilibrium]:
    """Fixed points at which weights of free length are as long as they were, the nearest first; not claimed to be all.

    Math: one equation of a weight w != 0 follows from sum w F_w = 0 and is left out; |w|^2 = |w_start|^2 stands for it.

    Raises: UnknownAnswer where all weights start at 0.

    Reference: Krawczyk (1969), doi:10.1007/BF02234767.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> w, u = sp.symbols("w u", real=True)
        >>> game = Game(a=minimize(w / sp.sqrt(w**2 + u**2), w, u))
        >>> zeros_on_sphere(game, (w, u), {w: -1, u: 0})[0].point
        {w: -1, u: 0}
    """
    length = sum((start[w] ** 2 for w in weights), sp.S.Zero)
    if length == 0:
        raise UnknownAnswer("a direction is asked for where all weights are 0")
    field = {v: release(slope) for v, slope in game.field().items()}
    sphere = sum((w**2 for w in weights), -length)
    for left_out in sorted(weights, key=lambda w: -abs(float(sp.N(start[w])))):
        equations = [sphere if v == left_out else slope for v, slope in field.items()]
        found = zeros_of(equations, list(field), start)
        if kept := [point for point in found if not ball_of(point.point[left_out]).contains(0)]:
            return kept
    return []


def across(linear: Linearisation, direction: Mapping[str, Any]) -> Linearisation:
    """A rule's Jacobian across a ray of its fixed points: on deviations up to multiples of the ray's direction.

    Math: the rule leaves all points of the ray, so M d = d (0 for a flow). With d_i != 0, what moves in the quotient
        by d is M_ab - (d_a/d_i) M_ib for a, b other than i; the other eigenvalue is the ray's own.

    Reference: Fenichel (1971), Indiana Univ. Math. J. 21, for what attracts to a manifold of fixed points.

    Examples:
        >>> across(Linearisation(sp.ImmutableMatrix([[0, 1], [0, -2]]), ("x", "y"), "continuous"), {"x": 1}).matrix
        Matrix([[-2]])
    """
    moves = [expression(direction.get(name, 0)) for name in linear.order]
    sizes = [abs(float(sp.N(d))) for d in moves]
    i = sizes.index(max(sizes))
    rest = [k for k in range(len(moves)) if k != i]
    matrix = sp.ImmutableMatrix(len(rest), len(rest), lambda a, b: _entry(linear.matrix, rest[a], rest[b], i, moves))
    return replace(linear, matrix=matrix, order=tuple(linear.order[k] for k in rest))


def _entry(matrix: Any, a: int, b: int, i: int, moves: list[Any]) -> Any:
    return matrix[a, b] if moves[a] == 0 else sp.expand(matrix[a, b] - moves[a] / moves[i] * matrix[i, b])
