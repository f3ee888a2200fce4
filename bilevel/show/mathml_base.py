"""The ground of the MathML printer: dispatch, brackets, names, and how tightly each form binds.

Main definitions: `Base` (dispatch and brackets), the levels `ANY < ADD < MUL < UNARY < POW < ATOM`, `mo`, `text`.
Notation: `at(expression, level)` prints for a place that needs at least that level, and brackets what binds less.
"""

from __future__ import annotations

import re
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from bilevel.show.markup import Markup, element, escape, join
from bilevel.show.names import Name, read_name

ANY, RELATION, ADD, MUL, UNARY, POW, ATOM = range(7)
APPLY = "\u2061"  # invisible: function application
TIMES = "\u2062"  # invisible: multiplication
_TALL = re.compile("<(mfrac|mtable|munderover|msqrt|mroot)")
THIN = Markup('<mspace width="0.17em"/>')  # between the name of a function and an argument without brackets


def mo(sign: str, **attributes: Any) -> Markup:
    """An operator sign."""
    return element("mo", sign, **attributes)


def text(words: str) -> Markup:
    """Words inside a formula."""
    return element("mtext", words)


def visible_width(markup: Markup) -> int:
    """Roughly how many letters wide a formula is: its visible characters, a fraction counting its wider half."""
    flat = str(markup)
    # Innermost fractions first, so that nested ones are already flat when their turn comes.
    inner = re.compile(r"<mfrac>((?:(?!</?mfrac>).)*)</mfrac>")
    while match := inner.search(flat):
        flat = flat[: match.start()] + "x" * max(1, _length(match[1]) * 6 // 10) + flat[match.end() :]
    return _length(flat)


def _length(flat: str) -> int:
    """Characters left when tags are dropped and entities count for one."""
    return len(re.sub(f"[{APPLY}{TIMES}]", "", re.sub(r"&[#\w]+;", "x", re.sub(r"<[^>]*>", "", flat))))


class Base:
    """Dispatch by class name, brackets by level; `laws` says whether expectations name the laws they draw from."""

    def __init__(self, *, laws: bool = True) -> None:
        self.laws = laws
        self._printed: dict[Any, Markup] = {}

    def __call__(self, expression: Any) -> Markup:
        """Print an expression that stands alone."""
        return self.at(expression, ANY)

    def at(self, expression: Any, level: int) -> Markup:
        """Print for a place that needs at least `level`; what binds less gets brackets."""
        printed = self.printed(expression)
        return self.fenced(printed) if self.level(expression) < level else printed

    def printed(self, expression: Any) -> Markup:
        """Print without brackets of its own; once for each node, since a sum prints its terms to put them in order."""
        if not isinstance(expression, sp.Basic):
            return self._print(expression)
        key = (type(expression), expression)
        if key not in self._printed:
            self._printed[key] = self._print(expression)
        return self._printed[key]

    def _print(self, expression: Any) -> Markup:
        """By the node's own method, else by the nearest known class."""
        own = getattr(expression, "_mathml_", None)
        if own is not None:
            return escape(own(self))
        for kind in _kinds(expression):
            method = getattr(self, f"print_{kind.__name__}", None)
            if method is not None:
                return method(expression)
        return text(str(expression))

    def level(self, expression: Any) -> int:
        """How tightly the printed form binds: by the node's own word, else by the nearest known class."""
        own = getattr(expression, "_mathml_level_", None)
        if own is not None:
            return int(own)
        for kind in _kinds(expression):
            method = getattr(self, f"level_{kind.__name__}", None)
            if method is not None:
                return int(method(expression))
        return ATOM

    def fenced(self, content: Markup, opening: str = "(", closing: str = ")") -> Markup:
        """Content between brackets, which stretch only around what is tall: D(G(z, θ), φ) stays on its line."""
        stretchy = None if _TALL.search(content) else "false"
        return element(
            "mrow",
            mo(opening, fence="true", stretchy=stretchy, form="prefix"),
            content,
            mo(closing, fence="true", stretchy=stretchy, form="postfix"),
        )

    def commas(self, items: Any, level: int = ANY) -> Markup:
        """Items in a row with commas between."""
        return join(*(self.at(item, level) for item in items), separator=mo(",", separator="true"))

    def applied(self, head: Markup, arguments: Any) -> Markup:
        """A function with its arguments in brackets; an explicit matrix has its own."""
        if len(arguments) == 1 and isinstance(arguments[0], sp.MatrixBase):
            return element("mrow", head, mo(APPLY), self.printed(arguments[0]))
        return element("mrow", head, mo(APPLY), self.fenced(self.commas(arguments)))

    def name(self, written: str, also_below: Markup | None = None, also_above: Markup | None = None) -> Markup:
        """A name with its scripts; `also_below`, `also_above` add scripts that come from the expression."""
        name = read_name(written)
        base = element("mi", name.letter)
        if name.accent:
            base = element("mover", base, mo(name.accent, stretchy="false"), accent="true")
        below = _scripts([element("mi" if not part.isdigit() else "mn", part) for part in name.subscripts], also_below)
        above = _scripts(_raised(name), also_above)
        if below is not None and above is not None:
            return element("msubsup", base, below, above)
        if below is not None:
            return element("msub", base, below)
        return element("msup", base, above) if above is not None else base

    def print_Symbol(self, symbol: sp.Symbol) -> Markup:
        """A letter with its scripts."""
        return self.name(symbol.name)

    def print_str(self, words: str) -> Markup:
        """Words."""
        return text(words)

    def print_tuple(self, items: tuple[Any, ...]) -> Markup:
        """A tuple."""
        return self.fenced(self.commas(items))

    def print_Tuple(self, items: sp.Tuple) -> Markup:
        """A tuple."""
        return self.fenced(self.commas(items.args))

    def print_Basic(self, expression: sp.Basic) -> Markup:
        """Whatever has no method of its own: its class and its arguments, in words."""
        if not expression.args:
            return text(str(expression))
        return self.applied(text(type(expression).__name__), expression.args)


def _kinds(expression: Any) -> tuple[type, ...]:
    """The classes of an expression, nearest first; an unknown function named Mul is no product."""
    kinds = type(expression).__mro__
    return kinds[1:] if isinstance(expression, AppliedUndef) else kinds


def _scripts(parts: list[Markup], extra: Markup | None) -> Markup | None:
    """Several scripts as one, with commas; None when there are none."""
    parts = [*parts, extra] if extra is not None else parts
    if len(parts) < 2:
        return parts[0] if parts else None
    return element("mrow", join(*parts, separator=mo(",", separator="true")))


def _raised(name: Name) -> list[Markup]:
    """The superscripts of a name: marks are operators, words are names, primes stand together."""
    marks = [mark for mark in name.superscripts if mark in "′∗+−"]
    words = [mark for mark in name.superscripts if mark not in "′∗+−"]
    return ([mo("".join(marks))] if marks else []) + [element("mi", word, mathvariant="normal") for word in words]
