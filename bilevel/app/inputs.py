"""What the arguments of a command name: a problem file or a catalogue model, parameter values, rules.

Main definitions: `problem_named`, `numbers_named`, `rules_named`, `values_given`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bilevel import models
from bilevel.app.problem import Problem, load, problem_of
from bilevel.app.scope import fits, read_set
from bilevel.app.source import advice, shown
from bilevel.game import Game
from bilevel.language import calculus
from bilevel.language.errors import ReadError, UnknownAnswer

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def values_given(pairs: Iterable[str]) -> dict[str, str]:
    """The values of repeated --set NAME=VALUE."""
    given: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not _NAME.fullmatch(name) or not value:
            raise ReadError(
                f"{shown(pair)!r} sets nothing; write --set NAME=VALUE, for example --set gamma=1/2", file="--set"
            )
        if name in given:
            raise ReadError(f"{name} is set twice; keep one", file="--set")
        given[name] = value
    return given


def problem_named(name: str, sets: Iterable[str] = ()) -> Problem:
    """The problem in a file, or the catalogue model of that name."""
    given = values_given(sets)
    if not name.strip():
        raise ReadError("no file is named; give a problem file (TOML) or a model name", file="FILE")
    if not _NAME.fullmatch(name) or Path(name).exists():
        return load(Path(name), set=given)
    known = models.catalogue()
    if name not in known:
        raise ReadError(f"there is no such file and no such model; {advice(name, known)}", file=shown(name))
    return _with_values(problem_of(known[name](), title=name, file=name), given)


def _with_values(problem: Problem, given: Mapping[str, str]) -> Problem:
    """The same problem with some parameters of its game fixed."""
    if not given:
        return problem
    fixed = {}
    for name, text in given.items():
        if name not in problem.parameters:
            known = advice(name, problem.parameters) if problem.parameters else "this model has none"
            raise ReadError(f"there is no parameter {name!r} to set; {known}", file="--set")
        symbol = problem.parameters[name]
        fixed[symbol] = read_set(name, text, problem.parameters)
        if not fits(symbol, fixed[symbol]):
            raise ReadError(f"{name} = {fixed[symbol]} contradicts what is assumed of {name}", file=f"--set {name}")
    game = _with_fixed(problem.game, fixed)
    left = {name: symbol for name, symbol in problem.parameters.items() if name not in given}
    return replace(problem, game=game, parameters=left)


def _with_fixed(game: Any, fixed: Mapping[Any, Any]) -> Any:
    if isinstance(game, Game):
        return game.map_losses(lambda loss: calculus.replace(loss, fixed))
    return replace(game, equations={v: calculus.replace(g, fixed) for v, g in game.equations.items()})


def numbers_named(name: str, sets: Iterable[str] = ()) -> Problem:
    """The same with numbers to analyse: of a model for networks of any form its small instance, as the title then says.

    Raises: UnknownAnswer for a model of that kind that has no instance.
    """
    if _NAME.fullmatch(name) and not Path(name).exists() and name in models.instances():
        title = f'{name}_instance: the coordinate-level instance models.instance("{name}") of the model-level {name}'
        made = models.catalogue()[f"{name}_instance"]()
        return _with_values(problem_of(made, title=title, file=name), values_given(sets))
    problem = problem_named(name, sets)
    if not problem.game.is_coordinate:
        raise UnknownAnswer(
            "this model is written for networks of any form, so it has no numbers to analyse, and no small instance",
            next_step="bilevel derive, or a problem file with scalar variables",
        )
    return problem


def rules_named(problem: Problem, names: str | None) -> list[Any]:
    """The rules of --rule NAME,... or the problem's own."""
    if names is None:
        return [problem.rule]
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise ReadError("no rule is named; write for example --rule alternating", file="--rule")
    if not isinstance(problem.game, Game):
        raise ReadError("a [flow] or [map] is the update itself and takes no rule; leave --rule out", file=problem.file)
    from bilevel.rules import catalogue

    for name in wanted:
        if name not in catalogue():
            raise ReadError(f"there is no rule {shown(name)!r}; {advice(name, catalogue())}", file="--rule")
    return [problem.with_rule(name) for name in wanted]
