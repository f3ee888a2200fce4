"""z3 as a prover of implications between polynomial conditions; what rests on it is labelled so.

Main definition: `Z3`. The default solver is used, not the nlsat tactic; the budget is counted in resource units, so
that the same question gets the same answer on every machine.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.analysis.regions import All, Sign


class Z3:
    """Unsatisfiability under given assumptions."""

    def __init__(self, assumptions: Any) -> None:
        import z3

        self.z3, self.coordinates = z3, assumptions.coordinates
        context = z3.Context()
        self.context = context
        self.variables = [z3.Real(f"x{i}", context) for i in range(len(self.coordinates.meaning))]
        self.background: list[tuple[set[int], Any]] = []
        for i, (low, low_strict, up, up_strict) in enumerate(assumptions.bounds):
            x = self.variables[i]
            if low is not None:
                self.background.append(({i}, x > self._number(low) if low_strict else x >= self._number(low)))
            if up is not None:
                self.background.append(({i}, x < self._number(up) if up_strict else x <= self._number(up)))
        self.background += [({i}, self.variables[i] != 0) for i in assumptions.nonzero]
        for i, (k, radicand) in self.coordinates.relations.items():
            used = {i} | {j for j, d in enumerate(radicand.degrees()) if d}
            self.background.append((used, self.variables[i] ** k == self._polynomial(radicand)))
        for fact in assumptions.facts:
            self.background.append((set(range(len(self.variables))), self._formula(fact)))

    def _number(self, c: Any) -> Any:
        return self.z3.Q(int(c.p), int(c.q), self.context)

    def _polynomial(self, p: Any) -> Any:
        total = self.z3.RealVal(0, self.context)
        for monomial, c in p.to_dict().items():
            term = self._number(c)
            for i, e in enumerate(monomial):
                for _ in range(e):
                    term = term * self.variables[i]
            total = total + term
        return total

    def _formula(self, formula: Any) -> Any:
        z3 = self.z3
        if isinstance(formula, bool):
            return z3.BoolVal(formula, self.context)
        if isinstance(formula, Sign):
            p = self._polynomial(formula.polynomial)
            return {">": p > 0, ">=": p >= 0, "==": p == 0, "!=": p != 0}[formula.relation]
        join = z3.And if isinstance(formula, All) else z3.Or
        return join(*(self._formula(part) for part in formula.parts))

    def _loaded(self, formula: Any, units: int, milliseconds: int) -> Any:
        solver = self.z3.Solver(ctx=self.context)
        solver.set("rlimit", units)
        solver.set("timeout", milliseconds)
        solver.add(self._formula(formula))
        for _, fact in self.background:
            solver.add(fact)
        return solver

    def unsatisfiable(self, formula: Any, units: int, milliseconds: int) -> bool:
        """Whether z3 proves that no point satisfies the formula; unknown counts as no."""
        return bool(self._loaded(formula, units, milliseconds).check() == self.z3.unsat)

    def example(self, formula: Any, units: int, milliseconds: int) -> dict[Any, Any] | None:
        """Rational values of the symbols at a point that z3 offers, None where there is none or it is not rational."""
        solver = self._loaded(formula, units, milliseconds)
        if solver.check() != self.z3.sat:
            return None
        model, values = solver.model(), {}
        for meaning, variable in zip(self.coordinates.meaning, self.variables, strict=True):
            value = model.eval(variable, model_completion=True)
            if meaning.is_Symbol and self.z3.is_rational_value(value):
                values[meaning] = sp.Rational(value.numerator_as_long(), value.denominator_as_long())
            elif meaning.is_Symbol:
                return None
        return values
