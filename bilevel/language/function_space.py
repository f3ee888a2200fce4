"""Best responses of a player that moves a whole function, found pointwise.

A functional loss is an integral over w of an expression in the value ``u = D(w)`` and in densities ``p(w)``,
``q(w)``. As u is free at every w, the best function is the best number at every w. The sign of the derivative in u
decides which number: one change from - to + is the unique minimum, no change sends the player to the boundary of the
range, and a derivative free of u (or with kinks) gives cases. Main definitions: `BestResponse`, `Case`,
`pointwise_best_response`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.pointwise import Outcome, minimise_pointwise, tidy
from bilevel.language.scalars import scalar
from bilevel.language.signs import Box, box
from bilevel.language.tied_values import refuse_nonpointwise, tied_values

__all__ = ["BestResponse", "Case", "Lipschitz", "densities", "interval_of", "pointwise_best_response"]

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

    Math: ``value`` is the limit of an optimising sequence when ``attained`` is false, and one member of ``ties``
    otherwise. ``optimum`` is the pointwise integrand there.

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

    Math: ``value(w)`` is optimal in u for the integrand at w. ``cases`` lists every region, zeros of densities
    included; ``value`` is the formula where every density is positive.

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
    integrand: Expr,
    variable: Expr,
    *,
    sense: str = "min",
    range: Any = "real",
    constraint: Any = None,
    assuming: Iterable[Any] = (),
) -> BestResponse:
    """The best value of a whole function at every point, for any integrand whose stationarity can be solved exactly.

    Math: ``argmin_u L(u, p(w), q(w))`` over u in the range, at every w. Symbols declared nonnegative (and not
    positive) are densities; each set of zero densities is a face with its own case. Where all vanish every u is best.

    A `constraint` that is an equation in u, such as ``Eq(D, 1/2)``, leaves the best of the values it allows at w.

    Raises:
        GameError: the range or the sense has no meaning, or nothing in the range meets the constraint.
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
    sense, interval = _sense(sense), interval_of(range)
    assuming = tuple(assuming)
    if isinstance(constraint, sp.Eq) and constraint.has(variable):
        return _tied(scalar(integrand), variable, sense, interval, constraint, assuming)
    refuse_nonpointwise(constraint, variable)
    u = sp.Dummy(str(variable), real=True)
    cost = scalar(integrand).xreplace({variable: u}) * (1 if sense == "min" else -1)
    weights = [s for s in sorted(cost.free_symbols - {u}, key=str) if s.is_nonnegative and not s.is_positive]
    region = box(cost.free_symbols - {u}, assuming)
    outcomes, trace, curvature = minimise_pointwise(cost, u, interval, region)
    trace = (f"cost to minimise at each point: {cost}", *trace)
    back = {u: variable}
    main = tuple(_case(outcome, sense, back) for outcome in outcomes)
    faces, omitted = _faces(cost, u, interval, region, weights, sense, back)
    value, optimum = (_piecewise(main, name) for name in ("value", "optimum"))
    return BestResponse(
        variable,
        scalar(integrand),
        sense,
        interval,
        value,
        optimum,
        _kind(main, interval),
        (*main, *faces),
        None if curvature is None else tidy((1 if sense == "min" else -1) * curvature.xreplace(back)),
        assuming,
        trace=tuple(line.replace(f"_{variable}", str(variable)).replace("_X", "X") for line in (*trace, *omitted)),
    )


def _tied(
    integrand: Expr, variable: Expr, sense: str, interval: Any, constraint: Any, assuming: tuple[Any, ...]
) -> BestResponse:
    """The best response among the values that an equation at every point allows."""
    allowed = tied_values(constraint, variable, interval)
    costs = [integrand.subs(variable, value) for value, _ in allowed]
    cases = []
    for k, (value, inside) in enumerate(allowed):
        rivals = [(costs[k] - c if sense == "min" else c - costs[k], j) for j, c in enumerate(costs) if j != k]
        better = sp.And(*(tidy(gap) <= 0 if j > k else tidy(gap) < 0 for gap, j in rivals))
        cases.append(Case(sp.And(inside, better), value, tidy(costs[k]), reason="tied"))
    cases = [case for case in cases if case.condition != sp.false]
    value, optimum = (_piecewise(tuple(cases), name) for name in ("value", "optimum"))
    trace = (f"{constraint} at every point leaves {', '.join(str(v) for v, _ in allowed)}; the best of these is taken",)
    return BestResponse(
        variable, integrand, sense, interval, value, optimum, "tied", tuple(cases), None, assuming, trace=trace
    )


