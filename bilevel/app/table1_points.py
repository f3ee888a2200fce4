"""What becomes of a fixed point when a strategy changes game and rule: kept, moved or destroyed.

Main definition: `fate_of`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.analysis.cascades import linear_at
from bilevel.analysis.equilibrium import Equilibrium
from bilevel.analysis.rays import moves_on_every_ray, peak
from bilevel.app.table1_moved import (
    CRITIC_MOVED,
    DESTROYED,
    KEPT,
    UNDECIDED,
    Fate,
    critic_told,
    elsewhere,
    plainly_moves,
    zeros_given,
)
from bilevel.language.errors import BilevelError, GameError, UnknownAnswer
from bilevel.language.values import expression
from bilevel.models.samples import SampledGame
from bilevel.rules import flow
from bilevel.rules.protocol.smoothness import JUMPS, evaluated


def fate_of(game: Any, plain: Any, point: dict[str, Any], actor: tuple[str, ...], clock: Any) -> Fate:
    """Where the equilibrium of the unchanged, plain game is in the changed one: everything in place, the actor in
    place, or elsewhere."""
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
            why = (
                "the updates vanish there"
                if exact
                else f"the actor stays; the critic is at {critic_told(found, actor)}"
            )
            return Fate(KEPT if exact else CRITIC_MOVED, found, why)
    return elsewhere(game, plain, place, actor, clock)


def _at(game: Any, kept: dict[str, Any]) -> Equilibrium | None:
    """The equilibrium with these coordinates; followers are where what they follow is, others are solved for."""
    whole = {str(v): kept[n] for v in game.variables for n in kept if str(v).rpartition("_")[0] == n} | kept
    weights = [str(w) for w in game.samples.weights] if isinstance(game, SampledGame) else []
    if weights and weights[0] in whole:
        whole = dict.fromkeys(weights, sp.S.Zero) | whole  # weights that are added are idle at 0
    if len(whole) == len(game.variables):
        point = {v: whole[str(v)] for v in game.variables}
        if len(kept) == len(game.variables) and plainly_moves(game, point):
            return None
        try:
            linear_at(game, flow(), point)
            return Equilibrium(point)
        except GameError:
            if len(kept) == len(game.variables) or not set(weights) <= set(kept):
                raise
    found, _, _ = zeros_given(game, kept)
    return found[0] if found else None


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
