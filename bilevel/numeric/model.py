"""Model-level expressions in JAX: networks become functions, expectations sums over common outcomes, partials
automatic derivatives.

Main definitions: `evaluate`, `compiled`, `Model`.

Two random variables with equal laws average over the same outcomes, and independent variables over the product of
theirs: a bound variable may be renamed, and every identity that holds for all (products of) laws holds here to
rounding. Normal laws with fixed parameters are Gauss-Hermite sums, exact for polynomials of degree 5; those that
depend on variables are summed on a fixed grid (see `forms.trapezoid`), and then every normal law is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from sympy.matrices.expressions.hadamard import HadamardPower, HadamardProduct
from sympy.matrices.expressions.matexpr import MatrixElement

from bilevel.language.algebra import Dot, Node, is_scalar
from bilevel.language.diagonal import Diagonal
from bilevel.language.errors import GameError
from bilevel.language.expectation import Conditional, ConditionalMatrix, Expectation, ExpectationMatrix
from bilevel.language.law_kinds import Data, Density, LogDensity, Normal, Pushforward, Uniform
from bilevel.language.networks import OPEN, Applied, AppliedVector, Partial, PartialMatrix
from bilevel.language.nodes import RandomScalar, RandomVector, Stopped, StoppedMatrix
from bilevel.numeric.forms import trapezoid
from bilevel.numeric.lowering import Scalars, refusal
from bilevel.numeric.precision import as_numpy, working
from bilevel.numeric.quadrature import gauss_hermite, gauss_legendre
from bilevel.numeric.realisation import Realisation, realise

FEW = 3  # Gauss nodes an axis: exact for polynomials of degree 5


class Model(Scalars):
    """Evaluates model-level expressions; `values` holds arrays by variable: (n,) for vectors, () for scalars."""

    def __init__(
        self, plan: Realisation, numbers: Any, values: Mapping[Any, Any], assumed: Mapping[Any, Any] | None = None
    ) -> None:
        super().__init__(values)
        self.plan, self.numbers, self.assumed = plan, numbers, assumed or {}

    def within(self, more: Mapping[Any, Any]) -> Model:
        """The same with more variables bound."""
        return Model(self.plan, self.numbers, {**self.values, **more}, self.assumed)

    def any(self, expr: Any) -> Any:
        """A scalar () or a matrix (rows, columns)."""
        return self(expr) if is_scalar(expr) else self.matrix(expr)

    def _computed(self, expr: Any) -> Any:
        if isinstance(expr, sp.Symbol) and expr.is_integer and expr.name in self.plan.dims:
            return float(self.plan.dims[expr.name])
        if isinstance(expr, sp.Trace):
            return jnp.trace(self.matrix(expr.arg))
        if isinstance(expr, MatrixElement):
            return self.matrix(expr.parent)[int(expr.i), int(expr.j)]
        handle = _NODES.get(type(expr))
        if handle is not None:
            return handle(self, expr)
        if isinstance(expr, Node) and not isinstance(expr, Stopped):
            raise GameError(f"{expr} ({type(expr).__name__}) has no numeric form, or no value was given for it")
        return super()._computed(expr)

    # matrices

    def matrix(self, expr: Any) -> Any:
        """A vector or matrix expression as an array of two axes."""
        if expr in self.values:
            found = self.values[expr]
            return found[:, None] if found.ndim == 1 else found
        if expr not in self.known:
            handle = next((_MATRICES[kind] for kind in type(expr).__mro__ if kind in _MATRICES), None)
            if handle is None:
                raise GameError(refusal(expr))
            self.known[expr] = handle(self, expr)
        return self.known[expr]

    def column(self, expr: Any) -> Any:
        """A column vector as an array of one axis."""
        return self.matrix(expr)[:, 0]

    def shape(self, expr: Any) -> tuple[int, int]:
        """Rows and columns as numbers."""
        return self.plan.size(expr.shape[0]), self.plan.size(expr.shape[1])

    # networks and densities

    def arguments(self, applied: Any) -> list[Any]:
        """What a network is applied to."""
        return [self(a) if is_scalar(a) else self.column(a) for a in applied.arguments]

    def function(self, applied: Any) -> Callable[..., Any]:
        """The function a network or log-density stands for."""
        if isinstance(applied, LogDensity):
            law = self.plan.laws[applied.law.name]
            return lambda *a: law.log_density(self.numbers["laws"][applied.law.name], *a)
        name = applied.network.name
        return lambda *a: self.plan.networks[name](self.numbers["networks"].get(name, {}), *a)

    def called(self, applied: Any) -> Any:
        """The value of a network or log-density."""
        if self.assumed and (told := self.assumed.get(unnamed(applied))) is not None:
            return self.told(applied, told)
        value = self.function(applied)(*self.arguments(applied))
        return value if is_scalar(applied) else jnp.reshape(value, (-1, 1))

    def told(self, node: Any, value: Any) -> Any:
        """What an assumption says in place of a node."""
        return self.any(value) if is_scalar(node) == is_scalar(value) else self(value) * jnp.ones(self.shape(node))

    def derivative(self, node: Any) -> Any:
        """A partial derivative: contracted slots by Jacobian-vector products, open ones by forward Jacobians."""
        if self.assumed and (told := self.assumed.get(unnamed(node))) is not None:
            return self.told(node, told)
        function, arguments = self.function(node.applied), self.arguments(node.applied)
        if node.weight not in (OPEN, sp.S.One):
            function = _weighted(function, self.column(node.weight))
        for place, held in node.slots:
            if held != OPEN:
                push = jnp.ones_like(jnp.asarray(arguments[place])) if held == sp.S.One else self.column(held)
                function = _directional(function, place, push)
        for place in node.open_slots:
            function = jax.jacfwd(function, argnums=place)
        value = function(*[jnp.asarray(a) for a in arguments])
        return value if is_scalar(node) else value[:, None] if value.ndim == 1 else value

    # expectations

    def average(self, body: Callable[[Model], Any], variables: tuple[Any, ...]) -> Any:
        """The expectation of `body` over variables drawn one after another."""
        if not variables:
            return body(self)
        drawn, rest = variables[0], variables[1:]
        law = drawn.law

        def after(value: Any) -> Any:
            return self.within({drawn: value}).average(body, rest)

        if isinstance(law, Pushforward):
            return self.average(
                lambda inner: after(inner(law.value) if law.dim is None else inner.column(law.value)), law.variables
            )
        if law.atoms_of is not None:
            outcomes = [(self(v) if law.dim is None else self.column(v), self(p)) for v, p in law.atoms_of]
            return sum(share * after(jnp.asarray(value)) for value, share in outcomes)
        points, shares = self.nodes(law)
        return jnp.tensordot(
            jnp.asarray(shares, dtype=self.plan.dtype), jax.vmap(after)(jnp.asarray(points, dtype=self.plan.dtype)), 1
        )

    def nodes(self, law: Any) -> tuple[Any, Any]:
        """Outcomes and weights of a law that is no list of values."""
        if isinstance(law, Data | Density):
            form, parameters = (
                self.plan.laws[law.name],
                [self(p) if is_scalar(p) else self.column(p) for p in law.parameters],
            )
            return form.nodes(self.numbers["laws"].get(law.name, {}), *parameters)
        size = None if law.dim is None else self.plan.size(law.dim)
        if isinstance(law, Uniform):
            points, shares = gauss_legendre(FEW)
            lower, upper = map(self, law.args)
            return lower + (upper - lower) * jnp.asarray(points), shares
        if not isinstance(law, Normal):
            raise GameError(f"no outcomes are known for the law {law}")
        mean = self(law.args[0]) if size is None else self.column(law.args[0])
        if self.plan.fine:
            return trapezoid(mean, self(law.args[1]), size)
        one, share = gauss_hermite(FEW)
        grid = np.stack(np.meshgrid(*[one] * (size or 1), indexing="ij"), axis=-1).reshape(-1, size or 1)
        shares = np.prod(np.meshgrid(*[share] * (size or 1), indexing="ij"), axis=0).ravel()
        points = mean + jnp.sqrt(self(law.args[1])) * jnp.asarray(grid if size is not None else grid[:, 0])
        return points, shares

    def conditional(self, expr: Any) -> Any:
        """E[body | event = at]: an average over the outcomes at which the event takes that value."""
        here = self.observed(expr.at)
        slack = float(np.sqrt(np.finfo(self.plan.dtype).eps))

        def share(inner: Model) -> Any:
            apart = [
                jnp.max(jnp.abs(a - b) - slack * (1 + jnp.abs(b))) for a, b in zip(inner.observed(expr.event), here)
            ]
            return jnp.where(jnp.max(jnp.stack(apart)) <= 0, 1.0, 0.0)

        total = self.average(share, expr.variables)
        return self.average(lambda inner: share(inner) * inner.any(expr.body), expr.variables) / total

    def observed(self, sight: Any) -> list[Any]:
        """The parts of an observation."""
        return [self.any(part) for part in (sight if isinstance(sight, sp.Tuple) else (sight,))]


def unnamed(expr: Any) -> Any:
    """The expression with its random variables called by their laws' place, so that renaming makes no difference."""
    drawn = sorted(expr.atoms(RandomVector, RandomScalar), key=str)
    laws = list(dict.fromkeys(v.law for v in drawn))
    return expr.xreplace({v: v.func(f"u{laws.index(v.law)}", *v.args[1:]) for v in drawn})


