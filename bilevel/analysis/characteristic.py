"""Characteristic polynomials and short eigenvalues, written out from factors.

Main definitions: `written_polynomial`, `short_eigenvalues`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.analysis.arithmetic import quadratic_roots
from bilevel.analysis.polynomials import Coordinates, Factor


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
