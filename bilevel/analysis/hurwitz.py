"""When all roots of a real polynomial lie in the open, or in the closed, left half plane.

Main definitions: `RootTest` (the open and the closed condition), `root_test` (from coefficients), `minor` (Hurwitz
determinants).

Math: with a_0 > 0 leading, all roots lie in Re z < 0 iff a_n, a_{n-2}, ... > 0 and the Hurwitz determinants D_{n-1},
D_{n-3}, ... are positive (Lienard-Chipart 1914). All roots lie in Re z <= 0 iff p(z + e) passes that test for every
small e > 0, that is iff in each of those quantities, a polynomial in e, the lowest non-vanishing coefficient is
positive; that gives a formula with no case forgotten. For n <= 4 it shortens to: every coefficient >= 0, D_{n-1} >=
0 and, for n = 4, a_1 > 0 or a_2^2 >= 4 a_0 a_4 (when a_1 = 0, D_3 >= 0 forces a_3 = 0 or a_0 = 0: the biquadratic
case). A leading coefficient that vanishes is allowed in the closed test, where it means a root that has gone to
infinity, which counts as on the boundary (the image of z = -1 for maps)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bilevel.analysis.regions import compare, conj, disj

MAX_EXPANDED = 3000
MAX_NESTED = 200


@dataclass(frozen=True)
class RootTest:
    """`strict`: (quantity that must be positive, which boundary its zero is: "origin", "infinity", "pair" or "").
    `closed`: the formula for the closed half plane, or None where a count of roots says it shorter."""

    strict: tuple[tuple[Any, str], ...]
    closed: Any

    @property
    def open(self) -> Any:
        """The formula for the open half plane."""
        return conj(compare(p, ">") for p, _ in self.strict)


def hurwitz_matrix(a: Sequence[Any], k: int, zero: Any) -> list[list[Any]]:
    """The leading k x k block of the Hurwitz matrix; a has the leading coefficient first."""
    return [[a[2 * j - i + 1] if 0 <= 2 * j - i + 1 < len(a) else zero for j in range(k)] for i in range(k)]


def laplace(rows: list[list[Any]], zero: Any) -> Any:
    """Determinant by expansion along the sparsest column: exact over any commutative ring, nothing is divided."""
    if len(rows) == 1:
        return rows[0][0]
    column = max(range(len(rows)), key=lambda j: sum(row[j] == 0 for row in rows))
    total = zero
    for i, row in enumerate(rows):
        if row[column] != 0:
            rest = [r[:column] + r[column + 1 :] for k, r in enumerate(rows) if k != i]
            term = row[column] * laplace(rest, zero)
            total = total + term if (i + column) % 2 == 0 else total - term
    return total


def bareiss(rows: list[list[Any]], zero: Any) -> Any:
    """Determinant by fraction-free elimination over polynomials."""
    rows, n, sign, previous = [list(r) for r in rows], len(rows), 1, None
    for k in range(n - 1):
        pivot = next((i for i in range(k, n) if rows[i][k] != 0), None)
        if pivot is None:
            return zero
        if pivot != k:
            rows[k], rows[pivot], sign = rows[pivot], rows[k], -sign
        for i in range(k + 1, n):
            for j in range(k + 1, n):
                value = rows[i][j] * rows[k][k] - rows[i][k] * rows[k][j]
                rows[i][j] = value if previous is None else value / previous
        previous = rows[k][k]
    return rows[-1][-1] * sign


def minor(a: Sequence[Any], k: int, coordinates: Any) -> Any:
    """The Hurwitz determinant D_k, expanded while that stays small, else left as a product form in the coefficients."""
    sizes = sorted((len(p) for p in a), reverse=True)
    estimate = 1
    for size in sizes[: max(k, 1)]:
        estimate *= size
    if estimate <= MAX_EXPANDED or k > 4:
        determinant = laplace if k <= 4 else bareiss
        return coordinates.reduce(determinant(hurwitz_matrix(a, k, coordinates.zero), coordinates.zero))
    written = [coordinates.expression(p) for p in a]
    return laplace(
        hurwitz_matrix(written, k, coordinates.expression(coordinates.zero)), coordinates.expression(coordinates.zero)
    )


def root_test(a: Sequence[Any], coordinates: Any, *, leading_known: bool, shifted: Any = None) -> RootTest:
    """The open and closed conditions; `a` leading first. `leading_known`: a_0 > 0 is given. `shifted()`: the same
    coefficients of the polynomial with its stability boundary moved out by epsilon, used from degree five on."""
    n = len(a) - 1
    strict: list[tuple[Any, str]] = [] if leading_known else [(a[0], "infinity")]
    if n > 2:
        strict += [(minor(a, k, coordinates), "pair" if k == n - 1 else "") for k in range(n - 1, 0, -2)]
    elif n == 2:
        strict.append((a[1], "pair"))
    strict += [(a[k], "origin" if k == n else "") for k in range(n, 0, -2)]
    if n <= 4:
        parts = [compare(p, ">=") for p in a[1:]] + ([] if leading_known else [compare(a[0], ">=")])
        if n >= 3:
            parts.append(compare(strict[0 if leading_known else 1][0], ">="))
        if n == 4:
            parts.append(disj([compare(a[1], ">"), compare(_discriminant(a[0], a[2], a[4], coordinates), ">=")]))
        return RootTest(tuple(strict), conj(parts))
    return RootTest(tuple(strict), _closed_by_shift(shifted() if shifted else None, coordinates))


def _discriminant(a: Any, b: Any, c: Any, coordinates: Any) -> Any:
    """b^2 - 4 a c, expanded while that stays small."""
    if len(b) ** 2 + len(a) * len(c) <= MAX_EXPANDED // 3:
        return coordinates.reduce(b * b - 4 * a * c)
    a, b, c = (coordinates.expression(p) for p in (a, b, c))
    return b**2 - 4 * a * c


def _closed_by_shift(a: Any, coordinates: Any) -> Any:
    """The closed condition from coefficients that are polynomials in epsilon, or None past the size budget."""
    if a is None:
        return None
    n = len(a) - 1
    largest = max(len(p) for p in a)
    if n > 8 or largest > 80 or (n > 5 and largest > 30):
        return None
    quantities = [a[k] for k in range(n, -1, -1)]
    quantities += [
        coordinates.reduce(bareiss(hurwitz_matrix(a, k, coordinates.zero), coordinates.zero))
        for k in range(n - 1, 0, -2)
    ]
    if max(len(p) for p in quantities) > MAX_EXPANDED:
        return None
    parameters = sum(any(p.degrees()[i] for p in quantities) for i in range(2, len(coordinates.meaning)))
    if parameters > 1 and sum(map(len, quantities)) > MAX_NESTED:
        return None  # nested cases that nobody reads: a count of roots says the same
    return conj(_positive_for_small_epsilon(coordinates.coefficients(p, 1)) for p in quantities)


def _positive_for_small_epsilon(coefficients: Sequence[Any]) -> Any:
    result: Any = False
    for p in reversed(coefficients):
        zero = compare(p, "==")
        result = disj([compare(p, ">"), conj([zero, result])])
    return result
