"""What the parts of the report are made of: a section of the page beside the same content as plain data.

Main definitions: `Part`, `said` (an expression as data), `tidy`, `equation_of` (an update, typeset).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel import show
from bilevel.app.answers import text
from bilevel.language.errors import BilevelError
from bilevel.language.expectation import Conditional, ConditionalMatrix, Expectation, ExpectationMatrix
from bilevel.language.latex import latex, plain
from bilevel.language.nodes import vector
from bilevel.language.sampling import average
from bilevel.language.tree import to_tree
from bilevel.show.mathml_printer import Printer, inside
from bilevel.show.names import GREEK


@dataclass(frozen=True)
class Part:
    """One section of the page, and its content as data."""

    section: Any
    data: Mapping[str, Any]


def said(expression: Any) -> Any:
    """An expression as data: the text that reads back and its certificate tree; where it has none, text and LaTeX."""
    if isinstance(expression, str) or expression is None:
        return expression
    if not isinstance(expression, sp.MatrixBase | sp.MatrixExpr):
        try:
            return {"text": text(expression), "tree": to_tree(expression)}
        except BilevelError:
            pass
    return {"text": _or(plain, expression), "latex": _or(latex, expression)}


def _or(printer: Any, expression: Any) -> str:
    try:
        return str(printer(expression))
    except (BilevelError, AttributeError, TypeError):
        return str(expression)


def tidy(expression: Any) -> Any:
    """The same expression with every plain average taken over the variables that occur in it; E[1] = 1."""
    changed = {}
    for node in sp.postorder_traversal(expression):
        if isinstance(node, Expectation | ExpectationMatrix) and not isinstance(node, Conditional | ConditionalMatrix):
            kept = _occurring(node.body, node.variables)
            if len(kept) < len(node.variables):
                changed[node] = average(node.body, kept)
    return expression.xreplace(changed) if changed else expression


def _occurring(body: Any, variables: tuple[Any, ...]) -> tuple[Any, ...]:
    found: set[Any] = set()
    todo = [body]
    while todo:
        inside = set(sp.preorder_traversal(todo.pop())) - found
        new = [v for v in variables if v in inside]
        found |= set(new)
        todo += [v.law for v in new if hasattr(v.law, "args")]
    return tuple(v for v in variables if v in found)


def equation_of(update: Any, label: str = "", shorthand: Mapping[Any, Any] | None = None) -> Any:
    """The update equations as papers print them: a variable's next value, then the old value and its step."""
    rows = []
    for left, right in update.lines(stamp):
        shown = _rate(left) if update.continuous and left.name.endswith("_rate") else left
        rows.append((shown, "=", _old_first(tidy(right).xreplace(dict(shorthand or {})), left.name)))
    return show.equation_rows(rows, label=label, laws=False, width=70)


def _old_first(right: Any, target: str) -> Any:
    """x - h y rather than -h y + x; SymPy's scalars alone need this."""
    old = next((term for term in right.args if getattr(term, "name", "") == target.replace("_t+1", "_t")), None)
    if not isinstance(right, sp.Add) or isinstance(right, sp.MatrixExpr) or old is None:
        return right
    printer, rest = Printer(laws=False), right - old
    terms = printer.ordered_terms(rest) if isinstance(rest, sp.Add) else [rest]
    return show.element("mrow", inside(old), *(printer.signed(term, first=False) for term in terms))


def stamp(variable: Any, when: str) -> Any:
    """Variables with their time below, as `Update.lines` asks for them."""
    below = {"now": "t", "next": "t+1", "previous": "t−1", "rate": "rate"}.get(when, f"({when})")
    stem, _, index = variable.name.partition("_")
    name = f"{stem}_{index}_{below}" if index else f"{stem}_{below}"
    return sp.Symbol(name, real=True) if isinstance(variable, sp.Symbol) else variable.func(name, *variable.args[1:])


def _rate(left: Any) -> Any:
    """dx/dt"""
    letter = inside(sp.Symbol(left.name.removesuffix("_rate")))
    return show.element("mfrac", show.element("mrow", show.element("mi", "d"), letter),
                        show.element("mrow", show.element("mi", "d"), show.element("mi", "t")))  # fmt: skip


def listed(words: Iterable[str]) -> str:
    """a, b and c"""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def letter(variable: Any) -> Any:
    """A variable's name as ready MathML."""
    return inside(sp.Symbol(variable.name))


def component(variable: Any) -> Any:
    """F with the variable below."""
    return show.element("msub", show.element("mi", "F"), letter(variable))


def called(name: str, *arguments: str) -> Any:
    """F(D, G) as ready MathML."""
    return inside(sp.Function(name)(*(sp.Symbol(argument) for argument in arguments)))


def worded(text: str) -> Any:
    """Plain words with their few signs set as printed mathematics: Greek letters, minus signs, powers; all escaped."""
    made = str(show.escape(text)).replace("**", "^")
    made = re.sub(
        r"(?<![A-Za-z])(" + "|".join(sorted(GREEK, key=len, reverse=True)) + r")(?![A-Za-z])",
        lambda m: GREEK[m[1]],
        made,
    )
    made = re.sub(r"(?<=[\w\)]) - (?=[\w\(])|(?<![\w\)\]])-(?=[\w\(])", lambda m: " − " if m[0] != "-" else "−", made)
    made = re.sub(r"\^(\d+|T)(?!\w)", lambda m: "<sup>" + ("⊤" if m[1] == "T" else m[1]) + "</sup>", made)
    made = re.sub(r"(?<=[A-Za-z])_([A-Za-z0-9]+)(?![A-Za-z0-9_])", r"<sub>\1</sub>", made)
    made = re.sub(r"(?<=[\w\)>]) ?\*(?!\*) ?(?=[\w\(])", "·", made)
    made = (
        made.replace("grad ", "∇ ")
        .replace(" . ", " · ")
        .replace("...", "…")
        .replace("&lt;=", "≤")
        .replace("&gt;=", "≥")
    )
    return show.Markup(made)


def power(number: float) -> str:
    """A float as 5.6 × 10⁻¹⁷."""
    if number == 0:
        return "0"
    digits, exponent = f"{number:.1e}".split("e")
    return (
        f"{digits} × 10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        if abs(int(exponent)) > 2
        else f"{number:.2g}"
    )


def shortened(expression: Any) -> tuple[Any, dict[Any, Any]]:
    """The expression with o for the image the coin shows, and what o stands for."""
    shown = {}
    for call in sp.preorder_traversal(expression):
        image = (
            call.arguments[0]
            if getattr(getattr(call, "network", None), "name", "") == "D" and hasattr(call, "arguments")
            else None
        )
        if image is not None and any(getattr(part, "name", "") == "y" for part in sp.preorder_traversal(image)):
            stamp = (
                "_t" if any(getattr(part, "name", "").endswith("_t") for part in sp.preorder_traversal(image)) else ""
            )
            shown[image] = vector(f"o{stamp}", "n")
    return expression.xreplace(shown), shown


def where(images: dict[Any, Any]) -> Any:
    """What the shorthands stand for."""
    parts = [piece for image, o in images.items() for piece in (o, " = ", image)]
    return show.paragraph("with ", *parts, ", the image shown.") if parts else show.Markup("")
