"""Stability across a continuum of equilibria: the zero modes along it taken out.

Main definitions: `transverse`, `characteristic`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from bilevel.analysis.analyse import analyse


def characteristic(matrix: Any, z: Any) -> Any:
    """det(z - matrix) as a polynomial in z."""
    if all(entry.is_Rational for entry in matrix):
        over = DomainMatrix.from_Matrix(sp.Matrix(matrix)).convert_to(sp.QQ)
        return sp.Poly([sp.QQ.to_sympy(c) for c in over.charpoly()], z)
    return sp.Poly([sp.cancel(c) for c in sp.Matrix(matrix).charpoly().all_coeffs()], z)


def transverse(matrix: Any, time: str, dimension: int, assuming: Any = ()) -> dict[str, Any] | None:
    """Stability across a continuum of equilibria: the spectrum without its zero modes along the continuum.

    Math: det(z - J) / (z - z0)^dimension, z0 = 0 for flows and 1 for maps. Where every other eigenvalue is strictly
        stable the continuum attracts exponentially and each of its points is Lyapunov stable.

    Reference: Hirsch, Pugh, Shub (1977), Invariant Manifolds; Aulbach (1984), Continuous and Discrete Dynamics near
        Manifolds of Equilibria.

    Examples:
        >>> h = sp.Symbol("h", positive=True)
        >>> transverse(sp.Matrix([[1, 0], [0, 1 - h]]), "discrete", 1)["condition"]
        h < 2
    """
    z = sp.Dummy("z")
    polynomial = characteristic(matrix, z)
    mode = sp.Poly((z - (1 if time == "discrete" else 0)) ** dimension, z)
    rest, remainder = sp.div(polynomial, mode)
    if sp.cancel(remainder.as_expr()) != 0 or rest.degree() == 0:
        return None
    coefficients = rest.monic().all_coeffs()
    companion = sp.zeros(rest.degree())
    for k, c in enumerate(coefficients[1:]):
        companion[0, k] = -sp.cancel(c)
        if k:
            companion[k, k - 1] = 1
    across = analyse(companion, time=time, assuming=assuming)
    if across.condition is None:
        return None
    return {
        "dimension": dimension,
        "condition": across.condition,
        "unstable_on": across.unstable_on,
        "marginal_on": across.marginal_on,
    }
