"""How the leading modes of a rule move, in words, and how much of a game's Jacobian is antisymmetric.

Main definitions: `rotation_finding`, `antisymmetric_share`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bilevel.numeric.diagnose_steps import margin, period
from bilevel.numeric.diagnosis import Finding
from bilevel.numeric.spectra import DENSE, Ritz, Spectrum
from bilevel.numeric.spectra_operator import Operator
from bilevel.rules.protocol.rule import Rule


def rotation_finding(J: Operator, lead: Spectrum, rule: Rule, seed: int) -> Finding:
    """How the leading modes of the rule move, and how much of the Jacobian is antisymmetric."""
    share = antisymmetric_share(J, seed)
    numbers: dict[str, Any] = {"antisymmetric share": share}
    apart = f"the antisymmetric part is {share:.0%} of the game's Jacobian"
    if not lead.values:
        return Finding(f"the leading modes were not found; {apart}", "unknown", lead.method, numbers)
    turning = [ritz for ritz in lead.values if abs(ritz.value.imag) > margin(ritz) + 1e-9 * abs(ritz.value)]
    first = lead.values[0]
    told = [first] if first not in turning[:1] and growth(first, rule) > margin(first) else []
    told += turning[:1]
    for name, ritz in zip(("leading", "second"), told, strict=False):
        numbers |= {f"{name} eigenvalue": ritz.value, f"{name} condition": ritz.condition}
        numbers |= {f"{name} backward error": ritz.backward_error}
    words = (
        "; ".join(motion(ritz, rule) for ritz in told)
        if turning
        else "; ".join(["does not rotate: no leading mode turns", *(motion(ritz, rule) for ritz in told)])
    )
    return Finding(f"{words}; {apart}", "float", lead.method, numbers)


def growth(ritz: Ritz, rule: Rule) -> float:
    """How far a mode lies beyond the boundary."""
    return abs(ritz.value) - 1 if rule.time == "discrete" else ritz.value.real


def motion(ritz: Ritz, rule: Rule) -> str:
    """One mode in words: how it turns or flips, how fast it grows, in whom it lives, how well that is known."""
    value, change, off = ritz.value, growth(ritz, rule), margin(ritz)
    goes = "growing" if change > off else "shrinking" if change < -off else "neither growing nor shrinking"
    by = f" by {abs(change):.2%} a step" if rule.time == "discrete" else f" at rate {abs(change):.3g}"
    goes += by if abs(change) > off else ", as far as can be told"
    if abs(value.imag) > off:
        length = f"{period(value):.1f} steps" if rule.time == "discrete" else f"time {2 * np.pi / abs(value.imag):.3g}"
        kind = f"rotates: a mode goes round in {length}"
    elif rule.time == "discrete" and value.real < 0:
        kind = "a mode flips its sign at every step: the steps overshoot its curvature"
    else:
        kind = "a mode moves straight"
    who = ", ".join(f"{name} {part:.0%}" for name, part in ritz.share.items() if part >= 0.005)
    trust = "condition unknown" if ritz.condition is None else f"condition {ritz.condition:.1e}"
    return f"{kind}, {goes} (in {who}; backward error {ritz.backward_error:.1e}, {trust})"


def antisymmetric_share(J: Operator, seed: int, draws: int = 8) -> float:
    """|A|_F^2 / |J|_F^2: exactly from the matrix of a small game, else estimated from random vectors."""
    if J.size <= DENSE:
        matrix = J.dense()
        whole = float(np.sum(matrix**2))
        return float(np.sum(((matrix - matrix.T) / 2) ** 2)) / whole if whole else 0.0
    turned, whole = 0.0, 0.0
    for v in np.random.default_rng(seed + 3).standard_normal((draws, J.size)):
        ahead, back = J.forward(v), J.backward(v)
        turned += float(np.sum(((ahead - back) / 2) ** 2))
        whole += float(np.sum(((ahead - back) / 2) ** 2) + np.sum(((ahead + back) / 2) ** 2))
    return turned / whole if whole else 0.0
