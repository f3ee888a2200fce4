"""The average length of a normal vector in the plane.

Main definition: `mean_length`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import sympy as sp


def mean_length(square: Any, normals: Sequence[Any]) -> Any | None:
    """E sqrt(q) for a quadratic form q >= 0 of rank at most two in independent standard normals; None for others.

    Math: with eigenvalues l1 >= l2 of q's matrix, q = r^2 (l1 cos^2 t + l2 sin^2 t), r^2/2 exponential, t uniform, so
        E sqrt(q) = sqrt(2 l1/pi) E(1 - l2/l1), E the complete elliptic integral of the second kind in the
        parameter m. l1 + l2 and l1 l2 are the sums of the principal minors of sizes one and two; those of size three
        vanish.

    Reference: NIST DLMF, equation 19.2.8; Mardia, Kent, Bibby (1979), Multivariate Analysis, chapter 3.

    Examples:
        >>> x, y = sp.symbols("x y", real=True)
        >>> mean_length(x**2 + y**2, (x, y)), mean_length(4*x**2, (x, y))
        (sqrt(2)*sqrt(pi)/2, 2*sqrt(2)/sqrt(pi))
    """
    polynomial = sp.Poly(square, *normals)
    if polynomial.is_zero or any(sum(m) != 2 for m in polynomial.monoms()):
        return None
    form = sp.hessian(polynomial.as_expr(), list(normals)) / 2
    minors = [
        sp.Add(*(form.extract(rows, rows).det(method="berkowitz") for rows in combinations(range(form.rows), size)))
        for size in (1, 2)
    ]
    if any(
        sp.expand(form.extract(list(rows), list(columns)).det(method="berkowitz")) != 0
        for rows in combinations(range(form.rows), 3)
        for columns in combinations(range(form.rows), 3)
    ):
        return None
    total, product = (sp.factor(minor) for minor in minors)
    gap = sp.sqrt(sp.factor(sp.expand(total**2 - 4 * product)))
    largest = (total + gap) / 2
    return sp.sqrt(2 * largest / sp.pi) * sp.elliptic_e(2 * gap / (total + gap))
