"""A condition solved for one of its parameters: exact intervals, with cases where signs depend on the other parameters.

Main definition: `solve`. The solutions of a single condition come from `branches`.

Math: each condition is a polynomial in the parameter x (or in x^k with x positive) whose factors have degree one or
two; its solution set is written down for every sign of the leading coefficient and the discriminant. Conjunctions
intersect; a bound or a case is dropped only when the others are proved to imply it. The result is compared with the
original condition at rational points before it is returned.
"""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import sympy as sp

from bilevel.analysis.branches import EVERYTHING, Branches, Case
from bilevel.analysis.cells import intervals, polynomials_of
from bilevel.analysis.enclosure import truth_at
from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.reduction import Assumptions
from bilevel.analysis.regions import All, Sign, Some, compare, conj, disj, negate
from bilevel.analysis.writing import in_decimals, to_boolean, to_formula
from bilevel.language.errors import GameError, UnknownAnswer

MAX_CASES = 16


def solve(condition: Any, parameter: Any, assuming: Any = ()) -> Any:
    """The condition as exact bounds on one parameter, a SymPy Boolean.

    Math: equivalent to `condition` wherever the assumptions (of the symbols, and `assuming`) hold.
    Raises: GameError when `parameter` is no symbol; UnknownAnswer where a factor has degree above two in it.
    Reference: Loos and Weispfenning 1993 (elimination by quadratic roots), doi:10.1093/comjnl/36.5.450.
    Examples:
        >>> h, gamma = sp.symbols("h gamma", positive=True)
        >>> solve(h**2/4 + 2*gamma*h < 4, h)
        h < -4*gamma + 4*sqrt(gamma**2 + 1)
        >>> solve(sp.And(h < 4*gamma, 2*gamma*h < h**2/4 + 4), h)
        ((gamma < 1) & (h < 4*gamma)) | ((gamma >= 1) & (h < 4*gamma - 4*sqrt(gamma**2 - 1)))
    """
    if not isinstance(parameter, sp.Symbol):
        raise GameError(f"a condition is solved for a symbol, got {parameter!r}")
    if condition in (sp.true, sp.false):
        return sp.true if condition else sp.false
    if parameter not in condition.free_symbols:
        return condition
    facts = [f for f in assuming if f not in (True, sp.true)]
    relationals = [r for b in (condition, *facts) for r in b.atoms(sp.core.relational.Relational)]
    coordinates = Coordinates([side for r in relationals for side in r.args] + [parameter], sp.Dummy("z"))
    formula = to_formula(condition, coordinates)
    if formula is None:
        raise UnknownAnswer(
            f"the condition {condition} is not a combination of inequalities", next_step="solve a part of it"
        )
    solver = _Solver(coordinates, Assumptions(coordinates, facts), parameter, facts)
    result = solver.solved(formula)
    _compare_at_points(condition, result, facts)
    return in_decimals(result) if condition.has(sp.Float) else result


