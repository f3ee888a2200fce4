"""A game built in Python, written as a problem file.

Main definitions: `save`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sympy as sp

from bilevel.app.answers import written
from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.language.known_function import KnownFunction
from bilevel.language.mean import Mean
from bilevel.language.names import check_name
from bilevel.response import Anticipated, BestResponse
from bilevel.rules import catalogue
from bilevel.rules.protocol.point import PerPlayer
from bilevel.rules.protocol.rule import Rule
from bilevel.system import System

_WORDS = ("positive", "negative", "nonnegative", "nonpositive", "nonzero", "integer")
_WEAKER = {"positive": ("nonnegative", "nonzero"), "negative": ("nonpositive", "nonzero")}


def save(game: Any, rule: Any = None, at: Mapping[Any, Any] | None = None, path: Any = None) -> str:
    """The text of a problem file that loads to an equal game, written to `path` if one is given.

    Math: load(save(game)).game == game for games of real scalar variables with exact numbers; a symbol without
        assumptions is taken to be real, and a binary float is written as the shortest decimal that denotes it.

    Raises: GameError for a model-level game, a rule outside the catalogue, or a name or function that no text can say.

    Reference: TOML 1.0, toml.io.

    Examples:
        >>> from bilevel.game import minimize
        >>> x = sp.Symbol("x", real=True)
        >>> h = sp.Symbol("h", positive=True)
        >>> print(save(Game(a=minimize(x**2/2, x)), at={x: 0}))
        [players.a]
        moves = ["x"]
        minimize = "x^2/2"
        <BLANKLINE>
        [at]
        x = "0"
        <BLANKLINE>
    """
    if not isinstance(game, Game | System) or not game.is_coordinate:
        raise GameError("a file holds games of scalar variables; instantiate the model-level game first")
    sections = [
        _head(game),
        _parameters(game, rule, at),
        _assumed(game),
        _functions(game),
        _random(game),
        _domain(game),
    ]
    sections += _players(game) if isinstance(game, Game) else [_equations(game)]
    sections += [_rule(rule), _at(game, at)]
    text = "\n".join(section for section in sections if section)
    if path is not None:
        try:
            Path(path).write_text(text, encoding="utf-8")
        except (OSError, UnicodeError) as problem:
            raise GameError(f"{path} cannot be written: {problem}") from None
    return text


def quoted(text: str) -> str:
    """A TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _lines(header: str, pairs: Iterable[tuple[str, str]]) -> str:
    body = "".join(f"{name} = {value}\n" for name, value in pairs)
    return f"[{header}]\n{body}" if body else ""


def _head(game: Any) -> str:
    return "".join(
        f"{key} = {quoted(value)}\n" for key, value in (("title", game.title), ("source", game.source)) if value
    )


def _expressions(game: Any) -> list[Any]:
    """Every expression that the file will hold."""
    if isinstance(game, System):
        return [*game.equations.values(), *game.assuming]
    steps = [how.step for player in game.players.values() for _, how in player.through if hasattr(how, "step")]
    return [*(player.loss for player in game.players.values()), *steps, *game.assuming]


def _parameters(game: Any, rule: Any, at: Mapping[Any, Any] | None) -> str:
    given = [sp.sympify(value, strict=True) for value in (at or {}).values() if not isinstance(value, str)]
    held = [e for e in _expressions(game) if isinstance(e, sp.Basic)]
    known = [value for e in held for f in e.atoms(KnownFunction) for _, values in f.points for value in values]
    free = {s for e in (*held, *given, *known) for s in e.free_symbols} | (
        set(rule.symbols) if isinstance(rule, Rule) else set()
    )
    return _lines(
        "parameters",
        ((check_name(s.name), quoted(assumptions(s))) for s in sorted(free - set(game.variables), key=str)),
    )


