"""Coordinate-level expressions as JAX functions.

Main definitions: `lower`, `Lowered`.

Nothing is printed as code: the tree is walked once while JAX traces it, every different subexpression is computed
once (equal subexpressions are equal objects to SymPy), and symbols are found by identity, so a symbol's name can do
no harm and two dummies of one name stay apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean, BooleanAtom

from bilevel.language.errors import GameError
from bilevel.language.instance import PendingExpectation
from bilevel.language.nodes import Stopped
from bilevel.numeric import functions
from bilevel.numeric.precision import as_numpy, checked_dtype, working
from bilevel.numeric.quadrature import rule_for

_SHAPED = {
    sp.Add: functions.total,
    sp.Mul: functions.product,
    sp.Pow: functions.power,
    sp.Piecewise: functions.piecewise,
    sp.log: lambda expr, value: functions.logarithm(expr.args[0], value),
    Stopped: lambda expr, value: jax.lax.stop_gradient(value(expr.args[0])),
}
_CONSTANTS = (sp.Number, sp.NumberSymbol)


class Scalars:
    """Evaluates scalar expressions at given values of the symbols; each different subexpression once."""

    def __init__(self, values: Mapping[Any, Any]) -> None:
        self.values = values
        self.known: dict[Any, Any] = {}

    def __call__(self, expr: Any) -> Any:
        """The array an expression stands for."""
        if expr in self.values:
            return self.values[expr]
        if isinstance(expr, _CONSTANTS):
            return functions.number(expr)
        if isinstance(expr, BooleanAtom):
            return bool(expr)
        if expr not in self.known:
            self.known[expr] = self._computed(expr)
        return self.known[expr]

    def _computed(self, expr: Any) -> Any:
        if isinstance(expr, PendingExpectation):
            return self._averaged(expr)
        shaped = _SHAPED.get(type(expr))
        if shaped is not None:
            return shaped(expr, self)
        if expr.is_number and not isinstance(expr, Boolean):
            return functions.number(expr)
        head = functions.HEADS.get(type(expr))
        if head is None:
            raise GameError(refusal(expr))
        return head(*(self(arg) for arg in expr.args))

    def _averaged(self, expr: Any) -> Any:
        total: Any = 0.0
        nodes = [rule_for(law) for _, law in expr.drawn]
        grids = np.meshgrid(*(points for points, _ in nodes), indexing="ij")
        weights = np.prod(np.meshgrid(*(share for _, share in nodes), indexing="ij"), axis=0).ravel()
        for *place, weight in zip(*(grid.ravel() for grid in grids), weights, strict=True):
            at = {symbol: float(x) for (symbol, _), x in zip(expr.drawn, place, strict=True)}
            total = total + float(weight) * Scalars({**self.values, **at})(expr.body)
        return total


def refusal(expr: Any) -> str:
    """Why an expression has no numeric form here."""
    if isinstance(expr, sp.Symbol):
        return f"{expr} has no value; name it among the inputs"
    if getattr(expr, "model_node", False):
        return f"{expr} is model level; evaluate it with bilevel.numeric.evaluate, or instantiate it first"
    if isinstance(expr, sp.core.function.AppliedUndef):
        return f"the function {expr.func} is not known; substitute a formula for it first"
    if isinstance(expr, sp.Derivative | sp.Integral | sp.Subs | sp.Sum | sp.Limit):
        return f"{expr} is not carried out; call .doit() first, or give it in closed form"
    return f"{type(expr).__name__} has no numeric form here: {str(expr)[:60]}"


def check_heads(expr: Any, symbols: frozenset[Any]) -> None:
    """Refuse at once what could only fail later."""
    waiting, done = [(expr, symbols)], set()
    while waiting:
        part, named = waiting.pop()
        if (part, named) in done or part in named:
            continue
        done.add((part, named))
        if isinstance(part, PendingExpectation):
            waiting.append((part.body, named | {symbol for symbol, _ in part.drawn}))
        elif isinstance(part, sp.Tuple | ExprCondPair) or type(part) in _SHAPED or type(part) in functions.HEADS:
            waiting += [(arg, named) for arg in part.args]
        elif isinstance(part, _CONSTANTS) or part.is_number:
            functions.number(part)
        elif not isinstance(part, BooleanAtom):
            raise GameError(refusal(part))


@dataclass(frozen=True)
class Lowered:
    """Expressions as a function of arrays: call it for NumPy results, or use `.function` inside JAX code.

    Math: the value of the expressions at the inputs, in the order the inputs were named.

    Shapes: inputs broadcast against each other; each output has the inputs' shape (constants are scalars).

    Reference: SymPy's `lambdify`, whose printed code this replaces.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> float(lower(x**2, [x])(3.0))
        9.0
    """

    expressions: Any
    inputs: tuple[Any, ...]
    dtype: np.dtype

    def function(self, *arrays: Any) -> Any:
        """The same as a plain JAX function: traceable, differentiable; precision is that of the arrays given."""
        if len(arrays) != len(self.inputs):
            raise GameError(
                f"{len(self.inputs)} inputs are expected ({', '.join(map(str, self.inputs))}); got {len(arrays)}"
            )
        value = Scalars(dict(zip(self.inputs, arrays, strict=True)))
        return _rebuilt(self.expressions, lambda expr: jnp.asarray(value(expr)))

    def __call__(self, *arrays: Any) -> Any:
        """The values as NumPy arrays, computed in the chosen precision."""
        with working(self.dtype):
            given = [jnp.asarray(np.asarray(array, dtype=self.dtype)) for array in arrays]
            return as_numpy(self._compiled()(*given))

    def _compiled(self) -> Any:
        kept = self.__dict__.get("_jitted")
        if kept is None:
            kept = jax.jit(self.function)
            object.__setattr__(self, "_jitted", kept)
        return kept


def _rebuilt(structure: Any, value: Any) -> Any:
    if isinstance(structure, Mapping):
        return {str(key): _rebuilt(part, value) for key, part in structure.items()}
    if isinstance(structure, sp.MatrixBase):
        rows, columns = structure.shape
        entries = [jnp.asarray(value(entry)) for entry in structure]
        if not entries:
            return jnp.zeros(structure.shape)
        return jnp.stack(jnp.broadcast_arrays(*entries), axis=-1).reshape(
            *jnp.broadcast_shapes(*(e.shape for e in entries)), rows, columns
        )
    if isinstance(structure, Sequence | sp.Tuple):
        return [_rebuilt(part, value) for part in structure]
    return value(structure)


def leaves_of(structure: Any) -> list[Any]:
    """Every expression of a nested structure."""
    if isinstance(structure, Mapping):
        return [leaf for part in structure.values() for leaf in leaves_of(part)]
    if isinstance(structure, Sequence | sp.MatrixBase | sp.Tuple):
        return [leaf for part in structure for leaf in leaves_of(part)]
    return [structure]


def _expressions(structure: Any) -> Any:
    if isinstance(structure, str):
        raise GameError(
            f"an expression is expected, not text: {structure!r}; read text with bilevel.language.read first"
        )
    if isinstance(structure, Mapping):
        return {key: _expressions(part) for key, part in structure.items()}
    if isinstance(structure, Sequence):
        return [_expressions(part) for part in structure]
    return structure if isinstance(structure, sp.Basic | sp.MatrixBase) else sp.sympify(structure, strict=True)


def lower(expressions: Any, inputs: Sequence[Any], *, dtype: Any = "float64") -> Lowered:
    """Expressions (one, or a list, matrix or table of them) as a JAX function of the inputs.

    Math: f(a_1, ..., a_k) with a_j put for the j-th input; softplus, sigmoid and logarithms of sums of exponentials
        take their stable forms; integers of any size become floats.

    Shapes: inputs are numbers or arrays that broadcast.

    Raises: GameError at once for functions without a numeric form, for symbols that are no input, and for text.

    Reference: SymPy issues 10805 and 24990, on why expressions are not printed and executed here.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> float(lower(sp.log(1 + sp.exp(x)), [x])(1000.0))
        1000.0
    """
    structure, named = _expressions(expressions), tuple(inputs)
    if len(set(named)) != len(named):
        raise GameError(f"every input is named once; got {', '.join(map(str, named))}")
    for leaf in leaves_of(structure):
        check_heads(leaf, frozenset(named))
    return Lowered(structure, named, checked_dtype(dtype))
