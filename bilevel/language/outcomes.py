"""What minimising over one value can come to. Main definitions: `Outcome`, `comparison`, `end_outcomes`, `tidy`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

Expr = Any


@dataclass(frozen=True)
class Outcome:
    """Under a condition: a best value, the cost there, whether attained, all ties, and what sort of point it is."""

    condition: Any
    value: Expr
    cost: Expr
    attained: bool = True
    ties: Any = None
    reason: str = "interior"

    def under(self, condition: Any) -> Outcome:
        """The same outcome under another condition."""
        return replace(self, condition=condition)


def comparison(expression: Expr, relation: str) -> Any:
    """``expression relation 0``, with negative terms carried to the other side."""
    terms = sp.Add.make_args(sp.expand(expression))
    left = sp.Add(*(t for t in terms if not t.could_extract_minus_sign()))
    right = -sp.Add(*(t for t in terms if t.could_extract_minus_sign()))
    if left == 0:
        left, right, relation = right, left, {">=": "<=", "<=": ">=", ">": "<", "<": ">"}.get(relation, relation)
    return sp.Rel(left, right, relation)


def end_outcomes(cost: Expr, u: Expr, interval: Any) -> tuple[Outcome, Outcome]:
    """The outcomes of moving to the low and to the high end of the range; open ends are approached, not attained."""
    low, high = interval.start, interval.end
    return (
        Outcome(sp.true, low, end_value(cost, u, low, "+"), not interval.left_open, None, "end"),
        Outcome(sp.true, high, end_value(cost, u, high, "-"), not interval.right_open, None, "end"),
    )


def end_value(cost: Expr, u: Expr, end: Expr, side: str) -> Expr:
    """The cost at an end of the range, as a limit where plain substitution has no meaning."""
    if end.is_finite:
        value = cost.subs(u, end)
        if not value.has(sp.nan, sp.zoo, sp.oo):
            return tidy(value)
    stand_in = {s: sp.Dummy(s.name, positive=True) for s in cost.free_symbols - {u} if s.is_nonnegative}
    found = sp.limit(cost.xreplace(stand_in), u, end, side)
    return found.xreplace({v: k for k, v in stand_in.items()})


def tidy(expression: Expr) -> Expr:
    """Factor rational parts and the arguments of logarithms and powers, bottom up, and gather logarithms;
    no search, no `simplify`.
    """
    if not getattr(expression, "args", ()) or isinstance(expression, (sp.Piecewise, sp.logic.boolalg.Boolean, sp.Set)):
        return expression
    parts = [tidy(arg) for arg in expression.args]
    if isinstance(expression, sp.log):
        return _tidy_log(parts[0])
    rebuilt = expression.func(*parts)
    if rebuilt.has(sp.log):
        return gather_logs(rebuilt) if rebuilt.is_Add or rebuilt.is_Mul else rebuilt
    return sp.factor(sp.together(rebuilt)) if rebuilt.is_Add and not rebuilt.has(sp.Abs) else rebuilt


def _tidy_log(argument: Expr) -> Expr:
    """A positive argument: powers of e come out, and so does a root common to every factor."""
    if argument.is_Mul:
        powers_of_e = [f for f in argument.args if isinstance(f, sp.exp) or f == sp.E]
        rest = sp.Mul(*(f for f in argument.args if f not in powers_of_e))
        if powers_of_e:
            return sp.Add(*(f.args[0] if isinstance(f, sp.exp) else 1 for f in powers_of_e)) + _tidy_log(rest)
        pairs = [f.as_base_exp() for f in argument.args]
        halves = {abs(e) for b, e in pairs if b.is_nonnegative and e.is_rational and not e.is_integer}
        if len(halves) == 1 and all(b.is_nonnegative and abs(e) in halves for b, e in pairs):
            (power,) = halves
            return power * sp.log(sp.Mul(*(b ** sp.sign(e) for b, e in pairs)))
    return sp.log(argument)


def gather_logs(expression: Expr) -> Expr:
    """A sum of ``coefficient * log(A)`` with one factored coefficient per logarithm;
    left alone if not linear in logarithms.
    """
    marks = {a: sp.Dummy() for a in sorted(expression.atoms(sp.log), key=str) if not a.is_number}
    if not marks:
        return expression
    marked = expression.xreplace(marks)
    if any(marked.diff(m).has(*marks.values()) for m in marks.values()):
        return expression
    rest = marked.xreplace(dict.fromkeys(marks.values(), sp.S.Zero))
    rest = sp.factor(sp.together(rest)) if not rest.has(sp.log) else rest
    return rest + sp.Add(*(sp.factor(sp.together(marked.diff(m))) * a for a, m in marks.items()))
