"""Precedence parser: tokens in, steps in postfix order out.

Main definitions: `Step`, `postfix`.

The stack is a list of our own, so that no text, however deep or long, can exhaust Python's stack.
Signs come in two strengths: `-a*b` is -(a*b), but after `*`, `/` and `^` a sign holds tight, so `a/-b*c` is (a/(-b))*c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bilevel.language.tokens import Budget, Token, refuse

__all__ = ["Step", "postfix"]

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_INFIX = (("or", 1), ("and", 2), *((sign, 4) for sign in COMPARISONS), ("+", 5), ("-", 5), ("*", 7), ("/", 7), ("^", 9))
_NOT, _LOOSE_SIGN, _TIGHT_SIGN, _POWER, _OPEN = 3, 6, 8, 9, 0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the program: number, name, prefix, infix, close (of a bracket) or call with `count` arguments."""

    kind: str
    token: Token
    count: int = 0


@dataclass(slots=True)
class _Pending:
    """An operator or an open bracket that waits for what stands to its right."""

    kind: str
    token: Token
    precedence: int
    head: Token | None = None
    count: int = 0


def postfix(tokens: Sequence[Token], budget: Budget = Budget()) -> list[Step]:
    """The steps that build what the tokens say.

    Math:
        or < and < not < comparisons < `+ -` < `* /` < signs < `^` (which groups from the right).
    Raises:
        ReadError: at the first token that does not fit.
    Reference:
        Pratt 1973, "Top down operator precedence"; here with Dijkstra's explicit stack.
    Examples:
        >>> from bilevel.language.tokens import tokenise
        >>> " ".join(step.token.text for step in postfix(tokenise("-a + b*c")))
        'a - b c * +'
    """
    return _Parser(tokens, budget).run()


class _Parser:
    """State of one parse: the steps so far, the waiting operators, and whether an operand must come next."""

    def __init__(self, tokens: Sequence[Token], budget: Budget) -> None:
        self.tokens, self.budget = tokens, budget
        self.steps: list[Step] = []
        self.waiting: list[_Pending] = []
        self.brackets: list[_Pending] = []
        self.precedence = dict(_INFIX)

    def run(self) -> list[Step]:
        operand_next = True
        skip = False
        for position, token in enumerate(self.tokens):
            if skip:
                skip = False
                continue
            if operand_next:
                following = self.tokens[position + 1] if token.kind != "end" else token
                if token.kind == "name" and following.text == "(" and token.text not in ("and", "or", "not"):
                    operand_next = self.open(following, token, self.tokens[position + 2])
                    skip = True
                else:
                    operand_next = self.operand(token)
            else:
                operand_next = self.operator(token)
        return self.steps

    def operand(self, token: Token) -> bool:
        """Take a token where a value must begin; says whether a value must still come."""
        text = token.text
        if token.kind == "number" or (token.kind == "name" and text not in ("and", "or", "not")):
            self.steps.append(Step(token.kind, token))
            return False
        if text in ("+", "-") or text == "not":
            tight = bool(self.waiting) and self.waiting[-1].precedence >= 7
            precedence = _NOT if text == "not" else _TIGHT_SIGN if tight else _LOOSE_SIGN
            self.waiting.append(_Pending("prefix", token, precedence))
            return True
        if text == "(":
            return self.open(token, None, None)
        self.missing_operand(token)
        return True

    def open(self, bracket: Token, head: Token | None, following: Token | None) -> bool:
        """Open a bracket, of a call when it has a head."""
        if len(self.brackets) >= self.budget.depth:
            refuse(f"more than {self.budget.depth} brackets inside brackets; name a part and write it apart", bracket)
        if head is not None and following is not None and following.text == ")":
            refuse(f"{head.text[:40]}() has no argument; write one between the brackets", following)
        pending = _Pending("call" if head else "bracket", bracket, _OPEN, head, 1)
        self.waiting.append(pending)
        self.brackets.append(pending)
        return True

    def operator(self, token: Token) -> bool:
        """Take a token where a value has just ended; says whether a value must come next."""
        text = token.text
        if text in self.precedence:
            own = self.precedence[text]
            self.reduce(own if text == "^" else own - 1)
            self.waiting.append(_Pending("infix", token, own))
            return True
        if text == ")":
            return self.close(token)
        if text == "," and self.brackets and self.brackets[-1].kind == "call":
            self.reduce(_OPEN)
            self.brackets[-1].count += 1
            if self.brackets[-1].count > self.budget.arguments:
                refuse(f"more than {self.budget.arguments} arguments in one call; split it", token)
            return True
        if token.kind == "end":
            if self.brackets:
                refuse("this bracket is never closed; add `)`", self.brackets[-1].token)
            self.reduce(_OPEN)
            return False
        self.missing_operator(token)
        return False

    def close(self, token: Token) -> bool:
        """Close the innermost bracket."""
        if not self.brackets:
            refuse("this `)` closes nothing; remove it, or open a bracket before it", token)
        self.reduce(_OPEN)
        pending = self.brackets.pop()
        self.waiting.pop()
        head = pending.head
        self.steps.append(Step("call", head, pending.count) if head else Step("close", token))
        return False

    def reduce(self, floor: int) -> None:
        """Emit the waiting operators that bind more strongly than `floor`."""
        while self.waiting and self.waiting[-1].precedence > floor:
            pending = self.waiting.pop()
            self.steps.append(Step(pending.kind, pending.token))

    def missing_operand(self, token: Token) -> None:
        """Say that a value was expected."""
        if not self.steps and token.kind == "end":
            refuse("an expression was expected, the text is empty; write for example x^2/2", token)
        before = f" after {self.waiting[-1].token.shown}" if self.waiting else ""
        if token.text in ("<", ">", "=="):
            refuse(f"nothing stands before {token.shown}; write what is compared on both sides", token)
        refuse(f"a number, name or bracket was expected{before}, got {token.shown}; complete or remove it", token)

    def missing_operator(self, token: Token) -> None:
        """Say that an operator was expected."""
        if token.text == "(":
            refuse("no operator before `(`; write * for a product", token)
        if token.text in ("[", "]"):
            refuse(f"square brackets have no meaning here, got {token.shown}; write ( )", token)
        if token.text == ",":
            refuse("a comma stands only between the arguments of a function; remove it", token)
        if token.text == "->":
            refuse("`->` defines a function, and only under [functions]; remove it", token)
        refuse(f"an operator was expected, got {token.shown}; write * for a product", token)
