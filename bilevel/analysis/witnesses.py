"""Rational points that meet the assumptions: what holds at one of them is not impossible, and z3 need not be asked.

Main definitions: `Witnesses`.

Math: each generator is drawn inside its bounds, points that break a fact are dropped. Points refute and never prove.
"""

from __future__ import annotations

import random
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel.analysis.polynomials import rational
from bilevel.analysis.regions import evaluate

DRAWS, KEPT = 150, 24
_BELOW = (1, 1, 2, 3, 8, 50)  # denominators


class Witnesses:
    """Points at which everything that an `Assumptions` takes for granted is true."""

    def __init__(self, assumptions: Any) -> None:
        self.assumptions = assumptions

    def meet(self, formula: Any) -> bool:
        """Whether the formula holds at one of the points."""
        return any(_holds(formula, at) for at in self.points)

    @cached_property
    def points(self) -> list[list[Any]]:
        """The points, the same in every run; none where generators depend on one another, as roots do."""
        known, source = self.assumptions, random.Random(7)
        if known.coordinates.relations:
            return []
        found: list[list[Any]] = []
        for _ in range(DRAWS):
            at = [self._drawn(source, i) for i in range(len(known.bounds))]
            if all(at[i] != 0 for i in known.nonzero) and all(_holds(fact, at) for fact in known.facts):
                found.append(at)
            if len(found) == KEPT:
                break
        return found

    def _drawn(self, source: random.Random, index: int) -> Any:
        """A number strictly inside the bounds of a generator."""
        low, _, up, _ = self.assumptions.bounds[index]
        above, below = source.choice((source.randint(1, 4), source.randint(1, 60))), source.choice(_BELOW)
        size = rational(sp.Rational(above, below))
        if low is not None and up is not None:
            return low + (up - low) * size / (size + 1)
        if low is None and up is None:
            return size * source.choice((-1, 1))
        return low + size if up is None else up - size


def _holds(formula: Any, at: list[Any]) -> bool:
    return evaluate(formula, lambda p: _sign_at(p, at)) is True


def _sign_at(p: Any, at: list[Any]) -> int | None:
    """The sign of a polynomial at a point; None for what is no polynomial."""
    if isinstance(p, sp.Basic):
        return None
    value = p(*at)
    return int(value > 0) - int(value < 0)
