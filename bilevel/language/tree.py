"""SymPy expressions to certificate trees and back.

A certificate holds expressions as nested lists (see `bilevel.certificate`), so that it can be checked without SymPy.
Main definitions: `to_tree`, `from_tree`, `symbol_table`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from bilevel.certificate.trees import Tree, is_name, is_rational, validate
from bilevel.language.errors import GameError

__all__ = ["from_tree", "symbol_table", "to_tree"]

_FUNCTIONS = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sigmoid", "softplus")


def to_tree(expr: Any) -> Tree:
    """The certificate tree of a SymPy expression or relation.

    Math: exact: rationals become strings, `x**(1/2)` becomes `["sqrt", "x"]`, an unknown function `f(x)` becomes
        `["call", "f", [0], "x"]` and its derivatives `["call", "f", [1], ...]`; `pi` becomes the symbol "pi".
    Raises: `GameError` for floats and for anything a certificate cannot hold.
    Reference: the format is described in `bilevel.certificate`.

    Examples:
        >>> x = sp.Symbol("x")
        >>> to_tree(sp.log(1 + sp.exp(-x)) / 3)
        ['*', '1/3', ['log', ['+', '1', ['exp', ['*', '-1', 'x']]]]]
        >>> to_tree(x < 1)
        ['<', 'x', '1']
    """
    expr = sp.Integer(expr) if isinstance(expr, int) else expr
    if isinstance(expr, sp.Symbol):
        if not is_name(expr.name):
            raise GameError(f"the symbol {expr.name!r} cannot stand in a certificate: letters, digits, _, @ and ' only")
        return expr.name
    if isinstance(expr, sp.Rational):
        return str(expr)
    if isinstance(expr, (sp.Add, sp.Mul)):
        return ["+" if isinstance(expr, sp.Add) else "*", *(to_tree(a) for a in expr.args)]
    if isinstance(expr, sp.Pow):
        return _power(expr)
    if isinstance(
        expr, (sp.StrictGreaterThan, sp.GreaterThan, sp.StrictLessThan, sp.LessThan, sp.Equality, sp.Unequality)
    ):
        return [expr.rel_op, to_tree(expr.lhs), to_tree(expr.rhs)]
    return _function(expr)


def _power(expr: Any) -> Tree:
    base, exponent = expr.args
    if base == sp.E:
        return ["exp", to_tree(exponent)]
    if exponent.is_Integer:
        return ["^", to_tree(base), int(exponent)]
    if exponent.is_Rational and exponent.q == 2:
        root = ["sqrt", to_tree(base)]
        return root if exponent.p == 1 else ["^", root, int(exponent.p)]
    return ["^", to_tree(base), to_tree(exponent)]


def _function(expr: Any) -> Tree:
    name = type(expr).__name__
    if expr is sp.S.Exp1:
        return ["exp", "1"]
    if expr is sp.pi:
        return "pi"
    if isinstance(expr, AppliedUndef):
        return ["call", expr.func.__name__, [0] * len(expr.args), *(to_tree(a) for a in expr.args)]
    if isinstance(expr, (sp.Derivative, sp.Subs)):
        return _derivative(expr)
    if isinstance(expr, sp.Abs):
        return ["abs", to_tree(expr.args[0])]
    if isinstance(expr, (sp.Max, sp.Min)):
        return reduce(lambda left, right: [name.lower(), left, right], [to_tree(a) for a in expr.args])
    if name in _FUNCTIONS:
        return [name, *(to_tree(a) for a in expr.args)]
    raise GameError(
        f"{expr} ({name}) cannot stand in a certificate: exact numbers, + * ^ and {' '.join(_FUNCTIONS)} can"
    )


def _derivative(expr: Any) -> Tree:
    """f'(u): SymPy writes Derivative(f(x), x), or Subs of it at a point that is no symbol."""
    inner, replaced = (expr.expr, dict(zip(expr.variables, expr.point))) if isinstance(expr, sp.Subs) else (expr, {})
    call = inner.expr if isinstance(inner, sp.Derivative) else None
    if not isinstance(call, AppliedUndef) or any(call.args.count(v) != 1 for v, _ in inner.variable_count):
        raise GameError(
            f"the derivative {expr} cannot stand in a certificate: only derivatives of unknown functions can"
        )
    orders = dict.fromkeys(range(len(call.args)), 0)
    for variable, times in inner.variable_count:
        if sum(a.has(variable) for a in call.args) != 1:
            raise GameError(f"the derivative {expr} stands for several partial derivatives: write them out first")
        orders[call.args.index(variable)] += int(times)
    arguments = [to_tree(a.subs(replaced, simultaneous=True)) for a in call.args]
    return ["call", call.func.__name__, list(orders.values()), *arguments]


