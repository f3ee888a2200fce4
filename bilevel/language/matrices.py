"""Linear algebra that reads alike with SymPy's matrices and flint's: symbols, rationals and balls in one formula.

Main definitions: `size`, `turned`, `inverse`, `short`, `symmetric_solution`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError

SINGULAR = "a linear system is singular: the loop neither contracts nor expands somewhere"


def size(M: Any) -> tuple[int, int]:
    """Rows and columns of a matrix of either library."""
    return M.shape if isinstance(M, sp.MatrixBase) else (int(M.nrows()), int(M.ncols()))


def turned(M: Any) -> Any:
    """The transpose."""
    return M.T if isinstance(M, sp.MatrixBase) else M.transpose()


def inverse(M: Any) -> Any:
    """The inverse; of symbols by adjugates, which divide by no entry that might vanish.

    Raises: GameError where there is none.
    """
    if not isinstance(M, sp.MatrixBase):
        try:
            return M.inv()
        except ZeroDivisionError:
            raise GameError(SINGULAR) from None
    scale = sp.cancel(sp.together(sp.Matrix(M).det(method="berkowitz")))
    if scale == 0:
        raise GameError(SINGULAR)
    return short(sp.Matrix(M).adjugate() / scale)


def short(M: Any) -> Any:
    """Entries as single fractions (SymPy), or unchanged (flint)."""
    return M.applyfunc(lambda e: sp.cancel(sp.together(e))) if isinstance(M, sp.MatrixBase) else M


def symmetric_solution(M: Any, gamma: Any) -> Callable[[Any], Any]:
    """The map from symmetric C to the symmetric X = C + gamma M X M^T.

    Math: one linear system in the n (n + 1)/2 entries of the upper half, inverted once for all right sides.

    Raises: GameError where the system is singular.

    Reference: Bartels and Stewart (1972), doi 10.1145/361573.361582, for the equation.

    Examples:
        >>> symmetric_solution(sp.Matrix([[sp.Rational(1, 2)]]), 1)(sp.Matrix([[3]]))
        Matrix([[4]])
    """
    n = size(M)[0]
    pairs = [(i, j) for i in range(n) for j in range(i, n)]
    place = {pair: k for k, pair in enumerate(pairs)}
    count = len(pairs)
    entries = [0 * gamma] * (count * count)
    for (i, j), row in place.items():
        entries[row * count + row] += 1
        for a in range(n):
            for b in range(n):
                entries[row * count + place[min(a, b), max(a, b)]] -= gamma * M[i, a] * M[j, b]
    kind = sp.Matrix if isinstance(M, sp.MatrixBase) else type(M)
    solver = inverse(kind(count, count, entries))

    def solved(right: Any) -> Any:
        found = short(solver * kind(count, 1, [right[pair] for pair in pairs]))
        return kind(n, n, [found[place[min(i, j), max(i, j)], 0] for i in range(n) for j in range(n)])

    return solved
