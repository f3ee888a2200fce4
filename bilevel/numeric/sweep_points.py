"""What a sweep does at every point: a compiled table, and exact arithmetic where rounding leaves it open.

Main definitions: `Chunk`, `chunk` (a run of consecutive grid points), `leading` (eigenvalues), `exactly` (one point).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from flint import fmpq, fmpq_mat

from bilevel.analysis.decide import decide
from bilevel.analysis.polynomials import to_sympy
from bilevel.analysis.spectrum import spectrum
from bilevel.language.errors import BilevelError
from bilevel.numeric.lowering import lower
from bilevel.numeric.precision import working
from bilevel.numeric.sweep_balls import EPS, Ball, Balls, certainly
from bilevel.numeric.sweep_plan import Plan
from bilevel.numeric.sweep_table import MEANINGS, STABLE, UNDECIDED, UNSTABLE, combined, outcome_of

BLOCK = 2**16  # the compiled shape: one shape for every chunk, so that every point is computed in the same way
COUNTED = ("redecided", "outside", *MEANINGS)
FEW = 2**12  # the compiled shape for scattered points


@dataclass(frozen=True)
class Chunk:
    """What was found at the consecutive points of one chunk, by name; how many were decided exactly, how many lie
    outside the assumptions."""

    arrays: dict[str, Any]
    redecided: int
    outside: int

    @property
    def counts(self) -> tuple[int, ...]:
        """How many: in the order of COUNTED."""
        shares = np.bincount(self.arrays["verdict"], minlength=len(MEANINGS))
        return (self.redecided, self.outside, *map(int, shares))


@lru_cache(maxsize=4)
def _compiled(plan: Plan) -> Any:
    rounded = [axis.rounded for axis in plan.grid]
    shape, floors = plan.shape, {axis.symbol: axis.floor for axis in plan.grid}

    def block(start: Any, columns: Any) -> Any:
        return at((start + jnp.arange(BLOCK)).astype(jnp.float64), columns, plan.factors, plan.time)

    def scattered(place: Any, columns: Any) -> Any:
        return at(place, columns, plan.tilted, "continuous")

    def at(place: Any, columns: Any, factors: Any, time: str) -> Any:
        # Division of floats is vectorised, that of integers is not. (p + 1/2)/m stays 1/(2m) away from whole numbers,
        # so its floor is right for p below 2^51.
        count, values = place.shape, {}
        for k in reversed(range(len(shape))):
            above = jnp.floor((place + 0.5) / shape[k])
            here = jnp.take(columns[k], (place - above * shape[k]).astype(jnp.int32), mode="clip")
            place = above
            values[plan.axes[k][0]] = Ball(here, EPS * jnp.abs(here) if rounded[k] else None)
        balls = Balls(values, floors)
        outcomes = [outcome_of([balls(c) for c in factor], time, mirrored=mirrored) for factor, mirrored in factors]
        finite, allowed = jnp.asarray(True), jnp.asarray(True)
        for p in plan.denominators:
            ball = balls(p)
            finite = finite & certainly(Ball(jnp.abs(ball.value), ball.radius))
        for fact in plan.facts:
            allowed = allowed & _holds(fact, balls)
        code, margin, radius = combined(outcomes, finite)
        wanted = [code, margin, *([allowed] if plan.facts else []), *([radius] if "clearance" in plan.extra else [])]
        return [jnp.broadcast_to(part, count) for part in wanted]

    columns = [jnp.asarray(axis.floats) for axis in plan.grid]
    return jax.jit(block), jax.jit(scattered), columns


def _holds(fact: Any, balls: Balls) -> Any:
    """Whether a fact holds, its edge included as far as rounding can tell."""
    if isinstance(fact, sp.And | sp.Or):
        join = jnp.logical_and if isinstance(fact, sp.And) else jnp.logical_or
        first, *rest = (_holds(part, balls) for part in fact.args)
        for part in rest:
            first = join(first, part)
        return first
    if isinstance(fact, sp.Le | sp.Ge):
        excess = balls(fact.gts - fact.lts)
        return ~certainly(Ball(-excess.value, excess.radius))
    return jnp.asarray(True)  # an equality or inequality on a grid tells nothing that rounding would not blur


def chunk(plan: Plan, index: int) -> Chunk:
    """The points of one chunk: the table first, exact arithmetic where rounding leaves it open."""
    start, count = plan.span(index)
    verdict, margin, allowed, radius = _tabled(plan, start, count)
    verdict[~allowed] = UNDECIDED
    tilted = np.flatnonzero((verdict == UNDECIDED) & allowed)
    verdict[tilted] = _tilted(plan, start + tilted)
    open_points = np.flatnonzero((verdict == UNDECIDED) & allowed)
    for place in open_points:
        verdict[place] = exactly(plan, start + int(place))
    # An exact zero has margin zero; elsewhere the float keeps its size and takes the sign that is true.
    signs = np.array([{STABLE: 1.0, UNSTABLE: -1.0, UNDECIDED: np.nan}.get(code, 0.0) for code in range(len(MEANINGS))])
    later = np.concatenate([tilted, open_points])
    signed = signs[verdict[later]]
    margin[later] = np.where(signed == 0, 0.0, signed * np.abs(margin[later]))
    margin[~allowed] = np.nan
    arrays = {"verdict": verdict, "margin": margin}
    if "clearance" in plan.extra:
        with np.errstate(divide="ignore", invalid="ignore"):
            arrays["clearance"] = np.abs(margin) / radius
    for name in {"spectral_radius", "spectral_abscissa"} & {*plan.extra}:
        arrays[name] = leading(plan, start, count)
    return Chunk(arrays, len(open_points), int(count - allowed.sum()))


def _tabled(plan: Plan, start: int, count: int) -> tuple[Any, Any, Any, Any]:
    """Verdict codes, margins, whether inside the assumptions, and radii where they are asked for."""
    verdict, margin, allowed = np.empty(count, np.int8), np.empty(count, np.float64), np.ones(count, bool)
    radius = np.empty(count if "clearance" in plan.extra else 0, np.float64)
    with working("float64"):
        run, _, columns = _compiled(plan)
        for at in range(0, count, BLOCK):
            end = min(at + BLOCK, count)
            parts = [np.asarray(part)[: end - at] for part in run(start + at, columns)]
            verdict[at:end], margin[at:end] = parts[:2]
            if plan.facts:
                allowed[at:end] = parts[2]
            if len(radius):
                radius[at:end] = parts[-1]
    return verdict, margin, allowed, radius


def _tilted(plan: Plan, places: Any) -> Any:
    """Verdict codes at scattered points by the half-plane's table: sure where the roots crowd around a point, as those
    of a small step crowd around 1, and the disc's table has lost its digits."""
    codes = np.full(len(places), UNDECIDED, np.int8)
    if not plan.tilted or not len(places):
        return codes
    with working("float64"):
        _, run, columns = _compiled(plan)
        for at in range(0, len(places), FEW):
            some = places[at : at + FEW].astype(np.float64)
            padded = np.concatenate([some, np.full(FEW - len(some), some[-1])])
            codes[at : at + len(some)] = np.asarray(run(padded, columns)[0])[: len(some)]
    return codes


