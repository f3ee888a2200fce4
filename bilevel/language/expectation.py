"""Expectations, plain and conditional, as binders: the random variables they name are bound inside.

Main definitions: `Expectation`, `ExpectationMatrix`, `Conditional`, `ConditionalMatrix`; `E`.

`E(f, s, a)` draws s first, then a, whose law may mention s. A conditional expectation on an event drawn together with
the variables, E[f | g = at], keeps g (bound inside) and the place `at` where it is read (free).
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import Basic, Expr, MatrixExpr, Tuple, ZeroMatrix

from bilevel.language.algebra import expression, is_column, is_scalar, transpose
from bilevel.language.errors import GameError
from bilevel.language.latex import plain
from bilevel.language.nodes import Node, RandomScalar, RandomVector
from bilevel.language.scope import free_variables


class _Average(Node):
    """What scalar and matrix expectations share: args (body, *variables)."""

    __slots__ = ()
    args: tuple[Any, ...]
    loose = True

    @property
    def body(self) -> Any:
        """What is averaged."""
        return self.args[0]

    @property
    def variables(self) -> tuple[Any, ...]:
        """The random variables bound, in the order drawn."""
        return self.args[1:]

    @property
    def scope(self) -> tuple[Any, ...]:
        """What is bound, what stands inside, what outside (see `scope`)."""
        return (self.variables, (self.body,), ())

    def _sympystr(self, printer: Any) -> str:
        return f"E_{_names(self.variables, printer)}[{plain(self.body)}]"

    def _latex(self, printer: Any) -> str:
        drawn = ", ".join(map(getattr(printer, "drawn", printer._print), self.variables))
        return rf"\mathbb{{E}}_{{{drawn}}}\left[{printer._print(self.body)}\right]"


class Expectation(_Average, Expr):
    """Expectation of a scalar: args (body, *variables)."""

    is_commutative = True
    is_real = True

    def __new__(cls, body: Any, *variables: Any) -> Any:
        return body if body == 0 else Expr.__new__(cls, body, *_checked(variables))

    def _eval_is_positive(self) -> bool | None:
        return True if self.body.is_positive else None


class ExpectationMatrix(_Average, MatrixExpr):
    """Expectation of a vector or a matrix: args (body, *variables)."""

    def __new__(cls, body: Any, *variables: Any) -> Any:
        return body if isinstance(body, ZeroMatrix) else Basic.__new__(cls, body, *_checked(variables))

    @property
    def shape(self) -> tuple[Expr, Expr]:
        """Shape of the body."""
        return self.body.shape

    @property
    def column(self) -> bool:
        """True if the body is a column."""
        return is_column(self.body)

    def transposed(self) -> MatrixExpr:
        """Its transpose: of a matrix, taken inside."""
        return sp.Transpose(self) if self.column else ExpectationMatrix(transpose(self.body), *self.variables)


class _GivenAverage(Node):
    """What conditional expectations share: args (body, Tuple of variables, event, at)."""

    __slots__ = ()
    args: tuple[Any, ...]
    loose = True

    @property
    def body(self) -> Any:
        """What is averaged."""
        return self.args[0]

    @property
    def variables(self) -> tuple[Any, ...]:
        """The random variables bound, in body and event."""
        return tuple(self.args[1])

    @property
    def event(self) -> Any:
        """The observed expression, as a function of the bound variables."""
        return self.args[2]

    @property
    def at(self) -> Any:
        """The value at which the observation is read; free."""
        return self.args[3]

    @property
    def scope(self) -> tuple[Any, ...]:
        """What is bound, what stands inside, what outside (see `scope`)."""
        return (self.variables, (self.body, self.event), (self.at,))

    def _sympystr(self, printer: Any) -> str:
        given = plain(self.at)
        if self.event != self.at:
            given = f"{plain(self.event)} = {given}"
        return f"E_{_names(self.variables, printer)}[{plain(self.body)} | {given}]"

    def _latex(self, printer: Any) -> str:
        given = printer._print(self.at)
        if self.event != self.at:
            given = f"{printer._print(self.event)} = {given}"
        drawn = ", ".join(map(getattr(printer, "drawn", printer._print), self.variables))
        return rf"\mathbb{{E}}_{{{drawn}}}\left[{printer._print(self.body)} \mid {given}\right]"


class Conditional(_GivenAverage, Expr):
    """Conditional expectation of a scalar, E[body | event = at]: args (body, Tuple of variables, event, at)."""

    is_commutative = True
    is_real = True

    def __new__(cls, body: Any, variables: Any, event: Any, at: Any) -> Any:
        return body if body.is_number else Expr.__new__(cls, body, Tuple(*_checked(variables)), event, at)

    def _eval_is_positive(self) -> bool | None:
        return True if self.body.is_positive else None


class ConditionalMatrix(_GivenAverage, MatrixExpr):
    """Conditional expectation of a vector or a matrix: args (body, Tuple of variables, event, at)."""

    def __new__(cls, body: Any, variables: Any, event: Any, at: Any) -> Any:
        return (
            body if isinstance(body, ZeroMatrix) else Basic.__new__(cls, body, Tuple(*_checked(variables)), event, at)
        )

    @property
    def shape(self) -> tuple[Expr, Expr]:
        """Shape of the body."""
        return self.body.shape

    @property
    def column(self) -> bool:
        """True if the body is a column."""
        return is_column(self.body)

    def transposed(self) -> MatrixExpr:
        """Its transpose: of a matrix, taken inside."""
        return sp.Transpose(self) if self.column else ConditionalMatrix(transpose(self.body), *self.args[1:])


def E(expr: Any, *variables: Any, given: Any = None) -> Expr:
    """Expectation of a scalar, vector or matrix over random variables, optionally given an observation of them.

    Math: E_{x ~ law}[expr]; with several variables the later laws may depend on the earlier variables. With `given=g`
    the result is the random variable E[expr | g], read at the value that g takes where it stands.
    Shapes: as the expression.
    Raises: GameError if something that is no random variable is averaged over.
    Reference: standard.
    Examples:
        >>> from bilevel.language.laws import normal, random
        >>> from bilevel.language.networks import network
        >>> z = random("z", normal("m"))
        >>> E(network("D")(z), z)
        E_z[D(z)]
    """
    body = expression(expr)
    if not isinstance(body, Expr):
        raise GameError(f"E averages scalar and matrix expressions; got {expr!r}")
    if not variables:
        return body
    if given is not None:
        kind = Conditional if is_scalar(body) else ConditionalMatrix
        return kind(body, variables, expression(given), expression(given))
    return (Expectation if is_scalar(body) else ExpectationMatrix)(body, *variables)


def _checked(variables: Any) -> tuple[Any, ...]:
    for variable in variables:
        if not isinstance(variable, (RandomVector, RandomScalar)):
            raise GameError(
                f"an expectation averages over random variables, made with random(name, law); got {variable!r}"
            )
    if len(set(variables)) != len(tuple(variables)):
        raise GameError(f"an expectation names each variable once; got {list(variables)}")
    for place, variable in enumerate(variables):
        late = free_variables(variable.law) & frozenset(variables[place:])
        if late:
            raise GameError(f"the law of {variable} depends on {next(iter(late))}, which must be named before it")
    return tuple(variables)


def _names(variables: tuple[Any, ...], printer: Any) -> str:
    names = ", ".join(map(printer._print, variables))
    return names if len(variables) == 1 else f"{{{names}}}"
