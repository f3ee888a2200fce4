"""Fixed points without a formula: found numerically, each proved by an interval test.

Main definition: `enclosed_points`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy as sp
from flint import fmpq

from bilevel.analysis.enclosure import enclose
from bilevel.analysis.equilibrium import Equilibrium
from bilevel.analysis.fixed_point_systems import field_system, rule_system
from bilevel.analysis.forms import plain
from bilevel.analysis.kinds import SPURIOUS, kinds_at
from bilevel.analysis.known import Known
from bilevel.analysis.krawczyk import Enclosed, isolated_zeros
from bilevel.analysis.local_model import kept, local_model
from bilevel.language.errors import BilevelError
from bilevel.rules.protocol.rule import Rule
from bilevel.system import System

FEW = 3  # variables up to which strict minima along replies are asked for


def enclosed_points(game: Any, rule: Rule | None, exact: list[Equilibrium]) -> list[Equilibrium]:
    """Fixed points beside the exact ones, each proved by an interval test; those that turn out to be short fractions
    are exact, their kinds left open.

    Math: see `krawczyk.certify`.

    Reference: Krawczyk (1969), doi:10.1007/BF02234767.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> x = sp.Symbol("x", real=True)
        >>> [str(point) for point in enclosed_points(Game(a=minimize(sp.exp(x) + x**2, x)), None, [])]
        ['x = -0.351733711249196: Nash (strict)']
    """
    try:
        equations, unknowns, boxes = _boxes(game, rule)
    except (BilevelError, NotImplementedError, TypeError, AttributeError, ValueError):
        return []
    found = []
    for box in boxes:
        if any(_holds_point(box, point, game) for point in exact) or not _in_domain(box, game):
            continue
        short = _short_fractions(box, equations, unknowns)
        if short is not None:
            point = {v: short[v] for v in game.variables}
            found.append(Equilibrium(point))
            continue
        ends = {v: (_float(box[v].lower()), _float(box[v].upper())) for v in game.variables}
        new = Equilibrium({v: _float(box[v].mid()) for v in game.variables}, (), sp.true, "enclosed", box=ends)
        if not isinstance(game, System):
            kinds, tests = _kinds(game, rule, {v: box[v] for v in game.variables})
            new = replace(new, kinds=kinds, tests=tests)
        found.append(new)
    return found


def _kinds(game: Any, rule: Rule | None, box: Mapping[Any, Any]) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """The kinds of an enclosed point, asked in letters for the derivatives there; no tests are shown."""
    known = Enclosed(box)
    if rule is not None and any(known.nonzero(plain(value)) for value in game.field().values()):
        return (SPURIOUS,), {}
    model = local_model(game, box, 3)
    if model is None:
        return kinds_at(game, {}, known, critical=True)
    known = Enclosed(model.values)
    return kinds_at(model.game, model.point, known, critical=True, leaders=len(game.variables) <= FEW)[0], {}


def _boxes(game: Any, rule: Rule | None) -> tuple[list[Any], list[Any], list[Any]]:
    """A system without parameters and its enclosed zeros: that of the rule, or else of the field where the rule keeps
    them, whatever its parameters are."""
    equations, unknowns = field_system(game) if rule is None else rule_system(game, rule)
    if rule is None or not any(e.free_symbols - set(unknowns) for e in equations):
        return equations, unknowns, isolated_zeros(equations, unknowns)
    equations, unknowns = field_system(game)
    return equations, unknowns, [box for box in isolated_zeros(equations, unknowns) if kept(game, rule, box)]


def _short_fractions(box: Any, equations: list[Any], unknowns: list[Any]) -> dict[Any, Any] | None:
    """The one zero in the box where short fractions inside it satisfy every equation exactly."""
    values = {v: sp.Rational(_float(box[v].mid())).limit_denominator(1000) for v in unknowns}
    if not all(box[v].contains(fmpq(int(value.p), int(value.q))) for v, value in values.items()):
        return None
    known = Known()
    return values if all(known.zero(plain(e).subs(values, simultaneous=True)) for e in equations) else None


def _holds_point(box: Any, point: Equilibrium, game: Any) -> bool:
    values = [enclose(point.point[v]) for v in game.variables]
    return all(value is not None and box[v].overlaps(value) for v, value in zip(game.variables, values, strict=True))


def _in_domain(box: Any, game: Any) -> bool:
    """Whether the enclosed point satisfies the assumptions on the variables (undecided ones count as satisfied)."""
    outside = ((v.is_nonnegative and box[v] < 0) or (v.is_nonpositive and box[v] > 0) for v in game.variables)
    return not any(outside)


def _float(end: Any) -> Any:
    return sp.Float(float(end))
