"""What is known about the sign of an expression: numbers exactly, expressions in parameters under assumptions.

Main definitions: `Known`; `under`, a game under further facts. Answers are proofs or None; symbols stand for numbers.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import sympy as sp

from bilevel.analysis.cells import Line, intervals, polynomials_of
from bilevel.analysis.enclosure import enclose, truth_at
from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.reduction import Assumptions
from bilevel.analysis.regions import Sign, compare, conj
from bilevel.analysis.writing import to_boolean
from bilevel.language.errors import UnknownAnswer

LONG = 40  # terms
RELATIONS = {">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne, "<": sp.Lt, "<=": sp.Le}
Condition = tuple[Any, str]


class Known:
    """Signs of expressions under `facts`, a collection of relationals beside the symbols' own assumptions."""

    def __init__(self, facts: Iterable[Any] = ()) -> None:
        self.facts = tuple(f for f in facts if f not in (True, sp.true))
        self._cache: dict[Any, str | None] = {}

    def sign(self, expression: Any) -> str | None:
        """ "+", "-", "0", ">=0" or "<=0" where it is proved, else None."""
        expression = sp.S(expression)
        if expression not in self._cache:
            self._cache[expression] = self._sign(expression)
        return self._cache[expression]

    def contradictory(self) -> bool:
        """Whether it is proved that the facts exclude each other."""
        try:
            _, assumptions = self._ring([])
        except (UnknownAnswer, TypeError, ValueError, KeyError):
            return False
        return bool(assumptions.impossible(conj(assumptions.facts)))

    def nonzero(self, expression: Any) -> bool:
        """Whether it is proved never to vanish."""
        return self.sign(expression) in ("+", "-")

    def zero(self, expression: Any) -> bool:
        """Whether it is proved to vanish identically."""
        return self.sign(expression) == "0"

    def _sign(self, expression: Any) -> str | None:
        if expression.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I):
            return None
        if not expression.free_symbols:
            return number_sign(expression)
        if len(expression.args) < LONG:  # over the terms of a longer sum SymPy's own deductions take too long
            for flag, answer in (("is_zero", "0"), ("is_positive", "+"), ("is_negative", "-")):
                if getattr(expression, flag):
                    return answer
        try:
            coordinates, assumptions = self._ring([expression])
            top, bottom = coordinates.convert(expression)
        except (UnknownAnswer, TypeError, ValueError, KeyError):
            return None
        return _of_polynomial(coordinates.reduce(top * bottom), assumptions)

    def _ring(self, expressions: list[Any]) -> tuple[Coordinates, Assumptions]:
        sides = [s for f in self.facts for r in f.atoms(sp.core.relational.Relational) for s in r.args]
        coordinates = Coordinates([*expressions, *sides], sp.Dummy("z"))
        return coordinates, Assumptions(coordinates, self.facts)

    def decide(self, condition: Condition) -> bool | None:
        """Whether expression `relation` 0 holds always (True), never (False), or is not settled (None)."""
        expression, relation = condition
        found = self.sign(expression)
        if relation in ("<", "<="):
            found = {"+": "-", "-": "+", ">=0": "<=0", "<=0": ">=0"}.get(found or "", found)
            relation = relation.replace("<", ">")
        table = {
            ">": {"+": True, "-": False, "0": False, "<=0": False},
            ">=": {"+": True, "-": False, "0": True, ">=0": True},
            "==": {"+": False, "-": False, "0": True},
            "!=": {"+": True, "-": True, "0": False},
        }
        return table[relation].get(found or "")

    def boolean(self, conditions: Iterable[Condition]) -> Any:
        """The conjunction of the conditions, reduced under the assumptions, written as a person would.

        A condition with sqrt(p) or log(p) in it is reduced where p may stand there, and says nothing of p itself: what
        says so, free of the root, is written first and kept.
        """
        open_ones = []
        for condition in conditions:
            decided = self.decide(condition)
            if decided is False:
                return sp.false
            if decided is None and condition not in open_ones:
                open_ones.append(condition)
        if len({_depth(expression) for expression, _ in open_ones}) > 1:
            deepest = max(_depth(expression) for expression, _ in open_ones)
            first = self.boolean(c for c in open_ones if _depth(c[0]) < deepest)
            return sp.And(first, Known((*self.facts, first)).boolean(c for c in open_ones if _depth(c[0]) == deepest))
        if not open_ones:
            return sp.true
        try:
            return self._written(open_ones)
        except (UnknownAnswer, TypeError, ValueError, KeyError):
            return sp.And(*(RELATIONS[relation](expression, 0) for expression, relation in open_ones))

    def _written(self, conditions: list[Condition]) -> Any:
        coordinates, assumptions = self._ring([expression for expression, _ in conditions])
        formulas = []
        for expression, relation in conditions:
            top, bottom = coordinates.convert(expression)
            formula = compare(coordinates.reduce(top * bottom), relation)
            formulas.append(assumptions.tidy(formula) if isinstance(formula, Sign) else formula)
        formula = assumptions.drop_implied(conj(formulas))
        polynomials = polynomials_of(formula)
        used = {i for p in polynomials if not isinstance(p, sp.Basic) for i, d in enumerate(p.degrees()) if d}
        if len(used) == 1 and not any(isinstance(p, sp.Basic) for p in polynomials):
            index = used.pop()
            if coordinates.meaning[index].is_Symbol:
                line = Line(polynomials, index, assumptions.bounds[index])
                written = intervals(line, formula, coordinates.meaning[index])
                if written is not None:
                    return written
        return to_boolean(formula, coordinates)


