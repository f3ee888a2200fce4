"""From the nodes of the model-level language to sums of coefficient times word.

Main definitions: `Reader` (`scalar`, `matrix`), `Shaped` (a tensor that knows which of its indices are rows and columns).

Random variables are looked up in an environment. Finite laws put their outcomes there, pushforwards the expression of their
base variables, normal and uniform laws mean + sqrt(variance) * standard and lower + width * standard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from itertools import count
from typing import Any, NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef

from bilevel.language.algebra import is_column, is_scalar
from bilevel.language.errors import UnknownAnswer
from bilevel.language.expectation import Conditional, ConditionalMatrix, Expectation, ExpectationMatrix
from bilevel.language.laws import Data, Density, Law, LogDensity, Normal, Pushforward, Uniform
from bilevel.language.networks import OPEN, Applied, AppliedVector, Partial, PartialMatrix
from bilevel.language.nodes import Dot, RandomScalar, RandomVector, Stopped, StoppedMatrix
from bilevel.language.normal_expect import Binder, Expecter
from bilevel.language.normal_functions import function, power
from bilevel.language.normal_ratio import Atom, Ratio
from bilevel.language.normal_word import Tensor, contract, dimension_of, enclosed, identity, total

Environment = dict[Any, Any]


class Shaped(NamedTuple):
    """A tensor with its shape: whether it has a row index and a column index (a scalar has neither)."""

    tensor: Tensor
    rows: bool
    columns: bool


class Assigned(NamedTuple):
    """A variable that is a function of those drawn before it."""

    variable: Any
    value: Any

    def has(self, other: Any) -> bool:
        """Whether its value depends on another variable."""
        return bool(self.value.has(other))


class Reader:
    """Reads expressions into tensors. `values=True` treats stop_gradient(x) as x, as a value is treated."""

    def __init__(self, *, values: bool = True, note: Callable[..., None] | None = None, moments: Callable[..., Tensor | None] | None = None) -> None:
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
            ranged = "positive" if expr.is_positive else "nonnegative" if expr.is_nonnegative else "real" if expr.is_real else "complex"
            ranged = self.ranges.get(expr, ranged)
            if expr.is_Symbol and expr.is_integer and expr.is_positive:
                return dimension_of(self.unique(str(expr), expr))
            return Ratio.of(Atom("symbol", name=self.unique(str(expr), expr), range=ranged, payload=expr))
        if isinstance(expr, (sp.Function, sp.Max, sp.Min)) and not isinstance(expr, sp.Piecewise) and all(is_scalar(a) for a in expr.args):
            name = expr.func.__name__ if not isinstance(expr, AppliedUndef) else "'" + self.unique(str(expr.func), expr.func)
            return function(name, [self.scalar(arg, env) for arg in expr.args])
        if isinstance(expr, sp.Trace):
            return contract([(self.matrix(expr.arg, env).tensor, ("i", "i"))], ()).ratio
        if expr.atoms(RandomScalar, RandomVector) or expr.has(sp.MatrixExpr):
            raise UnknownAnswer(f"the normal form does not know the node {type(expr).__name__}", next_step="instantiate the expression and compare in coordinates")
        return Ratio.of(Atom("opaque", name=self.unique(str(expr), expr), range="real" if expr.is_real else "complex", payload=expr))

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
        return inside if self.values or inside.constant is not None else Ratio.of(enclosed("stop", Tensor.scalar(inside)))

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
        raise UnknownAnswer(f"the normal form does not know the matrix node {type(expr).__name__}", next_step="instantiate the expression and compare in coordinates")

    def _shape(self, expr: Any) -> tuple[bool, bool]:
        column = is_column(expr)
        return True, not column

    def _matrix_leaf(self, expr: Any, env: Environment) -> Shaped:
        rows, columns = self._shape(expr)
        rank = rows + columns
        name = self.unique(f"{expr.name}", expr)
        return Shaped(Tensor.factor(Atom("matrix" if rank == 2 else "vector", name=name, rank=rank, payload=expr)), rows, columns)

    def _explicit(self, expr: Any, env: Environment) -> Shaped:
        rows, columns = self._shape(expr)
        if not any(expr):
            return Shaped(Tensor(rows + columns, {}), rows, columns)
        entries = tuple(self.scalar(entry, env) for entry in expr)
        return Shaped(Tensor.factor(Atom("entries", entries, name=f"{expr.shape[0]}x{expr.shape[1]}", rank=rows + columns)), rows, columns)

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
                raise UnknownAnswer(f"a product mixes a number with a one by one matrix: {expr}", next_step="write the number as a scalar")
            mine = ([("row" if place == 0 else right)] if rows else []) + ([("column", place)] if columns else [])
            placed.append((tensor, tuple(mine)))
            right = ("column", place) if columns else None
        opens = (["row"] if chain[0].rows else []) + ([right] if right is not None else [])
        return Shaped(contract(placed, opens), chain[0].rows, right is not None)

    def _transpose(self, expr: Any, env: Environment) -> Shaped:
        tensor, rows, columns = self.matrix(expr.arg, env)
        return Shaped(tensor.permuted((1, 0)) if rows and columns else tensor, columns, rows)

    def _inverse(self, expr: Any, env: Environment) -> Shaped:
        inside = self.matrix(expr.arg, env).tensor
        if len(inside.terms) == 1:
            ((word, c),) = inside.terms.items()
            bare = Tensor(2, {word: Ratio.number(1)})
            if len(word.factors) == 1 and word.factors[0][0].kind == "identity":
                return Shaped(bare.scaled(Ratio.number(1) / c), True, True)
            return Shaped(Tensor.factor(enclosed("inverse", bare)).scaled(Ratio.number(1) / c), True, True)
        return Shaped(Tensor.factor(enclosed("inverse", inside)), True, True)

    def _matrix_power(self, expr: Any, env: Environment) -> Shaped:
        if not (expr.exp.is_Integer and expr.exp > 0):
            raise UnknownAnswer(f"the normal form knows whole powers of matrices only; got {expr}", next_step="instantiate")
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

    # networks and their derivatives

    def _call(self, applied: Any, env: Environment) -> Atom:
        parts = tuple(self.argument(a, env) for a in applied.arguments)
        if isinstance(applied, LogDensity):
            return Atom("density", parts, name=f"{applied.law.name}", payload=applied.law)
        net = applied.network
        rank = 0 if net.out is None else 1
        ranged = self.ranges.get(applied, net.range) if rank == 0 else "real"
        return Atom("call", parts, name=self.unique(net.name, net), rank=rank, range=ranged, payload=net)

    def _derivative(self, expr: Any, env: Environment) -> Tensor:
        """A partial derivative: one index for a vector value, one per vector slot; held slots are contracted."""
        call = self._call(expr.applied, env)
        slots = sorted(((place, held) for place, held in expr.slots), key=lambda slot: slot[0])
        marks = (["value"] if expr.applied.output is not None else []) + [place for place, held in slots if held != sp.S.One]
        name = f"{call.name}/{','.join(str(place) for place, _ in slots)}"
        atom = Atom(f"partial {call.kind}", call.parts, name=name, rank=len(marks), slots=tuple(marks), payload=(call.payload, tuple(p for p, _ in slots)))
        held = ([expr.weight] if expr.applied.output is not None else []) + [h for _, h in slots if h != sp.S.One]
        if not marks:
            return Tensor.scalar(Ratio.of(atom))
        vectors = [(self.matrix(h, env).tensor, (p,)) for p, h in enumerate(held) if h != OPEN]
        return contract([(Tensor.factor(atom), tuple(range(len(marks)))), *vectors], [p for p, h in enumerate(held) if h == OPEN])

    # expectations

    def average(self, body: Any, variables: Sequence[Any], env: Environment) -> Shaped:
        """Expectation of a body over variables in the order drawn."""
        return self._drawn(body, tuple(variables), dict(env), (), Ratio.number(1))

    def _drawn(self, body: Any, variables: tuple[Any, ...], env: Environment, binders: tuple[Binder, ...], weight: Ratio) -> Shaped:
        if not variables:
            inside = self.read_in(body, env)
            return Shaped(self.expecter.expect(binders, inside.tensor.scaled(weight)), inside.rows, inside.columns)
        variable, *later = variables
        rest = tuple(later)
        if isinstance(variable, Assigned):
            value = self.argument(variable.value, env)
            return self._drawn(body, rest, {**env, variable.variable: value}, binders, weight)
        law = variable.law
        if not (body.has(variable) or any(v.has(variable) for v in rest)):
            self.note("drop", (variable,))
            return self._drawn(body, rest, env, binders, weight)
        if law.atoms_of is not None:
            self.note("outcomes", (variable,))
            self.summing(variable)
            parts = []
            for value, probability in law.atoms_of:
                share = weight * self.scalar(probability, env)
                if share:
                    parts.append(self._drawn(body, rest, {**env, variable: self.argument(value, env)}, binders, share))
            return Shaped(total(parts[0].tensor.rank, (p for part in parts for p in part.tensor.terms.items())), parts[0].rows, parts[0].columns)
        if isinstance(law, Pushforward):
            self.note("pushforward", (variable,))
            own, value = self._apart(law)
            return self._drawn(body, (*own, Assigned(variable, value), *rest), env, binders, weight)
        value, binder = self._bound(variable, env)
        return self._drawn(body, rest, {**env, variable: value}, (*binders, binder), weight)

    def summing(self, variable: Any) -> None:
        """Called when an expectation over a finite law is summed; a tracing reader records it."""

    def _apart(self, law: Pushforward) -> tuple[tuple[Any, ...], Any]:
        """The base variables of a pushforward under names of their own, and its value in them."""
        swap: dict[Any, Any] = {}
        for base in law.variables:
            moved = base.xreplace(swap)
            swap[base] = moved.func(f"{base.name}~{next(self.expecter.fresh_names)[1:]}", *moved.args[1:])  # no user name holds ~
        return tuple(swap.values()), law.value.xreplace(swap)

    def _bound(self, variable: Any, env: Environment) -> tuple[Any, Binder]:
        """What stands for a variable, and the binder of its standard form."""
        law, name = variable.law, next(self.expecter.fresh_names)
        rank = 0 if law.dim is None else 1
        standard = Atom("random", name=name, rank=rank, range="probability" if isinstance(law, Uniform) else "real", payload=variable)
        plain: Any = Ratio.of(standard) if rank == 0 else Tensor.factor(standard)
        if isinstance(law, Uniform):
            lower, upper = (self.scalar(end, env) for end in law.args)
            return lower + (upper - lower) * plain, Binder(standard, Atom("law", name="uniform", payload=Uniform(sp.S.Zero, sp.S.One)))
        if isinstance(law, Normal):
            spread = power(self.scalar(law.args[1], env), Ratio.number(Fraction(1, 2)))
            mean, zero = self.argument(law.args[0], env), sp.S.Zero if rank == 0 else sp.ZeroMatrix(law.dim, 1)
            return mean + (spread * plain if rank == 0 else plain.scaled(spread)), Binder(
                standard, Atom("law", (self.dimension(law.dim) if rank else "",), name="normal", payload=Normal(zero, sp.S.One))
            )
        return plain, Binder(standard, self._law(law, env))

    def _law(self, law: Law, env: Environment) -> Atom:
        if isinstance(law, (Data, Density)):
            size = "" if law.dim is None else self.dimension(law.dim)
            parts = tuple(self.argument(p, env) for p in law.parameters)
            return Atom("law", parts, name=f"{type(law).__name__.lower()} {law.name} {size}", payload=law)
        if law.atoms_of is not None:
            parts = tuple(self.argument(part, env) for pair in law.atoms_of for part in pair)
            return Atom("law", parts, name="finite", payload=law)
        raise UnknownAnswer(f"the normal form does not know the law {law}", next_step="use a law of bilevel.language.laws")

    def read_in(self, body: Any, env: Environment) -> Shaped:
        """A scalar or a matrix in an environment."""
        return Shaped(Tensor.scalar(self.scalar(body, env)), False, False) if is_scalar(body) else self.matrix(body, env)

    def conditional(self, expr: Any, env: Environment) -> Shaped:
        """Conditional expectation: linear; factors free of the variables come out, nothing else is known of it."""
        inner, binders = dict(env), []
        for variable in expr.variables:
            if isinstance(variable.law, Pushforward):
                raise UnknownAnswer("conditioning on a pushforward is not unfolded", next_step="condition on its base variables")
            inner[variable], binder = self._bound(variable, inner)
            binders.append(binder)
        body, event, at = self.read_in(expr.body, inner), self.argument(expr.event, inner), self.argument(expr.at, env)
        return Shaped(self.expecter.expect(tuple(binders), body.tensor, (event, at)), body.rows, body.columns)


SCALARS: dict[type, Callable[[Reader, Any, Environment], Ratio]] = {
    Dot: Reader._dot,
    Applied: Reader._applied,
    LogDensity: Reader._applied,
    Partial: Reader._partial,
    RandomScalar: Reader._random,
    Expectation: Reader._expectation,
    Conditional: Reader._given,
    Stopped: Reader._stopped,
}

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
    (sp.MatrixSymbol, Reader._matrix_leaf),
    (sp.MatrixBase, Reader._explicit),
)
