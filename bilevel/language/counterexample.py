"""Search for an instance and a point at which two expressions differ, decided by exact arithmetic or by an enclosure.

Main definitions: `Counterexample`, `search`.

How instances are drawn, and why a difference there refutes the identity, is said in `bilevel.language.drawing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from random import Random
from typing import Any

import sympy as sp

from bilevel.language.algebra import is_scalar
from bilevel.language.coordinates import Coordinates
from bilevel.language.drawing import Drawing
from bilevel.language.enclosure import differ, enclosure
from bilevel.language.errors import BilevelError
from bilevel.language.instance import Instance
from bilevel.language.laws import LogDensity
from bilevel.language.substitute import free_variables

ATTEMPTS = 8
SIZES = ((2, 2, 2), (1, 1, 1), (2, 3, 1), (3, 2, 2), (2, 1, 3))


@dataclass(frozen=True)
class Counterexample:
    """Where two expressions differ: sizes, networks, laws, the point, and both values.

    Math: left != right at this instance and point; `known` tells how that was decided.
    Reference: bilevel.language.counterexample.
    Examples:
        >>> Counterexample({"p": 1}, {"D": "x^2"}, {}, {"theta": "(2)"}, sp.Integer(4), 5, "exact", 0).describe()
        'p = 1; D = x^2; theta = (2): 4 is not 5'
    """

    dims: dict[str, int]
    networks: dict[str, str]
    laws: dict[str, str]
    point: dict[str, str]
    left: Any
    right: Any
    known: str
    component: int
    instance: Instance | None = None

    def describe(self) -> str:
        """One line of text."""
        parts = [f"{k} = {v}" for group in (self.dims, self.networks, self.laws, self.point) for k, v in group.items()]
        return f"{'; '.join(parts)}: {_short(self.left)} is not {_short(self.right)}"

    __str__ = describe


def search(
    left: Any,
    right: Any,
    assuming: Iterable[Any] = (),
    *,
    seed: int = 0,
    attempts: int = ATTEMPTS,
    instances: Iterable[Instance] = (),
) -> tuple[Counterexample | None, str]:
    """The first counterexample among the given and some random instances; else None, and why the last attempt
    failed."""
    reason, floating = "both sides agree at every instance tried", None
    random = (
        Drawing(left, right, Random(seed + attempt), SIZES[attempt % len(SIZES)], attempt % 3)
        for attempt in range(attempts)
    )
    named = (Given(_completed(instance, sp.Tuple(left, right), Random(seed))) for instance in instances)
    weighed = (
        Drawing(left, right, Random(seed + attempts + attempt), (1, 1, 1), 2, (1, -1)[attempt % 2])
        for attempt in range(4 if attempts and sp.Tuple(left, right).has(LogDensity) else 0)
    )
    draws: Iterator[Drawing | Given] = chain(named, random, weighed)
    for draw in draws:
        try:
            found = _compare(left, right, draw, tuple(assuming))
        except (BilevelError, ZeroDivisionError, NotImplementedError, ValueError, TypeError) as error:
            reason = f"the last instance could not be evaluated: {error}"
            continue
        if found is not None and found.known == "exact":
            return found, ""
        floating = floating or found
    return floating, "" if floating else reason


@dataclass(frozen=True)
class Given:
    """An instance that somebody chose, told as a drawn one is."""

    instance: Instance

    def told(self) -> tuple[dict[str, int], dict[str, str], dict[str, str], dict[str, str]]:
        """Sizes and the point, as text."""
        point = {name: f"({', '.join(map(str, entries))})" for name, entries in self.instance.vectors.items()}
        point |= {name: str(value) for name, value in self.instance.scalars.items()}
        return dict(self.instance.dims), {}, {}, point


def _completed(instance: Instance, sides: Any, random: Random) -> Instance:
    """The instance with a small rational for every free variable that it leaves open."""
    vectors, scalars = dict(instance.vectors), dict(instance.scalars)
    number = lambda: sp.Rational(random.choice([-3, -2, -1, 1, 2, 3]), random.choice([1, 2]))
    for variable in sorted(free_variables(sides[0]) | free_variables(sides[1]), key=str):
        if isinstance(variable, sp.MatrixSymbol):
            if variable.name not in vectors and all(_sized(size, instance) for size in variable.shape):
                rows, columns = (instance.size(size) for size in variable.shape)
                vectors[variable.name] = [number() for _ in range(rows * columns)]
        elif isinstance(variable, sp.Symbol) and variable.name not in {*scalars, *instance.dims}:
            scalars[variable.name] = abs(number()) if variable.is_positive else number()
    return replace(instance, vectors=vectors, scalars=scalars)


def _sized(size: Any, instance: Instance) -> bool:
    return bool(size.is_Integer) or str(size) in instance.dims


def _compare(left: Any, right: Any, draw: Drawing | Given, assuming: tuple[Any, ...]) -> Counterexample | None:
    instance = draw.instance
    coordinates = Coordinates(instance, values=True)
    if not all(_holds(relation, coordinates) for relation in assuming):
        raise BilevelError("the random instance does not satisfy the assumptions")
    if is_scalar(left):
        sides = [(coordinates.scalar(left, {}), coordinates.scalar(right, {}))]
    else:
        sides = list(zip(coordinates.matrix(left, {}), coordinates.matrix(right, {}), strict=True))
    for component, (a, b) in enumerate(sides):
        known = differ(a - b)
        if known:
            return Counterexample(*draw.told(), a, b, known, component, instance)
    return None


def _holds(relation: Any, coordinates: Coordinates) -> bool:
    if isinstance(relation, (tuple, sp.Tuple, sp.Eq)):
        a, b = relation if isinstance(relation, (tuple, sp.Tuple)) else (relation.lhs, relation.rhs)
        value = coordinates.scalar(a - b, {}) if is_scalar(a) else coordinates.matrix(a - b, {})
        return sp.expand(value) == 0 if is_scalar(a) else not any(value)
    if relation in (True, sp.true):
        return True
    gap = coordinates.scalar(relation.gts - relation.lts, {}) if hasattr(relation, "gts") else sp.S.Zero
    ball = enclosure(gap)
    return ball is not None and bool(ball > 0)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:40]}... = {sp.N(value, 8)}"
