"""Printing at the model level: LaTeX as papers typeset it, and plain text that reads the same.

Main definitions: `latex`, `plain`.

A product of matrices with a scalar coefficient n/d is written as a fraction with the matrices above:
`(d2 G(z, theta))^T d1 D(...) / D(...)`. Only checked names reach a printer, so nothing here can smuggle commands.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import Expr, MatMul
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter


def latex(expr: Any) -> str:
    """LaTeX of a model-level expression (or any SymPy expression).

    Math: gradients of scalar networks print as nabla_k, other partials as partial_k, inner products with angle
    brackets, expectations with the law of each variable below.
    Reference: the notation of Pfau, Vinyals (2016), arXiv 1610.01945.
    Examples:
        >>> from bilevel.language.networks import network
        >>> from bilevel.language.nodes import vector
        >>> print(latex(network("D")(vector("w", "n"), vector("phi", "q"))))
        D(w, \\phi)
    """
    return _Latex().doprint(expr)


def plain(expr: Any) -> str:
    """Plain text of a model-level expression, for terminals and logs.

    Math: dk is the partial in the k-th argument, ^T the transpose, <u, w> an inner product, E_z[...] an expectation,
    sg(...) a stopped gradient.
    Reference: the notation of Pfau, Vinyals (2016), arXiv 1610.01945.
    Examples:
        >>> from bilevel.language.gradient import gradient
        >>> from bilevel.language.networks import network
        >>> from bilevel.language.nodes import vector
        >>> z, theta, phi = vector("z", "m"), vector("theta", "p"), vector("phi", "q")
        >>> D, G = network("D", range="probability"), network("G", out="n")
        >>> plain(gradient(sp.log(D(G(z, theta), phi)), theta))
        '(d2 G(z, theta))^T d1 D(G(z, theta), phi) / D(G(z, theta), phi)'
    """
    return _Plain().doprint(expr)


class _Style:
    """What both printers share: one way to lay out products and sums of matrices."""

    transposed_mark = ""
    bracket = "({})"

    _print: Any

    def quotient(self, above: str, below: str) -> str:
        """A fraction."""
        raise NotImplementedError

    def _grouped(self, expr: Any, last: bool = False) -> str:
        text = self._print(expr)
        loose = isinstance(expr, (sp.Add, sp.MatAdd, sp.Mul, MatMul)) or (not last and getattr(expr, "loose", False))
        return self.bracket.format(text) if loose else text

    def _print_Transpose(self, expr: Any) -> str:
        simple = isinstance(expr.arg, sp.MatrixSymbol)
        inner = self._print(expr.arg)
        return f"{inner if simple else self.bracket.format(inner)}{self.transposed_mark}"

    def _print_MatMul(self, expr: Any) -> str:
        coefficient, factors = expr.as_coeff_matrices()
        sign = "-" if coefficient.could_extract_minus_sign() else ""
        above, below = (-coefficient if sign else coefficient).as_numer_denom()
        words = [] if above == 1 else [self._grouped_scalar(above)]
        words += [self._grouped(factor, last=place == len(factors) - 1) for place, factor in enumerate(factors)]
        text = " ".join(words)
        return sign + (text if below == 1 else self.quotient(text, self._below(below)))

    def _grouped_scalar(self, expr: Expr) -> str:
        text = self._print(expr)
        return self.bracket.format(text) if isinstance(expr, sp.Add) else text

    def _below(self, expr: Expr) -> str:
        return self._print(expr)

    def _print_MatAdd(self, expr: Any) -> str:
        # A sum begins with a summand that is added, where there is one.
        pieces = sorted((self._print(part) for part in expr.args), key=lambda piece: piece.startswith("-"))
        text = ""
        for piece in pieces:
            text += piece if not text else f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
        return text

    def _print_ZeroMatrix(self, expr: Any) -> str:
        return "0"

    def _print_Identity(self, expr: Any) -> str:
        return "I"


class _Latex(_Style, LatexPrinter):
    transposed_mark = r"^{\top}"
    bracket = r"\left({}\right)"

    def __init__(self) -> None:
        LatexPrinter.__init__(self, {"inv_trig_style": "full"})

    def quotient(self, above: str, below: str) -> str:
        """A fraction."""
        return rf"\frac{{{above}}}{{{below}}}"

    def drawn(self, variable: Any) -> str:
        """A random variable with its law, as it stands below an expectation."""
        return rf"{self._print(variable)} \sim {variable.law.sign(self._print)}"

    def _print_Heaviside(self, expr: Any, exp: str | None = None) -> str:
        # SymPy's theta is a name that players have.
        power = f"^{{{exp}}}" if exp else ""
        return rf"\operatorname{{H}}{power}{self.bracket.format(self._print(expr.args[0]))}"

    def _print_Inverse(self, expr: Any) -> str:
        return rf"{self.bracket.format(self._print(expr.arg))}^{{-1}}"


class _Plain(_Style, StrPrinter):
    transposed_mark = "^T"

    def quotient(self, above: str, below: str) -> str:
        """A fraction."""
        return f"{above} / {below}"

    def _below(self, expr: Expr) -> str:
        return self.parenthesize(expr, PRECEDENCE["Pow"])

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        return str(StrPrinter._print_Pow(self, expr, rational)).replace("**", "^")

    def _print_Inverse(self, expr: Any) -> str:
        return f"({self._print(expr.arg)})^-1"
