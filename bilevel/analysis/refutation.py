"""Instances that refute proportionality of two gradients, or equality of two sets of fixed points.

Main definitions: `Parting`, `refute_constant`, `refute_direction`, `compare_zeros`.

Random instances refute and never prove. Only instances whose averages have closed form are looked at, so that
everything is decided by exact arithmetic or an enclosure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixExpr

from bilevel.game import Game
from bilevel.language.counterexample import ATTEMPTS, SIZES, Drawing, differ
from bilevel.language.errors import BilevelError
from bilevel.language.instance import PendingExpectation
from bilevel.language.instantiate import Coordinates

Rows = list[tuple[Any, Any, Any]]


@dataclass(frozen=True)
class Parting:
    """Two gradients at an instance (or two) where no positive factor takes one to the other.

    Math: `first` and `second` are the values; `why` says what is wrong with them.
    """

    why: str
    where: tuple[str, ...]
    first: tuple[Any, ...]
    second: tuple[Any, ...]
    known: str = "exact"

    def __str__(self) -> str:
        return f"{self.why}: {_shown(self.first)} against {_shown(self.second)}"


def _shown(values: tuple[Any, ...]) -> str:
    return f"({', '.join(str(v) if len(str(v)) < 40 else str(sp.N(v, 8)) for v in values)})"


def _instances(rows: Rows) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """(description, first gradient, second gradient) at random instances of the whole step."""
    left, right = [mine for _, mine, _ in rows], [theirs for _, _, theirs in rows]
    for attempt in range(2 * ATTEMPTS):
        try:
            draw = Drawing(sp.Tuple(*left), sp.Tuple(*right), Random(attempt), SIZES[attempt % len(SIZES)], attempt % 3)
            coordinates = Coordinates(draw.instance, values=True)
            parts = [[_entries(coordinates, e) for e in side] for side in (left, right)]
        except (BilevelError, ZeroDivisionError, NotImplementedError, ValueError, TypeError):
            continue
        mine, theirs = ([entry for part in side for entry in part] for side in parts)
        if not any(entry.has(PendingExpectation, sp.nan, sp.zoo) or entry.free_symbols for entry in (*mine, *theirs)):
            told = draw.told()
            yield "; ".join(f"{k} = {v}" for group in told for k, v in group.items()), mine, theirs


def _entries(coordinates: Coordinates, expression: Any) -> list[Any]:
    if isinstance(expression, MatrixExpr):
        return list(coordinates.matrix(expression, {}))
    return [coordinates.scalar(expression, {})]


def _parting(where: str, mine: list[Any], theirs: list[Any]) -> Parting | None:
    """Why one vector is no positive multiple of the other, if that is so."""
    zero_mine, zero_theirs = (all(differ(e) == "" and sp.expand(e) == 0 for e in side) for side in (mine, theirs))
    if zero_mine and zero_theirs:
        return None
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        for c, d in list(zip(mine, theirs, strict=True))[i + 1 :]:
            if how := differ(a * d - b * c):
                return Parting("the two steps are not collinear", (where,), tuple(mine), tuple(theirs), _known(how))
    if zero_mine != zero_theirs:
        other = theirs if zero_mine else mine
        how = next((h for h in map(differ, other) if h), "")
        return (
            Parting("one step vanishes and the other does not", (where,), tuple(mine), tuple(theirs), _known(how))
            if how
            else None
        )
    product = sum((a * b for a, b in zip(mine, theirs, strict=True)), sp.S.Zero)
    how = differ(product)
    if how and sp.N(product, 50) < 0:
        return Parting("the two steps point in opposite directions", (where,), tuple(mine), tuple(theirs), _known(how))
    return None


def _known(how: str) -> str:
    return "exact" if how == "exact" else "float"


def refute_direction(rows: Rows) -> Parting | None:
    """An instance at which the first gradient is no positive multiple of the second."""
    for where, mine, theirs in _instances(rows):
        found = _parting(where, mine, theirs)
        if found is not None:
            return found
    return None


def refute_constant(rows: Rows) -> Parting | None:
    """An instance as in `refute_direction`, or two instances at which the factors differ."""
    first: tuple[str, Any, list[Any], list[Any]] | None = None
    for where, mine, theirs in _instances(rows):
        found = _parting(where, mine, theirs)
        if found is not None:
            return found
        place = next((i for i, e in enumerate(theirs) if differ(e)), None)
        if place is None:
            continue
        ratio = mine[place] / theirs[place]
        if first is None:
            first = (where, ratio, mine, theirs)
        elif how := differ(ratio - first[1]):
            why = "the factor is not the same at two instances"
            return Parting(why, (first[0], where), (first[1],), (ratio,), _known(how))
    return None


def compare_zeros(first: Game, second: Game) -> dict[str, Any]:
    """Whether two games have the same fixed points, where all of them can be found."""
    if not (first.is_coordinate and second.is_coordinate):
        reason = "fixed points of networks of unspecified form are not compared; instantiate the games"
        return {"holds": None, "known": "unknown", "reason": reason}
    from bilevel.analysis.fixed_points import equilibria

    mine, theirs = equilibria(first), equilibria(second)
    points, others = ([{v: sp.expand(x) for v, x in e.point.items()} for e in found.points] for found in (mine, theirs))
    extra = [p for p in points if p not in others] + [p for p in others if p not in points]
    existing = [{str(e.point): e.exists_on for e in found.points} for found in (mine, theirs)]
    if mine.complete and theirs.complete and not extra and existing[0] == existing[1]:
        return {"holds": True, "reason": f"{len(points)} fixed points, the same in both, all found"}
    field = {False: first.field(), True: second.field()}
    for point in extra:
        values = [value.subs(point) for value in field[point in points].values()]
        if any(differ(value) for value in values if not value.free_symbols):
            return {"holds": False, "counterexample": point, "reason": f"{point} is a fixed point of one game only"}
    return {"holds": None, "known": "unknown", "reason": "not all fixed points could be found and compared"}
