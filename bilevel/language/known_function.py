"""Functions of which only the values and some derivatives at some points are known.

Main definitions: `known_function`, `KnownFunction`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy as sp

from bilevel.language.names import check_name

__all__ = ["KnownFunction", "known_function"]

Points = tuple[tuple[Any, tuple[Any, ...]], ...]


class KnownFunction(sp.Function):
    """Base of the functions that `known_function` makes; `order` counts how often one has been differentiated.

    Math: f^(k)(a) is replaced by the value given for it, everything else stays as it is written.

    Reference: any calculus text on Taylor's theorem.

    Examples:
        >>> issubclass(known_function("g", ((sp.S.Zero, (sp.S.One,)),)), KnownFunction)
        True
    """

    nargs = 1
    points: Points = ()
    order = 0
    title = ""

    @classmethod
    def eval(cls, x: Any) -> Any:
        """The value given at a point, None elsewhere and for derivatives beyond those given."""
        for place, given in cls.points:
            if x == place and cls.order < len(given):
                return given[cls.order]
        return None

    def fdiff(self, argindex: int = 1) -> Any:
        """The next derivative."""
        return known_function(self.title, self.points, self.order + 1)(self.args[0])

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    def _eval_is_finite(self) -> bool | None:
        return True if self.args[0].is_finite else None

    def missing(self) -> str:
        """What would have to be given for this value to be known."""
        what = {0: f"the value of {self.title}", 1: f"the derivative of {self.title}"}
        wanted = what.get(self.order, f"derivative number {self.order} of {self.title}")
        return f"{wanted} at {self.args[0]}"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        marks = "'" * self.order if self.order <= 3 else f"^{{({self.order})}}"
        text = rf"{printer._print(sp.Symbol(self.title))}{marks}\left({printer._print(self.args[0])}\right)"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text


@cache
def known_function(name: str, points: Points, order: int = 0) -> Any:
    """The function with this name of which values and derivatives at points are known.

    Math: `points` lists (a, (f(a), f'(a), f''(a), ...)), as far as known.

    Raises: GameError if the name cannot stand in text and code.

    Reference: any calculus text on Taylor's theorem.

    Examples:
        >>> g = known_function("g", ((sp.S.Zero, (sp.S.One, sp.Symbol("g1"))),))
        >>> x, y = sp.symbols("x y", real=True)
        >>> g(x*y).diff(x).subs(x, 0)
        g1*y
    """
    check_name(name)
    primes = "'" * order
    made: Any = type(KnownFunction)
    return made(f"{name}{primes}", (KnownFunction,), {"points": points, "order": order, "title": name})
