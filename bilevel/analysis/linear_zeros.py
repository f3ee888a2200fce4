"""Zeros of large linear systems with rational coefficients, by elimination over the rationals.

Main definitions: `linear_zeros`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from flint import fmpq, fmpq_mat

from bilevel.analysis.solutions import Branch, Zeros

SMALL = 6  # unknowns up to which the general way is quick, and its choice of free unknowns reads better


def linear_zeros(equations: Sequence[Any], unknowns: Sequence[Any], facts: Sequence[Any] = ()) -> Zeros | None:
    """Every solution of a large linear system of rational numbers; None where it is none, or an unknown is restricted.

    Math: the reduced echelon form of [A | b]; unknowns without a pivot are free. Cubic in their number.

    Reference: Dumas, Giorgi, Pernet (2008), doi 10.1145/1391989.1391992.

    Examples:
        >>> x = sp.symbols("x1:8", real=True)
        >>> linear_zeros([x[i] - 2*x[i + 1] for i in range(6)], x).branches[0].values[x[0]]
        64*x7
    """
    if len(unknowns) <= SMALL or any(fact.free_symbols & set(unknowns) for fact in facts):
        return None
    if any(u.is_positive or u.is_negative or u.is_nonnegative or u.is_nonpositive or u.is_nonzero for u in unknowns):
        return None
    if any(e.free_symbols - set(unknowns) for e in equations):
        return None
    try:
        A, b = sp.linear_eq_to_matrix(list(equations), list(unknowns))
    except (ValueError, TypeError):
        return None
    if not all(entry.is_Rational for entry in (*A, *b)):
        return None
    rows = [[fmpq(int(e.p), int(e.q)) for e in (*A.row(i), b[i])] for i in range(A.rows)]
    form, rank = fmpq_mat(rows).rref()
    n = len(unknowns)
    places = [next(j for j in range(n + 1) if form[i, j] != 0) for i in range(rank)]
    if n in places:
        return Zeros((), True)
    free = [j for j in range(n) if j not in places]
    values = {unknowns[j]: unknowns[j] for j in free}
    for i, place in enumerate(places):
        terms = (_number(form[i, n]), *(-_number(form[i, j]) * unknowns[j] for j in free))
        values[unknowns[place]] = sp.Add(*terms)
    return Zeros((Branch(values, tuple(unknowns[j] for j in free), ()),), True)


def _number(value: Any) -> Any:
    return sp.Rational(int(value.p), int(value.q))
