"""Claims about games and rules as assertions.

Main definitions: `assert_corresponds`, `assert_stable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.analysis import correspond, stability
from bilevel.game import Game
from bilevel.language.errors import BilevelError, GameError
from bilevel.rules.protocol.rule import Rule

__all__ = ["assert_corresponds", "assert_stable"]


def assert_corresponds(a: Game, b: Game, claim: str = "equal-fields", map: Mapping[Any, Any] | None = None) -> None:
    """Assert that two games are the same problem in a named sense, by proof.

    Math: the relations are those of `bilevel.correspond`: identical, equal-fields, constant, constant-per-player,
        function, fixed-points, per-sample, information-structure. What is not proved fails, refuted or not.

    Raises: AssertionError with the counterexample, or with the reason why the answer is unknown, and what holds in its
        place; GameError for an unknown claim, or a map that does not fit.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.

    Examples:
        >>> from bilevel.models import blind_actor_critic, gan
        >>> assert_corresponds(blind_actor_critic(scaled=True), gan(), "constant")
    """
    relation = correspond(a, b, claim=claim, map=map)[claim]
    if relation.holds:
        return
    lines = [f"{claim} is {'refuted' if relation.holds is False else 'neither proved nor refuted'}"]
    lines += [f"  because: {relation.reason}"] if relation.reason else []
    lines += [f"  counterexample: {relation.counterexample}"] if relation.counterexample is not None else []
    try:
        proved = ", ".join(found.name for found in correspond(a, b, map=map).maximal)
        lines.append(f"  what is proved: {proved or 'nothing'}")
    except BilevelError:
        pass  # the other relations are a courtesy; the claim itself was answered
    raise AssertionError("\n".join(lines))


def assert_stable(
    game: Game,
    rule: Rule | None = None,
    at: Mapping[Any, Any] | None = None,
    values: Mapping[Any, Any] | None = None,
) -> None:
    """Assert that a learning rule converges, locally and exponentially, to an equilibrium at given numbers.

    Math: the exact condition of `bilevel.stability` holds at `values`; decimals are read as they are written (0.1 is
        1/10). Without values the condition must hold for all parameters that the assumptions allow.

    Raises: AssertionError with the condition, the thresholds of each parameter that was given, and why a marginal case
        is marginal; also where no answer is known. GameError if the point is no fixed point, or for unknown names.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, for conditions of this kind.

    Examples:
        >>> from bilevel.models import quadratic_game
        >>> from bilevel.rules import simultaneous
        >>> h = sp.Symbol("h", positive=True)
        >>> assert_stable(quadratic_game(1, 1, 1), simultaneous(h), values={h: 0.5})
    """
    verdict = stability(game, rule, at=at)
    numbers = _exact(verdict, rule, values or {})
    if verdict.verdict == "unknown" or verdict.condition is None:
        raise AssertionError(f"whether it is stable is unknown: {verdict.reason}")
    holds = sp.sympify(verdict.condition, strict=True).subs(numbers)
    exists = sp.sympify(verdict.exists_on, strict=True).subs(numbers)
    if holds == sp.true and exists == sp.true:
        return
    shown = f" at {', '.join(f'{s} = {v}' for s, v in numbers.items())}" if numbers else " for every parameter"
    lines = [f"not stable{shown}: stable iff {verdict.condition}"]
    if exists != sp.true:
        lines.append(f"  the equilibrium exists where {verdict.exists_on}")
    if verdict.unstable_on is not None and sp.sympify(verdict.unstable_on, strict=True).subs(numbers) == sp.true:
        lines.append("  an eigenvalue lies strictly on the unstable side")
    elif verdict.marginal_on is not None and sp.sympify(verdict.marginal_on, strict=True).subs(numbers) == sp.true:
        lines.append(f"  marginal: {verdict.marginal_why}")
    lines += _thresholds(verdict, numbers)
    raise AssertionError("\n".join(lines))


def _exact(verdict: Any, rule: Rule | None, values: Mapping[Any, Any]) -> dict[Any, Any]:
    sets = (verdict.condition, verdict.unstable_on, verdict.marginal_on, verdict.exists_on, verdict.jacobian)
    symbols = {s for part in sets if part is not None for s in sp.sympify(part, strict=True).free_symbols}
    symbols |= set(rule.symbols) if rule is not None else set()
    by_name = {str(s): s for s in symbols}
    numbers = {}
    for key, value in values.items():
        if str(key) not in by_name:
            raise GameError(f"there is no parameter {key}; the parameters are {', '.join(sorted(by_name)) or 'none'}")
        symbol = by_name[str(key)]
        number = sp.Rational(repr(float(value))) if isinstance(value, float) else sp.sympify(value, strict=True)
        if any(getattr(number, f"is_{fact}") is False for fact, held in symbol.assumptions0.items() if held):
            raise GameError(f"{symbol} = {number} contradicts what is assumed of {symbol}")
        numbers[symbol] = number
    return numbers


def _thresholds(verdict: Any, numbers: Mapping[Any, Any]) -> list[str]:
    """For each parameter, where it would be stable with the others as given."""
    found = []
    for parameter in numbers:
        others = {s: v for s, v in numbers.items() if s != parameter}
        condition = sp.sympify(verdict.condition, strict=True).subs(others)
        if condition in (sp.true, sp.false) or condition.free_symbols != {parameter}:
            continue
        try:
            from bilevel.analysis.solve import solve

            found.append(f"  with the others as given, stable iff {solve(condition, parameter, verdict.assuming)}")
        except (BilevelError, NotImplementedError):
            found.append(f"  with the others as given, stable iff {condition}")
    return found
