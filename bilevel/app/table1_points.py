"""What becomes of a fixed point when a strategy changes game and rule: kept, moved or destroyed.

Main definitions: `fate_of`, `Fate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.cascades import linear_at
from bilevel.analysis.enclosure import enclose
from bilevel.analysis.equilibrium import Equilibrium
from bilevel.analysis.nearest import zeros_near
from bilevel.analysis.rays import moves_on_every_ray, peak
from bilevel.analysis.zeros import solve_zeros
from bilevel.app.budget import OutOfTime
from bilevel.language.errors import BilevelError, GameError, UnknownAnswer
from bilevel.language.values import expression
from bilevel.models.samples import SampledGame
from bilevel.rules import flow
from bilevel.rules.protocol.smoothness import JUMPS, evaluated

KEPT, CRITIC_MOVED, MOVED, DESTROYED, UNDECIDED = "kept", "kept for the actor", "moved", "destroyed", "unknown"

SHORT = 160  # characters of an equation that was not solved
LONG = 100  # operations in a point up to which its closed form is worked with


@dataclass(frozen=True)
class Fate:
    """The word, where the equilibrium is now (None: nowhere, or not known), and what shows it."""

    word: str
    point: Equilibrium | None
    why: str


def fate_of(game: Any, point: dict[str, Any], actor: tuple[str, ...], clock: Any) -> Fate:
    """Where the equilibrium of the unchanged game is in the changed one: everything in place, the actor in place, or
    elsewhere."""
    names = {str(v) for v in game.variables}
    place = {name: expression(value) for name, value in point.items() if name in names}
    for word, kept in ((KEPT, place), (CRITIC_MOVED, {n: v for n, v in place.items() if n in actor})):
        try:
            with clock.section(1 / 2):
                found = _at(game, kept)
        except GameError as stop:
            if "kink" in str(stop):
                return _from_either_side(game, place)
            if "singular" in str(stop):
                shown = _by_rays(game, place)
                why = f"there is no derivative there, and along every ray from it {shown}" if shown else str(stop)
                return Fate(DESTROYED if shown else UNDECIDED, None, why)
            continue
        except (UnknownAnswer, NotImplementedError, TypeError, ValueError):
            continue
        if found is not None:
            lost = [n for n in point if n not in names]
            exact = word == KEPT and not lost
            why = "the updates vanish there" if exact else f"the actor stays; the critic is at {_told(found, actor)}"
            return Fate(KEPT if exact else CRITIC_MOVED, found, why)
    try:
        with clock.section(1 / 4):
            everywhere, complete, reason = _zeros(game, {})
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


def _enclosed(game: Any, place: dict[str, Any], actor: tuple[str, ...], reason: str) -> Fate:
    """Where there is no closed form: the nearest fixed point that an interval test proves."""
    short = reason if len(reason) < SHORT else f"{reason[:SHORT]} ..."
    why = f"where the equilibrium is now was not found in closed form: {short}"
    try:
        found = zeros_near(game, {v: place.get(str(v), sp.S.Zero) for v in game.variables})
    except BilevelError as stop:
        return Fate(UNDECIDED, None, f"{why}; {stop}")
    if not found:
        why += "; nor did Newton's method from the old one, with an interval test, prove one nearby"
        return Fate(UNDECIDED, None, f"{why}; try: a simpler critic")
    others = f", the nearest of {len(found)} found" if len(found) > 1 else ""
    return _elsewhere(found[0], place, actor, f"{others}; that there is no nearer one is not known")


def _in_decimals(game: Any, point: Equilibrium, place: dict[str, Any], actor: tuple[str, ...], complete: bool) -> Fate:
    """A closed form too long to work with, enclosed again."""
    found = zeros_near(game, point.point, starts=1)
    if not found:
        return Fate(UNDECIDED, None, "the closed form of the moved equilibrium is too long to work with")
    only = "" if complete else "; that there is no nearer one is not known"
    return _elsewhere(found[0], place, actor, f"; its closed form is too long to work with{only}")


def _elsewhere(near: Equilibrium, place: dict[str, Any], actor: tuple[str, ...], note: str) -> Fate:
    """That an enclosed fixed point is elsewhere, and whether the actor is."""
    told = ", ".join(f"{v} = {x}" for v, x in near.point.items() if str(v) in place)
    how = f"enclosed: an interval test proves a fixed point within 1e-12 of these decimals{note}"
    gaps = [enclose(place[name] - x) for v, x in near.point.items() if (name := str(v)) in actor and name in place]
    if any(gap is not None and not gap.contains(0) for gap in gaps):
        return Fate(MOVED, near, f"to {told} ({how})")
    if all(gap is not None and gap == 0 for gap in gaps):
        return Fate(CRITIC_MOVED, near, f"the actor stays; the critic is at {_told(near, actor)} ({how})")
    return Fate(UNDECIDED, None, f"a fixed point is at {told} ({how}); whether the actor stays exactly was not decided")


def _at(game: Any, kept: dict[str, Any]) -> Equilibrium | None:
    """The equilibrium with these coordinates; followers are where what they follow is, others are solved for."""
    whole = {str(v): kept[n] for v in game.variables for n in kept if str(v).rpartition("_")[0] == n} | kept
    weights = [str(w) for w in game.samples.weights] if isinstance(game, SampledGame) else []
    if weights and weights[0] in whole:
        whole = dict.fromkeys(weights, sp.S.Zero) | whole  # weights that are added are idle at 0
    if len(whole) == len(game.variables):
        point = {v: whole[str(v)] for v in game.variables}
        try:
            linear_at(game, flow(), point)
            return Equilibrium(point)
        except GameError:
            if len(kept) == len(game.variables) or not set(weights) <= set(kept):
                raise
    found, _, _ = _zeros(game, kept)
    return found[0] if found else None


def _zeros(game: Any, kept: dict[str, Any]) -> tuple[list[Equilibrium], bool, str]:
    """Zeros of the field with some coordinates given."""
    put = {v: kept[str(v)] for v in game.variables if str(v) in kept}
    rest = [v for v in game.variables if v not in put]
    zeros = solve_zeros(
        [slope.subs(put, simultaneous=True) for slope in game.field().values()], rest, facts=game.assuming
    )
    points = []
    for branch in zeros.branches:
        values = {v: put.get(v, branch.values.get(v)) for v in game.variables}
        if not branch.conditions and None not in values.values():
            points.append(Equilibrium(values, free=tuple(v for v in game.variables if v in branch.free)))
    return points, zeros.complete, zeros.reason


def _told(found: Equilibrium, actor: tuple[str, ...]) -> str:
    return ", ".join(f"{v} = {x}" for v, x in found.point.items() if str(v) not in actor)[:200]


def _distance(point: Equilibrium, place: dict[str, Any]) -> float:
    gaps = [
        complex(sp.N(value - place[str(v)]))
        for v, value in point.point.items()
        if str(v) in place and not value.free_symbols
    ]
    return sum(abs(gap) ** 2 for gap in gaps)


def _from_either_side(game: Any, place: dict[str, Any]) -> Fate:
    """At a kink: the update's limits from its sides, none of which is differentiated through."""
    put = {v: place[str(v)] for v in game.variables if str(v) in place}
    said, bent = [], []
    for variable, slope in game.field().items():
        try:
            if evaluated(slope, put) is not None:
                continue
            bent.append(variable)
            limits = [_limit(slope, put, side) for side in (1, -1)]
        except (TypeError, ValueError, NotImplementedError):
            return _by_cost(game, place, variable)
        if any(limit is None for limit in limits):
            return _by_cost(game, place, variable)
        if all(limit.is_nonzero for limit in limits):
            said.append(f"d{variable}/dt tends to {-limits[0]} from above and to {-limits[1]} from below, never to 0")
    if said:
        return Fate(DESTROYED, None, f"one-sided limits at the kink: {'; '.join(said)}")
    if not bent:
        return Fate(UNDECIDED, None, "the rule meets a kink that the updates do not show; try: a smooth model of it")
    return _by_cost(game, place, bent[0])


