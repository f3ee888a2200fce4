"""Whether some parameters satisfy a condition: a proof that none do, or rational ones that do.

Main definition: `satisfied`.
"""

from __future__ import annotations

import random
from typing import Any

import sympy as sp

from bilevel.analysis.enclosure import truth_at
from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.reduction import Assumptions, Budget
from bilevel.analysis.writing import to_formula
from bilevel.language.errors import UnknownAnswer

TRIES = 600


def satisfied(boolean: Any, facts: tuple[Any, ...] = ()) -> tuple[bool | None, str, dict[Any, Any] | None]:
    """(True, how, rational parameters), (False, what proves it, None) or (None, why, None).

    Symbols stand for real numbers within their own assumptions and `facts`.
    """
    facts = tuple(f for f in facts if f not in (True, sp.true))
    symbols = sorted(boolean.free_symbols | {s for f in facts for s in f.free_symbols}, key=str)
    if boolean == sp.false:
        return False, "no parameters satisfy it", None
    witness = _drawn_point(boolean, facts, symbols, TRIES // 4)
    if witness is not None:
        return True, "parameters that satisfy it", witness
    assumptions = formula = None
    try:
        relationals = [r for b in (boolean, *facts) for r in b.atoms(sp.core.relational.Relational)]
        coordinates = Coordinates([side for r in relationals for side in r.args], sp.Dummy("z"))
        formula = to_formula(boolean, coordinates)
        assumptions = Assumptions(
            coordinates, facts, budget=Budget(queries=20, units=5_000_000, seconds=6.0, milliseconds=3000)
        )
        if formula is not None and assumptions.impossible(formula):
            return False, assumptions.last_method, None
    except (UnknownAnswer, TypeError, ValueError, KeyError):
        pass
    witness = _drawn_point(boolean, facts, symbols, TRIES)
    if witness is None and assumptions is not None and formula is not None:
        point = assumptions.example(formula)
        if point is not None and all(truth_at(b, point) for b in (boolean, *facts)):
            witness = {s: point.get(s, sp.S.One) for s in symbols}
    if witness is not None:
        return True, "parameters that satisfy it", witness
    return None, "neither a proof nor an example was found", None


def _drawn_point(boolean: Any, facts: tuple[Any, ...], symbols: list[Any], tries: int) -> dict[Any, Any] | None:
    source = random.Random(17)
    for _ in range(tries):
        point = {s: _drawn(source, s) for s in symbols}
        if all(truth_at(f, point) for f in facts) and truth_at(boolean, point):
            return point
    return None


def _drawn(source: random.Random, symbol: Any) -> Any:
    """A rational of the symbol's sign, its size spread over several orders of magnitude."""
    value = sp.Rational(source.randint(1, 12), source.choice((1, 1, 3, 16, 120)))
    negative = symbol.is_negative or (not symbol.is_nonnegative and source.random() < 0.5)
    return -value if negative else value
