"""Target copies that are held still and renewed every C steps: stability of the whole cycle.

Main definitions: `held_target`.

A copy that follows softly needs nothing of its own: it is a player, and its step is tau.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.state_map import state_map
from bilevel.analysis.verdict import Verdict
from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.rules.protocol.linear import complete
from bilevel.rules.protocol.rule import Rule

LONGEST = 64


def held_target(game: Game, rule: Rule, *, every: Any, at: Mapping[Any, Any], player: str = "target") -> Verdict:
    """Stability per cycle: every other player takes C steps while the target's copy is held, then the copy is renewed.

    Math: one step x -> M x + N c, renewal c = E x (the target player's best response): the cycle's Jacobian is
        M^C + (1 + M + ... + M^(C-1)) N E. `every=oo`: the fit is done before renewal, (1 - M)^{-1} N E, and it has to
        be done by converging: the verdict is then on that matrix and M side by side, stable where both contract.

    Shapes: `every` a number up to 64 or oo; the verdict is per cycle (of the fit's own block, per step), entries have
        degree C in the step sizes.

    Raises: GameError if there is no such player, the rule is a flow, the point moves, or `every` is no such number.

    Reference: Mnih et al. (2015), doi 10.1038/nature14236; Riedmiller (2005), doi 10.1007/11564096_32, for oo.

    Examples:
        >>> from bilevel.models import doubling_chain
        >>> from bilevel.rules import simultaneous
        >>> a = sp.Symbol("alpha", positive=True)
        >>> game = doubling_chain().td(target="copy")
        >>> held_target(game, simultaneous(a), every=sp.oo, at={"w": 0, "wbar": 0}).condition
        (alpha < 2) & (gamma < 1/2)
    """
    if rule.time == "continuous":
        raise GameError("a copy is renewed every so many steps; choose a rule with steps, not a flow")
    count = sp.sympify(every, strict=True)
    if count != sp.oo and not (count.is_Integer and 0 < count <= LONGEST):
        raise GameError(
            f"every how many steps the copy is renewed is a number from 1 to {LONGEST}, or oo; got {every!r}"
        )
    point = complete(game, at)
    copies = game[player].moves
    others = Game({name: p for name, p in game.players.items() if name != player}, assuming=game.assuming)
    here = {v: value for v, value in point.items() if v not in copies}
    system = state_map(others, rule, here)
    put = {**point, **system.point}
    after = [e.xreplace(put) - system.point[v] for e, v in zip(system.after, system.variables, strict=True)]
    if any(sp.cancel(sp.together(moved)) != 0 for moved in after):
        raise GameError("the point moves under the rule; choose one that every player leaves in place")
    slope = lambda e, v: sp.cancel(sp.together(sp.diff(e, v).xreplace(put)))
    M = sp.Matrix([[slope(e, v) for v in system.variables] for e in system.after])
    N = sp.Matrix([[slope(e, c) for c in copies] for e in system.after])
    cycle = _cycle(M, N * _renewal(game, player, system.variables, put), count).applyfunc(sp.cancel)
    if count != sp.oo:
        return analyse(cycle, time="discrete", assuming=game.assuming)
    both = analyse(sp.diag(cycle, M), time="discrete", assuming=game.assuming)
    return replace(both, eigenvalues=None)  # two clocks: their maximum is no rate


def _renewal(game: Game, player: str, variables: tuple[Any, ...], put: Mapping[Any, Any]) -> Any:
    """E: how the copy at its player's best response depends on the others' state."""
    field, copies = game.field(), game[player].moves
    if any(sp.cancel(sp.together(field[c].xreplace(put))) != 0 for c in copies):
        raise GameError(f"{player!r} does not hold its copy at the point; a copy equals what it follows")
    own = sp.Matrix([[sp.diff(field[c], d).xreplace(put) for d in copies] for c in copies])
    cross = sp.Matrix([[sp.diff(field[c], v).xreplace(put) for v in variables] for c in copies])
    if sp.cancel(own.det()) == 0:
        raise GameError(f"{player!r} has no single best response, so nothing says what it is renewed to")
    return -own.LUsolve(cross)


def _cycle(M: Any, pushed: Any, count: Any) -> Any:
    one = sp.eye(M.rows)
    if count == sp.oo:
        gap = (one - M).applyfunc(sp.cancel)
        if gap.det() == 0:
            raise GameError("the fit towards a held target has no single end")
        return gap.LUsolve(pushed)
    power, total = one, sp.zeros(M.rows)
    for _ in range(int(count)):
        total, power = total + power, power * M
    return power + total * pushed
