"""Zeros found numerically and proved by the interval test of Krawczyk, in ball arithmetic.

Main definitions: `certify`, `isolated_zeros`, `Enclosed` (signs of expressions on a box).

Math: K(X) = m - Y f(m) + (I - Y f'(X)) (X - m), m the middle of the box X and Y any matrix. If K(X) lies in the
interior of X, then f has exactly one zero in X (Krawczyk 1969; Moore 1977).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import flint
import numpy as np
import sympy as sp
from flint import acb, arb, arb_mat
from sympy.core.function import AppliedUndef

from bilevel.analysis.enclosure import enclose
from bilevel.analysis.forms import plain
from bilevel.analysis.known import Known
from bilevel.language.known_function import KnownFunction
from bilevel.language.mean import Mean

PRECISION, STARTS = 160, 80
TRIES, NEAREST = 8, 3  # around a point: zeros that are tried, zeros that are certified
Box = dict[Any, arb]
FLOATS: list[Any] = [
    {"elliptic_e": lambda m: float(acb(m).elliptic_e().real), "elliptic_k": lambda m: float(acb(m).elliptic_k().real)},
    "math",
]


def certify(
    equations: Sequence[Any], unknowns: Sequence[Any], near: Sequence[float], *, precision: int = PRECISION
) -> Box | None:
    """A small box around a numerical solution that is proved to hold exactly one zero, or None.

    Math: Newton's method from `near`, then Krawczyk's test on a box of relative radius 2^(90 - precision), 2^-50,
        2^-30. The Jacobian is not singular in the box.

    Reference: Krawczyk (1969), doi:10.1007/BF02234767; Moore (1977), doi:10.1137/0714040.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> certify([x**2 - 2], [x], [1.4])[x].overlaps(arb(2).sqrt())
        True
        >>> certify([x**2], [x], [1e-9]) is None
        True
    """
    system = [plain(e) for e in equations]
    slopes = [[sp.diff(e, u) for u in unknowns] for e in system]
    if len(system) != len(unknowns):
        return None
    saved = flint.ctx.prec
    try:
        flint.ctx.prec = precision
        middle = _newton(system, slopes, unknowns, [arb(float(x)) for x in near])
        if middle is None:
            return None
        for exponent in (90 - precision, -50, -30):
            box = [m + arb(0, arb(2) ** exponent * (1 + abs(m)).mid()) for m in middle]
            image = _krawczyk(system, slopes, unknowns, middle, box)
            if image is not None and all(b.contains_interior(k) for b, k in zip(box, image, strict=True)):
                return dict(zip(unknowns, image, strict=True))
    finally:
        flint.ctx.prec = saved
    return None


def _values(
    expressions: Sequence[Any], unknowns: Sequence[Any], box: Sequence[arb], seen: dict[Any, arb] | None = None
) -> list[arb] | None:
    put, seen = dict(zip(unknowns, box, strict=True)), {} if seen is None else seen
    found = [enclose(e, put, flint.ctx.prec, seen) for e in expressions]
    return None if any(f is None for f in found) else [f for f in found if f is not None]


def _matrix(slopes: Any, unknowns: Sequence[Any], box: Sequence[arb]) -> arb_mat | None:
    seen: dict[Any, arb] = {}
    rows = [_values(row, unknowns, box, seen) for row in slopes]
    return None if any(row is None for row in rows) else arb_mat([row for row in rows if row is not None])


def _newton(system: Any, slopes: Any, unknowns: Any, x: list[arb]) -> list[arb] | None:
    for _ in range(14):
        value, matrix = _values(system, unknowns, x), _matrix(slopes, unknowns, x)
        if value is None or matrix is None:
            return None
        try:
            step = matrix.solve(arb_mat([[v] for v in value]))
        except (ZeroDivisionError, ValueError):
            return None
        x = [(x[i] - step[i, 0]).mid() for i in range(len(x))]
        if not all(v.is_finite() for v in x):
            return None
        if all(abs(step[i, 0]) < arb(2) ** (60 - flint.ctx.prec) * (1 + abs(x[i])) for i in range(len(x))):
            break  # the middle only has to be far more precise than the box is wide
    return x


def _krawczyk(system: Any, slopes: Any, unknowns: Any, middle: list[arb], box: list[arb]) -> list[arb] | None:
    value, at_middle, over_box = (
        _values(system, unknowns, middle),
        _matrix(slopes, unknowns, middle),
        _matrix(slopes, unknowns, box),
    )
    if value is None or at_middle is None or over_box is None:
        return None
    n = len(middle)
    try:
        inverse = at_middle.inv()
    except (ZeroDivisionError, ValueError):
        return None
    one = arb_mat([[arb(int(i == j)) for j in range(n)] for i in range(n)])
    spread = arb_mat([[b - m] for b, m in zip(box, middle, strict=True)])
    image = (one - inverse * over_box) * spread - inverse * arb_mat([[v] for v in value])
    return [middle[i] + image[i, 0] for i in range(n)]


def isolated_zeros(
    equations: Sequence[Any], unknowns: Sequence[Any], *, around: Sequence[float] | None = None, starts: int = STARTS
) -> list[Box]:
    """Certified zeros of a system without parameters, from many starting points; never claimed to be all.

    Math: damped Newton in floating point from pseudo-random points (always the same ones), then `certify`. Around a
        given point, from that point first; only the few next to it are certified, the nearest first.

    Reference: see `certify`.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> [round(float(box[x].mid()), 6) for box in isolated_zeros([x*sp.exp(x) - 1], [x])]
        [0.567143]
    """
    system = [plain(e) for e in equations]
    if len(system) != len(unknowns) or any(e.free_symbols - set(unknowns) for e in system):
        return []
    if any(e.has(AppliedUndef, KnownFunction, Mean) for e in system):  # nothing to evaluate: they have no formula
        return []
    try:
        value = sp.lambdify([list(unknowns)], system, FLOATS, cse=True)
        slope = sp.lambdify([list(unknowns)], [[sp.diff(e, u) for u in unknowns] for e in system], FLOATS, cse=True)
    except (NotImplementedError, TypeError, ValueError):
        return []
    source = random.Random(3)
    seen: list[Any] = []
    middle = np.zeros(len(unknowns)) if around is None else np.array(around, float)
    for k in range(starts):
        reach = (0.5, 2.0, 6.0, 20.0)[k % 4] if around is None or k else 0.0
        x = _descend(value, slope, middle + np.array([source.uniform(-reach, reach) for _ in unknowns]))
        if x is not None and not any(np.allclose(x, other, rtol=1e-6, atol=1e-7) for other in seen):
            seen.append(x)
    if around is not None:
        seen = sorted(seen, key=lambda x: float(((x - middle) ** 2).sum()))[:TRIES]
    boxes: list[Box] = []
    for x in seen:
        if around is not None and len(boxes) == NEAREST:
            break
        box = certify(system, unknowns, list(x))
        if box is not None and not any(all(box[u].overlaps(other[u]) for u in unknowns) for other in boxes):
            boxes.append(box)
    return boxes


def _descend(value: Any, slope: Any, x: Any) -> Any:
    """Damped Newton; None unless the residual becomes tiny, or where a number overflows."""
    with np.errstate(all="raise"):
        return _newton_in_floats(value, slope, x)


def _newton_in_floats(value: Any, slope: Any, x: Any) -> Any:
    try:
        residual = np.array(value(x), float)
        for _ in range(60):
            size = float(np.abs(residual).max())
            if not math.isfinite(size):
                return None
            if size < 1e-12:
                return x
            step = np.linalg.lstsq(np.array(slope(x), float), residual, rcond=None)[0]
            for damping in (1.0, 0.5, 0.25, 0.05, 0.01):
                trial = np.array(value(x - damping * step), float)
                if np.abs(trial).max() < size:
                    x, residual = x - damping * step, trial
                    break
            else:
                return None
    except (ArithmeticError, ValueError, TypeError, NameError, np.linalg.LinAlgError):
        return None
    return None


class Enclosed(Known):
    """Signs of expressions in the unknowns, each unknown being anywhere in its ball: never "0"."""

    def __init__(self, box: Mapping[Any, arb]) -> None:
        super().__init__()
        self.box = dict(box)

    def _sign(self, expression: Any) -> str | None:
        if not expression.free_symbols:
            return super()._sign(expression)
        if expression.is_positive or expression.is_negative:
            return "+" if expression.is_positive else "-"
        found = enclose(expression, self.box, PRECISION)
        if found is None or found.contains(0):
            return "0" if sp.expand(expression) == 0 else None
        return "+" if found > 0 else "-"
