"""Why training oscillates, and what to do about it: one call on real losses, parameters and a rule.

Main definitions: `diagnose`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from bilevel.language.errors import BilevelError, GameError, UnknownAnswer
from bilevel.numeric import diagnose_exact as by_symbols
from bilevel.numeric.diagnose_point import Residual, point_finding, residual, second_order
from bilevel.numeric.diagnose_reduced import Reduced, reduced_game
from bilevel.numeric.diagnose_remedies import Applied, predicted_edge, remedies
from bilevel.numeric.diagnose_rotation import rotation_finding
from bilevel.numeric.diagnose_steps import MATRIX, SCALE, StepScale, Tolerated, margin, step_finding, tolerated
from bilevel.numeric.diagnosis import Diagnosis, Finding, Remedy
from bilevel.numeric.effort import Effort
from bilevel.numeric.path_angle import path_angle
from bilevel.numeric.spectra import DENSE, Spectrum, eigenvalues, several_ends
from bilevel.numeric.spectra_operator import Operator, flat_step, operator_of, written_out
from bilevel.numeric.spectra_products import FlatStep, Products
from bilevel.numeric.spectra_solvers import TOLERANCE, Search, size_of
from bilevel.rules.descent import flow
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.scaling import with_steps_scaled


@dataclass(frozen=True)
class _Setting:
    """What was asked, in one place."""

    losses: Any
    params: Any
    rule: Rule
    arguments: tuple[Any, ...]
    state: Any
    dtype: Any
    choices: dict[str, Any]
    count: int
    seed: int
    effort: Effort

    @property
    def values(self) -> Mapping[Any, Any]:
        return self.choices["values"] or {}


def diagnose(
    losses: Any,
    params: Any,
    rule: Rule,
    *arguments: Any,
    state: Any = None,
    values: Mapping[Any, Any] | None = None,
    maximizing: tuple[str, ...] = (),
    realisation: Any = None,
    since: Any = None,
    count: int = 6,
    seed: int = 0,
    products: int = 4000,
    tolerance: float = 1e-2,
    measure: int = 2,
    dtype: Any = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Diagnosis:
    """What kind of point this is, whether the rule rotates here, which steps it tolerates, and what would help.

    Math: F the field, J = F', M the Jacobian of the rule's map at the point and its memory `state`. Point: |F_i|, the
        ends of every player's own Hessian, and for opposed costs the Schur complements (local minimax); it counts as
        stationary while |F| <= `tolerance` |J| max(|z|, 1). Rotation: eigenvalues of M and J, and the share of the
        antisymmetric part, |A|^2/|J|^2 in the Frobenius norm. Step: the scale of all steps at which the leading
        modulus of M passes one. Remedies: changes of the rule and penalties, by the leading modulus they give.
        `since`, an earlier point of the run, adds the path-angle.

    Shapes: a game of at most 1500 parameters is written out as a matrix; up to 256 all eigenvalues are computed, beyond
        that the leading ones by Krylov methods, `count` an end. Remedies are there tried on the span of the leading
        modes, the best `measure` of them measured on the whole. Beyond 1500 parameters about `products`
        Jacobian-vector products are taken at most; what the limit leaves unanswered says so, and the answer states
        how many it took. Time grows with products times parameters: a GAN of 919,383 weights took 1,277
        products and 88 s of processor time. `progress(done, of)` follows them (see `progress_bar`).
        `arguments` go to the losses: fix a batch and its random keys there. A symbolic game of at most 12 unknowns is
        answered exactly too; its decimals are read as written, 0.1 as 1/10. A flow has no steps, so no step and no
        remedy is sought for it.

    Raises: GameError as `bilevel.numeric.reading` does, and where the losses or their derivatives are not finite.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461, and Berard et al. (2020), arXiv:1906.04848, for
        reading the training of a GAN off the spectrum of its field.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.models import dirac_gan
        >>> from bilevel.rules import alternating
        >>> found = diagnose(dirac_gan(penalty="R1"), {"theta": 0, "psi": 0}, alternating(1), values={"gamma": 1})
        >>> found.step.claim, found.step.known
        ('converges exactly for s < -4 + 4*sqrt(2), s the scale of all steps', 'exact')
    """
    if not isinstance(rule, Rule):
        raise GameError(f"diagnose needs a rule such as bilevel.rules.simultaneous(h); got {type(rule).__name__}")
    choices = {"values": values, "maximizing": maximizing, "realisation": realisation}
    step = flat_step(losses, params, arguments, flow(), (), dtype, **choices)
    effort = _effort(products, sum(step.labels().values()), progress)
    asked = _Setting(losses, params, rule, arguments, state, dtype, choices, count, seed, effort)
    J, found = _field(asked, step, tolerance)
    ends, small = _leading(J, asked)
    scales = _scales(asked, small)
    lead = scales.spectrum(1.0)
    turns = rotation_finding(J, lead, rule, seed)
    kinds, tests = second_order(J, seed, count, effort.part(1 / 2))
    exact = by_symbols.exact_answers(losses, rule, params, asked.values)
    steps, borders = _step(asked, small, exact, scales, ends[1])
    helps = _remedies(asked, small, ends, exact, measure)
    path = None if since is None else path_angle(losses, since, params, *arguments, dtype=dtype, **choices)
    limit = _finished(effort, products, progress)
    return Diagnosis(
        str(rule), dict(J.blocks), _point(found, kinds, exact), tuple(tests), turns, steps, borders.converges_below,
        borders.grows_above, helps, lead, ends[0], path, effort.spent, seed, J.dtype, limit,
    )  # fmt: skip


def _effort(products: int, size: int, progress: Callable[[int, int], Any] | None) -> Effort:
    """The limit on products, of a game too large to be written out; of a smaller one there is none."""
    if products < LEAST:
        raise GameError(f"a diagnosis needs at least {LEAST} products to say anything; got products={products}")
    if size <= MATRIX:
        return Effort()
    return Effort(products, None if progress is None else lambda done: progress(min(done, products - 1), products))


def _finished(effort: Effort, products: int, progress: Callable[[int, int], Any] | None) -> int | None:
    """The limit there was, its bar wiped."""
    if math.isinf(effort.limit):
        return None
    if progress is not None:
        progress(products, products)
    return products


def _field(asked: _Setting, step: FlatStep, tolerance: float) -> tuple[Operator, Residual]:
    """The game's Jacobian, written out where the game is small, and how nearly its field vanishes."""
    field = Products(step, sign=-1, effort=asked.effort)
    value, J = _finite(field.value()), operator_of(field)
    J = written_out(J) if math.isinf(asked.effort.limit) else J
    return J, residual(J, value, np.asarray(field.here), size_of(J, asked.seed), tolerance)


