"""`bilevel stability`: the exact verdict on every equilibrium.

Main definitions: `run`, `analysed`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.analysis.known import under
from bilevel.analysis.local import default_rule
from bilevel.analysis.verdict import unknown
from bilevel.app import budget
from bilevel.app.answers import NO_POINTS_IN_TIME, heading_object, point_object, state_order, verdict_object
from bilevel.app.inputs import numbers_named, rules_named
from bilevel.app.layout import dumps
from bilevel.app.points import points_of
from bilevel.app.problem import Problem
from bilevel.app.screen import stability_text
from bilevel.app.source import advice
from bilevel.app.verdict_source import verdict_source
from bilevel.app.verdicts import verdict_at
from bilevel.language.errors import GameError, ReadError, UnknownAnswer


def run(options: Any) -> int:
    """Print the verdicts of every rule asked for."""
    problem = numbers_named(options.file, options.set)
    wanted = [name.strip() for part in options.solve for name in part.split(",")]
    rules = rules_named(problem, options.rule)
    answers, exported = [], []
    for done, rule in enumerate(rules):
        kept: list[Any] = []
        own = options.clock.part(1 / (len(rules) - done))
        answers.append(analysed(problem, rule, wanted, own, kept, options.json))
        exported += [(answers[-1], *pair) for pair in zip(answers[-1]["equilibria"], kept, strict=True)]
    shown = verdict_source(exported, wanted, python=options.python) if options.latex or options.python else ""
    budget.stop()
    if shown:
        print(shown)
    elif options.json:
        print(dumps(answers[0] if len(answers) == 1 else answers))
    else:
        print("\n\n".join(stability_text(answer) for answer in answers))
    return max(_status(answer, options.expect, wanted) for answer in answers)


def _status(answer: dict[str, Any], expect: str | None, wanted: list[str]) -> int:
    verdicts = [found["verdict"] for found in answer["equilibria"]]
    if "unknown" in verdicts or (not verdicts and not answer["complete"]):
        return 3
    if any(found["solved"].get(name, "") is None for found in answer["equilibria"] for name in wanted):
        return 3
    return int(expect is not None and (not verdicts or any(verdict != expect for verdict in verdicts)))


def analysed(
    problem: Problem,
    rule: Any,
    wanted: list[str],
    clock: budget.Clock,
    kept: list[Any] | None = None,
    certified: bool = True,
) -> dict[str, Any]:
    """One rule's answer as plain data; what there was no time for is unknown, with the reason. `kept` collects the
    verdicts themselves; making certificates and checking them takes time, so that what only shows words leaves it out.
    """
    game = problem.game
    reading = rule or default_rule(game)
    symbols = _symbols(problem, reading, wanted)
    answer = heading_object(problem, reading)
    try:
        found = points_of(problem, rule, clock)
    except (UnknownAnswer, budget.OutOfTime) as stop:
        return answer | {"reason": str(stop) or NO_POINTS_IN_TIME}
    answer["complete"] = found.complete
    if found.reason:
        answer["reason"] = found.reason
    for done, equilibrium in enumerate(found.points):
        own = clock.part(1 / (len(found.points) - done))
        entry, verdict = _entry(problem, reading, equilibrium, symbols, own, explicit=bool(wanted), certified=certified)
        answer["equilibria"].append(entry)
        if kept is not None:
            kept.append(verdict)
    return answer


def _entry(
    problem: Problem,
    rule: Any,
    equilibrium: Any,
    symbols: list[Any],
    clock: budget.Clock,
    *,
    explicit: bool,
    certified: bool,
) -> tuple[dict[str, Any], Any]:
    order = state_order(problem.game, rule)
    exists = sp.true if equilibrium.exists_on is None else equilibrium.exists_on
    game = under(problem.game, exists)
    try:
        verdict = verdict_at(game, rule, equilibrium, clock)
    except GameError as stop:
        if problem.complete_at:
            raise problem.located(str(stop), "at") from None
        verdict = unknown(str(stop), sp.zeros(0, 0), rule.time)
    free = verdict.condition.free_symbols if verdict.condition is not None else set()
    solve_for = [s for s in symbols if explicit or s in free]
    shown = _within(verdict, exists)
    try:
        with clock.section():
            described = verdict_object(shown, order, solve_for=solve_for, exists_on=exists, certified=certified)
    except budget.OutOfTime:
        described = verdict_object(shown, order, exists_on=exists, certified=False)
        described["solved"] = {str(symbol): None for symbol in solve_for}
    if not explicit:
        described["solved"] = {name: value for name, value in described["solved"].items() if value is not None}
    return {"point": point_object(equilibrium.point), "kinds": list(equilibrium.kinds), **described}, shown


def _within(verdict: Any, exists: Any) -> Any:
    """The verdict's sets inside the set where the equilibrium exists."""
    if exists == sp.true or verdict.condition is None:
        return verdict
    sets = {
        name: sp.And(exists, getattr(verdict, name))
        for name in ("condition", "unstable_on", "marginal_on")
        if getattr(verdict, name) is not None
    }
    return replace(verdict, **sets)


def _symbols(problem: Problem, rule: Any, wanted: list[str]) -> list[Any]:
    """The parameters to solve for: those asked for, else the rule's step sizes."""
    free = {s.name: s for s in (*problem.parameters.values(), *rule.symbols)}
    if not wanted:
        step = dict(rule.parameters).get("step")
        inside = step.free_symbols if isinstance(step, sp.Basic) else rule.symbols if step is not None else set()
        return sorted((s for s in inside if s.name in free), key=str)
    for name in wanted:
        if name in problem.values:
            raise ReadError(f"{name} has a value already; leave its value out to solve for it", file="--solve")
        if name not in free:
            raise ReadError(f"there is no parameter {name!r} to solve for; {advice(name, free)}", file="--solve")
    return [free[name] for name in wanted]
