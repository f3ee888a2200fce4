"""Verdicts on matrices of numbers: rational ones by integer arithmetic, floating-point ones by enclosures.

Main definitions: `decide_rational` (for large matrices rigorous enclosures are tried first), `decide_enclosed`
(floats stand for every number that rounds to them), `quadratic_roots`, `check_time`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from flint import fmpq_mat

from bilevel.analysis.enclosure import enclose, enclosed_verdict
from bilevel.analysis.polynomials import rational
from bilevel.analysis.spectrum import characteristic_polynomial, spectrum
from bilevel.analysis.verdict import Verdict, certain, unknown
from bilevel.language.errors import GameError

Z = sp.Symbol("z")
ENCLOSE_ABOVE = 300  # size times bits of the entries: from here on enclosures are tried before exact arithmetic
ROUNDED = "floating-point entries stand for everything that rounds to them"


def check_time(time: str) -> None:
    """Refuse anything but the two kinds of time."""
    if time not in ("discrete", "continuous"):
        raise GameError(f'time must be "discrete" (a map) or "continuous" (a flow), got {time!r}')


def decide_rational(matrix: Any, time: str) -> Verdict:
    """The verdict on a matrix of rationals."""
    entries = matrix.flat()
    n = matrix.rows
    bits = max((max(abs(e.p).bit_length(), int(e.q).bit_length()) for e in entries), default=1)
    rows = [entries[i * n : (i + 1) * n] for i in range(n)]
    if n >= 6 and n * bits > ENCLOSE_ABOVE:
        answer = enclosed_verdict(rows, time)
        if answer is not None:
            return certain(answer, matrix, time, known="enclosed", characteristic_polynomial=None)
    exact = fmpq_mat([[rational(e) for e in row] for row in rows])
    result = spectrum(exact, time)
    polynomial = characteristic_polynomial(exact)
    leading = polynomial.leading_coefficient()
    written = (
        sp.Add(*(sp.Rational(int(c), int(leading)) * Z**k for k, c in enumerate(polynomial.coeffs())))
        if n <= 12
        else None
    )
    why = "; ".join(result.why) or None
    return certain(
        result.verdict,
        matrix,
        time,
        marginal_why=why,
        characteristic_polynomial=written,
        eigenvalues=_short_eigenvalues(polynomial),
    )


def _short_eigenvalues(polynomial: Any) -> tuple[tuple[Any, int], ...] | None:
    """Rational and quadratic eigenvalues; None when some factor has a higher degree."""
    values: list[tuple[Any, int]] = []
    for factor, multiplicity in polynomial.factor()[1]:
        c = [sp.Integer(int(a)) for a in factor.coeffs()]
        if len(c) > 3:
            return None
        roots = [-c[0] / c[1]] if len(c) == 2 else quadratic_roots(*c)
        values += [(root, multiplicity) for root in roots]
    return tuple(values)


def quadratic_roots(c0: Any, c1: Any, c2: Any) -> list[Any]:
    """The roots of c2 z^2 + c1 z + c0: the middle plus and minus a root with all squares taken out."""
    # z = m +- sqrt(r),  m = -c1/(2 c2),  r = (c1^2 - 4 c0 c2)/(4 c2^2)
    middle = sp.expand(sp.cancel(-c1 / (2 * c2)))
    spread = _root_without_squares(sp.cancel((c1**2 - 4 * c0 * c2) / (4 * c2**2)))
    return [middle + spread, middle - spread]


def _root_without_squares(radicand: Any) -> Any:
    """A square root, up to its sign, with every square factor of the radicand outside."""
    outside, inside, number = sp.S.One, sp.S.One, sp.S.One
    for part, sense in zip(sp.fraction(radicand), (1, -1), strict=True):
        try:
            content, factors = sp.factor_list(part)
        except sp.polys.polyerrors.PolificationFailed:  # numbers such as erfc(1/2) cancel to 1 on the way
            return sp.sqrt(sp.expand(radicand))
        number *= content**sense
        for base, power in factors:
            outside *= base ** (sense * (power // 2))
            inside *= base ** (sense * (power % 2))
    if not number.is_Rational:
        return sp.sqrt(sp.expand(radicand))
    # sqrt(n/d) = sqrt(n d)/d, and the whole part of sqrt(n d) goes outside.
    whole, rest = sp.sqrt(abs(number.p * number.q)).as_coeff_Mul()
    return outside * whole / number.q * sp.sqrt(sp.expand(sp.sign(number) * rest**2 * inside))


def decide_enclosed(matrix: Any, time: str) -> Verdict:
    """The verdict on every matrix that rounds to this one, if they all have the same."""
    entries = matrix.flat()
    balls = [enclose(e) for e in entries]
    if any(b is None for b in balls):
        return unknown("an entry has no enclosure here", matrix, time)
    n = matrix.rows
    answer = enclosed_verdict([balls[i * n : (i + 1) * n] for i in range(n)], time)
    if answer is None:
        return unknown(
            f"an eigenvalue cannot be told from the boundary: {ROUNDED}; give fractions instead", matrix, time
        )
    return certain(answer, matrix, time, known="enclosed", reason=ROUNDED, characteristic_polynomial=None)
