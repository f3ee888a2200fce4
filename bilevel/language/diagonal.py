"""Diagonal matrices, ones, and the matrices of maps: what processes of any number of states are written with.

Main definitions: `diagonal`, `ones`, `selection`; `Diagonal`, `Selection`.

A product entry by entry is a diagonal matrix times a vector. A map f from k things to n things is the k x n matrix S
with S[i, f(i)] = 1 and zeros elsewhere; the two laws that say so, S 1 = 1 and diag(S u) S = S diag(u), are built into
the normal form.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import Basic, Expr, MatrixExpr, MatrixSymbol

from bilevel.language.algebra import Node, is_column
from bilevel.language.errors import GameError
from bilevel.language.nodes import Dimension, checked_name, dimension


class Diagonal(Node, MatrixExpr):
    """The diagonal matrix of a column: args (column,)."""

    column = False

    def __new__(cls, entries: Any) -> Any:
        if isinstance(entries, sp.ZeroMatrix):
            return sp.ZeroMatrix(entries.shape[0], entries.shape[0])
        if isinstance(entries, sp.OneMatrix):
            return sp.Identity(entries.shape[0])
        return Basic.__new__(cls, entries)

    @property
    def entries(self) -> Any:
        """The column on its diagonal."""
        return self.args[0]

    @property
    def shape(self) -> tuple[Expr, Expr]:
        """Square, of the size of the column."""
        return (self.args[0].shape[0], self.args[0].shape[0])

    def transposed(self) -> MatrixExpr:
        """Itself."""
        return self

    def _eval_transpose(self) -> MatrixExpr:
        return self

    def _sympystr(self, printer: Any) -> str:
        return f"diag({printer._print(self.args[0])})"

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{diag}}\left({printer._print(self.args[0])}\right)"


class Selection(MatrixSymbol):
    """The matrix of a map between finite sets: one 1 in every row, zeros elsewhere."""

    column = False

    def __new__(cls, name: Any, rows: Any, columns: Any) -> Any:
        return MatrixSymbol.__new__(cls, name, rows, columns)


def diagonal(entries: MatrixExpr) -> MatrixExpr:
    """The diagonal matrix of a column vector.

    Math: diag(u)[i, j] = u[i] if i = j, else 0; diag(u) w is the product entry by entry, diag(1) = I.
    Shapes: (n, 1) gives (n, n).
    Raises: GameError if the argument is no column.
    Reference: Horn, Johnson (2013), Matrix Analysis, section 0.9.
    Examples:
        >>> from bilevel.language.equality import equal
        >>> from bilevel.language.nodes import vector
        >>> u, w = vector("u", "n"), vector("w", "n")
        >>> diagonal(u)
        diag(u)
        >>> equal(diagonal(u)*w, diagonal(w)*u).answer
        True
    """
    if not is_column(entries):
        raise GameError(f"diagonal takes a column vector; got {entries!r}")
    return Diagonal(entries)


def ones(dim: Dimension) -> MatrixExpr:
    """The column of ones.

    Math: 1 in every entry; <1, u> is the sum of the entries of u.
    Shapes: (n, 1).
    Raises: GameError for an impossible dimension.
    Reference: plain linear algebra.
    Examples:
        >>> from bilevel.language.equality import equal
        >>> from bilevel.language.nodes import vector
        >>> u = vector("u", "n")
        >>> equal(diagonal(u)*ones("n"), u).answer
        True
    """
    return sp.OneMatrix(dimension(dim), 1)


def selection(name: str, rows: Dimension, columns: Dimension) -> Selection:
    """The matrix of a map f from `rows` things to `columns` things.

    Math: S[i, f(i)] = 1 and zeros elsewhere, so (S u)[i] = u[f(i)]; exactly the matrices with S 1 = 1 and
    (S u) o (S w) = S (u o w), o the product entry by entry.
    Shapes: (rows, columns).
    Raises: GameError for an unsafe name or an impossible dimension.
    Reference: Wang, Bowling, Schuurmans (2007), doi 10.1109/ADPRL.2007.368188, where such a matrix tells the state of
    every pair of state and action.
    Examples:
        >>> from bilevel.language.equality import equal
        >>> from bilevel.language.nodes import vector
        >>> S, u = selection("S", "k", "n"), vector("u", "n")
        >>> equal(diagonal(S*u)*S, S*diagonal(u)).answer
        True
        >>> equal(S*ones("n"), ones("k")).answer
        True
    """
    return Selection(checked_name(name), dimension(rows), dimension(columns))