def _weighted(function: Callable[..., Any], weight: Any) -> Callable[..., Any]:
    return lambda *a: jnp.dot(weight, function(*a))


def _directional(function: Callable[..., Any], place: int, push: Any) -> Callable[..., Any]:
    def slope(*arguments: Any) -> Any:
        return jax.jvp(
            lambda x: function(*arguments[:place], x, *arguments[place + 1 :]), (arguments[place],), (push,)
        )[1]

    return slope


def _product(model: Model, expr: Any) -> Any:
    scalars = [model(a) for a in expr.args if is_scalar(a)]
    matrices = [model.matrix(a) for a in expr.args if not is_scalar(a)]
    result = matrices[0]
    for part in matrices[1:]:
        result = result @ part
    for part in scalars:
        result = part * result
    return result


def _sum(model: Model, expr: Any) -> Any:
    parts = [model.matrix(a) for a in expr.args]
    return sum(parts[1:], parts[0])


def _explicit(model: Model, expr: Any) -> Any:
    rows = [
        jnp.stack([jnp.asarray(model(expr[i, j]), dtype=model.plan.dtype) for j in range(expr.shape[1])])
        for i in range(expr.shape[0])
    ]
    return jnp.stack(rows)


def _hadamard(model: Model, expr: Any) -> Any:
    result: Any = 1.0
    for part in expr.args:
        result = result * (model(part) if is_scalar(part) else model.matrix(part))
    return result


