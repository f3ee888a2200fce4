"""Where the eigenvalues of a rational matrix lie, counted exactly: left of the axis, on it, right of it; or the circle.

Math: p = g h with g = gcd(p(s), p(-s)). The roots of g come in pairs s, -s; those on the axis are found by Sturm's
    theorem in t = s^2. h has no root on the axis, and its right roots follow from a Cauchy index (Hermite, Hurwitz).
    The circle is brought to the axis by z = (1 + s)/(1 - s); the eigenvalue z = -1 goes to infinity.
Main definitions: `Counts`, `count`, `matrix`, `characteristic_polynomial`, `semisimple`, `positive_definite`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flint import fmpq, fmpq_mat, fmpq_poly

from bilevel.certificate.errors import CertificateBudget, CertificateError
from bilevel.certificate.signs import sign_of
from bilevel.certificate.trees import rational

MAX_SIZE = 64
TIMES = ("continuous", "discrete")


@dataclass(frozen=True)
class Counts:
    """How many roots, with multiplicity, lie strictly inside, on, and strictly outside the stability boundary."""

    inside: int
    on: int
    outside: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.inside + other.inside, self.on + other.on, self.outside + other.outside)

    @property
    def verdict(self) -> str:
        """stable, marginal or unstable."""
        return "unstable" if self.outside else "marginal" if self.on else "stable"

    def __str__(self) -> str:
        word = "eigenvalue" if self.inside == 1 else "eigenvalues"
        return f"{self.inside} {word} inside, {self.on} on and {self.outside} outside the boundary"


def matrix(rows: Any) -> fmpq_mat:
    """A square matrix from rows of rational strings."""
    if not isinstance(rows, list) or not rows or any(not isinstance(r, list) or len(r) != len(rows) for r in rows):
        raise CertificateError("a matrix is a square list of rows of rational strings")
    if len(rows) > MAX_SIZE:
        raise CertificateBudget(f"a matrix of size {len(rows)} is beyond the budget of {MAX_SIZE}")
    return fmpq_mat(len(rows), len(rows), [rational(entry) for row in rows for entry in row])


def time_of(certificate: dict[str, Any]) -> str:
    """The field "time", checked."""
    if certificate["time"] not in TIMES:
        raise CertificateError(f'"time" is one of {TIMES}; came {certificate["time"]!r}')
    return str(certificate["time"])


def characteristic_polynomial(a: fmpq_mat) -> fmpq_poly:
    """det(z I - A)."""
    return a.charpoly()


def count(p: fmpq_poly, time: str) -> Counts:
    """Roots of a nonzero polynomial relative to the imaginary axis, or to the unit circle in discrete time."""
    if time == "continuous":
        return _half_plane(p)
    n, image, shrink = p.degree(), fmpq_poly([0]), fmpq_poly([1])
    for k in range(n, -1, -1):  # sum of a_k (1 + s)^k (1 - s)^(n - k), by Horner
        image = image * fmpq_poly([1, 1]) + p[k] * shrink
        shrink = shrink * fmpq_poly([1, -1])
    return _half_plane(image) + Counts(0, n - image.degree(), 0)


def _half_plane(p: fmpq_poly) -> Counts:
    mirrored = fmpq_poly([(-1) ** k * p[k] for k in range(p.degree() + 1)])
    symmetric = p.gcd(mirrored)
    rest = p // symmetric
    n = rest.degree()
    right = (n - _cauchy_index(rest)) // 2
    return Counts(n - right, 0, right) + _symmetric(symmetric)


def _cauchy_index(h: fmpq_poly) -> int:
    """Left minus right roots of a polynomial without roots on the axis and without pairs s, -s."""
    n = h.degree()
    if n == 0:
        return 0
    parts: list[list[Any]] = [[0] * (n + 1), [0] * (n + 1)]
    for k in range(n + 1):
        parts[k % 2][n - k] = h[n - k] * (-1) ** (k // 2)
    chain = _sturm(fmpq_poly(parts[0]), fmpq_poly(parts[1]))
    return _variations([_at_infinity(f, -1) for f in chain]) - _variations([_at_infinity(f, 1) for f in chain])


def _symmetric(g: fmpq_poly) -> Counts:
    """Roots of a polynomial with g(-s) = +-g(s)."""
    n, zeros = g.degree(), 0
    while g[zeros] == 0:
        zeros += 1
    squared = fmpq_poly([g[k] for k in range(zeros, n + 1, 2)])
    on = zeros
    if squared.degree() > 0:
        for factor, multiplicity in squared.factor_squarefree()[1]:
            factor = fmpq_poly(factor)
            chain = _sturm(factor, factor.derivative())
            negative = _variations([_at_infinity(f, -1) for f in chain]) - _variations([sign_of(f[0]) for f in chain])
            on += 2 * negative * multiplicity
    half = (n - on) // 2
    return Counts(half, on, half)


def _sturm(first: fmpq_poly, second: fmpq_poly) -> list[fmpq_poly]:
    chain = [first]
    while second.degree() >= 0:
        chain.append(second)
        remainder = -(chain[-2] % second)
        if remainder.degree() >= 0:
            remainder = remainder / abs(remainder.leading_coefficient())  # a positive factor changes no sign
        second = remainder
    return chain


def _at_infinity(f: fmpq_poly, direction: int) -> int:
    return sign_of(f.leading_coefficient()) * direction ** f.degree()


def _variations(signs: Sequence[int]) -> int:
    seen = [s for s in signs if s]
    return sum(a != b for a, b in zip(seen, seen[1:]))


def semisimple(a: fmpq_mat, p: fmpq_poly, time: str) -> bool:
    """Whether every eigenvalue on the boundary has as many eigenvectors as its multiplicity.

    Roots of one irreducible factor q are conjugate over Q, so all of them have the same Jordan blocks; they are
    semisimple exactly when the kernel of q(A) has dimension deg(q) times the multiplicity of q.
    """
    size = a.nrows()
    for q, multiplicity in p.factor()[1]:
        q = fmpq_poly(q)
        if multiplicity == 1 or count(q, time).on == 0:
            continue
        image = fmpq_mat(size, size)
        for k in range(q.degree(), -1, -1):
            image = image * a
            image = image + q[k] * identity(size)
        if size - image.rank() != q.degree() * multiplicity:
            return False
    return True


def identity(size: int) -> fmpq_mat:
    """The identity matrix."""
    return fmpq_mat(size, size, [fmpq(int(i == j)) for i in range(size) for j in range(size)])


def positive_definite(a: fmpq_mat) -> bool:
    """Whether a rational symmetric matrix is positive definite: exact pivots of L D L'."""
    rows = a.tolist()
    size = len(rows)
    if any(rows[i][j] != rows[j][i] for i in range(size) for j in range(i)):
        return False
    for k in range(size):
        if not rows[k][k] > 0:
            return False
        for i in range(k + 1, size):
            f = rows[i][k] / rows[k][k]
            for j in range(k, size):
                rows[i][j] -= f * rows[k][j]
    return True
