"""Networks of unspecified form, and networks applied to vectors and scalars.

Main definitions: `Network`, `Applied`, `AppliedVector`; `network`, `check_calls`. Their derivatives are in `partials`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy import Basic, Expr, MatrixExpr, S
from sympy.core.symbol import Str

from bilevel.language.algebra import Node, expression, is_column, is_scalar
from bilevel.language.errors import GameError
from bilevel.language.nodes import Dimension, checked_name, dimension
from bilevel.language.partials import OPEN, Partial, PartialMatrix, partial

__all__ = [
    "OPEN",
    "Applied",
    "AppliedVector",
    "Network",
    "Partial",
    "PartialMatrix",
    "check_calls",
    "network",
    "partial",
]

RANGES = ("real", "positive", "probability")


class Network(Basic):
    """A function of unspecified form: args (name, range) if scalar-valued, (name, range, out) if vector-valued."""

    def __new__(cls, name: Any, range: Any, *out: Any) -> Any:
        name, range = (Str(text) if isinstance(text, str) else text for text in (name, range))
        return Basic.__new__(cls, name, range, *out)

    @property
    def name(self) -> str:
        """Its name."""
        return self.args[0].name

    @property
    def range(self) -> str:
        """Where its values lie: real, positive, or probability (the open unit interval)."""
        return self.args[1].name

    @property
    def scope(self) -> tuple[Any, ...]:
        """A network by itself holds no expression (see `scope`)."""
        return ((), (), ())

    @property
    def out(self) -> Expr | None:
        """Dimension of a vector value; None if the value is a scalar."""
        return self.args[2] if len(self.args) > 2 else None

    def __call__(self, *arguments: Any) -> Expr:
        """The network applied to vectors and scalars."""
        taken = [expression(argument) for argument in arguments]
        for argument in taken:
            if not is_scalar(argument) and not is_column(argument):
                raise GameError(f"{self.name} is applied to scalars and column vectors; got {argument}")
        return (Applied if self.out is None else AppliedVector)(self, *taken)

    def _sympystr(self, printer: Any) -> str:
        return self.name


class _Call(Node):
    """What scalar- and vector-valued applied networks share: args (network, *arguments)."""

    __slots__ = ()
    args: tuple[Any, ...]

    @property
    def network(self) -> Network:
        """The network applied."""
        return self.args[0]

    @property
    def arguments(self) -> tuple[Expr, ...]:
        """What it is applied to."""
        return self.args[1:]

    @property
    def output(self) -> Expr | None:
        """Dimension of a vector value; None for a scalar."""
        return self.network.out

    def _sympystr(self, printer: Any) -> str:
        return f"{self.network.name}({', '.join(map(printer._print, self.arguments))})"

    def _latex(self, printer: Any) -> str:
        name = printer._print(sp.Symbol(self.network.name))
        return rf"{name}({', '.join(map(printer._print, self.arguments))})"


class Applied(_Call, Expr):
    """A scalar-valued network applied to its arguments."""

    is_commutative = True
    is_real = True

    def _eval_is_positive(self) -> bool | None:
        return True if self.network.range in ("positive", "probability") else None


class AppliedVector(_Call, MatrixExpr):
    """A vector-valued network applied to its arguments: a column of shape (out, 1)."""

    column = True

    @property
    def shape(self) -> tuple[Expr, Expr]:
        """(out, 1)."""
        return (self.network.out, S.One)


def network(name: str, out: Dimension = 1, range: str | None = None) -> Network:
    """A network of unspecified form, scalar-valued by default, vector-valued if `out` is a name or more than 1.

    Math: D: (x, phi) -> D(x, phi), smooth in every argument; `range` is "real", "positive" or "probability", (0, 1).
    Shapes: values are scalars, or columns of shape (out, 1).
    Raises: GameError for an unsafe name, an unknown range, or a range on a vector-valued network.
    Reference: Pfau, Vinyals (2016), arXiv 1610.01945.
    Examples:
        >>> from bilevel.language.nodes import vector
        >>> D = network("D", range="probability")
        >>> D(vector("w", "n"), vector("phi", "q"))
        D(w, phi)
    """
    size = dimension(out)
    if range is not None and range not in RANGES:
        raise GameError(f"the range of {name} is one of {', '.join(RANGES)}; got {range!r}")
    if size != 1 and range not in (None, "real"):
        raise GameError(f"a range other than real is for scalar-valued networks; {name} has values of dimension {size}")
    return Network(checked_name(name), range or "real", *([] if size == 1 else [size]))


def check_calls(expressions: Iterable[Basic]) -> None:
    """Check that every network is called with one number of arguments, of the same shapes each time."""
    seen: dict[str, tuple[Network, tuple[Any, ...], Any]] = {}
    for expr in expressions:
        for call in expr.atoms(Applied, AppliedVector):
            shapes = tuple(None if is_scalar(a) else a.shape[0] for a in call.arguments)
            net, known, first = seen.setdefault(call.network.name, (call.network, shapes, call))
            if (net, known) != (call.network, shapes):
                raise GameError(
                    f"{net.name} is called as {first} and as {call}: a network keeps the number and the sizes of its "
                    "arguments, its output and its range"
                )
