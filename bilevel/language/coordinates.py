"""The evaluation of model-level nodes under an instance.

Main definitions: `Coordinates`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import sympy as sp

from bilevel.language.algebra import is_scalar
from bilevel.language.coordinate_averages import Averages, Environment
from bilevel.language.diagonal import Diagonal, Selection
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.expectation import Conditional, ConditionalMatrix, Expectation, ExpectationMatrix
from bilevel.language.instance import Instance
from bilevel.language.laws import LogDensity
from bilevel.language.networks import OPEN, Applied, AppliedVector, Partial, PartialMatrix
from bilevel.language.nodes import Dot, Node, RandomScalar, RandomVector, Stopped, StoppedMatrix


class Coordinates(Averages):
    """Evaluates nodes under an instance; keeps the derivatives it has taken."""

    def __init__(self, instance: Instance, values: bool = False) -> None:
        self.instance, self.values = instance, values
        self.templates: dict[Any, tuple[list[list[Any]], list[Any]]] = {}
        self.slopes: dict[Any, Any] = {}

    def scalar(self, expr: Any, env: Environment) -> Any:
        """A scalar expression."""
        if isinstance(expr, Node):
            return self._scalar_node(expr, env)
        if isinstance(expr, sp.Symbol):
            if expr.name in self.instance.dims and expr.is_integer:
                return sp.Integer(self.instance.dims[expr.name])
            return sp.sympify(self.instance.scalars.get(expr.name, expr), strict=True)
        if isinstance(expr, sp.Trace):
            return self.matrix(expr.arg, env).trace()
        return expr.func(*(self.scalar(arg, env) for arg in expr.args)) if expr.args else expr

    def _scalar_node(self, expr: Any, env: Environment) -> Any:
        if isinstance(expr, Applied):
            return self._called(expr, env)[0]
        if isinstance(expr, LogDensity):
            return self._log_density(expr, (), env)
        if isinstance(expr, Partial):
            return self._derivative(expr, env)[()]
        if isinstance(expr, Dot):
            left, right = (self.matrix(arg, env) for arg in expr.args)
            return sum((a * b for a, b in zip(left, right, strict=True)), sp.S.Zero)
        if isinstance(expr, RandomScalar):
            return (
                env[expr]
                if expr in env
                else sp.sympify(self.instance.scalars.get(expr.name, sp.Symbol(expr.name, real=True)), strict=True)
            )
        if isinstance(expr, Stopped):
            inside = self.scalar(expr.args[0], env)
            return inside if self.values else Stopped(inside)
        if isinstance(expr, Expectation):
            return self._average(expr.body, expr.variables, env)
        if isinstance(expr, Conditional):
            return self._conditional(expr, env)
        raise UnknownAnswer(f"instantiate does not know the node {type(expr).__name__}")

    def matrix(self, expr: Any, env: Environment) -> sp.ImmutableMatrix:
        """A vector or matrix expression as an explicit matrix."""
        if isinstance(expr, RandomVector):
            return env[expr] if expr in env else self.instance.components(expr.name, self.instance.size(expr.shape[0]))
        if isinstance(expr, AppliedVector):
            return sp.ImmutableMatrix(self._called(expr, env))
        if isinstance(expr, PartialMatrix):
            return self._as_matrix(self._derivative(expr, env), expr)
        if isinstance(expr, StoppedMatrix):
            inside = self.matrix(expr.args[0], env)
            return inside if self.values else inside.applyfunc(Stopped)
        if isinstance(expr, ExpectationMatrix):
            return self._average(expr.body, expr.variables, env)
        if isinstance(expr, ConditionalMatrix):
            return self._conditional(expr, env)
        return self._plain_matrix(expr, env)

    def _plain_matrix(self, expr: Any, env: Environment) -> sp.ImmutableMatrix:
        size = self.instance.size
        if isinstance(expr, sp.MatrixBase):
            return sp.ImmutableMatrix(expr).applyfunc(lambda entry: self.scalar(entry, env))
        if isinstance(expr, sp.MatrixSymbol):
            if expr.shape[1] == 1:
                return self.instance.components(expr.name, size(expr.shape[0]))
            rows, columns = map(size, expr.shape)
            named = self.instance.vectors.get(expr.name)
            if named is None and isinstance(expr, Selection):
                raise GameError(f"the instance does not say which map {expr.name} is; add its entries to `vectors`")
            return sp.ImmutableMatrix(
                rows, columns, named or (lambda i, j: sp.Symbol(f"{expr.name}_{i + 1}{j + 1}", real=True))
            )
        if isinstance(expr, sp.Identity):
            return sp.ImmutableMatrix(sp.eye(size(expr.shape[0])))
        if isinstance(expr, sp.OneMatrix):
            return sp.ImmutableMatrix(sp.ones(*map(size, expr.shape)))
        if isinstance(expr, Diagonal):
            return sp.ImmutableMatrix(sp.diag(*self.matrix(expr.entries, env)))
        if isinstance(expr, sp.ZeroMatrix):
            return sp.ImmutableMatrix(sp.zeros(*map(size, expr.shape)))
        if isinstance(expr, (sp.MatMul, sp.MatAdd)):
            parts = [self.scalar(a, env) if is_scalar(a) else self.matrix(a, env) for a in expr.args]
            result = parts[0]
            for part in parts[1:]:
                result = result * part if isinstance(expr, sp.MatMul) else result + part
            return sp.ImmutableMatrix(result)
        if isinstance(expr, sp.Transpose):
            return self.matrix(expr.arg, env).T
        if isinstance(expr, sp.MatPow):
            return self.matrix(expr.base, env) ** self.scalar(expr.exp, env)
        raise UnknownAnswer(f"instantiate does not know the matrix node {type(expr).__name__}")

    # networks

    def _called(self, applied: Any, env: Environment) -> list[Any]:
        """The components of an applied network."""
        symbols, outputs = self._template(applied)
        return [self._put(output, symbols, self._arguments(applied, env)) for output in outputs]

    def _arguments(self, applied: Any, env: Environment) -> list[list[Any]]:
        return [[self.scalar(a, env)] if is_scalar(a) else list(self.matrix(a, env)) for a in applied.arguments]

    def _put(self, output: Any, symbols: list[list[Any]], arguments: list[list[Any]]) -> Any:
        pairs = {
            s: v for group, values in zip(symbols, arguments, strict=True) for s, v in zip(group, values, strict=True)
        }
        if output.has(sp.Derivative):  # of a function without a formula, here at a point that may be no symbol
            return output.subs(pairs, simultaneous=True)
        return output.xreplace(pairs) if output.free_symbols else output

    def _template(self, applied: Any) -> tuple[list[list[Any]], list[Any]]:
        """The network's function on dummies."""
        sizes = tuple(None if is_scalar(a) else self.instance.size(a.shape[0]) for a in applied.arguments)
        key = (applied.network, sizes)
        if key not in self.templates:
            symbols = [[sp.Dummy(real=True) for _ in range(size or 1)] for size in sizes]
            given = [group[0] if size is None else list(group) for group, size in zip(symbols, sizes, strict=True)]
            value = self.instance.network(applied.network.name)(*given)
            outputs = list(value) if isinstance(value, (list, tuple, sp.MatrixBase, sp.Tuple)) else [value]
            wanted = 1 if applied.network.out is None else self.instance.size(applied.network.out)
            if len(outputs) != wanted:
                raise GameError(
                    f"the network {applied.network.name} has {wanted} components; the instance gives {len(outputs)}"
                )
            self.templates[key] = (symbols, [sp.sympify(o, strict=True) for o in outputs])
        return self.templates[key]

    def _derivative(self, node: Any, env: Environment) -> dict[tuple[int, ...], Any]:
        """Components of a partial derivative by its open indices (the value first, then the slots by place)."""
        applied = node.applied
        slots = list(node.slots)
        weights = [
            None if held == OPEN else [sp.S.One] if held == sp.S.One else list(self.matrix(held, env))
            for _, held in slots
        ]
        if isinstance(applied, LogDensity):
            return self._density_slopes(applied, slots, weights, env)
        symbols, outputs = self._template(applied)
        arguments = self._arguments(applied, env)
        out = (
            None
            if node.weight == OPEN
            else [sp.S.One]
            if node.weight == sp.S.One
            else list(self.matrix(node.weight, env))
        )

        def slope(o: int, chosen: tuple[Any, ...]) -> Any:
            key = (id(outputs), o, tuple(sorted(chosen, key=str)))
            if key not in self.slopes:
                self.slopes[key] = sp.diff(outputs[o], *key[2])
            return self._put(self.slopes[key], symbols, arguments)

        ranges = [range(len(outputs))] + [range(len(symbols[place])) for place, _ in slots]
        result: dict[tuple[int, ...], Any] = {}
        for o, *chosen in product(*ranges):
            factor = sp.Mul(*(w[i] for w, i in zip([out, *weights], [o, *chosen], strict=True) if w is not None))
            index = tuple(i for w, i in zip([out, *weights], [o, *chosen], strict=True) if w is None)
            term = (
                factor * slope(o, tuple(symbols[place][i] for (place, _), i in zip(slots, chosen, strict=True)))
                if factor != 0
                else sp.S.Zero
            )
            result[index] = result.get(index, sp.S.Zero) + term
        return result

    def _as_matrix(self, entries: dict[tuple[int, ...], Any], node: Any) -> sp.ImmutableMatrix:
        rows, columns = map(self.instance.size, node.shape)
        return sp.ImmutableMatrix(rows, columns, lambda i, j: entries[(i, j)[: len(next(iter(entries)))]])
