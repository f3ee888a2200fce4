"""Exact answers for small games given as symbols: the analysis storey's verdicts at the numbers at hand.

Main definitions: `exact_answers`, `Exact`, `exact_remedy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.beyond import stability_near
from bilevel.analysis.kinds import kinds_at
from bilevel.analysis.known import Known
from bilevel.game import Game, Player
from bilevel.language.errors import BilevelError
from bilevel.rules.protocol.linear import linearise
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.scaling import with_steps_scaled

LARGEST = 12  # variables and memory together up to which exact answers are tried
SCALE = sp.Symbol("s", positive=True)


@dataclass(frozen=True)
class Exact:
    """What the analysis storey says at a point: kinds, the verdict on the rule, the tolerated scales of its steps."""

    kinds: tuple[str, ...]
    kinds_known: str
    verdict: Any
    scales: Any  # a Boolean in the symbol s, or None
    edge: Any  # the supremum of the tolerated scales as an exact number, or None


def exact_number(value: Any) -> Any:
    """A number as a rational: decimals as they are written (0.1 is 1/10), exact numbers as they are."""
    if isinstance(value, sp.Basic):
        return sp.Rational(str(value)) if isinstance(value, sp.Float) else value
    if isinstance(value, int):
        return sp.Integer(value)
    array = np.asarray(value)
    return sp.Rational(str(array.item()) if array.dtype.kind in "iu" else repr(float(array)))


def numbers_game(game: Game, values: Mapping[Any, Any]) -> tuple[Game, dict[Any, Any]]:
    """The game with numbers for its parameters, and the numbers by name."""
    by_name = {str(key): exact_number(value) for key, value in values.items()}
    put = {s: by_name[str(s)] for s in game.parameters if str(s) in by_name}
    players = {name: Player(p.moves, p.loss.subs(put), p.sense, p.through) for name, p in game.players.items()}
    return Game(players), by_name


def exact_answers(game: Any, rule: Rule, params: Mapping[Any, Any], values: Mapping[Any, Any]) -> Exact | None:
    """Exact kinds, verdict and tolerated steps of a coordinate game at a point; None where they are out of reach."""
    if not isinstance(game, Game) or not game.is_coordinate:
        return None
    if len(game.variables) * (1 + len(rule.memory)) > LARGEST:
        return None
    try:
        numbers, given = numbers_game(game, values)
        names = {str(v): v for v in game.variables}
        point = {names[str(getattr(key, "name", key))]: exact_number(value) for key, value in params.items()}
        matrix, known = _matrix(numbers, rule, point, given, sp.S.One), "exact"
    except (BilevelError, TypeError, ValueError):
        return _enclosed(game, rule, params, values)
    verdict = analyse(matrix, time=rule.time)
    kinds = _kinds(numbers, point)
    scales, edge = _scales(numbers, rule, point, given)
    return Exact(kinds, known, verdict, scales, edge)


def _matrix(game: Game, rule: Rule, point: Mapping[Any, Any], given: Mapping[str, Any], scale: Any) -> Any:
    scaled = rule if scale == 1 else with_steps_scaled(rule, scale)
    linear = linearise(game, scaled, point)
    return linear.matrix.subs({s: given[str(s)] for s in linear.matrix.free_symbols if str(s) in given and s != SCALE})


def _kinds(game: Game, point: Mapping[Any, Any]) -> tuple[str, ...]:
    try:
        return kinds_at(game, point, Known())[0]
    except (BilevelError, NotImplementedError, TypeError, ValueError):
        return ()


def _scales(game: Game, rule: Rule, point: Mapping[Any, Any], given: Mapping[str, Any]) -> tuple[Any, Any]:
    """Where the rule converges, as a condition on the scale s of its steps, and the end of its first interval."""
    try:
        verdict = analyse(_matrix(game, rule, point, given, SCALE), time=rule.time)
        if verdict.verdict in ("stable", "unstable", "marginal"):
            return sp.true if verdict.verdict == "stable" else sp.false, None
        condition = verdict.solve(SCALE)
        if condition in (sp.true, sp.false):
            return condition, None
        inside = condition.as_set() if condition.free_symbols == {SCALE} else None
    except (BilevelError, NotImplementedError, TypeError, ValueError, AttributeError):
        return None, None
    end = inside.intersect(sp.Interval.open(0, sp.oo)).sup if inside is not None and inside.is_Interval else None
    return condition, None if end in (None, sp.oo) else end


def scale_words(found: Exact) -> str:
    """The exact answer on steps, in words."""
    if found.scales == sp.false:
        return f"no step size makes every mode shrink; at the present steps the rule is {found.verdict.verdict}"
    if found.scales == sp.true:
        return "converges at every step size"
    return f"converges exactly for {found.scales}, s the scale of all steps"


def _enclosed(game: Game, rule: Rule, params: Mapping[Any, Any], values: Mapping[Any, Any]) -> Exact | None:
    """The verdict at the one fixed point proved to lie within 1e-6, where there is one."""
    try:
        numbers, given = numbers_game(game, values)
        made = rule if not rule.symbols else _filled(rule, given)
        names = {str(v): v for v in game.variables}
        at = {names[str(getattr(key, "name", key))]: sp.Float(float(value)) for key, value in params.items()}
        verdict = stability_near(numbers, made, at)
    except (BilevelError, NotImplementedError, TypeError, ValueError, KeyError):
        return None
    return None if verdict.verdict == "unknown" else Exact((), verdict.known, verdict, None, None)


def _filled(rule: Rule, given: Mapping[str, Any]) -> Rule:
    """The rule with numbers for its symbols."""
    if rule.maker is None:
        raise BilevelError(f"{rule.name} cannot be made again with numbers")
    filled: dict[str, Any] = {}
    for key, value in rule.parameters:
        if isinstance(value, Rule):
            filled[key] = _filled(value, given) if value.symbols else value
        elif isinstance(value, sp.Basic):
            filled[key] = value.subs({s: given[str(s)] for s in value.free_symbols})
        elif hasattr(value, "values"):
            filled[key] = {
                n: part.subs({s: given[str(s)] for s in part.free_symbols}) for n, part in value.values.items()
            }
        else:
            filled[key] = value
    return rule.maker(**filled)


def exact_remedy(game: Any, params: Mapping[Any, Any], values: Mapping[Any, Any], applied: Any) -> bool | None:
    """Whether a changed rule converges at the point, exactly; None where that is not known."""
    if not isinstance(game, Game) or not game.is_coordinate:
        return None
    if len(game.variables) * (1 + len(applied.rule.memory)) > LARGEST:
        return None
    try:
        numbers, given = numbers_game(game, {**dict(values), **applied.values})
        names = {str(v): v for v in game.variables}
        point = {names[str(getattr(key, "name", key))]: exact_number(value) for key, value in params.items()}
        if applied.player:
            numbers = damped_game(numbers, applied.player, exact_number(applied.damping), point)
        verdict = analyse(_matrix(numbers, applied.rule, point, given, sp.S.One), time=applied.rule.time)
    except (BilevelError, NotImplementedError, TypeError, ValueError):
        return None
    if verdict.known != "exact":
        return None
    return {"stable": True, "unstable": False, "marginal": False}.get(verdict.verdict)


def damped_game(game: Game, player: str, weight: Any, point: Mapping[Any, Any]) -> Game:
    """The game with weight/2 |x - x*|^2 added to one player's cost, x* its part of the point."""
    one = game[player]
    pull = weight / 2 * sum((v - point[v]) ** 2 for v in one.moves)
    loss = one.loss + pull if one.sense == "min" else one.loss - pull
    return Game(dict(game.players) | {player: Player(one.moves, loss, one.sense, one.through)})
