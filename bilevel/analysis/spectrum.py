"""Where the roots of a rational polynomial lie: inside, on or outside the stability boundary, by integer arithmetic.

The boundary is the imaginary axis for a flow ("continuous") and the unit circle for a map ("discrete"). Main
definitions: `split` (a squarefree polynomial into its part symmetric about the boundary and the rest), `all_inside`,
`all_on_boundary`, `Spectrum` and `spectrum` (the verdict on a rational matrix).

The two facts used: a squarefree real polynomial g and its mirror image g* (roots reflected in the boundary) share
exactly the roots on the boundary and the mirror pairs, and g/gcd(g, g*) has no root on the boundary. A squarefree
mirror-symmetric r has all roots on the circle iff r' is Schur (Cohn), all roots on the axis iff r + r' is Hurwitz
(Hermite-Biehler)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flint import fmpq_mat, fmpq_poly, fmpz_poly

ZERO_MODE, FLIP, CENTRE, JORDAN = "zero mode", "eigenvalue -1", "centre", "Jordan block on the boundary"


@dataclass(frozen=True)
class Spectrum:
    """What exact arithmetic finds: the verdict ("stable", "unstable", "marginal") and why it is marginal."""

    verdict: str
    why: tuple[str, ...] = ()


def primitive(p: fmpz_poly) -> fmpz_poly:
    """The polynomial divided by its content, leading coefficient positive."""
    content = p.content()
    if content > 1:
        p = p // fmpz_poly([content])
    return -p if p.leading_coefficient() < 0 else p


def mirror(p: fmpz_poly, time: str) -> fmpz_poly:
    """The polynomial whose roots are the roots of p reflected: 1/z for a map, -z for a flow."""
    c = p.coeffs()
    if time == "discrete":
        return fmpz_poly(c[::-1])
    return fmpz_poly([-a if k % 2 else a for k, a in enumerate(c)])


def is_schur(p: fmpz_poly) -> bool:
    """Whether every root has modulus below one (Schur-Cohn: p -> (a_n p - a_0 p*)/z, which keeps or loses the
    property)."""
    p = primitive(p)
    while p.degree() > 0:
        first, last = p[0], p.leading_coefficient()
        if abs(first) >= abs(last):
            return False
        reduced = (last * p - first * fmpz_poly(p.coeffs()[::-1])).coeffs()
        p = primitive(fmpz_poly(reduced[1:]))
    return True


def is_hurwitz(p: fmpz_poly) -> bool:
    """Whether every root has negative real part (Routh: subtract (a_n/a_{n-1}) z times the terms of the other
    parity)."""
    p = primitive(p)
    while p.degree() > 0:
        n, c = p.degree(), p.coeffs()
        last, second = c[n], c[n - 1]
        if last * second <= 0:
            return False
        alternate = fmpz_poly([0] + [a if (n - 1 - k) % 2 == 0 else 0 for k, a in enumerate(c[:n])])
        p = primitive(second * p - last * alternate)
    return True


def all_inside(p: fmpz_poly, time: str) -> bool:
    """Whether every root lies strictly on the stable side."""
    return is_schur(p) if time == "discrete" else is_hurwitz(p)


def all_on_boundary(r: fmpz_poly, time: str) -> bool:
    """Whether every root of a squarefree mirror-symmetric polynomial lies on the boundary."""
    if r.degree() == 0:
        return True
    return is_schur(r.derivative()) if time == "discrete" else is_hurwitz(r + r.derivative())


def split(g: fmpz_poly, time: str) -> tuple[fmpz_poly, fmpz_poly]:
    """(symmetric part, rest) of a squarefree polynomial: the rest has no root on the boundary."""
    symmetric = primitive(g.gcd(mirror(g, time)))
    return symmetric, g // symmetric


def characteristic_polynomial(matrix: fmpq_mat) -> fmpz_poly:
    """The primitive integer multiple of det(z I - A)."""
    return primitive(fmpq_poly(matrix.charpoly()).numer())


def squarefree(p: fmpz_poly) -> list[tuple[fmpz_poly, int]]:
    """Pairwise coprime squarefree parts with their multiplicities."""
    return [(primitive(g), m) for g, m in p.factor_squarefree()[1] if g.degree() > 0]


def is_semisimple(matrix: fmpq_mat, r: fmpz_poly, multiplicity: int) -> bool:
    """Whether the roots of r, each an eigenvalue of this multiplicity, have no Jordan block: nullity of r(A) is
    full."""
    if multiplicity == 1:
        return True
    n = matrix.nrows()
    identity = fmpq_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
    value = identity * 0
    for c in reversed(r.coeffs()):
        value = value * matrix + identity * c
    return bool(n - value.rank() == multiplicity * r.degree())


def boundary_kinds(r: fmpz_poly, time: str) -> tuple[str, ...]:
    """Names of the eigenvalues on the boundary: a zero mode (1 for a map, 0 for a flow), -1, a complex pair."""
    kinds, left = [], r.degree()
    if r(1 if time == "discrete" else 0) == 0:
        kinds.append(ZERO_MODE)
        left -= 1
    if time == "discrete" and r(-1) == 0:
        kinds.append(FLIP)
        left -= 1
    return tuple(kinds + [CENTRE] * (left > 0))


def spectrum(matrix: Any, time: str) -> Spectrum:
    """The exact verdict on a rational matrix (an `fmpq_mat`)."""
    why: set[str] = set()
    for g, multiplicity in squarefree(characteristic_polynomial(matrix)):
        symmetric, rest = split(g, time)
        if not all_inside(rest, time) or not all_on_boundary(symmetric, time):
            return Spectrum("unstable")
        why.update(boundary_kinds(symmetric, time))
        if not is_semisimple(matrix, symmetric, multiplicity):
            why.add(JORDAN)
    order = (ZERO_MODE, FLIP, CENTRE, JORDAN)
    return Spectrum("marginal", tuple(k for k in order if k in why)) if why else Spectrum("stable")
