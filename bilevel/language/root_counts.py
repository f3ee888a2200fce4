r"""How many roots of a polynomial lie beyond, or on, the boundary of stability: functions of its coefficients.

Main definitions: `roots_outside_circle`, `roots_on_circle`, `roots_right_of_axis`, `roots_on_axis`.

A condition such as `roots_outside_circle(c0, c1, ..., cn) > 0` is an exact set of parameters also where its form in
signs of polynomials would fill pages. At rational coefficients it is decided in exact arithmetic.

Math: let g be squarefree and real, and reflect its roots in the boundary (z to 1/conj(z), or to -conj(z)). A root on
the boundary is its own reflection. The reflection of any other root is either no root of g, or one that lies
elsewhere. So balls that isolate the roots of gcd(g, g*), made small enough that each reflected ball meets one ball
only, tell the roots on the boundary from the mirror pairs; the roots of g/gcd(g, g*) are not on the boundary, and
small balls tell their side.
"""

from __future__ import annotations

from typing import Any

import flint
import sympy as sp
from flint import arb, fmpz_poly

__all__ = ["COUNTS", "roots_on_axis", "roots_on_circle", "roots_outside_circle", "roots_right_of_axis"]

MAX_PRECISION = 1 << 15


class _RootCount(sp.Function):
    """A number of roots of c_0 + c_1 z + ... + c_n z^n, counted with multiplicity; evaluated at rationals."""

    is_integer = True
    is_nonnegative = True
    circle = True
    beyond = True

    @classmethod
    def eval(cls, *coefficients: Any) -> Any:
        """The count where every coefficient is rational; a polynomial that vanishes identically counts none."""
        if all(c.is_Rational for c in coefficients):
            return sp.Integer(cls.counted([(int(c.p), int(c.q)) for c in coefficients]))
        return None

    @classmethod
    def counted(cls, fractions: list[tuple[int, int]]) -> int:
        """The count at coefficients (numerator, denominator), constant first."""
        common = 1
        for _, bottom in fractions:
            common = common * bottom // sp.igcd(common, bottom)
        p = fmpz_poly([top * (common // bottom) for top, bottom in fractions])
        if p.degree() < 1:
            return 0
        _, on, outside = census(p, circle=cls.circle)
        return outside if cls.beyond else on

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        z = sp.Symbol("z")
        place = {
            (True, True): "|z| > 1",
            (True, False): "|z| = 1",
            (False, True): r"\operatorname{Re} z > 0",
            (False, False): r"\operatorname{Re} z = 0",
        }[(self.circle, self.beyond)]
        polynomial = sp.Add(*(c * z**k for k, c in enumerate(self.args)), evaluate=False)
        power = f"^{{{exp}}}" if exp else ""
        return rf"\#\left\{{z : {printer._print(polynomial)} = 0,\ {place}\right\}}{power}"


class roots_outside_circle(_RootCount):
    r"""Number of roots of c_0 + c_1 z + ... + c_n z^n with |z| > 1, with multiplicity.

    Math: $\#\{z : \sum_k c_k z^k = 0, |z| > 1\}$; the map with this characteristic polynomial is exponentially
        unstable where it is positive.

    Reference: Marden (1966), Geometry of Polynomials, chapter 10.

    Examples:
        >>> roots_outside_circle(-2, 1), roots_outside_circle(1, -2, 1)
        (1, 0)
    """


class roots_on_circle(_RootCount):
    r"""Number of roots of c_0 + c_1 z + ... + c_n z^n with |z| = 1, with multiplicity.

    Math: $\#\{z : \sum_k c_k z^k = 0, |z| = 1\}$.

    Reference: Marden (1966), Geometry of Polynomials, chapter 10.

    Examples:
        >>> roots_on_circle(-2, 1), roots_on_circle(1, -2, 1), roots_on_circle(5, -6, 5)
        (0, 2, 2)
    """

    beyond = False


class roots_right_of_axis(_RootCount):
    r"""Number of roots of c_0 + c_1 z + ... + c_n z^n with Re z > 0, with multiplicity.

    Math: $\#\{z : \sum_k c_k z^k = 0, \operatorname{Re} z > 0\}$; the flow with this characteristic polynomial is
        exponentially unstable where it is positive.

    Reference: Gantmacher (1959), The Theory of Matrices, volume 2, chapter 15.

    Examples:
        >>> roots_right_of_axis(-4, 0, 1), roots_right_of_axis(4, 0, 1)
        (1, 0)
    """

    circle = False


class roots_on_axis(_RootCount):
    r"""Number of roots of c_0 + c_1 z + ... + c_n z^n with Re z = 0, with multiplicity.

    Math: $\#\{z : \sum_k c_k z^k = 0, \operatorname{Re} z = 0\}$.

    Reference: Gantmacher (1959), The Theory of Matrices, volume 2, chapter 15.

    Examples:
        >>> roots_on_axis(-4, 0, 1), roots_on_axis(4, 0, 1), roots_on_axis(0, 0, 1)
        (0, 2, 2)
    """

    circle, beyond = False, False


COUNTS = (roots_outside_circle, roots_on_circle, roots_right_of_axis, roots_on_axis)


def census(p: fmpz_poly, *, circle: bool) -> tuple[int, int, int]:
    """How many roots lie on the stable side, on the boundary, beyond it, with multiplicity."""
    counts = [0, 0, 0]
    for g, multiplicity in p.factor_squarefree()[1]:
        c = [int(a) for a in g.coeffs()]
        reflected = c[::-1] if circle else [-a if k % 2 else a for k, a in enumerate(c)]
        symmetric = g.gcd(fmpz_poly(reflected))
        pairs, on = _pairs_and_boundary(symmetric, circle)
        beyond = _beyond(g // symmetric, circle)
        counts[0] += multiplicity * (g.degree() - symmetric.degree() - beyond + pairs)
        counts[1] += multiplicity * on
        counts[2] += multiplicity * (beyond + pairs)
    return counts[0], counts[1], counts[2]


def _pairs_and_boundary(symmetric: fmpz_poly, circle: bool) -> tuple[int, int]:
    """(mirror pairs, roots on the boundary) of a squarefree polynomial that is its own reflection."""
    if symmetric.degree() < 1:
        return 0, 0

    def own(roots: list[Any]) -> int | None:
        total = 0
        for k, z in enumerate(roots):
            mirrored = 1 / z.conjugate() if circle else -z.conjugate()
            met = [j for j, other in enumerate(roots) if mirrored.overlaps(other)]
            if len(met) != 1:
                return None
            total += met == [k]
        return total

    on = _refined(symmetric, own)
    return (symmetric.degree() - on) // 2, on


def _beyond(rest: fmpz_poly, circle: bool) -> int:
    """Roots beyond the boundary of a polynomial that has none on it."""
    if rest.degree() < 1:
        return 0

    def outside(roots: list[Any]) -> int | None:
        gaps = [abs(z) - 1 if circle else z.real for z in roots]
        return None if any(gap.contains(0) for gap in gaps) else sum(gap > 0 for gap in gaps)

    return _refined(rest, outside)


def _refined(p: fmpz_poly, answer: Any) -> int:
    """The answer read off isolating balls of the roots, at growing precision until there is one."""
    saved, precision = flint.ctx.prec, 64
    try:
        while precision <= MAX_PRECISION:
            flint.ctx.prec = precision
            isolated: Any = p.complex_roots()
            found = answer([z for z, _ in isolated])
            if found is not None:
                return int(found)
            precision *= 2
    finally:
        flint.ctx.prec = saved
    raise ArithmeticError(f"roots closer to the boundary than {MAX_PRECISION} bits tell apart")


def enclosed_count(node: Any, coefficients: list[arb]) -> arb | None:
    """The count at coefficients known as balls, None where a root is not told from the boundary."""
    try:
        roots: Any = flint.acb_poly(coefficients).roots()
    except (ValueError, ZeroDivisionError):
        return None
    gaps = [abs(z) - 1 if node.circle else z.real for z in roots]
    if len(roots) < len(node.args) - 1 or any(gap.contains(0) for gap in gaps):
        return None
    return arb(sum(gap > 0 for gap in gaps) if node.beyond else 0)
