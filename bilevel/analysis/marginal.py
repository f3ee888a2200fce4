"""Why parameters are marginal: the eigenvalues on the boundary, and whether they have Jordan blocks there.

Main definition: `why_marginal`. The answer is found by exact decisions at rational points of the marginal set: for
one parameter at every cell and every rational end of the set, else at sample points, on its surfaces where a
coordinate can be solved for."""

from __future__ import annotations

import random
from typing import Any

import sympy as sp
from flint import fmpq, fmpq_mat

from bilevel.analysis.cells import intervals, univariate
from bilevel.analysis.enclosure import rational_value
from bilevel.analysis.polynomials import rational, to_sympy
from bilevel.analysis.regions import All, Sign, Some, evaluate, signs
from bilevel.analysis.spectrum import CENTRE, FLIP, JORDAN, ZERO_MODE, Spectrum, spectrum
from bilevel.analysis.writing import shown, to_boolean
from bilevel.language.root_counts import COUNTS

ORDER = (ZERO_MODE, FLIP, CENTRE, JORDAN)
NAMES = {"origin": ZERO_MODE, "infinity": FLIP, "pair": CENTRE}
ATTEMPTS = 24


def why_marginal(region: Any, matrix: Any, time: str, coordinates: Any, assumptions: Any) -> str | None:
    """The reasons, joined by semicolons: those of whole pieces first, then what happens on thinner subsets ("...
    where ...")."""
    always = {
        NAMES[label] for formula, label in region.labels if label and formula is False and region.marginal is not None
    }
    pieces = region.marginal.parts if isinstance(region.marginal, Some) else (region.marginal,)
    if any(
        isinstance(s.polynomial, sp.Basic) and not isinstance(s.polynomial, COUNTS) for s in _signs(region.marginal)
    ):
        return "; ".join(k for k in ORDER if k in always) or _possible(region)
    if not _rational_in_symbols(matrix, coordinates):
        read = always.union(*(_labelled(piece, region) for piece in pieces))
        return "; ".join(k for k in ORDER if k in read) or None
    found, sometimes = set(always), set()
    surfaces = [Sign(f.polynomial, "==") for f, label in region.labels if label and _is_polynomial(f)]
    for piece in pieces:
        reasons = [
            set(_reasons(matrix, p, time, coordinates)) for p in _points(piece, coordinates, assumptions, region.exists)
        ]
        if reasons:
            # A reason at most of the points is that of the piece; the others belong to thinner subsets.
            found |= {k for k in ORDER if 2 * sum(k in r for r in reasons) > len(reasons)}
            sometimes |= set().union(*reasons)
        else:
            found |= _labelled(piece, region)
    thin: dict[str, set[str]] = {}
    for surface in surfaces:
        for point in _points(All((surface, region.marginal)), coordinates, assumptions, region.exists):
            for reason in set(_reasons(matrix, point, time, coordinates)) - found:
                thin.setdefault(reason, set()).add(_where(surface, coordinates, assumptions))
    text = [k for k in ORDER if k in found]
    text += [f"{k} where {' or '.join(sorted(thin[k]))}" for k in ORDER if k in thin and len(surfaces) == 1]
    text += [
        f"{k} at some points" for k in ORDER if k in sometimes | thin.keys() and k not in found and len(surfaces) != 1
    ]
    return "; ".join(text) or _possible(region)


def _possible(region: Any) -> str | None:
    """What the quantities that vanish on the boundary can mean, where no point of it was met."""
    names = {NAMES[label] for formula, label in region.labels if isinstance(formula, Sign) and label}
    return " or ".join(k for k in ORDER if k in names) or None


def _labelled(piece: Any, region: Any) -> set[str]:
    """The reasons read off the equations of a piece that holds no rational point we found."""
    equations = [s for s in _signs(piece) if s.relation == "=="]
    return {
        NAMES[label]
        for f, label in region.labels
        for e in equations
        if label and isinstance(f, Sign) and Sign(f.polynomial, "==").same(e)
    }


def seen_verdicts(matrix: Any, time: str, region: Any, coordinates: Any, assumptions: Any) -> set[str]:
    """The first two verdicts met at rational sample points; empty where points cannot be drawn exactly."""
    if not all(m.is_Symbol for m in coordinates.parameters):
        return set()
    source, seen = random.Random(11), set()
    for _ in range(ATTEMPTS):
        point = {i: _draw(source, assumptions.bounds[i]) for i in range(2, len(coordinates.meaning))}
        if _inside(point, assumptions) and _holds(All((region.exists, *assumptions.facts)), point, coordinates):
            seen.add(_spectrum_at(matrix, point, time, coordinates).verdict)
        if len(seen) > 1:
            break
    return seen


