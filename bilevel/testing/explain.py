"""From numbers that differ to the slip they look like.

Main definitions: `Mismatch`, `table`, `explain`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bilevel.rules.protocol.update import Update
from bilevel.testing.slips import UNFIT, mutants

__all__ = ["Mismatch"]

MOST_MUTANTS = 500


class Mismatch(AssertionError):
    """Code and equation differ: at which point, what came, what was derived, and which slip it looks like.

    Math: `reasons` are names of mutants of the update that agree with the code at every point tried.

    Reference: DeMillo, Lipton, Sayward (1978), Hints on test data selection.

    Examples:
        >>> from bilevel.models import bilinear_game
        >>> from bilevel.rules import derive, simultaneous
        >>> from bilevel.testing import assert_implements
        >>> wrong = lambda z: {"x": z["x"] + z["y"] / 2, "y": z["y"] + z["x"] / 2}
        >>> try:
        ...     assert_implements(wrong, derive(bilinear_game(1), simultaneous("1/2")))
        ... except Mismatch as found:
        ...     print(found.point, found.reasons)
        {'x': 0.0, 'y': 1.0} ('wrong sign: first maximises its loss',)
    """

    def __init__(
        self,
        message: str,
        point: Mapping[str, float],
        found: Mapping[str, float],
        wanted: Mapping[str, float],
        reasons: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.point, self.found, self.wanted, self.reasons = dict(point), dict(found), dict(wanted), reasons


@dataclass(frozen=True)
class Tried:
    """What the code gave at every point: rows are points, columns the names compared.

    `before` holds what a step starts from (zero for rates and gradients).
    """

    keys: tuple[str, ...]
    columns: tuple[int, ...]
    rows: Any
    before: Any
    found: Any
    wanted: Any
    tolerance: float

    def agrees(self, other: Any) -> Any:
        """Which columns agree with other numbers at every point."""
        return np.all(np.abs(self.found - other) <= self.tolerance * (1 + np.abs(other)), axis=0)


def table(update: Update, rows: Any, values: Mapping[str, float]) -> Any:
    """What an update gives at every row of numbers, in float64."""
    import jax
    import jax.numpy as jnp

    from bilevel.numeric.export import jax_function

    function = jax_function(update)
    results = [*update.after.values(), *(e for part in update.memory_after.values() for e in part.values())]
    used = {str(s) for e in [*results, *(line.value for line in update.assignments)] for s in e.free_symbols}
    given = {name: value for name, value in values.items() if name in used}
    with jax.enable_x64(True):
        columns = tuple(jnp.asarray(column) for column in np.asarray(rows, dtype=float).T)
        return np.asarray(jax.vmap(lambda *row: jnp.stack(function(*row, **given)))(*columns))


def explain(update: Update, tried: Tried, values: Mapping[str, float]) -> tuple[str, ...]:
    """The slip that gives exactly what the code gave; where none does, one for each name by itself, or a ratio."""
    right = tried.agrees(tried.wanted)
    wrong = [int(k) for k in np.flatnonzero(~right)]
    if not np.all(np.isfinite(tried.found)):
        return ()
    single: dict[int, str] = {}
    for mutant in itertools.islice(mutants(update), MOST_MUTANTS):
        try:
            given = table(mutant.make(), tried.rows, values)[:, tried.columns]
        except UNFIT:
            continue
        fits = tried.agrees(given)
        if np.all(fits):
            return (mutant.name,)
        for k in wrong:
            if fits[k] and np.all(fits[right]):  # a slip that would spoil what is right is not the one made
                single.setdefault(k, mutant.name)
    told = [f"{tried.keys[k]}: {single.get(k) or _ratio(tried, k)}" for k in wrong if k in single or _ratio(tried, k)]
    return tuple(dict.fromkeys(told))


def _ratio(tried: Tried, k: int) -> str:
    """A constant factor between the step taken and the derived one, or a constant between the results."""
    taken, derived = tried.found[:, k] - tried.before[:, k], tried.wanted[:, k] - tried.before[:, k]
    far = np.abs(derived) > 1e-6
    slack = 100 * tried.tolerance
    if np.sum(far) >= 2 and np.all(np.isfinite(taken)):
        ratios = taken[far] / derived[far]
        if np.ptp(ratios) <= slack * (1 + np.abs(ratios[0])):
            return f"the step is {ratios[0]:.6g} times the derived one (a step size or a factor)"
        apart = taken - derived
        if np.ptp(apart) <= slack * (1 + np.abs(apart[0])):
            return f"the result is off by the constant {apart[0]:.6g}"
    return ""
