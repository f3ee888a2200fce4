"""Expressions on arrays, for pictures: names never become code.

Main definitions: `on_arrays`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus


def on_arrays(expression: Any, variables: Sequence[Any]) -> Callable[..., Any]:
    """A function of NumPy arrays, one for each variable, that evaluates the expression in floats.

    Math:       entry by entry; the result has the common shape even where the expression is constant
    Shapes:     any arrays that broadcast together
    Raises:     GameError if other symbols or unknown functions are left in the expression
    Reference:  Meurer and others (2017), doi:10.7717/peerj-cs.103 (lambdify)
    Examples:
        >>> x = sp.Symbol("x")
        >>> on_arrays(x**2, [x])(np.array([1.0, 2.0])).tolist()
        [1.0, 4.0]
    """
    expression = sp.sympify(expression, strict=True) if not isinstance(expression, str) else None
    if not isinstance(expression, sp.Expr):
        raise GameError(
            f"a picture evaluates scalar expressions; got {type(expression).__name__}. Pass a SymPy expression."
        )
    left = expression.free_symbols - set(variables)
    if left or expression.has(AppliedUndef):
        unknown = sorted(map(str, left or expression.atoms(AppliedUndef)))
        raise GameError(f"a picture needs a number for {', '.join(unknown)}; substitute values first.")
    # A symbol is a key, never its name: code sees only dummies.
    slots = [sp.Dummy() for _ in variables]
    renamed = expression.xreplace(dict(zip(variables, slots, strict=True)))
    stable = {sigmoid.__name__: _sigmoid, softplus.__name__: lambda x: np.logaddexp(0.0, x)}
    code = sp.lambdify(slots, renamed, modules=[stable, "numpy"])

    def evaluated(*arrays: Any) -> Any:
        taken = np.broadcast_arrays(*(np.asarray(array, dtype=float) for array in arrays))
        with np.errstate(all="ignore"):
            return np.broadcast_to(code(*taken), taken[0].shape)

    return evaluated


def _sigmoid(x: Any) -> Any:
    """1/(1 + exp(-x)) without overflow on either side."""
    return np.exp(-np.logaddexp(0.0, -x))
