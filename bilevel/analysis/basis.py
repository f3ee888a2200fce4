"""Real zeros of polynomial systems with rational coefficients, from a Groebner basis.

Main definition: `rational_points`.

Math: for finitely many complex zeros the quotient ring has a finite basis; multiplication by each unknown is a matrix
on it whose eigenvalues are that unknown's values. A linear form u = sum c_i x_i separates the zeros when its matrix
has as many distinct eigenvalues as there are zeros (the rank of the trace form). Then every real eigenvalue of u
belongs to exactly one real zero, and the coordinates are matched by certified enclosures.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import sympy as sp
from flint import arb, fmpq, fmpq_mat

from bilevel.analysis.enclosure import enclose
from bilevel.analysis.univariate import rational_roots
from bilevel.language.errors import UnknownAnswer

MAX_BEZOUT, MAX_UNKNOWNS = 81, 6


def rational_points(
    polynomials: list[Any], unknowns: list[Any]
) -> tuple[list[dict[Any, Any]] | None, list[Any] | None]:
    """(points, None) for finitely many zeros; (None, basis) for a continuum; (None, None) past the budget."""
    degrees = [sp.Poly(p, *unknowns).total_degree() for p in polynomials]
    bezout = 1
    for degree in sorted(degrees)[-len(unknowns) :]:
        bezout *= max(degree, 1)
    if len(unknowns) > MAX_UNKNOWNS or bezout > MAX_BEZOUT:
        return None, None
    basis = sp.groebner(polynomials, *unknowns, order="grevlex")
    if basis.exprs == [1]:
        return [], None
    if not basis.is_zero_dimensional:
        return None, list(sp.groebner(polynomials, *unknowns, order="lex").exprs)
    matrices = _multiplications(basis, unknowns)
    return _real_points(matrices, unknowns), None


def _multiplications(basis: Any, unknowns: list[Any]) -> list[fmpq_mat]:
    """The matrix of multiplication by each unknown on the monomials that the basis does not reduce."""
    leading = [p.monoms(order="grevlex")[0] for p in basis.polys]
    monomials = _staircase(leading, len(unknowns))
    place = {m: k for k, m in enumerate(monomials)}
    matrices = []
    for i in range(len(unknowns)):
        columns = []
        for m in monomials:
            shifted = tuple(e + (k == i) for k, e in enumerate(m))
            column = [fmpq(0)] * len(monomials)
            if shifted in place:
                column[place[shifted]] = fmpq(1)
            else:
                _, remainder = basis.reduce(sp.Mul(*(u**e for u, e in zip(unknowns, shifted, strict=True))))
                for key, c in sp.Poly(remainder, *unknowns).terms():
                    if c != 0:
                        column[place[key]] = fmpq(int(c.p), int(c.q))
            columns.append(column)
        n = len(monomials)
        matrices.append(fmpq_mat(n, n, [columns[j][k] for k in range(n) for j in range(n)]))
    return matrices


def _staircase(leading: list[Any], count: int) -> list[Any]:
    """Monomials divisible by no leading monomial."""
    found, border = [], [(0,) * count]
    while border:
        m = border.pop()
        if m in found or any(all(a <= b for a, b in zip(lead, m, strict=True)) for lead in leading):
            continue
        found.append(m)
        border += [tuple(e + (k == i) for k, e in enumerate(m)) for i in range(count)]
    return found


def _real_points(matrices: list[fmpq_mat], unknowns: list[Any]) -> list[dict[Any, Any]]:
    # A weighted sum of the coordinates tells the zeros apart when it takes as many values as there are zeros; it tells
    # their coordinates apart when no two choices of them have one sum. Both hold for all but finitely many weights.
    n, total = matrices[0].nrows(), _zeros_count(matrices)
    own = [[root for _, roots in _eigenvalues(m, n) for root in roots] for m in matrices]
    for attempt in range(1, 60):
        weights = [attempt**k for k in range(len(matrices))]
        form = sum((matrices[k] * weights[k] for k in range(1, len(matrices))), matrices[0])
        values = _eigenvalues(form, n)
        if sum(d for d, _ in values) != total:
            continue
        found = [_matched(target, own, weights) for _, roots in values for target in roots]
        if None not in found:
            return [dict(zip(unknowns, point, strict=True)) for point in found if point is not None]
    raise UnknownAnswer(
        "the coordinates of the zeros could not be told apart", next_step="fix some variables or parameters"
    )


def _eigenvalues(matrix: fmpq_mat, n: int) -> list[tuple[int, list[Any]]]:
    """(degree, real roots) of every irreducible factor of the characteristic polynomial."""
    x = sp.Dummy("x")
    found = []
    for factor, _ in matrix.charpoly().factor()[1]:
        polynomial = sp.Poly([sp.Rational(int(c.p), int(c.q)) for c in reversed(factor.coeffs())], x)
        found.append((polynomial.degree(), rational_roots(polynomial)))
    return found


def _zeros_count(matrices: list[fmpq_mat]) -> int:
    """The number of distinct complex zeros: the rank of the trace form."""
    n = matrices[0].nrows()
    # Powers of a general element span the algebra modulo nilpotents; several elements make sure.
    products, identity = [], fmpq_mat(n, n, [fmpq(int(i == j)) for i in range(n) for j in range(n)])
    span: list[fmpq_mat] = [identity]
    rows = [list(identity.entries())]
    queue = [identity]
    while queue:
        current = queue.pop(0)
        for m in matrices:
            candidate = current * m
            trial = rows + [list(candidate.entries())]
            if fmpq_mat(trial).rank() == len(trial):
                rows, queue = trial, [*queue, candidate]
                span.append(candidate)
                if len(span) == n:
                    queue = []
                    break
    products = [[_trace(a * b) for b in span] for a in span]
    return int(fmpq_mat(products).rank())


def _trace(matrix: fmpq_mat) -> fmpq:
    return sum((matrix[i, i] for i in range(matrix.nrows())), fmpq(0))


def _matched(target: Any, own: list[list[Any]], weights: list[int]) -> tuple[Any, ...] | None:
    """The one choice of coordinates whose weighted sum is the target; None where two choices stay too close."""
    for precision in (64, 128, 256, 512):
        goal = _ball(target, precision)
        balls = [[_ball(root, precision) for root in roots] for roots in own]
        hits = [
            choice
            for choice in product(*(range(len(roots)) for roots in own))
            if sum((balls[k][c] * weights[k] for k, c in enumerate(choice)), arb(0)).overlaps(goal)
        ]
        if len(hits) == 1:
            return tuple(own[k][c] for k, c in enumerate(hits[0]))
    return None


def _ball(root: Any, precision: int) -> arb:
    found = enclose(root, precision=precision)
    if found is None:
        raise ArithmeticError(f"{root} has no enclosure")
    return found
