"""The exact minimum over one parameter of the largest modulus (map) or real part (flow) of the eigenvalues.

Main definitions: `exact_minimum`.

Math: |lambda|^2 = lambda conj(lambda) and Re lambda = (lambda + conj(lambda))/2, so what is minimised is at every
parameter a root w of Q(w, h) = res_z(p(z), z^n p(w/z)), whose roots are the products of two eigenvalues (for a flow of
res_z(p(z), p(2w - z)), half their sums). A continuous branch of roots is monotone or constant between the zeros of the
leading coefficients, discriminants and resultants of the factors of Q and of res_w(Q, dQ/dh). So the minimum is taken
at one of these finitely many algebraic parameters, unless the rate falls towards an end of the domain; both are read
off enclosures of eigenvalues, and what is equal is told from what is close by minimal polynomials.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import flint
import sympy as sp
from flint import arb, fmpq_mpoly_ctx, fmpz_poly

from bilevel.analysis.cells import Line, Root, real_roots, univariate
from bilevel.analysis.characteristic import characteristic_factors
from bilevel.analysis.enclosure import whole_power
from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.reduction import Assumptions
from bilevel.language.errors import UnknownAnswer

MAX_SIZE, MAX_DEGREE = 4, 40
PRECISIONS = (128, 512, 2048)


@dataclass(frozen=True)
class _Level:
    """The measure at a candidate: a ball, and the irreducible polynomial and rank that make it exact."""

    ball: Any
    root: Root


def exact_minimum(matrix: Any, over: Any, time: str, facts: Any = ()) -> tuple[Any, Any] | None:
    """(parameter, minimal w): w is the squared spectral radius of a map, the spectral abscissa of a flow.

    None past the size budget or for what is no rational function; UnknownAnswer where the infimum is not attained.
    """
    if matrix.rows > MAX_SIZE:
        return None
    coordinates = Coordinates(list(matrix), sp.Dummy("z"))
    if coordinates.parameters != (over,) or coordinates.has_floats:
        return None
    about = tuple(f for f in facts if getattr(f, "free_symbols", None) == {over})
    if set(facts) - set(about) - {True, sp.true}:
        return None
    factors, denominators = characteristic_factors(matrix, coordinates)
    search = _Search(coordinates, factors, denominators, Assumptions(coordinates, about), time)
    return search.minimum(over)


class Unattained(UnknownAnswer):
    """The rate gets better all the way to an end of the domain: there is no best value."""


class _Search:
    def __init__(self, coordinates: Any, factors: list[Any], denominators: list[Any], assumptions: Any, time: str):
        self.time, self.coordinates, self.assumptions = time, coordinates, assumptions
        self.context = fmpq_mpoly_ctx.get(["z", "w", "h"], "degrevlex")
        self.poles = denominators
        self.factors = [[self._moved(c) for c in f.coefficients] for f in factors]
        self.measures = self._measures()
        self.line = self._cut()

    def _moved(self, p: Any) -> Any:
        """A polynomial in the parameter as one in h."""
        return self.context.from_dict({(0, 0, m[2]): c for m, c in p.to_dict().items()})

    def _measures(self) -> list[Any]:
        """Irreducible polynomials in w and h whose roots include the measure."""
        z, w, _ = self.context.gens()
        found: list[Any] = []
        for c in self.factors:
            n = len(c) - 1
            p = sum((a * z**k for k, a in enumerate(c)), self.context.constant(0))
            if self.time == "discrete":
                other = sum((a * w**k * z ** (n - k) for k, a in enumerate(c)), self.context.constant(0))
            else:
                other = sum((a * (2 * w - z) ** k for k, a in enumerate(c)), self.context.constant(0))
            for factor, _ in p.resultant(other, 0).factor()[1]:
                if factor.degrees()[1] and factor not in found:
                    found.append(factor)
        return found

    def _cut(self) -> Line:
        """The parameter's line cut at every candidate."""
        walls = [self._leading(q) for q in self.measures]
        walls += [p.resultant(q, 1) for p, q in combinations(self.measures, 2)]
        for q in self.measures:
            walls += [q.resultant(q.derivative(1), 1)] if q.degrees()[1] > 1 else []
            slope = q.derivative(2)
            walls += [q.resultant(slope, 1) if slope.degrees()[1] else slope] if slope != 0 else []
        gens = self.coordinates.context
        back = [gens.from_dict({(0, 0, m[2]): c for m, c in p.to_dict().items()}) for p in walls if p != 0]
        polynomials = [p for p in (*back, *self.poles) if p.degrees()[2]]
        if any(f.degree() > MAX_DEGREE for p in polynomials for f, _ in univariate(p, 2).factor()[1]):
            raise UnknownAnswer("the candidates have too high a degree")
        return self.assumptions.line(polynomials, 2)

    def _leading(self, q: Any) -> Any:
        top = q.degrees()[1]
        return self.context.from_dict({(0, 0, m[2]): c for m, c in q.to_dict().items() if m[1] == top})

    # ---- what is minimised --------------------------------------------------------------------------

    def minimum(self, over: Any) -> tuple[Any, Any] | None:
        """The least measure over the candidates, if none is undercut at an end of the domain."""
        cells = self.line.cells
        inner = [k for k in cells if k % 2 and not self._is_pole(k) and not self.line.is_excluded(k)]
        if not inner:
            if len(cells) == 1 and any(q.degrees()[2] for q in self.measures):
                raise Unattained(f"the rate gets better all the way to an end of the domain of {over}")
            return None
        levels = {k: self._level(k) for k in inner}
        best = inner[0]
        for k in inner[1:]:
            if self._below(levels[k], levels[best]):
                best = k
        for end, inwards in ((cells[0], 1), (cells[-1], -1)):
            if end % 2 == 0 and end + inwards in levels and not self._rises(end, levels[end + inwards]):
                raise Unattained(f"the rate gets better all the way to an end of the domain of {over}")
        return self.line.roots[best // 2].exact(over), levels[best].root.exact(over)

    def _is_pole(self, k: int) -> bool:
        return any(self.line.sign(d, k) == 0 for d in self.poles)

    def _rises(self, cell: int, level: _Level) -> bool:
        """Whether the measure at an outer sample is at least that of the candidate next to it."""
        sample = self.line.samples[cell // 2]
        for precision in PRECISIONS:
            gap = self._measured(arb(sample), precision) - self._refined(level, precision)
            if not gap.contains(0):
                return bool(gap > 0)
        if any(q.degrees()[2] for q in self.measures):
            raise UnknownAnswer("the rate next to an end of the domain is too close to that at a candidate")
        return True  # constant up to the end

    def _below(self, one: _Level, other: _Level) -> bool:
        if one.root.polynomial == other.root.polynomial and one.root.rank == other.root.rank:
            return False
        for precision in PRECISIONS:
            gap = self._refined(one, precision) - self._refined(other, precision)
            if not gap.contains(0):
                return bool(gap < 0)
        raise UnknownAnswer("two candidates for the best value are too close to compare")

    def _refined(self, level: _Level, precision: int) -> arb:
        return _ball(level.root.polynomial, level.root.rank, precision)

    def _level(self, k: int) -> _Level:
        """The measure at a candidate as an exact algebraic number."""
        here = self.line.roots[k // 2]
        minimal = self.context.from_dict(
            {(0, 0, j): flint.fmpq(int(c)) for j, c in enumerate(here.polynomial.coeffs())}
        )
        options = []
        for q in self.measures:
            eliminated = minimal.resultant(q, 2) if q.degrees()[2] else q
            options += [f for f, _ in univariate(eliminated, 1).factor()[1] if f.degree() and f not in options]
        for precision in PRECISIONS:
            measured = self._measured(_ball(here.polynomial, here.rank, precision), precision)
            hits = [
                (f, rank) for f in options for rank, ball in enumerate(_balls(f, precision)) if ball.overlaps(measured)
            ]
            if len(hits) == 1:
                return _Level(measured, Root(hits[0][0], measured, hits[0][1]))
        raise UnknownAnswer("the rate at a candidate was not told from its conjugates")

    def _measured(self, parameter: arb, precision: int) -> arb:
        """The measure at a parameter known as a ball, from enclosures of all eigenvalues (multiple ones included)."""
        saved = flint.ctx.prec
        try:
            flint.ctx.prec = precision
            values = [v for c in self.factors for v in self._of_roots([_value(p, parameter) for p in c])]
            result = values[0]
            for v in values[1:]:
                result = result.max(v)
            return result
        finally:
            flint.ctx.prec = saved

    def _of_roots(self, balls: list[arb]) -> list[arb]:
        """The measure of every root of a polynomial with ball coefficients, multiple roots included.

        With q monic in the balls, p monic of their midpoints and |zeta| <= M for the roots zeta of q,
        min |zeta - z_i|^n <= |p(zeta)| = |p(zeta) - q(zeta)| <= sum rad_k M^k; and the same with p and q exchanged.
        """
        n = len(balls) - 1
        monic = [b / balls[n] for b in balls[:n]]
        middles = [exact_middle(b) for b in monic]
        bound = 1 + sum((abs(b) for b in monic), arb(0))
        spread = sum((arb(b.rad()) * bound**k for k, b in enumerate(monic)), arb(0))
        epsilon = arb(0) if spread == 0 else spread.root(n)
        roots: Any = flint.fmpq_poly([*middles, 1]).numer().complex_roots()
        around = arb(0, 1) * epsilon.upper()
        if self.time == "discrete":
            return [(abs(z) + around) ** 2 for z, _ in roots]
        return [z.real + around for z, _ in roots]


def exact_middle(ball: arb) -> flint.fmpq:
    """The midpoint of a ball as the dyadic rational it is."""
    mantissa, exponent = ball.mid().man_exp()
    m, e = int(mantissa), int(exponent)
    return flint.fmpq(m * 2**e) if e >= 0 else flint.fmpq(m, 2**-e)


def _value(p: Any, x: arb) -> arb:
    total = arb(0)
    for m, c in p.to_dict().items():
        total += arb(c) * whole_power(x, int(m[2]))
    return total


def _balls(f: fmpz_poly, precision: int) -> list[Any]:
    saved = flint.ctx.prec
    try:
        flint.ctx.prec = precision
        return real_roots(f)
    finally:
        flint.ctx.prec = saved


def _ball(f: fmpz_poly, rank: int, precision: int) -> Any:
    return _balls(f, precision)[rank]