def assumptions(symbol: Any) -> str:
    """What is assumed of a symbol, as the reader of assumptions reads it."""
    words = [word for word in _WORDS if getattr(symbol, f"is_{word}")]
    words = [word for word in words if not any(word in _WEAKER.get(other, ()) for other in words)]
    if not any(word != "integer" for word in words):
        words = ["real", *words]
    again = sp.Symbol(symbol.name, **{"real": True, **dict.fromkeys(words, True)})
    if again != symbol and symbol.is_real is not None:
        raise GameError(f"what is assumed of {symbol} cannot be written; use {', '.join(_WORDS)} or plain real")
    return ", ".join(words)


def _assumed(game: Any) -> str:
    facts = [quoted(written(fact)) for fact in game.assuming if fact != sp.true]
    return f"[assume]\nall = [{', '.join(facts)}]\n" if facts else ""


def _functions(game: Any) -> str:
    found = {f.title: f.points for e in _expressions(game) for f in e.atoms(KnownFunction)}
    rows = []
    for name, points in sorted(found.items()):
        tables = [
            f'{{ argument = "t", at = {quoted(written(place))}, value = {quoted(written(values[0]))}, '
            f"derivatives = [{', '.join(quoted(written(value)) for value in values[1:])}] }}"
            for place, values in points
        ]
        rows.append((name, tables[0] if len(tables) == 1 else f"[{', '.join(tables)}]"))
    return _lines("functions", rows)


def _random(game: Any) -> str:
    nodes = [node for e in _expressions(game) for node in e.atoms(Mean)]
    laws = {s.name: "normal(0, 1)" for node in nodes for s in node.args[1]} | {
        s.name: "uniform(0, 1)" for node in nodes for s in node.args[2]
    }
    return _lines("random", ((check_name(name), quoted(law)) for name, law in sorted(laws.items())))


def _domain(game: Any) -> str:
    words = {v.name: assumptions(v) for v in game.variables}
    return _lines("domain", ((name, quoted(word)) for name, word in words.items() if word != "real"))


def _players(game: Game) -> list[str]:
    sections = []
    for name, player in game.players.items():
        rows = [
            ("moves", "[" + ", ".join(quoted(check_name(str(v))) for v in player.moves) + "]"),
            (f"{player.sense}imize", quoted(written(player.loss))),
        ]
        if player.through:
            rows.append(
                (
                    "through",
                    "{ " + ", ".join(f"{other} = {quoted(_reply(how))}" for other, how in player.through) + " }",
                )
            )
        sections.append(_lines(f"players.{name}", rows))
    return sections


def _reply(how: Any) -> str:
    if isinstance(how, BestResponse):
        return "best response"
    step = written(how.step)
    return f"anticipated, step {step}" if isinstance(how, Anticipated) else f"unrolled {how.steps}, step {step}"


def _equations(system: System) -> str:
    kind = "flow" if system.time == "continuous" else "map"
    return _lines(kind, ((check_name(v.name), quoted(written(g))) for v, g in system.equations.items()))


def _rule(rule: Any) -> str:
    if rule is None:
        return ""
    return _lines("rule", _rule_rows(rule))


def _rule_rows(rule: Rule) -> list[tuple[str, str]]:
    if rule.name not in catalogue():
        raise GameError(f"a file can name the rules of the catalogue only, and {rule.name} is not one of them")
    return [("name", quoted(rule.name)), *((key, _value(value)) for key, value in rule.parameters)]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Rule):
        return _inline(_rule_rows(value))
    if isinstance(value, PerPlayer):
        return _inline((name, _value(part)) for name, part in value.values.items())
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    return quoted(value if isinstance(value, str) else written(value))


def _inline(pairs: Iterable[tuple[str, str]]) -> str:
    return "{ " + ", ".join(f"{name} = {value}" for name, value in pairs) + " }"


def _at(game: Any, at: Mapping[Any, Any] | None) -> str:
    names = {str(v) for v in game.variables}
    for variable in at or {}:
        if str(variable) not in names:
            raise GameError(f"nobody moves {variable}; the variables are {', '.join(sorted(names))}")
    return _lines(
        "at", ((str(v), quoted(value if isinstance(value, str) else written(value))) for v, value in (at or {}).items())
    )
