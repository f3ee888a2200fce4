"""One slip: a changed update with a name, and what all families of slips share.

Main definitions: `Mutant`, `FACTORS`, `derived`, `terms`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.game import Game
from bilevel.rules import derive
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.update import Update

__all__ = ["Mutant"]

MOST_TERMS = 24  # additive terms of one expression that are changed one by one
FACTORS = {
    -1: "has the wrong sign",
    0: "is missing",
    sp.Rational(1, 2): "is halved (a factor 1/2)",
    2: "is doubled (a factor 2)",
}


@dataclass(frozen=True)
class Mutant:
    """A slip, in words, and the update one gets by making it.

    Math: `make()` derives the changed update. `part` names what is left out, where something is: the same part may
        also stand there with a factor.

    Reference: DeMillo, Lipton, Sayward (1978), Hints on test data selection, for mutants as models of slips.

    Examples:
        >>> from bilevel.models import bilinear_game
        >>> from bilevel.rules import derive, simultaneous
        >>> from bilevel.testing import mutants
        >>> slip = next(mutants(derive(bilinear_game(), simultaneous("1/10"))))
        >>> slip.name
        'wrong sign: first maximises its loss'
        >>> print(slip.make())
        x[t+1] = x + sigma*y/10
        y[t+1] = y + sigma*x/10
    """

    name: str
    make: Callable[[], Update]
    part: str = ""


def derived(game: Game, rule: Rule) -> Callable[[], Update]:
    return lambda: derive(game, rule)


def terms(expr: Any) -> list[Any]:
    """The additive terms as written, then those of the expanded expression."""
    found = [*sp.Add.make_args(expr), *sp.Add.make_args(sp.expand_mul(expr))]
    return list(dict.fromkeys(found))[: 2 * MOST_TERMS] if len(found) <= 4 * MOST_TERMS else []