def _leading(J: Operator, asked: _Setting) -> tuple[tuple[Spectrum, ...], Reduced]:
    """The game's leading eigenvalues at its three ends, and the game restricted to their vectors."""
    search = Search(asked.seed, TOLERANCE[J.dtype], asked.effort.part(1 / 3).run(2), left=True, floor=0.0)
    ends = several_ends(J, ENDS, count=asked.count, search=search, vectors=True)
    modes = [ritz.vector for end in ends for ritz in end.values if ritz.vector is not None and ritz.value.imag >= 0]
    return ends, reduced_game(J, modes, DENSE, asked.effort)


def _scales(asked: _Setting, small: Reduced) -> StepScale:
    """The rule's leading spectrum as a function of the scale of its steps, where it has steps to scale."""
    try:
        rule, scaled = with_steps_scaled(asked.rule, sp.Symbol(SCALE, positive=True)), asked.rule.time == "discrete"
    except BilevelError:
        rule, scaled = asked.rule, False
    rule = rule if scaled else asked.rule
    values = {**asked.values, SCALE: 1.0} if scaled else asked.values
    choices = {**asked.choices, "values": values}
    step = flat_step(asked.losses, asked.params, asked.arguments, rule, asked.state, asked.dtype, **choices)
    labels = step.labels()

    def starts(scale: float, leaving: bool) -> tuple[Any, ...]:
        return _start(small, rule, SCALE, scale, asked, labels, leaving)

    return StepScale(step, asked.count, asked.seed, asked.effort, scaled=scaled, starts=starts)


def _start(
    small: Reduced, rule: Rule, name: str, value: float, asked: _Setting, labels: Mapping[str, int],
    leaving: bool = False, added: Any = None,
) -> tuple[Any, ...]:  # fmt: skip
    """Where a run for the leading modes of a rule may start: at those of the restricted game."""
    if small.whole:
        return ()
    try:
        maps = small.maps(rule, name, np.array([value]), asked.values, added)
        return small.start(maps[0], labels, 2 * asked.count, leaving)
    except (BilevelError, np.linalg.LinAlgError, TypeError):
        return ()


ENDS = ("largest modulus", "smallest real part", "largest imaginary part")
LEAST = 400  # products below which a diagnosis of a large game says nothing


def _finite(value: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(value)):
        raise GameError("a gradient is not finite at this point: the run has diverged, or a loss has no slope there")
    return value


def _point(found: Residual, kinds: list[str], exact: by_symbols.Exact | None) -> Finding:
    numeric = point_finding(found, kinds)
    if exact is None or (not exact.kinds and exact.kinds_known == "exact"):
        return numeric
    if exact.kinds_known == "enclosed":
        words = "a fixed point of the rule is proved to lie within 1e-6 of here"
        return Finding(f"{words}: {'; '.join(kinds) or 'no kind decided'}", "enclosed", numeric.why, numeric.numbers)
    return Finding(f"a fixed point of the rule: {', '.join(exact.kinds)}", "exact", "derivatives at the point, exactly",
                   numeric.numbers)  # fmt: skip


