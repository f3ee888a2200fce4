"""What the table says of a verdict: its words, the steps in numbers, the best step and its rate.

Main definitions: `told`, `steps_of`, `scaled`, `best_rate` (exact or enclosed; in floats where neither is quick, and
said so).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from bilevel.analysis.characteristic import characteristic_factors
from bilevel.analysis.polynomials import Coordinates, to_sympy
from bilevel.analysis.rates import best
from bilevel.analysis.sections import STABLE, sections
from bilevel.app import budget
from bilevel.app.answers import text
from bilevel.app.table1_problems import STEP
from bilevel.language.errors import BilevelError, UnknownAnswer
from bilevel.rules.protocol.defaults import default_rule
from bilevel.system import map_of


def told(verdict: Any) -> dict[str, Any]:
    """A verdict without its evidence."""
    return {"verdict": verdict.verdict, "condition": text(verdict.condition), "unstable_on": text(verdict.unstable_on),
            "marginal_why": verdict.marginal_why, "known": verdict.known, "steps": steps_of(verdict)}  # fmt: skip


def steps_of(verdict: Any) -> list[list[str]] | None:
    """The steps at which a rule is stable as intervals between decimals, up to single points; None where other words
    say it as shortly."""
    if verdict.condition in (None, sp.true, sp.false) or verdict.jacobian.free_symbols != {STEP}:
        return None
    atoms = verdict.condition.atoms(sp.core.relational.Relational)
    if all(STEP in (r.lhs, r.rhs) for r in atoms):
        return None
    try:
        found = sections([verdict.jacobian], STEP, time=verdict.time)
    except UnknownAnswer:
        return None
    ends = lambda b: "oo" if b is None else f"{float(b.mid()):.5g}"
    return [[ends(low), ends(high)] for low, high in found.where(STABLE)] if found.complete else None


def scaled(before: Any, after: Any) -> Any:
    """c > 0 where the characteristic polynomial after is that before with c h in place of h: only the step is another.

    Math: det(z - A(h)) = det(z - B(c h)), coefficient by coefficient of h^j z^i: a = c^j b. Rational numbers only; None
        where it is not so, or c = 1.
    """
    if before.shape != after.shape or before.free_symbols != {STEP} or after.free_symbols != {STEP}:
        return None
    first, second = _terms(before), _terms(after)
    if first is None or second is None or set(first) != set(second):
        return None
    ratios = [(h, second[z, h] / first[z, h]) for z, h in first]
    power, lead = next(((h, ratio) for h, ratio in ratios if h), (1, sp.S.One))
    alike = lead > 0 and all(ratio > 0 and ratio**power == lead**h for h, ratio in ratios)
    return sp.root(lead, power) if alike and lead != 1 else None


def _terms(matrix: Any) -> dict[tuple[int, int], Any] | None:
    """The coefficients of z^i h^j in a characteristic polynomial that is monic and rational; else None."""
    coordinates = Coordinates([STEP, *matrix], sp.Dummy("z"))
    factors, _ = characteristic_factors(sp.ImmutableMatrix(matrix), coordinates)
    whole = coordinates.one
    for factor in factors:
        p = sum((c * coordinates.generators[0] ** k for k, c in enumerate(factor.coefficients)), coordinates.zero)
        whole = whole * p**factor.multiplicity
    whole, h = coordinates.reduce(whole), coordinates.meaning.index(STEP)
    if any(d > 0 for k, d in enumerate(whole.degrees()) if k not in (0, h)):
        return None
    terms = {(int(m[0]), int(m[h])): to_sympy(c) for m, c in whole.to_dict().items()}
    top = terms.get((matrix.rows, 0))
    return None if top is None else {m: c / top for m, c in terms.items()}


def best_rate(matrix: Any, verdict: Any, steps: int, clock: budget.Clock) -> dict[str, Any] | None:
    """The step with the smallest spectral radius and that radius per underlying step; None where no step is stable."""
    if verdict.time == "continuous" or verdict.condition in (None, sp.false) or matrix.free_symbols != {STEP}:
        return None
    try:
        with clock.section():
            found = best(*_as_map(matrix), over=STEP)
            ends = found.rate if isinstance(found.rate, tuple) else (found.rate, found.rate)
            low, high = (float(sp.N(end)) for end in ends)
            shown = [text(x) for x in np.atleast_1d(np.array(found.step, dtype=object))]
            known = "float" if verdict.known == "float" else found.known
    except (BilevelError, NotImplementedError, budget.OutOfTime):
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
