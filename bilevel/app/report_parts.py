"""What the parts of the report are made of: a section of the page beside the same content as plain data.

Main definitions: `Part`, `said` (an expression as data), `tidy`, `equation_of` (an update, typeset).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel import show
from bilevel.app.answers import text
from bilevel.language.errors import BilevelError
from bilevel.language.expectation import Conditional, ConditionalMatrix, Expectation, ExpectationMatrix
from bilevel.language.latex import latex, plain
from bilevel.language.sampling import average
from bilevel.language.tree import to_tree
from bilevel.show.mathml_printer import inside


@dataclass(frozen=True)
class Part:
    """One section of the page, and its content as data."""

    section: Any
    data: Mapping[str, Any]


def said(expression: Any) -> Any:
    """An expression as data: the text that reads back, with its certificate tree where it has one; else text and LaTeX."""
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


def equation_of(update: Any, label: str = "") -> Any:
    """The update equations as papers print them: a variable's next value, then the old value minus its step."""
    rows = []
    for left, right in update.lines(_stamp):
        shown = _rate(left) if update.continuous and left.name.endswith("_rate") else left
        rows.append((shown, "=", right))
    return show.equation_rows(rows, label=label, laws=False, width=70)


def _stamp(variable: Any, when: str) -> Any:
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
