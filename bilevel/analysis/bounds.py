"""Intervals that generators are known to lie in, and polynomials after the substitution that makes them half lines.

Main definitions: `bounds_of`, `opened`, `tighter`, `substitute`. A bound is (lower, strict?, upper, strict?), `FREE`
when there is none."""

from __future__ import annotations

from math import comb
from typing import Any

from bilevel.analysis.enclosure import enclose, lower_end, upper_end
from bilevel.analysis.polynomials import rational

#: Functions of real arguments that stay between two numbers: lower, upper, never reached?
LIMITS = {
    "sin": (-1, 1, False),
    "cos": (-1, 1, False),
    "tanh": (-1, 1, True),
    "sigmoid": (0, 1, True),
    "erf": (-1, 1, True),
    "erfc": (0, 2, True),
}
FREE = (None, False, None, False)  # lower bound, strict?, upper bound, strict?


def bounds_of(meaning: Any) -> tuple[Any, bool, Any, bool]:
    """Bounds of a generator from what it is and from its SymPy assumptions."""
    if not meaning.free_symbols:
        around = enclose(meaning)
        return FREE if around is None else opened(around)
    if (limits := LIMITS.get(type(meaning).__name__)) is not None:
        return (rational(limits[0]), limits[2], rational(limits[1]), limits[2])
    if meaning.is_positive:
        return (rational(0), True, None, False)
    if meaning.is_negative:
        return (None, False, rational(0), True)
    if meaning.is_nonnegative:
        return (rational(0), False, None, False)
    if meaning.is_nonpositive:
        return (None, False, rational(0), False)
    return FREE


def opened(around: Any) -> tuple[Any, bool, Any, bool]:
    """Bounds strictly outside a ball: what lies in the ball lies strictly between them."""
    low, up = lower_end(around), upper_end(around)
    slack = (up - low) / 2**20 + rational(1) / 2**200
    return (low - slack, True, up + slack, True)


def tighter(old: tuple[Any, ...], lower: Any, upper: Any, strict: bool) -> tuple[Any, ...]:
    """The bounds after one more."""
    low, low_strict, up, up_strict = old
    if lower is not None and (low is None or lower > low or (lower == low and strict)):
        low, low_strict = lower, strict
    if upper is not None and (up is None or upper < up or (upper == up and strict)):
        up, up_strict = upper, strict
    return (low, low_strict, up, up_strict)


def substitute(terms: dict[Any, Any], i: int, degree: int, low: Any, up: Any) -> dict[Any, Any]:
    """Terms after x_i = low + t, up - t, or (low + up t)/(1 + t) cleared of its denominator."""
    result: dict[Any, Any] = {}
    for monomial, c in terms.items():
        for power, weight in enumerate(_powers(monomial[i], degree, low, up)):
            if weight != 0:
                key = monomial[:i] + (power,) + monomial[i + 1 :]
                result[key] = result.get(key, 0) + c * weight
    return {m: c for m, c in result.items() if c != 0}


def _powers(e: int, degree: int, low: Any, up: Any) -> list[Any]:
    """Coefficients in t of x^e under the substitution."""
    if up is None:
        return [comb(e, k) * low ** (e - k) for k in range(e + 1)]
    if low is None:
        return [comb(e, k) * up ** (e - k) * (-1) ** k for k in range(e + 1)]
    result = [rational(0)] * (degree + 1)
    for k in range(e + 1):
        for j in range(degree - e + 1):
            result[k + j] += comb(e, k) * low ** (e - k) * up**k * comb(degree - e, j)
    return result


def shifted_terms(p: Any, bounds: list[tuple[Any, ...]], nonzero: set[int]) -> list[tuple[Any, bool, bool]]:
    """(coefficient, monomial certainly nonzero?, monomial certainly of one sign?) after the substitutions."""
    terms = p.to_dict()
    degrees = p.degrees()
    for i, degree in enumerate(degrees):
        low, _, up, _ = bounds[i]
        if degree and (low is not None or up is not None) and not (up is None and low == 0):
            terms = substitute(terms, i, degree, low, up)
    result = []
    for monomial, c in terms.items():
        certain, definite = True, True
        for i, e in enumerate(monomial):
            low, low_strict, up, up_strict = bounds[i]
            if e and low is None and up is None:
                certain, definite = certain and i in nonzero, definite and e % 2 == 0
            elif e:
                # In (l + u t)/(1 + t), t = 0 is the lower end and t = infinity the upper one.
                certain = certain and (low_strict if low is not None else up_strict)
        if any(
            bounds[i][0] is not None and bounds[i][2] is not None and not bounds[i][3] and degrees[i] > e
            for i, e in enumerate(monomial)
        ):
            certain = False
        result.append((c, certain, definite))
    return result
