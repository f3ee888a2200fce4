"""Why training oscillates, and what to do about it: one call on real losses, parameters and a rule.

Main definitions: `diagnose`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from bilevel.language.errors import BilevelError, GameError
from bilevel.numeric import diagnose_exact as by_symbols
from bilevel.numeric.diagnose_point import Residual, point_finding, residual, second_order
from bilevel.numeric.diagnose_reduced import Reduced, reduced_game
from bilevel.numeric.diagnose_remedies import Applied, predicted_edge, remedies
from bilevel.numeric.diagnose_steps import MATRIX, SCALE, StepScale, Tolerated, margin, period, step_finding, tolerated
from bilevel.numeric.diagnosis import Diagnosis, Finding, Remedy
from bilevel.numeric.path_angle import path_angle
from bilevel.numeric.spectra import DENSE, Ritz, Spectrum, eigenvalues
from bilevel.numeric.spectra_operator import Operator, flat_step, operator_of, written_out
from bilevel.numeric.spectra_products import Products
from bilevel.numeric.spectra_solvers import size_of
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
    budget: int
    tolerance: float

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
    budget: int = 600,
    tolerance: float = 1e-2,
    measure: int = 2,
    dtype: Any = None,
) -> Diagnosis:
    """What kind of point this is, whether the rule rotates here, which steps it tolerates, and what would help.

    Math: F the field, J = F', M the Jacobian of the rule's map at the point and its memory `state`. Point: |F_i|, the
        ends of every player's own Hessian, and for opposed costs the Schur complements (local minimax); it counts as
        stationary while |F| <= `tolerance` |J| max(|z|, 1). Rotation: eigenvalues of M and J, and the share of the
        antisymmetric part, |A|^2/|J|^2 in the Frobenius norm. Step: the scale of all steps at which the leading
        modulus of M passes one. Remedies: changes of the rule and penalties, by the leading modulus they give.
        `since`, an earlier point of the run, adds the path-angle.

    Shapes: a game of at most 1500 parameters is written out as a matrix; up to 256 all eigenvalues are computed, beyond
        that the leading ones by Krylov methods, at most `budget` products a run, `count` eigenvalues an end. There
        remedies are tried on the span of the leading modes, the best `measure` of them measured on the whole.
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
    asked = _Setting(losses, params, rule, arguments, state, dtype, choices, count, seed, budget, tolerance)
    field = Products(flat_step(losses, params, arguments, flow(), (), dtype, **choices), sign=-1)
    value = _finite(field.value())
    J = operator_of(field)
    J = written_out(J) if J.size <= MATRIX else J
    found = residual(J, value, np.asarray(field.here), size_of(J, seed), tolerance)
    scales = _scales(asked)
    lead = scales.spectrum(1.0)
    ends = [eigenvalues(J, which, count=count, seed=seed, budget=budget, vectors=True) for which in _ENDS]
    kinds, tests = second_order(J, seed, count)
    small = reduced_game(J, [ritz.vector for end in ends for ritz in end.values if ritz.vector is not None], DENSE)
    exact = by_symbols.exact_answers(losses, rule, params, asked.values)
    step, borders = _step(asked, small, exact, scales, ends[1])
    helps, spent = _remedies(asked, small, ends, exact, measure)
    path = None if since is None else path_angle(losses, since, params, *arguments, dtype=dtype, **choices)
    return Diagnosis(
        str(rule), dict(J.blocks), _point(found, kinds, exact), tuple(tests), _rotation(J, lead, rule, seed),
        step, borders.converges_below, borders.grows_above, helps, lead, ends[0], path,
        field.count + scales.spent + spent, seed, field.dtype,
    )  # fmt: skip


def _scales(asked: _Setting) -> StepScale:
    """The rule's leading spectrum as a function of the scale of its steps, where it has steps to scale."""
    try:
        rule, scaled = with_steps_scaled(asked.rule, sp.Symbol(SCALE, positive=True)), asked.rule.time == "discrete"
    except BilevelError:
        rule, scaled = asked.rule, False
    rule = rule if scaled else asked.rule
    values = {**asked.values, SCALE: 1.0} if scaled else asked.values
    choices = {**asked.choices, "values": values}
    step = flat_step(asked.losses, asked.params, asked.arguments, rule, asked.state, asked.dtype, **choices)
    return StepScale(step, asked.count, asked.seed, asked.budget, scaled=scaled)


_ENDS = ("largest modulus", "smallest real part", "largest imaginary part")


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


