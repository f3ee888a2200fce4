"""Best responses under constraints: total mass (Lagrange), the simplex and boxes with their active sets.

A mass constraint couples points through one number only, the multiplier: the response is found pointwise for a given
multiplier, which the constraint then fixes. Main definitions: `best_density`, `DensityResponse`, `project_simplex`,
`project_box`, `ActiveSet`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.outcomes import comparison, tidy
from bilevel.language.pointwise import minimise_pointwise
from bilevel.language.scalars import scalar
from bilevel.language.signs import box

__all__ = ["ActiveSet", "DensityResponse", "best_density", "project_box", "project_simplex"]

Expr = Any


@dataclass(frozen=True)
class DensityResponse:
    """The best density, its multiplier, and the value of the problem where it is short.

    Math: where ``normaliser`` is given, ``value = mass * shape / Z`` with ``Z = integral of shape``, and ``optimum``
    is the value of the whole problem. Otherwise ``value`` contains the multiplier, fixed by ``constraint``: integral
    of ``value`` = mass.

    Reference: Ziebart 2010, Carnegie Mellon thesis, section 5; Boyd, Vandenberghe 2004, section 5.5.

    Examples:
        >>> Q, tau, pi = sp.Symbol("Q", real=True), sp.Symbol("tau", positive=True), sp.Symbol("pi", positive=True)
        >>> reply = best_density(pi*Q - tau*pi*sp.log(pi), pi, sense="max", pointwise=[Q])
        >>> reply.shape, reply.optimum
        (exp(Q/tau), tau*log(Z))
    """

    value: Expr
    shape: Expr | None
    normaliser: Expr | None
    multiplier: Expr
    optimum: Expr | None
    constraint: str
    known: str = "exact"
    trace: tuple[str, ...] = ()


def best_density(
    integrand: Expr,
    density: Expr,
    *,
    sense: str = "min",
    pointwise: Iterable[Expr],
    mass: Expr = 1,
    assuming: Iterable[Any] = (),
) -> DensityResponse:
    """The best response of a player that moves a nonnegative function of given total mass.

    Math: stationarity of ``L(u, w) - multiplier * u`` at every w with ``integral of u = mass``. ``pointwise`` names
    the symbols that vary with w (everything else is constant); a strictly convex cost makes the multiplier and the
    response unique.

    Raises:
        GameError: the sense has no meaning.
        UnknownAnswer: the pointwise problem for a given multiplier is not solved, or not strictly convex.

    Reference: Boyd, Vandenberghe 2004, section 5.5; Haarnoja et al. 2017, arXiv:1702.08165, Theorem 1.

    Examples:
        >>> c, p = sp.Symbol("c", real=True), sp.Symbol("p", positive=True)
        >>> q = sp.Symbol("q", positive=True)
        >>> best_density(q*c + q*sp.log(q/p), q, sense="min", pointwise=[c, p]).value
        p*exp(-c)/Z
    """
    if sense not in ("min", "max"):
        raise GameError(f"the sense of a best response is 'min' or 'max', not {sense!r}")
    turn = 1 if sense == "min" else -1
    varying = set(pointwise)
    u, multiplier = sp.Dummy(str(density), positive=True), sp.Symbol("lambda", real=True)
    cost = turn * scalar(integrand).subs(density, u)
    outcomes, trace, side = _given_multiplier(cost, u, multiplier, tuple(assuming))
    inner = [case for case in outcomes if case.reason == "interior"]
    found = inner[0].value
    trace = tuple(
        line.replace(f"_{u.name}", u.name).replace("_X", "X")
        for line in (f"Lagrangian at each point: {cost - multiplier * u}", *trace)
    )
    if len(outcomes) == 1:
        split = _split(found, multiplier, varying, side)
        if split is not None:
            return _normalised(cost, u, split, mass, turn, varying, multiplier, trace)
    value = found if len(outcomes) == 1 else sp.Piecewise((found, inner[0].condition), (0, True))
    constraint = f"integral of value = {mass}"
    return DensityResponse(
        value, None, None, multiplier, None, constraint, trace=(*trace, f"the multiplier is fixed by {constraint}")
    )


def _given_multiplier(cost: Expr, u: Expr, multiplier: Expr, assuming: tuple[Any, ...]) -> tuple[Any, Any, int]:
    """The pointwise problem for a fixed multiplier: any real one, or of the one sign for which it has an interior
    optimum.

    The whole problem is convex, so a stationary point for any one multiplier is its global optimum.
    """
    region = box((cost.free_symbols | {multiplier}) - {u}, assuming)
    half_lines = {0: sp.Interval.open(-sp.oo, sp.oo), -1: sp.Interval.open(-sp.oo, 0), 1: sp.Interval.open(0, sp.oo)}
    reached = ""
    for side, values in half_lines.items():
        try:
            outcomes, trace, _ = minimise_pointwise(
                cost - multiplier * u, u, sp.Interval.open(0, sp.oo), region.with_side(multiplier, values)
            )
        except UnknownAnswer as unknown:
            reached = reached or str(unknown)
            continue
        if len([case for case in outcomes if case.reason == "interior"]) == 1:
            return outcomes, trace, side
    raise UnknownAnswer(
        "the best density is not one formula for a given multiplier",
        reached=reached,
        next_step="state assumptions, or a strictly convex cost",
    )


def _split(value: Expr, multiplier: Expr, varying: set[Any], side: int) -> Expr | None:
    """The factor that varies with w, when the response is a function of the multiplier times a function of w.

    The rate r = d log(value)/d multiplier must be constant (value ~ exp(r multiplier), any real multiplier) or a
    constant over the multiplier (value ~ a power of it, one sign): then every positive constant is reached and the
    mass fixes it.
    """
    rate = sp.cancel(sp.together(sp.diff(value, multiplier) / value))
    rate = rate if side == 0 else sp.cancel(rate * multiplier)
    if rate.free_symbols & (varying | {multiplier}) or rate == 0:
        return None
    kept = []
    for factor in sp.Mul.make_args(value.subs(multiplier, side)):
        if isinstance(factor, sp.exp):
            factor = sp.exp(
                sp.Add(*(t for t in sp.Add.make_args(sp.expand(factor.args[0])) if t.free_symbols & varying))
            )
        if factor.free_symbols & varying:
            kept.append(factor)
    return sp.Mul(*kept)


def _normalised(
    cost: Expr, u: Expr, shape: Expr, mass: Expr, turn: int, varying: set[Any], multiplier: Expr, trace: tuple[str, ...]
) -> DensityResponse:
    z = sp.Symbol("Z", positive=True)
    best = mass * shape / z
    per_mass = tidy(sp.expand(sp.expand_log(sp.cancel(sp.together(cost / u)).subs(u, best), force=True)))
    per_mass = sp.expand(per_mass)
    optimum = None if per_mass.free_symbols & varying else sp.factor(turn * mass * per_mass)
    more: tuple[str, ...] = (
        (
            f"the response is (constant) * {shape}; total mass {mass} gives the constant {mass}/Z with Z = integral "
            f"of {shape}"
        ),
    )
    if optimum is not None:
        more += (
            (
                f"the integrand at the response is ({sp.factor(turn * per_mass)}) times the density, so its "
                f"integral is {optimum}"
            ),
        )
    return DensityResponse(best, shape, z, multiplier, optimum, f"Z = integral of {shape}", trace=(*trace, *more))


@dataclass(frozen=True)
class ActiveSet:
    """A projection with the constraints that are active: the point, the multiplier and the condition of the case.

    Math: ``value`` is the nearest point; ``active`` are the indices held at a bound; the KKT conditions prove it.

    Reference: Duchi et al. 2008, doi:10.1145/1390156.1390191.

    Examples:
        >>> project_simplex([1, 1, 0])[0].active
        (2,)
    """

    value: tuple[Expr, ...]
    active: tuple[int, ...]
    multiplier: Expr | None
    condition: Any = sp.true
    known: str = "exact"
    trace: tuple[str, ...] = ()


def project_simplex(point: Sequence[Expr], total: Expr = 1) -> tuple[ActiveSet, ...]:
    """The Euclidean projection onto ``{x >= 0, sum x = total}``: one case for numbers, one per active set for symbols.

    Math: ``x_i = max(v_i - lambda, 0)``; on the support S ``lambda = (sum_S v - total)/|S|``; the case holds where
    ``v_i > lambda`` on S and ``v_j <= lambda`` off S.

    Raises:
        UnknownAnswer: more than six symbolic entries (63 active sets are the limit).

    Reference: Duchi, Shalev-Shwartz, Singer, Chandra 2008, doi:10.1145/1390156.1390191.

    Examples:
        >>> project_simplex([sp.Rational(1, 2), 1, 0])[0].value
        (1/4, 3/4, 0)
        >>> a, b = sp.symbols("a b", real=True)
        >>> len(project_simplex([a, b]))
        3
    """
    entries = [scalar(v) for v in point]
    if not entries:
        raise GameError("a point of the simplex has at least one entry; an empty one came")
    if all(v.is_number for v in entries):
        order = sorted(range(len(entries)), key=lambda i: (-entries[i], i))
        for size in range(len(order), 0, -1):
            support = tuple(sorted(order[:size]))
            case = _simplex_case(entries, support, total)
            if case.condition == sp.true:
                return (case,)
        raise UnknownAnswer("no active set satisfies the KKT conditions exactly", next_step="give rational numbers")
    if len(entries) > 6:
        raise UnknownAnswer(
            f"{len(entries)} symbolic entries have {2 ** len(entries) - 1} active sets",
            next_step="fix some of the entries",
        )
    supports = chain.from_iterable(combinations(range(len(entries)), size) for size in range(len(entries), 0, -1))
    cases = (_simplex_case(entries, support, total) for support in supports)
    return tuple(case for case in cases if case.condition != sp.false)


def _simplex_case(entries: list[Any], support: tuple[int, ...], total: Expr) -> ActiveSet:
    multiplier = (sum(entries[i] for i in support) - total) / sp.Integer(len(support))
    conditions = [comparison(v - multiplier, ">" if i in support else "<=") for i, v in enumerate(entries)]
    value = tuple(sp.expand(v - multiplier) if i in support else sp.S.Zero for i, v in enumerate(entries))
    active = tuple(i for i in range(len(entries)) if i not in support)
    trace = (
        f"support {support}: multiplier {multiplier}",
        "stationary on the support, dual feasible off it; the objective is strictly convex: unique",
    )
    return ActiveSet(value, active, multiplier, sp.And(*conditions), trace=trace)


def project_box(point: Sequence[Expr], low: Expr, high: Expr) -> ActiveSet:
    """Weight clipping: the Euclidean projection onto a box, entry by entry.

    Math: ``x_i = min(max(v_i, low), high)``; a symbolic entry stays a case distinction.

    Raises:
        GameError: the low end is above the high end.

    Reference: Arjovsky, Chintala, Bottou 2017, arXiv:1701.07875, Algorithm 1.

    Examples:
        >>> project_box([2, -3, sp.Rational(1, 3)], -1, 1).value
        (1, -1, 1/3)
    """
    low, high = scalar(low), scalar(high)
    if (low > high) is sp.true:
        raise GameError(f"a box runs from low to high; it came as [{low}, {high}]")
    entries = [scalar(v) for v in point]
    value = tuple(
        sp.Min(sp.Max(v, low), high) if v.is_number else sp.Piecewise((low, v <= low), (high, v >= high), (v, True))
        for v in entries
    )
    active = tuple(
        i for i, v in enumerate(entries) if v.is_number and ((v <= low) is sp.true or (v >= high) is sp.true)
    )
    return ActiveSet(value, active, None, trace=("separable: each entry moves to the nearest end of its interval",))
