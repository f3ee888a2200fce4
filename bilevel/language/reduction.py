"""From a derivative to a polynomial with the same sign.

Positive factors are dropped, a sum of logarithms is exponentiated, and ``exp(k u)``, ``u**(1/m)`` or ``log(u)``
become the unknown: each step keeps the sign at every point of the range. Main definitions: `Reduced`, `reduce_sign`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import gcd, lcm
from typing import Any

import sympy as sp

from bilevel.language.errors import UnknownAnswer
from bilevel.language.signs import Box, sign, signed_factors

Expr = Any


@dataclass(frozen=True)
class Reduced:
    """A polynomial in an increasing function of u with the sign of the derivative, and the way back to u."""

    polynomial: Expr
    unknown: Expr
    interval: Any
    back: Callable[[Expr], Expr]
    trace: tuple[str, ...] = ()


def reduce_sign(slope: Expr, u: Expr, interval: Any, region: Box) -> Reduced:
    """The polynomial whose sign is the sign of the derivative at every value in the (open) range."""
    plain = elementary(slope)
    changed = _logs_away(plain, u, region)
    trace: tuple[str, ...] = () if changed == plain else (f"logarithms exponentiated: same sign as {changed}",)
    for change in (_as_it_is, _exponential, _root_power, _logarithm):
        found = change(changed, u, interval)
        if found is not None:
            polynomial, dropped = _drop_factors(found.polynomial, found.unknown, found.interval, region)
            trace += (f"unknown {found.unknown} = {found.trace[0]} on {found.interval}",) if found.trace else ()
            trace += (f"factors of constant sign dropped ({dropped}): same sign as {polynomial}",) if dropped else ()
            if polynomial.is_polynomial(found.unknown):
                return replace(found, polynomial=polynomial, trace=trace)
    return _by_convexity(slope, u, interval, region)


def elementary(expression: Expr) -> Expr:
    """Sigmoid, softplus and hyperbolic functions written with exponentials and logarithms."""
    by_name = {"sigmoid": lambda x: 1 / (1 + sp.exp(-x)), "softplus": lambda x: sp.log(1 + sp.exp(x))}
    named = expression.replace(
        lambda e: type(e).__name__ in by_name and len(e.args) == 1, lambda e: by_name[type(e).__name__](e.args[0])
    )
    return named.rewrite((sp.tanh, sp.cosh, sp.sinh), sp.exp)


def _logs_away(expression: Expr, u: Expr, region: Box) -> Expr:
    """``B + c sum_i n_i log(A_i)`` has the sign of ``c (prod A_i^n_i - exp(-B/c))``."""
    numerator, denominator = sp.fraction(sp.together(expression))
    logs = [a for a in numerator.atoms(sp.log) if a.has(u)]
    if not logs or (denominator.has(u) and not sign(denominator, region.with_side(u, sp.Interval.open(0, sp.oo)))):
        return expression
    spread = sp.expand(sp.expand_log(expression, force=False))
    logs = sorted((a for a in spread.atoms(sp.log) if a.has(u)), key=str)
    weights = {a: spread.coeff(a) for a in logs}
    rest = sp.expand(spread - sum(w * a for a, w in weights.items()))
    common = next(iter(weights.values()))
    powers = {a: sp.cancel(w / common) for a, w in weights.items()}
    if rest.has(u) or any(w.has(u) for w in weights.values()) or any(not n.is_rational for n in powers.values()):
        return expression
    scale = lcm(*(int(n.q) for n in powers.values()))
    common, powers = common / scale, {a: n * scale for a, n in powers.items()}
    direction = sign(common, region)
    if not direction:
        return expression
    return direction * (sp.Mul(*(a.args[0] ** n for a, n in powers.items())) - sp.exp(sp.expand(-rest / common)))


def _as_it_is(expression: Expr, u: Expr, interval: Any) -> Reduced | None:
    if not expression.is_rational_function(u):
        return None
    return Reduced(expression, u, interval, lambda x: x)


def _exponential(expression: Expr, u: Expr, interval: Any) -> Reduced | None:
    x = sp.Dummy("X", real=True)
    rates, parts = [], {}
    for atom in (a for a in expression.atoms(sp.exp) if a.has(u)):
        rate = sp.expand(atom.args[0]).coeff(u)
        rest = sp.expand(atom.args[0] - rate * u)
        if rest.has(u) or not rate.is_rational:
            return None
        rates.append(rate)
        parts[atom] = (rate, rest)
    if not rates:
        return None
    unit = sp.Rational(gcd(*(int(r.p) for r in rates)), lcm(*(int(r.q) for r in rates)))
    carried = expression.xreplace({atom: sp.exp(rest) * x ** (rate / unit) for atom, (rate, rest) in parts.items()})
    if carried.has(u) or not carried.is_rational_function(x):
        return None
    ends = sp.Interval(
        sp.exp(unit * interval.start), sp.exp(unit * interval.end), interval.left_open, interval.right_open
    )
    return Reduced(carried, x, ends, lambda value: sp.log(value) / unit, (f"exp({unit * u})",))


def _root_power(expression: Expr, u: Expr, interval: Any) -> Reduced | None:
    powers = [a for a in expression.atoms(sp.Pow) if a.base == u and a.exp.is_rational and not a.exp.is_integer]
    if not powers or (interval.start >= 0) is not sp.true:
        return None
    m = lcm(*(int(a.exp.q) for a in powers))
    x = sp.Dummy("X", positive=True)
    carried = expression.subs(u, x**m)
    if not carried.is_rational_function(x):
        return None
    ends = sp.Interval(sp.root(interval.start, m), sp.root(interval.end, m), interval.left_open, interval.right_open)
    free = sp.Dummy("X", real=True)
    return Reduced(carried.xreplace({x: free}), free, ends, lambda value: value**m, (f"{u}**(1/{m})",))


def _logarithm(expression: Expr, u: Expr, interval: Any) -> Reduced | None:
    x = sp.Dummy("X", real=True)
    carried = expression.xreplace({sp.log(u): x})
    if carried.has(u) or not carried.is_rational_function(x) or (interval.start >= 0) is not sp.true:
        return None
    low = -sp.oo if interval.start == 0 else sp.log(interval.start)
    ends = sp.Interval(low, sp.log(interval.end), interval.left_open, interval.right_open)
    return Reduced(carried, x, ends, sp.exp, (f"log({u})",))


def _drop_factors(expression: Expr, x: Expr, interval: Any, region: Box) -> tuple[Expr, str]:
    """Drop every factor whose sign over range and parameters is proved;
    an even power vanishes at most at single points.
    """
    inner = region.with_side(x, sp.Interval.open(interval.start, interval.end))
    constant, factors = signed_factors(expression)
    direction = -1 if constant.is_negative else 1
    kept, dropped = sp.S.One if constant.is_positive or constant.is_negative else constant, []
    for factor, power in factors:
        one = sign(factor, inner)
        if one in (1, -1):
            direction *= one ** abs(power)
            dropped.append(factor**power)
        elif factor.has(x) and power % 2 == 0:
            dropped.append(factor**power)
        else:
            kept *= factor if power % 2 else factor**2
    return sp.expand(direction * kept), ", ".join(str(d) for d in dropped)


def _by_convexity(slope: Expr, u: Expr, interval: Any, region: Box) -> Reduced:
    """A strictly increasing derivative with a known zero s has the sign of ``u - s``."""
    if sign(sp.diff(slope, u), region.with_side(u, sp.Interval.open(interval.start, interval.end))) == 1:
        try:
            roots = [s for s in sp.solve(slope, u) if not s.has(sp.I) and _vanishes(slope.subs(u, s))]
        except NotImplementedError:
            roots = []
        if len(roots) == 1:
            return Reduced(
                u - roots[0],
                u,
                interval,
                lambda x: x,
                (f"strictly convex (second derivative {sp.diff(slope, u)} > 0) with zero slope at {roots[0]}",),
            )
    raise UnknownAnswer(
        f"the stationarity equation {sp.Eq(slope, 0)} is not reduced to a polynomial in one function of {u}",
        reached=f"derivative {slope}",
        next_step="state more assumptions, rewrite the loss in another variable, or use the coordinate level",
    )


def _vanishes(expression: Expr) -> bool:
    """Exact zero test for a stationarity equation at a proposed zero; ``exp(W(x)) = x/W(x)``."""
    opened = expression.replace(
        sp.exp, lambda a: sp.Mul(*(sp.exp(t) for t in sp.Add.make_args(sp.expand(a))), evaluate=False)
    )
    lambert = opened.replace(
        sp.exp,
        lambda a: (
            a.args[0] / a
            if isinstance(a, sp.LambertW)
            else (-a).args[0] ** -1 * -a
            if isinstance(-a, sp.LambertW)
            else sp.exp(a)
        ),
    )
    return bool(sp.simplify(lambert) == 0)
