"""Where a fixed point is that a strategy has moved: in closed form, through a chart, on a ray, or in an enclosure.

Main definitions: `elsewhere`, `Fate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from bilevel.analysis.charted import free_length, is_charted, is_inside, same_through, zeros_on_sphere
from bilevel.analysis.enclosure import enclose
from bilevel.analysis.equilibrium import Equilibrium
from bilevel.analysis.nearest import ball_of, zeros_near
from bilevel.analysis.zeros import solve_zeros
from bilevel.app.budget import OutOfTime
from bilevel.language.errors import BilevelError
from bilevel.language.mean import Mean
from bilevel.models.samples import SampledGame

KEPT, CRITIC_MOVED, MOVED, DESTROYED, UNDECIDED = "kept", "kept for the actor", "moved", "destroyed", "unknown"

SHORT = 160  # characters of an equation that was not solved
LONGEST = 4000  # operations in equations that are asked for a closed form
LONG = 100  # operations in a point up to which its closed form is worked with


@dataclass(frozen=True)
class Fate:
    """The word, where the equilibrium is now (None: nowhere, or not known), what shows it, and the direction of the ray
    of fixed points through it, if there is one."""

    word: str
    point: Equilibrium | None
    why: str
    along: Mapping[str, Any] = field(default_factory=dict)


def elsewhere(game: Any, plain: Any, place: dict[str, Any], actor: tuple[str, ...], clock: Any) -> Fate:
    """The fixed point next to the old one, which is none any more."""
    if isinstance(game, SampledGame) and not any(slope.has(Mean) for slope in game.field().values()):
        with clock.section(1 / 2):
            found = _through_chart(game, plain, place, actor) or _on_a_ray(game, place, actor)
        if found is not None:
            return found
    try:
        with clock.section(1 / 4):
            everywhere, complete, reason = zeros_given(game, {})
    except OutOfTime:
        everywhere, complete, reason = [], False, "the search for a closed form ran out of time"
    if everywhere:
        near = min(everywhere, key=lambda p: _distance(p, place))
        if sum(sp.count_ops(x) for x in near.point.values()) > LONG:
            return _in_decimals(game, near, place, actor, complete)
        told = ", ".join(f"{v} = {x}" for v, x in near.point.items() if str(v) in place)
        return Fate(MOVED, near, f"to {told}"[:300])
    if complete:
        return Fate(DESTROYED, None, "the changed game has no fixed point at all")
    with clock.section(1 / 2):
        return _enclosed(game, place, actor, reason)


def _through_chart(game: Any, plain: Any, place: dict[str, Any], actor: tuple[str, ...]) -> Fate | None:
    """Where the critic's weights are used through a change of variables, with fixed points those of the plain game."""
    chart = game.samples.chart
    if chart is None or game.variables != plain.variables or not is_charted(game, plain, chart):
        return None
    old = {v: place[str(v)] for v in plain.variables}
    inside = is_inside(old, chart)
    if inside is False:
        value = sp.cancel(chart.inside.subs(old, simultaneous=True))
        why = (
            "proved: the changed game's fixed points are those of the unchanged one, its weights read through the "
            f"change of variables, whose values always have {chart.inside} > 0; at the old weights that is {value}, so "
            "that no fixed point corresponds to them"
        )
        return Fate(DESTROYED, None, why)
    for found in zeros_near(game, old) if inside else []:
        if same_through(plain, old, found.point, chart):
            point = {v: old[v] if str(v) in actor else x for v, x in found.point.items()}
            why = "proved: as they are used, after the change of variables, its weights are the old ones"
            there = replace(found, point=point)
            return Fate(CRITIC_MOVED, there, f"the actor stays; the critic is at {critic_told(there, actor)} ({why})")
    return None


def _on_a_ray(game: Any, place: dict[str, Any], actor: tuple[str, ...]) -> Fate | None:
    """Where only the direction of the critic's weights matters: the fixed point that is as far out as the old one."""
    weights = [w for w in game.samples.weights if str(w) in place]
    if len(weights) < 2 or not free_length(game, weights):
        return None
    try:
        found = zeros_on_sphere(game, weights, {v: place[str(v)] for v in game.variables})
    except BilevelError:
        return None
    if not found:
        return None
    note = ", the nearest of those found" if len(found) > 1 else ""
    ray = (
        "; a ray of them: only the direction of the critic's weights matters, their length is taken as before, "
        "and the regions are those across the ray"
    )
    fate = _proved(found[0], place, actor, f"{note}; that there is no nearer one is not known{ray}")
    return replace(fate, along={str(w): found[0].point[w] for w in weights})


