"""Problem files: a game (or a flow or map), a rule and a point, written in TOML.

Main definitions: `load`, `Problem`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from bilevel.app.rule_tables import rule_by_name, rule_from_table
from bilevel.app.scope import Scope, fits, read_functions, read_parameters, read_random, read_variables
from bilevel.app.source import Source, advice, text_of
from bilevel.game import Game, Player, maximize, minimize
from bilevel.language.errors import GameError, ReadError
from bilevel.response import anticipated, best_response, unrolled
from bilevel.rules.protocol.rule import Rule
from bilevel.system import System, flow_of, map_of

SECTIONS = (
    "title",
    "source",
    "parameters",
    "assume",
    "values",
    "functions",
    "random",
    "players",
    "rule",
    "at",
    "flow",
    "map",
    "domain",
)

_UNROLLED = re.compile(r"\s*unrolled\s+(\d{1,3})\s*,\s*step\s+(?=\S)")
_ANTICIPATED = re.compile(r"\s*anticipated\s*,\s*step\s+(?=\S)")


@dataclass(frozen=True)
class Problem:
    """A problem file as read: the game or system, the rule, the point, and what is assumed.

    Math: `at` holds the coordinates that the file gives (all, some or none); `domain` restricts the moved variables.

    Reference: TOML 1.0, toml.io.

    Examples:
        >>> load('[flow]\\nx = "-x"').game.variables
        (x,)
    """

    title: str
    source: str
    game: Any  # a Game or a System
    rule: Rule | None
    at: Mapping[Any, Any]
    parameters: Mapping[str, Any]
    assuming: tuple[Any, ...]
    values: Mapping[str, Any]
    file: str | None = None
    domain: tuple[Any, ...] = ()
    scope: Scope | None = field(default=None, repr=False, compare=False)

    @property
    def complete_at(self) -> bool:
        """Whether the file gives every coordinate of a point."""
        return bool(self.at) and len(self.at) == len(self.game.variables)

    def with_rule(self, name: str) -> Rule:
        """The named rule, with the parameters that the file's own rule has."""
        table = self.scope.source.data.get("rule") if self.scope else None
        return rule_by_name(name, self.scope, table, self.game)

    def located(self, message: str, *path: str | int) -> ReadError:
        """An error that points at a section of the file."""
        if self.scope is None:
            return ReadError(message, file=self.file)
        line, column = self.scope.source.places.value(path)
        return ReadError(message, line=line, column=column, file=self.file)


def load(path_or_text: Any, *, set: Mapping[str, Any] | None = None) -> Problem:
    """The problem that a file (or a text in the same form) describes.

    Math: numbers and decimals are exact; text is read by the package's own reader, never run. `set` fixes parameters.

    Raises: ReadError, with file, line and column, for everything that is not understood.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, lemma 3.3, is the example of the documentation.

    Examples:
        >>> problem = load('''
        ... [parameters]
        ... h = "positive"
        ... [players.a]
        ... moves = ["x"]
        ... minimize = "x^2/2"
        ... [rule]
        ... name = "simultaneous"
        ... step = "h"
        ... ''')
        >>> problem.game.field(), str(problem.rule)
        ({x: x}, 'simultaneous(step=h)')
    """
    text, file = text_of(path_or_text)
    source = Source.parse(text, file)
    try:
        return _problem(source, dict(set or {}))
    except RecursionError:
        raise ReadError("an expression is nested too deeply; name a part of it under [functions]", file=file) from None


def _problem(source: Source, given: dict[str, Any]) -> Problem:
    data = source.table((), source.data, SECTIONS)
    scope = Scope(source)
    read_parameters(scope, data.get("parameters", {}), given, data.get("values", {}))
    kind = _kind(source, data)
    moved = (
        _moved_in_players(source, data["players"]) if kind == "players" else _moved_in_system(source, kind, data[kind])
    )
    read_variables(scope, moved, _domains(source, data))
    read_functions(scope, data.get("functions", {}))
    read_random(scope, data.get("random", {}))
    _assume(scope, data.get("assume", {}))
    title, origin = (source.word((key,), data.get(key, "")) for key in ("title", "source"))
    about = {"assuming": tuple(scope.assuming), "title": title, "source": origin}
    game = _game(scope, data["players"], about) if kind == "players" else _system(scope, kind, data[kind], about)
    rule = _rule(scope, data, game, kind)
    at = _point(scope, data.get("at", {}))
    return Problem(
        title,
        origin,
        game,
        rule,
        at,
        dict(scope.parameters),
        tuple(scope.assuming),
        dict(scope.values),
        source.file,
        tuple(scope.domain),
        scope,
    )


def _kind(source: Source, data: Mapping[str, Any]) -> str:
    kinds = [kind for kind in ("players", "flow", "map") if kind in data]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        source.fail(f"[{kinds[0]}] and [{kinds[1]}] exclude each other; keep one", kinds[1], key=True)
    source.fail("nobody plays: give [players.NAME] tables, or a [flow] or a [map]", key=True)


def _moved_in_players(source: Source, players: Any) -> list[tuple[str, Any]]:
    moved = []
    if not source.table(("players",), players):
        source.fail("nobody plays: give [players.NAME] tables", "players", key=True)
    for name, table in players.items():
        path = ("players", name)
        source.table(
            path, table, ("moves", "minimize", "maximize", "through", "domain"), "a table such as [players.NAME]"
        )
        if "moves" not in table:
            source.fail(f'player {name} moves nothing; add moves = ["x"]', *path)
        words = source.words((*path, "moves"), table["moves"], "variables")
        if not words:
            source.fail(f'player {name} moves nothing; write moves = ["x"]', *path, "moves")
        moved += [
            (word, (*path, "moves", *((place,) if isinstance(table["moves"], list) else ())))
            for place, word in enumerate(words)
        ]
    return moved


