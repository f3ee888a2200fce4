"""The axes of a sweep: exact values of the parameters, and the floats nearest to them.

Main definitions: `Axis`, `axes_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from flint import fmpq

from bilevel.language.errors import GameError

MAX_VALUES = 10**7


@dataclass(frozen=True)
class Axis:
    """A parameter and the rational values it takes."""

    symbol: Any
    values: tuple[fmpq, ...]

    @property
    def floats(self) -> Any:
        """The nearest floats."""
        return np.array([int(q.p) / int(q.q) for q in self.values], dtype=np.float64)

    @property
    def floor(self) -> float:
        """The smallest absolute value that is not 0."""
        sizes = np.abs(self.floats)
        return float(sizes[sizes > 0].min(initial=1.0))

    @property
    def rounded(self) -> bool:
        """Whether some value is no float."""
        return any(fmpq(*float(v).as_integer_ratio()) != q for v, q in zip(self.floats, self.values, strict=True))

    def __len__(self) -> int:
        return len(self.values)


def axes_of(over: Mapping[Any, Any], known: Iterable[Any]) -> tuple[Axis, ...]:
    """The axes named in `over` (symbols, or their names), each checked against what is assumed of its symbol."""
    by_name = {str(symbol): symbol for symbol in known}
    if not over:
        raise GameError("a sweep needs a parameter to vary; give over={h: (0, 2, 400)}")
    made = []
    for key, given in over.items():
        if str(key) not in by_name:
            listed = ", ".join(sorted(by_name)) or "none"
            raise GameError(f"there is no parameter {str(key)[:40]} to vary; the parameters are: {listed}")
        axis = Axis(by_name[str(key)], _values(str(key), given))
        _check(axis)
        made.append(axis)
    if len({axis.symbol for axis in made}) < len(made):
        raise GameError("a parameter is varied twice; keep one range for each")
    return tuple(made)


def _values(name: str, given: Any) -> tuple[fmpq, ...]:
    if isinstance(given, tuple):
        return _range(name, given)
    listed = given.tolist() if isinstance(given, np.ndarray) and given.ndim == 1 else given
    if not isinstance(listed, list | range) or not 0 < len(listed) <= MAX_VALUES:
        raise GameError(f"{name} takes (start, stop, count) or a list of numbers; got {str(given)[:60]}")
    return tuple(_exact(name, value) for value in listed)


def _range(name: str, given: tuple[Any, ...]) -> tuple[fmpq, ...]:
    if len(given) != 3:
        raise GameError(f"the range of {name} is (start, stop, count); got {len(given)} entries")
    start, stop, count = _exact(name, given[0]), _exact(name, given[1]), given[2]
    if isinstance(count, bool) or not isinstance(count, int | np.integer | sp.Integer) or not 1 <= count <= MAX_VALUES:
        raise GameError(f"the number of values of {name} is a whole number from 1 to {MAX_VALUES}; got {count}")
    count = int(count)
    if count == 1:
        if start != stop:
            raise GameError(f"one value of {name} cannot reach from {start} to {stop}; ask for at least 2")
        return (start,)
    if start == stop:
        raise GameError(f"the range of {name} is empty: it starts and stops at {start}")
    return tuple(start + (stop - start) * fmpq(i, count - 1) for i in range(count))


def _exact(name: str, value: Any) -> fmpq:
    """A number as a fraction; a float is the value of its bits."""
    try:
        found = (
            sp.Rational(*value.as_integer_ratio())
            if isinstance(value, float | np.floating)
            else sp.sympify(value, strict=True)
        )
    except (OverflowError, ValueError, sp.SympifyError):
        found = None
    if isinstance(value, str) or not isinstance(found, sp.Rational | sp.Float) or not found.is_finite:
        raise GameError(f"{name} takes finite real numbers, fractions or decimals; got {str(value)[:40]}")
    found = sp.Rational(found)
    if abs(found) > 10**150 or (found != 0 and abs(found) * 10**150 < 1):
        raise GameError(f"{name} = {str(value)[:40]} is out of reach of a sweep in floats")
    return fmpq(int(found.p), int(found.q))


def _check(axis: Axis) -> None:
    """The values lie in the closure of what is assumed: a positive parameter may reach 0, where the same formulas
    are read as limits."""
    low, high = min(axis.values), max(axis.values)
    wrong = (low < 0 and axis.symbol.is_nonnegative) or (high > 0 and axis.symbol.is_nonpositive)
    if wrong or (axis.symbol.is_integer and any(q.q != 1 for q in axis.values)):
        raise GameError(f"{axis.symbol} from {low} to {high} contradicts what is assumed of {axis.symbol}")
