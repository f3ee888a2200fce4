"""What the nonlinear terms decide at a simple eigenvalue on the boundary: coefficients of normal forms.

Main definitions: `fold`, `flip`, `neimark_sacker`, `hopf`: each gives the coefficient whose sign decides.

Math: with B and C the second and third derivatives at the point, q and p the eigenvectors of A and A^T, <p, q> = 1,
    zero or one:  a2 = <p, B(q,q)>/2; where it vanishes a3 = <p, C(q,q,q) + 3 B(q, h)>/6, N h = -B(q,q), N = A or A - I;
    minus one:    c = <p, C(q,q,q) + 3 B(q, (I - A)^{-1} B(q,q))>/6, stable iff c > 0;
    +-i w:        l = Re <p, C(q,q,q*) - 2 B(q, A^{-1} B(q,q*)) + B(q*, (2iw - A)^{-1} B(q,q))>, stable iff l < 0;
    e^{+-ia}:     d = Re e^{-ia} <p, C(q,q,q*) + 2 B(q, (I - A)^{-1} B(q,q*)) + B(q*, (e^{2ia} - A)^{-1} B(q,q))>,
                  stable iff d < 0, provided e^{ika} is not 1 for k = 1, 2, 3, 4.
Reference: Kuznetsov (2004), Elements of Applied Bifurcation Theory, sections 3.5, 4.7, 5.4 (third edition).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.analysis.jets import Jets
from bilevel.analysis.state_map import StateMap


class Germ:
    """Second and third derivatives of a system at its fixed point, as multilinear forms."""

    def __init__(self, system: StateMap) -> None:
        self.system, self.matrix, self.n = system, sp.Matrix(system.matrix), len(system.variables)
        self._second: dict[Any, Any] = {}
        self._third: dict[Any, Any] = {}
        self._slopes: dict[Any, Any] = {}
        self.jets: Jets | None = Jets(system.variables, system.point, 3)

    def second(self, u: Any, v: Any) -> Any:
        """B(u, v)."""
        return self._form(self._second, (u, v))

    def third(self, u: Any, v: Any, w: Any) -> Any:
        """C(u, v, w)."""
        return self._form(self._third, (u, v, w))

    def _derivative(self, f: Any, i: int, index: tuple[int, ...]) -> Any:
        """A partial derivative at the point: by jets, or symbolically for functions that have none."""
        if self.jets is not None:
            try:
                return self.jets.derivative(f, index)
            except NotImplementedError:
                self.jets = None
        return self.system.at_point(self._slope(f, i, index))

    def _slope(self, f: Any, i: int, index: tuple[int, ...]) -> Any:
        # Each derivative is made from one of lower order, which others share.
        if not index:
            return f
        if (i, index) not in self._slopes:
            self._slopes[i, index] = sp.diff(self._slope(f, i, index[:-1]), self.system.variables[index[-1]])
        return self._slopes[i, index]

    def _form(self, cache: dict[Any, Any], vectors: Any) -> Any:
        from itertools import product

        totals = []
        for i, f in enumerate(self.system.after):
            total = sp.S.Zero
            for index in product(range(self.n), repeat=len(vectors)):
                weight = sp.Mul(*(vectors[k][j] for k, j in enumerate(index)))
                if weight != 0:
                    key = (i, tuple(sorted(index)))
                    if key not in cache:
                        cache[key] = self._derivative(f, i, key[1])
                    total += cache[key] * weight
            totals.append(total)
        return sp.Matrix(totals)


def _kernel(matrix: Any) -> Any | None:
    """The one null vector, or None where the kernel is not a line (as far as can be seen)."""
    vectors = matrix.applyfunc(sp.cancel).nullspace(iszerofunc=vanishes)
    return vectors[0].applyfunc(sp.cancel) if len(vectors) == 1 else None


def vanishes(entry: Any) -> bool:
    """Whether an expression with roots and imaginary units is zero."""
    return bool(entry == 0 or sp.expand(entry) == 0 or sp.radsimp(sp.cancel(sp.together(sp.expand(entry)))) == 0)


def _vectors(matrix: Any, eigenvalue: Any) -> tuple[Any, Any] | None:
    """q with A q = value q and r with r^T A = value r^T, r^T q = 1 (so r is the conjugate of Kuznetsov's p)."""
    shifted = matrix - eigenvalue * sp.eye(matrix.rows)
    q, r = _kernel(shifted), _kernel(shifted.T)
    if q is None or r is None:
        return None
    product = sp.cancel((r.T * q)[0])
    return None if vanishes(product) else (q, (r / product).applyfunc(sp.cancel))


def _solve(matrix: Any, right: Any) -> Any:
    return matrix.LUsolve(right, iszerofunc=vanishes).applyfunc(sp.cancel)


def fold(system: StateMap) -> tuple[Any, Any] | None:
    """(a2, a3) at a simple eigenvalue 0 (flow) or 1 (map); a3 is meant where a2 vanishes."""
    germ = Germ(system)
    singular = germ.matrix - (sp.eye(germ.n) if system.time == "discrete" else sp.zeros(germ.n))
    pair = _vectors(singular, sp.S.Zero)
    if pair is None:
        return None
    q, r = pair
    square = germ.second(q, q)
    a2 = sp.cancel((r.T * square)[0] / 2)
    if not vanishes(a2):
        return a2, None
    # On the complement of q: N h = -B(q,q) with r^T h = 0, one bordered system.
    bordered = singular.row_join(q).col_join(sp.Matrix([[*r.T, 0]]))
    h = _solve(bordered, (-square).col_join(sp.Matrix([0])))[: germ.n]
    return a2, sp.cancel((r.T * (germ.third(q, q, q) + 3 * germ.second(q, sp.Matrix(h))))[0] / 6)


def flip(system: StateMap) -> Any | None:
    """c at a simple eigenvalue -1 of a map: attracting where c > 0."""
    germ = Germ(system)
    pair = _vectors(germ.matrix, sp.S.NegativeOne)
    if pair is None:
        return None
    q, r = pair
    inner = _solve(sp.eye(germ.n) - germ.matrix, germ.second(q, q))
    return sp.cancel((r.T * (germ.third(q, q, q) + 3 * germ.second(q, inner)))[0] / 6)


def hopf(system: StateMap, frequency: Any) -> Any | None:
    """A positive multiple of the first Lyapunov coefficient at eigenvalues +-i frequency: attracting where negative."""
    germ = Germ(system)
    pair = _vectors(germ.matrix, sp.I * frequency)
    if pair is None:
        return None
    q, r = pair
    other = q.conjugate()
    mean = _solve(germ.matrix, germ.second(q, other))
    double = _solve(2 * sp.I * frequency * sp.eye(germ.n) - germ.matrix, germ.second(q, q))
    total = germ.third(q, q, other) - 2 * germ.second(q, mean) + germ.second(other, double)
    return real_part((r.T * total)[0])


def neimark_sacker(system: StateMap, cosine: Any, sine: Any) -> Any | None:
    """A positive multiple of the coefficient at eigenvalues cosine +- i sine: attracting where negative."""
    germ = Germ(system)
    value = cosine + sp.I * sine
    pair = _vectors(germ.matrix, value)
    if pair is None:
        return None
    q, r = pair
    other, one = q.conjugate(), sp.eye(germ.n)
    mean = _solve(one - germ.matrix, germ.second(q, other))
    double = _solve(sp.expand(value**2) * one - germ.matrix, germ.second(q, q))
    total = germ.third(q, q, other) + 2 * germ.second(q, mean) + germ.second(other, double)
    return real_part((cosine - sp.I * sine) * (r.T * total)[0])


def real_part(value: Any) -> Any:
    """The real part of a rational expression in real symbols, real roots and the imaginary unit."""
    top, bottom = sp.fraction(sp.together(sp.expand(value)))
    product = sp.expand(sp.expand(top) * sp.conjugate(sp.expand(bottom)))
    size = sp.expand(sp.expand(bottom) * sp.conjugate(sp.expand(bottom)))
    real = sp.Add(*(t for t in sp.Add.make_args(product) if not t.has(sp.I)))
    return sp.cancel(real / size) if not real.has(sp.Pow) else sp.radsimp(sp.together(real / size))
