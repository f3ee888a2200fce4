"""Zeros of equations in which the smaller or the larger of several expressions stands: one case for each that may win.

Main definitions: `zeros_by_cases`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

from bilevel.analysis.known import Condition, Known
from bilevel.analysis.solutions import Branch, Zeros, distinct, moved
from bilevel.analysis.zeros import solve_zeros
from bilevel.language.values import expression

_CASES = 16


def zeros_by_cases(equations: Iterable[Any], unknowns: Sequence[Any], *, facts: Iterable[Any] = ()) -> Zeros:
    """Every real solution of the equations, min and max of the unknowns taken case by case.

    Math: where min(a, b) stands, the solutions with a in its place at which a <= b, and those with b at which b <= a;
        all combinations, the ties in both.

    Shapes: the number of cases is the product of the numbers of arguments; above 16 they are left to `solve_zeros`.

    Reference: Facchinei and Pang (2003), Finite-Dimensional Variational Inequalities, section 9.1.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> [dict(b.values) for b in zeros_by_cases([sp.Min(x, 2 - x) - sp.Rational(1, 2)], [x]).branches]
        [{x: 1/2}, {x: 3/2}]
    """
    written, facts = [expression(e) for e in equations], tuple(facts)
    cases: list[tuple[list[Any], list[Condition]]] = [(written, [])]
    while (kinked := next((c for c in cases if _kink(c[0], unknowns) is not None), None)) is not None:
        if len(cases) > _CASES:
            return solve_zeros(written, unknowns, facts=facts)
        cases.remove(kinked)
        cases += _split(*kinked, unknowns)
    if len(cases) == 1:
        return solve_zeros(written, unknowns, facts=facts)
    known, kept, reasons = Known(facts), [], []
    for case, conditions in cases:
        found = solve_zeros(case, unknowns, facts=facts)
        reasons += [] if found.complete else [found.reason]
        for branch in found.branches:
            held, open_case = _held(branch, conditions, known)
            kept += [held] if held is not None else []
            reasons += ["which expression is the smaller one changes along a continuum"] if open_case else []
    return Zeros(tuple(distinct(kept, known)), not reasons, "; ".join(dict.fromkeys(reasons)))


def _kink(equations: list[Any], unknowns: Sequence[Any]) -> Any:
    """An innermost min or max in which an unknown stands."""
    found = [k for e in equations for k in e.atoms(sp.Min, sp.Max) if k.free_symbols & set(unknowns)]
    inner = [k for k in found if not any(part.has(sp.Min, sp.Max) for part in k.args)]
    return min(inner, key=sp.default_sort_key, default=None)


def _split(
    equations: list[Any], conditions: list[Condition], unknowns: Sequence[Any]
) -> list[tuple[list[Any], list[Condition]]]:
    kink = _kink(equations, unknowns)
    sign = 1 if isinstance(kink, sp.Min) else -1
    cases = []
    for winner in kink.args:
        wins = [(sign * (other - winner), ">=") for other in kink.args if other != winner]
        put = {kink: winner}
        before = [(e.xreplace(put), relation) for e, relation in conditions]
        cases.append(([e.xreplace(put) for e in equations], before + wins))
    return cases


def _held(branch: Branch, conditions: list[Condition], known: Known) -> tuple[Branch | None, bool]:
    """The branch with what its case asks of the parameters (None where that never holds), and whether it is open."""
    needed = []
    for condition in moved(conditions, branch.values):
        decided = known.decide(condition)
        if decided is False:
            return None, False
        if decided is None:
            if condition[0].free_symbols & set(branch.free):
                return None, True
            needed.append(condition)
    return Branch(branch.values, branch.free, (*branch.conditions, *needed)), False
