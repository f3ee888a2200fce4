"""Solutions of systems of equations: points and continua, without repetitions.

Main definitions: `Branch`, `Zeros`, `distinct`, `replaced`, `moved`, `excluded`, `with_numbers`,
`solved_once`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.forms import is_linear
from bilevel.analysis.known import Condition, Known
from bilevel.language.fractions import cancelled
from bilevel.rules.protocol.smoothness import at_once


@dataclass(frozen=True)
class Branch:
    """One solution: a value for every unknown (a free one stands for itself) and the conditions it rests on."""

    values: Mapping[Any, Any]
    free: tuple[Any, ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Zeros:
    """The solutions found; `complete` when there are provably no others; else `reason` says what is open."""

    branches: tuple[Branch, ...]
    complete: bool
    reason: str = ""


def replaced(expression: Any, change: Mapping[Any, Any]) -> Any:
    """Simultaneous substitution."""
    return at_once(expression, change)


def moved(conditions: Iterable[Condition], values: Mapping[Any, Any]) -> list[Condition]:
    """Conditions with values put in."""
    return [(replaced(e, values), r) for e, r in conditions]


def excluded(conditions: Iterable[Condition], known: Known) -> bool:
    """Whether it is proved that the conditions exclude each other, by solving the equations among them.

    An equation a s + b = 0 whose slope a does not vanish, by what is known or by another condition, gives s its value
    in all others.
    """
    return _narrowed(conditions, known) is None


def _narrowed(conditions: Iterable[Condition], known: Known) -> dict[Any, Any] | None:
    """The values that the equations among the conditions give to symbols; None where the conditions exclude each
    other."""
    left = list(conditions)
    values: dict[Any, Any] = {}
    while (found := next((f for c in left if (f := _solved_for(c, left, known)) is not None), None)) is not None:
        values = {s: replaced(value, found[1]) for s, value in values.items()} | found[1]
        left = moved([c for c in left if c != found[0]], found[1])
        decided = [known.decide(c) for c in left]
        if False in decided:
            return None
        left = [c for c, answer in zip(left, decided, strict=True) if answer is None]
    return values


def _solved_for(condition: Condition, given: list[Condition], known: Known) -> tuple[Condition, dict[Any, Any]] | None:
    """The condition with the value that it gives to a symbol, where it is a linear equation of that symbol."""
    equation, relation = condition
    if relation != "==":
        return None
    apart = {sign * e for e, other in given if other in ("!=", ">", "<") for sign in (1, -1)}
    for s in sorted(equation.free_symbols, key=str):
        slope = sp.diff(equation, s)
        if slope.has(s) or slope == 0:
            continue
        slope, rest = sp.factor(slope), equation.subs(s, 0)
        factors = [f.base if f.is_Pow and f.exp.is_positive else f for f in sp.Mul.make_args(slope)]
        # a s + b = 0 with b not zero leaves no a = 0 either
        if all(f in apart or known.nonzero(f) for f in factors) or known.nonzero(rest):
            return condition, {s: cancelled(-rest / slope)}
    return None


def with_numbers(conditions: Iterable[Condition]) -> list[Condition]:
    """The same conditions, where those that give a symbol a number have put it into all others."""
    left = list(conditions)
    for condition in list(left):
        equation, relation = next((c for c in left if c == condition), (sp.S.Zero, ""))
        if relation == "==" and len(equation.free_symbols) == 1:
            (s,) = equation.free_symbols
            slope = sp.diff(equation, s)
            if slope.is_Rational:
                change = {s: -equation.subs(s, 0) / slope}
                put = [(c, c if c == condition else (replaced(c[0], change), c[1])) for c in left]
                left = [old if new[0].has(sp.nan, sp.zoo) else new for old, new in put]
    return left


def distinct(branches: list[Branch], known: Known) -> list[Branch]:
    """Without repetitions, points on a continuum that exists wherever they do, and cases that another one covers: the
    value of a formula at one value of a parameter is no further solution."""
    kept: list[Branch] = []
    for branch in sorted(branches, key=lambda b: -len(b.free)):
        if not any(_contains(other, branch, known) for other in kept):
            kept = [other for other in kept if not _contains(branch, other, known)] + [branch]
    return sorted(kept, key=lambda b: (len(b.free), [sp.default_sort_key(v) for v in b.values.values()]))


def solved_once(branches: list[Branch], equations: Sequence[Any], unknowns: Sequence[Any]) -> list[Branch]:
    """The solutions of as many linear equations as unknowns without special cases of the general one; others as given.

    A single solution is Cramer's: the determinant does not vanish, nor do denominators in lowest terms, which divide
    it. So a solution found under equations of the parameters is the general one, where that holds there too.
    """
    if len(equations) != len(unknowns) or not all(is_linear(e, unknowns) for e in equations):
        return branches
    special = [b for b in branches if not b.free and any(r == "==" for _, r in b.conditions)]
    general = [b for b in branches if not b.free and b not in special]
    covered = [b for b in special if any(set(g.conditions) <= set(b.conditions) for g in general)]
    return [b for b in branches if b not in covered]


def _contains(larger: Branch, smaller: Branch, known: Known) -> bool:
    put = {u: smaller.values[u] for u in larger.free}
    if set(larger.conditions) <= set(smaller.conditions) and all(
        known.zero(replaced(v, put) - smaller.values[u]) for u, v in larger.values.items()
    ):
        return True
    if not (fixed := _narrowed(smaller.conditions, known)):
        return False
    there = lambda expression: replaced(replaced(expression, put), fixed)
    try:
        conditions = [(there(e), r) for e, r in larger.conditions if (e, r) not in smaller.conditions]
        gaps = [there(v) - there(smaller.values[u]) for u, v in larger.values.items()]
    except ZeroDivisionError:
        return False
    if any(e.has(sp.nan, sp.zoo, sp.oo) for e in (*gaps, *(e for e, _ in conditions))):
        return False
    return all(known.decide(c) for c in conditions) and all(known.zero(gap) for gap in gaps)
