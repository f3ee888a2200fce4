"""`bilevel correspond`: which relations hold between two games, with proof or counterexample.

Main definitions: `run`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.analysis.correspondence import RELATIONS, Correspondence, correspond
from bilevel.app import budget
from bilevel.app.answers import plain
from bilevel.app.inputs import problem_named, values_given
from bilevel.app.layout import dumps
from bilevel.app.problem import Problem
from bilevel.app.screen import columns
from bilevel.app.source import advice, shown
from bilevel.app.trajectories import trajectory_relation
from bilevel.game import Game
from bilevel.language import calculus
from bilevel.language.errors import GameError, ReadError
from bilevel.language.names import RESERVED
from bilevel.language.networks import Network
from bilevel.language.reader import read


def run(options: Any) -> int:
    """Print the relations, or the one claimed."""
    if options.claim is not None and options.claim not in RELATIONS:
        raise ReadError(f"there is no relation {options.claim!r}; {advice(options.claim, RELATIONS)}", file="--claim")
    first, second = _pair(options)
    names = _mapped(options.map, first.game, second.game) if options.map else None
    if options.map_flow:
        relations = [trajectory_relation(first.game, second.game, names or {}, options.claim)]
        maximal = [r.name for r in relations if r.holds]
    else:
        try:
            found: Correspondence = correspond(first.game, second.game, claim=options.claim, map=names)
        except GameError as stop:
            raise ReadError(
                str(stop), file="--map" if options.map else f"{options.file[0]}, {options.file[1]}"
            ) from None
        relations, maximal = list(found.relations), [r.name for r in found.maximal]
    budget.stop()
    answer = _object(options, first, second, relations, maximal)
    print(dumps(answer) if options.json else _text(answer))
    return _status(answer)


def _pair(options: Any) -> tuple[Problem, Problem]:
    """Both problems, with parameters of one name made one symbol; --set may concern either."""
    given = values_given(options.set)
    plain_first, plain_second = (problem_named(name) for name in options.file)
    known = (set(plain_first.parameters), set(plain_second.parameters))
    for name in given:
        if name not in known[0] | known[1]:
            raise ReadError(f"neither game has a parameter {name!r}; {advice(name, known[0] | known[1])}", file="--set")
    pairs = [[f"{name}={value}" for name, value in given.items() if name in names] for names in known]
    first, second = (problem_named(name, pair) for name, pair in zip(options.file, pairs))
    for problem, file in zip((first, second), options.file):
        if not isinstance(problem.game, Game):
            raise ReadError("a [flow] or [map] has no losses to compare; give [players]", file=file)
    return _joined(first, second), _joined(second, first)


def _joined(problem: Problem, other: Problem) -> Problem:
    """Parameters that both games name carry the assumptions of both."""
    changed = {}
    for name, symbol in problem.parameters.items():
        rival = other.parameters.get(name)
        if rival is not None and rival != symbol:
            try:
                changed[symbol] = sp.Symbol(name, **{**symbol._assumptions_orig, **rival._assumptions_orig})
            except ValueError:
                raise ReadError(
                    f"the two games assume opposite things of {name}; rename one", file=problem.file
                ) from None
    if not changed:
        return problem
    game = problem.game.map_losses(lambda loss: calculus.replace(loss, changed))
    return replace(problem, game=game)


def _mapped(text: str, first: Game, second: Game) -> dict[str, Any]:
    """The text "x=EXPR, y=EXPR" as a table; a network is mapped to the name of a network."""
    names = {str(s): s for s in (*first.parameters, *second.parameters, *second.variables)}
    networks = {
        n.name for p in second.players.values() for n in sp.preorder_traversal(p.loss) if isinstance(n, Network)
    }
    found: dict[str, Any] = {}
    start = 0
    for part in _parts(text):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not name or not value.strip():
            raise ReadError(
                'write --map "x=EXPR, y=EXPR": each variable of the first game in those of the second',
                line=1,
                column=start + 1,
                file="--map",
            )
        if name in found:
            raise ReadError(f"{name} is mapped twice", line=1, column=start + 1, file="--map")
        plain_value = value.strip()
        if plain_value in networks or any(
            plain_value == key and not isinstance(s, sp.Symbol) for key, s in names.items()
        ):
            found[name] = plain_value
        else:
            found[name] = _expression(value, names, start + len(part) - len(value))
        start += len(part) + 1
    return found


def _expression(text: str, names: dict[str, Any], shift: int) -> Any:
    for found in re.finditer(r"[A-Za-z]\w*", text):
        if found.group() not in (*names, *RESERVED):
            message = f"neither game has {shown(found.group())!r}; {advice(found.group(), names)}"
            raise ReadError(message, line=1, column=shift + found.start() + 1, file="--map")
    try:
        return read(text, {name: s for name, s in names.items() if isinstance(s, sp.Symbol)})
    except ReadError as stop:
        raise ReadError(stop.message, line=1, column=shift + (stop.column or 1), file="--map") from None


def _parts(text: str) -> list[str]:
    """The parts between commas outside brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _object(options: Any, first: Problem, second: Problem, relations: list[Any], maximal: list[str]) -> dict[str, Any]:
    described = [
        {
            "relation": r.name,
            "holds": r.holds,
            "known": r.known if r.holds is not None else "unknown",
            "factor": plain(r.factor),
            "reason": r.reason or None,
            "proof": [str(step) for step in r.trace],
            "counterexample": plain(r.counterexample),
        }
        for r in relations
    ]
    return {
        "first": first.title or str(options.file[0]),
        "second": second.title or str(options.file[1]),
        "claim": options.claim,
        "relations": described,
        "maximal": maximal,
    }


def _status(answer: dict[str, Any]) -> int:
    verdicts = [r["holds"] for r in answer["relations"]]
    if answer["claim"] is not None or len(verdicts) == 1:
        return {True: 0, False: 1, None: 3}[verdicts[0]]
    return 3 if None in verdicts and True not in verdicts else 0


def _text(answer: dict[str, Any]) -> str:
    words = {True: "holds", False: "fails", None: "unknown"}
    rows = []
    for r in answer["relations"]:
        factor = f", factor {r['factor']}" if r["factor"] not in (None, "1") else ""
        detail = r["reason"] or (f"differs at {r['counterexample']}" if r["counterexample"] else "")
        steps = "".join(f"\n{step}" for step in r["proof"][:6]) if r["relation"] in answer["maximal"] else ""
        rows.append((r["relation"], f"{words[r['holds']]}{factor}" + (f": {detail}" if detail else "") + steps))
    return f"{answer['first']}\nand {answer['second']}\n\n" + columns(rows)
