"""MathML of relations, logic, sets and cases: what conditions are made of.

Main definitions: `SetPrinting`.
Notation: "and", "or", "not" are words, as in a sentence; a chain a < x and x < b is written a < x < b.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.show.markup import Markup, element, join
from bilevel.show.mathml_base import ADD, ANY, MUL, RELATION, UNARY, Base, mo, text

_RELATIONS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}


class SetPrinting(Base):
    """Methods for relations, propositions and sets."""

    level_Relational = level_Contains = lambda self, _: RELATION
    level_And = level_Or = level_Not = level_Piecewise = level_Lambda = level_Implies = lambda self, _: ANY

    def print_Relational(self, relation: Any) -> Markup:
        """An equation or inequality."""
        sign = _RELATIONS.get(relation.rel_op, relation.rel_op)
        return element("mrow", self.at(relation.lhs, ADD), mo(sign), self.at(relation.rhs, ADD))

    def print_BooleanTrue(self, _: Any) -> Markup:
        """The condition that always holds."""
        return text("true")

    def print_BooleanFalse(self, _: Any) -> Markup:
        """The condition that never holds."""
        return text("false")

    def print_bool(self, value: bool) -> Markup:
        """A Python truth value."""
        return text("true" if value else "false")

    def print_And(self, proposition: Any) -> Markup:
        """Conditions joined by "and"; two that bound the same thing from both sides become a chain."""
        parts = sorted(proposition.args, key=sp.default_sort_key)
        return self._words([self._part(part) for part in _chained(parts)], " and ")

    def print_Or(self, proposition: Any) -> Markup:
        """Conditions joined by "or"."""
        return self._words([self._part(part) for part in sorted(proposition.args, key=sp.default_sort_key)], " or ")

    def print_Not(self, proposition: Any) -> Markup:
        """not A"""
        return element("mrow", text("not "), self.at(proposition.args[0], RELATION))

    def print_Implies(self, proposition: Any) -> Markup:
        """A implies B"""
        return self._words([self.at(part, RELATION) for part in proposition.args], " implies ")

    def _part(self, part: Any) -> Markup:
        """One condition inside a larger one."""
        if not isinstance(part, tuple):
            return self.at(part, RELATION)
        low, first, middle, second, high = part
        return element("mrow", self.at(low, ADD), mo(first), self.at(middle, ADD), mo(second), self.at(high, ADD))

    def _words(self, parts: list[Markup], word: str) -> Markup:
        return element("mrow", join(*parts, separator=text(word.replace(" ", "\u00a0"))))

    # Sets ---------------------------------------------------------------------------------------------------------

    def print_Interval(self, interval: Any) -> Markup:
        """An interval with round brackets at open ends."""
        ends = element("mrow", self(interval.start), mo(",", separator="true"), self(interval.end))
        return self.fenced(ends, "(" if interval.left_open else "[", ")" if interval.right_open else "]")

    def print_FiniteSet(self, collection: Any) -> Markup:
        """Elements between braces."""
        return self.fenced(self.commas(collection.args), "{", "}")

    def print_EmptySet(self, _: Any) -> Markup:
        """The empty set."""
        return mo("∅", form="infix", lspace="0", rspace="0")

    level_Union = level_Intersection = level_Complement = level_ProductSet = lambda self, _: MUL

    def print_Union(self, union: Any) -> Markup:
        """A ∪ B"""
        return element("mrow", join(*(self.at(part, UNARY) for part in union.args), separator=mo("∪")))

    def print_Intersection(self, intersection: Any) -> Markup:
        """A ∩ B"""
        return element("mrow", join(*(self.at(part, UNARY) for part in intersection.args), separator=mo("∩")))

    def print_Complement(self, complement: Any) -> Markup:
        """A without B"""
        return element("mrow", join(*(self.at(part, UNARY) for part in complement.args), separator=mo("∖")))

    def print_ProductSet(self, product: Any) -> Markup:
        """A × B"""
        return element("mrow", join(*(self.at(part, UNARY) for part in product.args), separator=mo("×")))

    def print_Set(self, collection: Any) -> Markup:
        """ℝ, ℤ and their like, else the name."""
        letters = {
            "Reals": "ℝ",
            "Integers": "ℤ",
            "Naturals": "ℕ",
            "Naturals0": "ℕ₀",
            "Complexes": "ℂ",
            "Rationals": "ℚ",
        }
        name = type(collection).__name__
        return element("mi", letters[name]) if name in letters else self.print_Basic(collection)

    print_Reals = print_Set

    def print_ConditionSet(self, collection: Any) -> Markup:
        """{x ∈ A : condition}"""
        body = element(
            "mrow", self(collection.sym), mo("∈"), self(collection.base_set), mo(":"), self(collection.condition)
        )
        return self.fenced(body, "{", "}")

    def print_Contains(self, membership: Any) -> Markup:
        """x ∈ A"""
        return element("mrow", self.at(membership.args[0], ADD), mo("∈"), self.at(membership.args[1], ADD))

    # Cases and functions as values --------------------------------------------------------------------------------

    def print_Piecewise(self, cases: Any) -> Markup:
        """Cases under one another behind a brace."""
        rows = []
        for value, condition in cases.args:
            when = text("otherwise") if condition == True else join(text("if\u00a0"), self(condition))  # noqa: E712
            rows.append(
                element("mtr", element("mtd", self(value), class_="right"), element("mtd", when, class_="right"))
            )
        return element("mrow", mo("{", fence="true"), element("mtable", *rows, class_="cases"))

    def print_Lambda(self, function: Any) -> Markup:
        """x ↦ value"""
        names = function.variables
        head = self(names[0]) if len(names) == 1 else self.fenced(self.commas(names))
        return element("mrow", head, mo("↦"), self(function.expr))


def _chained(parts: list[Any]) -> list[Any]:
    """Join `a < x` and `x < b` into the tuple (a, <, x, <, b); everything else passes as it is."""
    below: dict[Any, Any] = {}
    for part in parts:
        if (
            isinstance(part, (sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan))
            and part.gts.is_symbol
        ):
            below.setdefault(part.gts, part)
    result: list[Any] = []
    used: set[Any] = set()
    for part in parts:
        lower = (
            below.get(part.lts)
            if isinstance(part, (sp.StrictLessThan, sp.LessThan, sp.StrictGreaterThan, sp.GreaterThan))
            else None
        )
        if lower is not None and lower is not part and not {lower, part} & used and lower.lts.is_number:
            used |= {lower, part}
            signs = ["<" if isinstance(p, (sp.StrictLessThan, sp.StrictGreaterThan)) else "≤" for p in (lower, part)]
            result.append((lower.lts, signs[0], part.lts, signs[1], part.gts))
    return [*result, *(part for part in parts if part not in used)]
