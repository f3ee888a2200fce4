"""Divergences between two laws, pointwise, and recognising them in the value of a best response.

Each divergence is the integral of an integrand in the two density values p and q, homogeneous of degree one. An
integrand E is ``c d + a p + b q`` exactly when E - c d has vanishing second derivatives and no constant: rational
identities, so the answer is exact although logarithms stand in E. Main definitions: `Divergence`, `divergences`,
`Recognised`, `recognise`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import sympy as sp

from bilevel.language.errors import UnknownAnswer
from bilevel.language.outcomes import tidy
from bilevel.language.scalars import scalar

__all__ = ["Divergence", "Recognised", "divergences", "recognise"]

Expr = Any


@dataclass(frozen=True)
class Divergence:
    """A divergence between laws with densities p and q: its name, its notation and its pointwise integrand.

    Math: ``D(p || q) = integral of integrand(p(w), q(w)) over w``; nonnegative, zero exactly where p = q.

    Reference: Nowozin, Cseke, Tomioka 2016, arXiv:1606.00709, Table 1; the source of each is in ``reference``.

    Examples:
        >>> p, q = sp.symbols("p q", nonnegative=True)
        >>> divergences()["total variation"].integrand(p, q)
        Abs(p - q)/2
    """

    name: str
    notation: str
    integrand: Callable[[Expr, Expr], Expr]
    reference: str


def divergences() -> dict[str, Divergence]:
    """Every divergence that values are compared with, by name; simple ones first.

    Math: KL ``p log(p/q)``; Jensen-Shannon ``(p log(2p/(p+q)) + q log(2q/(p+q)))/2``; Pearson ``(p-q)^2/q``; squared
    Hellinger ``(sqrt p - sqrt q)^2`` (without the factor 1/2); total variation ``|p-q|/2``; triangular
    ``(p-q)^2/(p+q)``, which is the Pearson divergence of 2q from p+q in the least-squares GAN.

    Reference: Nowozin, Cseke, Tomioka 2016, arXiv:1606.00709; Mao et al. 2017, arXiv:1611.04076.

    Examples:
        >>> list(divergences())[:3]
        ['KL', 'reverse KL', 'Jensen-Shannon']
    """
    rows = (
        Divergence(
            "KL", "KL(p || q)", lambda p, q: p * sp.log(p / q), "Kullback, Leibler 1951, doi:10.1214/aoms/1177729694"
        ),
        Divergence(
            "reverse KL",
            "KL(q || p)",
            lambda p, q: q * sp.log(q / p),
            "Kullback, Leibler 1951, doi:10.1214/aoms/1177729694",
        ),
        Divergence("Jensen-Shannon", "JS(p, q)", _jensen_shannon, "Lin 1991, doi:10.1109/18.61115"),
        Divergence(
            "Pearson", "chi2(p || q)", lambda p, q: (p - q) ** 2 / q, "Pearson 1900, doi:10.1080/14786440009463897"
        ),
        Divergence("Neyman", "chi2(q || p)", lambda p, q: (p - q) ** 2 / p, "Nowozin et al. 2016, arXiv:1606.00709"),
        Divergence(
            "squared Hellinger",
            "H2(p, q)",
            lambda p, q: (sp.sqrt(p) - sp.sqrt(q)) ** 2,
            "Nowozin et al. 2016, arXiv:1606.00709",
        ),
        Divergence(
            "total variation",
            "TV(p, q)",
            lambda p, q: sp.Abs(p - q) / 2,
            "Nguyen, Wainwright, Jordan 2009, arXiv:math/0510521",
        ),
        Divergence(
            "triangular",
            "chi2(2 q || p + q)",
            lambda p, q: (p - q) ** 2 / (p + q),
            "Mao et al. 2017, arXiv:1611.04076, Theorem 1",
        ),
    )
    return {row.name: row for row in rows}


def _jensen_shannon(p: Expr, q: Expr) -> Expr:
    return (p * sp.log(2 * p / (p + q)) + q * sp.log(2 * q / (p + q))) / 2


@dataclass(frozen=True)
class Recognised:
    """A value written as a constant plus multiples of divergences, with the proof of the identity.

    Math: ``value = of_p p + of_q q + sum_k c_k d_k(p, q)`` at every point, so its integral is
    ``of_p + of_q + sum_k c_k D_k(p || q)`` for laws p and q.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661, Theorem 1.

    Examples:
        >>> p, q = sp.symbols("p q", nonnegative=True)
        >>> recognise(p*sp.log(p/(p + q)) + q*sp.log(q/(p + q)), p, q).statement
        '-2*log(2) + 2 * JS(p, q)'
    """

    terms: tuple[tuple[Expr, Divergence], ...]
    of_p: Expr
    of_q: Expr
    known: str = "exact"
    trace: tuple[str, ...] = ()

    @property
    def constant(self) -> Expr:
        """The value at p = q, for laws of total mass one."""
        return sp.expand(self.of_p + self.of_q)

    @property
    def statement(self) -> str:
        """The integrated identity in one line."""
        line = "" if self.constant == 0 and self.terms else str(self.constant)
        for c, d in self.terms:
            minus = c.could_extract_minus_sign()
            size = "" if abs(c) == 1 else f"{-c if minus else c} * "
            line += (" - " if minus else " + ") if line else "-" if minus else ""
            line += size + d.notation
        return line


def recognise(value: Expr, p: Expr, q: Expr) -> Recognised:
    """The divergence (or two) of which a value integrand is an affine function, proved as an identity.

    Math: decides ``value = a p + b q + c d(p, q)`` by ``d^2/dp^2``, ``d^2/dpdq``, ``d^2/dq^2`` of the difference and
    by its value at p = q = 1; for values with kinks, separately where ``p >= q`` and where ``p <= q``.

    Raises:
        UnknownAnswer: the value is no affine function of at most two of the divergences listed.

    Reference: Goodfellow et al. 2014, arXiv:1406.2661; Mao et al. 2017, arXiv:1611.04076.

    Examples:
        >>> p, q = sp.symbols("p q", nonnegative=True)
        >>> recognise(2*sp.Min(p, q), p, q).statement
        '2 - 2 * TV(p, q)'
    """
    value = scalar(value)
    if value.has(sp.Piecewise, sp.Abs, sp.Min, sp.Max):
        return _recognise_kinked(value, p, q)
    x, y = sp.Dummy("x", positive=True), sp.Dummy("y", positive=True)
    target = value.subs({p: x, q: y}, simultaneous=True)
    listed = {name: (row, row.integrand(x, y)) for name, row in divergences().items() if name != "total variation"}
    for size in (0, 1, 2):
        for names in combinations(listed, size):
            weights = _weights(target, [listed[name][1] for name in names], x, y)
            if weights is not None:
                found = _affine_rest(target - sum(c * listed[n][1] for c, n in zip(weights, names, strict=True)), x, y)
                if found is not None:
                    terms = tuple((c, listed[n][0]) for c, n in zip(weights, names, strict=True))
                    return Recognised(terms, *found, trace=_trace(terms, found, p, q))
    raise UnknownAnswer(
        f"the value {value} is no affine function of at most two known divergences",
        reached=", ".join(divergences()),
        next_step="read it as an f-divergence of its own: q * f(p/q) with f(t) = value at (t, 1)",
    )


def _rational(expression: Expr, x: Expr, y: Expr) -> Expr:
    """Canonical form of a rational expression in the square roots of x and y."""
    a, b = sp.Dummy("a", positive=True), sp.Dummy("b", positive=True)
    return sp.cancel(sp.together(expression.subs({x: a**2, y: b**2}, simultaneous=True)))


def _weights(target: Expr, candidates: list[Expr], x: Expr, y: Expr) -> list[Expr] | None:
    """Nonzero constants c_k with ``d^2/dx^2 (target - sum c_k d_k) = 0``, or None."""
    bends = [sp.diff(d, x, 2) for d in candidates]
    bend = sp.diff(target, x, 2)
    if not candidates:
        return [] if _rational(bend, x, y) == 0 else None
    unknowns = sp.symbols(f"c0:{len(candidates)}", cls=sp.Dummy)
    points = [(sp.Integer(4), sp.Integer(9)), (sp.Integer(25), sp.Integer(1))][: len(candidates)]
    equations = [
        (bend - sum(c * b for c, b in zip(unknowns, bends, strict=True))).subs({x: u, y: v}) for u, v in points
    ]
    solution = sp.solve(equations, unknowns, dict=True)
    if len(solution) != 1 or len(solution[0]) != len(unknowns):
        return None
    weights = [sp.factor(solution[0][c]) for c in unknowns]
    if (
        any(w == 0 for w in weights)
        or _rational(bend - sum(c * b for c, b in zip(weights, bends, strict=True)), x, y) != 0
    ):
        return None
    return weights


def _affine_rest(rest: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr] | None:
    """The coefficients a, b when ``rest = a x + b y`` identically, otherwise None."""
    if any(_rational(sp.diff(rest, *pair), x, y) != 0 for pair in ((x, x), (x, y), (y, y))):
        return None
    at_one = {x: sp.S.One, y: sp.S.One}
    a, b, total = (
        sp.expand(sp.expand_log(tidy(e.subs(at_one)), force=True)) for e in (sp.diff(rest, x), sp.diff(rest, y), rest)
    )
    leftover = sp.expand(total - a - b)
    if leftover != 0 and sp.simplify(leftover) != 0:
        return None
    return tidy(a), tidy(b)


def _trace(terms: tuple[tuple[Expr, Divergence], ...], rest: tuple[Expr, Expr], p: Expr, q: Expr) -> tuple[str, ...]:
    shown = " + ".join(f"({c}) * [{d.integrand(p, q)}]" for c, d in terms) or "0"
    return (
        f"difference R = value - {shown}",
        f"R_{p}{p} = R_{p}{q} = R_{q}{q} = 0 as rational identities, so R is affine in ({p}, {q})",
        (
            f"R_{p} = {rest[0]} and R_{q} = {rest[1]} at (1, 1), and R(1, 1) = R_{p} + R_{q}: R = ({rest[0]})*{p} + "
            f"({rest[1]})*{q}"
        ),
    )


def _recognise_kinked(value: Expr, p: Expr, q: Expr) -> Recognised:
    """A piecewise linear value: ``a p + b q + c |p - q|/2``, compared where p = q + s and where q = p + s."""
    base, s = sp.Dummy("m", positive=True), sp.Dummy("s", positive=True)
    halves = []
    for inside in ({p: base + s, q: base}, {p: base, q: base + s}):
        part = sp.expand(sp.piecewise_fold(_resolve(value.subs(inside, simultaneous=True))))
        along, across = part.coeff(base), part.coeff(s)
        if sp.expand(part - along * base - across * s) != 0 or (along.free_symbols | across.free_symbols) & {base, s}:
            raise UnknownAnswer(
                f"the value {value} is not linear on both sides of {p} = {q}", reached=f"{part} on one side"
            )
        halves.append((along, across))
    (a1, b1), (a2, b2) = halves
    if sp.expand(a1 - a2) != 0:
        raise UnknownAnswer(f"the value {value} jumps at {p} = {q}")
    weight = sp.expand(b1 + b2 - a1)
    variation = divergences()["total variation"]
    trace = (f"where {p} = {q} + s the value is {a1}*{q} + {b1}*s; where {q} = {p} + s it is {a2}*{p} + {b2}*s",)
    terms = ((weight, variation),) if weight != 0 else ()
    return Recognised(terms, sp.expand(b1 - weight / 2), sp.expand(b2 - weight / 2), trace=trace)


def _resolve(expression: Expr) -> Expr:
    """Absolute values, extrema and cases decided by symbols known positive."""
    decided = expression.replace(sp.Piecewise, lambda *rows: _first_true(rows))
    decided = decided.replace(sp.Max, lambda *args: _extreme(args, 1)).replace(sp.Min, lambda *args: _extreme(args, -1))
    return decided.replace(
        sp.Abs,
        lambda inner: (
            sp.expand(inner)
            if sp.expand(inner).is_nonnegative
            else -sp.expand(inner)
            if sp.expand(inner).is_nonpositive
            else sp.Abs(inner)
        ),
    )


def _first_true(rows: tuple[Any, ...]) -> Expr:
    for value, condition in rows:
        decided = (
            condition
            if condition in (sp.true, sp.false)
            else type(condition)(sp.expand(condition.lhs - condition.rhs), 0)
        )
        if decided == sp.true:
            return value
        if decided != sp.false:
            break
    return sp.Piecewise(*rows, evaluate=False)


def _extreme(args: tuple[Any, ...], direction: int) -> Expr:
    best = args[0]
    for other in args[1:]:
        gap = sp.expand(direction * (other - best))
        if gap.is_nonnegative:
            best = other
        elif not gap.is_nonpositive:
            return (sp.Max if direction == 1 else sp.Min)(*args)
    return best
