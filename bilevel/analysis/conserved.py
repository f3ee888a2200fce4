"""Conserved quantities of flows and maps, found by linear algebra and proved as identities.

Main definitions: `conserved`, `strict_minimum`.

Math: in a declared family V = sum c_k m_k the identity grad V . f = 0 (flow) or V(T(z)) = V(z) (map) is linear in the
c_k: every monomial in the variables, and in the functions of them that occur, gives one equation. The family is all
polynomials up to a degree; for flows of two variables with separable right-hand sides also sums of antiderivatives.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import combinations_with_replacement
from typing import Any

import sympy as sp

from bilevel.analysis.conserved_conditions import MAX_ROWS, rational_conditions
from bilevel.analysis.known import Known
from bilevel.analysis.state_map import StateMap
from bilevel.language.fractions import cancelled
from bilevel.language.signs import signed_factors

MAX_FAMILY, MAX_ORDER = 70, 8


def conserved(system: StateMap, known: Known, degree: int = 4, least: int = 1) -> tuple[Any, ...]:
    """Quantities that stay constant, lowest degree first; each is an identity proved before it is returned."""
    while degree > 2 and _family_size(len(system.variables), degree) > MAX_FAMILY:
        degree -= 1
    found: list[Any] = []
    for top in range(least, degree + 1):
        found += [v for v in _polynomial(system, top) if is_conserved(v, system, known)]
        if found:
            break
    if not found and system.time == "continuous" and len(system.variables) == 2:
        real = (_real_near(v, system, known) for v in _separable(system))
        found = [v for v in real if v is not None and is_conserved(v, system, known)]
    return tuple(found)


def change(quantity: Any, system: StateMap) -> Any:
    """grad V . f (flow) or V(T(z)) - V(z) (map)."""
    if system.time == "continuous":
        return sp.Add(*(sp.diff(quantity, v) * f for v, f in zip(system.variables, system.after, strict=True)))
    return quantity.subs(dict(zip(system.variables, system.after, strict=True)), simultaneous=True) - quantity


def is_conserved(quantity: Any, system: StateMap, known: Known) -> bool:
    """Whether the quantity is proved constant along every trajectory."""
    difference = change(quantity, system)
    return sp.expand(difference) == 0 or signed_factors(difference)[0] == 0 or known.zero(difference)


def _family_size(n: int, degree: int) -> int:
    return int(sp.binomial(n + degree, degree)) - 1


def _polynomial(system: StateMap, degree: int) -> list[Any]:
    monomials = [
        sp.Mul(*choice) for d in range(1, degree + 1) for choice in combinations_with_replacement(system.variables, d)
    ]
    atoms = [a for a in unknown_functions(system.after, system.variables) if not a.is_Symbol]
    marks = {a: sp.Dummy(f"k{k}") for k, a in enumerate(atoms)}
    marked = replace(system, after=tuple(e.xreplace(marks) for e in system.after))
    if marks and system.time == "discrete" and degree > 2:
        return []  # such a quantity would be an accident, and the algebra is long
    rational = rational_conditions(marked, monomials, tuple(marks.values()))
    if rational is not None and rational.refuted():
        return []
    matrix = _conditions(marked, monomials, marks) if rational is None else rational.matrix()
    if matrix is None:
        return []
    return [sp.factor_terms(sp.Add(*(c * m for c, m in zip(v, monomials, strict=True)))) for v in _nullspace(matrix)]


def _conditions(system: StateMap, monomials: list[Any], marks: dict[Any, Any]) -> Any:
    """The linear conditions on the coefficients of a conserved quantity, a row for each monomial that must vanish."""
    moves = [sp.fraction(sp.cancel(sp.together(change(m, system)))) for m in monomials]
    bottom = sp.lcm_list([b for _, b in moves]) if any(b != 1 for _, b in moves) else sp.S.One
    tops = [sp.expand(sp.cancel(top * bottom / b)) for top, b in moves]
    try:
        terms = [dict(sp.Poly(t, *system.variables, *marks.values()).terms()) for t in tops]
    except sp.PolynomialError:
        return None
    rows = sorted({m for t in terms for m in t})
    if len(rows) > MAX_ROWS:
        return None
    return sp.Matrix([[t.get(m, sp.S.Zero) for t in terms] for m in rows])


def _nullspace(matrix: Any) -> list[Any]:
    """A basis of the kernel: polynomials without common factors, cleared in the domain that SymPy chose."""
    from sympy.polys.matrices import DomainMatrix

    kernel = DomainMatrix.from_Matrix(matrix).to_field().nullspace()
    if not kernel.domain.has_assoc_Ring:
        return [list(vector) for vector in kernel.to_Matrix().applyfunc(cancelled).tolist()]
    cleared = kernel.clear_denoms_rowwise(convert=True)[1]
    K = cleared.domain
    vectors = []
    for row in cleared.to_list():
        common = reduce(K.gcd, row)
        vectors.append([K.to_sympy(K.exquo(c, common)) for c in row])
    return vectors


def unknown_functions(expressions: Any, variables: Any) -> list[Any]:
    """Largest subexpressions in the variables that are no polynomials of them."""
    found: set[Any] = set()

    def visit(node: Any) -> None:
        if not node.free_symbols & set(variables) or node.is_Symbol:
            return
        if node.is_Add or node.is_Mul or (node.is_Pow and node.exp.is_Integer):
            for a in node.args if not node.is_Pow else (node.base,):
                visit(a)
        else:
            found.add(node)

    for e in expressions:
        visit(e)
    return sorted(found, key=sp.default_sort_key)


def _separable(system: StateMap) -> list[Any]:
    """x' = a(x) b(y) r, y' = c(x) d(y) r gives V = int c/a dx - int b/d dy."""
    (x, y), (p, q) = system.variables, system.after
    if p == 0 or q == 0:
        return []
    constant, factors = signed_factors(q / p)
    if constant == 0 or any({x, y} <= f.free_symbols for f, _ in factors):
        return []
    in_y = sp.Mul(*(f**k for f, k in factors if y in f.free_symbols))
    in_x = constant * sp.Mul(*(f**k for f, k in factors if y not in f.free_symbols))
    parts = [sp.integrate(in_x, x), sp.integrate(1 / in_y, y)]
    return [] if any(part.has(sp.Integral, sp.Piecewise) for part in parts) else [parts[0] - parts[1]]


def _real_near(quantity: Any, system: StateMap, known: Known) -> Any:
    """The quantity with every logarithm taken of something positive near the point; None where that is not known."""
    changes = {}
    for node in quantity.atoms(sp.log):
        sign = known.sign(node.args[0].subs(dict(system.point)))
        if sign not in ("+", "-"):
            return None
        if sign == "-":
            changes[node] = sp.log(-node.args[0])
    return quantity.xreplace(changes)


def strict_minimum(quantity: Any, system: StateMap, known: Known) -> int | None:
    """1 or -1 when the quantity or its negative is proved to have a strict local minimum at the point, else None.

    By a definite Hessian, or for a sum of functions of one variable each by the first derivative that does not vanish.
    """
    from bilevel.analysis.definiteness import definiteness

    if not all(known.zero(system.derivative(quantity, v)) for v in system.variables):
        return None
    hessian = sp.Matrix([[system.derivative(quantity, u, v) for u in system.variables] for v in system.variables])
    for sign in (1, -1):
        if definiteness(sign * hessian, known) == "positive":
            return sign
    if any(sp.expand(sp.diff(quantity, u, v)) != 0 for u in system.variables for v in system.variables if u != v):
        return None
    signs = {_first_sign(quantity, v, system, known) for v in system.variables}
    return 1 if signs == {"+"} else -1 if signs == {"-"} else None


def _first_sign(quantity: Any, v: Any, system: StateMap, known: Known) -> str | None:
    for order in range(2, MAX_ORDER + 1):
        sign = known.sign(system.derivative(quantity, *[v] * order))
        if sign in ("+", "-"):
            return sign if order % 2 == 0 else None
        if sign != "0":
            return None
    return None
