"""One-dimensional minimisation with proofs: the engine under the function-space level.

The sign of the derivative in u is all that matters, so positive factors are dropped, logarithms are exponentiated and
``exp(k u)``, ``u**(1/m)``, ``log(u)`` become the unknown, until a polynomial remains whose sign changes Descartes'
rule counts. Main definitions: `Outcome`, `minimise_pointwise`, `tidy`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import UnknownAnswer
from bilevel.language.kinks import has_kinks, minimise_kinked, plain_kinks
from bilevel.language.outcomes import Outcome, comparison, end_outcomes, tidy
from bilevel.language.reduction import Reduced, reduce_sign
from bilevel.language.roots import at_end, rising_root, sign_at_end
from bilevel.language.signs import Box, coefficient_signs, sign, sign_changes

Expr = Any
__all__ = ["Outcome", "minimise_pointwise", "tidy"]
Solution = tuple[tuple[Outcome, ...], tuple[str, ...], Any]


def minimise_pointwise(cost: Expr, u: Expr, interval: Any, region: Box) -> Solution:
    """All cases of ``argmin_u cost`` over the interval, the lines of the proof,
    and the curvature at an interior optimum.
    """
    cost = plain_kinks(cost)
    if not cost.has(u):
        return (
            (Outcome(sp.true, _some_member(interval), cost, True, interval, "tie"),),
            ("the integrand is free of the player's value",),
            None,
        )
    if has_kinks(cost, u):
        return minimise_kinked(cost, u, interval, region)
    slope = sp.diff(cost, u)
    reduced = reduce_sign(slope, u, interval, region)
    trace = [f"derivative in {u}: {tidy(slope)}", *reduced.trace]
    if not reduced.polynomial.has(reduced.unknown):
        cases, more = _constant_sign(cost, u, interval, region, reduced.polynomial)
    else:
        cases, more = _by_sign_changes(cost, u, interval, region, reduced)
    curvature = None
    if len(cases) == 1 and cases[0].reason == "interior":
        curvature = tidy(sp.diff(slope, u).subs(u, cases[0].value))
    return cases, (*trace, *more), curvature


def _some_member(interval: Any) -> Expr:
    lo, hi = interval.start, interval.end
    if lo.is_finite and hi.is_finite:
        return (lo + hi) / 2
    return lo + 1 if lo.is_finite else hi - 1 if hi.is_finite else sp.S.Zero


def _constant_sign(
    cost: Expr, u: Expr, interval: Any, region: Box, slope: Expr
) -> tuple[tuple[Outcome, ...], list[str]]:
    """The derivative has the sign of an expression free of u: the optimum is an end of the range."""
    low, high = end_outcomes(cost, u, interval)
    known = sign(slope, region)
    if known == 1:
        return (low,), [f"the derivative is positive on {interval}: the low end is best"]
    if known == -1:
        return (high,), [f"the derivative is negative on {interval}: the high end is best"]
    tied = Outcome(
        comparison(slope, "=="), _some_member(interval), cost.subs(u, _some_member(interval)), True, interval, "tie"
    )
    if known == 0:
        return (Outcome(sp.true, tied.value, tied.cost, True, interval, "tie"),), [
            "the derivative vanishes: every value is best"
        ]
    cases = (low.under(comparison(slope, ">=")), high.under(comparison(slope, "<=")), tied)
    return cases, [
        f"the derivative has the sign of {slope}, free of the player's value: an end of {interval} is best, any "
        "value where it is 0"
    ]


def _by_sign_changes(
    cost: Expr, u: Expr, interval: Any, region: Box, reduced: Reduced
) -> tuple[tuple[Outcome, ...], list[str]]:
    signs = coefficient_signs(reduced.polynomial, reduced.unknown, reduced.interval, region)
    changes = sign_changes(signs)
    low, high = end_outcomes(cost, u, interval)
    if changes == 0 and any(signs):
        rising = next(s for s in signs if s) == 1
        return ((low if rising else high),), [
            f"the derivative keeps one sign on {interval}: the {'low' if rising else 'high'} end is best"
        ]
    if changes == 1 and next(s for s in signs if s) == -1:
        value = rising_root(reduced, region)
        line = (
            f"exactly one sign change, from - to +, on {interval}: {u} = {value} is the unique global "
            "minimum of the cost"
        )
        return (Outcome(sp.true, value, tidy(cost.subs(u, value)), True, None, "interior"),), [line]
    if changes == 1:
        return _compare_ends(low, high, region), [
            f"the derivative changes sign once, from + to -: the best value is at an end of {interval}"
        ]
    poly = sp.Poly(reduced.polynomial, reduced.unknown)
    if poly.degree() == 1 and sign(poly.LC(), region) == -1:
        return _compare_ends(low, high, region), [
            f"the derivative falls in {u}: the best value is at an end of {interval}"
        ]
    if _rises(sp.diff(cost, u), u, interval, region, reduced):
        return _clipped(cost, u, region, reduced, low, high)
    if not (reduced.polynomial.free_symbols - {reduced.unknown}):
        return _by_comparison(cost, u, interval, reduced, low, high)
    raise UnknownAnswer(
        (
            f"the number of stationary values in {interval} is not decided by the signs of the coefficients of "
            f"{reduced.polynomial}"
        ),
        reached=f"derivative reduced to the sign of {reduced.polynomial}",
        next_step="state more assumptions, or a smaller range",
    )


def _compare_ends(low: Outcome, high: Outcome, region: Box) -> tuple[Outcome, ...]:
    if low.cost.is_infinite or high.cost.is_infinite:
        return (low if low.cost == -sp.oo or high.cost == sp.oo else high,)
    gap = sp.expand(high.cost - low.cost)
    known = sign(gap, region)
    if known in (1, -1):
        return (low if known == 1 else high,)
    if known == 0:
        return (
            Outcome(
                sp.true, low.value, low.cost, low.attained and high.attained, sp.FiniteSet(low.value, high.value), "tie"
            ),
        )
    both = Outcome(comparison(gap, "=="), low.value, low.cost, True, sp.FiniteSet(low.value, high.value), "tie")
    return low.under(comparison(gap, ">=")), high.under(comparison(gap, "<=")), both


def _rises(slope: Expr, u: Expr, interval: Any, region: Box, reduced: Reduced) -> bool:
    """Whether the reduced derivative, or the derivative itself, is proved strictly increasing on the range."""
    in_x = region.with_side(reduced.unknown, sp.Interval.open(reduced.interval.start, reduced.interval.end))
    in_u = region.with_side(u, sp.Interval.open(interval.start, interval.end))
    return sign(sp.diff(reduced.polynomial, reduced.unknown), in_x) == 1 or sign(sp.diff(slope, u), in_u) == 1


def _clipped(
    cost: Expr, u: Expr, region: Box, reduced: Reduced, low: Outcome, high: Outcome
) -> tuple[tuple[Outcome, ...], list[str]]:
    """A strictly increasing derivative whose zero may lie outside the range: the zero clipped to the range."""
    cases, inside = [], []
    for end, outcome, outside, within, wanted in (
        (reduced.interval.start, low, ">=", "<", -1),
        (reduced.interval.end, high, "<=", ">", 1),
    ):
        if sign_at_end(reduced, end, region) != wanted:
            cases.append(outcome.under(comparison(at_end(reduced, end), outside)))
            inside.append(comparison(at_end(reduced, end), within))
    if sp.And(*inside) == sp.false:
        return tuple(c for c in cases if c.condition != sp.false), [
            "the derivative keeps one sign: an end of the range is best"
        ]
    value = rising_root(reduced, region)
    cases.append(Outcome(sp.And(*inside), value, tidy(cost.subs(u, value)), True, None, "interior"))
    return tuple(cases), [
        f"the derivative rises through 0 at {value}: that value, clipped to the range, is the unique minimum"
    ]


def _by_comparison(
    cost: Expr, u: Expr, interval: Any, reduced: Reduced, low: Outcome, high: Outcome
) -> tuple[tuple[Outcome, ...], list[str]]:
    """No parameters in the equation: all stationary values are real algebraic numbers, compared with the ends."""
    inside = [
        r
        for r in sp.real_roots(sp.Poly(reduced.polynomial, reduced.unknown))
        if (reduced.interval.start < r) is sp.true and (r < reduced.interval.end) is sp.true
    ]
    candidates = [
        low,
        high,
        *(
            Outcome(sp.true, v, tidy(cost.subs(u, v)), True, None, "interior")
            for v in (reduced.back(r) for r in dict.fromkeys(inside))
        ),
    ]
    best = candidates[0]
    for other in candidates[1:]:
        gap = (
            sp.expand(other.cost - best.cost)
            if not (other.cost.is_infinite or best.cost.is_infinite)
            else other.cost - best.cost
        )
        if gap.is_negative:
            best = other
        elif not gap.is_nonnegative:
            raise UnknownAnswer(
                f"the costs at {best.value} and {other.value} could not be compared exactly",
                reached=f"{len(candidates)} candidates",
            )
    tied = [c.value for c in candidates if c.attained and sp.expand(c.cost - best.cost).is_zero]
    ties = sp.FiniteSet(*tied) if len(tied) > 1 else None
    chosen = Outcome(sp.true, best.value, best.cost, best.attained, ties, "tie" if ties else best.reason)
    return (chosen,), [f"all stationary values and ends compared exactly: best is {best.value}"]
