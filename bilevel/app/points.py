"""The points a command speaks about: the one a file gives, or the fixed points found.

Main definitions: `points_of`, `Found`, `Given`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from bilevel.analysis.fixed_points import described, equilibria, kept_equilibria, named_equilibria
from bilevel.analysis.known import Known, under
from bilevel.app.budget import Clock, OutOfTime
from bilevel.app.problem import Problem
from bilevel.app.scope import fits
from bilevel.language.errors import BilevelError, GameError, UnknownAnswer

LATE = "out of time while the fixed points were being found"


@dataclass(frozen=True)
class Given:
    """A point that the file gives."""

    point: Mapping[Any, Any]
    kinds: tuple[str, ...] = ()
    exists_on: Any = sp.true
    known: str = "exact"
    free: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Found:
    """Points, and whether they are all there are."""

    points: tuple[Any, ...]
    complete: bool
    reason: str = ""


def points_of(problem: Problem, rule: Any, clock: Clock = Clock()) -> Found:
    """The points to analyse."""
    if problem.assuming and Known(problem.assuming).contradictory():
        raise problem.located("no values meet all assumptions; drop or change one of them", "assume")
    game = under(problem.game, *problem.domain)
    open_ones: list[tuple[Any, Known]] = []

    def later(game: Any, rule: Any, point: Any, known: Known) -> Any:
        open_ones.append((point, known))
        return point

    try:
        with clock.section(1 / 3 if problem.complete_at or rule is not None else 2 / 3):
            found = equilibria(game, rule, at=problem.at or None, describe=later)
    except (UnknownAnswer, OutOfTime) as stop:
        if problem.complete_at:
            return Found((Given(problem.at),), False)
        kept = _kept(problem, game, rule, later, clock)
        if kept is None:
            named = _named(problem, game, rule, clock)
            if not named:
                raise
            reason = f"{str(stop) or LATE}; only what the model names was tested, others may exist"
            return Found(named, False, reason)
        found = replace(kept, reason=f"{str(stop) or LATE}; {kept.reason}")
    except GameError as stop:
        raise (problem.located(str(stop), "at") if problem.at else stop) from None
    kinds = _kinds(game, rule, [pair for pair in open_ones if _inside(problem, pair[0].point)], clock)
    inside = tuple(kinds.get(id(e), e) for e in found.points if _inside(problem, e.point))
    return Found(inside, bool(found.complete), "" if problem.complete_at else found.reason or "")


def _kinds(game: Any, rule: Any, points: list[tuple[Any, Known]], clock: Clock) -> dict[int, Any]:
    """The points with their kinds, by the identity of the points without; open where there is no time for them."""
    found = {}
    for point, known in points:
        try:
            with clock.section(1 / 4):
                found[id(point)] = described(game, rule, point, known)
        except (UnknownAnswer, OutOfTime):
            continue
    return found


def _kept(problem: Problem, game: Any, rule: Any, describe: Any, clock: Clock) -> Any:
    """The zeros of the field that the rule keeps, where its own fixed points took too long; None without any."""
    given = {v: problem.at[v] for v in game.variables if v in problem.at}
    try:
        with clock.section(1 / 2):
            found = kept_equilibria(game, rule, given, describe) if rule is not None else None
    except (BilevelError, OutOfTime):
        return None
    return found if found and found.points else None


def _named(problem: Problem, game: Any, rule: Any, clock: Clock) -> tuple[Any, ...]:
    """The fixed points that a model names, where there was no time or no way to find all."""
    given = {v: problem.at[v] for v in game.variables if v in problem.at}
    try:
        with clock.section(1 / 2):
            return tuple(e for e in named_equilibria(game, rule, given) if _inside(problem, e.point))
    except (BilevelError, OutOfTime):
        return ()


def _inside(problem: Problem, point: Mapping[Any, Any]) -> bool:
    """Whether a point may lie in the domain of the variables."""
    if not all(fits(variable, value) for variable, value in point.items()):
        return False
    return not any(fact.subs(dict(point)) == sp.false for fact in problem.domain)
