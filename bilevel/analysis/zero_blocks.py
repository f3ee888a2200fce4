"""Several equations taken together: unknowns that enter them jointly linearly, combinations of lower degree.

Main definitions: `linear_block`, `lower_combination`.

Solved one at a time, linear unknowns swell: what is left after each step holds minors that cancel only in the end. An
actor's parameters fix the weights of a linear critic in this way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, islice, permutations
from typing import Any

import sympy as sp
from sympy.polys.matrices import DomainMatrix
from sympy.polys.polyerrors import PolynomialError

from bilevel.analysis.known import Known

LARGEST, CHOICES = 6, 4


def linear_block(equations: Sequence[Any], unknowns: Sequence[Any], known: Known) -> dict[Any, Any] | None:
    """Values of two or more unknowns in terms of the others; None where there is no such block.

    Math: u = -A^{-1} b for equations A(y) u + b(y) = 0 whose determinant is proved never to vanish; y holds at least
        one unknown (else ordinary elimination is as good).

    Shapes: up to 6 unknowns at once; arithmetic of rational functions, cubic in their number.

    Reference: Bareiss (1968), doi 10.1090/S0025-5718-1968-0226829-0.

    Examples:
        >>> u, v, y = sp.symbols("u v y", real=True)
        >>> linear_block([u + y*v - 1, y*u - v, y**2 - u*v], [u, v, y], Known())
        {u: 1/(y**2 + 1), v: y/(y**2 + 1)}
    """
    read = [p for e in equations if (p := _read(e, unknowns)) is not None]
    if len(read) < len(equations):
        return None
    for several in _several(read, unknowns):
        linear = [(e, p) for e, p in zip(equations, read, strict=True) if _degree(p, several) == 1]
        fullest = sorted((-_held(p, several), i) for i, (_, p) in enumerate(linear))
        rows = [linear[i][0] for _, i in fullest]
        for chosen in islice(combinations(rows, len(several)), CHOICES):
            slopes = sp.Matrix([[sp.diff(e, u) for u in several] for e in chosen])
            if slopes.free_symbols.isdisjoint(set(unknowns) - set(several)):
                continue
            rest = sp.Matrix([e.subs(dict.fromkeys(several, 0)) for e in chosen])
            found = _solved(slopes, rest, known)
            if found is not None:
                return dict(zip(several, found, strict=True))
    return None


def _read(e: Any, unknowns: Sequence[Any]) -> set[tuple[Any, ...]] | None:
    """The monomials of a polynomial equation, each as the unknowns in it with repetitions."""
    polynomial = e.as_poly(*unknowns)
    if polynomial is None or not all(c.free_symbols.isdisjoint(unknowns) for c in polynomial.coeffs()):
        return None
    gens = polynomial.gens
    return {
        tuple(u for u, power in zip(gens, powers, strict=True) for _ in range(power)) for powers in polynomial.monoms()
    }


def _degree(monomials: set[tuple[Any, ...]], several: Sequence[Any]) -> int:
    return max(sum(u in several for u in monomial) for monomial in monomials)


def _held(monomials: set[tuple[Any, ...]], several: Sequence[Any]) -> int:
    return len({u for monomial in monomials for u in monomial} & set(several))


def _several(read: list[set[tuple[Any, ...]]], unknowns: Sequence[Any]) -> list[list[Any]]:
    """Sets of unknowns no two of which are multiplied, in all equations or in all but one."""
    tried: list[list[Any]] = []
    for left_out in (None, *range(len(read))):
        kept = [p for i, p in enumerate(read) if i != left_out]
        candidates = [u for u in unknowns if max((_degree(p, [u]) for p in kept), default=0) == 1]
        while candidates:
            clashes = {u: sum(_degree(p, [u, v]) > 1 for v in candidates if v != u for p in kept) for u in candidates}
            worst = max(candidates, key=lambda u: clashes[u])
            if not clashes[worst]:
                break
            candidates.remove(worst)
        if 2 <= len(candidates) <= LARGEST and candidates not in tried:
            tried.append(candidates)
    return tried


def _solved(slopes: Any, rest: Any, known: Known) -> list[Any] | None:
    try:
        whole = DomainMatrix.from_Matrix(sp.Matrix.hstack(slopes, rest)).to_field()
    except (PolynomialError, NotImplementedError, ValueError):
        return None
    if whole.domain.is_EX or not whole.domain.is_Exact:
        return None
    n = slopes.rows
    form, pivots = whole.rref()
    if pivots != tuple(range(n)):
        return None
    determinant = whole.domain.to_sympy(whole.extract(list(range(n)), list(range(n))).det())
    if not known.nonzero(determinant):
        return None
    return [-whole.domain.to_sympy(form[i, n].element) for i in range(n)]


def lower_combination(products: Sequence[Any], unknowns: Sequence[Any]) -> tuple[int, Any] | None:
    """(j, p): equation j can be replaced by p, its combination with another of one degree, which has a lower one.

    Math: q - p lc(q)/lc(p) where both have one leading monomial (grevlex) and the ratio needs no division by symbols.

    Reference: Cox, Little, O'Shea (2015), Ideals, Varieties, and Algorithms, section 2.6.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> lower_combination([x*y + x, 2*x*y + y], [x, y])
        (1, -2*x + y)
    """
    for i, j in permutations(range(len(products)), 2):
        if not all(products[k].is_polynomial(*unknowns) for k in (i, j)):
            continue
        p, q = (sp.Poly(products[k], *unknowns) for k in (i, j))
        if p.total_degree() != q.total_degree():
            continue
        ratio = sp.cancel(q.LC(order="grevlex") / p.LC(order="grevlex"))
        if sp.denom(ratio).free_symbols or p.LM(order="grevlex") != q.LM(order="grevlex"):
            continue
        lower = (q - p * ratio).as_expr()
        if sp.Poly(lower, *unknowns).total_degree() < q.total_degree():
            return j, lower
    return None
