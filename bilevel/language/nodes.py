"""The leaves of the model-level language, vectors of unspecified dimension and random variables, and stopped gradients.

Main definitions: `Vector`, `RandomVector`, `RandomScalar`, `Stopped`, `StoppedMatrix`; `vector`, `dot`, `norm2`,
`stop_gradient`, `release`.

Scalars are SymPy `Expr`, vectors are columns (`MatrixExpr` of shape n x 1) whose n may be a symbol: whatever is derived
holds for every dimension. Every class here is closed under SymPy's own rebuilding, `node.func(*node.args) == node`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import sympy as sp
from sympy import Basic, Expr, MatrixExpr, MatrixSymbol, S, ZeroMatrix
from sympy.core.symbol import Str

from bilevel.language.algebra import Dot, Node, expression, is_column, is_scalar, plus, product, scaled, transpose
from bilevel.language.errors import GameError
from bilevel.language.names import CONSTANT_NAMES, FUNCTION_NAMES, check_name

Dimension: TypeAlias = int | str | Expr


def checked_name(name: str) -> str:
    """The name, if it is safe to print as code and as LaTeX; a policy may be called pi, which text means otherwise."""
    return name if name in (*CONSTANT_NAMES, *FUNCTION_NAMES) else check_name(name)


def dimension(dim: Dimension) -> Expr:
    """A dimension as SymPy: a positive integer, or a positive integer symbol named by a string."""
    if isinstance(dim, str):
        return sp.Symbol(checked_name(dim), integer=True, positive=True)
    value = sp.Integer(dim) if isinstance(dim, int) and not isinstance(dim, bool) else dim
    if (
        not isinstance(value, Expr)
        or value.is_integer is False
        or value.is_positive is False
        or isinstance(value, sp.Float)
    ):
        raise GameError(f"a dimension is a positive integer, a name or a SymPy symbol; got {dim!r}")
    return value


class Vector(MatrixSymbol):
    """Column vector symbol of shape (dim, 1)."""

    column = True

    def __new__(cls, name: Any, dim: Any, columns: Any = 1) -> Any:
        return MatrixSymbol.__new__(cls, name, dim, columns)


class RandomVector(Node, MatrixSymbol):
    """Vector-valued random variable: a name and the law it is drawn from; args (name, dim, 1, law)."""

    column = True

    def __new__(cls, name: Any, dim: Any, columns: Any, law: Any) -> Any:
        return Basic.__new__(cls, Str(name) if isinstance(name, str) else name, law.dim, S.One, law)

    @property
    def law(self) -> Any:
        """The law it is drawn from."""
        return self.args[3]


class RandomScalar(Node, Expr):
    """Scalar random variable: args (name, law)."""

    is_commutative = True
    is_real = True
    _diff_wrt = True

    def __new__(cls, name: Any, law: Any) -> Any:
        return Expr.__new__(cls, Str(name) if isinstance(name, str) else name, law)

    @property
    def name(self) -> str:
        """Its name."""
        return self.args[0].name

    @property
    def law(self) -> Any:
        """The law it is drawn from."""
        return self.args[1]

    @property
    def free_symbols(self) -> set[Basic]:
        """Itself, as for a matrix symbol."""
        return {self}

    def _sympystr(self, printer: Any) -> str:
        return self.name

    def _latex(self, printer: Any) -> str:
        return printer._print(sp.Symbol(self.name))


class Stopped(Node, Expr):
    """A scalar whose derivative is taken to be zero; its value is its argument."""

    is_commutative = True

    def __new__(cls, value: Any) -> Any:
        value = expression(value)
        return value if isinstance(value, cls) or value.is_number else Expr.__new__(cls, value)

    def _eval_derivative(self, symbol: Any) -> Any:
        return S.Zero

    def _eval_is_real(self) -> bool | None:
        return self.args[0].is_real

    def _eval_is_positive(self) -> bool | None:
        return self.args[0].is_positive

    def _sympystr(self, printer: Any) -> str:
        return f"sg({printer._print(self.args[0])})"

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{sg}}\left({printer._print(self.args[0])}\right)"


class StoppedMatrix(Node, MatrixExpr):
    """A vector or matrix whose derivative is taken to be zero; its value is its argument."""

    def __new__(cls, value: Any) -> Any:
        return value if isinstance(value, (cls, ZeroMatrix)) else Basic.__new__(cls, value)

    @property
    def shape(self) -> tuple[Expr, Expr]:
        """Shape of the value."""
        return self.args[0].shape

    @property
    def column(self) -> bool:
        """True if the value is a column."""
        return is_column(self.args[0])

    def transposed(self) -> MatrixExpr:
        """Its transpose; for a matrix the stop stands outside."""
        return sp.Transpose(self) if self.column else StoppedMatrix(transpose(self.args[0]))

    def _sympystr(self, printer: Any) -> str:
        return f"sg({printer._print(self.args[0])})"

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{sg}}\left({printer._print(self.args[0])}\right)"


def vector(name: str, dim: Dimension) -> Vector:
    """Column vector symbol of the given dimension, a number or a name for an unspecified one.

    Math: an element of R^dim; two vectors are equal when name and dimension are.
    Shapes: (dim, 1).
    Raises: GameError for an unsafe name or an impossible dimension.
    Reference: plain linear algebra.
    Examples:
        >>> theta = vector("theta", "p")
        >>> theta.shape
        (p, 1)
    """
    return Vector(checked_name(name), dimension(dim))


def dot(left: MatrixExpr, right: MatrixExpr) -> Expr:
    """Inner product of two column vectors, a scalar.

    Math: <u, w> = u^T w; bilinear and symmetric, so sums and coefficients are taken out and the order is fixed.
    Shapes: two (n, 1) columns give a scalar.
    Raises: GameError if the arguments are no columns of one dimension.
    Reference: plain linear algebra.
    Examples:
        >>> u, w = vector("u", "n"), vector("w", "n")
        >>> dot(2*u, w) == 2*dot(w, u)
        True
    """
    return Dot(left, right)


def norm2(value: MatrixExpr) -> Expr:
    """Squared Euclidean norm of a column vector.

    Math: |u|^2 = <u, u>.
    Raises: GameError if the argument is no column.
    Reference: plain linear algebra.
    Examples:
        >>> norm2(vector("u", "n"))
        |u|^2
    """
    return Dot(value, value)


def stop_gradient(value: Any) -> Expr:
    """The same value, held constant by every derivative.

    Math: sg(x) = x and d sg(x) = 0; `release` takes the marks away.
    Shapes: as the argument.
    Raises: GameError if the argument is no expression.
    Reference: van den Oord, Vinyals, Kavukcuoglu (2017), arXiv 1711.00937 (the operator sg).
    Examples:
        >>> stop_gradient(vector("theta", "p"))
        sg(theta)
    """
    value = expression(value)
    if not isinstance(value, Expr):
        raise GameError(f"stop_gradient takes a scalar or a vector expression; got {value!r}")
    return Stopped(value) if is_scalar(value) else StoppedMatrix(value)


def release(expr: Any) -> Any:
    """The expression with every stop_gradient taken away: equal in value, no longer in derivative.

    Math: sg(x) -> x everywhere.
    Reference: see `stop_gradient`.
    Examples:
        >>> release(stop_gradient(vector("theta", "p")))
        theta
    """
    if isinstance(expr, (Stopped, StoppedMatrix)):
        return release(expr.args[0])
    if not isinstance(expr, Basic) or not expr.has(Stopped, StoppedMatrix):
        return expr
    return rebuilt(expr, [release(arg) for arg in expr.args])


def rebuilt(expr: Any, args: list[Any]) -> Any:
    """The same node with other arguments, sums and products of matrices through our own constructors."""
    if all(new is old for new, old in zip(args, expr.args)) and len(args) == len(expr.args):
        return expr
    if isinstance(expr, sp.MatAdd):
        return plus(*args)
    if isinstance(expr, sp.MatMul):
        return product(*args)
    if isinstance(expr, sp.Transpose):
        return transpose(args[0])
    return expr.func(*args)


def zero_like(expr: Any) -> Expr:
    """Zero of the same shape."""
    return S.Zero if is_scalar(expr) else ZeroMatrix(*expr.shape)


def scale(coefficient: Expr, expr: Expr) -> Expr:
    """coefficient * expr for a scalar or a matrix."""
    return coefficient * expr if is_scalar(expr) else scaled(coefficient, expr)
