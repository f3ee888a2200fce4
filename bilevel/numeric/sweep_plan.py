"""The plan of a sweep: which polynomials are tested at which points, in which chunks.

Main definitions: `Plan`, `plan_of`.

A plan holds SymPy expressions and fractions only, so that it travels to other processes; each compiles it once.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from flint import fmpq

from bilevel.analysis.characteristic import characteristic_factors
from bilevel.analysis.polynomials import Coordinates
from bilevel.language.errors import GameError
from bilevel.numeric.sweep_axes import Axis


@dataclass(frozen=True, eq=False)
class Plan:
    """One sweep: `factors` are (coefficients in the parameters, constant first; self-mirrored or not); `tilted` are
    those of a map with the unit disc turned into the left half-plane; `extra` names what is computed beside verdict
    and margin."""

    matrix: Any
    time: str
    axes: tuple[tuple[Any, tuple[tuple[int, int], ...]], ...]
    factors: tuple[tuple[tuple[Any, ...], bool], ...]
    tilted: tuple[tuple[tuple[Any, ...], bool], ...]
    denominators: tuple[Any, ...]
    facts: tuple[Any, ...]
    size: int
    extra: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        """What the plan is, in one word: two plans with the same digest compute the same numbers."""
        parts = [sp.srepr(self.matrix), self.time, str(self.tile), str(self.extra), sp.srepr(sp.Tuple(*self.facts))]
        parts += [f"{sp.srepr(symbol)} {values}" for symbol, values in self.axes]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.digest == other.digest

    @cached_property
    def grid(self) -> tuple[Axis, ...]:
        """The axes with their values."""
        return tuple(Axis(symbol, tuple(fmpq(p, q) for p, q in values)) for symbol, values in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values on each axis."""
        return tuple(len(values) for _, values in self.axes)

    @property
    def points(self) -> int:
        """Number of grid points."""
        return math.prod(self.shape)

    @cached_property
    def tile(self) -> tuple[int, ...]:
        """The box of grid points that a chunk is: whole trailing axes, a run along one axis, single values before it.

        Such a box is a run of consecutive points, and it is also a rectangle: one chunk of a chunked array on disk.
        """
        boxes, room = [], self.size
        for n in reversed(self.shape):
            boxes.append(max(1, min(n, room)))
            room = room // n if n <= room else 0
        return tuple(reversed(boxes))

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return math.prod(-(-n // t) for n, t in zip(self.shape, self.tile, strict=True))

    def span(self, index: int) -> tuple[int, int]:
        """First point of a chunk, and how many it has."""
        box = self.box(index)
        start = int(np.ravel_multi_index([part.start for part in box], self.shape))
        return start, math.prod(part.stop - part.start for part in box)

    def box(self, index: int) -> tuple[slice, ...]:
        """The rectangle of a chunk in the grid."""
        counts = [-(-n // t) for n, t in zip(self.shape, self.tile, strict=True)]
        corner = [int(k) * t for k, t in zip(np.unravel_index(index, counts), self.tile, strict=True)]
        return tuple(slice(a, min(a + t, n)) for a, t, n in zip(corner, self.tile, self.shape, strict=True))


def plan_of(
    matrix: Any, time: str, axes: tuple[Axis, ...], facts: Iterable[Any], size: int, extra: tuple[str, ...] = ()
) -> Plan:
    """The plan of a Jacobian in the parameters of the axes."""
    exact = sp.ImmutableMatrix(matrix.replace(lambda e: e.is_Float, lambda e: sp.Rational(e)))
    symbols = [axis.symbol for axis in axes]
    left = exact.free_symbols - set(symbols)
    if left:
        named = ", ".join(sorted(map(str, left)))
        raise GameError(f"{named} has no value; give it one, or vary it too")
    z = sp.Dummy("z", real=True)
    coordinates = Coordinates(exact.flat(), z)
    factors, denominators = characteristic_factors(exact, coordinates)

    def written(c: list[Any]) -> tuple[Any, ...]:
        return tuple(_short(coordinates.expression(p), symbols) for p in c)

    listed = [list(factor.coefficients) for factor in factors]
    return Plan(
        exact,
        time,
        tuple((axis.symbol, tuple((int(q.p), int(q.q)) for q in axis.values)) for axis in axes),
        tuple((written(c), _mirrored(c, time)) for c in listed),
        tuple((written(_tilted(c)), _mirrored(c, time)) for c in listed) if time == "discrete" else (),
        tuple(_short(coordinates.expression(p), symbols) for p in denominators),
        tuple(_closed(fact) for fact in facts if fact.free_symbols and fact.free_symbols <= set(symbols)),
        size,
        extra,
    )


def _short(expression: Any, symbols: list[Any]) -> Any:
    """Horner's form, which needs the fewest operations."""
    used = [s for s in symbols if s in expression.free_symbols]
    return sp.horner(expression, wrt=used) if used and expression.is_polynomial(*used) else expression


def _tilted(c: list[Any]) -> list[Any]:
    """(1 - w)^n p((1 + w)/(1 - w)): |z| < 1 is Re w < 0, and roots that crowd at 1 become small ones. The cancellation
    that this saves floats from is done here, in exact arithmetic."""
    n = len(c) - 1
    found = [0 * c[0] for _ in c]
    for k, coefficient in enumerate(c):
        for i in range(k + 1):
            for j in range(n - k + 1):
                found[i + j] += coefficient * (math.comb(k, i) * math.comb(n - k, j) * (-1) ** j)
    return found


def _mirrored(c: list[Any], time: str) -> bool:
    """Whether the roots are their own mirror image in the boundary, at every parameter."""
    if time == "discrete":
        return all(a == b for a, b in zip(c, c[::-1], strict=True)) or all(
            a == -b for a, b in zip(c, c[::-1], strict=True)
        )
    return all(p == 0 for p in c[-2::-2])


def _closed(fact: Any) -> Any:
    """The same fact with its edge."""
    pairs = {sp.StrictLessThan: sp.Le, sp.StrictGreaterThan: sp.Ge}
    return fact.replace(lambda e: type(e) in pairs, lambda e: pairs[type(e)](*e.args))
