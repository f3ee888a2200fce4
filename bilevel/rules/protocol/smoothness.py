"""Values at a point where an expression may jump: taken where they are the same from every side, refused otherwise.

Main definitions: `evaluated`, `nearby` (what is met next to the point), `at_once`.

SymPy gives sign(0) = 0, Heaviside(0) = 1/2 and the first branch of a Piecewise that applies; for derivatives of |x|,
max(0, x) and their kin these are conventions, not limits. Here every function that jumps at the point is replaced by
a symbol of its own, and what depends on such a symbol has no value there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.language.known_function import KnownFunction
from bilevel.language.mean import Mean
from bilevel.language.values import expression

JUMPS = (sp.sign, sp.Heaviside, sp.DiracDelta)
_BINDING = (sp.Derivative, sp.Subs, sp.Integral, sp.Sum, sp.Product, sp.Lambda, sp.Piecewise, Mean, KnownFunction)


def evaluated(formula: Any, put: Mapping[Any, Any]) -> Any | None:
    """The expression at the point; None where it jumps there.

    Math: f(z0) if f extends continuously from every side, as max(0, |x| - 1) sign(x) does at x = 0.

    Reference: Clarke (1990), Optimization and Nonsmooth Analysis: where the limits differ there is no gradient.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> evaluated(sp.Max(0, sp.Abs(x) - 1) * sp.sign(x), {x: 0}), evaluated(sp.sign(x), {x: 0})
        (0, None)
    """
    if not formula.has(*JUMPS, sp.Piecewise):
        return _finite(at_once(formula, put))
    formula = formula.replace(sp.Piecewise, lambda *rows: _branches(rows, put))
    if formula.has(sp.nan):
        return None
    formula, within = _opened(formula, put)
    jumping, steady = {}, {}
    for node in formula.atoms(*JUMPS):
        inside = node.args[0].subs(put, simultaneous=True)
        side = _side(inside)
        if side:
            steady[node] = node.func(sp.Integer(side), *node.args[1:])
        elif inside.equals(0):
            jumping[node] = sp.Dummy()
        else:  # evaluated by themselves: SymPy's simultaneous substitution would ask them for signs half way
            steady[node] = node.func(inside, *node.args[1:])
    result = formula.xreplace({**steady, **jumping}).subs(put, simultaneous=True)
    return None if sp.expand(result).has(*jumping.values(), *within) else _finite(result)


def _opened(formula: Any, put: Mapping[Any, Any]) -> tuple[Any, list[Any]]:
    """Jumps inside an average that all its outcomes meet at once at the point, each as a symbol of its own: E sign(x w)
    at w = 0."""
    marks: list[Any] = []

    def marked(average: Any) -> Any:
        drawn = [node for node in average.body.atoms(*JUMPS) if node.free_symbols & average.bound]
        met = [node for node in drawn if node.args[0].subs(put, simultaneous=True).equals(0)]
        marks.extend(dummies := [sp.Dummy() for _ in met])
        return Mean(average.body.xreplace(dict(zip(met, dummies, strict=True))), *average.args[1:]) if met else average

    return formula.replace(lambda node: isinstance(node, Mean), marked), marks


def _finite(result: Any) -> Any | None:
    """The value; None where an impulse is left in it, such as DiracDelta(0) of an average that is sharp there."""
    return None if result.has(sp.DiracDelta) else result


def nearby(formula: Any, put: Mapping[Any, Any]) -> Any:
    """The expression next to the point: every jump that plainly lies to one side of it has the value of that side.

    Math: f(z) for all z close to z0, so that derivatives at z0 are those of f.

    Reference: as for `evaluated`.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> nearby(x * sp.Heaviside(x - 1), {x: 3})
        x
    """
    if not formula.has(*JUMPS):
        return formula
    sides = {n: _side(n.args[0].subs(put, simultaneous=True)) for n in formula.atoms(*JUMPS)}
    flat = {n: n.func(sp.Integer(side), *n.args[1:]) for n, side in sides.items() if side and not n.args[0].has(*JUMPS)}
    return formula.xreplace(flat)


def _side(value: Any) -> int:
    """The sign of a number that is plainly not zero; 0 for anything else. SymPy's evaluation keeps track of its error;
    asked for the sign of a long number by its assumptions, it takes minutes."""
    if not value.is_number:
        return 0
    number = value.evalf(30)
    return int(sp.sign(number)) if number.is_Float and abs(number) > sp.Float("1e-20", 30) else 0


def at_once(formula: Any, put: Mapping[Any, Any]) -> Any:
    """Values put in for symbols all at once: node by node where no node binds a symbol, several times faster."""
    if not put:
        return formula
    if formula.has(*_BINDING):
        return formula.subs(put, simultaneous=True)
    return formula.xreplace({symbol: expression(value) for symbol, value in put.items()})


def _vanishes(argument: Any, put: Mapping[Any, Any]) -> bool:
    return bool(argument.subs(put, simultaneous=True).equals(0))


def _branches(rows: tuple[Any, ...], put: Mapping[Any, Any]) -> Any:
    """A Piecewise whose point lies on an edge between branches: their common value, or nan if they differ."""
    sides = [r for _, condition in rows for r in condition.atoms(sp.core.relational.Relational)]
    if not any(_vanishes(r.lhs - r.rhs, put) for r in sides):
        return sp.Piecewise(*rows)
    values = [value for given, _ in rows if (value := evaluated(given, put)) is not None]
    if len(values) < len(rows) or any(not (value - values[0]).equals(0) for value in values):
        return sp.nan
    return values[0]
