"""MathML of vectors and matrices: symbols, sums, products, transposes, inverses, explicit and block matrices.

Main definitions: `MatrixPrinting`.
Notation: a transpose is a raised ⊤ on a factor; numbers and scalars stand before the word of matrix factors.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.show.markup import Markup, element, join
from bilevel.show.mathml_base import ADD, ATOM, MUL, POW, UNARY, mo
from bilevel.show.mathml_order import is_negative, negated, split_fraction
from bilevel.show.mathml_scalar import ScalarPrinting


class MatrixPrinting(ScalarPrinting):
    """Methods for the classes of matrix expressions."""

    def print_MatrixSymbol(self, symbol: Any) -> Markup:
        """A letter with its scripts."""
        return self.name(symbol.name)

    def print_Identity(self, _: Any) -> Markup:
        """The identity matrix, upright so that it is no variable."""
        return element("mi", "I", mathvariant="normal")

    def print_ZeroMatrix(self, _: Any) -> Markup:
        """Zero."""
        return element("mn", 0)

    def print_OneMatrix(self, _: Any) -> Markup:
        """The matrix of ones."""
        return element("mn", 1, mathvariant="bold")

    def print_MatrixElement(self, entry: Any) -> Markup:
        """An entry: indices from one, as in print; the second of a column is left out."""
        parent, row, column = entry.args
        shown = [row + 1] if parent.shape[1] == 1 else [row + 1, column + 1]
        below = self.commas(shown)
        if isinstance(parent, sp.MatrixSymbol):
            return self.name(parent.name, also_below=below)
        return element("msub", self.at(parent, ATOM), element("mrow", below))

    def level_MatAdd(self, _: Any) -> int:
        """A sum."""
        return ADD

    def print_MatAdd(self, expression: Any) -> Markup:
        """A sum, positive term first where there is one."""
        return self.print_Add(expression)

    def level_MatMul(self, product: Any) -> int:
        """A product; with a minus in front it binds like a term."""
        return ADD if is_negative(product) else MUL

    def print_MatMul(self, product: Any) -> Markup:
        """Scalars as one coefficient, then the factors in their order."""
        if is_negative(product):
            return element("mrow", mo("−", form="prefix"), self.at(negated(product), MUL))
        scalar, word = product.as_coeff_mmul()
        coefficient, above, below = split_fraction(scalar)
        if below:
            # (J⊤ s)/D: what divides a vector goes under the whole vector.
            return element(
                "mfrac",
                self.word([*_number(coefficient.p), *above], word),
                self._row([*_number(coefficient.q), *below]),
            )
        return self.word([*_number(coefficient), *above], word)

    def word(self, scalars: list[Any], word: Any) -> Markup:
        """Scalars, then the matrix factors in their order."""
        factors = [*scalars, *(word.args if isinstance(word, sp.MatMul) else [word])]
        if len(factors) == 1:
            return self(factors[0])
        # A thin space between factors: θ⊤A v is a product of three things, not one word.
        thin = mo("\u2062", lspace="0.08em", rspace="0.08em")
        return element("mrow", join(*(self.at(f, MUL if f.is_Rational else UNARY) for f in factors), separator=thin))

    level_HadamardProduct = level_KroneckerProduct = lambda self, _: MUL

    def print_HadamardProduct(self, product: Any) -> Markup:
        """Entry by entry."""
        return element("mrow", join(*(self.at(factor, UNARY) for factor in product.args), separator=mo("∘")))

    def print_KroneckerProduct(self, product: Any) -> Markup:
        """Kronecker product."""
        return element("mrow", join(*(self.at(factor, UNARY) for factor in product.args), separator=mo("⊗")))

    def print_Transpose(self, transpose: Any) -> Markup:
        """A raised ⊤."""
        return self.raised(transpose.args[0], mo("⊤"))

    def print_Inverse(self, inverse: Any) -> Markup:
        """To the power −1."""
        return self.raised(inverse.args[0], self.printed(sp.Integer(-1)))

    def print_MatPow(self, power: Any) -> Markup:
        """A power of a square matrix."""
        return self.raised(power.args[0], self.printed(power.args[1]))

    level_Transpose = level_Inverse = level_MatPow = lambda self, _: POW

    def raised(self, base: Any, mark: Markup) -> Markup:
        """A base with a mark above; scripts on scripts get brackets."""
        return element("msup", self.at(base, ATOM), mark)

    def print_Trace(self, trace: Any) -> Markup:
        """tr(A)"""
        return self.applied(element("mi", "tr"), trace.args)

    def print_Determinant(self, determinant: Any) -> Markup:
        """det(A)"""
        return self.applied(element("mi", "det"), determinant.args)

    def print_DiagMatrix(self, diagonal: Any) -> Markup:
        """diag(v)"""
        return self.applied(element("mi", "diag"), diagonal.args)

    def print_MatrixBase(self, matrix: Any) -> Markup:
        """An explicit matrix, row by row."""
        return self.grid([[matrix[i, j] for j in range(matrix.shape[1])] for i in range(matrix.shape[0])])

    print_ImmutableDenseMatrix = print_DenseMatrix = print_MatrixBase

    def print_BlockMatrix(self, matrix: Any) -> Markup:
        """A matrix of blocks."""
        rows, columns = matrix.blockshape
        return self.grid([[matrix.blocks[i, j] for j in range(columns)] for i in range(rows)])

    def grid(self, rows: list[list[Any]]) -> Markup:
        """Rows of expressions between brackets; all entries in display size, fractions in matrices stay readable."""
        # The style sheet draws the brackets: they reach any height with any font.
        return element(
            "mtable",
            *(element("mtr", *(element("mtd", self(entry)) for entry in row)) for row in rows),
            class_="matrix",
        )


def _number(number: Any) -> list[Any]:
    """A number as a factor, left out when it is one."""
    return [] if number == 1 else [sp.sympify(number, strict=True)]
