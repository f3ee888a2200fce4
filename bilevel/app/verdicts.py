"""The whole verdict on one equilibrium: what linearisation says, what nonlinear terms add, enclosures where it must be.

Main definitions: `verdict_at`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp
from flint import arb

from bilevel.analysis.enclosure import enclose, enclosed_verdict
from bilevel.analysis.local import stability
from bilevel.analysis.nonlinear import nonlinear, transverse
from bilevel.analysis.state_map import state_map
from bilevel.analysis.verdict import Verdict, certain, unknown
from bilevel.language.errors import BilevelError, UnknownAnswer
from bilevel.rules.protocol.symbols import fresh

_FAILURES = (BilevelError, NotImplementedError, TypeError, ValueError, ArithmeticError, AttributeError)


def verdict_at(game: Any, rule: Any, equilibrium: Any) -> Verdict:
    """The verdict on an equilibrium, exact where its point is, enclosed where the point is known to a box only.

    Raises GameError where the point is no fixed point of the rule.
    """
    if equilibrium.known != "exact":
        return _enclosed(game, rule, equilibrium)
    try:
        verdict = stability(game, rule, at=equilibrium.point)
    except UnknownAnswer as stop:
        return unknown(str(stop), sp.zeros(0, 0), rule.time)
    return _completed(game, rule, equilibrium, verdict)


def _completed(game: Any, rule: Any, equilibrium: Any, verdict: Verdict) -> Verdict:
    """With what nonlinear terms decide, and stability across a continuum; both stay open where they cannot be told."""
    added: dict[str, Any] = {}
    try:
        if equilibrium.free and verdict.transverse is None:
            added["transverse"] = transverse(verdict.jacobian, verdict.time, len(equilibrium.free), game.assuming)
        elif verdict.nonlinear is None and verdict.marginal_on not in (None, sp.false):
            added["nonlinear"] = nonlinear(game, rule, equilibrium.point, verdict)
    except _FAILURES:
        pass
    return replace(verdict, **added) if added else verdict


def _enclosed(game: Any, rule: Any, equilibrium: Any) -> Verdict:
    """Decided by the eigenvalues of a matrix of balls, each entry taken over the box that holds the fixed point."""
    box = getattr(equilibrium, "box", None)
    if not box:
        return unknown("the point is known in floating point only", sp.zeros(0, 0), rule.time)
    system = state_map(game, rule, equilibrium.point)
    slopes = sp.Matrix([[sp.diff(e, v) for v in system.variables] for e in system.after])
    middle = sp.ImmutableMatrix(slopes.subs(dict(system.point)).evalf())
    if slopes.subs(dict(system.point)).free_symbols:
        return unknown("the point is enclosed, and parameters are left in its Jacobian: fix them", middle, rule.time)
    values = _balls(game, rule, box, system.variables)
    rows = [[enclose(slopes[i, j], values) for j in range(slopes.cols)] for i in range(slopes.rows)]
    claim = None if any(entry is None for row in rows for entry in row) else enclosed_verdict(rows, rule.time)
    if claim is None:
        return unknown("the enclosed eigenvalues cannot be told from the boundary", middle, rule.time)
    return certain(claim, middle, rule.time, known="enclosed", characteristic_polynomial=None)


def _balls(game: Any, rule: Any, box: Any, variables: tuple[Any, ...]) -> dict[Any, arb]:
    """The state's symbols as balls; the ends of the box are widened by more than they were rounded."""
    found: dict[str, arb] = {}
    for v in game.variables:
        low, high = (arb(float(end)) for end in box[v])
        slack = arb(2) ** -45 * (1 + abs(low) + abs(high))
        found[str(v)] = (low - slack).union(high + slack)
        for part, start in rule.memory:
            found[str(fresh(v, part))] = found[str(v)] if start == "same" else arb(0)
    return {symbol: found[str(symbol)] for symbol in variables}
