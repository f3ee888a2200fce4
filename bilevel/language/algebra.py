"""Sums, products, transposes and inner products of matrix expressions of symbolic shape, simplified only as far as
papers do by eye.

Main definitions: `product`, `plus`, `transpose`, `Dot`, `terms`, `is_scalar`, `is_column`, `is_row`, `Node`.

SymPy's own `doit` walks whole trees and merges powers; these constructors look at one level and keep the order of
factors, so that a derivative stays a readable word such as `c (d2 G)^T (d1 D)`. A word that holds a row followed by a
column holds a number, the inner product, and that number moves to the front.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import Expr, Identity, Inverse, MatAdd, MatMul, MatPow, MatrixExpr, S, Transpose, ZeroMatrix
from sympy.printing.precedence import PRECEDENCE

from bilevel.language.errors import GameError


class Node:
    """Marks the nodes whose inside SymPy's scalar calculus must not look into."""

    __slots__ = ()
    model_node = True


def expression(value: Any) -> Any:
    """A number or an expression as SymPy's; text is refused, so none is ever evaluated."""
    try:
        return sp.sympify(value, strict=True)
    except (sp.SympifyError, TypeError):
        raise GameError(f"expected a number or an expression; got {value!r} (text is read with read(...))") from None


def is_scalar(expr: object) -> bool:
    """True for scalar expressions (SymPy's matrix expressions are `Expr` too)."""
    return isinstance(expr, Expr) and not isinstance(expr, MatrixExpr)


def is_column(matrix: object) -> bool:
    """True for a column vector by the way it is built, so a 1 x 1 Jacobian is no column."""
    if isinstance(matrix, MatAdd):
        return is_column(matrix.args[0])
    if isinstance(matrix, MatMul):
        factors = matrix.as_coeff_matrices()[1]
        return is_column(factors[-1]) and not is_row(factors[0])
    if isinstance(matrix, (Transpose, Inverse, Identity, MatPow)):
        return False
    told = getattr(matrix, "column", None)
    return bool(told) if told is not None else isinstance(matrix, (MatrixExpr, sp.MatrixBase)) and matrix.shape[1] == 1


def is_row(matrix: object) -> bool:
    """True for the transpose of a column."""
    if isinstance(matrix, MatAdd):
        return is_row(matrix.args[0])
    if isinstance(matrix, MatMul):
        factors = matrix.as_coeff_matrices()[1]
        return is_row(factors[0]) and not is_column(factors[-1])
    return isinstance(matrix, Transpose) and is_column(matrix.arg)


def terms(matrix: MatrixExpr) -> list[tuple[Expr, tuple[MatrixExpr, ...]]]:
    """A matrix as a sum of (scalar coefficient, word of factors); sums inside a word stay closed."""
    if isinstance(matrix, MatAdd):
        return [term for arg in matrix.args for term in terms(arg)]
    if isinstance(matrix, ZeroMatrix):
        return []
    coefficient, word = _word((matrix,))
    return [] if coefficient == 0 or any(isinstance(f, ZeroMatrix) for f in word) else [(coefficient, tuple(word))]


def product(*factors: Expr) -> MatrixExpr:
    """Product of scalars and matrices: scalars in front, identities dropped, inner products made numbers."""
    coefficient, word = _word(factors)
    if not word:
        raise GameError("a product of matrices needs a matrix; scalars are multiplied with *")
    if coefficient == 0 or any(isinstance(f, ZeroMatrix) for f in word):
        return ZeroMatrix(word[0].shape[0], word[-1].shape[1])
    kept = [f for f in word if not isinstance(f, Identity)] or word[:1]
    for left, right in zip(kept, kept[1:]):
        if left.shape[1] != right.shape[0]:
            raise GameError(f"shapes do not fit: {left} is {_size(left)}, {right} is {_size(right)}")
    coefficient, kept = _numbers_to_front(coefficient, kept)
    kept = _absorbed(kept)
    if len(kept) == 1 and (coefficient == 1 or isinstance(kept[0], (MatAdd, MatMul))):
        return scaled(coefficient, kept[0])
    return MatMul(*([] if coefficient == 1 else [coefficient]), *kept)


def scaled(coefficient: Expr, matrix: MatrixExpr) -> MatrixExpr:
    """coefficient * matrix; a sum is not expanded, a product keeps one coefficient in front."""
    if coefficient == 1:
        return matrix
    if coefficient == 0:
        return ZeroMatrix(*matrix.shape)
    if isinstance(matrix, MatMul):
        inner, factors = matrix.as_coeff_matrices()
        total = coefficient * inner
        return MatMul(*([] if total == 1 else [total]), *factors)
    return MatMul(coefficient, matrix)


def plus(*summands: MatrixExpr) -> MatrixExpr:
    """Sum of matrices of one shape; equal words are collected, zeros dropped, the order SymPy's."""
    shape = summands[0].shape
    collected: dict[tuple[MatrixExpr, ...], Expr] = {}
    for summand in summands:
        if summand.shape != shape:
            raise GameError(
                f"only equal shapes add: {summands[0]} is {_size(summands[0])}, {summand} is {_size(summand)}"
            )
        for coefficient, word in terms(summand):
            collected[word] = collected.get(word, S.Zero) + coefficient
    parts = [scaled(c, word[0] if len(word) == 1 else MatMul(*word)) for word, c in collected.items() if c != 0]
    if not parts:
        return ZeroMatrix(*shape)
    return parts[0] if len(parts) == 1 else MatAdd(*sorted(parts, key=sp.default_sort_key))


