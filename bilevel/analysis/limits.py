"""Conditions at the ends of a parameter: for every small enough step, for every large enough ratio of time scales.

Main definitions: `for_small`, `for_large`.

Near an end a polynomial has the sign of its first coefficient that does not vanish: the lowest for x -> 0 from
above, the highest for x -> infinity. Statements about signs hold "from some point on" one by one, so `and` and `or`
commute with the limit.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.reduction import Assumptions
from bilevel.analysis.regions import Sign, compare, conj, disj, transform
from bilevel.analysis.writing import to_boolean, to_formula
from bilevel.language.errors import GameError, UnknownAnswer


def for_small(condition: Any, parameter: Any, assuming: Any = ()) -> Any:
    """Where a condition holds for every small enough positive value of one parameter: a condition on the others.

    Math: there is a t > 0 such that the condition holds for all 0 < x < t; the threshold itself is what
        `Verdict.solve` gives.

    Raises: GameError if the parameter is no symbol; UnknownAnswer where it stands under a root or in a function.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461, corollary 5 (small enough steps).

    Examples:
        >>> h, gamma = sp.symbols("h gamma", real=True)
        >>> for_small(h**2/4 - gamma*h < 0, h)
        gamma > 0
    """
    return _at_end(condition, parameter, assuming, reverse=False)


def for_large(condition: Any, parameter: Any, assuming: Any = ()) -> Any:
    """Where a condition holds for every large enough value of one parameter: a condition on the others.

    Math: there is a t such that the condition holds for all x > t.

    Raises: GameError if the parameter is no symbol; UnknownAnswer where it stands under a root or in a function.

    Reference: Jin, Netrapalli, Jordan (2020), arXiv:1902.00618 (large enough ratios of time scales).

    Examples:
        >>> tau, c = sp.symbols("tau c", positive=True)
        >>> for_large(c*tau > 3, tau), for_small(c*tau > 3, tau)
        (True, False)
    """
    return _at_end(condition, parameter, assuming, reverse=True)


def _at_end(condition: Any, parameter: Any, assuming: Any, *, reverse: bool) -> Any:
    if not isinstance(parameter, sp.Symbol):
        raise GameError(f"an end is taken of one symbol; got {parameter!r}")
    if condition in (sp.true, sp.false) or parameter not in condition.free_symbols:
        return condition
    facts = [f for f in assuming if f not in (True, sp.true)]
    relationals = [r for b in (condition, *facts) for r in b.atoms(sp.core.relational.Relational)]
    coordinates = Coordinates([side for r in relationals for side in r.args], sp.Dummy("z"))
    formula = to_formula(condition, coordinates)
    hidden = [m for m in coordinates.meaning if m != parameter and parameter in m.free_symbols]
    if formula is None or hidden:
        raise UnknownAnswer(
            f"{parameter} stands under a root or in a function, so its end is not read off a polynomial",
            reached=str(condition),
            next_step="fix the other parameters and solve for it",
        )
    index = coordinates.meaning.index(parameter)
    assumptions = Assumptions(coordinates, [f for f in facts if parameter not in f.free_symbols])
    ended = transform(formula, lambda atom: _ended(atom, index, coordinates, reverse))
    tidied = transform(ended, assumptions.tidy)
    return to_boolean(assumptions.drop_implied(tidied), coordinates)


def _ended(atom: Sign, index: int, coordinates: Coordinates, reverse: bool) -> Any:
    coefficients: dict[int, Any] = {}
    for exponents, value in atom.polynomial.to_dict().items():
        rest = tuple(0 if i == index else e for i, e in enumerate(exponents))
        term = coordinates.context.from_dict({rest: value})
        power = int(exponents[index])
        coefficients[power] = coefficients.get(power, coordinates.zero) + term
    found: Any = atom.relation in (">=", "==")  # what is left when every coefficient vanishes
    for power in sorted(coefficients, reverse=not reverse):
        first = coefficients[power]
        if atom.relation == "==":
            found = conj([compare(first, "=="), found])
        elif atom.relation == "!=":
            found = disj([compare(first, "!="), found])
        else:
            found = disj([compare(first, ">"), conj([compare(first, "=="), found])])
    return found
