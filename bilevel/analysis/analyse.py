"""From a Jacobian in parameters to an exact verdict.

Main definition: `analyse`. The road: characteristic polynomial, its factors, the root test of each factor (`schur`,
`hurwitz`), factors of known sign removed and implied conditions dropped (`reduction`), one free parameter written as
intervals (`cells`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.arithmetic import check_time, decide_enclosed, decide_rational
from bilevel.analysis.cells import intervals, polynomials_of
from bilevel.analysis.characteristic import Factor, characteristic_factors, short_eigenvalues, written_polynomial
from bilevel.analysis.enclosure import Signs
from bilevel.analysis.marginal import NAMES, seen_verdicts, why_marginal
from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.reduction import Assumptions
from bilevel.analysis.regions import All, Sign, conj, disj, evaluate, negate, same, transform
from bilevel.analysis.schur import flow_test, map_test
from bilevel.analysis.verdict import Verdict, certain, unknown
from bilevel.analysis.writing import LARGE, formula_size, to_boolean
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.root_counts import roots_on_axis, roots_on_circle, roots_outside_circle, roots_right_of_axis
from bilevel.language.values import matrix as read_matrix

MAX_COEFFICIENT_TERMS = (
    800  # in all coefficients together: beyond it conditions take minutes to write, and nobody reads them
)

KINDS = {
    "discrete": {
        "origin": "fold (eigenvalue 1)",
        "infinity": "flip (eigenvalue -1)",
        "pair": "Neimark-Sacker (a pair on the circle)",
    },
    "continuous": {"origin": "fold (eigenvalue 0)", "pair": "Hopf (a pair on the axis)"},
}


@dataclass(frozen=True)
class Region:
    """The three sets as formulas, before they are written out. `labels`: (strict quantity after tidying, boundary it
    stands for)."""

    exists: Any
    stable: Any
    unstable: Any
    marginal: Any
    labels: tuple[tuple[Any, str], ...]


def analyse(jacobian: Any, *, time: str, assuming: Any = ()) -> Verdict:
    """The exact verdict on a square matrix in parameters: where it is stable, unstable, marginal.

    Math: discrete: spectral radius below 1; continuous: spectral abscissa below 0. Symbols are real; their further
        SymPy assumptions and the relationals in `assuming` restrict them.
    Raises: GameError for a matrix that is not square or an unknown `time`.
    Reference: Lienard and Chipart 1914; Schur 1917; Cohn 1922; Jury 1962.
    Examples:
        >>> import sympy as sp
        >>> h = sp.Symbol("h", positive=True)
        >>> verdict = analyse(sp.Matrix([[1, -h/2], [h/2, 1 - h**2/4]]), time="discrete")
        >>> verdict.condition, verdict.marginal_on, verdict.unstable_on
        (False, h <= 4, h > 4)
    """
    check_time(time)
    given = isinstance(jacobian, sp.MatrixBase)
    matrix = sp.ImmutableMatrix(jacobian) if given else read_matrix(jacobian, "the Jacobian")
    if matrix.rows != matrix.cols:
        raise GameError(f"a square Jacobian was expected, got shape {matrix.shape}")
    entries = matrix.flat()
    if all(e.is_Rational for e in entries):
        return decide_rational(matrix, time)
    if matrix.has(sp.Float) and not matrix.free_symbols:
        return decide_enclosed(matrix, time)
    facts = tuple(f for f in assuming if f not in (True, sp.true))
    try:
        return _analyse(matrix, time, facts)
    except UnknownAnswer as stop:
        return unknown(str(stop), matrix, time)


def _analyse(matrix: Any, time: str, facts: tuple[Any, ...]) -> Verdict:
    z = sp.Symbol("z") if not any(s.name == "z" for s in matrix.free_symbols) else sp.Symbol("lambda")
    sides = [side for fact in facts for atom in fact.atoms(sp.core.relational.Relational) for side in atom.args]
    coordinates = Coordinates([*matrix, *sides], z)
    factors, denominators = characteristic_factors(matrix, coordinates)
    if sum(len(c) for f in factors for c in f.coefficients) > MAX_COEFFICIENT_TERMS:
        raise UnknownAnswer("the characteristic polynomial is too large to work on", next_step="fix some parameters")
    assumptions = Assumptions(coordinates, facts)
    exists = _domain(coordinates, assumptions, denominators)
    region = _region(factors, coordinates, assumptions, time, exists)
    if not matrix.free_symbols:
        return _number(region, factors, coordinates, matrix, time)
    return _written(region, factors, coordinates, assumptions, matrix, time, facts)


def _number(region: Region, factors: list[Factor], coordinates: Coordinates, matrix: Any, time: str) -> Verdict:
    """A matrix of irrational numbers: every sign in the formulas decided."""
    sign = Signs(coordinates)
    exists, stable, unstable = (
        None if f is None else evaluate(f, sign) for f in (region.exists, region.stable, region.unstable)
    )
    polynomial = written_polynomial(factors, coordinates)
    if exists is not True:
        return unknown("an entry is not known to be a real number", matrix, time, characteristic_polynomial=polynomial)
    if stable is None or (not stable and unstable is None):
        return unknown(
            "an eigenvalue cannot be told from the boundary", matrix, time, characteristic_polynomial=polynomial
        )
    claim = "stable" if stable else "unstable" if unstable else "marginal"
    kinds = (
        {NAMES[label] for f, label in region.labels if label and evaluate(f, sign) is False}
        if claim == "marginal"
        else set()
    )
    return certain(
        claim,
        matrix,
        time,
        known="exact" if sign.algebraic else "enclosed",
        characteristic_polynomial=polynomial,
        marginal_why="; ".join(sorted(kinds)) or None,
        eigenvalues=short_eigenvalues(factors, coordinates),
    )


def _domain(coordinates: Coordinates, assumptions: Assumptions, denominators: list[Any]) -> Any:
    """Where the Jacobian is real and finite."""
    conditions = [assumptions.tidy(Sign(d, "!=")) for d in denominators]
    for relational in (r for r in coordinates.domain if r != sp.true):
        if relational == sp.false:
            return False
        top, bottom = coordinates.convert(relational.lhs)
        conditions.append(assumptions.tidy(Sign(coordinates.reduce(top * bottom), relational.rel_op)))
    return conj(conditions)


def _oriented(factor: Factor, assumptions: Assumptions, time: str) -> list[Any]:
    """Coefficients of the factor scaled so that the leading one is positive."""
    leading = factor.coefficients[-1]
    if leading.is_constant():
        return [c / leading.leading_coefficient() for c in factor.coefficients]
    known = assumptions.sign(leading)
    if known in ("+", "-", ">=0", "<=0"):  # it divides a power of the denominator, so it vanishes nowhere
        return [c if known in ("+", ">=0") else -c for c in factor.coefficients]
    return [assumptions.coordinates.reduce(c * leading) for c in factor.coefficients]


def _region(
    factors: list[Factor], coordinates: Coordinates, assumptions: Assumptions, time: str, exists: Any
) -> Region:
    test = map_test if time == "discrete" else flow_test
    tests = [test(_oriented(f, assumptions, time), coordinates) for f in factors]
    each = [[(assumptions.tidy(Sign(p, ">")), label) for p, label in t.strict] for t in tests]
    labels = tuple(pair for pairs in each for pair in pairs)
    strict = conj(formula for formula, _ in labels)
    stable = assumptions.drop_implied(strict, exists)
    closed = conj(transform(t.closed, assumptions.tidy) for t in tests if t.closed is not None)
    reduced = assumptions.drop_implied(closed, exists)
    if all(t.closed is not None for t in tests):
        marginal = _boundary(stable, closed, reduced, assumptions, exists)
        return Region(exists, stable, negate(reduced), marginal, labels)
    # The closed condition of the other factors is left as a count of their roots.
    beyond, on = (roots_outside_circle, roots_on_circle) if time == "discrete" else (roots_right_of_axis, roots_on_axis)
    somewhere = []
    for factor, t, pairs in zip(factors, tests, each, strict=True):
        coefficients = [coordinates.expression(c) for c in factor.coefficients]
        if t.closed is None:
            reduced = conj([reduced, Sign(beyond(*coefficients), "==")])
        somewhere.append(negate(conj(f for f, _ in pairs)) if t.closed is not None else Sign(on(*coefficients), "!="))
    return Region(exists, stable, negate(reduced), conj([reduced, disj(somewhere)]), labels)


def _boundary(stable: Any, closed: Any, reduced: Any, assumptions: Assumptions, exists: Any) -> Any:
    """closed and not stable, one piece for each part of stable. Where closed says p >= 0 outright, "not p > 0" is p
    = 0."""
    if stable is False:
        return reduced
    if formula_size(stable) > LARGE:
        return conj([reduced, negate(stable)])
    pieces: list[Any] = []
    weak = [
        q
        for q in (closed.parts if isinstance(closed, All) else (closed,))
        if isinstance(q, Sign) and q.relation == ">="
    ]
    for part in stable.parts if isinstance(stable, All) else (stable,):
        if part is True:
            continue
        if isinstance(part, Sign) and part.relation == ">" and any(Sign(q.polynomial, ">").same(part) for q in weak):
            equal = assumptions.tidy(Sign(part.polynomial, "=="))
        else:
            equal = negate(part)
        others = [q for q in (reduced.parts if isinstance(reduced, All) else (reduced,)) if not _settles(equal, q)]
        piece = assumptions.drop_implied(conj([equal, *others]), exists)
        if not any(same(piece, other) for other in pieces):
            pieces.append(piece)
    return disj(pieces)


def _settles(equal: Any, weak: Any) -> bool:
    """Whether p == 0 makes p >= 0 superfluous."""
    return (
        isinstance(equal, Sign)
        and isinstance(weak, Sign)
        and weak.relation == ">="
        and Sign(weak.polynomial, "==").same(equal)
    )


def _written(
    region: Region,
    factors: list[Factor],
    coordinates: Coordinates,
    assumptions: Assumptions,
    matrix: Any,
    time: str,
    facts: tuple[Any, ...],
) -> Verdict:
    """The region as a verdict."""
    formulas = [region.exists, region.stable, region.unstable, region.marginal]
    shorter = (None, None, *_by_counts(factors, coordinates, time))
    exists, *sets = _booleans(formulas, shorter, coordinates, assumptions)
    names = ("stable", "unstable", "marginal")
    everywhere = [name for name, f, b in zip(names, formulas[1:], sets, strict=True) if f is True or b == sp.true]
    claim = everywhere[0] if everywhere else "conditional"
    if exists != sp.true:
        sets = [None if b is None else sp.And(exists, b) for b in sets]
    condition, unstable_on, marginal_on = sets
    why = None if marginal_on in (None, sp.false) else why_marginal(region, matrix, time, coordinates, assumptions)
    doubtful = claim == "conditional" and why is None
    seen = seen_verdicts(matrix, time, region, coordinates, assumptions) if doubtful else set()
    known, reason = _how_known(seen, region, coordinates)
    return Verdict(
        claim,
        condition,
        unstable_on,
        marginal_on,
        marginal_why=why,
        known=known,
        time=time,
        jacobian=matrix,
        characteristic_polynomial=written_polynomial(factors, coordinates),
        exists_on=exists,
        reason=reason,
        assuming=facts,
        eigenvalues=short_eigenvalues(factors, coordinates),
        reduction=tuple(assumptions.proofs),
        boundaries=_boundaries(region, coordinates, assumptions, time),
    )


def _how_known(seen: set[str], region: Region, coordinates: Coordinates) -> tuple[str, str | None]:
    """How the verdict is known, and what is left open (`seen`: verdicts met at sample points)."""
    if coordinates.has_floats:
        return "float", "floating-point coefficients were read as the exact values of their bits; give fractions"
    used = {
        i
        for p in polynomials_of(region.stable, region.unstable)
        for i in range(len(coordinates.meaning))
        if _uses(p, i)
    }
    if len(seen) == 1 and len(used) > 1:
        return "exact", f"every point tried is {min(seen)}: that it is so everywhere was neither proved nor refuted"
    return "exact", None


def _uses(p: Any, index: int) -> bool:
    return isinstance(p, sp.Basic) or p.degrees()[index] > 0


def _boundaries(
    region: Region, coordinates: Coordinates, assumptions: Assumptions, time: str
) -> tuple[tuple[Any, str], ...]:
    """Where a condition turns into an equality, and the bifurcation met there."""
    atoms = [(s, label) for s, label in region.labels if label and isinstance(s, Sign)]
    return tuple(
        (to_boolean(assumptions.tidy(Sign(s.polynomial, "==")), coordinates), KINDS[time][label])
        for s, label in atoms
        if not isinstance(s.polynomial, sp.Basic)
    )


def _by_counts(factors: list[Factor], coordinates: Coordinates, time: str) -> tuple[Any, Any]:
    """The unstable and the marginal set through numbers of roots, where their formulas have nested cases."""
    if all(f.degree < 5 for f in factors):
        return None, None
    beyond, on = (roots_outside_circle, roots_on_circle) if time == "discrete" else (roots_right_of_axis, roots_on_axis)
    coefficients = [tuple(map(coordinates.expression, f.coefficients)) for f in factors]
    unstable = disj(Sign(beyond(*c), "!=") for c in coefficients)
    return unstable, conj([negate(unstable), disj(Sign(on(*c), "!=") for c in coefficients)])


def _booleans(
    formulas: list[Any], shorter: tuple[Any, ...], coordinates: Coordinates, assumptions: Assumptions
) -> list[Any]:
    """Written out: as intervals when a single parameter is left and the ends are short; else a long formula by the
    one in `shorter` that says the same."""

    def written(k: int) -> Any:
        formula = formulas[k]
        long = not isinstance(formula, bool) and shorter[k] is not None and formula_size(formula) >= LARGE
        return to_boolean(shorter[k] if long else formula, coordinates)

    polynomials = polynomials_of(*formulas)
    if not polynomials or any(isinstance(p, sp.Basic) for p in polynomials):
        return [to_boolean(f, coordinates) for f in formulas]
    used = {i for p in polynomials for i, d in enumerate(p.degrees()) if d}
    index = next(iter(used), 0)
    if len(used) != 1 or not coordinates.meaning[index].is_Symbol:
        return [written(k) for k in range(len(formulas))]
    line = assumptions.line(polynomials, index)
    solved = [intervals(line, f, coordinates.meaning[index]) for f in formulas]
    if None in solved:
        return [s if s in (sp.true, sp.false) else written(k) for k, s in enumerate(solved)]
    return solved
