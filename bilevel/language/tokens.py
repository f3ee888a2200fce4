"""Cuts text into tokens that remember where they stood.

Main definitions: `Token`, `Budget`, `tokenise`, `refuse`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn

from bilevel.language.errors import ReadError
from bilevel.language.names import spelled

__all__ = ["Budget", "Token", "refuse", "tokenise"]


@dataclass(frozen=True)
class Budget:
    """What one text may cost; the defaults leave room for every game of the catalogue many times over."""

    length: int = 200_000
    """characters"""
    tokens: int = 100_000
    depth: int = 64
    """brackets inside brackets, and operations inside operations"""
    nodes: int = 100_000
    """nodes of the expression that results"""
    digits: int = 1_000
    """digits of one number, and the decimal exponent of one number"""
    exponent: int = 1_000
    """size of an exponent that is a number"""
    bits: int = 8_192
    """bits of one resulting number, numerator and denominator together"""
    arguments: int = 16
    """arguments of one function"""


@dataclass(frozen=True, slots=True)
class Token:
    """One number, name, operator or the end: its place (counted from 1), and where it starts and ends in the text."""

    kind: str
    text: str
    line: int
    column: int
    start: int = 0
    end: int = 0

    @property
    def shown(self) -> str:
        """How messages quote this token."""
        if self.kind == "end":
            return "the end of the text"
        return repr(self.text if len(self.text) <= 40 else self.text[:40] + "...")


_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*(?:@[0-9]+)?)"
    r"|(?P<operator>->|<=|>=|==|!=|\*\*|[-+*/^<>(),\[\]])"
)
_NEIGHBOURS = MappingProxyType(
    {
        "=": "write == for an equation",
        "&": "write `and`",
        "|": "write `or`, or abs(...)",
        "!": "write `not`, or !=",
        "~": "write `not`",
        "%": "there is no remainder here",
        "{": "write ( )",
        "}": "write ( )",
        "_": "names begin with a letter",
        "\u2212": "write -",
        "\u2013": "write -",
        "\u00d7": "write *",
        "\u00b7": "write *",
        "\u22c5": "write *",
        "\u00f7": "write /",
        "\u2264": "write <=",
        "\u2265": "write >=",
        "\u2260": "write !=",
        "\u221a": "write sqrt(...)",
        "\u00b2": "write ^2",
        "\u00b3": "write ^3",
        "\u221e": "an expression is finite",
        "'": "leave quotation marks out",
        '"': "leave quotation marks out",
    }
)


def refuse(message: str, token: Token) -> NoReturn:
    """Raise a ReadError at the place of a token."""
    raise ReadError(message, line=token.line, column=token.column)


def tokenise(text: object, budget: Budget = Budget()) -> list[Token]:
    """The tokens of a text, the last one of kind "end".

    Math:
        Numbers `12`, `0.5`, `.5`, `1e-3`; names; `+ - * / ^ ** < <= > >= == != ( ) [ ] , ->`. Blanks separate.
    Raises:
        ReadError: at a character that has no meaning, or when the text is over the budget.
    Reference:
        Aho, Lam, Sethi, Ullman 2006, "Compilers", section 3.
    Examples:
        >>> [token.text for token in tokenise("2*x <= .5")]
        ['2', '*', 'x', '<=', '.5', '']
    """
    if not isinstance(text, str):
        raise ReadError(f"expected an expression as text, got {type(text).__name__}; try quotation marks around it")
    if len(text) > budget.length:
        raise ReadError(f"the text has {len(text)} characters, more than the {budget.length} that are read; split it")
    tokens: list[Token] = []
    position, line, line_start = 0, 1, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            _bad_character(text[position], line, position - line_start + 1)
        found, kind = match.group(), match.lastgroup
        if kind == "space":
            line += found.count("\n")
            line_start = position + found.rindex("\n") + 1 if "\n" in found else line_start
        else:
            token = Token(
                "operator" if found == "**" else kind,
                "^" if found == "**" else found,
                line,
                position - line_start + 1,
                position,
                match.end(),
            )
            _check_neighbour(tokens, token)
            tokens.append(token)
            if len(tokens) > budget.tokens:
                refuse(f"more than {budget.tokens} numbers, names and signs; split the expression", token)
        position = match.end()
    tokens.append(Token("end", "", line, position - line_start + 1, position, position))
    return tokens


def _check_neighbour(tokens: list[Token], token: Token) -> None:
    """Refuse `2x`, `1.2.3` and `x.y`, where a forgotten sign would change the meaning."""
    if tokens and tokens[-1].end == token.start and {tokens[-1].kind, token.kind} <= {"number", "name"}:
        last = tokens[-1]
        if token.kind == "name":
            refuse(
                f"{last.shown} runs into {token.shown}; write {last.text[:40]}*{token.text[:40]} for a product", token
            )
        refuse(f"{last.shown} runs into {token.shown}; write an operator between them", token)


def _bad_character(character: str, line: int, column: int) -> NoReturn:
    """Say which character has no meaning, and how to write what was probably meant."""
    advice = _NEIGHBOURS.get(character)
    plain = spelled(character)
    if advice is None:
        advice = f"write {plain}" if plain.isascii() and plain.isprintable() and plain != character else "leave it out"
    name = unicodedata.name(character, "") if not character.isascii() else ""
    described = f"{character!a} ({name.lower()})" if name else repr(character)
    raise ReadError(f"the character {described} has no meaning here; {advice}", line=line, column=column)
