"""Expressions as data: nested lists such as `["+", "x", ["exp", ["*", "2/3", "y"]]]`.

A tree is a symbol (`"theta"`), a rational (`"3/7"`, always a string) or a list `[operator, ...]`:
`+` and `*` (one or more), `-` (one: negation, two: difference), `/` (two), `["^", base, 3]` (an integer, or a tree for
a positive base), `exp log sqrt sin cos` (one), the defined functions of `DEFINED`, and `["call", "f", [1], "x"]`:
the first derivative of an unknown function f at x (one order per argument).
Main definitions: `validate`, `expand_defined`, `rational`, `symbols_of` and builders `add`, `mul`, `power`, ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from flint import fmpq

from bilevel.certificate.errors import CertificateBudget, CertificateError

Tree = Any  # str | list: the type of json.loads

MAX_NODES = 50_000
MAX_DEPTH = 150
MAX_DIGITS = 2_000
MAX_EXPONENT = 200
_NUMBER = re.compile(r"-?[0-9]+(/[0-9]+)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_@']{0,63}", re.ASCII)
_MANY = ("+", "*")
_ONE = ("exp", "log", "sqrt", "sin", "cos")


def rational(text: Any) -> fmpq:
    """The exact rational that a string such as "-3/7" stands for."""
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        raise CertificateError(f'a rational is written as a string like "-3/7"; came {_short(text)}')
    if len(text) > MAX_DIGITS:
        raise CertificateBudget(f"a rational with {len(text)} digits is longer than the budget of {MAX_DIGITS}")
    top, _, bottom = text.partition("/")
    if bottom and int(bottom) == 0:
        raise CertificateError(f"the rational {text!r} has denominator zero")
    return fmpq(int(top), int(bottom or 1))


def is_rational(tree: Tree) -> bool:
    """Whether a tree is the text of a rational number."""
    return isinstance(tree, str) and bool(_NUMBER.fullmatch(tree))


def is_name(tree: Any) -> bool:
    """Whether a tree is a symbol."""
    return isinstance(tree, str) and bool(_NAME.fullmatch(tree))


def _short(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) <= 60 else text[:57] + "..."


def validate(tree: Tree, *, extra: tuple[str, ...] = ()) -> None:
    """Refuse anything that is not a tree within the budgets; `extra` names operators a kind adds (one argument)."""
    count = 0
    stack: list[tuple[Tree, int]] = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise CertificateBudget(
                f"an expression has more than {MAX_NODES} nodes or is nested deeper than {MAX_DEPTH}"
            )
        if is_name(node):
            continue
        if isinstance(node, str):
            rational(node)
            continue
        stack.extend((child, depth + 1) for child in children(node, extra=extra))


def children(node: Tree, *, extra: tuple[str, ...] = ()) -> list[Tree]:
    """The subtrees of a list node, after checking its operator and their number."""
    if not isinstance(node, list) or not node or not isinstance(node[0], str):
        raise CertificateError(f"an expression is a string or a list [operator, ...]; came {_short(node)}")
    op, rest = node[0], node[1:]
    if op == "call":
        return _call_arguments(node)
    if op == "^":
        if len(rest) == 2 and type(rest[1]) is int:
            if abs(rest[1]) > MAX_EXPONENT:
                raise CertificateBudget(f"the exponent {rest[1]} is beyond the budget of {MAX_EXPONENT}")
            return rest[:1]
        wanted = len(rest) == 2
    elif op in _MANY:
        wanted = len(rest) >= 1
    elif op == "-":
        wanted = len(rest) in (1, 2)
    elif op == "/":
        wanted = len(rest) == 2
    elif op in _ONE or op in extra:
        wanted = len(rest) == 1
    elif op in DEFINED:
        wanted = len(rest) == DEFINED[op][0]
    else:
        raise CertificateError(f"no operator {op!r}: known are + * - / ^ call {' '.join((*_ONE, *DEFINED, *extra))}")
    if not wanted:
        raise CertificateError(f"the operator {op!r} cannot take {len(rest)} arguments: {_short(node)}")
    return rest


def _call_arguments(node: Tree) -> list[Tree]:
    """["call", "f", [orders], argument, ...]: an unknown function or one of its partial derivatives."""
    if len(node) < 4 or not is_name(node[1]) or not isinstance(node[2], list):
        raise CertificateError(f'an unknown function is written ["call", "f", [0], argument]; came {_short(node)}')
    orders, arguments = node[2], node[3:]
    if len(orders) != len(arguments) or any(type(k) is not int or not 0 <= k <= 12 for k in orders):
        raise CertificateError(f"one derivative order (0 to 12) is needed per argument; came {_short(node)}")
    return arguments


def symbols_of(tree: Tree, *, extra: tuple[str, ...] = ()) -> frozenset[str]:
    """The symbols that occur in a tree."""
    return frozenset(node for node in _walk(tree, extra) if is_name(node))


def _walk(tree: Tree, extra: tuple[str, ...] = ()) -> Iterator[Tree]:
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, list):
            stack.extend(children(node, extra=extra))


def add(*terms: Tree) -> Tree:
    """The tree of a sum."""
    return ["+", *terms] if len(terms) != 1 else terms[0]


def mul(*factors: Tree) -> Tree:
    """The tree of a product."""
    return ["*", *factors] if len(factors) != 1 else factors[0]


def neg(tree: Tree) -> Tree:
    """The tree of minus something."""
    return ["-", tree]


def sub(left: Tree, right: Tree) -> Tree:
    """The tree of a difference."""
    return ["-", left, right]


def div(top: Tree, bottom: Tree) -> Tree:
    """The tree of a quotient."""
    return ["/", top, bottom]


def power(base: Tree, exponent: int) -> Tree:
    """The tree of an integer power."""
    return ["^", base, exponent]


def _tanh(u: Tree) -> Tree:
    return div(sub(["exp", mul("2", u)], "1"), add(["exp", mul("2", u)], "1"))


# name: (number of arguments, definition through the primitive operators)
DEFINED: dict[str, tuple[int, Callable[..., Tree]]] = {
    "sigmoid": (1, lambda u: div("1", add("1", ["exp", neg(u)]))),
    "softplus": (1, lambda u: ["log", add("1", ["exp", u])]),
    "tanh": (1, _tanh),
    "sinh": (1, lambda u: div(sub(["exp", u], ["exp", neg(u)]), "2")),
    "cosh": (1, lambda u: div(add(["exp", u], ["exp", neg(u)]), "2")),
    "tan": (1, lambda u: div(["sin", u], ["cos", u])),
    "abs": (1, lambda u: ["sqrt", power(u, 2)]),
    "max": (2, lambda u, v: div(add(u, v, ["sqrt", power(sub(u, v), 2)]), "2")),
    "min": (2, lambda u, v: div(sub(add(u, v), ["sqrt", power(sub(u, v), 2)]), "2")),
}


def expand_defined(node: Tree) -> Tree:
    """One node whose operator is a defined function, written through the primitive ones."""
    return DEFINED[node[0]][1](*node[1:]) if node[0] in DEFINED else node
