"""The verdict on one equilibrium within a budget: what linearisation says first, then what else there is time for.

Main definitions: `verdict_at`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.beyond import beyond_linear, stability_near
from bilevel.analysis.nonlinear import UNDECIDED
from bilevel.analysis.verdict import Verdict, unknown
from bilevel.app.budget import Clock, OutOfTime
from bilevel.language.errors import UnknownAnswer
from bilevel.rules.protocol.linear import linearise

_ADVICE = "try: fix parameters with --set, or raise --budget"


def verdict_at(game: Any, rule: Any, equilibrium: Any, clock: Clock) -> Verdict:
    """The same as `stability`, but what linearisation says is kept when time ends before nonlinear terms are weighed.

    Raises GameError where the point is no fixed point of the rule.
    """
    jacobian = sp.zeros(0, 0)
    try:
        with clock.section(2 / 3):
            if any(value.has(sp.Float) for value in equilibrium.point.values()):
                return stability_near(game, rule, equilibrium.point)
            linear = linearise(game, rule, equilibrium.point)
            jacobian = linear.matrix
            verdict = analyse(linear.matrix, time=linear.time, assuming=game.assuming)
    except UnknownAnswer as stop:
        return unknown(str(stop), jacobian, rule.time)
    except OutOfTime:
        return unknown(f"out of time while this point was being decided; {_ADVICE}", jacobian, rule.time)
    try:
        with clock.section(2 / 3):
            return beyond_linear(game, rule, equilibrium.point, verdict)
    except OutOfTime:
        return replace(verdict, nonlinear={"claim": UNDECIDED, "by": f"out of time; {_ADVICE}"})