def _signs(formula: Any) -> list[Sign]:
    return list(signs(formula)) if formula is not None else []


def _rational_in_symbols(matrix: Any, coordinates: Any) -> bool:
    return all(m.is_Symbol for m in coordinates.parameters)


def _where(surface: Sign, coordinates: Any, assumptions: Any) -> str:
    """The surface as an equation, solved when only one symbol stands in it."""
    used = [i for i, d in enumerate(surface.polynomial.degrees()) if d]
    written = to_boolean(surface, coordinates)
    if len(used) == 1:
        line = assumptions.line([surface.polynomial], used[0])
        written = intervals(line, surface, coordinates.meaning[used[0]], short=False)
    return f"{shown(written.lhs)} = {shown(written.rhs)}" if isinstance(written, sp.Eq) else shown(written)


def _reasons(matrix: Any, point: dict[int, fmpq], time: str, coordinates: Any) -> tuple[str, ...]:
    return _spectrum_at(matrix, point, time, coordinates).why


def _spectrum_at(matrix: Any, point: dict[int, fmpq], time: str, coordinates: Any) -> Spectrum:
    values = {coordinates.meaning[i]: to_sympy(v) for i, v in point.items()}
    at = matrix.subs(values)
    if at.has(sp.nan, sp.zoo):  # a quotient that is finite there once it is cancelled
        at = matrix.applyfunc(sp.cancel).subs(values)
    entries = [rational(e) for e in at]
    n = matrix.rows
    return spectrum(fmpq_mat(n, n, entries), time)


def _points(piece: Any, coordinates: Any, assumptions: Any, exists: Any) -> list[dict[int, fmpq]]:
    """A few rational points of the piece, inside the bounds and the facts."""
    equations = [
        s for s in (piece.parts if isinstance(piece, All) else (piece,)) if _is_polynomial(s) and s.relation == "=="
    ]
    parameters = list(range(2, len(coordinates.meaning)))
    source, points = random.Random(7), []
    for _ in range(ATTEMPTS):
        point = {i: _draw(source, assumptions.bounds[i]) for i in parameters}
        for candidate in _onto(equations, point, coordinates) if equations else [point]:
            if _inside(candidate, assumptions) and _holds(
                All((piece, exists, *assumptions.facts)), candidate, coordinates
            ):
                points.append(candidate)
        if len(points) >= 5:
            break
    return points


def _is_polynomial(formula: Any) -> bool:
    return isinstance(formula, Sign) and not isinstance(formula.polynomial, sp.Basic)


def _draw(source: random.Random, bounds: Any) -> fmpq:
    low, _, up, _ = bounds
    t = fmpq(source.randint(1, 11), 12)
    if low is not None and up is not None:
        return low + (up - low) * t
    step = fmpq(source.randint(1, 12), source.choice((1, 2, 3, 16, 120)))
    if low is not None:
        return low + step
    return up - step if up is not None else step * source.choice((1, -1))


def _onto(equations: list[Sign], point: dict[int, fmpq], coordinates: Any) -> list[dict[int, fmpq]]:
    """Points that satisfy the first equation, one coordinate replaced by a rational root."""
    found = []
    p = equations[0].polynomial
    for i, degree in enumerate(p.degrees()):
        if degree and i in point:
            others = {k: v for k, v in point.items() if k != i}
            narrowed = univariate(p.subs(others), i)
            if narrowed.degree() > 0:
                for factor, _ in narrowed.factor()[1]:
                    if factor.degree() == 1:
                        found.append(point | {i: fmpq(-int(factor[0]), int(factor[1]))})
    return found


def _inside(point: dict[int, fmpq], assumptions: Any) -> bool:
    for i, x in point.items():
        low, low_strict, up, up_strict = assumptions.bounds[i]
        if (low is not None and (x < low or (low_strict and x == low))) or (
            up is not None and (x > up or (up_strict and x == up))
        ):
            return False
    return True


def _holds(formula: Any, point: dict[int, fmpq], coordinates: Any) -> bool:
    values = {coordinates.meaning[i]: to_sympy(v) for i, v in point.items()}

    def sign(p: Any) -> int | None:
        if isinstance(p, sp.Basic):
            number = rational_value(p, values)
            return None if number is None else (number > 0) - (number < 0)
        value = p.subs(point)
        constant = value.leading_coefficient() if value != 0 else 0
        return (constant > 0) - (constant < 0)

    return bool(evaluate(formula, sign))
