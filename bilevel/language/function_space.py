"""Best responses of a player that moves a whole function, found pointwise.

A functional loss is an integral over w of an expression in the value ``u = D(w)`` and in densities ``p(w)``, ``q(w)``. As u
is free at every w, the best function is the best number at every w. The sign of the derivative in u decides which number:
one change from - to + is the unique minimum, no change sends the player to the boundary of the range, and a derivative free
of u (or with kinks) gives cases. Main definitions: `BestResponse`, `Case`, `pointwise_best_response`, `conjugate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.pointwise import Outcome, minimise_pointwise, tidy
from bilevel.language.signs import Box, box, positive_coordinates

__all__ = ["BestResponse", "Case", "Conjugate", "Lipschitz", "conjugate", "densities", "pointwise_best_response"]

Expr = Any

RANGES = {
    "probability": sp.Interval.open(0, 1),
    "positive": sp.Interval.open(0, sp.oo),
    "nonnegative": sp.Interval(0, sp.oo),
    "negative": sp.Interval.open(-sp.oo, 0),
    "real": sp.Interval.open(-sp.oo, sp.oo),
}


@dataclass(frozen=True)
class Case:
    """One case of a best response: where it holds, the value, the set of all optima there, and whether it is attained.

    Math: ``value`` is the limit of an optimising sequence when ``attained`` is false, and one member of ``ties`` otherwise.
    ``optimum`` is the pointwise integrand there.

    Reference: elementary; used for Goodfellow et al. 2014, arXiv:1406.2661, Proposition 1.

    Examples:
        >>> p, q = densities("p q")
        >>> D = sp.Symbol("D")
        >>> reply = pointwise_best_response(p*sp.log(D) + q*sp.log(1 - D), D, sense="max", range="probability")
        >>> [(case.condition, case.value, case.attained) for case in reply.cases if case.condition.has(sp.Eq)][0]
        (Eq(p, 0), 0, False)
    """

    condition: Any
    value: Expr
    optimum: Expr
    attained: bool = True
    ties: Any = None
    reason: str = ""


@dataclass(frozen=True)
class Lipschitz:
    """The constraint that the moved function is Lipschitz with the given constant; it ties different points w together.

    Math: ``|D(w) - D(w')| <= constant * |w - w'|``; no pointwise answer exists.

    Reference: Arjovsky, Chintala, Bottou 2017, arXiv:1701.07875.

    Examples:
        >>> Lipschitz(1).constant
        1
    """

    constant: Expr = 1


@dataclass(frozen=True)
class BestResponse:
    """The function a player answers with, as an expression at each point, with the conditions and the proof.

    Math: ``value(w)`` is optimal in u for the integrand at w. ``cases`` lists every region, zeros of densities included;
    ``value`` is the formula where every density is positive.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, Proposition 1.

    Examples:
        >>> p, q = densities("p q")
        >>> D = sp.Symbol("D")
        >>> reply = pointwise_best_response((p - q)*D, D, sense="max", range=sp.Interval(-1, 1))
        >>> reply.kind, reply.value_at_best_response
        ('boundary', Piecewise((-p + q, q >= p), (p - q, True)))
    """

    variable: Expr
    integrand: Expr
    sense: str
    range: Any
    value: Expr
    value_at_best_response: Expr
    kind: str
    cases: tuple[Case, ...]
    curvature: Expr | None
    assuming: tuple[Any, ...] = ()
    known: str = "exact"
    trace: tuple[str, ...] = ()

    @property
    def conditions(self) -> tuple[Any, ...]:
        """The condition of every case, in order."""
        return tuple(case.condition for case in self.cases)

    @property
    def attained(self) -> bool:
        """Whether the optimum is attained in the range in every case."""
        return all(case.attained for case in self.cases)

    def sensitivity(self, wrt: Expr) -> Expr:
        """Derivative of the best response in a density or parameter, factored."""
        return sp.factor(sp.diff(self.value, wrt))


def densities(names: str) -> Any:
    """Nonnegative symbols that stand for the values of densities at one point.

    Math: ``p(w) >= 0`` for every w; zeros are allowed and become cases of their own.

    Reference: notation of Goodfellow et al. 2014, arXiv:1406.2661.

    Examples:
        >>> p, q = densities("p q")
        >>> p.is_nonnegative
        True
    """
    return sp.symbols(names, nonnegative=True)


def pointwise_best_response(
    integrand: Expr, variable: Expr, *, sense: str = "min", range: Any = "real", constraint: Any = None, assuming: Iterable[Any] = ()
) -> BestResponse:
    """The best value of a whole function at every point, for any integrand whose stationarity can be solved exactly.

    Math: ``argmin_u L(u, p(w), q(w))`` over u in the range, at every w. Symbols declared nonnegative (and not positive) are
    densities; each set of zero densities is a face with its own case. Where all vanish every u is best.

    Raises:
        GameError: the range or the sense has no meaning.
        UnknownAnswer: the constraint is not pointwise, or no proof of the optimum was found.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, Proposition 1; Nowozin et al. 2016, arXiv:1606.00709.

    Examples:
        >>> p, q = densities("p q")
        >>> D = sp.Symbol("D")
        >>> reply = pointwise_best_response(p*sp.log(D) + q*sp.log(1 - D), D, sense="max", range="probability")
        >>> reply.value, reply.kind
        (p/(p + q), 'interior')
        >>> reply.sensitivity(q)
        -p/(p + q)**2
    """
    sense, interval = _sense(sense), _interval(range)
    _refuse_nonpointwise(constraint, variable)
    assuming = tuple(assuming)
    u = sp.Dummy(str(variable), real=True)
    cost = sp.sympify(integrand).xreplace({variable: u}) * (1 if sense == "min" else -1)
    weights = [s for s in sorted(cost.free_symbols - {u}, key=str) if s.is_nonnegative and not s.is_positive]
    region = box(cost.free_symbols - {u}, assuming)
    outcomes, trace, curvature = minimise_pointwise(cost, u, interval, region)
    trace = (f"cost to minimise at each point: {cost}", *trace)
    back = {u: variable}
    main = tuple(_case(outcome, sense, back) for outcome in outcomes)
    faces = tuple(_faces(cost, u, interval, region, weights, sense, back))
    value, optimum = (_piecewise(main, name) for name in ("value", "optimum"))
    return BestResponse(
        variable, sp.sympify(integrand), sense, interval, value, optimum, _kind(main, interval), (*main, *faces),
        None if curvature is None else tidy((1 if sense == "min" else -1) * curvature.xreplace(back)), assuming,
        trace=tuple(line.replace(f"_{variable}", str(variable)).replace("_X", "X") for line in trace),
    )  # fmt: skip


def _sense(sense: str) -> str:
    short = {"min": "min", "minimize": "min", "max": "max", "maximize": "max"}.get(sense)
    if short is None:
        raise GameError(f"the sense of a best response is 'min' or 'max', not {sense!r}")
    return short


def _interval(range_: Any) -> Any:
    interval = RANGES["real"] if range_ is None else RANGES.get(range_) if isinstance(range_, str) else range_
    if isinstance(interval, tuple) and len(interval) == 2:
        interval = sp.Interval.open(*interval)
    if interval == sp.S.Reals:
        interval = RANGES["real"]
    if not isinstance(interval, sp.Interval):
        raise GameError(f"a range is an interval or one of {', '.join(RANGES)}, not {range_!r}; write for example range=sp.Interval(-1, 1)")
    return interval


def _refuse_nonpointwise(constraint: Any, variable: Expr) -> None:
    if constraint is None:
        return
    named = constraint if isinstance(constraint, str) else type(constraint).__name__
    raise UnknownAnswer(
        f"the constraint {named!r} on {variable} ties different points together, so the best function is not found point by point",
        reached="the unconstrained problem separates over points; the constrained one does not",
        next_step="a total-mass constraint has its own function `best_density`; a Lipschitz critic needs a parametric class (coordinate level)",
    )


def _case(outcome: Outcome, sense: str, back: dict[Any, Any]) -> Case:
    best = outcome.cost if sense == "min" else -outcome.cost
    return Case(outcome.condition, outcome.value, tidy(best.xreplace(back)), outcome.attained, outcome.ties, outcome.reason)


def _faces(cost: Expr, u: Expr, interval: Any, region: Box, weights: list[Any], sense: str, back: dict[Any, Any]) -> Iterable[Case]:
    """The cases where some densities vanish; beyond three densities only single zeros are listed."""
    for size in (1, 2, 3)[: len(weights) if len(weights) <= 3 else 1]:
        for zeros in combinations(weights, size):
            reduced = cost.subs({z: 0 for z in zeros})
            where = sp.And(*(sp.Eq(z, 0) for z in zeros))
            if reduced.has(sp.nan, sp.zoo):
                continue
            inside = Box(tuple(side for side in region.sides if side[0] not in zeros))
            try:
                outcomes, _, _ = minimise_pointwise(reduced, u, interval, inside)
            except UnknownAnswer:
                continue
            for outcome in outcomes:
                case = _case(outcome, sense, back)
                yield Case(sp.And(where, case.condition), case.value, case.optimum, case.attained, case.ties, case.reason)


def _kind(cases: tuple[Case, ...], interval: Any) -> str:
    """'interior' for one interior formula, 'boundary' when every value is an end or a kink, 'cases' for a mixture."""
    if len(cases) == 1 and cases[0].reason == "interior":
        return "interior"
    return "boundary" if all(case.reason in ("end", "kink", "tie") for case in cases) else "cases"


def _piecewise(cases: tuple[Case, ...], name: str) -> Expr:
    """One expression over all cases; ties are left to the neighbours, whose closed conditions cover them."""
    rows = [case for case in cases if case.ties is None] or list(cases)
    if len(rows) == 1:
        return getattr(rows[0], name)
    *first, last = rows
    return sp.Piecewise(*((getattr(case, name), case.condition) for case in first), (getattr(last, name), True), evaluate=False)


@dataclass(frozen=True)
class Conjugate:
    """The Legendre-Fenchel conjugate ``f*``, on the interval of slopes on which the supremum is attained inside.

    Math: ``f*(t) = sup_u (t u - f(u))``; ``domain`` is the range of f' on the domain of f, ``maximiser`` the u that attains.

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

    Math: ``f*(t) = t u - f(u)`` at ``f'(u) = t``; t runs over (f'(lo+), f'(hi-)), which is where the maximiser lies inside.
    Below f'(lo+) the supremum is ``t lo - f(lo+)``.

    Raises:
        UnknownAnswer: f is not proved strictly convex, or ``f'(u) = t`` is not solved.

    Reference: Nowozin, Cseke, Tomioka 2016, arXiv:1606.00709, Tables 1 and 2.

    Examples:
        >>> u, t = sp.Symbol("u", positive=True), sp.Symbol("t")
        >>> conjugate(-sp.log(u), u, argument=t).expression
        -log(-t) - 1
    """
    interval = _interval(domain)
    slope = sp.diff(f, variable)
    low, high = sp.limit(slope, variable, interval.start, "+"), sp.limit(slope, variable, interval.end, "-")
    slopes = sp.Interval.open(low, high)
    t = sp.Dummy("t", real=True) if low < 0 < high else sp.Dummy("t", negative=True) if high <= 0 else sp.Dummy("t", positive=True)
    u = sp.Dummy(str(variable), real=True)
    outcomes, trace, _ = minimise_pointwise(sp.sympify(f).xreplace({variable: u}) - t * u, u, interval, Box(((t, slopes),)))
    if len(outcomes) != 1 or outcomes[0].reason != "interior":
        raise UnknownAnswer(f"the supremum of t*u - f(u) is not proved to lie inside {interval}", next_step="state a domain on which f is strictly convex")
    shown = sp.Symbol("t", real=True) if argument is None else argument
    value, maximiser = (_in_positive_coordinate(e, t, slopes, shown) for e in (-outcomes[0].cost, outcomes[0].value))
    lines = (line.replace("_t", str(shown)).replace(f"_{variable}", str(variable)).replace("_X", "X") for line in trace)
    return Conjugate(value, shown, slopes, maximiser, trace=tuple(lines))


def _in_positive_coordinate(expression: Expr, t: Expr, interval: Any, shown: Expr) -> Expr:
    """Tidied where the distance from an end of the interval is a positive symbol, so that roots and logarithms open up."""
    chart = positive_coordinates(Box(((t, interval),)))[t]
    (s,) = chart.free_symbols
    back = shown - interval.start if interval.start.is_finite else interval.end - shown if interval.end.is_finite else shown
    if interval.start.is_finite and interval.end.is_finite:
        back = (shown - interval.start) / (interval.end - shown)
    opened = tidy(sp.expand_log(tidy(expression.xreplace({t: chart}))).xreplace({s: back}))
    return opened.replace(sp.log, _log_of_inverse)


def _log_of_inverse(argument: Expr) -> Expr:
    """``log(1/A)`` as ``-log(A)``; the argument is positive wherever the conjugate is finite."""
    top, bottom = sp.fraction(argument)
    return sp.log(argument) if abs(top) != 1 or bottom == 1 else -sp.log(sp.expand(bottom / top))
