"""Linear systems whose entries are scalars or matrices of unspecified dimension.

Main definitions: `solve_blocks`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixExpr

from bilevel.language.errors import GameError


def solve_blocks(blocks: list[list[Any]], right: list[Any]) -> list[Any]:
    """Solve M w = r for a matrix of blocks: exactly by the adjugate in scalars, by block elimination otherwise.

    Math: w_n = M_nn^{-1} (r_n - sum_j M_nj w_j), the rest from the Schur complement of M_nn; inverses are assumed to
        exist.

    Raises: GameError if the system is singular for every value of its symbols.

    Reference: Zhang (2005), The Schur Complement and Its Applications, chapter 1.

    Examples:
        >>> a = sp.Symbol("a", positive=True)
        >>> solve_blocks([[a]], [1])
        [1/a]
    """
    if not any(isinstance(entry, MatrixExpr) for row in blocks for entry in row):
        matrix = sp.Matrix(blocks)
        determinant = matrix.det(method="berkowitz")
        if determinant.expand() == 0:
            raise GameError(
                "a follower's curvature is singular everywhere, so it has no isolated best response to follow"
            )
        return list(matrix.adjugate() * sp.Matrix(right) / determinant)
    if len(right) == 1:
        return [_inverse(blocks[0][0]) * right[0]]
    last = len(right) - 1
    pivot = _inverse(blocks[last][last])
    reduced = [[blocks[i][j] - blocks[i][last] * pivot * blocks[last][j] for j in range(last)] for i in range(last)]
    shifted = [right[i] - blocks[i][last] * pivot * right[last] for i in range(last)]
    weights = solve_blocks(reduced, shifted)
    tail = right[last]
    for j, weight in enumerate(weights):
        tail = tail - blocks[last][j] * weight
    return [*weights, pivot * tail]


def transposed(block: Any) -> Any:
    """Transpose of a block; scalars are their own."""
    return block.T if isinstance(block, MatrixExpr) else block


def _inverse(block: Any) -> Any:
    return block.I if isinstance(block, MatrixExpr) else 1 / block
