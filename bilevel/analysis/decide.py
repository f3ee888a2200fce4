"""Verdicts on matrices of numbers.

Main definition: `decide`. Rational entries: integer arithmetic (for large matrices rigorous enclosures first, known
"enclosed" when they decide). Algebraic entries: the exact conditions with every sign decided. Floats stand for every
number that rounds to them: "enclosed" when all of those agree, else unknown.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.arithmetic import check_time
from bilevel.analysis.verdict import Verdict
from bilevel.language.errors import GameError
from bilevel.language.values import matrix as read_matrix


def decide(jacobian: Any, *, time: str) -> Verdict:
    """The verdict on a square matrix of numbers.

    Math: discrete: is the spectral radius below, at or above 1; continuous: the spectral abscissa against 0.
    Raises: GameError for a matrix that is not square or holds symbols.
    Reference: Schur 1917; Cohn 1922; Routh 1877.
    Examples:
        >>> import sympy as sp
        >>> decide(sp.Matrix([[0, 1], [-1, 0]]), time="continuous").marginal_why
        'centre'
        >>> decide(sp.Matrix([[1, -2], [2, -3]]), time="discrete").marginal_why
        'eigenvalue -1; Jordan block on the boundary'
    """
    check_time(time)
    matrix = jacobian if isinstance(jacobian, sp.MatrixBase) else read_matrix(jacobian, "the Jacobian")
    entries = matrix.flat()
    symbols = {s for e in entries if not e.is_Number for s in e.free_symbols}
    if matrix.rows != matrix.cols or symbols:
        raise GameError(
            f"a square matrix of numbers was expected, got {matrix.shape} with symbols {sorted(map(str, symbols))}"
        )
    return analyse(matrix, time=time)
