"""The values that an equation leaves to a function at each point.

Main definitions: `tied_values`, `refuse_nonpointwise`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import GameError, UnknownAnswer


def tied_values(equation: Any, variable: Any, interval: Any) -> list[tuple[Any, Any]]:
    """(value, condition that it lies in the interval) for every real solution of an equation of degree one or two."""
    u = sp.Dummy(str(variable), real=True)
    top = sp.numer(sp.together((equation.lhs - equation.rhs).xreplace({variable: u})))
    polynomial = top.as_poly(u)
    if polynomial is None or polynomial.degree() not in (1, 2):
        raise UnknownAnswer(
            f"the constraint {equation} is not solved for {variable}",
            reached="equations of degree one and two in it are",
            next_step=f"solve it by hand and write Eq({variable}, ...)",
        )
    leading = polynomial.LC()
    if leading.is_zero is not False:
        raise UnknownAnswer(
            f"where {leading} vanishes the constraint {equation} says nothing of {variable}",
            next_step=f"declare the symbols in {leading} positive or nonzero",
        )
    if polynomial.degree() == 1:
        roots = [(-polynomial.nth(0) / leading, sp.true)]
    else:
        a, b, c = polynomial.all_coeffs()
        discriminant = sp.expand(b**2 - 4 * a * c)
        real = discriminant >= 0
        roots = [(sp.cancel((-b + sign * sp.sqrt(discriminant)) / (2 * a)), real) for sign in (-1, 1)]
        roots = roots[:1] if discriminant == 0 else roots
    found = [(sp.factor(value), sp.And(real, _inside(value, interval))) for value, real in roots]
    found = [(value, where) for value, where in found if where != sp.false]
    if not found:
        raise GameError(f"no value of {variable} in {interval} meets the constraint {equation}; change one of them")
    return found


def _inside(value: Any, interval: Any) -> Any:
    lower = (
        sp.true
        if interval.start == -sp.oo
        else (value > interval.start if interval.left_open else value >= interval.start)
    )
    upper = (
        sp.true if interval.end == sp.oo else (value < interval.end if interval.right_open else value <= interval.end)
    )
    return sp.And(lower, upper)


def refuse_nonpointwise(constraint: Any, variable: Any) -> None:
    """Say why a constraint that is no equation at each point is not solved here."""
    if constraint is None:
        return
    if isinstance(constraint, sp.core.relational.Relational):
        raise UnknownAnswer(
            f"the constraint {constraint} on {variable} is not an equation for {variable} at each point",
            next_step=f"an equation such as Eq({variable}, 1/2) is solved; bounds on {variable} are its range",
        )
    named = constraint if isinstance(constraint, str) else type(constraint).__name__
    raise UnknownAnswer(
        (
            f"the constraint {named!r} on {variable} ties different points together, so the best function is not "
            "found point by point"
        ),
        reached="the unconstrained problem separates over points; the constrained one does not",
        next_step=(
            "a total-mass constraint has its own function `best_density`; a Lipschitz critic needs a "
            "parametric class (coordinate level)"
        ),
    )
