"""The points at which code is held against equations, and smaller ones at which it still fails.

Main definitions: `points`, `smallest`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["points"]

SIMPLE = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 1.5, -1.5)
MOST_CALLS = 200


def points(names: Iterable[Any], *, trials: int = 10, seed: int = 0, scale: float = 1.0) -> Iterator[dict[str, float]]:
    """Random points: a number for every name, standard normal times `scale`; the first point is simple.

    Math: x ~ N(0, scale^2), independent; the first point is 1, 2, 3, ... times scale. A symbol known to be positive
        gets |x|.

    Reference: Claessen and Hughes (2000), QuickCheck.

    Examples:
        >>> next(points(["x", "y"]))
        {'x': 1.0, 'y': 2.0}
    """
    source, wanted = np.random.default_rng(seed), list(names)
    for trial in range(trials):
        drawn = np.arange(1.0, len(wanted) + 1) if trial == 0 else source.standard_normal(len(wanted))
        yield {
            str(name): abs(float(scale * x)) if getattr(name, "is_nonnegative", None) else float(scale * x)
            for name, x in zip(wanted, drawn, strict=True)
        }


def smallest(point: Mapping[str, float], fails: Callable[[Mapping[str, float]], bool]) -> dict[str, float]:
    """A point of small integers and halves at which something still fails, one coordinate after another."""
    best, calls = dict(point), 0
    moved = True
    while moved and calls < MOST_CALLS:
        moved = False
        for name in best:
            for value in SIMPLE:
                if value == best[name] or calls >= MOST_CALLS:
                    break
                calls += 1
                if fails({**best, name: value}):
                    best[name], moved = value, True
                    break
    return best
