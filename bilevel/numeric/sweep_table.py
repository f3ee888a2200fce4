"""Root tests without eigenvalues, for a whole grid at once: the Schur-Cohn and the Routh table in balls.

Main definitions: `Outcome`, `outcome_of` (one factor of a characteristic polynomial), `combined` (all factors).

Math: both tables lower the degree by one and keep the count of roots beyond the boundary, as long as the entry they
divide by is certainly on the stable side. So the first entry certainly on the other side proves an unstable root, and
an entry that rounding leaves open is left to exact arithmetic. A factor that is its own mirror image at every
parameter (all roots on the boundary, or in pairs on both sides) has all roots on the boundary, each simple, iff its
derivative passes the table (Cohn 1922), for a flow iff factor plus derivative does (Hermite-Biehler).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from bilevel.numeric.sweep_balls import Ball, certainly

STABLE, UNSTABLE, MARGINAL, UNDECIDED = range(4)
MEANINGS = ("stable", "unstable", "marginal", "undecided")


@dataclass(frozen=True)
class Outcome:
    """What is certain of one factor; `margin`: the smallest table entry, `radius`: its rounding."""

    stable: Any
    unstable: Any
    marginal: Any
    margin: Any
    radius: Any


def outcome_of(coefficients: Sequence[Ball], time: str, *, mirrored: bool) -> Outcome:
    """The table of one factor with these coefficients, constant term first."""
    coefficients = _computed_once(coefficients)
    tested = _beside(coefficients, time) if mirrored else list(coefficients)
    if len(tested) == 1:
        always = jnp.asarray(True)
        return Outcome(~always, ~always, always, jnp.asarray(0.0), jnp.asarray(0.0))
    monic = [c / tested[-1] for c in tested[:-1]]
    inside, outside, margin, radius = _walk(monic, _schur if time == "discrete" else _routh)
    if not mirrored:
        return Outcome(inside, outside, jnp.zeros_like(inside), margin, radius)
    return Outcome(jnp.zeros_like(inside), outside, inside, jnp.where(inside, 0.0, jnp.minimum(margin, 0.0)), radius)


def _beside(c: Sequence[Ball], time: str) -> list[Ball]:
    """The derivative of a self-mirrored polynomial, for a flow the polynomial plus its derivative."""
    derivative = [Ball(float(k)) * c[k] for k in range(1, len(c))]
    if time == "discrete" or len(c) == 2:
        return derivative
    return [a + b for a, b in zip(c, derivative, strict=False)] + [c[-1]]


def _walk(c: list[Ball], lowered: Any) -> tuple[Any, Any, Any, Any]:
    """Down the table: certainly all inside, certainly one outside, the smallest entry and its rounding."""
    alive, outside, margin, radius = jnp.asarray(True), jnp.asarray(False), jnp.asarray(jnp.inf), jnp.asarray(0.0)
    while c:
        entry, c = lowered(c)
        least = alive & ~(entry.value >= margin)
        margin = jnp.where(least, entry.value, margin)
        radius = jnp.where(least, entry.spread, radius)
        outside = outside | (alive & certainly(Ball(-entry.value, entry.radius)))
        alive = alive & certainly(entry)
        c = _computed_once(c)
        alive, outside, margin, radius = jax.lax.optimization_barrier((alive, outside, margin, radius))
    return alive, outside, margin, radius


def _computed_once(c: Sequence[Ball]) -> list[Ball]:
    """The same balls, which the compiler may not compute again wherever they are used: each row of a table uses the
    row before it twice, so that fusing n rows would double the code n times."""
    return [Ball(*pair) for pair in jax.lax.optimization_barrier([(ball.value, ball.radius) for ball in c])]


def _schur(c: list[Ball]) -> tuple[Ball, list[Ball]]:
    """1 - |k|, k the constant term, and the coefficients of (p - k p*)/((1 - k^2) z)."""
    n, k, one = len(c), c[0], Ball(1.0)
    entry = one - Ball(jnp.abs(k.value), k.radius)
    if n == 1:
        return entry, []
    room = (one - k) * (one + k)
    return entry, [(c[j + 1] - k * c[n - 1 - j]) / room for j in range(n - 1)]


def _routh(c: list[Ball]) -> tuple[Ball, list[Ball]]:
    """b, the coefficient below the leading one, and the coefficients of (p - (z/b) (p's terms of the other parity))/b,
    made monic; every entry is a rate per unit time."""
    n, b = len(c), c[-1]
    if n == 1:
        return b, []
    lower = [c[k - 1] / b if k and (n - k) % 2 == 0 else None for k in range(n - 1)]
    return b, [(c[k] if less is None else c[k] - less) / b for k, less in enumerate(lower)]


def combined(outcomes: Sequence[Outcome], finite: Any) -> tuple[Any, Any, Any]:
    """(verdict code, margin, rounding of the margin) of the whole polynomial; `finite`: no denominator vanishes."""
    unstable = jnp.asarray(False)
    known, marginal = jnp.asarray(True), jnp.asarray(False)
    margin, radius = jnp.asarray(jnp.inf), jnp.asarray(0.0)
    for found in outcomes:
        unstable, marginal = unstable | found.unstable, marginal | found.marginal
        known = known & (found.stable | found.unstable | found.marginal)
        least = ~(found.margin >= margin)
        margin, radius = jnp.where(least, found.margin, margin), jnp.where(least, found.radius, radius)
    code = jnp.where(unstable, UNSTABLE, jnp.where(~known, UNDECIDED, jnp.where(marginal, MARGINAL, STABLE)))
    return jnp.where(finite, code, UNDECIDED).astype(jnp.int8), margin, radius
