"""The kinds of laws, compared by structure, and the log-density node.

Main definitions: `Law` and its kinds `Normal`, `Bernoulli`, `Uniform`, `Categorical`, `Finite`, `Data`, `Density`,
`Pushforward`; `LogDensity`. The functions that build and check them are in `laws`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy import Basic, Expr, S, ZeroMatrix
from sympy.printing.precedence import PRECEDENCE

from bilevel.language.algebra import Dot, Node, is_scalar, plus
from bilevel.language.nodes import scale

Show = Callable[[Any], str]


class Law(Basic):
    """A probability law. Two laws are equal when kind and parameters are."""

    @property
    def dim(self) -> Expr | None:
        """Dimension of the vectors drawn, None for scalars."""
        return None

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The expressions the law depends on."""
        return self.args

    @property
    def atoms_of(self) -> tuple[tuple[Expr, Expr], ...] | None:
        """(value, probability) pairs of a finite law, else None."""
        return None

    @property
    def scope(self) -> tuple[Any, ...]:
        """Nothing is bound; the parameters stand outside (see `scope`)."""
        return ((), (), self.parameters)

    def log_density(self, value: Expr) -> Expr | None:
        """Logarithm of the density at a value, None if there is none to speak of."""
        return None

    def sign(self, show: Show) -> str:
        """How papers write the law in LaTeX; `show` prints an expression."""
        return rf"\operatorname{{{type(self).__name__}}}({', '.join(map(show, self.parameters))})"


class Normal(Law):
    """Normal law: args (mean, variance); a vector mean has covariance variance * I."""

    @property
    def dim(self) -> Expr | None:
        """Dimension of the mean, None for a scalar."""
        return None if is_scalar(self.args[0]) else self.args[0].shape[0]

    def log_density(self, value: Expr) -> Expr:
        """-|x - mean|^2 / (2 variance) - (n/2) log(2 pi variance)."""
        mean, variance = self.args
        if self.dim is None:
            return -((value - mean) ** 2) / (2 * variance) - sp.log(2 * sp.pi * variance) / 2
        apart = plus(value, scale(S.NegativeOne, mean))
        return -Dot(apart, apart) / (2 * variance) - self.dim * sp.log(2 * sp.pi * variance) / 2

    def sign(self, show: Show) -> str:
        """N(mean, variance), the covariance as a multiple of I."""
        mean, variance = self.args
        centre = "0" if isinstance(mean, ZeroMatrix) else show(mean)
        spread = show(variance) if self.dim is None else "I" if variance == S.One else f"{show(variance)} I"
        return rf"\mathcal{{N}}({centre}, {spread})"


class Uniform(Law):
    """Uniform law on an interval: args (lower, upper)."""

    def log_density(self, value: Expr) -> Expr:
        """-log(upper - lower), inside the interval."""
        return -sp.log(self.args[1] - self.args[0])


class Finite(Law):
    """Finitely many values: args (Tuple of values, Tuple of probabilities)."""

    @property
    def dim(self) -> Expr | None:
        """Dimension of the values, None for scalars."""
        first = self.args[0][0]
        return None if is_scalar(first) else first.shape[0]

    @property
    def atoms_of(self) -> tuple[tuple[Expr, Expr], ...]:
        """The (value, probability) pairs."""
        return tuple(zip(self.args[0], self.args[1]))

    def sign(self, show: Show) -> str:
        """{value: probability, ...}."""
        return rf"\{{{', '.join(f'{show(value)}: {show(weight)}' for value, weight in self.atoms_of)}\}}"


class Bernoulli(Law):
    """The coin: 1 with probability p, else 0; args (p,)."""

    @property
    def atoms_of(self) -> tuple[tuple[Expr, Expr], ...]:
        """The (value, probability) pairs."""
        return ((S.One, self.args[0]), (S.Zero, 1 - self.args[0]))

    def log_density(self, value: Expr) -> Expr:
        """y log p + (1 - y) log(1 - p) at y in {0, 1}."""
        return value * sp.log(self.args[0]) + (1 - value) * sp.log(1 - self.args[0])


class Categorical(Law):
    """The values 0, 1, ..., k - 1 with given probabilities; args: the probabilities."""

    @property
    def atoms_of(self) -> tuple[tuple[Expr, Expr], ...]:
        """The (value, probability) pairs."""
        return tuple((sp.Integer(i), p) for i, p in enumerate(self.args))


class Data(Law):
    """The law of the data, without parameters: args (name,) or (name, dim)."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.args[0].name

    @property
    def dim(self) -> Expr | None:
        """Dimension of the data, None for scalars."""
        return self.args[1] if len(self.args) > 1 else None

    @property
    def parameters(self) -> tuple[Any, ...]:
        """None."""
        return ()

    def log_density(self, value: Expr) -> Expr:
        """The node log p(x)."""
        return LogDensity(self, value)

    def sign(self, show: Show) -> str:
        """The name."""
        return show(sp.Symbol(self.name))


class Density(Law):
    """A density of unspecified form, smooth and positive: args (name, Tuple() or Tuple(dim), *parameters)."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.args[0].name

    @property
    def dim(self) -> Expr | None:
        """Dimension of the vectors drawn, None for scalars."""
        return self.args[1][0] if self.args[1] else None

    @property
    def parameters(self) -> tuple[Any, ...]:
        """What it depends on: conditioning variables and parameters."""
        return self.args[2:]

    def log_density(self, value: Expr) -> Expr:
        """The node log p(x; parameters)."""
        return LogDensity(self, value)

    def sign(self, show: Show) -> str:
        """pi(. | parameters)."""
        name, given = show(sp.Symbol(self.name)), ", ".join(map(show, self.parameters))
        return rf"{name}(\cdot \mid {given})" if given else name


class Pushforward(Law):
    """The law of an expression of random variables: args (value, *variables)."""

    @property
    def dim(self) -> Expr | None:
        """Dimension of the value, None for a scalar."""
        return None if is_scalar(self.args[0]) else self.args[0].shape[0]

    @property
    def value(self) -> Expr:
        """The expression drawn."""
        return self.args[0]

    @property
    def variables(self) -> tuple[Any, ...]:
        """The random variables it is made from, bound here."""
        return self.args[1:]

    @property
    def scope(self) -> tuple[Any, ...]:
        """What is bound, what stands inside, what outside (see `scope`)."""
        return (self.variables, (self.value,), ())

    def sign(self, show: Show) -> str:
        """The expression drawn."""
        return show(self.value)


class LogDensity(Node, Expr):
    """Logarithm of an unspecified density at a value: args (law, value). Its partials count (value, *parameters)."""

    is_commutative = True
    is_real = True
    output = None
    precedence = PRECEDENCE["Mul"]
    loose = True

    @property
    def law(self) -> Any:
        """The law."""
        return self.args[0]

    @property
    def arguments(self) -> tuple[Expr, ...]:
        """The value, then the law's parameters."""
        return (self.args[1], *self.law.parameters)

    def _called(self, printer: Any, name: str) -> str:
        value, *given = (printer._print(a) for a in self.arguments)
        return f"{name}({value}; {', '.join(given)})" if given else f"{name}({value})"

    def _sympystr(self, printer: Any) -> str:
        return f"log {self._called(printer, self.law.name)}"

    def _latex(self, printer: Any) -> str:
        return rf"\log {self._called(printer, printer._print(sp.Symbol(self.law.name)))}"
