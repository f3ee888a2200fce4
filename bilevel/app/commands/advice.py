"""What a careful reader would say about a problem file that is understood.

Main definitions: `advice_on`.
"""

from __future__ import annotations

import re
from typing import Any

import sympy as sp

from bilevel.analysis.local import default_rule
from bilevel.app.inputs import problem_named
from bilevel.app.problem import Problem
from bilevel.game import Game
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.rules.protocol.linear import linearise


def advice_on(file: str, sets: list[str]) -> dict[str, Any]:
    """The advice, most important first."""
    problem = problem_named(file, sets)
    lines = [*_unused(problem), *_steps(problem), *_point(problem)]
    return {"file": file, "kind": "problem", "ok": True, "advice": lines}


def _unused(problem: Problem) -> list[str]:
    scope = problem.scope
    if scope is None:
        return []
    lines = [
        f"the parameter {name} is declared but stands nowhere"
        for name, symbol in scope.parameters.items()
        if symbol not in scope.used and name not in scope.values
    ]
    text = re.sub(r"#[^\n]*", "", scope.source.text)
    once = [
        name
        for name in (*scope.functions, *(s.name for s in scope.laws))
        if len(re.findall(rf"\b{re.escape(name)}\b", text)) < 2
    ]
    return lines + [f"{name} is declared but stands nowhere" for name in once]


def _steps(problem: Problem) -> list[str]:
    if problem.rule is None:
        return ["no [rule]: the gradient flow is analysed"] if isinstance(problem.game, Game) else []
    step: Any = dict(problem.rule.parameters).get("step")
    parts = list(step.values.values()) if hasattr(step, "values") else [step]
    return [
        f"the step size {part} is not declared positive; a negative step climbs"
        for part in parts
        if isinstance(part, sp.Expr) and part.is_positive is not True
    ]


def _point(problem: Problem) -> list[str]:
    if not problem.at:
        return ["no [at]: the fixed points are solved for"]
    if not problem.complete_at:
        missing = [str(v) for v in problem.game.variables if v not in problem.at]
        return [f"[at] leaves out {', '.join(missing)}, which are solved for"]
    try:
        linearise(problem.game, problem.rule or default_rule(problem.game), problem.at)
    except UnknownAnswer as stop:
        return [f"the point cannot be evaluated: {stop}"]
    except GameError as stop:
        raise problem.located(str(stop), "at") from None
    return []