def _sense(sense: str) -> str:
    short = {"min": "min", "minimize": "min", "max": "max", "maximize": "max"}.get(sense)
    if short is None:
        raise GameError(f"the sense of a best response is 'min' or 'max', not {sense!r}")
    return short


def interval_of(range_: Any) -> Any:
    """The interval that a range names: 'probability', 'positive', 'nonnegative', 'negative', 'real', a pair, or an
    interval itself.

    Math: 'probability' is (0, 1); a pair (a, b) is the open interval.

    Raises:
        GameError: the range is none of these.

    Reference: ISO 80000-2 notation for intervals.

    Examples:
        >>> interval_of("probability")
        Interval.open(0, 1)
    """
    interval = RANGES["real"] if range_ is None else RANGES.get(range_) if isinstance(range_, str) else range_
    if isinstance(interval, tuple) and len(interval) == 2:
        interval = sp.Interval.open(*interval)
    if interval == sp.S.Reals:
        interval = RANGES["real"]
    if not isinstance(interval, sp.Interval):
        raise GameError(
            f"a range is an interval or one of {', '.join(RANGES)}, not {range_!r}; write for example "
            "range=sp.Interval(-1, 1)"
        )
    return interval


def _case(outcome: Outcome, sense: str, back: dict[Any, Any]) -> Case:
    best = outcome.cost if sense == "min" else -outcome.cost
    return Case(
        outcome.condition, outcome.value, tidy(best.xreplace(back)), outcome.attained, outcome.ties, outcome.reason
    )


def _faces(
    cost: Expr, u: Expr, interval: Any, region: Box, weights: list[Any], sense: str, back: dict[Any, Any]
) -> tuple[list[Case], list[str]]:
    """The cases where some densities vanish, and a line for every such face left out;
    of four or more densities single zeros only.
    """
    cases: list[Case] = []
    omitted: list[str] = [] if len(weights) <= 3 else ["faces where two or more densities vanish are left out"]
    for zeros in chain.from_iterable(
        combinations(weights, size) for size in (1, 2, 3)[: len(weights) if len(weights) <= 3 else 1]
    ):
        where = sp.And(*(sp.Eq(z, 0) for z in zeros))
        inside = Box(tuple(side for side in region.sides if side[0] not in zeros))
        try:
            outcomes, _, _ = minimise_pointwise(_without(cost, zeros), u, interval, inside)
        except UnknownAnswer as unknown:
            omitted.append(f"where {where}: unknown ({unknown.reason})")
            continue
        for case in (_case(outcome, sense, back) for outcome in outcomes):
            cases.append(
                Case(sp.And(where, case.condition), case.value, case.optimum, case.attained, case.ties, case.reason)
            )
    return cases, omitted


def _without(cost: Expr, zeros: tuple[Any, ...]) -> Expr:
    """The cost with some densities zero, by substitution or, for terms such as ``p log p``, as a limit from above."""
    reduced = cost.subs(dict.fromkeys(zeros, 0))
    for zero in zeros if reduced.has(sp.nan, sp.zoo) else ():
        cost = sp.limit(cost, zero, 0, "+")
        reduced = cost
    if reduced.has(sp.nan, sp.zoo, sp.oo):
        raise UnknownAnswer(f"the loss has no finite value where {', '.join(map(str, zeros))} vanish")
    return reduced


def _kind(cases: tuple[Case, ...], interval: Any) -> str:
    """'interior' for one interior formula, 'boundary' when every value is an end or a kink, 'cases' for a mixture."""
    if len(cases) == 1 and cases[0].reason == "interior":
        return "interior"
    return "boundary" if all(case.reason in ("end", "kink", "tie") for case in cases) else "cases"


def _piecewise(cases: tuple[Case, ...], name: str) -> Expr:
    """One expression over all cases; ties are left to the neighbours, whose closed conditions cover them.

    Not where a neighbour runs off to infinity: its optimum does not reach the tie, which then stands first.
    """
    rows = [case for case in cases if case.ties is None] or list(cases)
    if any(case.optimum.has(sp.oo) for case in rows):
        rows = [case for case in cases if case.ties is not None] + [case for case in cases if case.ties is None]
    if len(rows) == 1:
        return getattr(rows[0], name)
    *first, last = rows
    return sp.Piecewise(
        *((getattr(case, name), case.condition) for case in first), (getattr(last, name), True), evaluate=False
    )
