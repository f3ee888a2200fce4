"""A condition on every singular value, restated for the largest and the smallest.

Main definitions: `at_every`.

The set of sigma on which a condition holds is closed downwards, if C(t) and 0 < s < t imply C(s): then it holds at
every singular value iff it holds at the largest. Closed upwards: at the smallest. An interval: at both. Each of these
is proved (a positivity identity, real root isolation, or z3 on the negation); where none is, it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.reduction import Assumptions, Budget
from bilevel.analysis.regions import conj
from bilevel.analysis.writing import to_formula


@dataclass(frozen=True)
class Restated:
    """The condition with the ends of the spectrum, or None; and the step of the proof."""

    condition: Any
    trace: tuple[str, ...] = ()


def ends_of(symbol: Any) -> tuple[Any, Any]:
    """The symbols for the smallest and the largest value."""
    kept = {k: v for k, v in symbol._assumptions_orig.items() if v is not None}
    return sp.Symbol(f"{symbol.name}_min", **kept), sp.Symbol(f"{symbol.name}_max", **kept)


def at_every(condition: Any, spectral: tuple[Any, ...], assuming: Any = ()) -> Restated:
    """The condition at every value of the spectral symbols, restated by their ends; None where no proof is found."""
    parts = sp.And.make_args(condition)
    restated = [found for part in parts if (found := _part(part, spectral, assuming)) is not None]
    if len(restated) < len(parts):
        whole = _part(condition, spectral, assuming) if len(parts) > 1 else None
        return Restated(None) if whole is None else Restated(whole[0], (whole[1],))
    return Restated(sp.And(*(r[0] for r in restated)), tuple(r[1] for r in restated if r[1]))


def _part(part: Any, spectral: tuple[Any, ...], assuming: Any) -> tuple[Any, str] | None:
    symbols = [s for s in spectral if s in part.free_symbols]
    if not symbols:
        return part, ""
    if len(symbols) > 1:  # sigma and an eigenvalue of the same block: which pairs occur is not said
        return None
    (s,) = symbols
    low, high = ends_of(s)
    if by := _closed(part, s, assuming, "down"):
        return part.xreplace({s: high}), f"{part} at {s} implies it at every smaller {s}: only {high} counts ({by})"
    if by := _closed(part, s, assuming, "up"):
        return part.xreplace({s: low}), f"{part} at {s} implies it at every larger {s}: only {low} counts ({by})"
    if by := _closed(part, s, assuming, "between"):
        both = sp.And(part.xreplace({s: low}), part.xreplace({s: high}))
        return both, f"{part} holds on an interval of {s}: only {low} and {high} count ({by})"
    return None


def _closed(part: Any, s: Any, assuming: Any, way: str) -> str:
    """How it was proved, empty if it was not."""
    kept = {k: v for k, v in s._assumptions_orig.items() if v is not None}
    lower, upper = sp.Dummy("lower", **kept), sp.Dummy("upper", **kept)
    premises = [part.xreplace({s: end}) for end, used in ((upper, "down"), (lower, "up")) if way in (used, "between")]
    order = [s < upper] * (way != "up") + [lower < s] * (way != "down")
    facts = [fact for fact in assuming if fact not in (True, sp.true)]
    relations = [r for b in (part, *premises, *order, *facts) for r in b.atoms(sp.core.relational.Relational)]
    coordinates = Coordinates([side for r in relations for side in r.args], sp.Dummy("z"))
    formulas = [to_formula(b, coordinates) for b in (part, *premises, *order)]
    if any(f is None for f in formulas):
        return ""
    claim, *given = formulas
    known = Assumptions(coordinates, facts, budget=Budget(queries=4, units=2_000_000, seconds=2.0))
    if not known.implies(conj(given), claim):
        return ""
    return known.proofs[-1][1] if known.proofs else "by inspection"
