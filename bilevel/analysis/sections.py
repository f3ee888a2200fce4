"""One parameter's line cut where the stability of some matrices may change, and what holds on every piece.

Main definitions: `sections`, `Sections`, `Piece`.

Math: as the parameter h moves, an eigenvalue reaches the boundary of stability only where p(1) p(-1) D_{n-1} = 0
(map; D_{n-1} of the Moebius image) or p(0) D_{n-1} = 0 (flow), p an irreducible factor of det(z - J(h)); or where its
leading coefficient vanishes. A factor that is its own reflection (z^n p(1/z) = +-p, or p(-z) = +-p) has D_{n-1} = 0
throughout; its roots leave the boundary where they meet, at zeros of its discriminant. So between neighbouring zeros of
all these polynomials the numbers of eigenvalues beyond and on the boundary are constant, and one rational sample
decides them by exact counts or by enclosures.

Cost: one determinant of size n - 1 over polynomials in h for a factor of degree n, then root isolation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import sympy as sp
from flint import arb, fmpq

from bilevel.analysis import isolation as iso
from bilevel.analysis.cells import real_roots, univariate
from bilevel.analysis.characteristic import Factor, characteristic_factors
from bilevel.analysis.enclosure import enclose, truth_at
from bilevel.analysis.hurwitz import bareiss, hurwitz_matrix
from bilevel.analysis.polynomials import Coordinates, to_sympy
from bilevel.analysis.schur import moebius
from bilevel.language.errors import UnknownAnswer
from bilevel.language.root_counts import census

PRECISIONS = (64, 256, 1024)
STABLE, UNSTABLE, MARGINAL = "stable", "unstable", "marginal"


@dataclass(frozen=True)
class Piece:
    """An open piece of the line, a rational sample in it, and the kind of every matrix there.

    Math: `low` and `high` are balls around its ends, None where it is unbounded.

    Reference: see `sections`.

    Examples:
        >>> Piece(None, None, sp.S.One, ("stable",)).kinds
        ('stable',)
    """

    low: Any
    high: Any
    sample: Any
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Sections:
    """The pieces in order; `complete` unless two ends could not be told apart, so that a piece may be missing.

    Math: see `sections`.

    Reference: see `sections`.

    Examples:
        >>> Sections((), True).complete
        True
    """

    pieces: tuple[Piece, ...]
    complete: bool

    def where(self, kind: str, k: int = 0) -> list[tuple[Any, Any]]:
        """The largest open intervals on which matrix k is of one kind, up to single points."""
        found: list[list[Any]] = []
        previous = None
        for piece in self.pieces:
            if piece.kinds[k] == kind:
                if found and previous is piece.low:
                    found[-1][1] = piece.high
                else:
                    found.append([piece.low, piece.high])
                previous = piece.high
        return [(low, high) for low, high in found]


def sections(matrices: Sequence[Any], over: Any, *, time: str, facts: Iterable[Any] = ()) -> Sections:
    """The line of one parameter in pieces on each of which every matrix keeps its kind: stable, marginal, unstable.

    Math: discrete: spectral radius below, at, above 1; continuous: spectral abscissa below, at, above 0. Single points
        between pieces are left out. Positive parameters keep to positive values, and all keep to the `facts`.

    Raises: UnknownAnswer where another symbol occurs, or an end cannot be isolated.

    Reference: Jury (1962); Lienard and Chipart (1914); Basu, Pollack, Roy (2006), section 2.4, for sample points.

    Examples:
        >>> h = sp.Symbol("h", positive=True)
        >>> found = sections([sp.Matrix([[1 - h]]), sp.Matrix([[1 - 2*h]])], h, time="discrete")
        >>> [(piece.sample, *piece.kinds) for piece in found.pieces]
        [(1/2, 'stable', 'stable'), (3/2, 'stable', 'unstable'), (3, 'unstable', 'unstable')]
    """
    about = [fact for fact in facts if over in getattr(fact, "free_symbols", ())]
    others = {s for part in (*map(sp.Matrix, matrices), *about) for s in part.free_symbols} - {over}
    if others:
        raise UnknownAnswer(f"{', '.join(sorted(map(str, others)))} stand beside {over}", next_step="fix them")
    gaps = [r.lhs - r.rhs for fact in about for r in fact.atoms(sp.core.relational.Relational)]
    coordinates = Coordinates([over, *gaps, *(entry for matrix in matrices for entry in matrix)], sp.Dummy("z"))
    line = Cutter(coordinates, coordinates.meaning.index(over), time)
    factors = []
    for matrix in matrices:
        found, poles = characteristic_factors(sp.ImmutableMatrix(matrix), coordinates)
        factors.append(found)
        for wall in (*poles, *(wall for factor in found for wall in line.walls(factor))):
            line.cut(wall)
    for part in (part for gap in gaps for part in coordinates.convert(gap)):
        line.cut(part)
    sides = [fine for known, fine in ((over.is_nonnegative, 1), (over.is_nonpositive, -1)) if known]
    if sides:
        line.cut(coordinates.generators[line.index])
    cut = line.pieces(factors)
    kept = [p for p in cut.pieces if all(p.sample * side > 0 for side in sides)]
    fitting = (p for p in kept if all(truth_at(fact, {over: p.sample}) is not False for fact in about))
    return Sections(tuple(fitting), cut.complete)


class Cutter:
    def __init__(self, coordinates: Coordinates, index: int, time: str) -> None:
        self.coordinates, self.index, self.time = coordinates, index, time
        self.factors: list[Any] = []
        self._numbers: dict[tuple[int, int], arb] = {}

    # ---- where something may change ---------------------------------------------------------------------

    def walls(self, factor: Factor) -> Iterable[Any]:
        """Polynomials one of which vanishes where the kind of a factor of the characteristic polynomial changes."""
        c, n = factor.coefficients, factor.degree
        if self.time == "discrete":
            ends = [c[-1], _sum(c), _sum([-a if k % 2 else a for k, a in enumerate(c)])]
            hurwitz = moebius(c, self.coordinates.zero)[::-1]
        else:
            ends, hurwitz = [c[-1], c[0]], list(c)[::-1]
        if n < 2:
            return ends
        folded = self.folded(c)
        if folded is not None:
            return [*ends, *([] if len(folded) < 3 else [self._discriminant(folded)])]
        pairs = self.coordinates.reduce(
            bareiss(hurwitz_matrix(hurwitz, n - 1, self.coordinates.zero), self.coordinates.zero)
        )
        if pairs == 0:
            raise UnknownAnswer("pairs of eigenvalues stay mirrored in a factor that was not split further")
        return [*ends, pairs]

    def folded(self, c: Sequence[Any]) -> list[Any] | None:
        """For a factor that is its own reflection: q with p(z) = z^m q(z + 1/z), or p(z) = q(z^2); None otherwise."""
        n = len(c) - 1
        if n % 2:
            return None
        if self.time == "continuous":
            return list(c[::2]) if all(a == 0 for a in c[1::2]) else None
        if list(c) != list(c[::-1]):
            return None
        # z^k + z^-k = T_k(z + 1/z), with T_0 = 2, T_1 = t, T_{k+1} = t T_k - T_{k-1}.
        m, zero = n // 2, self.coordinates.zero
        table = [[2], [0, 1]]
        while len(table) <= m:
            longer = [0, *table[-1]]
            for k, a in enumerate(table[-2]):
                longer[k] -= a
            table.append(longer)
        q = [zero] * (m + 1)
        q[0] = q[0] + c[m]
        for k in range(1, m + 1):
            for j, a in enumerate(table[k]):
                q[j] = q[j] + c[m + k] * a
        return q

    def _discriminant(self, q: Sequence[Any]) -> Any:
        z = self.coordinates.generators[0]
        p = sum((a * z**k for k, a in enumerate(q)), self.coordinates.zero)
        return self.coordinates.reduce(p.resultant(p.derivative(0), 0))

    def cut(self, wall: Any) -> None:
        """Cut the line at the zeros of a polynomial."""
        wall = self.coordinates.reduce(wall)
        for factor, _ in [] if wall == 0 or wall.is_constant() else wall.factor()[1]:
            if factor.degrees()[self.index] and factor not in self.factors:
                self.factors.append(factor)

    # ---- isolated ends -------------------------------------------------------------------------------------

    def _number(self, index: int, precision: int) -> arb:
        """A generator that is a number, as a ball."""
        if (index, precision) not in self._numbers:
            ball = enclose(self.coordinates.expression(self.coordinates.generators[index]), precision=precision)
            if ball is None:
                raise UnknownAnswer(f"{self.coordinates.meaning[index]} has no enclosure")
            self._numbers[index, precision] = ball
        return self._numbers[index, precision]

    def _only_over(self, p: Any) -> bool:
        return all(k == self.index or d <= 0 for k, d in enumerate(p.degrees()))

    def in_balls(self, p: Any, precision: int) -> list[arb]:
        """Coefficients in the parameter, constant first."""
        found = [arb(0)] * (max(p.degrees()[self.index], 0) + 1)
        for monomial, c in p.to_dict().items():
            term = arb(c)
            for k, e in enumerate(monomial):
                if e and k != self.index:
                    term = term * self._number(k, precision) ** int(e)
            found[monomial[self.index]] += term
        return found

    def _roots(self, factor: Any, precision: int) -> list[arb] | None:
        """Balls around the real zeros of a cut; None where this precision does not isolate them."""
        if self._only_over(factor):
            return real_roots(univariate(factor, self.index))
        return iso.real_balls(self.in_balls(factor, precision))

    def _ends(self) -> tuple[list[arb], bool]:
        """All real zeros in order, and whether all could be told apart."""
        saved = flint.ctx.prec
        blurred: list[arb] | None = None
        try:
            for precision in PRECISIONS:
                flint.ctx.prec = precision
                found = [self._roots(factor, precision) for factor in self.factors]
                if None in found:
                    continue
                balls = sorted((b for roots in found for b in roots or ()), key=lambda b: b.mid())
                if all(a < b for a, b in zip(balls, balls[1:], strict=False)):
                    return balls, True
                blurred = iso.merged(balls)
        finally:
            flint.ctx.prec = saved
        if blurred is None:
            raise UnknownAnswer("an end of a piece was not isolated")
        return blurred, False

    # ---- samples ----------------------------------------------------------------------------------------------

    def pieces(self, factors: Sequence[Sequence[Factor]]) -> Sections:
        """Every piece with the kinds at its sample."""
        ends, complete = self._ends()
        made = []
        for low, high in itertools.pairwise([None, *ends, None]):
            sample = iso.between(low, high)
            made.append(Piece(low, high, to_sympy(sample), tuple(self._kind(each, sample) for each in factors)))
        return Sections(tuple(made), complete)

    def _kind(self, factors: Sequence[Factor], sample: fmpq) -> str:
        counts = [self._counts(factor, sample) for factor in factors]
        return UNSTABLE if any(b for _, b in counts) else MARGINAL if any(on for on, _ in counts) else STABLE

    def _counts(self, factor: Factor, sample: fmpq) -> tuple[int, int]:
        """(on the boundary, beyond it) at a sample."""
        if all(self._only_over(c) for c in factor.coefficients):
            values = [iso.valued(iso.rational_coefficients(c, self.index), sample) for c in factor.coefficients]
            _, on, beyond = census(iso.whole(values), circle=self.time == "discrete")
            return on, beyond
        folded = self.folded(factor.coefficients)
        saved = flint.ctx.prec
        try:
            for precision in PRECISIONS:
                flint.ctx.prec = precision
                found = self._by_balls(factor.coefficients if folded is None else folded, sample, precision, folded)
                if found is not None:
                    return found
        finally:
            flint.ctx.prec = saved
        raise UnknownAnswer("an eigenvalue was not told from the boundary")

    def _by_balls(self, c: Sequence[Any], sample: fmpq, precision: int, folded: Any) -> tuple[int, int] | None:
        coefficients = [iso.valued(self.in_balls(a, precision), sample) for a in c]
        roots = iso.isolated(coefficients)
        if roots is None:
            return None
        if folded is None:
            gaps = [abs(z) - 1 if self.time == "discrete" else z.real for z in roots]
            return None if any(gap.contains(0) for gap in gaps) else (0, sum(gap > 0 for gap in gaps))
        on = 0
        for z in roots:  # a pair on the circle: z + 1/z in (-2, 2); on the axis: z^2 < 0
            real = sum(z.conjugate().overlaps(other) for other in roots) == 1 and z.imag.contains(0)
            inside = abs(z.real) - 2 if self.time == "discrete" else z.real
            if real and inside.contains(0):
                return None
            on += 2 * bool(real and inside < 0)
        return on, (2 * len(roots) - on) // 2


def _sum(terms: Sequence[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
