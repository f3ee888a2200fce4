"""Arrows between shapes: quadratic curves that start and end clear of their nodes and pass clear of all others.

Main definitions: `Shape`, `Curve`, `route`, `self_loop`, `dashes`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]
_STEPS = 24
_GAP = 4.0  # between an arrow and the outline it touches
_CLEAR = 12.0  # between an arrow and any other node


@dataclass(frozen=True)
class Shape:
    """A circle or a diamond."""

    centre: Point
    radius: float
    diamond: bool = False

    def distance(self, point: Point) -> float:
        """How far a point is outside the outline (negative inside)."""
        dx, dy = abs(point[0] - self.centre[0]), abs(point[1] - self.centre[1])
        if self.diamond:
            # |x| + |y| = 1.12 r, the diamond drawn; its sides are at 45 degrees.
            return (dx + dy - 1.12 * self.radius) / math.sqrt(2)
        return math.hypot(dx, dy) - self.radius


@dataclass(frozen=True)
class Curve:
    """A quadratic Bézier curve."""

    start: Point
    control: Point
    end: Point

    def at(self, t: float) -> Point:
        """The point at parameter t."""
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        return (
            a * self.start[0] + b * self.control[0] + c * self.end[0],
            a * self.start[1] + b * self.control[1] + c * self.end[1],
        )

    @property
    def direction(self) -> Point:
        """Unit tangent at the end."""
        (x, y), (u, v) = self.at(0.94), self.end
        size = math.hypot(u - x, v - y) or 1.0
        return ((u - x) / size, (v - y) / size)

    @property
    def length(self) -> float:
        """Length of the polygon through the sampled points."""
        points = [self.at(k / _STEPS) for k in range(_STEPS + 1)]
        return sum(math.dist(p, q) for p, q in pairwise(points))

    def part(self, s: float, t: float) -> Curve:
        """The piece between two parameters (blossoming: exact)."""

        def blossom(u: float, v: float) -> Point:
            a, b, c = (1 - u) * (1 - v), u * (1 - v) + v * (1 - u), u * v
            return (
                a * self.start[0] + b * self.control[0] + c * self.end[0],
                a * self.start[1] + b * self.control[1] + c * self.end[1],
            )

        return Curve(blossom(s, s), blossom(s, t), blossom(t, t))

    def shortened(self, by: float) -> Curve:
        """The curve without its last `by` units."""
        return self.part(0.0, max(0.3, 1.0 - by / max(self.length, 1.0)))


def route(source: Shape, target: Shape, others: Sequence[Shape], drawn: Sequence[Curve], *, bent: bool) -> Curve:
    """The flattest curve from outline to outline that clears the other nodes and the arrows already there."""
    tries = [17.0, -17.0, 24.0, -24.0, 32.0, -32.0, 46.0, -46.0, 64.0, -64.0, 90.0, -90.0, 120.0, -120.0, 160.0, -160.0]
    bends = tries if bent else [0.0, *tries]
    curves = [_bowed(source, target, bend) for bend in bends]
    costs = [_cost(curve, bend, others, drawn) for curve, bend in zip(curves, bends, strict=True)]
    return curves[min(range(len(curves)), key=lambda index: (costs[index], index))]


def _bowed(source: Shape, target: Shape, bend: float) -> Curve:
    """A curve whose middle is `bend` to the left of the straight line, cut at both outlines."""
    (ax, ay), (bx, by) = source.centre, target.centre
    size = math.dist((ax, ay), (bx, by)) or 1.0
    # The middle of the curve is halfway to its control point, hence twice the bend.
    control = ((ax + bx) / 2 + 2 * bend * (by - ay) / size, (ay + by) / 2 - 2 * bend * (bx - ax) / size)
    whole = Curve((ax, ay), control, (bx, by))
    samples = [k / 200 for k in range(201)]
    leaves = next((t for t in samples if source.distance(whole.at(t)) >= _GAP), 0.0)
    arrives = next((t for t in reversed(samples) if target.distance(whole.at(t)) >= _GAP), 1.0)
    return whole.part(leaves, arrives) if leaves < arrives else whole


def _cost(curve: Curve, bend: float, others: Sequence[Shape], drawn: Sequence[Curve]) -> float:
    points = [curve.at(k / _STEPS) for k in range(_STEPS + 1)]
    cost = 0.4 * abs(bend)
    for shape in others:
        near = min(shape.distance(point) for point in points)
        cost += 40 * max(0.0, _CLEAR - near)
    for other in drawn:
        path = [other.at(k / _STEPS) for k in range(_STEPS + 1)]
        # Middles that nearly coincide would read as one line; ends may meet at a common node.
        close = sum(min(math.dist(p, q) for q in path) < 9 for p in points[4:-4])
        cost += 12 * max(0, close - 3) + 5 * (close > 0) + 45 * _crossings(points, path)
    return cost


def _crossings(path: list[Point], other: list[Point]) -> int:
    """How often two polygons cross."""
    pairs = ((p, q, r, t) for p, q in pairwise(path) for r, t in pairwise(other))
    return sum(_side(p, q, r) * _side(p, q, t) < 0 and _side(r, t, p) * _side(r, t, q) < 0 for p, q, r, t in pairs)


def _side(p: Point, q: Point, r: Point) -> float:
    """Positive where r lies to the one side of the line pq, negative on the other."""
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])


def self_loop(shape: Shape) -> Curve:
    """An arrow from a node to itself, above it."""
    (x, y), r = shape.centre, shape.radius
    return Curve((x - 0.55 * r, y - r - 1), (x, y - 3.4 * r), (x + 0.55 * r, y - r - 1))


def dashes(curve: Curve) -> str:
    """A dash pattern that ends with a whole dash, so that no head floats."""
    count = max(2, round(curve.length / 12))
    unit = curve.length / (count - 0.42)
    return f"{0.58 * unit:.2f} {0.42 * unit:.2f}"
