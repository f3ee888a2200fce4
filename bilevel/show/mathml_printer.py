"""SymPy and model-level expressions as presentation MathML, from our own printer, everything escaped.

Main definitions: `mathml` (one expression), `equations` (aligned rows, long sums broken), `Printer` (the dispatch).
Notation: a class is printed by the method `print_<ClassName>` of the nearest class in its MRO; a node of another
module may instead bring its own `_mathml_(printer) -> Markup` and `_mathml_level_: int` (how tightly it binds).
Reference: W3C (2023), MathML Core; only elements of Core are used, and no stretchy table attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.show.markup import Markup, element, join
from bilevel.show.mathml_base import mo, text, visible_width
from bilevel.show.mathml_matrix import MatrixPrinting
from bilevel.show.mathml_model import ModelPrinting
from bilevel.show.mathml_sets import SetPrinting

NAMESPACE = "http://www.w3.org/1998/Math/MathML"


class Printer(ModelPrinting, MatrixPrinting, SetPrinting):
    """The printer: call it with an expression and get the MathML inside of a `<math>` element.

    Math:       one method per class of expression; brackets only where an operand binds more loosely than its place
    Reference:  W3C (2023), MathML Core
    Examples:
        >>> Printer()(sp.Symbol("theta"))
        '<mi>θ</mi>'
    """


def mathml(expression: Any, *, block: bool = False, laws: bool = True) -> Markup:
    """One expression as a `<math>` element; text and `Markup` pass as words and as ready MathML.

    Math:       block=True sets it in display style, on a line of its own; laws=False writes E_z for E_{z ~ N(0, I)}
    Raises:     GameError if the expression is nested too deeply to print
    Reference:  W3C (2023), MathML Core
    Examples:
        >>> mathml(sp.Symbol("h") / 4)
        '<math xmlns="http://www.w3.org/1998/Math/MathML"><mfrac><mi>h</mi><mn>4</mn></mfrac></math>'
    """
    return _math(inside(expression, laws=laws), block)


def inside(expression: Any, *, laws: bool = True) -> Markup:
    """The MathML that stands inside `<math>`: of an expression, a text, ready `Markup`, or a tuple of these in a row.

    Raises:     GameError if the expression is nested too deeply to print
    """
    if isinstance(expression, Markup):
        return expression
    if isinstance(expression, str):
        return text(expression)
    if isinstance(expression, tuple) and not isinstance(expression, sp.Basic):
        return element("mrow", *(inside(part, laws=laws) for part in expression))
    try:
        return Printer(laws=laws)(expression)
    except RecursionError:
        raise GameError("the expression is nested too deeply to print; shorten it, or print its parts.") from None


def equations(rows: Iterable[tuple[Any, str, Any]], *, width: int = 64, laws: bool = True) -> Markup:
    """Equations under one another, aligned at their relation; a sum wider than `width` is broken at its signs.

    Math:       rows of (left side, relation sign, right side); an empty left side continues the row above
    Raises:     GameError if an expression is nested too deeply to print
    Reference:  W3C (2023), MathML Core, section 3.5 (tables)
    Examples:
        >>> x = sp.Symbol("x")
        >>> equations([(x, "=", x**2)]).count("<mtr>")
        1
    """
    lines: list[Markup] = []
    for left, sign, right in rows:
        for index, piece in enumerate(_broken(right, width, laws)):
            lines.append(
                _line(inside(left, laws=laws), mo(sign) if sign else Markup(""), piece)
                if index == 0
                else _line(Markup(""), Markup(""), piece)
            )
    return _math(element("mtable", *lines, class_="rows", displaystyle="true"), block=True)


def _broken(expression: Any, width: int, laws: bool) -> list[Markup]:
    """The lines of one right side: the whole, or for a wide sum as many terms on a line as fit."""
    whole = inside(expression, laws=laws)
    if visible_width(whole) <= width or not isinstance(expression, (sp.Add, sp.MatAdd)):
        return [whole]
    printer = Printer(laws=laws)
    lines: list[list[Markup]] = [[]]
    for index, term in enumerate(printer.ordered_terms(expression)):
        piece = printer.signed(term, first=index == 0)
        if lines[-1] and visible_width(join(*lines[-1], piece)) > width:
            lines.append([])
        lines[-1].append(piece)
    return [element("mrow", *line) for line in lines]


def _line(left: Markup, sign: Markup, right: Markup) -> Markup:
    """One row: left side to the right, the sign in the middle, right side to the left."""
    cells = (("left", left), ("sign", sign), ("right", right))
    return element("mtr", *(element("mtd", content, class_=name) for name, content in cells))


def _math(content: Markup, block: bool) -> Markup:
    """The `<math>` element around printed content."""
    return element("math", content, xmlns=NAMESPACE, display="block" if block else None)


def operator(name: str, expression: Any) -> Markup:
    """A named operator before its operand, `tr(A)` or `det(A)`, as ready MathML for equations.

    Math:       nothing is evaluated
    Raises:     GameError if the expression is nested too deeply to print
    Reference:  W3C (2023), MathML Core
    Examples:
        >>> operator("tr", sp.Symbol("A")).startswith("<mrow><mi>tr</mi>")
        True
    """
    head, inner = element("mi", name), inside(expression)
    if isinstance(expression, sp.MatrixBase):
        return element("mrow", head, mo("\u2061"), inner)
    return element("mrow", head, mo("\u2061"), Printer().fenced(inner))


def equality(left: Any, right: Any, sign: str = "=") -> Markup:
    """`left = right` as ready MathML for equations; unlike `sympy.Eq` it never evaluates.

    Math:       `sign` may be any relation sign
    Raises:     GameError if an expression is nested too deeply to print
    Reference:  W3C (2023), MathML Core
    Examples:
        >>> equality(sp.Integer(1), sp.Integer(2), "≠")
        '<mrow><mn>1</mn><mo>≠</mo><mn>2</mn></mrow>'
    """
    return element("mrow", inside(left), mo(sign), inside(right))


__all__ = ["NAMESPACE", "Printer", "equality", "equations", "inside", "mathml", "operator"]
