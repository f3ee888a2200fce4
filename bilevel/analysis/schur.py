"""Root tests of both kinds of dynamics: the flow's directly, the map's after a Moebius transformation.

Main definitions: `moebius` (coefficients of (1 - s)^n p((1 + s)/(1 - s))), `flow_test`, `map_test`.

Math: z = (1 + s)/(1 - s) takes Re s < 0 onto |z| < 1, s = 0 to z = 1 and s = infinity to z = -1. So the constant
coefficient is p(1), the leading one is (-1)^n p(-1), and the Hurwitz determinant D_{n-1} vanishes where a pair z,
1/z exists. For n = 2 the three quantities are p(1), p(-1) and 1 - a_0: Jury's conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

from bilevel.analysis.hurwitz import RootTest, root_test


def moebius(c: Sequence[Any], zero: Any) -> list[Any]:
    """Coefficients, constant first, of (1 - s)^n p((1 + s)/(1 - s)); c has the constant term first."""
    n = len(c) - 1
    result = [zero] * (n + 1)
    for k, coefficient in enumerate(c):
        for i in range(n + 1):
            weight = sum((-1) ** j * comb(n - k, j) * comb(k, i - j) for j in range(max(0, i - k), min(n - k, i) + 1))
            if weight:
                result[i] = result[i] + coefficient * weight
    # For n = 2 and the middle coefficient 2(1 - a_0): a common integer factor only clutters the printed condition.
    return result


def flow_test(c: Sequence[Any], coordinates: Any) -> RootTest:
    """When all roots of sum c_k z^k (leading coefficient positive) have negative real part."""
    n, epsilon = len(c) - 1, coordinates.generators[1]

    def shifted() -> list[Any]:
        terms = (
            (sum((c[k] * comb(k, i) * epsilon ** (k - i) for k in range(i, n + 1)), coordinates.zero))
            for i in range(n + 1)
        )
        return list(terms)[::-1]

    return root_test(list(c)[::-1], coordinates, leading_known=True, shifted=shifted)


def map_test(c: Sequence[Any], coordinates: Any) -> RootTest:
    """When all roots of sum c_k z^k (leading coefficient positive) have modulus below one."""
    epsilon = coordinates.generators[1]

    def shifted() -> list[Any]:
        return moebius([p * (1 + epsilon) ** k for k, p in enumerate(c)], coordinates.zero)[::-1]

    return root_test(moebius(c, coordinates.zero)[::-1], coordinates, leading_known=False, shifted=shifted)
