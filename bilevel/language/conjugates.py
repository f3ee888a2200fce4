"""Legendre-Fenchel conjugates, derived by the machinery of best responses.

Main definitions: `Conjugate`, `conjugate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.errors import UnknownAnswer
from bilevel.language.function_space import interval_of
from bilevel.language.outcomes import tidy
from bilevel.language.pointwise import minimise_pointwise
from bilevel.language.scalars import scalar
from bilevel.language.signs import Box, positive_coordinates

__all__ = ["Conjugate", "conjugate"]

Expr = Any


@dataclass(frozen=True)
class Conjugate:
    """The Legendre-Fenchel conjugate ``f*``, on the interval of slopes on which the supremum is attained inside.

    Math: ``f*(t) = sup_u (t u - f(u))``; ``domain`` is the range of f' on the domain of f, ``maximiser`` the u that
    attains.

    Reference: Nowozin, Cseke, Tomioka 2016, arXiv:1606.00709, Table 2.

    Examples:
        >>> u = sp.Symbol("u", positive=True)
        >>> conjugate(u*sp.log(u), u).domain
        Interval(-oo, oo)
    """

    expression: Expr
    argument: Expr
    domain: Any
    maximiser: Expr
    known: str = "exact"
    trace: tuple[str, ...] = ()


def conjugate(f: Expr, variable: Expr, *, domain: Any = "positive", argument: Expr | None = None) -> Conjugate:
    """The conjugate of a strictly convex function by a Legendre transform, with its domain.

    Math: ``f*(t) = t u - f(u)`` at ``f'(u) = t``; t runs over (f'(lo+), f'(hi-)), which is where the maximiser lies
    inside. Below f'(lo+) the supremum is ``t lo - f(lo+)``.

    Raises:
        UnknownAnswer: f is not proved strictly convex, or ``f'(u) = t`` is not solved.

    Reference: Nowozin, Cseke, Tomioka 2016, arXiv:1606.00709, Tables 1 and 2.

    Examples:
        >>> u, t = sp.Symbol("u", positive=True), sp.Symbol("t")
        >>> conjugate(-sp.log(u), u, argument=t).expression
        -log(-t) - 1
    """
    interval = interval_of(domain)
    slope = sp.diff(f, variable)
    low, high = sp.limit(slope, variable, interval.start, "+"), sp.limit(slope, variable, interval.end, "-")
    slopes = sp.Interval.open(low, high)
    t = (
        sp.Dummy("t", real=True)
        if low < 0 < high
        else sp.Dummy("t", negative=True)
        if high <= 0
        else sp.Dummy("t", positive=True)
    )
    u = sp.Dummy(str(variable), real=True)
    outcomes, trace, _ = minimise_pointwise(scalar(f).xreplace({variable: u}) - t * u, u, interval, Box(((t, slopes),)))
    if len(outcomes) != 1 or outcomes[0].reason != "interior":
        raise UnknownAnswer(
            f"the supremum of t*u - f(u) is not proved to lie inside {interval}",
            next_step="state a domain on which f is strictly convex",
        )
    shown = sp.Symbol("t", real=True) if argument is None else argument
    value, maximiser = (_in_positive_coordinate(e, t, slopes, shown) for e in (-outcomes[0].cost, outcomes[0].value))
    lines = (line.replace("_t", str(shown)).replace(f"_{variable}", str(variable)).replace("_X", "X") for line in trace)
    return Conjugate(value, shown, slopes, maximiser, trace=tuple(lines))


def _in_positive_coordinate(expression: Expr, t: Expr, interval: Any, shown: Expr) -> Expr:
    """Tidied where the distance from an end of the interval is a positive symbol,
    so that roots and logarithms open up.
    """
    chart = positive_coordinates(Box(((t, interval),)))[t]
    (s,) = chart.free_symbols
    back = (
        shown - interval.start
        if interval.start.is_finite
        else interval.end - shown
        if interval.end.is_finite
        else shown
    )
    if interval.start.is_finite and interval.end.is_finite:
        back = (shown - interval.start) / (interval.end - shown)
    opened = tidy(sp.expand_log(tidy(expression.xreplace({t: chart}))).xreplace({s: back}))
    return opened.replace(sp.log, _log_of_inverse)


def _log_of_inverse(argument: Expr) -> Expr:
    """``log(1/A)`` as ``-log(A)``; the argument is positive wherever the conjugate is finite."""
    top, bottom = sp.fraction(argument)
    return sp.log(argument) if abs(top) != 1 or bottom == 1 else -sp.log(sp.expand(bottom / top))
