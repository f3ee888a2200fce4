"""`bilevel equilibria`: fixed points and their kinds.

Main definitions: `run`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.analysis.attraction import Attraction, attraction_at
from bilevel.analysis.kinds_where import OTHER
from bilevel.analysis.known import under
from bilevel.analysis.local import default_rule
from bilevel.app import budget
from bilevel.app.answers import NO_POINTS_IN_TIME, heading_object, plain, point_object, text
from bilevel.app.inputs import numbers_named, rules_named
from bilevel.app.layout import dumps
from bilevel.app.points import points_of
from bilevel.app.problem import Problem
from bilevel.app.screen import equilibria_text
from bilevel.language.errors import GameError, UnknownAnswer


def run(options: Any) -> int:
    """Print the fixed points under every rule asked for."""
    problem = numbers_named(options.file, options.set)
    rules = rules_named(problem, options.rule)
    answers = []
    for done, rule in enumerate(rules):
        answers.append(_found(problem, rule, options.clock.part(1 / (len(rules) - done))))
    budget.stop()
    if options.json:
        print(dumps(answers[0] if len(answers) == 1 else answers))
    else:
        print("\n\n".join(map(equilibria_text, answers)))
    return 3 if any(not answer["equilibria"] and not answer["complete"] for answer in answers) else 0


def _found(problem: Problem, rule: Any, clock: budget.Clock) -> dict[str, Any]:
    answer = heading_object(problem, rule or default_rule(problem.game))
    try:
        found = points_of(problem, rule, clock)
    except (UnknownAnswer, budget.OutOfTime) as stop:
        return answer | {"reason": str(stop) or NO_POINTS_IN_TIME}
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
    try:
        with clock.section(2 / 3):
            attracted = attraction_at(
                under(problem.game, *problem.domain),
                rule or default_rule(problem.game),
                found.points,
                complete=found.complete,
            )
            _add_attraction(answer, entries, attracted)
    except (UnknownAnswer, GameError, budget.OutOfTime):
        pass  # the fixed points stand without it
    return answer | {
        "equilibria": entries,
        "complete": found.complete,
        **({"reason": found.reason} if found.reason else {}),
    }


def _add_attraction(answer: dict[str, Any], entries: list[dict[str, Any]], found: Attraction) -> None:
    """Where each point attracts, where it is of which kind if that depends on parameters, and the summary by kind."""
    for entry, (_, verdict, kinds) in zip(entries, found.places, strict=True):
        entry["attracts"] = text(verdict.condition)
        depends = {kind: text(on) for kind, on in kinds.items() if on not in (sp.true, sp.false) and kind != OTHER}
        if depends:
            entry["kinds_where"] = depends
    answer["can_converge_to"] = {kind: found.can(kind).holds for kind in found.kinds}
