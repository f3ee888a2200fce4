"""The [rule] table of a problem file, or a rule's name, as a learning rule.

Main definitions: `rule_from_table`, `rule_by_name`.
"""

from __future__ import annotations

import inspect
from typing import Any

import sympy as sp

from bilevel.app.scope import Scope
from bilevel.app.source import advice, describe
from bilevel.game import Game
from bilevel.language.errors import BilevelError, GameError
from bilevel.rules import catalogue
from bilevel.rules.protocol.rule import Rule

Path = tuple[str | int, ...]

COUNTS = ("every", "extrapolations", "repeats", "stages", "steps", "window")
PARTIAL = ("anchor", "lower", "upper")  # tables by variable or player that may leave names out
PLAYERS = ("order", "copied", "followers", "held", "players")
RULES = ("base", "of")


def rule_from_table(scope: Scope, table: Any, game: Any, path: Path = ("rule",)) -> Rule:
    """The rule that a table describes, checked against the parameters the rule has."""
    source, rules = scope.source, catalogue()
    source.table(path, table)
    if "name" not in table:
        source.fail('a rule needs its name, for example name = "alternating"', *path)
    name = source.word((*path, "name"), table["name"])
    if name not in rules:
        source.fail(f"there is no rule {name!r}; {advice(name, rules)}", *path, "name")
    known = inspect.signature(rules[name]).parameters
    source.table(path, table, ("name", *known))
    arguments = {
        key: _argument(scope, key, value, known[key], _concerned(key, table, game), (*path, key))
        for key, value in table.items()
        if key != "name"
    }
    for key, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and key not in arguments:
            source.fail(f'the rule {name} needs {key}; add for example {key} = "1/10"', *path)
    try:
        return rules[name](**arguments)
    except BilevelError as problem:
        source.fail(str(problem), *path)
    except (TypeError, ValueError, ArithmeticError) as problem:
        source.fail(f"the parameters of {name} do not fit together ({problem}); see the formula of {name}", *path)


def _concerned(key: str, table: Any, game: Any) -> Any:
    """The players that a parameter speaks of: beside followers the base rule moves the rest, the rate the followers."""
    names = table.get("followers", ())
    names = [names] if isinstance(names, str) else names
    if key not in ("base", "rate") or not isinstance(names, list) or not set(names) < set(game.players):
        return game
    kept = [name for name in game.players if (name in names) == (key == "rate")]
    return Game({name: game.players[name] for name in kept}) if names else game


def _argument(scope: Scope, key: str, value: Any, parameter: inspect.Parameter, game: Any, path: Path) -> Any:
    source, players = scope.source, list(game.players)
    if key in RULES:
        return rule_from_table(scope, value, game, path)
    if key == "rules":
        table = source.table(path, value, players, "a table with a rule for each player")
        return {name: rule_from_table(scope, inner, game, (*path, name)) for name, inner in table.items()}
    if key in PLAYERS:
        names = source.words(path, value, "players")
        for place, name in enumerate(names):
            if name not in players:
                source.fail(
                    f"there is no player {name!r}; {advice(name, players)}",
                    *path,
                    *((place,) if isinstance(value, list) else ()),
                )
        if key == "order" and sorted(names) != sorted(players):
            source.fail(f"order must name each player once: {', '.join(players)}", *path)
        return names
    if isinstance(parameter.default, bool):
        if not isinstance(value, bool):
            source.fail(f"{key} is true or false, not {describe(value)}", *path)
        return value
    if "str" in str(parameter.annotation):
        return _label(scope, key, value, players, path)
    if key in PARTIAL and isinstance(value, dict):
        return _per_name(scope, value, [*players, *map(str, game.variables)], path)
    if isinstance(value, dict):
        found = _per_name(scope, value, players, path, whole=key in COUNTS)
        if missing := [name for name in players if name not in found]:
            source.fail(f"{key} has no value for {', '.join(missing)}; give one for each player", *path)
        return found
    return _whole(scope, value, path) if key in COUNTS else _amount(scope, value, path)


def _label(scope: Scope, key: str, value: Any, players: list[str], path: Path) -> str:
    word = scope.source.word(path, value)
    if key in ("leader", "slow") and word not in players:
        scope.source.fail(f"there is no player {word!r}; {advice(word, players)}", *path)
    return word


def _per_name(scope: Scope, value: Any, names: list[str], path: Path, whole: bool = False) -> dict[str, Any]:
    table = scope.source.table(path, value, names, "a table with a value for each name")
    read = _whole if whole else _amount
    return {name: read(scope, inner, (*path, name)) for name, inner in table.items()}


def _amount(scope: Scope, value: Any, path: Path) -> Any:
    """An expression; a step size is not negative."""
    found = scope.expression(path, value, moving=False)
    if "step" in path and found.is_negative:
        scope.source.fail(
            f"the step {found} is negative, so that players would climb what they minimise; write a positive one", *path
        )
    return found


def _whole(scope: Scope, value: Any, path: Path) -> Any:
    found = scope.expression(path, value, moving=False)
    if not found.is_Integer or not 1 <= found <= 1000:
        scope.source.fail(f"a whole number from 1 to 1000 was expected, got {found}", *path)
    return found


def rule_by_name(name: str, scope: Scope | None, table: Any, game: Any) -> Rule:
    """The named rule; parameters that a file's rule table gives are kept, the rest become positive symbols."""
    rules = catalogue()
    if name not in rules:
        raise GameError(f"there is no rule {name!r}; {advice(name, rules)}")
    known = inspect.signature(rules[name]).parameters
    if scope is not None and isinstance(table, dict):
        if table.get("name") == name:
            return rule_from_table(scope, table, game)
        arguments = {
            key: _argument(scope, key, value, known[key], game, ("rule", key))
            for key, value in table.items()
            if key in known and (name, key) != ("flow", "step")  # there a time scale, not a step size
        }
    else:
        arguments = {}
    for key, parameter in known.items():
        needed = parameter.default is inspect.Parameter.empty or (
            name == "optimistic" and key == "step" and not arguments
        )
        if needed and key not in arguments:
            if key in (*RULES, "rules"):
                raise GameError(
                    f"the rule {name} is built from other rules; write it as a [rule] table in a problem file"
                )
            arguments[key] = _own_symbol("h" if key == "step" else key, scope, game)
    return rules[name](**arguments)


def _own_symbol(name: str, scope: Scope | None, game: Any) -> Any:
    """The file's own parameter of that name, or a positive symbol nobody uses yet."""
    if scope is not None and name in scope.parameters:
        return scope.constants()[name]
    taken = {str(v) for v in (*game.variables, *game.parameters)}
    own = {s.name: s for s in game.parameters}
    if name in own:
        return own[name]
    while name in taken:
        name += "_"
    return sp.Symbol(name, positive=True)
