"""`bilevel derive`: every player's update equation, and the vector field it comes from.

Main definitions: `run`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bilevel.app import budget
from bilevel.app.answers import text
from bilevel.app.inputs import problem_named, rules_named
from bilevel.app.layout import dumps
from bilevel.app.problem import Problem
from bilevel.app.screen import columns, heading
from bilevel.game import Game
from bilevel.language import calculus
from bilevel.language.errors import GameError
from bilevel.language.latex import latex
from bilevel.response import reply_points
from bilevel.rules import derive
from bilevel.rules.protocol.printing import abbreviated, leading
from bilevel.rules.protocol.symbols import fresh
from bilevel.rules.protocol.update import Update


def run(options: Any) -> int:
    """Print the equations, as text, LaTeX, Python source or JSON."""
    problem = problem_named(options.file, options.set)
    rules = rules_named(problem, options.rule)
    drawing = diagram(problem, options.diagram) if options.diagram else None
    if options.json:
        answers = [_object(problem, rule) for rule in rules]
        shown = dumps(answers[0] if len(answers) == 1 else answers)
    else:
        form = _latex if options.latex else _python if options.python else _text
        shown = "\n\n".join(form(problem, rule) for rule in rules)
    budget.stop()
    if drawing is not None:
        Path(options.diagram).write_text(drawing + "\n", encoding="utf-8")
    print(shown)
    return 0


def diagram(problem: Problem, out: str) -> str:
    """The game's information structure in the format that the file's name asks for.

    Math: nodes and edges of `information_structure`.

    Raises: GameError for another format, and for a flow or map, which has no players.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, figure 1.

    Examples:
        >>> from bilevel.app.inputs import problem_named
        >>> diagram(problem_named("gan"), "gan.mmd").splitlines()[0]
        'flowchart LR'
    """
    from bilevel import show
    from bilevel.analysis import information_structure

    formats = {".svg": show.diagram_svg, ".dot": show.diagram_dot, ".mmd": show.diagram_mermaid}
    if (ending := Path(out).suffix.lower()) not in formats:
        raise GameError(f"--diagram {out}: the name ends in {', '.join(formats)}, which says the format")
    if not isinstance(problem.game, Game):
        raise GameError("a [flow] or [map] has no players, so there is no diagram of who sees what")
    return str(formats[ending](information_structure(problem.game)))


def _update(problem: Problem, rule: Any) -> Update | None:
    return derive(problem.game, rule) if isinstance(problem.game, Game) else None


def _about(problem: Problem, update: Update | None) -> dict[str, Any]:
    rule = update.rule if update else None
    return {
        "title": problem.title,
        "rule": rule.name if rule else None,
        "time": rule.time if rule else problem.game.time,
    }


def _object(problem: Problem, rule: Any) -> dict[str, Any]:
    """Text of a plain expression where it has one, and LaTeX of everything."""
    update = _update(problem, rule)
    about = _about(problem, update)
    if update is None:
        return about | {"update": {str(v): text(g) for v, g in problem.game.equations.items()}}
    ages = (
        {fresh(v, part): _aged(v, part) for part, _ in update.rule.memory for v in problem.game.variables}
        if problem.game.is_coordinate
        else {}
    )
    named = {}
    for line in update.assignments:
        named[str(line.target)] = text(calculus.replace(line.value, ages))
    return about | {
        "players": {name: [str(v) for v in player.moves] for name, player in problem.game.players.items()},
        "field": {str(v): text(value) for v, value in problem.game.field().items()},
        "assignments": [{"name": name, "value": value} for name, value in named.items()],
        "update": {str(v): text(calculus.replace(value, ages)) for v, value in update.after.items()},
        "memory": {
            part: {str(v): text(calculus.replace(value, ages)) for v, value in values.items()}
            for part, values in update.memory_after.items()
        },
        "latex": update.latex(),
    }


def _aged(variable: Any, part: str) -> Any:
    from sympy import Symbol

    age = (part.removeprefix("previous") or "1") if part.startswith("previous") else ""
    return Symbol(f"{variable.name}@{age}", real=True) if age.isdigit() else fresh(variable, part)


def _text(problem: Problem, rule: Any) -> str:
    update = _update(problem, rule)
    head = heading(_about(problem, update))
    if update is None:
        mark = "d{}/dt" if problem.game.time == "continuous" else "{}[t+1]"
        return f"{head}\n\n" + columns((mark.format(v), f"= {g}") for v, g in problem.game.equations.items())
    points = reply_points(problem.game, lambda v, when: v.func(f"{v.name}_{when}", *v.args[1:]))
    named = [(str(name), f"= {leading(str(name), value)}") for name, value, _ in points]
    slopes = {v: abbreviated(value, points) for v, value in problem.game.field().items()}
    rows = [(f"F_{v}", f"= {value}") for v, value in slopes.items()]
    field = columns((named if any(s in str(rows) for s, _ in named) else []) + rows)
    equations = columns(
        (left, f"= {right}") for left, _, right in (line.partition(" = ") for line in str(update).splitlines())
    )
    return f"{head}\n\nvector field\n{field}\n\nupdate, {update.rule}\n{equations}"


def _latex(problem: Problem, rule: Any) -> str:
    update = _update(problem, rule)
    if update is not None:
        return update.latex()
    mark = r"\frac{{d}}{{dt}} {}" if problem.game.time == "continuous" else r"{}_{{t+1}}"
    rows = [rf"{mark.format(latex(v))} &= {latex(g)}" for v, g in problem.game.equations.items()]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _python(problem: Problem, rule: Any) -> str:
    update = _update(problem, rule)
    if update is None:
        raise GameError("a [flow] or [map] is its own update; --python is for games")
    return update.python()
