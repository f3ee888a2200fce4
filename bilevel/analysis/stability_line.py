"""One-parameter stability diagrams: the exact critical values, and the verdict at each of them and between them.

Main definitions: `LineDiagram`, `line_diagram`, `Boundary` and `boundaries_of` (the irreducible polynomials that vanish
where an eigenvalue lies on the boundary of stability).

Math: as a parameter moves, the number of eigenvalues beyond the boundary changes only where one reaches it: p(1) = 0
(p(0) = 0 for a flow), p(-1) = 0, or the Hurwitz determinant of a pair = 0, or where the Jacobian is singular. Between
the real roots of these polynomials one rational point decides. At a root there is an eigenvalue on the boundary, or
a mirror pair off it; and no eigenvalue is beyond the boundary if that is so on one side (the closed set is closed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp
from flint import fmpq_mat

from bilevel.analysis.analyse import KINDS, analyse
from bilevel.analysis.arithmetic import check_time
from bilevel.analysis.cells import Line
from bilevel.analysis.characteristic import characteristic_factors
from bilevel.analysis.known import number_sign
from bilevel.analysis.polynomials import Coordinates, rational, to_sympy
from bilevel.analysis.reduction import Assumptions
from bilevel.analysis.regions import All, evaluate, signs
from bilevel.analysis.schur import flow_test, map_test
from bilevel.analysis.spectrum import spectrum
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.values import expression


@dataclass(frozen=True)
class Boundary:
    """An irreducible polynomial in the parameters, and the bifurcations met where it vanishes on the boundary."""

    polynomial: Any
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class LineDiagram:
    """Critical values of one parameter in order, what happens at each, and the verdicts between them.

    Math: `values` are exact (rational, radicals or indexed algebraic numbers), ascending; `between` holds the verdict
        on each of the len(values) + 1 open intervals of the domain; `verdicts` and `kinds` those at the values. A value
        is listed where the verdict changes or differs from both sides.

    Shapes: one parameter; `domain` is (low, low included?, high, high included?), None for no end.

    Reference: Kuznetsov (2004), Elements of Applied Bifurcation Theory, chapters 3 and 4.

    Examples:
        >>> h = sp.Symbol("h", positive=True)
        >>> found = line_diagram(analyse(sp.Matrix([[1 - h]]), time="discrete"), h)
        >>> found.values, found.kinds, found.between
        ((2,), (('flip (eigenvalue -1)',),), ('stable', 'unstable'))
        >>> found.at(sp.sqrt(3)), found.at(2), found.at(3)
        ('stable', 'marginal', 'unstable')
    """

    parameter: Any
    values: tuple[Any, ...]
    verdicts: tuple[str, ...]
    kinds: tuple[tuple[str, ...], ...]
    between: tuple[str, ...]
    domain: tuple[Any, bool, Any, bool]

    def at(self, value: Any) -> str:
        """The verdict at an exact value of the parameter: stable, unstable, marginal or undefined.

        Raises: GameError for a float, or outside the domain.
        """
        number = expression(value)
        if number.has(sp.Float) or number.free_symbols:
            raise GameError(f"an exact number is looked up, such as 1/3 or sqrt(2); got {value!r}")
        low, low_in, high, high_in = self.domain
        for end, inside, side in ((low, low_in, "+"), (high, high_in, "-")):
            sign = None if end is None else number_sign(number - end)
            if end is not None and sign != side and not (sign == "0" and inside):
                raise GameError(f"{value} lies outside the domain of {self.parameter}")
        for k, critical in enumerate(self.values):
            sign = number_sign(number - critical)
            if sign == "0":
                return self.verdicts[k]
            if sign == "-":
                return self.between[k]
            if sign is None:
                raise UnknownAnswer(f"{value} was not told from the critical value {critical}")
        return self.between[-1]

    def __str__(self) -> str:
        lines = [f"{self.between[0]}"]
        for value, verdict, kinds, after in zip(self.values, self.verdicts, self.kinds, self.between[1:], strict=True):
            lines += [f"{self.parameter} = {value}: {', '.join(kinds) or verdict}", after]
        return "\n".join(lines)


def boundaries_of(matrix: Any, time: str, facts: Any = ()) -> tuple[list[Boundary], Assumptions, list[Any]]:
    """The boundary polynomials of a Jacobian, the assumptions they are read under, and its denominators."""
    z = sp.Dummy("z")
    facts = tuple(f for f in facts if f not in (True, sp.true))
    sides = [side for fact in facts for atom in fact.atoms(sp.core.relational.Relational) for side in atom.args]
    coordinates = Coordinates([*matrix, *sides], z)
    if coordinates.has_floats:
        raise UnknownAnswer("a diagram is exact, floating-point coefficients are not", next_step="give fractions")
    if not all(m.is_Symbol for m in coordinates.parameters):
        odd = next(m for m in coordinates.parameters if not m.is_Symbol)
        raise UnknownAnswer(f"the diagram needs rational functions of the parameters, but {odd} occurs")
    factors, denominators = characteristic_factors(matrix, coordinates)
    assumptions = Assumptions(coordinates, facts)
    test = map_test if time == "discrete" else flow_test
    found: list[tuple[Any, list[str]]] = []
    for factor in factors:
        for quantity, label in test(list(factor.coefficients), coordinates).strict:
            if label and isinstance(quantity, sp.Basic):
                raise UnknownAnswer(
                    "the boundary is too large to write as polynomials", next_step="fix some parameters"
                )
            for piece, _ in quantity.factor()[1] if label and quantity != 0 else ():
                if assumptions.sign(piece) not in ("+", "-"):
                    _record(found, piece, KINDS[time][label])
    return [Boundary(p, tuple(kinds)) for p, kinds in found], assumptions, denominators


def _record(found: list[tuple[Any, list[str]]], piece: Any, kind: str) -> None:
    for p, kinds in found:
        if piece in (p, -p):
            if kind not in kinds:
                kinds.append(kind)
            return
    found.append((piece, [kind]))


def line_diagram(verdict: Any, over: Any) -> LineDiagram:
    """Every critical value of one parameter, exact, with the verdict at and between them.

    Math: see `LineDiagram`.

    Shapes: the Jacobian holds no symbol but `over`.

    Raises: GameError where other parameters are free; UnknownAnswer where the Jacobian is no rational function.

    Reference: see `LineDiagram`.

    Examples:
        >>> h = sp.Symbol("h", positive=True)
        >>> eg = sp.Matrix([[1 - h**2, -h], [h, 1 - h**2]])  # extragradient on a bilinear game
        >>> print(line_diagram(analyse(eg, time="discrete"), h))
        stable
        h = 1: Neimark-Sacker (a pair on the circle)
        unstable
    """
    matrix, time = sp.ImmutableMatrix(verdict.jacobian), verdict.time
    check_time(time)
    others = matrix.free_symbols - {over}
    if others or over not in matrix.free_symbols:
        why = f"{', '.join(sorted(map(str, others)))} free" if others else f"no {over} in the Jacobian"
        raise GameError(f"a diagram over {over} needs it alone in the Jacobian, there is {why}; fix the others")
    boundaries, assumptions, denominators = boundaries_of(matrix, time, verdict.assuming)
    coordinates = assumptions.coordinates
    index = coordinates.meaning.index(over)
    facts = All(tuple(assumptions.facts))
    polynomials = [b.polynomial for b in boundaries] + denominators + [s.polynomial for s in signs(facts)]
    line = assumptions.line([p for p in polynomials if p.degrees()[index]], index)
    cells = [_cell(line, k, matrix, time, over, denominators, facts) for k in line.cells]
    decided = _at_roots(cells, line, boundaries, verdict)
    return _assembled(decided, line, boundaries, matrix, time, over)


def verdict_at(matrix: Any, time: str, values: Any) -> Any:
    """The exact spectrum of a Jacobian at rational parameters; None where it has a pole there."""
    numbers = matrix.subs(values)
    if not all(e.is_Rational for e in numbers):
        return None
    return spectrum(fmpq_mat(matrix.rows, matrix.cols, [rational(e) for e in numbers]), time)


def _cell(line: Line, k: int, matrix: Any, time: str, over: Any, denominators: list[Any], facts: Any) -> str | None:
    """The verdict on an open cell or at a rational point; None at another root."""
    if (
        line.is_excluded(k)
        or not evaluate(facts, lambda p: line.sign(p, k))
        or any(line.sign(d, k) == 0 for d in denominators)
    ):
        return "undefined"
    point = line.point(k)
    if point is None:
        return None
    found = verdict_at(matrix, time, {over: to_sympy(point)})
    return "undefined" if found is None else str(found.verdict)


def _at_roots(cells: list[str | None], line: Line, boundaries: list[Boundary], verdict: Any) -> list[str]:
    """Verdicts at irrational roots, from those on both sides."""
    result: list[str] = []
    whole = None
    for place, k in enumerate(line.cells):
        found = cells[place]
        if found is None:
            sides = {str(cells[place - 1]), str(cells[place + 1])} - {"undefined"}  # both are there: ends are rational
            on = any(line.sign(b.polynomial, k) == 0 for b in boundaries)
            if sides == {"unstable"} and on:
                whole = whole or analyse(verdict.jacobian, time=verdict.time, assuming=verdict.assuming)
                found = _by_formula(whole, line, k)
            else:
                found = "marginal" if on else min(sides, default="undefined")
        result.append(found)
    return result


def _by_formula(whole: Any, line: Line, k: int) -> str:
    """The verdict at a root between unstable cells, by the closed condition there."""
    root = line.roots[k // 2].exact(sp.Dummy())
    value = whole.unstable_on.subs(dict.fromkeys(whole.jacobian.free_symbols, root))
    if value not in (sp.true, sp.false):
        raise UnknownAnswer(f"whether the parameter value {root} is unstable or marginal was not decided")
    return "unstable" if value == sp.true else "marginal"


def _assembled(
    cells: list[str], line: Line, boundaries: list[Boundary], matrix: Any, time: str, over: Any
) -> LineDiagram:
    values: list[Any] = []
    between: list[str] = []
    verdicts, kinds = [], []
    low, low_strict, up, up_strict = line.bounds
    for place, k in enumerate(line.cells):
        if k % 2 == 0:
            if len(between) == len(values):
                between.append(cells[place])
            continue
        if place in (0, len(cells) - 1):
            continue  # an end of the domain that belongs to it
        left, here, right = cells[place - 1 : place + 2]
        if left == here == right:
            continue
        values.append(line.roots[k // 2].exact(over))
        verdicts.append(here)
        met = [kind for b in boundaries if line.sign(b.polynomial, k) == 0 for kind in b.kinds]
        kinds.append(_kinds(here, met, matrix, time, {over: values[-1]}))
    ends = tuple(None if e is None else to_sympy(e) for e in (low, up))
    domain = (ends[0], not low_strict, ends[1], not up_strict)
    return LineDiagram(over, tuple(values), tuple(verdicts), tuple(kinds), tuple(between), domain)


def _kinds(verdict: str, met: list[str], matrix: Any, time: str, value: Any) -> tuple[str, ...]:
    """The bifurcations at a value; a pair polynomial that vanishes with a double eigenvalue 1 or -1 is no pair."""
    if verdict != "marginal":
        return ()
    found = list(dict.fromkeys(met))
    pair = KINDS[time]["pair"]
    if pair in found and len(found) > 1 and all(v.is_Rational for v in value.values()):
        spectrum_there = verdict_at(matrix, time, value)
        if spectrum_there is not None and "centre" not in spectrum_there.why:
            found.remove(pair)
    return tuple(found)
