"""From numbers that differ to the slip they look like.

Main definitions: `Mismatch`, `table`, `explain`, `named_factor`.
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
    """The slip that gives exactly what the code gave; where none does, a part that stands there with a factor, then
    one slip for each name by itself, or a ratio."""
    right = tried.agrees(tried.wanted)
    wrong = [int(k) for k in np.flatnonzero(~right)]
    if not np.all(np.isfinite(tried.found)):
        return ()
    single: dict[int, str] = {}
    scaled = ""
    for mutant in itertools.islice(mutants(update), MOST_MUTANTS):
        try:
            given = table(mutant.make(), tried.rows, values)[:, tried.columns]
        except UNFIT:
            continue
        fits = tried.agrees(given)
        if np.all(fits):
            return (mutant.name,)
        if mutant.part and not scaled and (factor := _factor(tried, given)) is not None:
            scaled = f"{mutant.part} stands there {named_factor(factor, values)} times"
        for k in wrong:
            if fits[k] and np.all(fits[right]):  # a slip that would spoil what is right is not the one made
                single.setdefault(k, mutant.name)
    whole = [_ratio(tried, k, values) for k in wrong]
    if scaled and not all(whole) and not all(k in single for k in wrong):
        return (scaled,)
    told = [f"{tried.keys[k]}: {single.get(k) or said}" for k, said in zip(wrong, whole, strict=True) if
            k in single or said]  # fmt: skip
    return tuple(dict.fromkeys(told))


def _factor(tried: Tried, without: Any) -> float | None:
    """The constant that, put before the part that is left out in `without`, gives what was found; None if none."""
    part, apart = tried.wanted - without, tried.found - tried.wanted
    far = np.abs(part) > 1e-6
    slack = 100 * tried.tolerance
    if np.sum(far) < 2 or np.any(np.abs(apart[~far]) > slack * (1 + np.abs(tried.wanted[~far]))):
        return None
    ratios = apart[far] / part[far]
    constant = np.ptp(ratios) <= slack * (1 + np.max(np.abs(tried.wanted[far] / part[far])))
    return 1 + float(np.median(ratios)) if constant else None


def named_factor(factor: float, values: Mapping[str, float]) -> str:
    """A factor in words: as a product of powers of parameters, as a count, else as a number."""
    powers = [-2, -1, 0, 1, 2]
    names = [name for name in values if values[name] not in (0.0, 1.0, -1.0)][:3]
    candidates = sorted(itertools.product(powers, repeat=len(names)), key=lambda p: (sum(map(abs, p)), p))
    for exponents in candidates:
        product = float(np.prod([values[name] ** power for name, power in zip(names, exponents, strict=True)]))
        if any(exponents) and abs(factor - product) <= 1e-6 * abs(product):
            shown = [f"{n}^{p}" if p != 1 else n for n, p in zip(names, exponents, strict=True) if p]
            return f"{'*'.join(shown)} = {factor:.6g}"
    return f"{factor:.6g}"


def _counted(factor: float) -> str:
    """What a whole number, or one over a whole number, may count."""
    for count, words in ((factor, "a sum over {} where a mean is meant, "), (1 / factor if factor else 0.0,
                         "a mean over {} where a sum is meant, ")):  # fmt: skip
        if 2 < count < 1e6 and abs(count - round(count)) <= 1e-6 * count:
            return words.format(round(count))
    return ""


def _ratio(tried: Tried, k: int, values: Mapping[str, float]) -> str:
    """A constant factor between the step taken and the derived one, or a constant between the results."""
    taken, derived = tried.found[:, k] - tried.before[:, k], tried.wanted[:, k] - tried.before[:, k]
    far = np.abs(derived) > 1e-6
    slack = 100 * tried.tolerance
    if np.sum(far) >= 2 and np.all(np.isfinite(taken)):
        ratios = taken[far] / derived[far]
        if np.ptp(ratios) <= slack * (1 + np.abs(ratios[0])):
            factor = float(ratios[0])
            maybe = f"({_counted(factor)}a step size or a factor)"
            return f"the step is {named_factor(factor, values)} times the derived one {maybe}"
        apart = taken - derived
        if np.ptp(apart) <= slack * (1 + np.abs(apart[0])) and np.ptp(apart) <= np.abs(apart[0]) / 10:
            return f"the result is off by the constant {apart[0]:.6g}"
    return ""
