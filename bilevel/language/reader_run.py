"""Runs the postfix steps of a text: values on a stack, sums and products gathered before they are built.

Main definitions: `Reading`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from bilevel.language.errors import GameError, ReadError
from bilevel.language.names import nearest
from bilevel.language.reader_build import FUNCTIONS, TRUTH, Builder
from bilevel.language.reader_grammar import COMPARISONS, Step
from bilevel.language.tokens import Budget, Token, refuse

__all__ = ["Reading"]


@dataclass(slots=True)
class _Open:
    """A sum, product, comparison chain, `and` or `or` that still gathers parts, so that long ones are built at once."""

    kind: str
    token: Token
    parts: list[Any] = field(default_factory=list)
    bracketed: bool = False


class Reading:
    """Runs postfix steps on a stack of values; each entry is (value or _Open, token it began with)."""

    def __init__(self, names: Mapping[str, Any], functions: Mapping[str, Any], builder: Builder) -> None:
        self.names, self.functions, self.builder = names, functions, builder
        self.stack: list[tuple[Any, Token]] = []

    def run(self, steps: list[Step]) -> Any:
        try:
            for step in steps:
                getattr(self, step.kind)(step)
            return self.settled(self.stack.pop())
        except RecursionError:
            raise ReadError("the expression is nested too deeply; name a part of it and write it apart") from None

    # --- steps ---------------------------------------------------------------------------------------------------
    def number(self, step: Step) -> None:
        self.stack.append((_exact(step.token, self.builder.budget), step.token))

    def name(self, step: Step) -> None:
        name, token = step.token.text, step.token
        if name in TRUTH:
            value: Any = TRUTH[name]
        elif name in self.names:
            value = self.names[name]
            if isinstance(value, (int, Fraction)) and not isinstance(value, bool):
                value = sp.Rational(value.numerator, value.denominator)
            if not isinstance(value, (sp.Expr, Boolean)):
                raise GameError(f"the name {name!r} stands for a {type(value).__name__}; give a SymPy expression")
        elif name == "pi":
            value = sp.pi
        elif name == "I" and self.builder.imaginary:
            value = sp.I
        else:
            self.unknown(token)
        self.stack.append((value, token))

    def prefix(self, step: Step) -> None:
        entry = self.stack.pop()
        if step.token.text == "not":
            self.stack.append(
                (self.builder.attempt(sp.Not, [self.condition(entry, step.token)], step.token), step.token)
            )
        elif step.token.text == "-":
            self.stack.append((self.negated(entry, step.token), step.token))
        else:
            self.stack.append((self.scalar(entry, step.token), step.token))

    def infix(self, step: Step) -> None:
        right, left = self.stack.pop(), self.stack.pop()
        sign, token = step.token.text, step.token
        if sign == "^":
            value = self.builder.power(self.scalar(left, token), self.scalar(right, token), token)
        elif sign in ("+", "-"):
            term = self.negated(right, token) if sign == "-" else right[0]
            value = self.gather("sum", left, token, [self.scalar((term, right[1]), token)])
        elif sign in ("*", "/"):
            value = self.gather(
                "product", left, token, self.inverses(right, token) if sign == "/" else [self.scalar(right, token)]
            )
        elif sign in COMPARISONS:
            value = self.gather("comparison", left, token, [step.token, self.scalar(right, token)])
        else:
            value = self.gather(sign, left, token, [self.condition(right, token)])
        self.stack.append((value, left[1]))

    def close(self, step: Step) -> None:
        value, token = self.stack.pop()
        if isinstance(value, _Open) and value.kind == "product":
            value.bracketed = True
        else:
            value = self.settled((value, token))
        self.stack.append((value, token))

    def call(self, step: Step) -> None:
        name, token = step.token.text, step.token
        arguments = [self.scalar(entry, token) for entry in self.stack[-step.count :]]
        del self.stack[-step.count :]
        if name in self.functions:
            value = self.builder.apply(self.functions[name], name, arguments, token)
        elif name in FUNCTIONS:
            value = self.builder.call(name, arguments, token)
        elif name in self.names or name in ("pi", *TRUTH):
            refuse(f"{token.shown} is no function; write {name[:40]}*(...) for a product", token)
        else:
            self.unknown(token, called=True)
        self.stack.append((value, token))

    # --- gathering -----------------------------------------------------------------------------------------------
    def gather(self, kind: str, left: tuple[Any, Token], token: Token, parts: list[Any]) -> _Open:
        """Append parts to the open node on the left, or open one."""
        value = left[0]
        if not (isinstance(value, _Open) and value.kind == kind and not value.bracketed):
            first = self.condition(left, token) if kind in ("and", "or") else self.scalar(left, token)
            value = _Open(kind, token, [first])
        value.parts.extend(parts)
        return value

    def negated(self, entry: tuple[Any, Token], token: Token) -> Any:
        """Minus an entry; a product stays open, so that -(a + b)*(c + d) is not multiplied out."""
        value = entry[0]
        if isinstance(value, _Open) and value.kind == "product" and not value.bracketed:
            return _Open("product", value.token, [sp.S.NegativeOne, *value.parts])
        return _Open("product", token, [sp.S.NegativeOne, self.scalar(entry, token)])

    def inverses(self, entry: tuple[Any, Token], token: Token) -> list[Any]:
        """Factors of 1/entry: dividing by a product in brackets divides by each of its factors."""
        value = entry[0]
        parts = value.parts if isinstance(value, _Open) and value.kind == "product" else [self.scalar(entry, token)]
        return [self.builder.power(part, sp.S.NegativeOne, token) for part in parts]

    def settled(self, entry: tuple[Any, Token]) -> Any:
        """The finished value of an entry."""
        value = entry[0]
        if not isinstance(value, _Open):
            return value
        if value.kind == "sum":
            return self.builder.add(value.parts, value.token)
        if value.kind == "product":
            return self.builder.multiply(value.parts, value.token)
        if value.kind == "comparison":
            left, pairs = value.parts[0], list(zip(value.parts[1::2], value.parts[2::2]))
            links = []
            for sign, right in pairs:
                links.append(self.builder.compare(sign.text, left, right, sign))
                left = right
            return links[0] if len(links) == 1 else self.builder.attempt(sp.And, links, value.token)
        return self.builder.attempt(sp.And if value.kind == "and" else sp.Or, value.parts, value.token)

    def scalar(self, entry: tuple[Any, Token], token: Token) -> Any:
        """The finished value, which must be a number."""
        value = self.settled(entry)
        if isinstance(value, Boolean) and not isinstance(value, sp.Symbol):
            refuse(
                f"{token.shown} needs numbers, but {entry[1].shown} begins a condition; join them with and, or, not",
                token,
            )
        return value

    def condition(self, entry: tuple[Any, Token], token: Token) -> Any:
        """The finished value, which must be a condition."""
        value = self.settled(entry)
        if not isinstance(value, Boolean) or isinstance(value, sp.Symbol):
            refuse(
                f"{token.shown} joins conditions, but {entry[1].shown} begins a number; write a comparison, as x > 0",
                token,
            )
        return value

    def unknown(self, token: Token, called: bool = False) -> None:
        """Refuse a name that means nothing here, with the nearest that does."""
        name = token.text
        if name == "E":
            refuse(
                "E(...) averages over [random] variables and stands in losses only; write exp(1) for Euler's number",
                token,
            )
        if name == "I":
            refuse(
                "I is the imaginary unit and stands in eigenvalues only; rename the parameter, for example I0", token
            )
        if name in FUNCTIONS or name in self.functions:
            refuse(f"the function {name} needs its argument; write for example {name}(x)", token)
        known = [*FUNCTIONS, *self.functions] if called else [*self.names, "pi"]
        close = nearest(name, known)
        advice = (
            f"did you mean {close}?"
            if close
            else "declare it under [functions]"
            if called
            else "declare it under [parameters]"
        )
        refuse(f"the {'function' if called else 'name'} {token.shown} is not known; {advice}", token)


def _exact(token: Token, budget: Budget) -> sp.Rational:
    """A literal as an exact rational."""
    mantissa, _, exponent = token.text.lower().partition("e")
    whole, _, decimals = mantissa.partition(".")
    if len(whole) + len(decimals) > budget.digits or len(exponent) > 10 or abs(int(exponent or 0)) > budget.digits:
        refuse(f"the number {token.shown} has more than {budget.digits} digits; round it or use a parameter", token)
    shift = int(exponent or 0) - len(decimals)
    digits = int((whole + decimals) or 0)
    return sp.Integer(digits * 10**shift) if shift >= 0 else sp.Rational(digits, 10**-shift)