_NODES: dict[type, Callable[[Model, Any], Any]] = {
    Applied: Model.called,
    LogDensity: Model.called,
    Partial: Model.derivative,
    Dot: lambda model, expr: jnp.dot(model.column(expr.args[0]), model.column(expr.args[1])),
    Expectation: lambda model, expr: model.average(lambda inner: inner(expr.body), expr.variables),
    Conditional: Model.conditional,
}

_MATRICES: dict[type, Callable[[Model, Any], Any]] = {
    AppliedVector: Model.called,
    PartialMatrix: Model.derivative,
    StoppedMatrix: lambda model, expr: jax.lax.stop_gradient(model.matrix(expr.args[0])),
    ExpectationMatrix: lambda model, expr: model.average(lambda inner: inner.matrix(expr.body), expr.variables),
    ConditionalMatrix: Model.conditional,
    sp.Identity: lambda model, expr: jnp.eye(model.shape(expr)[0], dtype=model.plan.dtype),
    sp.ZeroMatrix: lambda model, expr: jnp.zeros(model.shape(expr), dtype=model.plan.dtype),
    Diagonal: lambda model, expr: jnp.diag(model.column(expr.entries)),
    sp.OneMatrix: lambda model, expr: jnp.ones(model.shape(expr), dtype=model.plan.dtype),
    sp.MatMul: _product,
    sp.MatAdd: _sum,
    sp.Transpose: lambda model, expr: model.matrix(expr.arg).T,
    sp.Inverse: lambda model, expr: jnp.linalg.inv(model.matrix(expr.arg)),
    sp.MatPow: lambda model, expr: jnp.linalg.matrix_power(model.matrix(expr.base), int(expr.exp)),
    HadamardProduct: _hadamard,
    HadamardPower: lambda model, expr: jnp.power(model.matrix(expr.base), model(expr.exp)),
    sp.MatrixBase: _explicit,
    sp.BlockMatrix: lambda model, expr: jnp.block(
        [[model.matrix(expr.blocks[i, j]) for j in range(expr.blockshape[1])] for i in range(expr.blockshape[0])]
    ),
}


def compiled(expr: Any, plan: Realisation, assuming: Iterable[tuple[Any, Any]] = ()) -> Callable[[Any], Any]:
    """An expression as a JAX function of the realisation's numbers; vectors come back with one axis.

    `assuming` pairs applied networks or their partials with the values they take there: a smooth network with these
    values and slopes exists, since outcomes are finitely many and differ.
    """
    assumed = {unnamed(node): value for node, value in assuming}

    def function(numbers: Any) -> Any:
        values = {v: numbers["values"][v.name] for v in plan.variables}
        value = jnp.asarray(Model(plan, numbers, values, assumed).any(expr))
        return value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value

    return function


def evaluate(expr: Any, realisation: Realisation | None = None, **choices: Any) -> Any:
    """The value of a model-level (or coordinate) expression at a realisation, as a NumPy array.

    Math: every network, law and vector replaced by what the realisation says; derivative nodes are taken by automatic
        differentiation of the network itself; `choices` go to `realise` if no realisation is given.

    Shapes: () for scalars, (n,) for columns, (rows, columns) for matrices.

    Raises: GameError for nodes without a numeric form.

    Reference: Bradbury et al. (2018), JAX.

    Examples:
        >>> from bilevel.language import dot, gradient, vector
        >>> v = vector("v", "n")
        >>> evaluate(gradient(dot(v, v), v), dims={"n": 2}, values={"v": [1, 2]}).tolist()
        [2.0, 4.0]
    """
    chosen = realise(expr, **choices) if realisation is None else realisation
    with working(chosen.dtype):
        return as_numpy(jax.jit(compiled(expr, chosen))(chosen.numbers))