def _by_rays(game: Any, place: dict[str, Any]) -> str:
    """What the updates tend to along rays from a point where they have no value; "" where they may vanish together."""
    try:
        return moves_on_every_ray(game, place)
    except BilevelError:
        return ""


def _by_cost(game: Any, place: dict[str, Any], variable: Any) -> Fate:
    """At a kink inside an average: whether the critic's own cost falls along every direction that leaves it."""
    try:
        rate = peak(game, game.samples.critic, place)
    except (BilevelError, TypeError, NotImplementedError):
        rate = None
    if rate is None:
        why = f"the update of {variable} has a kink inside an average; its sides were not told apart"
        return Fate(UNDECIDED, None, why)
    return Fate(DESTROYED, None, f"the critic's cost falls along every direction that leaves the kink, at rate {rate}")


def _limit(slope: Any, put: dict[Any, Any], side: int) -> Any:
    """The value from one side of everything that jumps by its own argument's sign."""
    if any(hasattr(node, "bound") and node.has(*JUMPS) for node in sp.preorder_traversal(slope)):
        return None
    turned = slope.replace(lambda n: isinstance(n, sp.sign), lambda n: sp.Integer(side))
    turned = turned.replace(lambda n: isinstance(n, sp.Heaviside), lambda n: sp.Integer((1 + side) // 2))
    value = turned.subs(put, simultaneous=True)
    return value if not value.free_symbols - {s for s in value.free_symbols if s.is_positive} else None
