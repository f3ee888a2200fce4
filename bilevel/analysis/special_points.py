"""Points of codimension two in a plane of parameters: where two things happen on the boundary of stability at once.

Main definitions: `SpecialPoint`, `special_points`.

Math: each kind is a system of two polynomial equations in the two parameters (p(1) = p'(1) = 0 for a double eigenvalue
1; the remainder of p by z^2 + z + 1 for the third roots of one; ...), solved exactly. A solution counts when no
eigenvalue lies beyond the boundary there: decided in exact arithmetic at rational points, else by enclosing the roots
of p without the factor that is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import flint

from bilevel.analysis.basis import rational_points
from bilevel.analysis.characteristic import characteristic_factors
from bilevel.analysis.enclosure import enclose
from bilevel.analysis.known import number_sign
from bilevel.analysis.polynomials import to_sympy
from bilevel.analysis.stability_line import Boundary, verdict_at
from bilevel.language.errors import UnknownAnswer

# Factors of the characteristic polynomial, constant term first, by the name of what they bring about.
FACTORS = {
    "discrete": {
        "1:1 resonance (eigenvalue 1 twice)": (1, -2, 1),
        "1:2 resonance (eigenvalue -1 twice)": (1, 2, 1),
        "fold-flip": (-1, 0, 1),
        "1:3 resonance": (1, 1, 1),
        "1:4 resonance": (1, 0, 1),
    },
    "continuous": {"double zero": (0, 0, 1)},
}
PRECISIONS = (64, 256, 1024)


@dataclass(frozen=True)
class SpecialPoint:
    """A point of codimension two: parameters (exact, algebraic) and what meets there.

    Math: see `stability_diagram`.

    Reference: Kuznetsov (2004), Elements of Applied Bifurcation Theory, chapters 8 and 9.

    Examples:
        >>> SpecialPoint({}, ("1:4 resonance",)).kinds
        ('1:4 resonance',)
    """

    point: dict[Any, Any]
    kinds: tuple[str, ...]


def special_points(
    matrix: Any, time: str, parameters: tuple[Any, Any], boundaries: list[Boundary], assumptions: Any
) -> tuple[SpecialPoint, ...]:
    """Every point of codimension two at which no eigenvalue lies beyond the boundary, in order."""
    search = _Search(matrix, time, parameters, assumptions)
    found = search.by_factors() + search.by_crossings(boundaries)
    kept: list[SpecialPoint] = []
    for point in found:
        if not any(_same(point.point, other.point) for other in kept):
            kept.append(point)
    return tuple(sorted(kept, key=lambda s: [float(s.point[p]) for p in parameters]))


def _same(a: dict[Any, Any], b: dict[Any, Any]) -> bool:
    return all(value == b[s] or number_sign(value - b[s]) == "0" for s, value in a.items())


class _Search:
    def __init__(self, matrix: Any, time: str, parameters: tuple[Any, Any], assumptions: Any) -> None:
        self.matrix, self.time, self.parameters, self.assumptions = matrix, time, parameters, assumptions
        self.coordinates = assumptions.coordinates
        product = [self.coordinates.one]
        for factor in characteristic_factors(matrix, self.coordinates)[0]:
            product = _times(product, list(factor.coefficients), self.coordinates.zero)
        self.polynomial = product  # each factor once: what is double everywhere is no event

    def by_factors(self) -> list[SpecialPoint]:
        """Points where the characteristic polynomial has one of the factors in the table."""
        found = []
        for kind, factor in FACTORS[self.time].items():
            if len(factor) <= len(self.polynomial):
                quotient, rest = _divided(self.polynomial, factor)
                found += [SpecialPoint(p, (kind,)) for p in self._zeros(rest) if self._inside(p, quotient, ())]
        return found

    def by_crossings(self, boundaries: list[Boundary]) -> list[SpecialPoint]:
        """Points where two boundary curves cross; a real eigenvalue on one of them is taken out first."""
        found = []
        for a, b in combinations(boundaries, 2):
            names = tuple(kind.split(" (")[0] for kind in (*a.kinds, *b.kinds))
            quotient = self.polynomial
            for name, value in (("fold", 1 if self.time == "discrete" else 0), ("flip", -1)):
                if name in names:
                    quotient = _divided(quotient, (-value, 1))[0]
            pairs = tuple(n for n in names if n not in ("fold", "flip"))
            points = self._zeros([a.polynomial, b.polynomial])
            found += [SpecialPoint(p, ("-".join(names),)) for p in points if self._inside(p, quotient, pairs)]
        return found

    def _zeros(self, polynomials: list[Any]) -> list[dict[Any, Any]]:
        """Common zeros inside the bounds; none where they form a curve or are out of reach."""
        used = [self.coordinates.expression(p) for p in polynomials if p != 0]
        if len(used) < 2 or not all(e.free_symbols for e in used):
            return []
        try:
            points, _ = rational_points(used, list(self.parameters))
        except (UnknownAnswer, ArithmeticError):
            return []
        return [p for p in points or [] if self._in_bounds(p)]

    def _in_bounds(self, point: dict[Any, Any]) -> bool:
        for parameter in self.parameters:
            low, low_strict, up, up_strict = self.assumptions.bounds[self.coordinates.meaning.index(parameter)]
            for end, strict, side in ((low, low_strict, "+"), (up, up_strict, "-")):
                sign = side if end is None else number_sign(point[parameter] - to_sympy(end))
                if sign != side and not (sign == "0" and not strict):
                    return False
        return True

    def _inside(self, point: dict[Any, Any], quotient: list[Any], pairs: tuple[str, ...]) -> bool:
        """Whether nothing is beyond the boundary at the point, `quotient` being p without known factors on it.

        With `pairs`, the quotient has a root and its mirror image. If all its roots but two conjugate ones are seen to
        lie inside, the root is one of these two and its mirror image the other: they lie on the boundary.
        """
        if all(value.is_Rational for value in point.values()):
            there = verdict_at(self.matrix, self.time, point)
            return there is not None and there.verdict == "marginal"
        if len(quotient) == 1:
            return True
        for precision in PRECISIONS:
            saved = flint.ctx.prec
            try:
                flint.ctx.prec = precision
                balls = [self._ball(c, point, precision) for c in quotient]
                roots: Any = flint.acb_poly(balls).roots()
            except (ValueError, ZeroDivisionError, TypeError):
                continue
            finally:
                flint.ctx.prec = saved
            gaps = [abs(z) - 1 if self.time == "discrete" else z.real for z in roots]
            open_ones = [z for z, gap in zip(roots, gaps, strict=True) if not gap < 0]
            if not open_ones or (
                len(pairs) == 1 and len(open_ones) == 2 and not any(z.imag.contains(0) for z in open_ones)
            ):
                return True
        return False

    def _ball(self, polynomial: Any, point: dict[Any, Any], precision: int) -> Any:
        return enclose(self.coordinates.expression(polynomial).subs(point, simultaneous=True), precision=precision)


def _times(a: list[Any], b: list[Any], zero: Any) -> list[Any]:
    result = [zero] * (len(a) + len(b) - 1)
    for i, u in enumerate(a):
        for j, v in enumerate(b):
            result[i + j] = result[i + j] + u * v
    return result


def _divided(a: list[Any], monic: tuple[int, ...]) -> tuple[list[Any], list[Any]]:
    """Quotient and remainder by a monic polynomial with integer coefficients, constant terms first."""
    rest, size = list(a), len(monic)
    quotient = []
    for k in range(len(a) - size, -1, -1):
        head = rest[k + size - 1]
        quotient.append(head)
        for i, c in enumerate(monic):
            rest[k + i] = rest[k + i] - head * c
    return quotient[::-1], rest[: size - 1]
