"""Necessary and sufficient lists for stability, from the coefficients of a characteristic polynomial.

Each family is a list of expressions all positive exactly when the polynomial z^n + a_1 z^(n-1) + ... + a_n is stable.
Math: flow: the Hurwitz determinants D_1 .. D_n (Hurwitz 1895), or half of them and half of the coefficients (Lienard
    and Chipart 1914). Map: the same for q(s) = (1-s)^n p((1+s)/(1-s)), with its leading coefficient (-1)^n p(-1);
    or p(1), (-1)^n p(-1) and the inners det(X +- Y) (Jury 1964); or the steps of Schur 1917.
The code uses only + - *, so it serves elements of a field and balls alike.
Main definitions: `families`, `faddeev_leverrier`, `bilinear`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from math import comb
from typing import Any

from bilevel.certificate.errors import CertificateBudget

MAX_DEGREE = 8
MAX_SCHUR_DEGREE = 4  # the degrees of the conditions double with every step


def families(
    coefficients: Sequence[Any], time: str, one: Any, *, first_only: bool = False
) -> Iterator[tuple[str, list[Any]]]:
    """The families of conditions, the cheapest first, for a_1 .. a_n; those beyond the budget are left out."""
    n = len(coefficients)
    if n > MAX_DEGREE:
        raise CertificateBudget(f"conditions for degree {n} are beyond the budget of degree {MAX_DEGREE}")
    p = [one, *coefficients]
    makers: list[Callable[[], list[tuple[str, list[Any]]]]]
    if time == "continuous":
        makers = [lambda: _hurwitz_families(p, [])]
    else:
        makers = [lambda: [("Jury", _jury(p, one))], lambda: _mobius_families(p, one)]
        makers += [lambda: [("Schur", _schur(p))]] if n <= MAX_SCHUR_DEGREE else []
    for make in makers[:1] if first_only else makers:
        try:
            yield from make()
        except CertificateBudget:
            continue


def _mobius_families(p: list[Any], one: Any) -> list[tuple[str, list[Any]]]:
    q = bilinear(p, one)
    return _hurwitz_families(q, q[:1])


def _hurwitz_families(p: list[Any], first: list[Any]) -> list[tuple[str, list[Any]]]:
    n = len(p) - 1
    minors = [_determinant(_hurwitz_rows(p, k)) for k in range(1, n + 1)]
    out = [("Hurwitz", first + minors)]
    for start in (0, 1):
        coefficients = sorted({n, *range(n - start, 0, -2)})
        for parity in (0, 1):
            chosen = [minors[k - 1] for k in range(1, n + 1) if k % 2 == parity]
            out.append(("Lienard-Chipart", first + [p[k] for k in coefficients] + chosen))
    return out


def _hurwitz_rows(p: list[Any], size: int) -> list[list[Any]]:
    n = len(p) - 1
    index = [[2 * (j + 1) - (i + 1) for j in range(size)] for i in range(size)]
    return [[p[k] if 0 <= k <= n else None for k in row] for row in index]


def _determinant(rows: list[list[Any]]) -> Any:
    """Determinant by expansion along rows, minors remembered; None stands for zero."""
    size = len(rows)
    memo: dict[tuple[int, ...], Any] = {}

    def minor(columns: tuple[int, ...]) -> Any:
        row = rows[size - len(columns)]
        if len(columns) == 1:
            return row[columns[0]]
        if columns not in memo:
            total = None
            for position, column in enumerate(columns):
                below = None if row[column] is None else minor(columns[:position] + columns[position + 1 :])
                if below is not None:
                    term = row[column] * below
                    term = -term if position % 2 else term
                    total = term if total is None else total + term
            memo[columns] = total
        return memo[columns]

    found = minor(tuple(range(size)))
    return rows[0][0] - rows[0][0] if found is None else found


def bilinear(p: list[Any], one: Any) -> list[Any]:
    """Coefficients, highest power first, of (1-s)^n p((1+s)/(1-s))."""
    n = len(p) - 1
    out = []
    for power in range(n, -1, -1):
        total = one - one
        for k, a in enumerate(p):  # a_k (1 + s)^(n - k) (1 - s)^k
            weight = sum(comb(n - k, power - j) * comb(k, j) * (-1) ** j for j in range(power + 1))
            total = total + a * _integer(weight, one)
        out.append(total)
    return out


def _integer(k: int, one: Any) -> Any:
    """The integer k in the ring of `one`, by doubling."""
    if k < 0:
        return -_integer(-k, one)
    total = one - one
    for bit in bin(k)[2:]:
        total = total + total
        if bit == "1":
            total = total + one
    return total


def _jury(p: list[Any], one: Any) -> list[Any]:
    """p(1), (-1)^n p(-1) and det(X_k +- Y_k), k = n-1, n-3, ...: Jury's inners."""
    n = len(p) - 1
    at_one = reduce(lambda x, y: x + y, p)
    at_minus = reduce(lambda x, y: x + y, [a if k % 2 == 0 else -a for k, a in enumerate(p)])
    out = [at_one, at_minus]
    zero = one - one
    for k in range(n - 1, 0, -2):
        for sign in (1, -1):
            rows = []
            for i in range(k):
                row = []
                for j in range(k):
                    x = p[j - i] if j >= i else zero  # upper triangle: 1, a_1, a_2, ...
                    m = i + j - (k - 1)  # lower right: a_n on the antidiagonal, then a_(n-1), ...
                    y = p[n - m] if m >= 0 else zero
                    row.append(x + y if sign > 0 else x - y)
                rows.append(row)
            out.append(_determinant(rows))
    return out


def _schur(p: list[Any]) -> list[Any]:
    """Leading coefficients squared minus last ones squared along Schur's reduction."""
    out, current = [], p
    while len(current) > 1:
        first, last = current[0], current[-1]
        out.append(first * first - last * last)
        current = [first * a - last * b for a, b in zip(current[:-1], current[:0:-1])]
    return out


def faddeev_leverrier(rows: list[list[Any]], zero: Any, reciprocal: Any) -> list[Any]:
    """a_1 .. a_n of det(zI - A) = z^n + a_1 z^(n-1) + ...; `reciprocal(k)` is 1/k in the ring."""
    n = len(rows)
    size = range(n)
    m = [row[:] for row in rows]
    out: list[Any] = []
    for k in range(1, n + 1):
        trace = reduce(lambda x, y: x + y, [m[i][i] for i in size])
        out.append(-(trace * reciprocal(k)))
        if k < n:
            for i in size:
                m[i][i] = m[i][i] + out[-1]
            m = [[reduce(lambda x, y: x + y, [rows[i][t] * m[t][j] for t in size], zero) for j in size] for i in size]
    return out
