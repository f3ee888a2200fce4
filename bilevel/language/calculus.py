"""One derivative for both levels: scalar symbols by SymPy, model-level vectors by the coordinate-free calculus.

Main definitions: `derivative`, `jacobian`, `replace`, `released`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixExpr


def is_model_level(expression: Any) -> bool:
    """Whether an expression holds vectors of unspecified dimension, networks or expectations."""
    if isinstance(expression, MatrixExpr):
        return True
    return isinstance(expression, sp.Basic) and any(
        isinstance(part, MatrixExpr) or getattr(part, "model_node", False) for part in sp.preorder_traversal(expression)
    )


def derivative(expression: Any, variable: Any) -> Any:
    """d expression / d variable of a scalar expression: a scalar, or a column vector when the variable is one."""
    if not is_model_level(expression) and isinstance(variable, sp.Symbol):
        return sp.diff(expression, variable)
    from bilevel.language.gradient import gradient

    return gradient(expression, variable)


def jacobian(expression: Any, variable: Any) -> Any:
    """Rows: components of the expression; columns: components of the variable. Scalars in scalars stay scalar."""
    if isinstance(variable, sp.Symbol) and not is_model_level(expression):
        return sp.diff(expression, variable)
    from bilevel.language.gradient import gradient
    from bilevel.language.gradient import jacobian as block

    if isinstance(expression, MatrixExpr):
        return block(expression, variable)
    row = gradient(expression, variable)
    return row.T if isinstance(row, MatrixExpr) else row


def replace(expression: Any, values: Mapping[Any, Any]) -> Any:
    """Simultaneous, capture-avoiding substitution of variables."""
    changed = {old: new for old, new in values.items() if old != new}
    if not changed:
        return expression
    if not is_model_level(expression):
        return expression.xreplace(changed)
    from bilevel.language.substitute import substitute

    return substitute(expression, changed)


def pushed_transposes(expression: Any) -> Any:
    """The same expression with every transpose pushed into its factors, where a symmetric Hessian drops it: what is
    printed."""
    if not is_model_level(expression):
        return expression
    from bilevel.language.algebra import transpose

    return expression.replace(lambda part: isinstance(part, sp.Transpose), lambda part: transpose(part.arg))


def released(expression: Any) -> Any:
    """The value of an expression, stopped gradients let go: what an update does once its gradients are taken."""
    if not is_model_level(expression):
        return expression
    from bilevel.language.nodes import release

    return release(expression)
