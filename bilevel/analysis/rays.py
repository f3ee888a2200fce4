"""Where a field has no value at a point: its limits along rays, and costs that fall along all of them.

Main definitions: `limits_along_rays`, `moves_on_every_ray`, `peak`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.analysis.zeros import solve_zeros
from bilevel.language.errors import UnknownAnswer
from bilevel.language.kinks import plain_kinks
from bilevel.language.mean import Mean
from bilevel.language.nodes import release
from bilevel.rules.protocol.linear import complete

_T = sp.Dummy("t", positive=True)


def limits_along_rays(game: Any, at: Mapping[Any, Any]) -> dict[Any, Any]:
    """The limit of every player's gradient on the ray z + t d, t -> 0+, as an expression in the direction d.

    Math: lim F(z + t d), per unit of time; d_v is the direction's part in the variable v, a symbol of the same name.

    Raises: UnknownAnswer where a limit was not found.

    Reference: Facchinei and Pang (2003), Finite-Dimensional Variational Inequalities, section 3.1.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> x, y = sp.symbols("x y", real=True)
        >>> limits_along_rays(Game(a=minimize(sp.sqrt(x**2 + y**2), x, y)), {x: 0, y: 0})
        {x: x/sqrt(x**2 + y**2), y: y/sqrt(x**2 + y**2)}
    """
    point = complete(game, at)
    found = {}
    for v, slope in game.field().items():
        turned = _on_ray(release(plain_kinks(slope)), point)
        averages = {average: sp.Dummy("E", real=True) for average in turned.atoms(Mean)}
        back = {mark: Mean(_at_start(a.body), *a.args[1:]) for a, mark in averages.items()}
        value = _signed(turned.xreplace(averages)).subs(_T, 0).xreplace(back)
        if value.has(sp.nan, sp.zoo, sp.oo):
            raise UnknownAnswer(f"the limit of the update of {v} along a ray was not found")
        found[v] = value
    return found


def moves_on_every_ray(game: Any, at: Mapping[Any, Any]) -> str:
    """What shows that the limits vanish together along no ray that leaves the singular set; "" where they may.

    Math: lim F(z + t d) = 0 has solutions only where all parts of d over whose length or sign the limits are taken are
        0, so that the ray stays where F has no value.

    Raises: UnknownAnswer where a limit was not found.

    Reference: Miyato et al. (2018), arXiv:1802.05957, for the normalised critic w/|w| below.

    Examples:
        >>> from bilevel.game import Game, maximize, minimize
        >>> x, w = sp.symbols("x w", real=True)
        >>> value = x * w / sp.sqrt(w**2)
        >>> moves_on_every_ray(Game(a=minimize(value, x), b=maximize(value, w)), {x: 0, w: 0})
        'the update of x tends to -sign(w)'
    """
    limits = {v: limit for v, limit in limits_along_rays(game, at).items() if limit != 0}
    weighed = [limit.replace(_positive, lambda average: sp.S.One) for limit in limits.values()]
    parts = [sp.fraction(sp.together(limit)) for limit in weighed if not limit.has(Mean)]
    directions = {s for limit in limits.values() for sign in limit.atoms(sp.sign) for s in sign.free_symbols}
    directions |= {s for _, below in parts for s in below.free_symbols & set(game.variables)}
    inner = sorted({s for above, _ in parts for s in above.free_symbols} & set(game.variables), key=str)
    zeros = solve_zeros([above.replace(sp.sign, lambda a: a) for above, _ in parts], inner) if inner else None
    if zeros is None or not zeros.complete or not directions <= set(inner):
        return ""
    if any(branch.values[v] != 0 for branch in zeros.branches for v in directions):
        return ""
    told = {v: limit for v, limit in limits.items() if v not in directions} or limits
    return "; ".join(f"the update of {v} tends to {sp.expand(-limit)}" for v, limit in told.items())


def peak(game: Any, player: str, at: Mapping[Any, Any]) -> Any | None:
    """The rate at which a player's cost changes along a direction d of its moves, if it falls along all that leave the
    kink.

    Math: d/dt c(z + t d) at t = 0+, where that is a sum of terms -a E|L(d)|, a > 0, L linear in d: below 0 unless every
        L(d) is 0 for every outcome, where d stays in the kink. Then the point is a kinked peak of the player's own
        cost, and no rest of a learner that descends it. None where this is not shown.

    Reference: Clarke (1990), Optimization and Nonsmooth Analysis, section 2.1.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> x = sp.Symbol("x", real=True)
        >>> peak(Game(a=minimize((sp.Abs(x) - 1)**2, x)), "a", {x: 0})
        -2*Abs(x)
    """
    point = complete(game, at)
    moves = game[player].moves
    still = {v: point[v] for v in game.variables if v not in moves}
    cost = release(plain_kinks(game[player].cost)).subs(still, simultaneous=True)
    rate = sp.diff(_on_ray(cost, {v: point[v] for v in moves}), _T).subs(_T, 0).doit()
    if rate.has(sp.nan, sp.zoo, sp.oo, sp.sign, sp.Heaviside):
        return None
    forms: list[Any] = []
    for term in sp.Add.make_args(sp.expand(rate)):
        sizes = [f for f in sp.Mul.make_args(term) if f.free_symbols & set(moves)]
        if len(sizes) != 1 or not (term / sizes[0]).is_negative:
            return None
        body = sizes[0].body if isinstance(sizes[0], Mean) else sizes[0]
        if not isinstance(body, sp.Abs) or not body.args[0].is_polynomial():
            return None
        outcomes = sizes[0].bound if isinstance(sizes[0], Mean) else set()
        forms += sp.Poly(body.args[0], *outcomes).coeffs() if outcomes else [body.args[0]]
    # |L| is 0 for every outcome only where all coefficients of L are: there the direction stays in the kink.
    return rate if forms and all(sp.Poly(form, *moves).is_homogeneous for form in forms) else None


def _at_start(body: Any) -> Any:
    value = body.replace(sp.Abs, lambda a: a * sp.sign(a))
    value = value.replace(lambda n: n.is_Pow and n.exp == -1 and isinstance(n.base, sp.sign), lambda n: n.base)
    value = value.subs(_T, 0)
    return _signed(body).subs(_T, 0) if value.has(sp.nan, sp.zoo, sp.oo) else value


def _positive(node: Any) -> bool:
    return isinstance(node, Mean) and bool(node.body.is_positive)


def _signed(formula: Any) -> Any:
    """The formula in lowest terms, |a| written as a sign(a), and the square of a sign as 1."""
    formula = formula.replace(sp.Abs, lambda a: a * sp.sign(a))
    for node in sorted(formula.atoms(sp.sign), key=sp.default_sort_key):
        above, below = (formula.xreplace({node: sp.Integer(side)}) for side in (1, -1))
        formula = sp.cancel(sp.together(above + below)) / 2 + node * sp.cancel(sp.together(above - below)) / 2
    return formula if formula.has(sp.sign) else sp.cancel(sp.together(formula))


def _on_ray(formula: Any, point: Mapping[Any, Any]) -> Any:
    """The formula at z + t d, what is homogeneous in t under roots and absolute values taken out."""
    ray = {v: value + _T * v for v, value in point.items()}
    turned = formula.subs(ray, simultaneous=True)

    def tidied(node: Any) -> Any:
        if isinstance(node, Mean):
            return Mean(tidied(node.body), *node.args[1:])
        if not node.args or not node.has(_T):
            return node
        arguments = [tidied(a) for a in node.args]
        if isinstance(node, sp.Abs | sp.sign) or (node.is_Pow and not node.exp.is_Integer):
            arguments[0] = sp.factor(arguments[0])
        return node.func(*arguments)

    result = tidied(turned)
    return result if result.has(Mean) else sp.powdenest(result)
