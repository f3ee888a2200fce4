"""Characteristic polynomials over the rationals in the parameters, exact and fraction-free, and what is read off them.

Main definitions: `blocks` (the strongly connected components of a matrix: its characteristic polynomial is the product
of theirs), `characteristic_factors`, `written_polynomial`, `short_eigenvalues`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.arithmetic import quadratic_roots
from bilevel.analysis.polynomials import Coordinates
from bilevel.language.errors import UnknownAnswer

MAX_TERMS = 4000


@dataclass(frozen=True)
class Factor:
    """A factor of a characteristic polynomial: coefficients in z (constant first, polynomials in the parameters),
    multiplicity."""

    coefficients: tuple[Any, ...]
    multiplicity: int

    @property
    def degree(self) -> int:
        """Degree in z."""
        return len(self.coefficients) - 1


def blocks(pattern: list[list[bool]]) -> list[list[int]]:
    """Strongly connected components of the graph of nonzero entries, each sorted."""
    n = len(pattern)
    reach = [[pattern[i][j] or i == j for j in range(n)] for i in range(n)]
    for k in range(n):
        for i in range(n):
            if reach[i][k]:
                reach[i] = [a or b for a, b in zip(reach[i], reach[k], strict=True)]
    seen: set[int] = set()
    result = []
    for i in range(n):
        if i not in seen:
            component = [j for j in range(n) if reach[i][j] and reach[j][i]]
            seen.update(component)
            result.append(component)
    return result


def faddeev_leverrier(coordinates: Coordinates, rows: list[list[Any]]) -> list[Any]:
    """Coefficients 1, c_1, ..., c_n of det(z I - M), leading first, for a matrix of polynomials."""
    n, zero = len(rows), coordinates.zero
    work = [[coordinates.one if i == j else zero for j in range(n)] for i in range(n)]
    result = [coordinates.one]
    for k in range(1, n + 1):
        product = [[zero] * n for _ in range(n)]
        for i in range(n):
            for j in range(n):
                total = zero
                for a, row in zip(rows[i], work, strict=True):
                    if a != 0 and row[j] != 0:
                        total = total + a * row[j]
                product[i][j] = coordinates.reduce(total)
        if sum(len(p) for row in product for p in row) > MAX_TERMS * n * n:
            raise UnknownAnswer(
                "the characteristic polynomial is too large", reached=f"size {n}", next_step="fix some parameters"
            )
        c = -sum((product[i][i] for i in range(n)), zero) / k
        result.append(c)
        work = [[product[i][j] + (c if i == j else 0) for j in range(n)] for i in range(n)]
    return result


def characteristic_factors(matrix: Any, coordinates: Coordinates) -> tuple[list[Factor], list[Any]]:
    """The factors of det(z I - J), cleared of denominators, and the denominators (nonzero wherever J is finite)."""
    n = matrix.rows
    entries = [[coordinates.convert(matrix[i, j]) for j in range(n)] for i in range(n)]
    denominators: list[Any] = []
    found: list[list[Any]] = []
    for component in blocks([[entry[0] != 0 for entry in row] for row in entries]):
        block = [[entries[i][j] for j in component] for i in component]
        common = coordinates.one
        for row in block:
            for _, d in row:
                common = common * (d / common.gcd(d))
        if not common.is_constant():
            denominators.append(common)
        cleared = [[top * (common / bottom) for top, bottom in row] for row in block]
        c, size, z = faddeev_leverrier(coordinates, cleared), len(component), coordinates.generators[0]
        p = sum((c[k] * common ** (size - k) * z ** (size - k) for k in range(size + 1)), coordinates.zero)
        for factor, multiplicity in _factor(coordinates.reduce(p)):
            if factor.degrees()[0] > 0:
                same = next((entry for entry in found if entry[0] == factor), None)
                if same is None:
                    found.append([factor, multiplicity])
                else:
                    same[1] += multiplicity
    return [Factor(tuple(coordinates.coefficients(p)), m) for p, m in found], denominators


def _factor(p: Any) -> list[tuple[Any, int]]:
    used = sum(1 for d in p.degrees() if d)
    if len(p) > 400 or (used > 9 and len(p) > 40):
        return [(p, 1)]
    return list(p.factor()[1])


def written_polynomial(factors: list[Factor], coordinates: Coordinates) -> Any:
    """det(z I - J): collected when it is a single factor, else the product of its monic factors."""
    result = sp.Integer(1)
    for factor in factors:
        leading = coordinates.expression(factor.coefficients[-1])
        terms = [coordinates.expression(c) / leading * coordinates.z**k for k, c in enumerate(factor.coefficients)]
        if factor.coefficients[-1].is_constant():
            scale = factor.coefficients[-1].leading_coefficient()
            terms = [coordinates.expression(c / scale) * coordinates.z**k for k, c in enumerate(factor.coefficients)]
        result *= sp.Add(*terms) ** factor.multiplicity
    return result


def short_eigenvalues(factors: list[Factor], coordinates: Coordinates) -> tuple[tuple[Any, int], ...] | None:
    """Eigenvalues with multiplicity where every factor has degree one or two and they are short."""
    values: list[tuple[Any, int]] = []
    for factor in factors:
        if factor.degree > 2 or sum(len(c) for c in factor.coefficients) > 16:
            return None
        c = [coordinates.expression(p) for p in factor.coefficients]
        roots = [-c[0] / c[1]] if factor.degree == 1 else quadratic_roots(*c)
        values += [(root, factor.multiplicity) for root in roots]
    return tuple(values)
