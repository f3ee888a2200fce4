"""From the nodes of the model-level language to sums of coefficient times word.

Main definitions: `Reader` (`scalar`, `matrix`).

Random variables are looked up in an environment, which expectations fill (see `bilevel.language.normal_draw`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import count
from types import MappingProxyType
from typing import Any

import sympy as sp

from bilevel.language.algebra import is_column, is_scalar
from bilevel.language.errors import UnknownAnswer
from bilevel.language.expectation import Conditional, ConditionalMatrix, Expectation, ExpectationMatrix
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.laws import LogDensity
from bilevel.language.networks import Applied, AppliedVector, Partial, PartialMatrix
from bilevel.language.nodes import Dot, RandomScalar, RandomVector, Stopped, StoppedMatrix
from bilevel.language.normal_atom import Atom
from bilevel.language.normal_calls import Calls
from bilevel.language.normal_draw import Averaging, Environment, Shaped
from bilevel.language.normal_expect import Expecter
from bilevel.language.normal_functions import function, power
from bilevel.language.normal_maps import MAPS, Maps
from bilevel.language.normal_ratio import Ratio
from bilevel.language.normal_tensor import Tensor, contract, enclosed, total
from bilevel.language.normal_word import dimension_of, identity


class Reader(Averaging, Calls, Maps):
    """Reads expressions into tensors. `values=True` treats stop_gradient(x) as x, as a value is treated."""

    def __init__(
        self,
        *,
        values: bool = True,
        note: Callable[..., None] | None = None,
        moments: Callable[..., Tensor | None] | None = None,
    ) -> None:
        self.values = values
        self.expecter = Expecter(note, moments)
        self.note = self.expecter.note
        self.seen: dict[str, Any] = {}
        self.ranges: dict[Any, str] = {}
        self.equalities: dict[Any, Any] = {}

    def unique(self, name: str, node: Any) -> str:
        """A text for a leaf: its name, marked where another leaf of the same name was met; odd names become numbers."""
        if not re.fullmatch(r"\w+", name):
            name = next((k for k, v in self.seen.items() if k[0] == "#" and v == node), f"#{len(self.seen)}")
        for tick in count():
            text = name + "'" * tick
            if self.seen.setdefault(text, node) == node:
                return text
        raise AssertionError("unreachable")

    def read(self, expr: Any) -> Shaped:
        """A scalar, vector or matrix expression."""
        return Shaped(Tensor.scalar(self.scalar(expr, {})), False, False) if is_scalar(expr) else self.matrix(expr, {})

    def scalar(self, expr: Any, env: Environment) -> Ratio:
        """A scalar expression as a coefficient."""
        if expr in self.equalities:
            return self.scalar(self.assumed(expr), env)
        if expr.is_Rational:
            return Ratio.number(Fraction(int(expr.p), int(expr.q)))
        if expr.is_Float:
            exact = sp.Rational(expr)
            return Ratio.number(Fraction(int(exact.p), int(exact.q)))
        if isinstance(expr, sp.Add):
            return reduce(lambda a, b: a + b, (self.scalar(arg, env) for arg in expr.args))
        if isinstance(expr, sp.Mul):
            return reduce(lambda a, b: a * b, (self.scalar(arg, env) for arg in expr.args))
        if isinstance(expr, sp.Pow):
            if expr.base is sp.E:
                return function("exp", [self.scalar(expr.exp, env)])
            return power(self.scalar(expr.base, env), self.scalar(expr.exp, env))
        handler = SCALARS.get(type(expr))
        if handler is not None:
            return handler(self, expr, env)
        return self._leaf_or_function(expr, env)

    def _leaf_or_function(self, expr: Any, env: Environment) -> Ratio:
        if expr.is_Symbol or isinstance(expr, sp.NumberSymbol):
            ranged = (
                "positive"
                if expr.is_positive
                else "nonnegative"
                if expr.is_nonnegative
                else "real"
                if expr.is_real
                else "complex"
            )
            ranged = self.ranges.get(expr, ranged)
            if expr.is_Symbol and expr.is_integer and expr.is_positive:
                return dimension_of(self.unique(str(expr), expr))
            return Ratio.of(Atom("symbol", name=self.unique(str(expr), expr), range=ranged, payload=expr))
        if (
            isinstance(expr, (sp.Function, sp.Max, sp.Min))
            and not isinstance(expr, sp.Piecewise)
            and all(is_scalar(a) for a in expr.args)
        ):
            name = expr.func.__name__
            if getattr(sp, name, None) is not expr.func and expr.func not in (sigmoid, softplus):
                name = "'" + self.unique(name, expr.func)
            return function(name, [self.scalar(arg, env) for arg in expr.args])
        if isinstance(expr, sp.Trace):
            return contract([(self.matrix(expr.arg, env).tensor, ("i", "i"))], ()).ratio
        if expr.is_finite is False or expr is sp.nan:
            raise UnknownAnswer(f"{expr} is no number to calculate with", next_step="keep away from the pole")
        if expr.atoms(RandomScalar, RandomVector) or expr.has(sp.MatrixExpr):
            raise UnknownAnswer(
                f"the normal form does not know the node {type(expr).__name__}",
                next_step="instantiate the expression and compare in coordinates",
            )
        return Ratio.of(
            Atom("opaque", name=self.unique(str(expr), expr), range="real" if expr.is_real else "complex", payload=expr)
        )

    def argument(self, expr: Any, env: Environment) -> Any:
        """An argument of a network: a coefficient or a vector."""
        return self.scalar(expr, env) if is_scalar(expr) else self.matrix(expr, env).tensor

    def assumed(self, expr: Any) -> Any:
        """What an assumption puts in place of an expression."""
        return self.equalities[expr]

    # scalar nodes

    def _dot(self, expr: Any, env: Environment) -> Ratio:
        left, right = (self.matrix(arg, env).tensor for arg in expr.args)
        return contract([(left, ("i",)), (right, ("i",))], ()).ratio

    def _applied(self, expr: Any, env: Environment) -> Ratio:
        return Ratio.of(self._call(expr, env))

    def _partial(self, expr: Any, env: Environment) -> Ratio:
        return self._derivative(expr, env).ratio

    def _random(self, expr: Any, env: Environment) -> Ratio:
        if expr in env:
            return env[expr]
        return Ratio.of(self._free_variable(expr))

    def _expectation(self, expr: Any, env: Environment) -> Ratio:
        return self.average(expr.body, expr.variables, env).tensor.ratio

    def _stopped(self, expr: Any, env: Environment) -> Ratio:
        inside = self.scalar(expr.args[0], env)
        return (
            inside if self.values or inside.constant is not None else Ratio.of(enclosed("stop", Tensor.scalar(inside)))
        )

    def _given(self, expr: Any, env: Environment) -> Ratio:
        return self.conditional(expr, env).tensor.ratio

    # matrices

    def matrix(self, expr: Any, env: Environment) -> Shaped:
        """A vector or matrix expression."""
        if expr in self.equalities:
            return self.matrix(self.assumed(expr), env)
        for kinds, handler in MATRICES:
            if isinstance(expr, kinds):
                return handler(self, expr, env)
        raise UnknownAnswer(
            f"the normal form does not know the matrix node {type(expr).__name__}",
            next_step="instantiate the expression and compare in coordinates",
        )

    def _shape(self, expr: Any) -> tuple[bool, bool]:
        column = is_column(expr)
        return True, not column

    def _matrix_leaf(self, expr: Any, env: Environment) -> Shaped:
        rows, columns = self._shape(expr)
        rank = rows + columns
        name = self.unique(f"{expr.name}", expr)
        return Shaped(
            Tensor.factor(Atom("matrix" if rank == 2 else "vector", name=name, rank=rank, payload=expr)), rows, columns
        )

    def _explicit(self, expr: Any, env: Environment) -> Shaped:
        rows, columns = self._shape(expr)
        if not any(expr):
            return Shaped(Tensor(rows + columns, {}), rows, columns)
        entries = tuple(self.scalar(entry, env) for entry in expr)
        return Shaped(
            Tensor.factor(Atom("entries", entries, name=f"{expr.shape[0]}x{expr.shape[1]}", rank=rows + columns)),
            rows,
            columns,
        )

    def _random_vector(self, expr: Any, env: Environment) -> Shaped:
        return Shaped(env[expr] if expr in env else Tensor.factor(self._free_variable(expr)), True, False)

    def _free_variable(self, expr: Any) -> Atom:
        return Atom("random", name=self.unique(expr.name, expr), rank=0 if expr.law.dim is None else 1, payload=expr)

    def _identity(self, expr: Any, env: Environment) -> Shaped:
        return Shaped(Tensor.factor(identity(self.dimension(expr.shape[0]))), True, True)

    def dimension(self, size: Any) -> str:
        """The text of a dimension."""
        return str(size) if size.is_Integer else self.unique(str(size), size)

    def _zero(self, expr: Any, env: Environment) -> Shaped:
        column = expr.shape[1] == 1
        return Shaped(Tensor(1 if column else 2, {}), True, not column)

    def _sum(self, expr: Any, env: Environment) -> Shaped:
        parts = [self.matrix(arg, env) for arg in expr.args]
        shape = next((p for p in parts if p.tensor), parts[0])
        terms = [pair for part in parts for pair in part.tensor.terms.items()]
        return Shaped(total(shape.tensor.rank, terms), shape.rows, shape.columns)

    def _product(self, expr: Any, env: Environment) -> Shaped:
        scale, chain = Ratio.number(1), []
        for arg in expr.args:
            if is_scalar(arg):
                scale = scale * self.scalar(arg, env)
            else:
                chain.append(self.matrix(arg, env))
        return self._chain(scale, chain, expr)

    def _chain(self, scale: Ratio, chain: Sequence[Shaped], expr: Any) -> Shaped:
        """A product of matrices: neighbouring column and row indices are shared."""
        placed: list[tuple[Tensor, tuple[Any, ...]]] = [(Tensor.scalar(scale), ())]
        right: Any = None
        for place, (tensor, rows, columns) in enumerate(chain):
            if place and rows != (right is not None) and not (not rows and right is None):
                raise UnknownAnswer(
                    f"a product mixes a number with a one by one matrix: {expr}",
                    next_step="write the number as a scalar",
                )
            mine = ([("row" if place == 0 else right)] if rows else []) + ([("column", place)] if columns else [])
            placed.append((tensor, tuple(mine)))
            right = ("column", place) if columns else None
        opens = (["row"] if chain[0].rows else []) + ([right] if right is not None else [])
        return Shaped(contract(placed, opens), chain[0].rows, right is not None)

    def _transpose(self, expr: Any, env: Environment) -> Shaped:
        tensor, rows, columns = self.matrix(expr.arg, env)
        return Shaped(tensor.permuted((1, 0)) if rows and columns else tensor, columns, rows)

    def _inverse(self, expr: Any, env: Environment) -> Shaped:
        inside, size = self.matrix(expr.arg, env).tensor, self.dimension(expr.shape[0])
        if len(inside.terms) == 1:
            ((word, c),) = inside.terms.items()
            bare = Tensor(2, {word: Ratio.number(1)})
            if len(word.factors) == 1 and word.factors[0][0].kind == "identity":
                return Shaped(bare.scaled(Ratio.number(1) / c), True, True)
            return Shaped(Tensor.factor(enclosed("inverse", bare, size)).scaled(Ratio.number(1) / c), True, True)
        return Shaped(Tensor.factor(enclosed("inverse", inside, size)), True, True)

    def _matrix_power(self, expr: Any, env: Environment) -> Shaped:
        if not (expr.exp.is_Integer and expr.exp > 0):
            raise UnknownAnswer(
                f"the normal form knows whole powers of matrices only; got {expr}", next_step="instantiate"
            )
        return self._chain(Ratio.number(1), [self.matrix(expr.base, env)] * int(expr.exp), expr)

    def _applied_vector(self, expr: Any, env: Environment) -> Shaped:
        return Shaped(Tensor.factor(self._call(expr, env)), True, False)

    def _partial_matrix(self, expr: Any, env: Environment) -> Shaped:
        return Shaped(self._derivative(expr, env), True, not is_column(expr))

    def _expectation_matrix(self, expr: Any, env: Environment) -> Shaped:
        return self.average(expr.body, expr.variables, env)

    def _stopped_matrix(self, expr: Any, env: Environment) -> Shaped:
        inside = self.matrix(expr.args[0], env)
        if self.values or not inside.tensor:
            return inside
        return Shaped(Tensor.factor(enclosed("stop", inside.tensor)), inside.rows, inside.columns)

    def _given_matrix(self, expr: Any, env: Environment) -> Shaped:
        return self.conditional(expr, env)

    def read_in(self, body: Any, env: Environment) -> Shaped:
        """A scalar or a matrix in an environment."""
        return (
            Shaped(Tensor.scalar(self.scalar(body, env)), False, False) if is_scalar(body) else self.matrix(body, env)
        )


SCALARS: Mapping[type, Callable[[Reader, Any, Environment], Ratio]] = MappingProxyType(
    {
        Dot: Reader._dot,
        Applied: Reader._applied,
        LogDensity: Reader._applied,
        Partial: Reader._partial,
        RandomScalar: Reader._random,
        Expectation: Reader._expectation,
        Conditional: Reader._given,
        Stopped: Reader._stopped,
    }
)

MATRICES: tuple[tuple[Any, Callable[[Reader, Any, Environment], Shaped]], ...] = (
    (RandomVector, Reader._random_vector),
    (AppliedVector, Reader._applied_vector),
    (PartialMatrix, Reader._partial_matrix),
    (ExpectationMatrix, Reader._expectation_matrix),
    (ConditionalMatrix, Reader._given_matrix),
    (StoppedMatrix, Reader._stopped_matrix),
    (sp.MatAdd, Reader._sum),
    (sp.MatMul, Reader._product),
    (sp.Transpose, Reader._transpose),
    (sp.Inverse, Reader._inverse),
    (sp.MatPow, Reader._matrix_power),
    (sp.Identity, Reader._identity),
    (sp.ZeroMatrix, Reader._zero),
    *MAPS,
    (sp.MatrixSymbol, Reader._matrix_leaf),
    (sp.MatrixBase, Reader._explicit),
)
