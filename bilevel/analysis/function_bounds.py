"""Bounds of exponentials, logarithms and the like from what is known of their arguments.

Main definition: `function_bounds`.

Math: an increasing f with f(c) = v has f(u) > v where u > c is proved, a falling one where u < c is; and where every
symbol in u lies in a finite interval, ball arithmetic encloses f(u)."""

from __future__ import annotations

from typing import Any

import sympy as sp
from flint import arb

from bilevel.analysis.bounds import FREE, bounds_of, opened, tighter
from bilevel.analysis.enclosure import enclose
from bilevel.analysis.polynomials import Coordinates, rational
from bilevel.language.errors import UnknownAnswer

FALLING = ("erfc",)
#: Increasing functions of one argument, and falling ones: pairs (argument, value) by which a bound on the one is a
#: bound on the other.
LANDMARKS = {
    "exp": ((0, rational(1)),),
    "log": ((1, rational(0)),),
    "tanh": ((0, rational(0)),),
    "sinh": ((0, rational(0)),),
    "atan": ((0, rational(0)),),
    "erf": ((0, rational(0)),),
    "erfc": ((0, rational(1)),),
    "sigmoid": ((0, rational(1) / 2),),
}


def function_bounds(assumptions: Any, facts: list[Any]) -> list[tuple[Any, ...]]:
    """The bounds of all generators, those of functions made tighter by their arguments; `facts` hold no functions."""
    bounds = list(assumptions.bounds)
    index = {m: i for i, m in enumerate(assumptions.coordinates.meaning)}
    for i, meaning in enumerate(assumptions.coordinates.meaning):
        landmarks = LANDMARKS.get(type(meaning).__name__)
        if i < 2 or landmarks is None or not meaning.free_symbols:
            continue
        ends = {s: bounds[index[s]] if s in index else bounds_of(s) for s in meaning.free_symbols}
        if all(low is not None and up is not None for low, _, up, _ in ends.values()):
            low, _, up, _ = _over_box(meaning, ends)
            bounds[i] = tighter(bounds[i], low, up, True)
        for argument, value in landmarks:
            way = -1 if type(meaning).__name__ in FALLING else 1
            sign = _sign(way * (meaning.args[0] - argument), facts, type(assumptions))
            if sign in ("+", ">=0"):
                bounds[i] = tighter(bounds[i], value, None, sign == "+")
            if sign in ("-", "<=0"):
                bounds[i] = tighter(bounds[i], None, value, sign == "-")
    return bounds


def _over_box(meaning: Any, ends: dict[Any, Any]) -> tuple[Any, bool, Any, bool]:
    """Bounds of a function of symbols that each lie in a finite interval."""
    balls = {s: arb((low + up) / 2) + arb(0, 1) * arb((up - low) / 2) for s, (low, _, up, _) in ends.items()}
    around = enclose(meaning, balls)
    return FREE if around is None else opened(around)


def _sign(argument: Any, facts: list[Any], kind: Any) -> str | None:
    """The sign of an argument under the facts, where an identity proves it."""
    sides = [s for f in facts for r in f.atoms(sp.core.relational.Relational) for s in r.args]
    try:
        coordinates = Coordinates([argument, *sides], sp.Dummy("z"))
        top, bottom = coordinates.convert(argument)
        found: str | None = kind(coordinates, facts).sign(coordinates.reduce(top * bottom))
    except (UnknownAnswer, TypeError, ValueError, KeyError):
        return None
    return found