def transpose(matrix: Expr) -> Expr:
    """Transpose, pushed to the factors; a scalar is its own transpose."""
    if is_scalar(matrix):
        return matrix
    if isinstance(matrix, Transpose):
        return matrix.arg
    if isinstance(matrix, MatAdd):
        return plus(*(transpose(arg) for arg in matrix.args))
    if isinstance(matrix, MatMul):
        coefficient, factors = matrix.as_coeff_matrices()
        return MatMul(*([] if coefficient == 1 else [coefficient]), *(transpose(f) for f in reversed(factors)))
    if isinstance(matrix, ZeroMatrix):
        return ZeroMatrix(matrix.shape[1], matrix.shape[0])
    if isinstance(matrix, Identity):
        return matrix
    if isinstance(matrix, Inverse):
        return Inverse(transpose(matrix.arg))
    own = getattr(matrix, "transposed", None)
    return Transpose(matrix) if own is None else own()


class Dot(Node, Expr):
    """Inner product of two columns: bilinear (coefficients and sums come out), arguments in a fixed order."""

    is_commutative = True
    is_real = True
    precedence = PRECEDENCE["Pow"]

    def __new__(cls, left: Any, right: Any) -> Any:
        if not (is_column(left) and is_column(right)) or left.shape != right.shape:
            raise GameError(f"an inner product takes two column vectors of one dimension; got {left} and {right}")
        parts = []
        for c, u in terms(left):
            for d, w in terms(right):
                parts.append(c * d * cls._plain(product(*u), product(*w)))
        return sp.Add(*parts)

    @classmethod
    def _plain(cls, left: MatrixExpr, right: MatrixExpr) -> Expr:
        if any(isinstance(side, ZeroMatrix) for side in (left, right)):
            return S.Zero
        # A product may itself have been rewritten into a sum or a multiple: then start over.
        if any(len(terms(side)) != 1 or terms(side)[0][0] != 1 for side in (left, right)):
            return cls(left, right)
        return Expr.__new__(cls, *sorted((left, right), key=sp.default_sort_key))

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.args[0] == self.args[1] else None

    def _sympystr(self, printer: Any) -> str:
        if self.args[0] == self.args[1]:
            return f"|{printer._print(self.args[0])}|^2"
        return f"<{printer._print(self.args[0])}, {printer._print(self.args[1])}>"

    def _latex(self, printer: Any) -> str:
        left, right = (printer._print(arg) for arg in self.args)
        if left == right:
            return rf"\left\lVert {left} \right\rVert^{{2}}"
        return rf"\left\langle {left}, {right} \right\rangle"


def _word(factors: tuple[Expr, ...]) -> tuple[Expr, list[MatrixExpr]]:
    coefficient: Expr = S.One
    word: list[MatrixExpr] = []
    for factor in factors:
        if is_scalar(factor):
            coefficient = coefficient * factor
        elif isinstance(factor, MatMul):
            inner, inside = _word(factor.args)
            coefficient, word = coefficient * inner, word + inside
        elif (
            isinstance(factor, MatPow) and not isinstance(factor, Inverse) and factor.exp.is_Integer and factor.exp > 0
        ):
            word += [factor.base] * int(factor.exp)
        else:
            word.append(factor)
    return coefficient, word


def _numbers_to_front(coefficient: Expr, word: list[MatrixExpr]) -> tuple[Expr, list[MatrixExpr]]:
    end = 0
    while end < len(word):
        start = next((i for i in range(end - 1, -1, -1) if is_row(word[i])), None) if is_column(word[end]) else None
        if start is None or end - start + 1 == len(word):
            end += 1
            continue
        coefficient = coefficient * Dot(transpose(word[start]), product(*word[start + 1 : end + 1]))
        word, end = word[:start] + word[end + 1 :], 0
    return coefficient, word


def _absorbed(word: list[MatrixExpr]) -> list[MatrixExpr]:
    """Derivatives of order three and more take in a vector standing beside them (see `Partial`)."""
    place = 0
    while place + 1 < len(word):
        left, right = word[place], word[place + 1]
        joined = None
        if is_column(right) and _absorbs(left):
            joined = _contract(left, 1, right)
        elif is_row(left) and _absorbs(right):
            joined = transpose(_contract(right, 0, transpose(left)))
        if joined is None or isinstance(joined, (MatAdd, MatMul, ZeroMatrix)):
            place += 1
            continue
        word, place = word[:place] + [joined] + word[place + 2 :], 0
    return word


def _absorbs(matrix: MatrixExpr) -> bool:
    return bool(getattr(matrix.arg if isinstance(matrix, Transpose) else matrix, "absorbs", False))


def _contract(matrix: MatrixExpr, side: int, vector: MatrixExpr) -> MatrixExpr:
    if isinstance(matrix, Transpose):
        return matrix.arg.contracted(1 - side, vector)
    return matrix.contracted(side, vector)


def _size(matrix: MatrixExpr) -> str:
    return f"{matrix.shape[0]} x {matrix.shape[1]}"