def _step(
    asked: _Setting, small: Reduced, exact: Any, scales: StepScale, lowest: Spectrum
) -> tuple[Finding, Tolerated]:
    """The tolerated steps: exactly where the game is small and symbolic, else by bisection."""
    nothing = Tolerated(None, None)
    if asked.rule.time == "continuous":
        return Finding("a flow takes no steps", "exact", "dz/dt has no step size"), nothing
    if exact is not None and exact.scales is not None:
        edge = exact.edge if exact.edge is not None else (0 if exact.scales == sp.false else None)
        below = None if exact.scales == sp.false else exact.edge
        why = "the root test of Schur and Cohn on the linearised step"
        return Finding(by_symbols.scale_words(exact), "exact", why), Tolerated(below, edge)
    if not scales.scaled:
        why = f"{asked.rule.name} has no parameter called step, so there is nothing to scale"
        return Finding("which steps are tolerated is not known", "unknown", why), nothing
    leaving = lowest.leading is not None and lowest.leading.value.real < -margin(lowest.leading)
    guess = None if scales.small else predicted_edge(asked.rule, small, asked.values, leaving=leaving)
    try:
        found = tolerated(scales, guess, leaving=leaving)
    except UnknownAnswer as stop:
        return _predicted_step(guess, stop), nothing
    return step_finding(found, scales, lowest.leading), found


def _predicted_step(guess: float | None, stop: UnknownAnswer) -> Finding:
    """What can be said of the steps where products ran out."""
    if guess is None:
        return Finding("which steps are tolerated is not known", "unknown", str(stop))
    words = f"on the leading modes alone, growth begins at {guess:.4g} times the present steps"
    return Finding(words, "float", f"a prediction, not measured: {stop}", {"predicted": guess})


def _remedies(
    asked: _Setting, small: Reduced, ends: tuple[Spectrum, ...], exact: Any, measure: int
) -> tuple[Remedy, ...]:
    """Remedies, best first."""
    norm = max((abs(ritz.value) for end in ends for ritz in end.values), default=0.0)
    if norm == 0 or asked.rule.time == "continuous":
        return ()
    listed = remedies(asked.rule, small, norm, asked.values)
    if small.whole and exact is None:
        return tuple(listed)
    if small.whole:
        answers = [by_symbols.exact_remedy(asked.losses, asked.params, asked.values, one.rule) for one in listed]
        pairs = zip(listed, answers, strict=True)
        return tuple(one if a is None else replace(one, converges=a, known="exact") for one, a in pairs)
    tried = [_measured(asked, small, one) if k < measure else one for k, one in enumerate(listed)]
    return tuple(sorted(tried, key=lambda one: one.best))


def _measured(asked: _Setting, small: Reduced, remedy: Remedy) -> Remedy:
    """The remedy with its leading modulus on the whole game; as it was where that is not to be had."""
    applied: Applied = remedy.rule
    choices = {**asked.choices, "values": {**asked.values, **applied.values}}
    try:
        losses = asked.losses if not applied.player else _damped(asked, applied)
        state = asked.state if applied.rule.memory == asked.rule.memory else None
        step = flat_step(losses, asked.params, asked.arguments, applied.rule, state, asked.dtype, **choices)
        ((name, value),) = applied.values.items()
        near = _start(small, applied.rule, name, value, asked, step.labels(), added=applied.added)
        operator = operator_of(Products(step, effort=asked.effort), "discrete")
        budget = asked.effort.run()
        found = eigenvalues(operator, count=asked.count, seed=asked.seed, left=False, budget=budget, near=near)
    except BilevelError:
        return remedy
    lead = found.leading
    return replace(remedy, measured=abs(lead.value) ** (1 / applied.rounds)) if lead else remedy


def _damped(asked: _Setting, applied: Applied) -> Any:
    """The losses with damping/2 |x - x*|^2 added to one player's cost, x* where it stands now."""
    import jax
    import jax.numpy as jnp

    name, sign = applied.player, -1 if applied.player in asked.choices["maximizing"] else 1
    if isinstance(asked.losses, Mapping):
        here = asked.params[name]

        def loss(z: Any, *arguments: Any) -> Any:
            apart = jax.tree.map(lambda a, b: jnp.sum((a - jax.lax.stop_gradient(b)) ** 2), z[name], here)
            return asked.losses[name](z, *arguments) + sign * applied.damping / 2 * sum(jax.tree.leaves(apart))

        return {**asked.losses, name: loss}
    raise GameError("damping is measured on losses given as functions")
