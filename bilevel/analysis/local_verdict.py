"""The verdict of a rule at a fixed point that is only enclosed, as a condition on the rule's free parameters.

Main definition: `near_by_letters`. The rule is analysed exactly in letters for the losses' derivatives at the point
(`local_model`); then the letters are given their enclosed values.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import sympy as sp
from flint import arb
from sympy.core.relational import Relational

from bilevel.analysis.analyse import analyse
from bilevel.analysis.enclosure import enclose
from bilevel.analysis.krawczyk import certify
from bilevel.analysis.local_model import LocalModel, kept, local_models
from bilevel.analysis.solve import solve
from bilevel.analysis.verdict import Verdict, unknown
from bilevel.analysis.writing import DIGITS, in_decimals, rounded
from bilevel.language.errors import UnknownAnswer
from bilevel.rules.protocol.linear import Linearisation
from bilevel.rules.protocol.rule import Rule

EXACTLY, ROUGHLY = 40, 16  # decimals worked with
SETS = ("condition", "unstable_on", "marginal_on")


def near_by_letters(game: Any, rule: Rule, point: Mapping[Any, Any], why: str) -> Verdict:
    """The verdict at the one zero of the field near floating-point coordinates, as a condition on the rule's
    parameters; `why` says what keeps the rule's own map from being enclosed.

    Known "enclosed": the form of the condition is exact, the numbers in it are enclosures rounded to 12 digits.
    """
    nothing = sp.zeros(len(point))
    found = _linearised(game, rule, point)
    if found is None:
        return unknown(f"{why}; try: give numbers to the game's parameters", nothing, rule.time)
    model, linear = found
    exact = analyse(linear.matrix, time=linear.time, assuming=game.assuming)
    if exact.condition is None:
        return _in_floats(game, linear, model)
    sets = {name: in_numbers(getattr(exact, name), model.values) for name in SETS}
    if any(value is None for value in sets.values()):
        reason = "a number in the condition cannot be told from zero by its enclosure"
        return unknown(reason, _rounded(exact.jacobian, model.values), rule.time)
    return _numbered(exact, sets, model)


def _in_floats(game: Any, linear: Linearisation, model: LocalModel) -> Verdict:
    """Where letters are too many: decided with the letters' rounded values, which proves nothing near the boundary."""
    rough = analyse(_rational(linear.matrix, model.values, ROUGHLY), time=linear.time, assuming=game.assuming)
    shown = _rounded(linear.matrix, model.values)
    if rough.condition is None:
        return replace(rough, jacobian=shown, characteristic_polynomial=None)
    sets = {name: _short(getattr(rough, name)) for name in SETS}
    reason = f"decided with the derivatives at the fixed point rounded to {ROUGHLY} digits"
    return replace(
        rough,
        **sets,
        known="float",
        jacobian=shown,
        characteristic_polynomial=None,
        eigenvalues=None,
        reduction=(),
        boundaries=(),
        reason=reason,
    )


def _linearised(game: Any, rule: Rule, point: Mapping[Any, Any]) -> tuple[LocalModel, Linearisation] | None:
    field = game.field()
    if any(value.free_symbols - set(game.variables) for value in field.values()):
        return None
    box = certify(list(field.values()), list(game.variables), [float(point[v]) for v in game.variables])
    return None if box is None else linear_in_letters(game, rule, box)


def linear_in_letters(game: Any, rule: Rule, box: Mapping[Any, Any]) -> tuple[LocalModel, Linearisation] | None:
    """A rule's Jacobian at the one zero of the field in a box, in letters for derivatives there; None where the rule is
    not proved to leave that zero alone, or a derivative has no enclosure."""
    if not kept(game, rule, box):
        return None
    for model in local_models(game, box):
        linear = model.linearised(rule)
        if linear is not None and not linear.matrix.free_symbols & set(model.point.values()):
            return model, linear
    return None


def in_numbers(where: Any, values: Mapping[Any, arb]) -> Any:
    """A Boolean with every letter replaced by its number; what no longer holds a parameter is decided by the
    enclosures, None where they cannot."""
    if where in (sp.true, sp.false):
        return where
    put: dict[Any, Any] = {}
    for relation in where.atoms(Relational):
        if relation.free_symbols - set(values):
            put[relation] = relation.func(*(_rational(side, values) for side in relation.args))
        elif (truth := _truth(relation, values)) is None:
            return None
        else:
            put[relation] = sp.true if truth else sp.false
    return _short(where.xreplace(put))


def _truth(relation: Any, values: Mapping[Any, arb]) -> bool | None:
    ball = enclose(relation.lhs - relation.rhs, values)
    if ball is None or ball.contains(0):
        return None
    return bool(relation.func(1 if ball > 0 else -1, 0))


def _short(where: Any) -> Any:
    """The Boolean solved where it is about one parameter, its numbers as decimals."""
    free = where.free_symbols
    if len(free) == 1:
        with suppress(UnknownAnswer, NotImplementedError):
            where = solve(where, *free)
    return in_decimals(where)


def _rational(expression: Any, values: Mapping[Any, arb], digits: int = EXACTLY) -> Any:
    return expression.xreplace({s: sp.Rational(ball.mid().str(digits, radius=False)) for s, ball in values.items()})


def _rounded(expression: Any, values: Mapping[Any, arb]) -> Any:
    return rounded(_rational(expression, values))


def _numbered(exact: Verdict, sets: Mapping[str, Any], model: LocalModel) -> Verdict:
    words = {"condition": "stable", "unstable_on": "unstable", "marginal_on": "marginal"}
    whole = next((words[name] for name in SETS if sets[name] == sp.true), "conditional")
    return replace(
        exact,
        **sets,
        verdict=whole,
        known="enclosed",
        jacobian=_rounded(exact.jacobian, model.values),
        characteristic_polynomial=None,
        eigenvalues=None,
        reduction=(),
        boundaries=tuple((_rounded(curve, model.values), kind) for curve, kind in exact.boundaries),
        reason=f"the numbers are values at the fixed point proved to lie here, rounded to {DIGITS} digits",
    )
