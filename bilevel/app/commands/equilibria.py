"""`bilevel equilibria`: fixed points and their kinds.

Main definitions: `run`.
"""

from __future__ import annotations

from typing import Any

from bilevel.analysis.local import default_rule
from bilevel.app import budget
from bilevel.app.answers import plain, point_object, text
from bilevel.app.inputs import problem_named, rules_named
from bilevel.app.layout import dumps
from bilevel.app.points import points_of
from bilevel.app.problem import Problem
from bilevel.app.screen import equilibria_text
from bilevel.game import Game
from bilevel.language.errors import UnknownAnswer


def run(options: Any) -> int:
    """Print the fixed points under every rule asked for."""
    problem = problem_named(options.file, options.set)
    answers = [_found(problem, rule) for rule in rules_named(problem, options.rule)]
    budget.stop()
    if options.json:
        print(dumps(answers[0] if len(answers) == 1 else answers))
    else:
        print("\n\n".join(map(equilibria_text, answers)))
    return 3 if any(not answer["equilibria"] and not answer["complete"] for answer in answers) else 0


def _found(problem: Problem, rule: Any) -> dict[str, Any]:
    reading = rule or default_rule(problem.game)
    answer: dict[str, Any] = {
        "title": problem.title,
        "rule": reading.name if isinstance(problem.game, Game) else None,
        "time": reading.time,
        "equilibria": [],
        "complete": False,
    }
    if not problem.game.is_coordinate:
        raise UnknownAnswer(
            "this model is written for networks of any form, so it has no numbers to solve for",
            next_step="a problem file with scalar variables",
        )
    try:
        found = points_of(problem, rule)
    except UnknownAnswer as stop:
        return answer | {"reason": str(stop)}
    except budget.OutOfTime:
        budget.stop()
        return answer | {"reason": "out of time while the fixed points were being found"}
    entries = [
        {
            "point": point_object(e.point),
            "kinds": list(e.kinds),
            "exists_on": text(e.exists_on) if e.exists_on is not None else "true",
            "known": e.known,
            **({"free": plain(e.free)} if e.free else {}),
        }
        for e in found.points
    ]
    return answer | {
        "equilibria": entries,
        "complete": found.complete,
        **({"reason": found.reason} if found.reason else {}),
    }
