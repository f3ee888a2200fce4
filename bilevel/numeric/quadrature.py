"""Quadrature for the laws that have a closed-form density: nodes and weights.

Main definitions: `gauss_hermite`, `gauss_legendre`, `rule_for`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from bilevel.language.errors import GameError
from bilevel.language.laws import Normal, Uniform

ORDER = 40  # nodes an axis: exact for polynomials up to degree 79


@cache
def gauss_hermite(order: int = ORDER) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the standard normal law: exact for polynomials of degree below twice the order."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    return nodes, weights / weights.sum()


@cache
def gauss_legendre(order: int = ORDER) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the uniform law on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return (nodes + 1) / 2, weights / 2


def rule_for(law: Any) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of a scalar law without free parameters."""
    if isinstance(law, Normal) and law.dim is None and law.args[0].is_number and law.args[1].is_number:
        nodes, weights = gauss_hermite()
        return float(law.args[0]) + float(law.args[1]) ** 0.5 * nodes, weights
    if isinstance(law, Uniform) and law.args[0].is_number and law.args[1].is_number:
        nodes, weights = gauss_legendre()
        return float(law.args[0]) + float(law.args[1] - law.args[0]) * nodes, weights
    raise GameError(
        f"no quadrature is known for the law {law} here; choose a normal, uniform or finite law with fixed numbers"
    )
