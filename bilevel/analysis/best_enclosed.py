"""Bounds on the best rate over one parameter, for matrices of any size: floats propose, exact decisions dispose.

Main definitions: `enclosed_minimum`.

Math: rho(J(h)) < r for some h iff J/r is stable on some piece of the line (for a flow J - r). A value r0 reached at the
best point of a grid is an upper bound once J/(r0 (1 + d)) is found stable somewhere, and r0 (1 - d) is a lower bound
once J/(r0 (1 - d)) is found stable nowhere. Otherwise that piece shows a better point, and one starts again from there.

Cost: a few calls of `sections`, each one determinant and one isolation of roots.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import sympy as sp

from bilevel.analysis.characteristic import characteristic_factors
from bilevel.analysis.enclosure import lower_end, upper_end
from bilevel.analysis.polynomials import Coordinates, to_sympy
from bilevel.analysis.sections import STABLE, Cutter, sections
from bilevel.language.errors import UnknownAnswer

WIDTH, ROUNDS, GRID = sp.Rational(1, 10**6), 24, 201
FAR = 1e6


def enclosed_minimum(
    matrix: Any, over: Any, *, time: str, facts: Iterable[Any] = ()
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """((low, high) of the parameter, (low, high) of the rate): the best rate lies between, and is taken between."""

    def reached(rate: Any) -> list[tuple[Any, Any]]:
        moved = matrix / rate if time == "discrete" else matrix - rate * sp.eye(matrix.rows)
        found = sections([moved], over, time=time, facts=facts)
        if not found.complete:
            raise UnknownAnswer(f"whether the rate {rate} can be reached was not decided")
        return found.where(STABLE)

    edge = sp.S.One if time == "discrete" else sp.S.Zero
    where = reached(edge)
    if not where:
        raise UnknownAnswer(f"no value of {over} makes the rule converge", next_step="choose another rule")
    floats = _Floats(matrix, over, time)
    low, high = None, edge
    for _ in range(ROUNDS):
        value = floats.least(where)
        middle = sp.Rational(value)
        width = WIDTH * max(abs(middle), WIDTH)
        above, below = min(middle + width, high), middle - width
        if time == "discrete" and below <= 0:
            low = sp.S.Zero
        elif not (better := reached(below)):
            low = below
        else:
            if below >= high:
                break
            high, where = below, better
            continue
        there = reached(above)
        if there:
            return _hull(there), (low, above)
        break
    return _halved(reached, low, high, where, time)


def _halved(reached: Any, low: Any, high: Any, where: Any, time: str) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """By bisection, where floats were not good enough."""
    if low is None:
        low = sp.S.Zero if time == "discrete" else high - 1
        while time == "continuous" and (found := reached(low)):
            high, where, low = low, found, 2 * low
            if low < -FAR:
                raise UnknownAnswer("the rate gets better without bound", next_step="bound the parameter")
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        found = reached(middle)
        low, high, where = (low, middle, found) if found else (middle, high, where)
    return _hull(where), (low, high)


def _hull(where: Any) -> tuple[Any, Any]:
    low, high = where[0][0], where[-1][1]
    return (-sp.oo if low is None else _short(low, -1), sp.oo if high is None else _short(high, 1))


def _short(ball: Any, side: int) -> Any:
    """A rational of few digits beyond the end of a ball."""
    end = to_sympy(upper_end(ball) if side > 0 else lower_end(ball))
    scale = 10 ** max(0, 9 - int(sp.floor(sp.log(abs(end), 10)))) if end else 1
    return (sp.ceiling(end * scale) if side > 0 else sp.floor(end * scale)) / scale


def _in_floats(balls: list[list[Any]]) -> list[list[float]]:
    """Coefficients up to a common factor: those of long fractions overflow."""
    top = max((abs(b.mid()) for row in balls for b in row), default=1)
    return [[float((b / top).mid()) for b in row] for row in balls]


class _Floats:
    """The rate on a grid, from the coefficients of the characteristic polynomial in floats."""

    def __init__(self, matrix: Any, over: Any, time: str) -> None:
        coordinates = Coordinates([over, *matrix], sp.Dummy("z"))
        line = Cutter(coordinates, coordinates.meaning.index(over), time)
        factors, _ = characteristic_factors(sp.ImmutableMatrix(matrix), coordinates)
        self.time = time
        self.factors = [_in_floats([line.in_balls(c, 64) for c in f.coefficients]) for f in factors]

    def rate(self, at: float) -> float:
        """The largest modulus, or the largest real part, of the eigenvalues."""
        found = -np.inf
        for factor in self.factors:
            roots = np.roots([np.polynomial.polynomial.polyval(at, c) for c in reversed(factor)])
            found = max(found, float((abs(roots) if self.time == "discrete" else roots.real).max(initial=-np.inf)))
        return found

    def least(self, where: list[tuple[Any, Any]]) -> float:
        """The smallest rate met on some intervals."""
        values = []
        for low, high in where:
            a = -FAR if low is None else float(low.mid())
            b = FAR if high is None else float(high.mid())
            steep = np.geomspace if high is None and a >= 0 else np.linspace
            points = steep(max(a, 1e-6) if steep is np.geomspace else a, b, GRID)[1:-1]
            for _ in range(8):
                rates = [self.rate(float(x)) for x in points]
                k = int(np.argmin(rates))
                values.append(rates[k])
                points = np.linspace(points[max(k - 1, 0)], points[min(k + 1, len(points) - 1)], 21)
        return min(values)