def _depth(expression: Any) -> int:
    """How deep roots and logarithms stand in one another."""
    inner = max(map(_depth, expression.args), default=0)
    fraction = isinstance(expression, sp.Pow) and expression.exp.is_Rational and not expression.exp.is_Integer
    own = bool(expression.free_symbols) and (fraction or isinstance(expression, sp.log))
    return inner + own


def fixed_by(condition: Any) -> dict[Any, Any]:
    """The symbols to which a condition gives a number: {a: 0} for a == 0 and b > 1."""
    equations = [part for part in sp.And.make_args(condition) if isinstance(part, sp.Eq)]
    return {e.lhs: e.rhs for e in equations if e.lhs.is_Symbol and e.rhs.is_number}


def under(game: Any, *facts: Any) -> Any:
    """The same game under further facts; where one of them gives a parameter its value, with that value."""
    known = game.under(*facts)
    fixed = {s: value for s, value in fixed_by(sp.And(*facts)).items() if s not in game.variables}
    if not fixed or not game.is_coordinate or not hasattr(game, "map_losses"):
        return known
    return known.map_losses(lambda loss: loss.subs(fixed))


def number_sign(number: Any) -> str | None:
    """The sign of a real number: by balls; zero by arithmetic or by minimal polynomials of algebraic numbers."""
    if number.is_Rational:
        return "0" if number == 0 else "+" if number > 0 else "-"
    if number.has(sp.Float):
        around = enclose(number)
        return None if around is None or around.contains(0) else "+" if around > 0 else "-"
    roots = dict.fromkeys(number.atoms(sp.CRootOf))
    for precision in (64, 256, 1024):
        around = enclose(number, precision=precision)
        if around is None:
            return None
        if not around.contains(0):
            return "+" if around > 0 else "-"
    if len(roots) == 1 and _vanishes_at(number, *roots):
        return "0"
    if sp.expand(number) == 0 or sp.radsimp(sp.expand(number)) == 0:
        return "0"
    if number.is_algebraic and number.count_ops() < 60 and not roots:
        x = sp.Dummy("x")
        return "0" if sp.minimal_polynomial(number, x) == x else None
    return None


def _vanishes_at(number: Any, root: Any) -> bool:
    """Whether a rational expression in one algebraic number is zero: its minimal polynomial divides the numerator."""
    x = sp.Dummy("x")
    top = sp.numer(sp.together(number.xreplace({root: x})))
    if not top.is_polynomial(x) or not all(c.is_Rational for c in sp.Poly(top, x).coeffs()):
        return False
    return bool(sp.rem(sp.Poly(top, x), sp.Poly(root.expr.subs(root.poly.gen, x), x)).is_zero)


def somewhere_nonzero(expression: Any, where: Any = sp.true) -> bool:
    """Whether the expression is proved not to vanish at some rational parameters inside `where`."""
    source = random.Random(5)
    symbols = sorted((expression.free_symbols | where.free_symbols), key=str)
    for _ in range(12):
        values = {s: _drawn(source, s) for s in symbols}
        if truth_at(where, values) is True:
            around = enclose(expression, values)
            if around is not None and not around.contains(0):
                return True
    return False


def _drawn(source: random.Random, symbol: Any) -> Any:
    value = sp.Rational(source.randint(1, 40), source.choice((1, 3, 7, 16)))
    return -value if symbol.is_negative or (not symbol.is_nonnegative and source.random() < 0.5) else value


def _of_polynomial(p: Any, assumptions: Assumptions) -> str | None:
    if p == 0:
        return "0"
    whole = assumptions.sign(p)
    if whole is not None or len(p) > 200:
        return whole
    unit, factors = p.factor()
    total: str | None = "+" if unit > 0 else "-"
    for factor, multiplicity in factors:
        one = assumptions.sign(factor)
        if one not in ("+", "-") and assumptions.facts:
            given = conj(assumptions.facts)
            one = next(
                (s for s, f in (("+", factor), ("-", -factor)) if assumptions.implies(given, compare(f, ">"))), one
            )
        if one not in ("+", "-"):
            if multiplicity % 2 == 0 and total is not None:
                total = {"+": ">=0", "-": "<=0"}.get(total, total)
                continue
            return None
        for _ in range(multiplicity % 2):
            if one == "-":
                total = {"+": "-", "-": "+", ">=0": "<=0", "<=0": ">=0"}[total or "+"]
    return total
