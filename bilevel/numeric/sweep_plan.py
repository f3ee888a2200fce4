"""What a sweep does at every point: a compiled table, and exact arithmetic where rounding leaves it open.

Main definitions: `Plan`, `plan_of`, `Chunk`, `chunk` (a run of consecutive grid points), `leading` (eigenvalues).

A plan holds SymPy expressions and fractions only, so that it travels to other processes; each compiles it once.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from flint import fmpq, fmpq_mat

from bilevel.analysis.decide import decide
from bilevel.analysis.polynomials import Coordinates, characteristic_factors, to_sympy
from bilevel.analysis.spectrum import spectrum
from bilevel.language.errors import BilevelError, GameError
from bilevel.numeric.lowering import lower
from bilevel.numeric.precision import working
from bilevel.numeric.sweep_axes import Axis
from bilevel.numeric.sweep_balls import EPS, Ball, Balls, certainly
from bilevel.numeric.sweep_table import MEANINGS, STABLE, UNDECIDED, UNSTABLE, combined, outcome_of

BLOCK = 2**16  # the compiled shape: one shape for every chunk, so that every point is computed in the same way


@dataclass(frozen=True, eq=False)
class Plan:
    """One sweep: `factors` are (coefficients in the parameters, constant first; self-mirrored or not); `extra` names
    what is computed beside verdict and margin."""

    matrix: Any
    time: str
    axes: tuple[tuple[Any, tuple[tuple[int, int], ...]], ...]
    factors: tuple[tuple[tuple[Any, ...], bool], ...]
    denominators: tuple[Any, ...]
    facts: tuple[Any, ...]
    size: int
    extra: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        """What the plan is, in one word: two plans with the same digest compute the same numbers."""
        parts = [sp.srepr(self.matrix), self.time, str(self.tile), str(self.extra), sp.srepr(sp.Tuple(*self.facts))]
        parts += [f"{sp.srepr(symbol)} {values}" for symbol, values in self.axes]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.digest == other.digest

    @cached_property
    def grid(self) -> tuple[Axis, ...]:
        """The axes with their values."""
        return tuple(Axis(symbol, tuple(fmpq(p, q) for p, q in values)) for symbol, values in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values on each axis."""
        return tuple(len(values) for _, values in self.axes)

    @property
    def points(self) -> int:
        """Number of grid points."""
        return math.prod(self.shape)

    @cached_property
    def tile(self) -> tuple[int, ...]:
        """The box of grid points that a chunk is: whole trailing axes, a run along one axis, single values before it.

        Such a box is a run of consecutive points, and it is also a rectangle: one chunk of a chunked array on disk.
        """
        boxes, room = [], self.size
        for n in reversed(self.shape):
            boxes.append(max(1, min(n, room)))
            room = room // n if n <= room else 0
        return tuple(reversed(boxes))

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return math.prod(-(-n // t) for n, t in zip(self.shape, self.tile, strict=True))

    def span(self, index: int) -> tuple[int, int]:
        """First point of a chunk, and how many it has."""
        box = self.box(index)
        start = int(np.ravel_multi_index([part.start for part in box], self.shape))
        return start, math.prod(part.stop - part.start for part in box)

    def box(self, index: int) -> tuple[slice, ...]:
        """The rectangle of a chunk in the grid."""
        counts = [-(-n // t) for n, t in zip(self.shape, self.tile, strict=True)]
        corner = [int(k) * t for k, t in zip(np.unravel_index(index, counts), self.tile, strict=True)]
        return tuple(slice(a, min(a + t, n)) for a, t, n in zip(corner, self.tile, self.shape, strict=True))


def plan_of(
    matrix: Any, time: str, axes: tuple[Axis, ...], facts: Iterable[Any], size: int, extra: tuple[str, ...] = ()
) -> Plan:
    """The plan of a Jacobian in the parameters of the axes."""
    exact = sp.ImmutableMatrix(matrix.replace(lambda e: e.is_Float, lambda e: sp.Rational(e)))
    symbols = [axis.symbol for axis in axes]
    left = exact.free_symbols - set(symbols)
    if left:
        named = ", ".join(sorted(map(str, left)))
        raise GameError(f"{named} has no value; give it one, or vary it too")
    z = sp.Dummy("z", real=True)
    coordinates = Coordinates(exact.flat(), z)
    factors, denominators = characteristic_factors(exact, coordinates)
    written = []
    for factor in factors:
        c = list(factor.coefficients)
        written.append((tuple(_short(coordinates.expression(p), symbols) for p in c), _mirrored(c, time)))
    return Plan(
        exact,
        time,
        tuple((axis.symbol, tuple((int(q.p), int(q.q)) for q in axis.values)) for axis in axes),
        tuple(written),
        tuple(_short(coordinates.expression(p), symbols) for p in denominators),
        tuple(_closed(fact) for fact in facts if fact.free_symbols and fact.free_symbols <= set(symbols)),
        size,
        extra,
    )


def _short(expression: Any, symbols: list[Any]) -> Any:
    """Horner's form, which needs the fewest operations."""
    used = [s for s in symbols if s in expression.free_symbols]
    return sp.horner(expression, wrt=used) if used and expression.is_polynomial(*used) else expression


def _mirrored(c: list[Any], time: str) -> bool:
    """Whether the roots are their own mirror image in the boundary, at every parameter."""
    if time == "discrete":
        return all(a == b for a, b in zip(c, c[::-1], strict=True)) or all(
            a == -b for a, b in zip(c, c[::-1], strict=True)
        )
    return all(p == 0 for p in c[-2::-2])


def _closed(fact: Any) -> Any:
    """The same fact with its edge."""
    pairs = {sp.StrictLessThan: sp.Le, sp.StrictGreaterThan: sp.Ge}
    return fact.replace(lambda e: type(e) in pairs, lambda e: pairs[type(e)](*e.args))


@dataclass(frozen=True)
class Chunk:
    """What was found at the consecutive points of one chunk, by name; how many were decided exactly, how many lie
    outside the assumptions."""

    arrays: dict[str, Any]
    redecided: int
    outside: int

    @property
    def undecided(self) -> int:
        """Points without a verdict."""
        return int(np.count_nonzero(self.arrays["verdict"] == UNDECIDED))


@lru_cache(maxsize=4)
def _compiled(plan: Plan) -> Any:
    rounded = [axis.rounded for axis in plan.grid]
    shape = plan.shape

    def block(start: Any, columns: Any) -> Any:
        # Division of floats is vectorised, that of integers is not. (p + 1/2)/m stays 1/(2m) away from whole numbers,
        # so its floor is right for p below 2^51.
        place, values = (start + jnp.arange(BLOCK)).astype(jnp.float64), {}
        for k in reversed(range(len(shape))):
            above = jnp.floor((place + 0.5) / shape[k])
            at = jnp.take(columns[k], (place - above * shape[k]).astype(jnp.int32), mode="clip")
            place = above
            values[plan.axes[k][0]] = Ball(at, EPS * jnp.abs(at) if rounded[k] else None)
        balls = Balls(values)
        outcomes = [
            outcome_of([balls(c) for c in factor], plan.time, mirrored=mirrored) for factor, mirrored in plan.factors
        ]
        finite, allowed = jnp.asarray(True), jnp.asarray(True)
        for p in plan.denominators:
            ball = balls(p)
            finite = finite & certainly(Ball(jnp.abs(ball.value), ball.radius))
        for fact in plan.facts:
            allowed = allowed & _holds(fact, balls)
        code, margin, radius = combined(outcomes, finite)
        wanted = [code, margin, *([allowed] if plan.facts else []), *([radius] if "clearance" in plan.extra else [])]
        return [jnp.broadcast_to(part, (BLOCK,)) for part in wanted]

    columns = [jnp.asarray(axis.floats) for axis in plan.grid]
    return jax.jit(block), columns


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
    open_points = np.flatnonzero((verdict == UNDECIDED) & allowed)
    for place in open_points:
        verdict[place] = exactly(plan, start + int(place))
        # An exact zero has margin zero; elsewhere the float keeps its size and takes the sign that is true.
        size = abs(margin[place])
        sign = {STABLE: 1.0, UNSTABLE: -1.0, UNDECIDED: np.nan}.get(int(verdict[place]), 0.0)
        margin[place] = sign * size if sign else 0.0
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
        run, columns = _compiled(plan)
        for at in range(0, count, BLOCK):
            end = min(at + BLOCK, count)
            parts = [np.asarray(part)[: end - at] for part in run(start + at, columns)]
            verdict[at:end], margin[at:end] = parts[:2]
            if plan.facts:
                allowed[at:end] = parts[2]
            if len(radius):
                radius[at:end] = parts[-1]
    return verdict, margin, allowed, radius


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