def _rotation(J: Operator, lead: Spectrum, rule: Rule, seed: int) -> Finding:
    """How the leading modes of the rule move, and how much of the Jacobian is antisymmetric."""
    share = antisymmetric_share(J, seed)
    numbers: dict[str, Any] = {"antisymmetric share": share}
    apart = f"the antisymmetric part is {share:.0%} of the game's Jacobian"
    if not lead.values:
        return Finding(f"the leading modes were not found; {apart}", "unknown", lead.method, numbers)
    turning = [ritz for ritz in lead.values if abs(ritz.value.imag) > margin(ritz) + 1e-9 * abs(ritz.value)]
    first = lead.values[0]
    told = [first] if first not in turning[:1] and growth(first, rule) > margin(first) else []
    told += turning[:1]
    for name, ritz in zip(("leading", "second"), told, strict=False):
        numbers |= {f"{name} eigenvalue": ritz.value, f"{name} condition": ritz.condition}
        numbers |= {f"{name} backward error": ritz.backward_error}
    words = (
        "; ".join(motion(ritz, rule) for ritz in told)
        if turning
        else "; ".join(["does not rotate: no leading mode turns", *(motion(ritz, rule) for ritz in told)])
    )
    return Finding(f"{words}; {apart}", "float", lead.method, numbers)


def growth(ritz: Ritz, rule: Rule) -> float:
    """How far a mode lies beyond the boundary."""
    return abs(ritz.value) - 1 if rule.time == "discrete" else ritz.value.real


def motion(ritz: Ritz, rule: Rule) -> str:
    """One mode in words: how it turns or flips, how fast it grows, in whom it lives, how well that is known."""
    value, change, off = ritz.value, growth(ritz, rule), margin(ritz)
    goes = "growing" if change > off else "shrinking" if change < -off else "neither growing nor shrinking"
    by = f" by {abs(change):.2%} a step" if rule.time == "discrete" else f" at rate {abs(change):.3g}"
    goes += by if abs(change) > off else ", as far as can be told"
    if abs(value.imag) > off:
        length = f"{period(value):.1f} steps" if rule.time == "discrete" else f"time {2 * np.pi / abs(value.imag):.3g}"
        kind = f"rotates: a mode goes round in {length}"
    elif rule.time == "discrete" and value.real < 0:
        kind = "a mode flips its sign at every step: the steps overshoot its curvature"
    else:
        kind = "a mode moves straight"
    who = ", ".join(f"{name} {part:.0%}" for name, part in ritz.share.items() if part >= 0.005)
    trust = "condition unknown" if ritz.condition is None else f"condition {ritz.condition:.1e}"
    return f"{kind}, {goes} (in {who}; backward error {ritz.backward_error:.1e}, {trust})"


def antisymmetric_share(J: Operator, seed: int, draws: int = 8) -> float:
    """|A|_F^2 / |J|_F^2: exactly from the matrix of a small game, else estimated from random vectors."""
    if J.size <= DENSE:
        matrix = J.dense()
        whole = float(np.sum(matrix**2))
        return float(np.sum(((matrix - matrix.T) / 2) ** 2)) / whole if whole else 0.0
    turned, whole = 0.0, 0.0
    for v in np.random.default_rng(seed + 3).standard_normal((draws, J.size)):
        ahead, back = J.forward(v), J.backward(v)
        turned += float(np.sum(((ahead - back) / 2) ** 2))
        whole += float(np.sum(((ahead - back) / 2) ** 2) + np.sum(((ahead + back) / 2) ** 2))
    return turned / whole if whole else 0.0


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
    guess = None if scales.small else predicted_edge(asked.rule, small, asked.values)
    found = tolerated(scales, guess, leaving=leaving)
    return step_finding(found, scales, lowest.leading), found


def _remedies(
    asked: _Setting, small: Reduced, ends: list[Spectrum], exact: Any, measure: int
) -> tuple[tuple[Remedy, ...], int]:
    """Remedies, best first, and the products that measuring some of them took."""
    norm = max((abs(ritz.value) for end in ends for ritz in end.values), default=0.0)
    if norm == 0 or asked.rule.time == "continuous":
        return (), 0
    listed = remedies(asked.rule, small, norm, asked.values)
    if small.whole and exact is None:
        return tuple(listed), 0
    if small.whole:
        answers = [by_symbols.exact_remedy(asked.losses, asked.params, asked.values, one.rule) for one in listed]
        pairs = zip(listed, answers, strict=True)
        return tuple(one if a is None else replace(one, converges=a, known="exact") for one, a in pairs), 0
    tried = [_measured(asked, one) if k < measure else (one, 0) for k, one in enumerate(listed)]
    return tuple(sorted((one for one, _ in tried), key=lambda one: one.best)), sum(spent for _, spent in tried)


def _measured(asked: _Setting, remedy: Remedy) -> tuple[Remedy, int]:
    """The remedy's leading modulus on the whole game, and the products it took."""
    applied: Applied = remedy.rule
    choices = {**asked.choices, "values": {**asked.values, **applied.values}}
    try:
        losses = asked.losses if not applied.player else _damped(asked, applied)
        state = asked.state if applied.rule.memory == asked.rule.memory else None
        step = flat_step(losses, asked.params, asked.arguments, applied.rule, state, asked.dtype, **choices)
        products = Products(step)
        found = eigenvalues(
            operator_of(products, "discrete"), count=asked.count, seed=asked.seed, left=False, budget=asked.budget
        )
    except BilevelError:
        return remedy, 0
    lead = found.leading
    return (replace(remedy, measured=abs(lead.value) ** (1 / applied.rounds)) if lead else remedy), products.count


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
