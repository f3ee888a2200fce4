"""What binds and what is free: expectations and pushforwards bind the random variables they name.

Main definitions: `depends`, `law_depends`, `free_variables`, `parts`, `RANDOM`.

A node that binds, or whose arguments are not all expressions, says so by a property `scope`: (variables bound,
expressions inside their scope, expressions outside it). Everything else has its arguments outside.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import Basic

from bilevel.language.nodes import RandomScalar, RandomVector, Stopped, StoppedMatrix

RANDOM = (RandomScalar, RandomVector)
Parts = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]


def parts(expr: Any) -> Parts:
    """(variables bound, expressions inside their scope, expressions outside it)."""
    told = getattr(expr, "scope", None)
    return told if isinstance(told, tuple) else ((), (), expr.args)


def depends(expr: Any, variable: Any) -> bool:
    """True if a derivative with respect to `variable` may differ from zero.

    Stopped gradients hide; a random variable as such does not depend on its law's parameters, an expectation does.
    """
    if expr == variable:
        return True
    if not isinstance(expr, Basic) or isinstance(expr, (*RANDOM, Stopped, StoppedMatrix)):
        return False
    bound, inside, outside = parts(expr)
    if any(depends(part, variable) for part in outside):
        return True
    for place, drawn in enumerate(bound):
        if variable not in bound[:place] and law_depends(drawn.law, variable):
            return True
    return variable not in bound and any(depends(part, variable) for part in inside)


def law_depends(law: Any, variable: Any) -> bool:
    """True if a law's parameters depend on the variable."""
    return depends(law, variable)


def free_variables(expr: Any) -> frozenset[Any]:
    """The vectors, scalar symbols and random variables that stand free, in the laws of bound variables too."""
    if isinstance(expr, (*RANDOM, sp.Symbol, sp.MatrixSymbol)):
        return frozenset({expr})
    if not isinstance(expr, Basic) or isinstance(expr, (sp.ZeroMatrix, sp.Identity, sp.OneMatrix)):
        return frozenset()  # what is left out are dimensions
    bound, inside, outside = parts(expr)
    found: frozenset[Any] = frozenset().union(*map(free_variables, inside))
    for drawn in reversed(bound):
        found = (found - {drawn}) | free_variables(drawn.law)
    return found.union(*map(free_variables, outside))
