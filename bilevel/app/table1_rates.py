"""The best step and its rate for the table: exact or enclosed where that is quick, else in floats, and said so.

Main definitions: `best_rate`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from bilevel.analysis.rates import best
from bilevel.app import budget
from bilevel.app.answers import text
from bilevel.app.table1_problems import STEP
from bilevel.language.errors import BilevelError
from bilevel.rules.protocol.defaults import default_rule
from bilevel.system import map_of

FAILURES = (
    BilevelError,
    budget.OutOfTime,
    NotImplementedError,
    TypeError,
    ValueError,
    ZeroDivisionError,
    RecursionError,
    AttributeError,
    IndexError,
    KeyError,
)


def best_rate(matrix: Any, verdict: Any, steps: int, clock: budget.Clock) -> dict[str, Any] | None:
    """The step with the smallest spectral radius and that radius per underlying step; None where no step is stable."""
    if verdict.time == "continuous" or verdict.condition in (None, sp.false) or matrix.free_symbols != {STEP}:
        return None
    try:
        with clock.section():
            found = best(*_as_map(matrix), over=STEP)
            ends = found.rate if isinstance(found.rate, tuple) else (found.rate, found.rate)
            low, high = (float(sp.N(end)) for end in ends)
            shown, known = [text(x) for x in np.atleast_1d(np.array(found.step, dtype=object))], found.known
    except FAILURES:
        step, low = _by_floats(matrix)
        high, shown, known = low, [f"{step:.4g}"], "float"
    return {"step": shown, "rate": [low ** (1 / steps), high ** (1 / steps)], "known": known, "steps": steps}


def _as_map(matrix: Any) -> tuple[Any, Any, dict[Any, Any]]:
    """The linear map of a matrix, with its fixed point at 0."""
    x = sp.symbols(f"x1:{matrix.rows + 1}", real=True)
    system = map_of(dict(zip(x, matrix * sp.Matrix(x), strict=True)))
    return system, default_rule(system), dict.fromkeys(x, sp.S.Zero)


def _by_floats(matrix: Any) -> tuple[float, float]:
    """A fine grid of steps, refined about its best point."""
    entries = [sp.lambdify(STEP, sp.N(entry, 30), "numpy") for entry in matrix]
    low, high = 1e-4, 50.0
    for _ in range(8):
        steps = np.geomspace(low, high, 200)
        columns = [np.broadcast_to(entry(steps), steps.shape) for entry in entries]
        stack = np.stack(columns, axis=-1).reshape(len(steps), *matrix.shape)
        radius = np.abs(np.linalg.eigvals(stack)).max(axis=1)
        k = int(radius.argmin())
        low, high = steps[max(k - 1, 0)], steps[min(k + 1, len(steps) - 1)]
    return float(steps[k]), float(radius[k])
