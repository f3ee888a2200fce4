"""What is chosen when a model-level expression is taken to coordinates: dimensions, networks, laws, names.

Main definitions: `Instance`, `Outcomes`, `PendingExpectation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from bilevel.language import laws
from bilevel.language.errors import GameError
from bilevel.language.values import expression


@dataclass(frozen=True)
class Instance:
    """A choice of dimensions, networks, laws and component names.

    Math: dims["p"] = 2 makes theta in R^p the pair (theta_1, theta_2); networks["D"] takes a list of components per
    vector argument (and an expression per scalar argument) and gives an expression, or a list for vector values;
    laws["p_data"] is a law, a pair (values, probabilities), or for densities with parameters a function of those
    parameters giving one of both. `vectors` may name or fix components, `scalars` may fix symbols.
    Reference: bilevel.language.instantiate.
    Examples:
        >>> Instance(dims={"p": 2}).size(sp.Symbol("p", integer=True, positive=True) + 1)
        3
    """

    dims: Mapping[str, int] = field(default_factory=dict)
    networks: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    laws: Mapping[str, Any] = field(default_factory=dict)
    vectors: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    scalars: Mapping[str, Any] = field(default_factory=dict)

    def size(self, dimension: Any) -> int:
        """A dimension as a number."""
        value = sp.sympify(dimension, strict=True)
        value = value.xreplace({s: sp.Integer(self.dims[s.name]) for s in value.free_symbols if s.name in self.dims})
        if not value.is_Integer:
            raise GameError(f"the instance says nothing of the dimension {dimension}; add dims={{'{dimension}': 2}}")
        return int(value)

    def network(self, name: str) -> Callable[..., Any]:
        """The function a network stands for."""
        if name not in self.networks:
            raise GameError(f"the instance has no network {name!r}; add networks={{'{name}': lambda ...: ...}}")
        return self.networks[name]

    def components(self, name: str, size: int) -> sp.ImmutableMatrix:
        """The column that a vector stands for: named, fixed, or theta_1, theta_2, ..."""
        given = self.vectors.get(name)
        if given is None:
            given = [sp.Symbol(name if size == 1 else f"{name}_{k + 1}", real=True) for k in range(size)]
        if len(given) != size:
            raise GameError(f"{name} has dimension {size}, but {len(given)} components were given")
        return sp.ImmutableMatrix(size, 1, list(given))


@dataclass(frozen=True)
class Outcomes:
    """A law with finitely many values: columns or scalars, with their probabilities."""

    values: tuple[Any, ...]
    probabilities: tuple[Any, ...]


def as_law(given: Any, size: int | None, name: str) -> Any:
    """A law of the instance: `Outcomes`, or a normal or uniform law of the language."""
    if isinstance(given, Outcomes):
        return given
    if isinstance(given, laws.Law):
        if given.atoms_of is None:
            return given
        values, weights = zip(*given.atoms_of, strict=True)
        return Outcomes(tuple(column(v, size) for v in values), weights)
    try:
        values, weights = given
    except (TypeError, ValueError):
        raise GameError(
            f"the law of {name} is a law such as normal(0, 1), or a pair (values, probabilities); got {given!r}"
        ) from None
    return Outcomes(tuple(column(v, size) for v in values), tuple(expression(w, "a probability") for w in weights))


def column(value: Any, size: int | None) -> Any:
    """A scalar, or a column of the given size from a matrix, a list, or a number."""
    if size is None:
        return expression(value)
    if isinstance(value, sp.MatrixBase):
        return sp.ImmutableMatrix(value)
    entries = list(value) if isinstance(value, (list, tuple, sp.Tuple)) else [value]
    if len(entries) != size:
        raise GameError(f"a value of dimension {size} was expected; got {value!r}")
    return sp.ImmutableMatrix(size, 1, [expression(e) for e in entries])


class PendingExpectation(sp.Expr):
    """An expectation at the coordinate level without closed form: args (body, (symbol, law), ...).

    Math: E[body] over independent scalar symbols, standard normal or uniform on [0, 1]; to be integrated numerically.
    Reference: bilevel.language.moments, for those with a closed form.
    Examples:
        >>> x, t = sp.symbols("x t", real=True)
        >>> PendingExpectation(sp.log(1 + sp.exp(t*x)), (x, laws.normal(0, 1))).diff(t).free_symbols
        {t}
    """

    is_commutative = True
    is_real = True
    binds_symbols = True

    def __new__(cls, body: Any, *drawn: Any) -> Any:
        return sp.Expr.__new__(cls, sp.sympify(body, strict=True), *(sp.Tuple(*pair) for pair in drawn))

    @property
    def body(self) -> Any:
        """What is averaged."""
        return self.args[0]

    @property
    def drawn(self) -> tuple[tuple[Any, Any], ...]:
        """(symbol, law) pairs."""
        return tuple((pair[0], pair[1]) for pair in self.args[1:])

    @property
    def free_symbols(self) -> set[Any]:
        """Symbols that stand free in it."""
        return self.body.free_symbols - {symbol for symbol, _ in self.drawn}

    def _eval_derivative(self, symbol: Any) -> Any:
        slope = self.body.diff(symbol)
        return sp.S.Zero if slope == 0 else PendingExpectation(slope, *self.drawn)

    def _eval_subs(self, old: Any, new: Any) -> Any:
        if getattr(old, "free_symbols", set()) & {symbol for symbol, _ in self.drawn}:
            return self  # it speaks of another variable of that name
        return PendingExpectation(self.body._subs(old, new), *self.drawn)

    def _xreplace(self, rule: Any) -> tuple[Any, bool]:
        if self in rule or not hasattr(rule, "items"):
            return super()._xreplace(rule)
        bound = {symbol for symbol, _ in self.drawn}
        inner = {old: new for old, new in rule.items() if not getattr(old, "free_symbols", set()) & bound}
        body, changed = self.body._xreplace(inner)
        return (PendingExpectation(body, *self.drawn), True) if changed else (self, False)

    def _sympystr(self, printer: Any) -> str:
        return f"E_{{{', '.join(str(s) for s, _ in self.drawn)}}}[{printer._print(self.body)}]"
