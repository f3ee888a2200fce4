"""Which step sizes a rule tolerates at a point: the scale of all its steps at which its leading modulus passes one.

Main definitions: `StepScale`, `tolerated`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bilevel.numeric.diagnosis import Finding
from bilevel.numeric.effort import Effort
from bilevel.numeric.spectra import DENSE, Ritz, Spectrum, several_ends
from bilevel.numeric.spectra_operator import Operator, less_identity, operator_of, written_out
from bilevel.numeric.spectra_products import FlatStep, Products
from bilevel.numeric.spectra_solvers import TOLERANCE, Search

SCALE = "step_scale"
MATRIX = 1500  # rows up to which a Jacobian is written out: cheaper there than as many products as eigenvalues take
QUICK = 1e-4  # the tolerance that tells growth from none
LOOK = 200  # products for one look at one scale
FLOW = 1 / 256  # the scale of the steps at which the flow's own growth is read off
GROWS, CIRCLES, SHRINKS, STILL = "grows", "circles", "shrinks", "still"


@dataclass
class StepScale:
    """The leading spectrum of a rule's map as a function of the scale of its steps.

    `starts` gives vectors near the leading eigenvectors at a scale, if any are known.
    """

    step: FlatStep
    count: int
    seed: int
    effort: Effort
    scaled: bool = True
    leaving: bool = False  # whether the flow's own growth is to be left aside
    starts: Callable[[float, bool], Sequence[np.ndarray]] = lambda scale, leaving: ()
    seen: dict[tuple[float, bool], Spectrum] = field(default_factory=dict)

    def spectrum(self, scale: float) -> Spectrum:
        """Leading eigenvalues of the map with all steps scaled; while `leaving`, those of its other ends.

        Modes that overshoot turn or flip: they lie at the imaginary and the negative end, where the many that the
        flow takes away do not hide them.
        """
        key = (scale, self.leaving and not self.small)
        if key not in self.seen:
            self.seen[key] = self._found(scale, key[1])
        return self.seen[key]

    def flow(self) -> Spectrum:
        """The eigenvalues by which the flow leaves the point, seen at tiny steps: of what the map adds to identity.

        Of the map itself they would be lost in rounding, one plus next to nothing.
        """
        if self.small:
            return self.spectrum(FLOW)
        operator = less_identity(self._operator(FLOW))
        rounding = 4 * float(np.finfo(operator.dtype).eps)
        search = Search(self.seed, TOLERANCE[operator.dtype], self._look(), False, rounding, self.starts(FLOW, False))
        (found,) = several_ends(operator, ("largest real part",), count=self.count, search=search)
        return replace(found, values=tuple(replace(ritz, value=ritz.value + 1) for ritz in found.values))

    def _operator(self, scale: float) -> Operator:
        products = Products(self.step, {SCALE: scale} if self.scaled else {}, effort=self.effort)
        operator = operator_of(products, self.step.stepper.rule.time)
        return written_out(operator) if operator.size <= MATRIX else operator

    def _look(self) -> int:
        return min(LOOK, self.effort.run())

    def _found(self, scale: float, leaving: bool) -> Spectrum:
        operator = self._operator(scale)
        # Enough to tell growth from none; the first look, at the present steps, is the one that is reported.
        first = not self.seen
        tolerance = TOLERANCE[operator.dtype] if first else QUICK
        budget = self.effort.run(2) if first else self._look()
        near = () if self.small else tuple(self.starts(scale, leaving))
        search = Search(self.seed, tolerance, budget, first, 0.0, near)
        ends = ("largest imaginary part", "smallest real part") if leaving else ("largest modulus",)
        found = several_ends(operator, ends, count=operator.size if self.small else self.count, search=search)
        return replace(found[0], values=tuple(ritz for end in found for ritz in end.values))

    def state(self, scale: float) -> str:
        """Whether some mode grows, some mode stays on the circle while moving, all shrink, or nothing moves."""
        return state_of(self.spectrum(scale), self.leaving)

    @property
    def small(self) -> bool:
        """Whether all eigenvalues are computed."""
        return sum(self.step.labels().values()) <= DENSE


def margin(ritz: Any) -> float:
    """How far the computed value may be off, to first order."""
    return float(max(1e-13, 10 * ritz.backward_error if ritz.error is None else 2 * ritz.error))


def state_of(found: Spectrum, leaving: bool = False) -> str:
    """The state of a map: see `StepScale.state`.

    `leaving` sets aside what grows as the flow does, 1 - s lambda with Re lambda < 0: its real part is above 1. What a
    step adds by overshooting flips or turns, so its real part is below 1.
    """
    kept = [ritz for ritz in found.values if not (leaving and ritz.value.real >= 1)]
    sizes = [(abs(ritz.value) - 1, margin(ritz), abs(ritz.value - 1)) for ritz in kept]
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


def tolerated(
    scales: StepScale, guess: float | None = None, *, leaving: bool = False, up: int = 12, down: int = 40
) -> Tolerated:
    """Doubling or halving from the present steps until the state changes, then bisection.

    Where the flow itself is `leaving` the point no step can help; the edge is then where other modes begin to grow.

    A `guess` of the edge is tried first. Small games are bisected to 12 digits, large ones to half a percent.
    """
    flow = scales.flow() if leaving else None
    own = _growth(flow) / FLOW if flow is not None and state_of(flow) == GROWS else 0.0
    scales.leaving = bool(own)
    low, high = _bracket(scales, guess, up, down)
    if own and low is not None:
        return _beside_the_flow(scales, low, high, own)
    if high is None:
        shrinks = scales.state(low) == SHRINKS
        return Tolerated(low if shrinks else None, None, note=f"no growth found up to {low:g} times the present steps")
    if low is None:
        return Tolerated(
            None, 0.0, note=f"some mode grows at every step size tried, down to {high:.1e} times the present"
        )
    low, high = _bisected(scales, low, high)
    return _below(scales, low, math.sqrt(low * high))


def _bisected(scales: StepScale, low: float, high: float) -> tuple[float, float]:
    while high / low > 1 + (1e-12 if scales.small else 5e-3):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if scales.state(middle) == GROWS else (middle, high)
    return low, high


def _beside_the_flow(scales: StepScale, low: float, high: float | None, rate: float) -> Tolerated:
    """The edge of the other modes, where the flow leaves the point at every step size."""
    own = f"the flow itself leaves this point, by {rate:.2%} a step of the present size"
    if high is None:
        return Tolerated(None, None, note=f"{own}; no other mode grows up to {low:g} times the present steps")
    low, high = _bisected(scales, low, high)
    return Tolerated(None, math.sqrt(low * high), note=f"below that only as {own}")


def _bracket(scales: StepScale, guess: float | None, up: int, down: int) -> tuple[Any, Any]:
    """Neighbouring scales, the first without growth, the second with it; None where none was found."""
    state = scales.state
    for wide in (1.0024, 1.04):
        if guess is not None and state(guess / wide) != GROWS and state(guess * wide) == GROWS:
            return guess / wide, guess * wide
    scale = 1.0
    if state(scale) == GROWS:
        for _ in range(down):
            if _only_slower(scales, scale):
                return None, scale
            if state(scale / 2) != GROWS:
                return scale / 2, scale
            scale /= 2
        return None, scale
    for _ in range(up):
        if state(2 * scale) == GROWS:
            return scale, 2 * scale
        scale *= 2
    return scale, None


def _only_slower(scales: StepScale, scale: float) -> bool:
    """Whether smaller steps only grow more slowly, seen before the growth is lost in rounding.

    Growth near zero is a s^2 + b s (b < 0 if the flow is stable); it ends at s = -b/a. Two points give a and b.
    """
    found = scales.spectrum(scale)
    growth, off = _growth(found), max((margin(ritz) for ritz in found.values), default=0.0)
    if not 0 < growth < max(1e-9, 1e3 * off):
        return False
    square = 4 / 3 * (growth - 4 * _growth(scales.spectrum(scale / 4)))
    linear = growth - square
    return linear >= 0 or (square > 0 and -linear / square < 1 / 8)


def _growth(found: Spectrum) -> float:
    return max(abs(ritz.value) for ritz in found.values) - 1 if found.values else math.nan


def _below(scales: StepScale, low: float, edge: float) -> Tolerated:
    """What happens below the edge: everything shrinks, or some mode circles, or small steps grow again."""
    inside = scales.state(edge / 2 if scales.small else low)
    if inside == CIRCLES:
        return Tolerated(None, edge, note="below that a turning mode neither grows nor shrinks, as far as can be told")
    if inside == STILL:
        return Tolerated(None, edge, note="below that no leading mode moves, as far as can be told")
    for part in (16.0, 256.0):
        if scales.state(edge / part) == GROWS:
            return Tolerated(edge, edge, edge / part, note="far smaller steps grow again: the flow leaves this point")
    return Tolerated(edge, edge)


def step_finding(found: Tolerated, scales: StepScale, lowest: Ritz | None) -> Finding:
    """The tolerated steps in words; `lowest` is the field's eigenvalue with the smallest real part."""
    ways = "bisection on the leading modulus of the map"
    ways += "" if scales.small else ", leading eigenvalues by Arnoldi: a mode it did not find may grow earlier"
    numbers = {"converges_below": found.converges_below, "grows_above": found.grows_above}
    note = f"; {found.note}" if found.note else ""
    if found.grows_above is None:
        words = found.note
    elif not found.grows_above:
        words = f"no step size is tolerated: {found.note}"
        if lowest is not None and lowest.value.real < -margin(lowest):
            words += f"; the gradient flow itself leaves this point (real part {lowest.value.real:.3g})"
    elif found.converges_below is None:
        words = f"grows above {found.grows_above:.4g} times the present steps{note}"
    else:
        now = "the present steps are inside" if found.grows_above > 1 else "the present steps are too large"
        words = f"tolerates steps up to {found.grows_above:.4g} times the present ones: {now}{note}"
    return Finding(words, "float", ways, numbers)


def period(value: complex) -> float:
    """Steps in which a mode turns once (inf if it does not)."""
    angle = abs(float(np.angle(value)))
    return 2 * math.pi / angle if angle > 1e-12 else math.inf
