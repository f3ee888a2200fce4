"""Stability at a kink that does not feel itself: the kinked part of a field drives a smooth rest, and only that.

Main definitions: `cascaded`, `linear_at` (the Jacobian, or that matrix where there is a kink).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.kinks import plain_kinks
from bilevel.language.mean import Mean
from bilevel.language.nodes import release
from bilevel.rules.protocol.dual import Dual, settle
from bilevel.rules.protocol.linear import LinearField, Linearisation, complete, exactly_at, linearise
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.smoothness import JUMPS


def cascaded(game: Any, rule: Rule, at: Mapping[Any, Any]) -> Linearisation:
    """The matrix that decides stability at a point where |g_1|, ..., |g_k| in the field have a kink, g_i = 0 there.

    Math: near the point F = J d + N |K d| + o(|d|), K the slopes of the g_i. If v P N = 0 for every row v that K
        generates under v -> v P J, P the projection on any one player, then these rows move by themselves, linearly,
        under every rule that takes players along the field; the rest is linear with |K d| as its input. So the fixed
        point is exponentially stable exactly where the field with every |g_i| replaced by 0 has it so, and unstable
        where that has an eigenvalue beyond the boundary. No derivative is taken across the kink.

    Raises: UnknownAnswer where the field itself jumps, where a kink stands inside an average, where the rule asks for
        more than values of the field, or where the kinks feel themselves.

    Reference: Khalil (2002), Nonlinear Systems, section 4.9, for cascades; Facchinei and Pang (2003), section 3.1, for
        the directional derivative.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.language.nodes import stop_gradient
        >>> from bilevel.rules import simultaneous
        >>> x, y = sp.symbols("x y", real=True)
        >>> h = sp.Symbol("h", positive=True)
        >>> game = Game(a=minimize((x - stop_gradient(sp.Abs(y)))**2/2, x), b=minimize(y**2, y))
        >>> cascaded(game, simultaneous(h), {x: 0, y: 0}).matrix
        Matrix([
        [1 - h,       0],
        [    0, 1 - 2*h]])
    """
    point = complete(game, at)
    bent = {v: release(plain_kinks(slope)) for v, slope in game.field().items()}
    slacks = _kinks(bent, point)
    none = dict.fromkeys(slacks, sp.S.Zero)
    if jumping := [v for v, slope in bent.items() if slope.has(*JUMPS, sp.Piecewise)]:
        raise UnknownAnswer(f"the update of {jumping[0]} jumps", next_step="take limits from its sides")
    flat = game.map_losses(lambda loss: _without(plain_kinks(loss), slacks))
    straight = {v: release(slope) for v, slope in flat.field().items()}
    for v, slope in bent.items():  # |g| stands in the field as in the losses: nobody differentiates it
        if sp.expand(slope.xreplace(none) - straight[v]) != 0:
            raise UnknownAnswer(f"a kink in the update of {v} is differentiated", next_step="hold it fixed in the loss")
    if not _field_only(flat, rule):
        raise UnknownAnswer(f"{rule.name} differentiates the field", next_step="use a rule that only evaluates it")
    marks = {kink: sp.Dummy("s", real=True) for kink in slacks}
    order = list(game.variables)
    J = _matrix([[sp.diff(straight[v], w) for w in order] for v in order], point)
    N = _matrix([[sp.diff(bent[v].xreplace(marks), s).xreplace(dict.fromkeys(marks.values(), sp.S.Zero))
                  for s in marks.values()] for v in order], point)  # fmt: skip
    K = _matrix([[sp.diff(kink.args[0], w) for w in order] for kink in slacks], point)
    if not _unfelt(game, J, N, K):
        raise UnknownAnswer("the kinks feel themselves", next_step="decide every side by itself, or smooth the kink")
    return linearise(flat, rule, point)


def linear_at(game: Any, rule: Rule, at: Mapping[Any, Any]) -> Linearisation:
    """The rule's Jacobian at its fixed point; at a kink the matrix of `cascaded`, where there is one."""
    try:
        return linearise(game, rule, at)
    except GameError as stop:
        if "kink" not in str(stop):
            raise
        try:
            return cascaded(game, rule, at)
        except (UnknownAnswer, GameError):
            raise stop from None


def _without(loss: Any, slacks: list[Any]) -> Any:
    return loss.xreplace({kink: sp.S.Zero for kink in loss.atoms(sp.Abs) if release(kink) in slacks})


def _kinks(field: Mapping[Any, Any], point: Mapping[Any, Any]) -> list[Any]:
    """The absolute values in the field that vanish at the point."""
    found = {kink for slope in field.values() for kink in slope.atoms(sp.Abs)}
    vanishing = [k for k in found if k.args[0].subs(dict(point), simultaneous=True).equals(0)]
    bound = {s for slope in field.values() for average in slope.atoms(Mean) for s in average.bound}
    if any(kink.free_symbols & bound for kink in found):
        raise UnknownAnswer("a kink stands inside an average", next_step="choose a law with finitely many values")
    return sorted(vanishing, key=sp.default_sort_key)


def _matrix(rows: list[list[Any]], point: Mapping[Any, Any]) -> Any:
    return sp.Matrix([[settle(exactly_at(entry, point)) for entry in row] for row in rows])


def _unfelt(game: Any, J: Any, N: Any, K: Any) -> bool:
    """Whether v P N = 0 for all rows v generated by those of K under v -> v P J, P the projection on a player."""
    places = {v: k for k, v in enumerate(game.variables)}
    projections = []
    for player in game.players.values():
        mine = {places[v] for v in player.moves}
        projections.append(sp.diag(*(sp.Integer(k in mine) for k in range(len(places)))))
    basis, waiting = sp.zeros(0, K.cols), [K.row(k) for k in range(K.rows)]
    while waiting:
        row = waiting.pop()
        grown = basis.col_join(row)
        if grown.rank(simplify=True) == basis.rows:
            continue
        basis = grown
        for P in projections:
            masked = row * P
            if any(sp.cancel(entry) != 0 for entry in masked * N):
                return False
            waiting.append((masked * J).applyfunc(sp.cancel))
    return True


class _Watched(LinearField):
    """A field that refuses everything but its values."""

    def _slopes(self, z: Any) -> Any:
        raise UnknownAnswer("derivatives of the field are asked for")

    def gradient(self, z: Any, **which: Any) -> Any:
        raise UnknownAnswer("a gradient of one player in another's variables is asked for")

    def solve(self, *arguments: Any, **options: Any) -> Any:
        raise UnknownAnswer("an implicit step is asked for")

    fixed_point = solve


def _field_only(game: Any, rule: Rule) -> bool:
    """Whether a step of the rule asks for nothing but values of the field."""
    reading = _Watched(game)
    start = reading._point(Dual(sp.Symbol(f"{v}_", real=True), {}) for v in game.variables)
    try:
        rule.on(reading)(start, *(start for _ in rule.memory))
    except UnknownAnswer:
        return False
    return True
