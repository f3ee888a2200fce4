"""Builds SymPy expressions from checked steps, and measures every result before it may grow.

Main definitions: `Builder`.

SymPy evaluates as it builds: `2^1000000000` is a number of a billion bits before anyone can look at it. So the size of
a numeric result is bounded from its operands first; what is out of budget is refused and never computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue

from bilevel.language.errors import ReadError
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.root_counts import COUNTS
from bilevel.language.tokens import Budget, Token, refuse

__all__ = ["FUNCTIONS", "TRUTH", "Builder"]

FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType({
    "sqrt": sp.sqrt, "exp": sp.exp, "log": sp.log, "abs": sp.Abs, "min": sp.Min, "max": sp.Max, "sin": sp.sin,
    "cos": sp.cos, "tan": sp.tan, "tanh": sp.tanh, "sigmoid": sigmoid, "softplus": softplus,
    "sinh": sp.sinh, "cosh": sp.cosh, "asin": sp.asin, "acos": sp.acos, "atan": sp.atan, "asinh": sp.asinh,
    "acosh": sp.acosh, "atanh": sp.atanh, "erf": sp.erf, "erfc": sp.erfc, "besselk": sp.besselk,
    "lambertw": sp.LambertW, "sign": sp.sign, "heaviside": sp.Heaviside,
    **{count.__name__: count for count in COUNTS},
})  # fmt: skip
TRUTH: Mapping[str, BooleanTrue | BooleanFalse] = MappingProxyType({"true": sp.true, "false": sp.false})
_MANY = ("min", "max", *(count.__name__ for count in COUNTS))
_COUNTS = MappingProxyType({"besselk": (2,), "lambertw": (1, 2)})  # of arguments; one elsewhere
_SINGULAR = (sp.zoo, sp.nan, sp.oo, -sp.oo)
_STUCK = (TypeError, ValueError, ArithmeticError, NotImplementedError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Size:
    """What an expression weighs.

    `bits` bounds the numbers in it, and those that its powers may still turn into; `largest` its rational numbers.
    """

    nodes: int = 1
    depth: int = 1
    bits: int = 0
    largest: int = 0
    imaginary: bool = False
    singular: bool = False


class Builder:
    """The operations of the grammar on SymPy values, each within the budget."""

    def __init__(self, budget: Budget, imaginary: bool) -> None:
        self.budget, self.imaginary = budget, imaginary
        self.sizes: dict[sp.Basic, Size] = {}

    # --- measuring -----------------------------------------------------------------------------------------------
    def size(self, value: sp.Basic) -> Size:
        """Weight of a value; parts that were weighed before are not walked again."""
        known = self.sizes.get(value)
        if known is None:
            if isinstance(value, sp.Rational):
                bits = sum(abs(part).bit_length() for part in (value.p, value.q) if abs(part) > 1)
                known = Size(bits=bits, largest=1 + abs(value.p) // value.q)
            elif not value.args:
                known = Size(imaginary=value is sp.I, singular=value in _SINGULAR)
            else:
                parts = [self.size(part) for part in value.args]
                bits = parts[0].bits * parts[1].largest if isinstance(value, sp.Pow) else 0
                known = Size(1 + sum(part.nodes for part in parts), 1 + max(part.depth for part in parts),
                             max(bits, *(part.bits for part in parts)), max(part.largest for part in parts),
                             any(part.imaginary for part in parts), any(part.singular for part in parts))  # fmt: skip
            self.sizes[value] = known
        return known

    def checked(self, value: Any, token: Token) -> Any:
        """The value, when it is finite, real unless I is allowed, and within the budget."""
        if not isinstance(value, (sp.Expr, Boolean)):
            kind = type(value).__name__
            refuse(f"{token.shown} gives a {kind}, not a number or a condition; check its definition", token)
        size = self.size(value)
        if size.singular:
            why = "a division by zero, or log(0)"
            refuse(f"{token.shown} has no finite value here ({why}); change what it is applied to", token)
        if size.imaginary and not self.imaginary:
            refuse(f"{token.shown} gives a number that is not real; restrict what it is applied to", token)
        if size.bits > self.budget.bits:
            self.too_large(token)
        if size.nodes > self.budget.nodes or size.depth > 4 * self.budget.depth:
            refuse(f"the expression grows too large at {token.shown} ({size.nodes} nodes); write it in parts", token)
        return value

    def too_large(self, token: Token) -> None:
        """Refuse a number that would have too many digits."""
        limit = self.budget.bits
        refuse(f"{token.shown} would give a number of more than {limit} bits; use smaller ones or a parameter", token)

    def attempt(self, operation: Callable[..., Any], arguments: Sequence[Any], token: Token) -> Any:
        """Apply a SymPy operation; what SymPy cannot do becomes an error with its place."""
        try:
            value = operation(*arguments)
        except ReadError as error:  # a function of the caller's that refuses, in its own words
            refuse(error.message, token)
        except _STUCK as error:
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            refuse(f"{token.shown} cannot be applied here ({reason}); check that both sides are real numbers", token)
        return self.checked(value, token)

    # --- operations ----------------------------------------------------------------------------------------------
    def add(self, terms: Sequence[Any], token: Token) -> Any:
        """Sum of any number of terms."""
        return self.attempt(sp.Add, terms, token)

    def multiply(self, factors: Sequence[Any], token: Token) -> Any:
        """Product of any number of factors."""
        if sum(self.size(factor).bits for factor in factors) > self.budget.bits:
            self.too_large(token)
        return self.attempt(sp.Mul, factors, token)

    def power(self, base: Any, exponent: Any, token: Token) -> Any:
        """base to the power exponent."""
        if base.is_zero and exponent.is_extended_negative:
            refuse("division by zero; write a divisor that is not zero", token)
        if not self.imaginary and base.is_Rational and base < 0 and exponent.is_Rational and not exponent.is_Integer:
            refuse(f"a power {exponent} of the negative number {_brief(base)} is not real; restrict the base", token)
        numeric = self.size(base).bits > 0
        for factor in sp.Mul.make_args(base):
            if isinstance(factor, (sp.Pow, sp.exp)):  # (2^a)^b may become 2^(a*b)
                self.reach(factor.exp * exponent, token, numeric)
        reach = self.reach(exponent, token, numeric)
        if self.size(base).bits * ceil(reach) > self.budget.bits:
            self.too_large(token)
        return self.attempt(sp.Pow, (base, exponent), token)

    def reach(self, exponent: Any, token: Token, numeric: bool = False) -> float:
        """Absolute value of a numeric exponent (0 when it holds symbols), refused when over the budget.

        Over a number, or with a logarithm in it, the factors of an exponent may become exponents: every number counts.
        """
        limit = self.budget.exponent
        if (numeric or exponent.has(sp.log)) and self.size(exponent).largest > limit + 1:
            refuse(f"an exponent holds a number larger than {limit}; use a smaller one, or a parameter", token)
        if exponent.free_symbols:
            return 0.0
        try:
            size = abs(exponent) if exponent.is_Rational else float(abs(exponent.evalf(15)))
        except _STUCK:
            refuse("an exponent is a number that cannot be bounded; use a simpler one, or a parameter", token)
        if not size <= limit:
            refuse(f"an exponent is larger than {limit}; use a smaller one, or a parameter", token)
        return float(size)

    def call(self, name: str, arguments: Sequence[Any], token: Token) -> Any:
        """One of the known functions at its arguments."""
        counts = _COUNTS.get(name, (1,))
        if len(arguments) not in counts and name not in _MANY:
            few = "one or two arguments" if len(counts) > 1 else ("one argument", "two arguments")[counts[0] - 1]
            example = f"{name}({'1, ' if counts == (2,) else ''}x)"
            refuse(f"{name} takes {few}, got {len(arguments)}; write for example {example}", token)
        if name == "sqrt":
            return self.power(arguments[0], sp.S.Half, token)
        if name == "exp":
            self.reach(arguments[0], token)
        elif any(self.size(argument).imaginary for argument in arguments):
            refuse(f"{name} is read for real arguments only, this one contains I; write it without {name}", token)
        if name == "lambertw" and arguments[1:] and arguments[1] not in (0, -1):
            refuse("lambertw has two real branches; write lambertw(x), or lambertw(x, -1) for the lower one", token)
        value = self.attempt(FUNCTIONS[name], arguments, token)
        beyond = name == "besselk" and arguments[1].is_nonpositive  # SymPy does not say that K is complex there
        if (value.is_extended_real is False or beyond) and not self.imaginary:
            refuse(f"{token.shown} gives a number that is not real; restrict what it is applied to", token)
        return value

    def compare(self, sign: str, left: Any, right: Any, token: Token) -> Any:
        """One comparison."""
        relations = {"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne}
        return self.attempt(relations[sign], (left, right), token)

    def apply(self, definition: Any, name: str, arguments: Sequence[Any], token: Token) -> Any:
        """A function that the caller gave, at its arguments; a Lambda is substituted within the budget."""
        if not isinstance(definition, sp.Lambda):
            if (isinstance(definition, type) and issubclass(definition, sp.Function)) or callable(definition):
                return self.attempt(definition, arguments, token)
            refuse(f"{name!r} is known but cannot be applied ({type(definition).__name__}); give a function", token)
        parameters = definition.variables
        if len(parameters) != len(arguments):
            refuse(f"{name} takes {len(parameters)} argument(s), got {len(arguments)}; write {name}{parameters}", token)
        return self.substitute(definition.expr, dict(zip(parameters, arguments)), token)

    def substitute(self, body: Any, values: dict[Any, Any], token: Token) -> Any:
        """The body with its symbols replaced, each node built anew by the operations above, children first."""
        if body.has(sp.Derivative, sp.Integral, sp.Subs):
            return self.attempt(sp.Lambda(tuple(values), body), tuple(values.values()), token)
        for node in sp.postorder_traversal(body):
            if node in values:
                continue
            arguments = [values[part] for part in node.args]
            if not arguments:
                values[node] = node
            elif isinstance(node, sp.Mul):
                values[node] = self.multiply(arguments, token)
            elif isinstance(node, sp.Pow):
                values[node] = self.power(arguments[0], arguments[1], token)
            else:
                if isinstance(node, sp.exp):
                    self.reach(arguments[0], token)
                values[node] = self.attempt(node.func, arguments, token)
        return values[body]


def _brief(number: Any) -> str:
    text = str(number)
    return text if len(text) <= 20 else text[:20] + "..."