def _enclosed(game: Any, place: dict[str, Any], actor: tuple[str, ...], reason: str) -> Fate:
    """Where there is no closed form: the nearest fixed point that an interval test proves."""
    short = reason if len(reason) < SHORT else f"{reason[:SHORT]} ..."
    why = f"where the equilibrium is now was not found in closed form: {short}"
    waiting = [average for slope in game.field().values() for average in slope.atoms(Mean)]
    if waiting:
        drawn = sorted({str(s) for average in waiting for s in average.bound})
        why = (
            f"where the equilibrium is now was not found: averages over {', '.join(drawn)} in the updates have neither "
            "a closed form nor an enclosure, so that no interval test applies; try: laws with finitely many values"
        )
        return Fate(UNDECIDED, None, why)
    try:
        found = zeros_near(game, _symbols(game, place))
    except BilevelError as stop:
        return Fate(UNDECIDED, None, f"{why}; {stop}")
    if not found:
        why += "; nor did Newton's method from the old one, with an interval test, prove one nearby"
        return Fate(UNDECIDED, None, f"{why}; try: a simpler critic")
    others = ", the nearest of those found" if len(found) > 1 else ""
    return _proved(found[0], place, actor, f"{others}; that there is no nearer one is not known")


def _symbols(game: Any, place: dict[str, Any]) -> dict[Any, Any]:
    return {v: place.get(str(v), sp.S.Zero) for v in game.variables}


def _in_decimals(game: Any, point: Equilibrium, place: dict[str, Any], actor: tuple[str, ...], complete: bool) -> Fate:
    """A closed form too long to work with, enclosed again."""
    found = zeros_near(game, point.point, starts=1)
    if not found:
        return Fate(UNDECIDED, None, "the closed form of the moved equilibrium is too long to work with")
    only = "" if complete else "; that there is no nearer one is not known"
    return _proved(found[0], place, actor, f"; its closed form is too long to work with{only}")


def _proved(near: Equilibrium, place: dict[str, Any], actor: tuple[str, ...], note: str) -> Fate:
    """That an enclosed fixed point is elsewhere, and whether the actor is."""
    told = ", ".join(f"{v} = {x}" for v, x in near.point.items() if str(v) in place)
    known = "enclosed: an interval test proves a fixed point within 1e-12 of these decimals"
    how = f"{'exact' if near.known == 'exact' else known}{note}"
    gaps = [enclose(place[name] - x) for v, x in near.point.items() if (name := str(v)) in actor and name in place]
    if any(gap is not None and not gap.contains(0) for gap in gaps):
        return Fate(MOVED, near, f"to {told} ({how})")
    if all(gap is not None and gap == 0 for gap in gaps):
        return Fate(CRITIC_MOVED, near, f"the actor stays; the critic is at {critic_told(near, actor)} ({how})")
    return Fate(UNDECIDED, None, f"a fixed point is at {told} ({how}); whether the actor stays exactly was not decided")


def plainly_moves(game: Any, point: Mapping[Any, Any]) -> bool:
    """Whether an enclosure of some update there excludes 0: quicker to see than an exact value."""
    balls: dict[Any, Any] = {v: ball_of(x) for v, x in point.items()}
    seen: dict[Any, Any] = {}
    found = (enclose(slope, balls, seen=seen) for slope in game.field().values())
    return any(ball is not None and not ball.contains(0) for ball in found)


def zeros_given(game: Any, kept: dict[str, Any]) -> tuple[list[Equilibrium], bool, str]:
    """Zeros of the field with some coordinates given."""
    put = {v: kept[str(v)] for v in game.variables if str(v) in kept}
    rest = [v for v in game.variables if v not in put]
    if sum(slope.count_ops() for slope in game.field().values()) > LONGEST:
        return [], False, "the equations are too long"
    zeros = solve_zeros(
        [slope.subs(put, simultaneous=True) for slope in game.field().values()], rest, facts=game.assuming
    )
    points = []
    for branch in zeros.branches:
        values = {v: put.get(v, branch.values.get(v)) for v in game.variables}
        if not branch.conditions and None not in values.values():
            points.append(Equilibrium(values, free=tuple(v for v in game.variables if v in branch.free)))
    return points, zeros.complete, zeros.reason


def critic_told(found: Equilibrium, actor: tuple[str, ...]) -> str:
    return ", ".join(f"{v} = {x}" for v, x in found.point.items() if str(v) not in actor)[:200]


def _distance(point: Equilibrium, place: dict[str, Any]) -> float:
    gaps = [
        complex(sp.N(value - place[str(v)]))
        for v, value in point.point.items()
        if str(v) in place and not value.free_symbols
    ]
    return sum(abs(gap) ** 2 for gap in gaps)
