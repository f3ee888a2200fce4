"""Errors of the package: each message says what was meant, what came and what to try.

Main definitions: `BilevelError` (base), `GameError`, `ReadError`, `UnknownAnswer`.
"""

from __future__ import annotations


class BilevelError(Exception):
    """Base of every error this package raises on purpose."""


class GameError(BilevelError, ValueError):
    """A game, player, rule or point was described in a way that has no meaning."""


class ReadError(BilevelError, ValueError):
    """Text could not be read; carries where (file, line, column; line and column count from 1)."""

    def __init__(
        self, message: str, *, line: int | None = None, column: int | None = None, file: str | None = None
    ) -> None:
        self.message, self.line, self.column, self.file = message, line, column, file
        super().__init__(self.located())

    def located(self) -> str:
        """The message with its place in front, as compilers print it."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{place}: {self.message}" if place else self.message


class UnknownAnswer(BilevelError):
    """No answer within the budget or the theory: why, how far it got, and what to try next."""

    def __init__(self, reason: str, *, reached: str = "", next_step: str = "") -> None:
        self.reason, self.reached, self.next_step = reason, reached, next_step
        super().__init__(
            "; ".join(
                part for part in (reason, reached and f"reached: {reached}", next_step and f"try: {next_step}") if part
            )
        )
