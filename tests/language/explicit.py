"""A second road for the model level: the same expressions written out in components, with small explicit networks.

Nothing of the package's differentiation is used: partials are SymPy's `diff` of explicit functions, expectations are
weighted sums over a few points (a law of counting type, for which both ways of differentiating hold exactly).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.expectation import Expectation, ExpectationMatrix
from bilevel.language.laws import LogDensity
from bilevel.language.networks import OPEN, Applied, AppliedVector, Partial, PartialMatrix
from bilevel.language.nodes import Dot, RandomScalar, RandomVector, Stopped, StoppedMatrix


@dataclass(frozen=True)
class Explicit:
    """Explicit functions by name, and per law name the points and (unnormalised) log-weights."""

    sizes: dict[sp.Symbol, int]
    functions: dict[str, Callable[..., Any]]
    points: dict[str, list[Any]]
    weights: dict[str, Callable[..., Any]]

    def size(self, dim: Any) -> int:
        return int(sp.sympify(dim).subs(self.sizes))

    def symbols(self, variable: Any) -> Any:
        if not isinstance(variable, sp.MatrixSymbol):
            return variable
        return sp.Matrix(sp.symbols(f"{variable.name}_:{self.size(variable.shape[0])}", real=True))

    def log_weight(self, law: Any, value: Any, env: dict[Any, Any]) -> Any:
        if law.name not in self.weights:
            return sp.log(sp.Rational(1, len(self.points[law.name])))
        given = [self(parameter, env) for parameter in law.parameters]
        weight = self.weights[law.name]
        total = sum(weight(point, *given) for point in self.points[law.name])
        return sp.log(weight(value, *given)) - sp.log(total)

    def __call__(self, expr: Any, env: dict[Any, Any]) -> Any:
        if expr in env:
            return env[expr]
        if isinstance(expr, (Stopped, StoppedMatrix)):
            return self(expr.args[0], env)
        if isinstance(expr, Dot):
            left, right = (self(arg, env) for arg in expr.args)
            return (left.T * right)[0, 0]
        if isinstance(expr, (Expectation, ExpectationMatrix)):
            return self.average(expr.body, list(expr.variables), env)
        if isinstance(expr, LogDensity):
            return self.log_weight(expr.law, self(expr.args[1], env), env)
        if isinstance(expr, (Applied, AppliedVector)):
            return self.functions[expr.network.name](*(self(a, env) for a in expr.arguments))
        if isinstance(expr, (Partial, PartialMatrix)):
            return self.partial(expr, env)
        if isinstance(expr, sp.ZeroMatrix):
            return sp.zeros(*map(self.size, expr.shape))
        if isinstance(expr, sp.Identity):
            return sp.eye(self.size(expr.shape[0]))
        if isinstance(expr, sp.Transpose):
            return self(expr.arg, env).T
        if isinstance(expr, sp.Inverse):
            return self(expr.arg, env).inv()
        if isinstance(expr, (sp.MatAdd, sp.MatMul)):
            parts = [self(arg, env) for arg in expr.args]
            result = parts[0]
            for part in parts[1:]:
                result = result + part if isinstance(expr, sp.MatAdd) else result * part
            return result
        return expr.func(*(self(arg, env) for arg in expr.args)) if expr.args else expr

    def average(self, body: Any, variables: list[Any], env: dict[Any, Any]) -> Any:
        if not variables:
            return self(body, env)
        first, *rest = variables
        assert isinstance(first, (RandomVector, RandomScalar))
        total: Any = None
        for value, weight in self.drawn(first.law, env):
            part = weight * self.average(body, rest, {**env, first: value})
            total = part if total is None else total + part
        return total

    def drawn(self, law: Any, env: dict[Any, Any]) -> list[tuple[Any, Any]]:
        if law.atoms_of is not None:
            return [(self(value, env), self(weight, env)) for value, weight in law.atoms_of]
        name = getattr(law, "name", type(law).__name__)
        if name not in self.weights:
            points = self.points[name]
            return [(point, sp.Rational(1, len(points))) for point in points]
        given = [self(parameter, env) for parameter in law.parameters]
        total = sum(self.weights[name](point, *given) for point in self.points[name])
        return [(point, self.weights[name](point, *given) / total) for point in self.points[name]]

    def partial(self, node: Any, env: dict[Any, Any]) -> Any:
        """The derivative of an explicit function, contracted as the node says."""
        arguments = [self(argument, env) for argument in node.applied.arguments]
        fresh = [
            sp.Matrix(sp.symbols(f"a{i}_:{len(a)}", real=True))
            if isinstance(a, sp.MatrixBase)
            else sp.Symbol(f"a{i}", real=True)
            for i, a in enumerate(arguments)
        ]
        if isinstance(node.applied, LogDensity):
            law = node.applied.law
            value = self.log_weight(law, fresh[0], dict(zip(law.parameters, fresh[1:])))
        else:
            value = self.functions[node.applied.network.name](*fresh)
        back = {
            s: v for f, a in zip(fresh, arguments) for s, v in (zip(f, a) if isinstance(f, sp.MatrixBase) else [(f, a)])
        }
        table: Any = {(): value}
        if node.applied.output is not None:
            table = {(i,): entry for i, entry in enumerate(value)}
            if node.weight != OPEN:
                held = self(node.weight, env)
                table = {(): sum(h * entry for h, entry in zip(held, value))}
        for place, vector in node.slots:
            if vector == sp.S.One:
                table = {key: sp.diff(entry, fresh[place]) for key, entry in table.items()}
            elif vector == OPEN:
                table = {
                    (*key, j): sp.diff(entry, x) for key, entry in table.items() for j, x in enumerate(fresh[place])
                }
            else:
                along = self(vector, env)
                table = {
                    key: sum(u * sp.diff(entry, x) for u, x in zip(along, fresh[place])) for key, entry in table.items()
                }
        table = {key: sp.sympify(entry).subs(back, simultaneous=True) for key, entry in table.items()}
        shape = [self.size(s) for s in getattr(node, "shape", ())]
        if not shape:
            return table[()]
        return sp.Matrix(shape[0], shape[1], lambda i, j: table[(i, j)] if (0, 0) in table else table[(i,)])