def symbol_table(symbols: Iterable[Any]) -> dict[str, str]:
    """What a certificate says under "symbols" about SymPy symbols: the strongest word for what is assumed of each.

    Math: `positive`, `negative`, `nonnegative`, `nonpositive`, `nonzero` or `real`; an undeclared symbol counts as
        real, since every claim of a certificate is about real numbers.
    Raises: `GameError` when two different symbols have one name, or a symbol is declared not real.
    Reference: the format is described in `bilevel.certificate`.

    Examples:
        >>> symbol_table(sp.symbols("h gamma", positive=True) + (sp.Symbol("x"),))
        {'gamma': 'positive', 'h': 'positive', 'x': 'real'}
    """
    table: dict[str, str] = {}
    for symbol in sorted(set(symbols), key=lambda s: s.name):
        if symbol.name in table or symbol.is_real is False:
            raise GameError(
                f"the symbol {symbol.name!r} cannot stand in a certificate: it is declared twice, or not real"
            )
        words = ("positive", "negative", "nonnegative", "nonpositive", "nonzero")
        table[to_tree(symbol)] = next((word for word in words if getattr(symbol, f"is_{word}")), "real")
    return table


def from_tree(tree: Tree, names: Mapping[str, Any]) -> Any:
    """The SymPy expression of a certificate tree; `names` gives the symbols.

    Math: the inverse of `to_tree`, up to SymPy's automatic rewriting.
    Raises: `CertificateError` for what is no tree, `GameError` for a symbol that `names` lacks.
    Reference: the format is described in `bilevel.certificate`.

    Examples:
        >>> x = sp.Symbol("x", positive=True)
        >>> from_tree(["/", ["sqrt", ["^", "x", 4]], "3"], {"x": x})
        x**2/3
    """
    validate(tree)
    return _expression(tree, names)


def _expression(tree: Tree, names: Mapping[str, Any]) -> Any:
    if is_rational(tree):
        return sp.Rational(tree)
    if isinstance(tree, str):
        if tree not in names and tree != "pi":
            raise GameError(
                f"the symbol {tree!r} stands in the tree but is not among the names given: {', '.join(names)}"
            )
        return names.get(tree, sp.pi)
    op = tree[0]
    if op == "call":
        return _applied(tree[1], tree[2], [_expression(t, names) for t in tree[3:]])
    if op == "^" and isinstance(tree[2], int):
        return _expression(tree[1], names) ** tree[2]
    parts = [_expression(t, names) for t in tree[1:]]
    arithmetic: dict[str, Callable[..., Any]] = {
        "+": sp.Add,
        "*": sp.Mul,
        "-": lambda *p: -p[0] if len(p) == 1 else p[0] - p[1],
        "/": lambda a, b: a / b,
        "^": lambda a, b: a**b,
        "max": sp.Max,
        "min": sp.Min,
        "abs": sp.Abs,
        "sqrt": sp.sqrt,
    }
    if op in arithmetic:
        return arithmetic[op](*parts)
    if op in ("sigmoid", "softplus"):
        from bilevel.language import functions

        return getattr(functions, op)(*parts)
    return getattr(sp, op)(*parts)


def _applied(name: str, orders: list[int], arguments: list[Any]) -> Any:
    places = [sp.Dummy(real=True) for _ in arguments]
    value = sp.Function(name)(*places)
    for place, times in zip(places, orders):
        value = value.diff(place, times) if times else value
    return value.subs(dict(zip(places, arguments)), simultaneous=True)
