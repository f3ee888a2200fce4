"""Parts of a field's Jacobian that learning rules are made of.

Main definitions: `across`, `across_transposed`, `shaping`.

H = F' in player blocks H_ij = dF_i/dz_j; H_o are the blocks with i != j.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.rules.protocol.point import Point


def _summed(parts: list[Point]) -> Point:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _without_own(field: Any, product: Callable[[Any, Point], Point], z: Point, v: Point) -> Point:
    return _summed([product(z, v - v.only(name)).only(name) for name in field.players])


def across(field: Any, z: Point, v: Point) -> Point:
    """H_o v: how the field of each player moves when only the others move along v."""
    return _without_own(field, field.jvp, z, v)


def across_transposed(field: Any, z: Point, v: Point) -> Point:
    """H_o^T v: for each player i the sum over j != i of (dF_j/dz_i)^T v_j."""
    return _without_own(field, field.vjp, z, v)


def shaping(field: Any, z: Point, weight: Any) -> Point:
    """For each player i the sum over j != i of (dF_j/dz_i)^T weight_j dc_i/dz_j: how i moves the others' steps."""
    parts = []
    for name in field.players:
        slope = field.gradient(z, of=name)
        parts.append(field.vjp(z, weight * (slope - slope.only(name))).only(name))
    return _summed(parts)
