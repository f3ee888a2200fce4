"""Replacement that respects binding and captures nothing.

Main definitions: `substitute`, `renamed`. What binds is told in `scope`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp
from sympy import Basic, Tuple
from sympy.core.symbol import Str

from bilevel.language.algebra import expression, is_scalar
from bilevel.language.errors import GameError
from bilevel.language.expectation import Conditional, ConditionalMatrix
from bilevel.language.law_kinds import Pushforward
from bilevel.language.nodes import rebuilt
from bilevel.language.scope import RANDOM, depends, free_variables, law_depends, parts

__all__ = ["depends", "free_variables", "law_depends", "renamed", "substitute"]

GIVEN_AVERAGES = (Conditional, ConditionalMatrix)


def renamed(drawn: Any, taken: Iterable[str], law: Any = None) -> Any:
    """The same random variable under a name that is not taken, with another law if one is given."""
    names, stem, count = set(taken), drawn.name, 1
    name = stem
    while name in names:
        name, count = f"{stem[:26]}_{count}", count + 1
    law = drawn.law if law is None else law
    return drawn.func(Str(name), law) if is_scalar(drawn) else drawn.func(Str(name), law.dim, sp.S.One, law)


def substitute(expr: Any, changes: Mapping[Any, Any]) -> Any:
    """Replace variables by expressions everywhere they stand free, laws of random variables included.

    Math: expr[v := e], capture-avoiding: a bound random variable whose name a replacement uses is renamed first.
    Shapes: a vector is replaced by a vector of its dimension, a scalar by a scalar.
    Raises: GameError if a replacement has another shape.
    Reference: Barendregt (1984), The Lambda Calculus, section 2.1.
    Examples:
        >>> from bilevel.language.expectation import E
        >>> from bilevel.language.laws import normal, random
        >>> from bilevel.language.nodes import dot, vector
        >>> z, v = random("z", normal("n")), vector("v", "n")
        >>> substitute(E(dot(z, v), z), {v: z})
        E_z_1[<z, z_1>]
    """
    wanted = {old: expression(new) for old, new in changes.items() if old != new}
    for old, new in wanted.items():
        if is_scalar(old) != is_scalar(new) or (not is_scalar(old) and old.shape != new.shape):
            raise GameError(f"{old} is replaced by something of another shape: {new}")
    return _replaced(expr, wanted) if wanted else expr


def _replaced(expr: Any, changes: Mapping[Any, Any]) -> Any:
    if expr in changes:
        return changes[expr]
    if not isinstance(expr, Basic) or not expr.args or not changes:
        return expr
    if isinstance(expr, RANDOM):
        return renamed(expr, (), _law(expr.law, changes))
    bound = parts(expr)[0]
    if not bound:
        return rebuilt(expr, [_replaced(arg, changes) for arg in expr.args])
    return _under(expr, bound, changes)


def _law(law: Any, changes: Mapping[Any, Any]) -> Any:
    return (
        rebuilt(law, [_replaced(arg, changes) for arg in law.args])
        if not isinstance(law, Pushforward)
        else _replaced(law, changes)
    )


def _under(expr: Any, bound: tuple[Any, ...], changes: Mapping[Any, Any]) -> Any:
    """Replacement below a binder: later laws and the body see the variables as they are after the change."""
    inner = {old: new for old, new in changes.items() if old not in bound}
    incoming = {v.name for new in inner.values() for v in free_variables(new) if hasattr(v, "name")}
    scope = free_variables(expr)
    if not any(old in scope for old in inner) and not _laws_mention(bound, inner):
        outside = parts(expr)[2]
        return expr if not outside else rebuilt(expr, [*expr.args[:-1], _replaced(expr.args[-1], changes)])
    taken = incoming | {v.name for v in bound} | {v.name for v in scope if hasattr(v, "name")}
    fresh: list[Any] = []
    for drawn in bound:
        new = renamed(drawn, taken if drawn.name in incoming else (), _law(drawn.law, inner))
        taken |= {new.name}
        inner = {**inner, drawn: new} if new != drawn else inner
        fresh.append(new)
    if isinstance(expr, GIVEN_AVERAGES):
        return expr.func(
            _replaced(expr.body, inner), Tuple(*fresh), _replaced(expr.event, inner), _replaced(expr.at, changes)
        )
    return expr.func(_replaced(expr.args[0], inner), *fresh)


def _laws_mention(bound: tuple[Any, ...], changes: Mapping[Any, Any]) -> bool:
    return any(old in free_variables(drawn.law) for drawn in bound for old in changes)
