"""How the reader of nodes draws random variables: the laws, put in standard form, and the expectations over them.

Main definitions: `Averaging` (the part of the reader that takes expectations), `Shaped`, `Assigned`.

Finite laws put their outcomes into the environment, pushforwards the expression of their base variables, normal and
uniform laws mean + sqrt(variance) * standard and lower + width * standard.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import sympy as sp

from bilevel.language.errors import UnknownAnswer
from bilevel.language.laws import Data, Density, Law, Normal, Pushforward, Uniform
from bilevel.language.normal_atom import Atom
from bilevel.language.normal_block import Binder
from bilevel.language.normal_expect import Expecter
from bilevel.language.normal_functions import power
from bilevel.language.normal_ratio import Ratio
from bilevel.language.normal_tensor import Tensor, total

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


class Averaging:
    """Expectations and laws; the rest of the reader gives `scalar`, `argument`, `read_in` and `dimension`."""

    expecter: Expecter
    values: bool
    note: Any
    scalar: Any
    argument: Any
    read_in: Any
    dimension: Any

    def average(self, body: Any, variables: Sequence[Any], env: Environment) -> Shaped:
        """Expectation of a body over variables in the order drawn."""
        return self._drawn(body, tuple(variables), dict(env), (), Ratio.number(1))

    def _drawn(
        self, body: Any, variables: tuple[Any, ...], env: Environment, binders: tuple[Binder, ...], weight: Ratio
    ) -> Shaped:
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
            return Shaped(
                total(parts[0].tensor.rank, (p for part in parts for p in part.tensor.terms.items())),
                parts[0].rows,
                parts[0].columns,
            )
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
            swap[base] = moved.func(
                f"{base.name}~{next(self.expecter.fresh_names)[1:]}", *moved.args[1:]
            )  # no user name holds ~
        return tuple(swap.values()), law.value.xreplace(swap)

    def _bound(self, variable: Any, env: Environment) -> tuple[Any, Binder]:
        """What stands for a variable, and the binder of its standard form."""
        law, name = variable.law, next(self.expecter.fresh_names)
        rank = 0 if law.dim is None else 1
        standard = Atom(
            "random",
            name=name,
            rank=rank,
            range="probability" if isinstance(law, Uniform) else "real",
            payload=variable,
        )
        plain: Any = Ratio.of(standard) if rank == 0 else Tensor.factor(standard)
        if isinstance(law, Uniform):
            lower, upper = (self.scalar(end, env) for end in law.args)
            return lower + (upper - lower) * plain, Binder(
                standard, Atom("law", name="uniform", payload=Uniform(sp.S.Zero, sp.S.One))
            )
        if isinstance(law, Normal) and (self.values or not law.free_symbols - {law.dim}):
            spread = power(self.scalar(law.args[1], env), Ratio.number(Fraction(1, 2)))
            mean, zero = self.argument(law.args[0], env), sp.S.Zero if rank == 0 else sp.ZeroMatrix(law.dim, 1)
            return mean + (spread * plain if rank == 0 else plain.scaled(spread)), Binder(
                standard,
                Atom("law", (self.dimension(law.dim) if rank else "",), name="normal", payload=Normal(zero, sp.S.One)),
            )
        return plain, Binder(standard, self._law(law, env))

    def _law(self, law: Law, env: Environment) -> Atom:
        if isinstance(law, (Data, Density)):
            size = "" if law.dim is None else self.dimension(law.dim)
            parts = tuple(self.argument(p, env) for p in law.parameters)
            return Atom("law", parts, name=f"{type(law).__name__.lower()} {law.name} {size}", payload=law)
        if isinstance(law, Normal):  # moved by its score where stopped gradients count, so it is kept as it is
            parts = (self.argument(law.args[0], env), self.scalar(law.args[1], env))
            return Atom("law", parts, name="normal about", payload=law)
        if law.atoms_of is not None:
            parts = tuple(self.argument(part, env) for pair in law.atoms_of for part in pair)
            return Atom("law", parts, name="finite", payload=law)
        raise UnknownAnswer(
            f"the normal form does not know the law {law}", next_step="use a law of bilevel.language.laws"
        )

    def conditional(self, expr: Any, env: Environment) -> Shaped:
        """Conditional expectation: linear; factors free of the variables come out, nothing else is known of it."""
        inner, binders = dict(env), []
        for variable in expr.variables:
            if isinstance(variable.law, Pushforward):
                raise UnknownAnswer(
                    "conditioning on a pushforward is not unfolded", next_step="condition on its base variables"
                )
            inner[variable], binder = self._bound(variable, inner)
            binders.append(binder)
        body, event, at = self.read_in(expr.body, inner), self.argument(expr.event, inner), self.argument(expr.at, env)
        return Shaped(self.expecter.expect(tuple(binders), body.tensor, (event, at)), body.rows, body.columns)
