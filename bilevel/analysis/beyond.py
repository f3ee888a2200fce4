"""Verdicts completed by what linearisation cannot say, and verdicts at points known only by enclosures.

Main definitions: `beyond_linear`, `stability_near`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.analysis.enclosure import enclose, enclosed_verdict
from bilevel.analysis.krawczyk import certify
from bilevel.analysis.local_verdict import near_by_letters
from bilevel.analysis.nonlinear import STABLE, nonlinear
from bilevel.analysis.spectrum import ZERO_MODE
from bilevel.analysis.state_map import state_map
from bilevel.analysis.transverse import transverse
from bilevel.analysis.verdict import Verdict, certain, unknown
from bilevel.language.errors import BilevelError, UnknownAnswer
from bilevel.rules.protocol.linear import complete
from bilevel.rules.protocol.rule import Rule

NEARNESS = sp.Rational(1, 10**6)


def beyond_linear(game: Any, rule: Rule, at: Mapping[Any, Any], verdict: Verdict) -> Verdict:
    """The verdict with `transverse` and `nonlinear` filled in, where linearisation leaves the point open everywhere."""
    if verdict.marginal_on in (None, sp.false) or verdict.condition != sp.false:
        return verdict
    try:
        if ZERO_MODE in (verdict.marginal_why or ""):
            found = _across(game, rule, complete(game, at), verdict)
            if found is not None:
                return found
        return replace(verdict, nonlinear=nonlinear(game, rule, at, verdict))
    except (BilevelError, NotImplementedError, TypeError, ValueError, sp.PolynomialError):
        return verdict


def _across(game: Any, rule: Rule, at: Mapping[Any, Any], verdict: Verdict) -> Verdict | None:
    """Where the point lies on a continuum of equilibria: stability across it."""
    from bilevel.analysis.fixed_points import continua

    own = {v for v in game.variables if at[v] == v}
    dimension = max((len(e.free) for e in continua(game, rule) if own or _on(e, at)), default=0)
    if not dimension:
        return None
    across = transverse(verdict.jacobian, verdict.time, dimension, verdict.assuming)
    if across is None:
        return None
    claim: dict[str, Any] | None = None
    if across["condition"] != sp.false:
        claim = {"claim": STABLE, "by": "every eigenvalue across the manifold of equilibria is strictly stable"}
        claim |= {} if across["condition"] == sp.true else {"where": across["condition"]}
    return replace(verdict, transverse=across, nonlinear=claim)


def _on(continuum: Any, at: Mapping[Any, Any]) -> bool:
    put = {v: at[v] for v in continuum.free}
    return all(sp.expand(value.subs(put) - at[v]) == 0 for v, value in continuum.point.items())


def stability_near(game: Any, rule: Rule, at: Mapping[Any, Any]) -> Verdict:
    """The verdict at the one fixed point that an interval test finds within 1e-6 of floating-point coordinates.

    Known "enclosed": it holds at the exact fixed point in the box, not merely at the floats.
    """
    point = complete(game, at)
    nothing = sp.zeros(len(point))
    try:
        system = state_map(game, rule, point)
    except UnknownAnswer as stop:
        return near_by_letters(game, rule, point, str(stop))
    moves = [e if rule.time == "continuous" else e - v for v, e in zip(system.variables, system.after, strict=True)]
    if any(e.free_symbols - set(system.variables) for e in moves):
        return near_by_letters(game, rule, point, "floating-point coordinates and free parameters")
    near = [float(system.point[v]) for v in system.variables]
    box = certify(moves, list(system.variables), near)
    if box is None or any(
        abs(float(box[v].mid()) - x) > NEARNESS * (1 + abs(x)) for v, x in zip(box, near, strict=True)
    ):
        return unknown(
            "no fixed point of the rule was proved to lie within 1e-6 of the coordinates given", nothing, rule.time
        )
    entries = [[sp.diff(e, v) for v in system.variables] for e in system.after]
    balls = [[enclose(e, box) for e in row] for row in entries]
    shown = sp.ImmutableMatrix(system.matrix.evalf())
    if any(ball is None for row in balls for ball in row):
        return near_by_letters(game, rule, point, "an entry of the Jacobian has no enclosure here")
    answer = enclosed_verdict(balls, rule.time)
    if answer is None:
        return unknown("an eigenvalue cannot be told from the boundary by enclosures", shown, rule.time)
    reason = "decided by enclosures at the fixed point proved to lie within 1e-6 of the coordinates given"
    return certain(answer, shown, rule.time, known="enclosed", reason=reason, characteristic_polynomial=None)
