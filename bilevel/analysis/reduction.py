"""What the assumptions already imply: signs of polynomials proved by identities, implied conditions dropped.

Main definitions: `Assumptions` (bounds of each generator, further facts, a budget for z3), with `sign`, `tidy`
(positive factors out of every condition), `drop_implied`.

Math: after the substitution x = l + t, x = u - t or x = (l + u t)/(1 + t) a polynomial all of whose coefficients are
positive (and whose unbounded variables enter with even powers) is positive: that is the positivity identity. Where
none is found z3 may prove an implication; `proofs` then says so. Failing to prove anything leaves a condition in
place: the result stays exact."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import sympy as sp

from bilevel.analysis.bounds import FREE, bounds_of, shifted_terms, tighter
from bilevel.analysis.cells import Line
from bilevel.analysis.function_bounds import function_bounds
from bilevel.analysis.polynomials import Coordinates, rational
from bilevel.analysis.regions import All, Sign, Some, compare, conj, disj, negate, same, signs
from bilevel.analysis.root_signs import sign_beyond
from bilevel.analysis.witnesses import Witnesses
from bilevel.analysis.writing import LARGE, formula_size, to_boolean, to_formula


@dataclass
class Budget:
    """How much z3 may still be asked: number of queries, resource units each, seconds for all."""

    queries: int = 60
    units: int = 200_000
    seconds: float = 0.8
    milliseconds: int = 150


class Assumptions:
    """Bounds and facts about the generators of `coordinates`."""

    def __init__(self, coordinates: Coordinates, facts: Any = (), *, budget: Budget | None = None) -> None:
        self.coordinates, self.budget = coordinates, budget or Budget()
        self.proofs: list[tuple[Any, str]] = []
        self.facts: list[Any] = []
        self._cache: list[tuple[Any, str | None, int]] = []
        self._implied: list[tuple[Any, str]] = []
        self.bounds: list[tuple[Any, ...]] = [FREE] * len(coordinates.meaning)
        self.nonzero = {i for i, m in enumerate(coordinates.meaning) if i >= 2 and m.is_nonzero}
        for index, meaning in enumerate(coordinates.meaning):
            if index >= 2:
                known = index not in coordinates._scales or coordinates._scales[index].is_constant()
                self.bounds[index] = bounds_of(meaning) if known else FREE
                if (
                    known
                    and meaning.is_Pow
                    and self.bounds[index] == FREE
                    and coordinates.relations.get(index, (1,))[0] % 2 == 0
                ):
                    self.bounds[index] = (rational(0), False, None, False)  # an even root, where it is real
        for fact in facts:
            self._assume(fact)
        self.bounds = function_bounds(self, [f for f in facts if not f.atoms(sp.Function)])
        self._cache.clear()
        self._solver: Any = None
        self.witnesses = Witnesses(self)
        self.last_method = "z3"

    def _assume(self, fact: Any) -> None:
        """Record a relational; a linear one in a single generator also tightens its bounds."""
        if isinstance(fact, sp.And):
            for part in fact.args:
                self._assume(part)
            return
        formula = to_formula(fact, self.coordinates)
        if formula is None or formula is True:
            return
        self.facts.append(formula)
        for part in formula.parts if isinstance(formula, All) else (formula,):
            if isinstance(part, Sign) and part.relation == "!=":
                self.nonzero |= {i for i, g in enumerate(self.coordinates.generators) if part.polynomial in (g, -g)}
            if isinstance(part, Sign) and part.relation in (">", ">=") and not isinstance(part.polynomial, sp.Basic):
                used = [i for i, d in enumerate(part.polynomial.degrees()) if d]
                if len(used) == 1 and part.polynomial.degrees()[used[0]] == 1:
                    constant, slope = (
                        c.leading_coefficient() if c != 0 else rational(0)
                        for c in self.coordinates.coefficients(part.polynomial, used[0])
                    )
                    end, strict = -constant / slope, part.relation == ">"
                    lower, upper = (end, None) if slope > 0 else (None, end)
                    self.bounds[used[0]] = tighter(self.bounds[used[0]], lower, upper, strict)

    # ---- signs ------------------------------------------------------------------------------------

    def sign(self, p: Any, depth: int = 0) -> str | None:
        """ "+", "-", "0", ">=0", "<=0" where it is proved, else None; `depth` counts the questions this one answers."""
        if isinstance(p, sp.Basic):
            return None
        if p == 0:
            return "0"
        for known, answer, asked in self._cache:
            if known == p and (answer is not None or asked <= depth):
                return answer
        answer = self._sign(p)
        if answer is None:
            answer = sign_beyond(self, p, depth)
            if answer in ("+", "-") and len(p) < LARGE:
                positive = Sign(p if answer == "+" else -p, ">")
                self.proofs.append((to_boolean(positive, self.coordinates), "real roots counted"))
        self._cache.append((p, answer, depth))
        return answer

    def _sign(self, p: Any) -> str | None:
        if len(p) > 300:
            return None
        positive, negative, strict = False, False, False
        for coefficient, certain, definite in shifted_terms(p, self.bounds, self.nonzero):
            if not definite:
                return None
            positive, negative = positive or coefficient > 0, negative or coefficient < 0
            strict = strict or certain
        if positive and negative:
            return None
        return ("+" if strict else ">=0") if positive else ("-" if strict else "<=0")

    def _sign_by_facts(self, factor: Any) -> str | None:
        """The sign of a short factor, also where it follows from the facts only: of 1 - u, from u^2 < 1."""
        known = self.sign(factor)
        used = {i for i, d in enumerate(factor.degrees()) if d}
        about = {i for f in self.facts for s in signs(f) for i in _used(s.polynomial)}
        if known is not None or not used <= about or len(factor) > 8 or factor.total_degree() > 4:
            return known
        if (found := next((answer for p, answer in self._implied if p == factor), None)) is None:
            given = conj(self.facts)
            ways = (("+", factor), ("-", -factor))
            found = next((s for s, p in ways if self.implies(given, Sign(p, ">"))), "")
            self._implied.append((factor, found))
        return found or None

    # ---- rewriting --------------------------------------------------------------------------------

    def tidy(self, atom: Sign) -> Any:
        """The same condition without factors of known sign; even factors become "or = 0", "and != 0"."""
        p, relation = atom.polynomial, atom.relation
        if isinstance(p, sp.Basic):
            return atom
        known = self.sign(p)
        if known in ("+", "-", "0"):
            return compare(self.coordinates.context.constant({"+": 1, "-": -1, "0": 0}[known]), relation)
        if len(p) > 200:
            return Sign(self._without_monomials(p), relation)
        unit, factors = p.factor()
        odd, even, removed = [], [], False
        sign = 1 if unit > 0 else -1
        for factor, multiplicity in factors:
            s = self._sign_by_facts(factor)
            if s == "-":
                sign *= -1 if multiplicity % 2 else 1
            if s in ("+", "-") or (multiplicity % 2 == 0 and self.is_nonzero(factor)):
                removed = True
            elif multiplicity % 2 == 0 or s in (">=0", "<=0"):
                if s == "<=0" and multiplicity % 2:
                    sign = -sign
                even.append(factor)
                removed = True
            else:
                odd.append(factor)
                removed = removed or multiplicity > 1
        if not removed and (relation in (">", ">=") or (len(factors) == 1 and not self.is_nonzero(factors[0][0]))):
            return atom
        return self._assemble(sign, odd, even, relation)

    def _without_monomials(self, p: Any) -> Any:
        """The polynomial divided by the powers of positive generators that all its terms share."""
        terms = p.to_dict()
        shared = [min(exponents) for exponents in zip(*terms, strict=True)]
        for i, (low, strict, _, _) in enumerate(self.bounds):
            if low is None or low < 0 or (low == 0 and not strict):
                shared[i] = 0
        if not any(shared):
            return p
        return self.coordinates.context.from_dict(
            {tuple(e - s for e, s in zip(m, shared, strict=True)): c for m, c in terms.items()}
        )

    def is_nonzero(self, factor: Any) -> bool:
        """Whether a factor is a generator known not to vanish."""
        return any(factor == self.coordinates.generators[i] for i in self.nonzero)

    def _assemble(self, sign: int, odd: list[Any], even: list[Any], relation: str) -> Any:
        product = self.coordinates.context.constant(sign)
        for factor in odd:
            product = product * factor
        if relation in ("==", "!="):
            vanishing = [f for f in odd + even if not self.is_nonzero(f)]
            join = disj if relation == "==" else conj
            return join(compare(self._radicand(f), relation) for f in vanishing)
        if relation == ">":
            return conj([compare(product, ">")] + [compare(self._radicand(f), "!=") for f in even])
        return disj([compare(product, ">=")] + [compare(self._radicand(f), "==") for f in even])

    def _radicand(self, factor: Any) -> Any:
        """What vanishes exactly where the factor does: of a root, what stands under it."""
        for index, (_, radicand) in self.coordinates.relations.items():
            scale = self.coordinates._scales.get(index)
            if factor == self.coordinates.generators[index] and scale is not None and scale.is_constant():
                return radicand
        return factor

    # ---- implications -----------------------------------------------------------------------------

    def drop_implied(self, formula: Any, given: Any = True) -> Any:
        """The formula without conjuncts that the assumptions, `given` and the other conjuncts imply (and without
        empty cases)."""
        if isinstance(formula, Some):
            return disj(self.drop_implied(part, given) for part in formula.parts)
        parts = list(formula.parts) if isinstance(formula, All) else [formula]
        if formula in (True, False):
            return formula
        if self.impossible(conj([given, *parts])):
            return False
        for part in sorted(parts, key=formula_size, reverse=True):
            others = [q for q in parts if q is not part]
            if self.implies(conj([given, *others]), part):
                parts = others
        parts = [
            disj(kept for kept in part.parts if not self.impossible(conj([given, *parts, kept])))
            if isinstance(part, Some)
            else part
            for part in parts
        ]
        return conj(parts)

    def implies(self, hypothesis: Any, claim: Any) -> bool:
        """Whether the assumptions and the hypothesis are proved to imply the claim."""
        if claim is True or (claim is not False and any(same(claim, q) for q in _conjuncts(hypothesis))):
            return True
        if isinstance(claim, Sign) and claim.relation in (">", ">="):
            for q in _conjuncts(hypothesis):
                if isinstance(q, Sign) and self._by_difference(q, claim):
                    self.proofs.append((to_boolean(claim, self.coordinates), "positivity identity"))
                    return True
        if self.impossible(conj([hypothesis, negate(claim)])):
            if formula_size(claim) < LARGE:  # what fills pages is not written down a second time
                self.proofs.append((to_boolean(claim, self.coordinates), self.last_method))
            return True
        return False

    def _by_difference(self, premise: Sign, claim: Sign) -> bool:
        """claim - c premise is positive for some c > 0 from a small list: then premise implies claim."""
        p, q = premise.polynomial, claim.polynomial
        if isinstance(p, sp.Basic) or isinstance(q, sp.Basic) or premise.relation not in (">", ">="):
            return False
        ratios = {rational(1)}
        monomials = p.to_dict()
        ratios |= {c / monomials[m] for m, c in q.to_dict().items() if m in monomials and c / monomials[m] > 0}
        wanted = ("+", ">=0", "0") if premise.relation == ">" or claim.relation == ">=" else ("+",)
        return any(self.sign(q - ratio * p) in wanted for ratio in sorted(ratios)[:4])

    def impossible(self, formula: Any) -> bool:
        """Whether z3 proves that nothing satisfies the formula and the assumptions (no answer within budget: False)."""
        if formula is False:
            return True
        polynomials = [s.polynomial for s in signs(formula)]
        if formula is True or any(isinstance(p, sp.Basic) for p in polynomials):
            return False
        used = {i for p in polynomials for i, d in enumerate(p.degrees()) if d}
        if len(used) == 1 and not used & self.coordinates.relations.keys():
            return self._impossible_on_line(formula, polynomials, used.pop())
        if (
            any(len(p) > 40 or p.total_degree() > 12 for p in polynomials)
            or self.budget.queries <= 0
            or self.budget.seconds <= 0
        ):
            return False
        if self.witnesses.meet(formula):
            return False
        self.budget.queries -= 1
        started = perf_counter()
        answer = self._z3().unsatisfiable(formula, self.budget.units, self.budget.milliseconds)
        self.budget.seconds -= perf_counter() - started
        self.last_method = "z3"
        return bool(answer)

    def _z3(self) -> Any:
        if self._solver is None:
            from bilevel.analysis.solvers import Z3

            self._solver = Z3(self)
        return self._solver

    def example(self, formula: Any) -> dict[Any, Any] | None:
        """Rational values of the symbols that z3 offers for the formula (to be checked by the caller), or None."""
        if any(isinstance(s.polynomial, sp.Basic) for s in signs(formula)):
            return None
        return self._z3().example(formula, self.budget.units, self.budget.milliseconds)

    def _impossible_on_line(self, formula: Any, polynomials: list[Any], index: int) -> bool:
        """The same for one parameter, exactly: no cell of the line satisfies the formula."""
        about = [fact for fact in self.facts if all(_only_in(s.polynomial, index) for s in signs(fact))]
        formula = conj([formula, *about])
        line = self.line([*polynomials, *(s.polynomial for fact in about for s in signs(fact))], index)
        self.last_method = "real root isolation"
        return not any(line.truth(formula, k) for k in line.cells)

    def line(self, polynomials: Any, index: int) -> Line:
        """The real line of one generator, inside its bounds, cut at the roots of these polynomials in it."""
        return Line(polynomials, index, self.bounds[index], without_zero=index in self.nonzero)


def _used(p: Any) -> set[int]:
    """The generators in a polynomial; none in what is no polynomial."""
    return set() if isinstance(p, sp.Basic) else {i for i, d in enumerate(p.degrees()) if d}


def _only_in(p: Any, index: int) -> bool:
    """Whether a polynomial contains no generator but this one."""
    return not isinstance(p, sp.Basic) and not any(d for i, d in enumerate(p.degrees()) if i != index)


def _conjuncts(formula: Any) -> tuple[Any, ...]:
    return formula.parts if isinstance(formula, All) else (formula,)