def leading(plan: Plan, start: int, count: int) -> Any:
    """Largest modulus, or largest real part, of the eigenvalues in floats; nan where an entry is not finite."""
    function, result = lower(plan.matrix, [axis.symbol for axis in plan.grid]), np.empty(count)
    columns, n = [axis.floats for axis in plan.grid], plan.matrix.rows
    block = max(1, BLOCK * 16 // (n * n))
    for at in range(0, count, block):
        place = np.unravel_index(np.arange(start + at, start + min(at + block, count)), plan.shape)
        stack = function(*(column[k] for column, k in zip(columns, place, strict=True)))
        stack = np.broadcast_to(stack, (len(place[0]), n, n))
        finite = np.isfinite(stack).all(axis=(1, 2))
        roots = np.linalg.eigvals(np.where(finite[:, None, None], stack, 0.0))
        size = np.abs(roots) if plan.time == "discrete" else roots.real
        result[at : at + len(finite)] = np.where(finite, size.max(axis=1), np.nan)
    return result


def exactly(plan: Plan, place: int) -> int:
    """The verdict code at one grid point, from the Jacobian there in rational arithmetic."""
    values = {}
    for axis in reversed(plan.grid):
        place, k = divmod(place, len(axis))
        values[axis.symbol] = axis.values[k]
    try:
        n, known = plan.matrix.rows, dict(values)
        entries = [_rational(e, known) for e in plan.matrix.flat()]
        if all(e is not None for e in entries):
            return MEANINGS.index(spectrum(fmpq_mat(n, n, entries), plan.time).verdict)
        fixed = plan.matrix.xreplace({symbol: to_sympy(q) for symbol, q in values.items()})
        return MEANINGS.index(decide(fixed, time=plan.time).verdict)
    except (BilevelError, ZeroDivisionError, ValueError, TypeError):  # a pole, or "unknown"
        return UNDECIDED


def _rational(node: Any, known: dict[Any, Any]) -> Any:
    """The value of a rational function, None for anything else."""
    if node not in known:
        known[node] = _computed(node, known)
    return known[node]


def _computed(node: Any, known: dict[Any, Any]) -> Any:
    if node.is_Rational:
        return fmpq(int(node.p), int(node.q))
    if not (node.is_Add or node.is_Mul or (node.is_Pow and node.exp.is_Integer)):
        return None
    parts = [_rational(part, known) for part in node.args]
    if any(part is None for part in parts):
        return None
    if node.is_Pow:
        return parts[0] ** int(node.exp)
    result = parts[0]
    for part in parts[1:]:
        result = result + part if node.is_Add else result * part
    return result
