"""All real zeros of a system of equations, exactly: by factors, elimination and roots, case by case.

Main definitions: `solve_zeros`.

Every equation is written as a product of factors (over the rationals, exponentials counted as positive unknowns) and
factors that are proved never to vanish are dropped. Then, always at the easiest place: one case per factor; an
unknown that enters linearly is eliminated where its coefficient does not vanish, and the vanishing of that
coefficient is a case of its own; an equation in one unknown is solved by roots, with the conditions under which they
are real; a polynomial system with rational coefficients goes to a Groebner basis. What stays unsolved is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import sympy as sp

from bilevel.analysis.forms import exponentiated, line, never_zero, one_atom, own_signs, plain, real_conditions, tidied
from bilevel.analysis.known import Condition, Known
from bilevel.analysis.solutions import Branch, Zeros, distinct, excluded, moved, replaced, solved_once, with_numbers
from bilevel.analysis.univariate import Unsolved, real_roots
from bilevel.analysis.writing import unsolved
from bilevel.analysis.zero_blocks import linear_block, lower_combination
from bilevel.language.fractions import cancelled
from bilevel.language.signs import signed_factors
from bilevel.language.values import expression

LENGTH = 3000  # operations in all equations: longer ones have grown by elimination, and go on growing
HARD = 3  # from this difficulty on, an equation is worth a look at several at once


@dataclass(frozen=True)
class _State:
    """Equations still to solve (each a tuple of factors), what is known of the unknowns, and the case we are in."""

    equations: tuple[tuple[Any, ...], ...]
    values: Mapping[Any, Any]
    conditions: tuple[Condition, ...] = ()
    reduced: bool = False  # a Groebner basis has been tried


def solve_zeros(
    equations: Iterable[Any], unknowns: Sequence[Any], *, facts: Iterable[Any] = (), seconds: float = 8.0
) -> Zeros:
    """Every real solution of the equations.

    Math: z with e_1(z) = ... = e_m(z) = 0, parameters staying symbols; conditions are on the parameters.

    Reference: Cox, Little, O'Shea (2015), Ideals, Varieties, and Algorithms, chapters 2 and 3.

    Examples:
        >>> x, y = sp.symbols("x y", real=True)
        >>> [dict(b.values) for b in solve_zeros([x*y - 1, x - y], [x, y]).branches]
        [{x: -1, y: -1}, {x: 1, y: 1}]
    """
    return _Search([plain(expression(e)) for e in equations], tuple(unknowns), Known(facts), seconds).run()


@dataclass
class _Search:
    originals: list[Any]
    unknowns: tuple[Any, ...]
    known: Known
    seconds: float
    simpler: list[Any] = field(default_factory=list)  # the originals without factors that never vanish
    found: list[_State] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    nodes: int = 0

    def run(self) -> Zeros:
        self.deadline = perf_counter() + self.seconds
        domain = [c for e in self.originals for c in real_conditions(e)]
        state = self._factored(_State((), {}, tuple(domain)), self.originals)
        if state is not None:
            self.simpler = [sp.Mul(*factors) for factors in state.equations]
            self._explore(state)
        branches = distinct([b for s in self.found if (b := self._finished(s)) is not None], self.known)
        branches = solved_once(branches, self.originals, self.unknowns)
        return Zeros(tuple(branches), not self.stuck, "; ".join(dict.fromkeys(self.stuck)))

    # ---- the search -------------------------------------------------------------------------------

    def _factored(self, state: _State, expressions: Iterable[Any]) -> _State | None:
        """The state with further equations; None when one of them cannot hold."""
        equations, conditions = list(state.equations), list(state.conditions)
        for e in expressions:
            constant, pairs = signed_factors(e)
            if constant == 0:
                continue
            open_ones = [(factor, power) for factor, power in pairs if self.known.sign(factor) not in ("+", "-")]
            conditions += [c for f, power in open_ones if power < 0 and (c := (f, "!=")) not in conditions]
            factors = tuple(f for f, power in open_ones if power > 0 and not never_zero(f))
            if any(self.known.zero(f) for f in factors):
                continue
            if not factors:
                return None
            if factors not in equations:
                equations.append(factors)
        return _State(tuple(equations), state.values, tuple(conditions), state.reduced)

    def _explore(self, state: _State) -> None:
        self.nodes += 1
        if self.nodes > 500 or perf_counter() > self.deadline:
            self.stuck.append("the search for zeros ran out of budget")
            return
        conditions = []
        for condition in state.conditions:
            decided = self.known.decide(condition)
            if decided is False:
                return
            if decided is None:
                conditions.append(condition)
        state = _State(state.equations, state.values, tuple(conditions), state.reduced)
        if not state.equations:
            self.found.append(state)
            return
        sizes = [sum(f.count_ops() for f in e) for e in state.equations]
        if sum(sizes) > LENGTH:
            self.stuck.append("the equations grew too long to be solved")
            return
        ranked = [
            (max(self._difficulty(f, state) for f in e), len(e), sizes[i], i) for i, e in enumerate(state.equations)
        ]
        if (not state.values or max(ranked)[0] >= HARD) and self._by_block(state):
            return
        difficulty, _, _, chosen = min(ranked)
        if difficulty >= 4 and not state.reduced and self._by_basis(state):
            return
        if difficulty >= 4 and self._rewritten(state):
            return
        rest = state.equations[:chosen] + state.equations[chosen + 1 :]
        for factor in state.equations[chosen]:
            self._eliminate(factor, _State(rest, state.values, state.conditions, state.reduced))

    def _by_block(self, state: _State) -> bool:
        """Set several unknowns at once, where some of the equations are linear in them; True when that was done."""
        unknowns = [u for u in self.unknowns if u not in state.values]
        values = linear_block([sp.Mul(*factors) for factors in state.equations], unknowns, self.known)
        if values is not None:
            self._put(values, state, ())
        return values is not None

    def _rewritten(self, state: _State) -> bool:
        """Where no equation is easy: one case per factor first, then combinations of lower degree."""
        for k, factors in enumerate(state.equations):
            if len(factors) > 1:
                others = state.equations[:k] + state.equations[k + 1 :]
                for factor in factors:
                    kept = others if (factor,) in others else (*others, (factor,))
                    self._explore(_State(kept, state.values, state.conditions, state.reduced))
                return True
        lower = self._combined(state)
        if lower is not None:
            self._explore(lower)
        return lower is not None

    def _combined(self, state: _State) -> _State | None:
        """The same zeros with one polynomial equation replaced by a combination of lower degree with another."""
        unknowns = [u for u in self.unknowns if u not in state.values]
        found = lower_combination([sp.Mul(*factors) for factors in state.equations], unknowns)
        if found is None:
            return None
        j, lower = found
        rest = state.equations[:j] + state.equations[j + 1 :]
        return self._factored(_State(rest, state.values, state.conditions, state.reduced), [lower])

    def _open(self, expression: Any, state: _State) -> list[Any]:
        return [u for u in self.unknowns if u in expression.free_symbols and u not in state.values]

    def _difficulty(self, factor: Any, state: _State) -> float:
        unknowns = self._open(factor, state)
        if not unknowns:
            return 0
        linear = self._linear(factor, unknowns)
        if linear is not None and self.known.nonzero(linear[1]):
            return 1
        if len(unknowns) == 1 and factor.is_polynomial(unknowns[0]):
            return 2
        if linear is not None:
            return 5 if self._open(linear[1], state) else 3
        return 3.5 if one_atom(factor, unknowns) is not None else 9

    def _linear(self, factor: Any, unknowns: list[Any]) -> tuple[Any, Any, Any] | None:
        """(v, a, b) with factor = a v + b, the coefficient as harmless as possible."""
        options = []
        for v in unknowns:
            if (found := line(factor, v)) is not None:
                slope, rest = found
                certain = self.known.nonzero(slope)
                inside = sum(u in slope.free_symbols for u in unknowns)
                options.append((not certain, inside, slope.count_ops(), -self.unknowns.index(v), v, slope, rest))
        return min(options, key=lambda option: option[:4])[4:] if options else None

    def _eliminate(self, factor: Any, state: _State) -> None:
        unknowns = self._open(factor, state)
        if not unknowns:
            self._explore(_State(state.equations, state.values, (*state.conditions, (factor, "==")), state.reduced))
            return
        linear = self._linear(factor, unknowns)
        single = len(unknowns) == 1 and factor.is_polynomial(unknowns[0])
        if linear is not None and (self.known.nonzero(linear[1]) or not single or sp.degree(factor, linear[0]) == 1):
            self._by_line(*linear, state)
        elif single:
            v = unknowns[0]
            self._by_polynomial(factor, v, v, state, lambda root, given: self._put({v: root}, state, given))
        elif (atom := one_atom(factor, unknowns)) is not None:
            self._by_atom(factor, *atom, state)
        elif (power := exponentiated(factor, unknowns)) is not None:
            if (other := self._factored(state, [power[0]])) is not None:
                self._explore(replace(other, conditions=(*other.conditions, *power[1])))
        else:
            self.stuck.append(unsolved(factor))

    def _by_line(self, v: Any, slope: Any, constant: Any, state: _State) -> None:
        certain = self.known.nonzero(slope)
        conditions = () if certain else ((slope, "!="),)
        value = cancelled(-constant / slope) if not constant.is_Atom else -constant / slope
        self._put({v: value}, state, conditions)
        if not certain:
            other = self._factored(state, [slope, constant])
            if other is not None:
                self._explore(other)

    def _by_atom(self, factor: Any, atom: Any, powers: Mapping[Any, int], state: _State) -> None:
        def put(root: Any, conditions: Sequence[Condition]) -> None:
            inverse = sp.exp(root) if isinstance(atom, sp.log) else sp.log(root)
            positive: tuple[Condition, ...] = () if isinstance(atom, sp.log) else ((root, ">"),)
            if any(self.known.decide(condition) is False for condition in positive):
                return
            other = self._factored(state, [atom.args[0] - inverse])
            if other is not None:
                self._explore(replace(other, conditions=(*other.conditions, *conditions, *positive)))

        mark = sp.Dummy("E", real=True)
        marked = factor.xreplace({a: mark**k for a, k in powers.items()})
        self._by_polynomial(marked, mark, atom, state, put)

    def _by_polynomial(self, factor: Any, v: Any, meant: Any, state: _State, put: Any) -> None:
        """One case for each root in v, which stands for `meant`; where the leading coefficient may vanish, one more."""
        polynomial = sp.Poly(factor, v)
        leading = polynomial.LC()
        certain = self.known.nonzero(leading)
        try:
            for root, conditions in real_roots(polynomial, self.known):
                put(root, conditions if certain else (*conditions, (leading, "!=")))
        except Unsolved as problem:
            self.stuck.append(str(problem))
        if not certain:
            rest = (polynomial - sp.Poly(leading * v ** polynomial.degree(), v)).as_expr()
            other = self._factored(state, [leading, rest.xreplace({v: meant})])
            if other is not None:
                self._explore(other)

    def _put(self, change: Mapping[Any, Any], state: _State, conditions: Iterable[Condition]) -> None:
        """Set unknowns; everything that mentions them follows."""
        try:
            values = {u: replaced(old, change) for u, old in state.values.items()} | dict(change)
            kept = (*moved(state.conditions, change), *conditions)
            equations = [replaced(sp.Mul(*factors), change) for factors in state.equations]
        except ZeroDivisionError:
            return
        if any(e.has(sp.nan, sp.zoo, sp.oo) for e in (*equations, *(e for e, _ in kept))):
            return
        following = self._factored(_State((), values, kept, state.reduced), equations)
        if following is not None:
            self._explore(following)

    def _by_basis(self, state: _State) -> bool:
        """Try a Groebner basis; True when the state has been dealt with."""
        from bilevel.analysis.basis import rational_points

        unknowns = [u for u in self.unknowns if u not in state.values]
        expanded = [sp.expand(sp.Mul(*factors)) for factors in state.equations]
        if not all(
            sp.Poly(e, *unknowns).domain.is_QQ or sp.Poly(e, *unknowns).domain.is_ZZ
            if e.is_polynomial(*unknowns)
            else False
            for e in expanded
        ):
            return False
        used = [u for u in unknowns if any(u in e.free_symbols for e in expanded)]
        if not used:
            return False
        points, basis = rational_points(expanded, used)
        if points is None:
            if basis is None:
                return False
            following = self._factored(_State((), state.values, state.conditions, True), basis)
            if following is not None:
                self._explore(following)
            return True
        for point in points:
            values = {u: replaced(old, point) for u, old in state.values.items()} | point
            conditions = tuple((replaced(e, point), r) for e, r in state.conditions)
            self._explore(_State((), values, conditions, True))
        return True

    # ---- solutions --------------------------------------------------------------------------------

    def _finished(self, state: _State) -> Branch | None:
        """The solution with its true conditions: cases that it does not need are forgotten."""
        free = tuple(u for u in self.unknowns if u not in state.values)
        values = {u: tidied(state.values.get(u, u)) for u in self.unknowns}
        needed = [c for v in values.values() for c in real_conditions(v, solved=True)]
        needed += [c for e in self.originals for c in moved(real_conditions(e), values)]
        needed += [(v, r) for u, v in values.items() if u != v for r in own_signs(u)]
        residuals = [replaced(e, values) for e in self.simpler]
        bad = any(replaced(e, values).has(sp.nan, sp.zoo) for e in self.originals)
        if bad or any(not self.known.zero(r) for r in residuals):
            needed += list(state.conditions)
        open_ones = []
        for condition in with_numbers(dict.fromkeys(needed)):
            decided = self.known.decide(condition)
            if decided is False:
                return None
            if decided is None and condition not in open_ones:
                open_ones.append(condition)
        return None if excluded(open_ones, self.known) else Branch(values, free, tuple(open_ones))
