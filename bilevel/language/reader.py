"""The safe reader: plain text to SymPy, without eval, within a budget, with errors that name the column.

Main definitions: `read`, `read_value`, `read_function`, `read_assumptions`, `Bound`.

Text goes tokens -> postfix steps -> expression; nothing in it is ever run.
`bilevel.language.text` writes what is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from bilevel.language.errors import ReadError
from bilevel.language.names import name_problem, nearest
from bilevel.language.reader_build import Builder
from bilevel.language.reader_grammar import postfix
from bilevel.language.reader_run import Reading
from bilevel.language.tokens import Budget, Token, refuse, tokenise

__all__ = ["Bound", "read", "read_assumptions", "read_function", "read_value"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def read(
    text: str,
    names: Mapping[str, Any] = _NOTHING,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    *,
    imaginary: bool = False,
    budget: Budget = Budget(),
) -> sp.Expr | Boolean:
    """The SymPy expression or condition that a text says.

    Math:
        `+ - * / ^` (also `**`), `< <= > >= == !=` (a chain is an `and`), `and or not true false`, `pi`,
        `sqrt exp log abs min max sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid softplus`,
        `erf erfc besselk(order, x) lambertw sign heaviside` (1/2 at 0); decimals are exact: 0.1 is 1/10.
        `names` gives every other name its expression, `functions` further functions (a `sympy.Lambda`, or a callable on
        expressions; `E` is known only when it is among them); `I` is read only with `imaginary`.
    Raises:
        ReadError: where (line and column), what was meant, what to try; also when the result is out of `budget`.
    Reference:
        Pratt 1973, "Top down operator precedence"; SymPy issue 24990 on why text must not reach `sympify`.
    Examples:
        >>> h, gamma = sp.symbols("h gamma", positive=True)
        >>> read("h^2/4 + 2*gamma*h < 4", {"h": h, "gamma": gamma})
        2*gamma*h + h**2/4 < 4
        >>> read("0.1 + 1e-3")
        101/1000
        >>> read("h*gama", {"h": h, "gamma": gamma})
        Traceback (most recent call last):
        bilevel.language.errors.ReadError: 1:3: the name 'gama' is not known; did you mean gamma?
    """
    return _evaluate(tokenise(text, budget), names, functions, budget, imaginary)


def read_value(value: Any, names: Mapping[str, Any] = _NOTHING, **options: Any) -> Any:
    """A number or an expression as files and Python callers give it: text is read, numbers become exact.

    Math:
        int, Fraction and Decimal exactly; a float as the shortest decimal that denotes it (0.1 is 1/10).
    Raises:
        ReadError: when the text cannot be read, or the value is neither text nor a finite number.
    Reference:
        Steele, White 1990, "How to print floating-point numbers accurately".
    Examples:
        >>> read_value(0.1), read_value("1/3"), read_value(2)
        (1/10, 1/3, 2)
    """
    if isinstance(value, (sp.Expr, Boolean)):
        return value
    if isinstance(value, (int, Fraction)) and not isinstance(value, bool):
        return sp.Rational(value.numerator, value.denominator)
    if isinstance(value, (float, Decimal)):
        value = repr(value) if isinstance(value, float) else str(value)
    if not isinstance(value, str):
        raise ReadError(
            f'expected a number or an expression as text, got {type(value).__name__}; try for example "1/2"'
        )
    return read(value, names, **options)


def read_function(
    text: str,
    names: Mapping[str, Any] = _NOTHING,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    *,
    budget: Budget = Budget(),
) -> sp.Lambda:
    """The function that a text like `t -> -log(1 + exp(-t))` defines, of one or more real arguments.

    Math:
        `t -> body` or `(s, t) -> body`; the arguments are real and hide names of the same spelling.
    Raises:
        ReadError: where, what was meant, what to try.
    Reference:
        Church 1941, "The calculi of lambda-conversion".
    Examples:
        >>> f = read_function("t -> -log(1 + exp(-t))")
        >>> f(0)
        -log(2)
    """
    tokens = tokenise(text, budget)
    arrow = next((place for place, token in enumerate(tokens) if token.text == "->"), None)
    if arrow is None:
        refuse("a function was expected; write its argument first, for example t -> t^2", tokens[0])
    head = tokens[:arrow]
    if head and head[0].text == "(" and head[-1].text == ")":
        head = head[1:-1]
    if not head or len(head) % 2 == 0 or any(token.text != "," for token in head[1::2]):
        refuse("before `->` stand the arguments, parted by commas; write for example (s, t) -> s*t", tokens[0])
    arguments: dict[str, sp.Symbol] = {}
    for token in head[::2]:
        problem = name_problem(token.text)
        if problem or token.text in arguments:
            refuse(problem or f"the argument {token.shown} stands twice; rename one", token)
        arguments[token.text] = sp.Symbol(token.text, real=True)
    body = _evaluate(tokens[arrow + 1 :], {**names, **arguments}, functions, budget)
    if not isinstance(body, sp.Expr):  # a symbol is an expression and a Boolean at once
        refuse("a function gives a number, this one gives a condition; remove the comparison", tokens[arrow + 1])
    return sp.Lambda(tuple(arguments.values()), body)


@dataclass(frozen=True)
class Bound:
    """One side of an interval as a condition on a symbol: `Bound("<", 1)(x)` is x < 1."""

    sign: str
    value: sp.Expr

    def __call__(self, symbol: sp.Expr) -> Boolean:
        """The condition on a symbol."""
        relations = {"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge}
        return relations[self.sign](symbol, self.value)


_WORDS = ("real", "positive", "negative", "nonnegative", "nonpositive", "nonzero", "integer")


def read_assumptions(
    text: str, names: Mapping[str, Any] = _NOTHING, *, budget: Budget = Budget()
) -> tuple[dict[str, bool], tuple[Bound, ...]]:
    """What a text such as "positive, in (0, 1)" assumes: keywords for `sympy.Symbol`, and bounds to hold beside them.

    Math:
        real, positive, negative, nonnegative, nonpositive, nonzero, integer; in (a, b), [a, b), (a, b], [a, b], where a
        may be -inf and b inf. Every parameter is real. Commas inside brackets do not separate.
    Raises:
        ReadError: for another word, an empty interval, or words that contradict one another.
    Reference:
        SymPy's documentation of assumptions.
    Examples:
        >>> read_assumptions("positive, in (0, 1)")
        ({'real': True, 'positive': True}, (Bound(sign='>', value=0), Bound(sign='<', value=1)))
    """
    tokens = tokenise(text, budget)
    keywords, bounds = {"real": True}, []
    for part in _split(tokens):
        if part[0].text == "in" and len(part) > 2:
            found = _interval(part, names, budget)
            bounds += found
            keywords |= _implied(found)
        elif len(part) == 2 and part[0].text in _WORDS:
            keywords[part[0].text] = True
        elif part[0].text in _WORDS:
            refuse(f"a comma was expected before {part[1].shown}; write for example positive, integer", part[1])
        else:
            close = nearest(part[0].text, _WORDS)
            advice = f"did you mean {close}?" if close else "write " + ", ".join(_WORDS) + " or in (0, 1)"
            refuse(f"{part[0].shown} begins no assumption; {advice}", part[0])
    try:
        sp.Symbol("x", **keywords)
    except ValueError:
        refuse(f"no number is {' and '.join(keywords)}; remove one of the assumptions", tokens[0])
    return keywords, tuple(bounds)


def _evaluate(
    tokens: list[Token],
    names: Mapping[str, Any],
    functions: Mapping[str, Any] | None,
    budget: Budget,
    imaginary: bool = False,
) -> Any:
    """The value of tokens that end with an end token."""
    return Reading(names, dict(functions or {}), Builder(budget, imaginary)).run(postfix(tokens, budget))


def _split(tokens: list[Token]) -> list[list[Token]]:
    """The parts between commas outside brackets, each with an end token."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if token.kind == "end" or (token.text == "," and depth == 0):
            parts[-1].append(replace(token, kind="end", text=""))
            if token.kind != "end":
                parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _interval(part: list[Token], names: Mapping[str, Any], budget: Budget) -> list[Bound]:
    """The bounds of `in (a, b)`."""
    opening, closing = part[1], part[-2]
    sides = _split([*part[2:-2], replace(closing, kind="end", text="")])
    if opening.text not in ("(", "[") or closing.text not in (")", "]") or len(sides) != 2:
        refuse("an interval has two ends in brackets; write for example in (0, 1) or in [0, 1)", opening)
    lower = None if _words(sides[0]) in ("-inf", "-oo") else _evaluate(sides[0], names, None, budget)
    upper = None if _words(sides[1]) in ("inf", "oo") else _evaluate(sides[1], names, None, budget)
    if not all(end is None or isinstance(end, sp.Expr) for end in (lower, upper)):
        refuse("the ends of an interval are numbers, not conditions; write for example in (0, 1)", opening)
    closed = opening.text == "[" and closing.text == "]"
    if lower is not None and upper is not None and ((upper - lower).is_negative or (upper == lower and not closed)):
        refuse(f"the interval from {lower} to {upper} is empty; swap its ends", opening)
    bounds = [] if lower is None else [Bound(">=" if opening.text == "[" else ">", lower)]
    return bounds if upper is None else [*bounds, Bound("<=" if closing.text == "]" else "<", upper)]


def _words(tokens: list[Token]) -> str:
    return "".join(token.text for token in tokens)


def _implied(bounds: list[Bound]) -> dict[str, bool]:
    """Signs that bounds imply."""
    implied = {}
    for bound in bounds:
        if bound.sign in (">", ">=") and bound.value.is_nonnegative:
            implied["positive" if bound.sign == ">" or bound.value.is_positive else "nonnegative"] = True
        if bound.sign in ("<", "<=") and bound.value.is_nonpositive:
            implied["negative" if bound.sign == "<" or bound.value.is_negative else "nonpositive"] = True
    return implied
