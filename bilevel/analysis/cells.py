"""One parameter: a formula as exact intervals, through real root isolation.

Main definitions: `Line` (the real roots of the polynomials in a formula, in order, and the cells between them),
`intervals` (the formula as a SymPy Boolean about the parameter).

Math: between neighbouring roots of all the polynomials every sign is constant, so one rational sample decides a
cell; at a root a polynomial is zero if the root's irreducible factor divides it, and otherwise has the sign it has
next to the root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flint
import sympy as sp
from flint import fmpq, fmpz_poly

from bilevel.analysis.enclosure import lower_end, upper_end
from bilevel.analysis.regions import evaluate, signs


@dataclass(frozen=True)
class Root:
    """A real root: its irreducible primitive polynomial, a ball that isolates it, its rank among the real roots of
    the factor."""

    polynomial: fmpz_poly
    ball: Any
    rank: int

    def exact(self, symbol: Any) -> Any:
        """The root as a SymPy number: rational, quadratic surd, or `CRootOf`."""
        c = [int(a) for a in self.polynomial.coeffs()]
        if len(c) == 2:
            return sp.Rational(-c[0], c[1])
        if len(c) == 3:
            root = sp.sqrt(c[1] ** 2 - 4 * c[2] * c[0])
            ends = sorted([(-c[1] - root) / (2 * c[2]), (-c[1] + root) / (2 * c[2])], key=lambda v: sp.N(v, 30))
            return sp.expand(ends[self.rank])
        if not any(c[1:-1]):  # a pure power c_n x^n + c_0
            value = (
                sp.root(sp.Rational(-c[0], c[-1]), len(c) - 1)
                if c[0] * c[-1] < 0
                else -sp.root(sp.Rational(c[0], c[-1]), len(c) - 1)
            )
            return -value if len(c) % 2 and self.rank == 0 else value
        x = sp.Dummy("x")
        return sp.CRootOf(sp.Poly(c[::-1], x), self.rank)

    @property
    def is_short(self) -> bool:
        """Whether the root has a closed form worth printing."""
        c = self.polynomial.coeffs()
        return len(c) <= 3 or not any(c[1:-1])


def univariate(p: Any, index: int) -> fmpz_poly:
    """A polynomial that involves one generator only, as a primitive integer polynomial with the same sign."""
    coefficients = [fmpq(0)] * (p.degrees()[index] + 1)
    for monomial, c in p.to_dict().items():
        coefficients[monomial[index]] = c
    denominator = 1
    for c in coefficients:
        denominator = denominator * int(c.q) // _gcd(denominator, int(c.q))
    return fmpz_poly([int((c * denominator).p) for c in coefficients])


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


def real_roots(factor: fmpz_poly) -> list[Any]:
    """Disjoint balls around the real roots of an irreducible polynomial, ascending."""
    roots: Any = factor.complex_roots()
    found = [z.real for z, _ in roots if z.imag == 0]
    return sorted(found, key=lambda b: b.mid())


class Line:
    """The real line of one generator, cut at the roots of the given polynomials: cells 0, 1, 2, ... (even open, odd
    points)."""

    def __init__(self, polynomials: Any, index: int, bounds: Any, *, without_zero: bool = False) -> None:
        self.index, self.bounds, self.without_zero = index, bounds, without_zero
        factors: list[fmpz_poly] = []
        ends = [b for b in (bounds[0], bounds[2], fmpq(0) if without_zero else None) if b is not None]
        extra = [fmpz_poly([-int(b.p), int(b.q)]) for b in ends]
        for p in [univariate(q, index) for q in polynomials] + extra:
            factors += [f for f, _ in p.factor()[1] if f.degree() > 0 and f not in factors]
        self.roots = self._isolated(factors)
        self.samples = self._samples()

    @staticmethod
    def _isolated(factors: list[fmpz_poly]) -> list[Root]:
        saved, precision = flint.ctx.prec, 64
        try:
            while True:
                flint.ctx.prec = precision
                roots = [Root(f, b, k) for f in factors for k, b in enumerate(real_roots(f))]
                roots.sort(key=lambda r: r.ball.mid())
                if all(a.ball < b.ball for a, b in zip(roots, roots[1:], strict=False)) or precision > 4096:
                    return roots
                precision *= 2
        finally:
            flint.ctx.prec = saved

    def _samples(self) -> list[fmpq]:
        """A rational point in each open cell, as simple as halving allows."""
        if not self.roots:
            return [fmpq(0) if self.bounds[0] is None else self.bounds[0] + 1]
        inner = [_between(a.ball, b.ball) for a, b in zip(self.roots, self.roots[1:], strict=False)]
        return [
            fmpq(_floor(lower_end(self.roots[0].ball)) - 1),
            *inner,
            fmpq(_floor(upper_end(self.roots[-1].ball)) + 1),
        ]

    @property
    def cells(self) -> range:
        """The cells inside the bounds."""
        inside = [k for k in range(2 * len(self.roots) + 1) if self._inside(k)]
        return range(inside[0], inside[-1] + 1) if inside else range(0)

    def _inside(self, k: int) -> bool:
        low, low_strict, up, up_strict = self.bounds
        if k % 2 == 0:
            x = self.samples[k // 2]
            return (low is None or x > low) and (up is None or x < up)
        c = self.roots[k // 2].polynomial.coeffs()
        end = fmpq(-int(c[0]), int(c[1])) if len(c) == 2 else None
        if end is not None and end in (low, up):
            return not (low_strict if end == low else up_strict)
        return self._inside(k - 1) or self._inside(k + 1)

    def point(self, k: int) -> fmpq | None:
        """A rational point of a cell: the sample of an open one, a rational root itself, None for another root."""
        if k % 2 == 0:
            return self.samples[k // 2]
        c = self.roots[k // 2].polynomial.coeffs()
        return fmpq(-int(c[0]), int(c[1])) if len(c) == 2 else None

    def sign(self, p: Any, k: int) -> int:
        """The sign of a polynomial on a cell."""
        q = univariate(p, self.index)
        if k % 2:
            root = self.roots[k // 2].polynomial
            if q == 0 or q.gcd(root).degree() > 0:
                return 0
            k = k + 1
        value = q(self.samples[k // 2])
        return (value > 0) - (value < 0)

    def is_excluded(self, k: int) -> bool:
        """Whether the cell is the point 0 and the generator is known not to vanish."""
        return self.without_zero and k % 2 == 1 and self.roots[k // 2].polynomial == fmpz_poly([0, 1])

    def truth(self, formula: Any, k: int) -> bool:
        """Whether the formula holds on a cell (on an excluded point: whether it holds on both sides)."""
        if self.is_excluded(k):
            return self.truth(formula, k - 1) and self.truth(formula, k + 1)
        return bool(evaluate(formula, lambda p: self.sign(p, k)))


def _floor(x: fmpq) -> int:
    return int(x.p) // int(x.q)


def _between(a: Any, b: Any) -> fmpq:
    """A dyadic rational of small denominator strictly between two disjoint balls, a below b."""
    low, high, denominator = upper_end(a), lower_end(b), 1
    while True:
        candidate = fmpq(_floor(low * denominator) + 1, denominator)
        if low < candidate < high:
            return candidate
        denominator *= 2


def intervals(line: Line, formula: Any, symbol: Any, *, short: bool = True) -> Any:
    """The formula as a Boolean about the symbol, inside the line's bounds; None when `short` and an end has no short
    closed form."""
    truth = {k: line.truth(formula, k) for k in line.cells}
    if all(truth.values()):
        return sp.true
    if not any(truth.values()):
        return sp.false
    ends = {k: line.roots[k // 2] for k in truth if k % 2}
    if all(v or k % 2 for k, v in truth.items()):
        missing = [ends[k] for k, v in truth.items() if not v]
        return (
            sp.And(*(sp.Ne(symbol, r.exact(symbol)) for r in missing))
            if not short or all(r.is_short for r in missing)
            else None
        )
    pieces, k, last = [], line.cells[0], line.cells[-1]
    while k <= last:
        if not truth[k]:
            k += 1
            continue
        start = k
        while k < last and truth[k + 1]:
            k += 1
        piece = _piece(line, start, k, symbol, short)
        if piece is None:
            return None
        pieces.append(piece)
        k += 1
    return sp.Or(*pieces)


def _piece(line: Line, start: int, stop: int, symbol: Any, short: bool) -> Any:
    first, last = line.cells[0], line.cells[-1]
    if start == stop and start % 2:
        root = line.roots[start // 2]
        return sp.Eq(symbol, root.exact(symbol)) if root.is_short or not short else None
    parts = []
    for cell, edge, closed, strict in ((start, first, sp.Ge, sp.Gt), (stop, last, sp.Le, sp.Lt)):
        if cell == edge:
            continue
        neighbour = cell if cell % 2 else (cell - 1 if edge == first else cell + 1)
        root = line.roots[neighbour // 2]
        if short and not root.is_short:
            return None
        parts.append((closed if cell % 2 else strict)(symbol, root.exact(symbol)))
    return sp.And(*parts)


def polynomials_of(*formulas: Any) -> list[Any]:
    """Every polynomial that occurs in the formulas."""
    return [s.polynomial for formula in formulas for s in signs(formula)]
