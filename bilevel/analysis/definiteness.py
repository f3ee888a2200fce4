"""Second derivatives at a point, and whether a matrix of them is definite, by exact signs of minors.

Main definitions: `hessian`, `put` (a derivative at a point), `minor`, `definiteness`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from bilevel.analysis.forms import plain
from bilevel.analysis.known import Known
from bilevel.language.calculus import released
from bilevel.language.surds import determinant
from bilevel.rules.protocol.smoothness import at_once

LARGEST = 6  # determinants up to this size are expanded


def put(expression: Any, point: Mapping[Any, Any]) -> Any:
    """A derivative at a point: what it held fixed has done its work, and is its value there."""
    return at_once(plain(released(expression)), point)


def hessian(cost: Any, rows: Any, columns: Any, point: Mapping[Any, Any]) -> Any:
    return sp.ImmutableMatrix([[put(sp.diff(cost, u, v), point) for v in columns] for u in rows])


def definiteness(matrix: Any, known: Known) -> str | None:
    """ "positive", "semi" (nonnegative and singular), "mixed" or "negative" directions present, else None.

    By Sylvester's criterion: leading minors for "positive", all principal minors for "semi"; a negative principal
    minor shows a negative direction.
    """
    n = matrix.rows
    leading = [known.sign(minor(matrix, range(k))) for k in range(1, n + 1)]
    if all(s == "+" for s in leading):
        return "positive"
    subsets = (
        [s for k in range(1, n + 1) for s in combinations(range(n), k)]
        if n <= 6
        else [*((i,) for i in range(n)), *combinations(range(n), 2), *(tuple(range(k)) for k in range(1, n + 1))]
    )
    signs = {s: known.sign(minor(matrix, s)) for s in subsets}
    if any(s == "-" for s in signs.values()):
        upward = any(signs[(i,)] == "+" for i in range(n)) or any(
            len(s) % 2 == 0 and sign == "-" for s, sign in signs.items()
        )
        return "mixed" if upward else "negative"
    if n <= 6 and all(s in ("+", "0", ">=0") for s in signs.values()) and leading[-1] == "0":
        return "semi"
    return None


def minor(matrix: Any, rows: Any) -> Any:
    rows = list(rows)
    part = matrix.extract(rows, rows)
    if len(rows) == 1:
        return part[0]
    if all(entry.is_rational_function(*entry.free_symbols) and not entry.has(sp.Float) for entry in part):
        matrix = DomainMatrix.from_Matrix(sp.Matrix(part)).to_field()
        if not matrix.domain.is_EX:
            return matrix.domain.to_sympy(matrix.det())
    short = determinant(sp.Matrix(part)) if len(rows) <= LARGEST else None
    if short is not None:
        return short
    return sp.expand(part.det(method="berkowitz"))
