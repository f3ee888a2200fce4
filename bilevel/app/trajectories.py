"""Whether a map carries the gradient flow of one game to that of another.

Main definitions: `trajectory_relation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.analysis.correspondence import Relation
from bilevel.game import Game
from bilevel.language.equality import equal
from bilevel.language.errors import GameError

CLAIMS = ("equal-fields", "constant")


def trajectory_relation(first: Game, second: Game, names: Mapping[str, Any], claim: str | None = None) -> Relation:
    """Whether x = map(z) follows the first game's flow whenever z follows the second's.

    With x = m(z) and z' = -F_2(z), the chain rule gives x' = -m'(z) F_2(z), to be compared with -F_1(m(z)): equal, or,
    for the claim "constant", equal up to one positive constant of time.
    """
    if not (first.is_coordinate and second.is_coordinate):
        raise GameError("trajectories are compared for games of scalar variables; leave --map-flow out for networks")
    if claim not in (None, *CLAIMS):
        raise GameError(f"trajectories are compared as {' or '.join(CLAIMS)}, not as {claim}")
    place = _map(first, second, names)
    pairs = []
    for variable, slope in first.field().items():
        there = slope.xreplace(place) if isinstance(slope, sp.Expr) else slope
        carried = sp.Add(*[sp.diff(place[variable], z) * f for z, f in second.field().items()])
        pairs.append((there, carried))
    factor = _constant(pairs) if claim == "constant" else sp.S.One
    if factor is None:
        return Relation(
            claim or "equal-fields", None, "unknown", reason="no constant was found that could be the ratio"
        )
    answers = [equal(left, factor * right) for left, right in pairs]
    trace = tuple(step for answer in answers for step in answer.trace)
    failed = next((a for a in answers if a.answer is False), None)
    holds = False if failed is not None else True if all(a.answer for a in answers) else None
    return Relation(
        claim or "equal-fields",
        holds,
        "exact" if holds is not None else "unknown",
        factor,
        trace,
        failed.counterexample if failed is not None else None,
        "trajectories compared",
    )


def _map(first: Game, second: Game, names: Mapping[str, Any]) -> dict[Any, Any]:
    theirs = {str(v): v for v in second.variables}
    for name in names:
        if name not in {str(v) for v in first.variables}:
            raise GameError(f"the first game has no variable {name!r}; it has {', '.join(map(str, first.variables))}")
    place = {}
    for variable in first.variables:
        if str(variable) not in names and str(variable) not in theirs:
            raise GameError(f'the second game has no variable {variable}; say what it is: --map "{variable}=..."')
        place[variable] = names.get(str(variable), theirs.get(str(variable)))
    return place


def _constant(pairs: list[tuple[Any, Any]]) -> Any:
    for left, right in pairs:
        if right != 0:
            ratio = sp.cancel(sp.together(left / right))
            moving = ratio.is_positive
            return ratio if moving else None
    return None
