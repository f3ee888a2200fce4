"""Linear conditions on the coefficients of a conserved quantity of a rational system, by polynomials of python-flint.

Main definitions: `rational_conditions`, `Conditions`.

Math: with f_k = p_k/Q over one denominator, grad m . f times Q, or m(T(z)) - m(z) times Q^D, D the highest degree, is a
polynomial for every monomial m: sum c_m m is conserved exactly where the sum of c_m times these vanishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flint
import sympy as sp

from bilevel.analysis.state_map import StateMap
from bilevel.language.fractions import Ring

MAX_ROWS = 1500


@dataclass(frozen=True)
class Conditions:
    """For each monomial that must vanish, and each column, its coefficient: a polynomial in the parameters."""

    rows: tuple[tuple[dict[tuple[int, ...], Any], ...], ...]
    columns: int
    parameters: tuple[Any, ...]

    def refuted(self) -> bool:
        """Whether at one choice of the parameters no combination is conserved: then none is for all."""
        primes = map(sp.prime, range(11, 2000, 7))
        values = [flint.fmpq(next(primes), next(primes)) for _ in self.parameters]
        numbers = [_value(entry, values) for row in self.rows for entry in row]
        return bool(self.rows) and flint.fmpq_mat(len(self.rows), self.columns, numbers).rank() == self.columns

    def matrix(self) -> Any:
        """The conditions as a matrix of expressions; None for too many of them."""
        if len(self.rows) > MAX_ROWS:
            return None
        return sp.Matrix([[self._written(entry) for entry in row] for row in self.rows])

    def _written(self, entry: dict[tuple[int, ...], Any]) -> Any:
        terms = (
            sp.Mul(sp.Rational(int(c.p), int(c.q)), *(s**e for s, e in zip(self.parameters, m, strict=True) if e))
            for m, c in entry.items()
        )
        return sp.Add(*terms)


def rational_conditions(system: StateMap, monomials: list[Any], marks: tuple[Any, ...]) -> Conditions | None:
    """The conditions for a system of rational functions of its variables, marks and parameters; None for another."""
    ring = Ring(sp.Tuple(*system.after, *system.variables, *marks))
    read = [ring.read(e) for e in system.after]
    pairs = [pair for pair in read if pair is not None and not pair[1].is_zero()]
    if len(pairs) < len(read):
        return None
    bottom = ring.one
    for _, below in pairs:
        bottom = bottom * (below / bottom.gcd(below))
    moves = [top * (bottom / below) for top, below in pairs]
    powers = [tuple(sp.Poly(m, *system.variables).monoms()[0]) for m in monomials]
    highest = max(map(sum, powers))
    places = [ring.symbols.index(v) for v in system.variables]
    changes = [_change(ring, places, power, moves, bottom, highest, system.time) for power in powers]
    inner = [i for i, s in enumerate(ring.symbols) if s in system.variables or s in marks]
    outer = [i for i in range(len(ring.symbols)) if i not in inner]
    table: dict[tuple[int, ...], list[dict[tuple[int, ...], Any]]] = {}
    for column, polynomial in enumerate(changes):
        for monomial, c in polynomial.to_dict().items():
            row = table.setdefault(tuple(monomial[i] for i in inner), [{} for _ in monomials])
            row[column][tuple(monomial[i] for i in outer)] = c
    rows = tuple(tuple(table[key]) for key in sorted(table))
    return Conditions(rows, len(monomials), tuple(ring.symbols[i] for i in outer))


def _change(
    ring: Any, places: list[int], power: tuple[int, ...], moves: list[Any], bottom: Any, highest: int, time: str
) -> Any:
    generators = ring.context.gens()
    old = ring.one
    for place, e in zip(places, power, strict=True):
        old = old * generators[place] ** e
    if time == "continuous":
        return sum((old.derivative(place) * move for place, move in zip(places, moves, strict=True)), 0 * ring.one)
    new = bottom ** (highest - sum(power))
    for move, e in zip(moves, power, strict=True):
        new = new * move**e
    return new - old * bottom**highest


def _value(entry: dict[tuple[int, ...], Any], values: list[Any]) -> Any:
    total = flint.fmpq(0)
    for monomial, c in entry.items():
        for value, e in zip(values, monomial, strict=True):
            c = c * value**e
        total = total + c
    return total
