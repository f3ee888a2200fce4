"""The solutions of one polynomial condition in one variable, for every sign of the coefficients that matter.

Main definitions: `Case` (a guard without the variable, and intervals), `Branches`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, lcm
from typing import Any

import sympy as sp

from bilevel.analysis.polynomials import rational, to_sympy
from bilevel.analysis.reduction import Assumptions
from bilevel.analysis.regions import Sign, compare, conj
from bilevel.language.errors import UnknownAnswer


@dataclass(frozen=True)
class Case:
    """Under `guard` (a formula without the parameter) the solutions are these intervals: each a tuple of relationals
    in x."""

    guard: Any
    intervals: tuple[tuple[Any, ...], ...]


EVERYTHING: tuple[tuple[Any, ...], ...] = ((),)


class Branches:
    """Conditions of degree one or two in the parameter (or in a power of it, when it is positive), by cases."""

    def __init__(self, assumptions: Assumptions, parameter: Any) -> None:
        self.assumptions, self.coordinates, self.parameter = assumptions, assumptions.coordinates, parameter
        self.index = self.coordinates.meaning.index(parameter)

    def of(self, atom: Sign) -> list[Case]:
        """The cases of one irreducible condition."""
        c = self.coordinates.coefficients(atom.polynomial, self.index)
        power = 0
        for k, coefficient in enumerate(c):
            power = gcd(power, k) if coefficient != 0 else power
        if power == 0:
            return [Case(atom, EVERYTHING)]
        if power > 1 and self.assumptions.sign(self.coordinates.generators[self.index]) not in ("+", ">=0"):
            power = 1
        return self._in_power(c[::power], power, atom.relation)

    def _in_power(self, c: list[Any], power: int, relation: str) -> list[Case]:
        """sum c_k y^k against 0 with y = x^power, by the sign of the leading coefficient."""
        if len(c) == 1:
            return [Case(compare(c[0], relation), EVERYTHING)]
        if len(c) > 3:
            raise UnknownAnswer(
                f"degree {(len(c) - 1) * power} in {self.parameter}",
                next_step="fix the other parameters, or solve for another",
            )
        leading, cases = c[-1], []
        for sign, symbol in ((1, ">"), (-1, "<")):
            guard = self._guard(leading, symbol)
            if guard is not False:
                turned = relation if sign > 0 else {">": "<", ">=": "<="}.get(relation, relation)
                make = self._linear if len(c) == 2 else self._quadratic
                cases += [
                    Case(conj([guard, case.guard]), case.intervals)
                    for case in make([p * sign for p in c], power, turned)
                ]
        vanishing = self._guard(leading, "==")
        if vanishing is not False:
            cases += [Case(conj([vanishing, k.guard]), k.intervals) for k in self._in_power(c[:-1], power, relation)]
        return cases

    def _guard(self, p: Any, symbol: str) -> Any:
        atom = compare(p, symbol)
        return atom if isinstance(atom, bool) else self.assumptions.tidy(atom)

    def _linear(self, c: list[Any], power: int, relation: str) -> list[Case]:
        """c_0 + c_1 y with c_1 > 0: y against -c_0/c_1."""
        return self._bounded(self._quotient(-c[0], c[1]), -c[0], power, relation)

    def _bounded(self, end: Any, sign_of_end: Any, power: int, relation: str) -> list[Case]:
        """y (relation) end, with y = x^power; a negative end settles the matter when the power is above one."""
        if power == 1:
            return [Case(True, _against(self.parameter, end, relation))]
        root = sp.root(end, power) if power > 2 else sp.sqrt(end)
        everything = relation in (">", ">=", "!=")
        cases = [Case(self._guard(sign_of_end, "<"), EVERYTHING if everything else ())]
        return cases + [Case(self._guard(sign_of_end, ">="), _against(self.parameter, root, relation))]

    def _quadratic(self, c: list[Any], power: int, relation: str) -> list[Case]:
        """c_0 + c_1 y + c_2 y^2 with c_2 > 0, by the sign of the discriminant."""
        discriminant = self.coordinates.reduce(c[1] * c[1] - 4 * c[2] * c[0])
        outside = relation in (">", ">=", "!=")
        no_root, roots = self._guard(discriminant, "<"), self._guard(discriminant, ">=")
        cases = [Case(no_root, EVERYTHING if outside else ())] if no_root is not False else []
        if roots is False:
            return cases
        low, high = (self._surd(c, discriminant, sign) for sign in (-1, 1))
        if power > 1:
            return [*cases, *self._quadratic_in_power(c, (low, high), power, relation, roots)]
        x = self.parameter
        found: Any = {
            ">": ((x < low,), (x > high,)),
            ">=": ((x <= low,), (x >= high,)),
            "<": ((x > low, x < high),),
            "<=": ((x >= low, x <= high),),
            "==": ((sp.Eq(x, low),), (sp.Eq(x, high),)),
            "!=": ((sp.Ne(x, low), sp.Ne(x, high)),),
        }[relation]
        # SymPy may already know that a bound holds or fails, from the assumptions on x.
        found = tuple(tuple(r for r in i if r != sp.true) for i in found if sp.false not in i)
        return [*cases, Case(roots, found)]

    def _quadratic_in_power(self, c: list[Any], ends: Any, power: int, relation: str, guard: Any) -> list[Case]:
        """The same for y = x^power with x > 0, by the signs of the two roots (product c_0/c_2, sum -c_1/c_2)."""
        if self.assumptions.sign(self.coordinates.generators[self.index]) != "+" or relation in ("==", "!="):
            raise UnknownAnswer(
                f"degree {2 * power} in {self.parameter}", next_step="fix the other parameters, or solve for another"
            )
        x, (low, high) = self.parameter, (sp.root(end, power) for end in ends)
        outside, strict = relation in (">", ">="), relation in (">", "<")
        above, below = (sp.Gt, sp.Lt) if strict else (sp.Ge, sp.Le)
        cases = [Case(conj([guard, self._guard(c[0], ">="), self._guard(c[1], ">=")]), EVERYTHING if outside else ())]
        both_high = conj([guard, self._guard(c[0], ">="), self._guard(c[1], "<")])
        if both_high is not False:
            found: Any = ((below(x, low),), (above(x, high),)) if outside else ((above(x, low), below(x, high)),)
            cases.append(Case(both_high, found))
        astride = conj([guard, self._guard(c[0], "<")])
        if astride is not False:
            cases.append(Case(astride, ((above(x, high),),) if outside else ((below(x, high),),)))
        return cases

    def _quotient(self, top: Any, bottom: Any) -> Any:
        common = top.gcd(bottom) if top != 0 else bottom
        top, bottom = top / common, bottom / common
        return self.coordinates.expression(top) / self.coordinates.expression(bottom)

    def _surd(self, c: list[Any], discriminant: Any, sign: int) -> Any:
        """(-c_1 + sign sqrt(discriminant)) / (2 c_2) with squares of known sign taken out of the root."""
        unit, factors = discriminant.factor() if discriminant != 0 else (rational(0), [])
        outer, inner = self.coordinates.one, self.coordinates.one
        for factor, multiplicity in factors:
            known = self.assumptions.sign(factor)
            half = multiplicity // 2 if known in ("+", "-", ">=0", "<=0") else 0
            turned = -factor if known in ("-", "<=0") else factor
            outer, inner = outer * turned**half, inner * factor ** (multiplicity - 2 * half)
        content = to_sympy(unit)
        written, two = self.coordinates.expression, 2 * c[2]
        root, body = sp.sqrt(abs(content)), inner if content >= 0 else -inner
        if two.is_constant():
            scale = two.leading_coefficient()
            return written(-c[1] / scale) + sign * root * written(outer / scale) * sp.sqrt(written(body))
        if root.is_Rational:
            outer, root = outer * rational(root), sp.Integer(1)
        common = c[1].gcd(outer).gcd(c[2]) * _content(c[1], outer, two)
        top = written(-c[1] / common) + sign * root * written(outer / common) * sp.sqrt(written(body))
        return top / written(two / common)


def _content(*polynomials: Any) -> Any:
    """The greatest common rational factor of all coefficients."""
    values = [c for p in polynomials for c in p.coeffs()]
    top = gcd(*(int(c.p) for c in values))
    bottom = lcm(*(int(c.q) for c in values))
    return rational(sp.Rational(top, bottom))


def _against(x: Any, end: Any, relation: str) -> tuple[tuple[Any, ...], ...]:
    make = {">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne, "<": sp.Lt, "<=": sp.Le}[relation]
    result = make(x, end)
    if result == sp.true:
        return EVERYTHING
    return () if result == sp.false else ((result,),)