class _Solver:
    def __init__(self, coordinates: Coordinates, assumptions: Assumptions, parameter: Any, facts: list[Any]) -> None:
        self.coordinates, self.assumptions, self.parameter, self.facts = coordinates, assumptions, parameter, facts
        self.index = coordinates.meaning.index(parameter)
        self.branches = Branches(assumptions, parameter)
        for i, (_, radicand) in coordinates.relations.items():
            if radicand.degrees()[self.index] or coordinates.meaning[i].has(parameter):
                raise UnknownAnswer(f"{parameter} stands under a root", next_step=f"substitute {parameter} = t^2 first")
        if any(m.has(parameter) and m != parameter for m in coordinates.meaning):
            raise UnknownAnswer(
                f"{parameter} stands inside a function that is no polynomial", next_step="solve numerically"
            )

    def solved(self, formula: Any) -> Any:
        """The formula as a Boolean: intervals of a line when nothing else is free, else cases."""
        polynomials = polynomials_of(formula)
        used = {i for p in polynomials for i, d in enumerate(p.degrees()) if d}
        if used <= {self.index}:
            line = self.assumptions.line(polynomials, self.index)
            return intervals(line, formula, self.parameter, short=False)
        cases = [case for part in self._disjuncts(formula) for case in self._conjunction(part)]
        return self._written(cases)

    def _disjuncts(self, formula: Any) -> list[list[Sign]]:
        """Disjunctive normal form, with products of factors split by their signs."""
        if isinstance(formula, bool):
            return [[]] if formula else []
        if isinstance(formula, Sign):
            return self._split(formula)
        parts = [self._disjuncts(part) for part in formula.parts]
        if isinstance(formula, Some):
            return [conjunct for part in parts for conjunct in part]
        total = 1
        for part in parts:
            total *= len(part)
        if total > 4 * MAX_CASES:
            raise UnknownAnswer("too many cases", reached=f"{total} of them", next_step="fix some parameters")
        return [[sign for conjunct in choice for sign in conjunct] for choice in product(*parts)]

    def _split(self, atom: Sign) -> list[list[Sign]]:
        tidied = self.assumptions.tidy(atom)
        if not isinstance(tidied, Sign):
            return self._disjuncts(tidied)
        unit, factors = tidied.polynomial.factor()
        if len(factors) <= 1 or (all(m % 2 == 0 for _, m in factors[1:]) and len(factors) == 1):
            return [[tidied]]
        if tidied.relation in ("==", "!="):
            pieces = [Sign(f, tidied.relation) for f, _ in factors]
            return [[piece] for piece in pieces] if tidied.relation == "==" else [pieces]
        odd = [f for f, _ in factors]
        choices = []
        for pattern in product((1, -1), repeat=len(odd)):
            sign = 1 if unit > 0 else -1
            for s in pattern:
                sign *= s
            if sign > 0:
                choices.append([compare(f * s, tidied.relation) for f, s in zip(odd, pattern, strict=True)])
        if tidied.relation == ">=":
            choices += [[Sign(f, "==")] for f in odd]
        return choices

    def _conjunction(self, atoms: list[Sign]) -> list[Case]:
        cases = [Case(True, EVERYTHING)]
        for atom in atoms:
            merged = []
            for old, new in product(cases, self.branches.of(atom)):
                guard = conj([old.guard, new.guard])
                if guard is False or not new.intervals or not old.intervals:
                    continue
                guard = self.assumptions.drop_implied(guard)
                if guard is not False:
                    merged.append(Case(guard, tuple(a + b for a in old.intervals for b in new.intervals)))
            cases = merged
            if len(cases) > MAX_CASES:
                raise UnknownAnswer("too many cases", reached=f"{len(cases)} of them", next_step="fix some parameters")
        return [case for case in map(self._pruned, cases) if case.intervals]

    # ---- tidying ----------------------------------------------------------------------------------

    def _pruned(self, case: Case) -> Case:
        """The case without bounds that others imply and without intervals proved empty."""
        expressions = [r.rhs for interval in case.intervals for r in interval]
        if not expressions:
            return case
        guard = to_boolean(case.guard, self.coordinates)
        sides = [a for f in (guard, *self.facts) for r in f.atoms(sp.core.relational.Relational) for a in r.args]
        wider = Coordinates([*expressions, *sides, self.parameter, *self.coordinates.parameters], sp.Dummy("z"))
        known = Assumptions(
            wider, [*self.facts, *([guard] if guard != sp.true else [])], budget=self.assumptions.budget
        )
        kept: list[tuple[Any, ...]] = []
        for interval in case.intervals:
            formulas = [(r, to_formula(r, wider)) for r in dict.fromkeys(interval)]
            if known.impossible(conj(f for _, f in formulas)):
                continue
            for r, f in sorted(formulas, key=lambda pair: -pair[0].rhs.count_ops()):
                others = [pair for pair in formulas if pair[0] is not r]
                if known.implies(conj(g for _, g in others), f):
                    formulas = others
            kept.append(tuple(r for r, _ in formulas))
        return Case(case.guard, tuple(kept) if () not in kept else EVERYTHING)

    def _written(self, cases: list[Case]) -> Any:
        """Cases with the same solutions joined, guards of one parameter as intervals."""
        groups: list[tuple[Any, tuple[tuple[Any, ...], ...]]] = []
        for case in cases:
            position = next((k for k, (_, found) in enumerate(groups) if set(found) == set(case.intervals)), None)
            if position is None:
                groups.append((case.guard, case.intervals))
            else:
                groups[position] = (disj([groups[position][0], case.guard]), case.intervals)
        return sp.Or(*(sp.And(self._guard_text(guard), sp.Or(*(sp.And(*i) for i in found))) for guard, found in groups))

    def _guard_text(self, guard: Any) -> Any:
        polynomials = polynomials_of(guard)
        used = {i for p in polynomials for i, d in enumerate(p.degrees()) if d}
        if len(used) == 1:
            index = used.pop()
            if index not in self.coordinates.relations:
                line = self.assumptions.line(polynomials, index)
                return intervals(line, guard, self.coordinates.meaning[index], short=False)
        if isinstance(guard, Some) and len(guard.parts) == 2 and self.assumptions.impossible(_neither(guard)):
            return sp.true
        return to_boolean(guard, self.coordinates)


def _neither(guard: Some) -> Any:
    return All(tuple(negate(part) for part in guard.parts))


def _compare_at_points(condition: Any, result: Any, facts: list[Any]) -> None:
    """Refuse a result that differs from the condition at some rational point."""
    source = random.Random(20)
    symbols = sorted(condition.free_symbols | result.free_symbols, key=str)
    for _ in range(40):
        point = {}
        for s in symbols:
            value = sp.Rational(source.randint(1, 60), source.choice((1, 2, 7, 16)))
            point[s] = -value if s.is_negative or (not s.is_nonnegative and source.random() < 0.5) else value
        if not all(truth_at(f, point) for f in facts):
            continue
        expected, found = truth_at(condition, point), truth_at(result, point)
        if expected is not None and found is not expected:
            raise UnknownAnswer(f"the solved form failed its check at {point}", next_step="use the condition itself")