def _moved_in_system(source: Source, kind: str, table: Any) -> list[tuple[str, Any]]:
    names = [name for name in source.table((kind,), table) if not (kind == "map" and name == "sequential")]
    if not names:
        source.fail(f'[{kind}] has no equation; write one for each variable, as in x = "-x"', kind, key=True)
    return [(name, (kind, name)) for name in names]


def _domains(source: Source, data: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    tables: list[tuple[Any, Any]] = [(("domain",), data.get("domain", {}))]
    if isinstance(data.get("players"), dict):
        tables += [
            (("players", name, "domain"), table["domain"])
            for name, table in data["players"].items()
            if "domain" in table
        ]
    return {
        variable: ((*path, variable), text)
        for path, table in tables
        for variable, text in source.table(path, table).items()
    }


def _assume(scope: Scope, table: Any) -> None:
    source = scope.source
    facts = source.table(("assume",), table, ("all",)).get("all", [])
    for place, text in enumerate(source.words(("assume", "all"), facts, "inequalities")):
        path = ("assume", "all", place) if isinstance(facts, list) else ("assume", "all")
        fact = scope.condition(path, text)
        if fact == sp.false:
            source.fail(f"{text!r} is never true with the values given; change one of them", *path)
        if fact != sp.true:
            scope.assuming.append(fact)


def _game(scope: Scope, players: Mapping[str, Any], about: Mapping[str, Any]) -> Game:
    source, found = scope.source, {}
    for name, table in players.items():
        path = ("players", name)
        senses = [sense for sense in ("minimize", "maximize") if sense in table]
        if len(senses) != 1:
            source.fail(f"player {name} needs exactly one of minimize and maximize", *path)
        loss = scope.expression((*path, senses[0]), table[senses[0]], random=True, loss=True)
        moves = [scope.variables[v] for v in source.words((*path, "moves"), table["moves"], "variables")]
        through = _through(scope, path, table.get("through", {}), list(players))
        build = minimize if senses[0] == "minimize" else maximize
        player: Player = source.read(path, build, loss, *moves, through=through)
        if not through:
            source.read(path, Game, {name: player})
        found[name] = player
    game = source.read(("players",), Game, found, key=True, **about)
    source.read(("players",), game.field, key=True)
    return game


def _through(scope: Scope, path: Any, table: Any, players: list[str]) -> dict[str, Any]:
    source, replies = scope.source, {}
    path = (*path, "through")
    for key, text in source.table(path, table, what='a table such as { other = "best response" }').items():
        if key not in players and key not in scope.variables:
            known = [*players, *scope.variables]
            source.fail(f"{key!r} is no player and no moved variable; {advice(key, known)}", *path, key, key=True)
        replies[key] = _reply(scope, (*path, key), source.word((*path, key), text))
    return replies


def _reply(scope: Scope, path: Any, text: str) -> Any:
    if text.strip() == "best response":
        return best_response()
    found = _UNROLLED.match(text) or _ANTICIPATED.match(text)
    if found is None:
        scope.source.fail(
            f'{text!r} is no way to differentiate through a player; write "best response", "unrolled 3, step s" or '
            '"anticipated, step s"',
            *path,
        )
    step = scope.expression(path, text[found.end() :], moving=False, shift=found.end())
    if found.re is _ANTICIPATED:
        return anticipated(step)
    return scope.source.read(path, unrolled, int(found.group(1)), step)


def _system(scope: Scope, kind: str, table: Mapping[str, Any], about: Mapping[str, Any]) -> System:
    equations = {
        scope.variables[name]: scope.expression((kind, name), text, random=True)
        for name, text in table.items()
        if name in scope.variables
    }
    if kind == "flow":
        return flow_of(equations, **about)
    sequential = table.get("sequential", False)
    if not isinstance(sequential, bool):
        scope.source.fail("sequential is true or false", "map", "sequential")
    return map_of(equations, sequential=sequential, **about)


def _rule(scope: Scope, data: Mapping[str, Any], game: Any, kind: str) -> Rule | None:
    if "rule" not in data:
        return None
    if kind != "players":
        scope.source.fail(f"a [{kind}] needs no rule: it is the update itself; remove [rule]", "rule", key=True)
    return rule_from_table(scope, data["rule"], game)


def _point(scope: Scope, table: Any) -> dict[Any, Any]:
    source, point = scope.source, {}
    for name, value in source.table(("at",), table).items():
        if name not in scope.variables:
            source.fail(f"nobody moves {name!r}; {advice(name, scope.variables)}", "at", name, key=True)
        symbol, found = scope.variables[name], scope.expression(("at", name), value, moving=False)
        outside = not fits(symbol, found) or any(
            fact.subs(symbol, found) == sp.false for fact in scope.domain if symbol in fact.free_symbols
        )
        if outside:
            source.fail(f"{name} = {found} lies outside the domain of {name}", "at", name)
        point[symbol] = found
    return {symbol: point[symbol] for symbol in scope.variables.values() if symbol in point}


def problem_of(game: Any, *, title: str = "", file: str | None = None) -> Problem:
    """A game built in Python as a problem without rule and point."""
    if not isinstance(game, Game | System):
        raise GameError(f"a game was expected, not {type(game).__name__}")
    symbols = {s.name: s for s in game.parameters}
    return Problem(title or game.title, game.source, game, None, {}, symbols, tuple(game.assuming), {}, file)
