"""Which step sizes a rule tolerates at a point: the scale of all its steps at which its leading modulus passes one.

Main definitions: `StepScale`, `tolerated`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bilevel.numeric.diagnosis import Finding
from bilevel.numeric.spectra import DENSE, Spectrum, eigenvalues
from bilevel.numeric.spectra_operator import operator_of
from bilevel.numeric.spectra_products import FlatStep, Products

SCALE = "step_scale"
GROWS, CIRCLES, SHRINKS, STILL = "grows", "circles", "shrinks", "still"


@dataclass
class StepScale:
    """The leading spectrum of a rule's map as a function of the scale of its steps, and the products it took."""

    step: FlatStep
    count: int
    seed: int
    budget: int
    scaled: bool = True
    spent: int = 0
    seen: dict[float, Spectrum] = field(default_factory=dict)

    def spectrum(self, scale: float) -> Spectrum:
        """Leading eigenvalues of the map with all steps scaled."""
        if scale not in self.seen:
            products = Products(self.step, {SCALE: scale} if self.scaled else {})
            operator = operator_of(products, self.step.stepper.rule.time)
            count = operator.size if operator.size <= DENSE else self.count
            self.seen[scale] = eigenvalues(operator, count=count, seed=self.seed, budget=self.budget, left=self.small)
            self.spent += products.count
        return self.seen[scale]

    def state(self, scale: float) -> str:
        """Whether some mode grows, some mode stays on the circle while moving, all shrink, or nothing moves."""
        return state_of(self.spectrum(scale))

    @property
    def small(self) -> bool:
        """Whether all eigenvalues are computed."""
        return sum(self.step.labels().values()) <= DENSE


def margin(ritz: Any) -> float:
    """How far the computed value may be off, to first order."""
    return float(max(1e-13, 10 * ritz.backward_error if ritz.error is None else 2 * ritz.error))


def state_of(found: Spectrum) -> str:
    """The state of a map: see `StepScale.state`."""
    sizes = [(abs(ritz.value) - 1, margin(ritz), abs(ritz.value - 1)) for ritz in found.values]
    if any(not math.isfinite(beyond) or beyond > off for beyond, off, _ in sizes):
        return GROWS
    moving = [(beyond, off) for beyond, off, moved in sizes if moved > 100 * off]
    if any(beyond > -off for beyond, off in moving):
        return CIRCLES
    return SHRINKS if moving else STILL


@dataclass(frozen=True)
class Tolerated:
    """Scales of the steps: every mode shrinks below the first, some mode grows above the second."""

    converges_below: float | None
    grows_above: float | None
    from_scale: float = 0.0
    note: str = ""


def tolerated(scales: StepScale, guess: float | None = None, *, up: int = 12, down: int = 24) -> Tolerated:
    """Doubling or halving from the present steps until the state changes, then bisection.

    A `guess` of the edge is tried first. Small games are bisected to 12 digits, large ones to half a percent.
    """
    low, high = _bracket(scales.state, guess, up, down)
    if high is None:
        shrinks = scales.state(low) == SHRINKS
        return Tolerated(low if shrinks else None, None, note=f"no growth found up to {low:g} times the present steps")
    if low is None:
        return Tolerated(
            None, 0.0, note=f"some mode grows at every step size tried, down to {high:.1e} times the present"
        )
    while high / low > 1 + (1e-12 if scales.small else 5e-3):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if scales.state(middle) == GROWS else (middle, high)
        if middle in (low, high) and high / low <= 1 + 4e-16:
            break
    return _below(scales, low, math.sqrt(low * high))


def _bracket(state: Callable[[float], str], guess: float | None, up: int, down: int) -> tuple[Any, Any]:
    """Neighbouring scales, the first without growth, the second with it; None where none was found."""
    if guess is not None and state(0.96 * guess) != GROWS and state(1.04 * guess) == GROWS:
        return 0.96 * guess, 1.04 * guess
    scale = 1.0
    if state(scale) == GROWS:
        for _ in range(down):
            if state(scale / 2) != GROWS:
                return scale / 2, scale
            scale /= 2
        return None, scale
    for _ in range(up):
        if state(2 * scale) == GROWS:
            return scale, 2 * scale
        scale *= 2
    return scale, None


def _below(scales: StepScale, low: float, edge: float) -> Tolerated:
    """What happens below the edge: everything shrinks, or some mode circles, or small steps grow again."""
    inside = scales.state(edge / 2 if scales.small else low)
    if inside == CIRCLES and _second_order(scales, edge):
        return Tolerated(None, 0.0, note="a turning mode grows at every step size, by the square of the step")
    if inside == CIRCLES:
        return Tolerated(None, edge, note="below that a turning mode neither grows nor shrinks, as far as can be told")
    for part in (16.0, 256.0):
        if scales.state(edge / part) == GROWS:
            return Tolerated(edge, edge, edge / part, note="far smaller steps grow again: the flow leaves this point")
    return Tolerated(edge, edge)


def _second_order(scales: StepScale, edge: float) -> bool:
    """Whether the growth above the edge falls by four when the steps are halved: then it only hides in rounding."""
    growth = [max(abs(r.value) for r in scales.spectrum(edge * k).values) - 1 for k in (64.0, 32.0, 16.0)]
    return (
        min(growth) > 0
        and max(growth) < 1e-2
        and all(3 < a / b < 5 for a, b in zip(growth[:-1], growth[1:], strict=True))
    )


def step_finding(found: Tolerated, scales: StepScale) -> Finding:
    """The tolerated steps in words."""
    ways = "bisection on the leading modulus of the map"
    ways += "" if scales.small else ", leading eigenvalues by Arnoldi: a mode it did not find may grow earlier"
    numbers = {"converges_below": found.converges_below, "grows_above": found.grows_above}
    if found.grows_above is None:
        return Finding(f"{found.note}", "float", ways, numbers)
    if found.converges_below is None:
        if not found.grows_above:
            return Finding(f"no step size is tolerated: {found.note}", "float", ways, numbers)
        words = f"grows above {found.grows_above:.4g} times the present steps; {found.note}"
        return Finding(words, "float", ways, numbers)
    now = "the present steps are inside" if found.grows_above > 1 else "the present steps are too large"
    words = f"tolerates steps up to {found.grows_above:.4g} times the present ones: {now}"
    return Finding(words + (f"; {found.note}" if found.note else ""), "float", ways, numbers)


def period(value: complex) -> float:
    """Steps in which a mode turns once (inf if it does not)."""
    angle = abs(float(np.angle(value)))
    return 2 * math.pi / angle if angle > 1e-12 else math.inf
