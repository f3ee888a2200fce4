"""Definiteness of symmetric matrices over the field of atoms: pivots of L D L' with evident signs.

Main definitions: `symmetric`, `definite`, `gram_value`.
"""

from __future__ import annotations

from bilevel.certificate.atoms import Element, Field
from bilevel.certificate.signs import POSITIVE

Matrix = list[list[Element]]


def symmetric(a: Matrix) -> bool:
    """Whether a matrix is symmetric."""
    return all(a[i][j].equals(a[j][i]) for i in range(len(a)) for j in range(i))


def definite(a: Matrix, field: Field, *, strict: bool = True) -> bool:
    """Whether a symmetric matrix is shown positive definite (or, not strict, semidefinite).

    A zero pivot of a semidefinite matrix must have a zero row; the elimination then goes on without it.
    """
    rows = [row[:] for row in a]
    size = len(rows)
    for k in range(size):
        pivot = rows[k][k]
        if pivot.is_zero() and not strict and all(rows[k][j].is_zero() for j in range(k, size)):
            continue
        if field.sign(pivot) != POSITIVE:
            return False
        for i in range(k + 1, size):
            f = rows[i][k] / pivot
            if not f.is_zero():
                for j in range(k, size):
                    rows[i][j] = rows[i][j] - f * rows[k][j]
    return True


def gram_value(basis: list[Element], gram: Matrix, field: Field) -> Element:
    """basis' gram basis."""
    total = field.zero
    for b, row in zip(basis, gram):
        for c, entry in zip(basis, row):
            if not entry.is_zero():
                total = total + b * entry * c
    return total
