"""Two verdicts on the same equilibrium compared: which parameters a change makes stable, and which it loses.

Main definitions: `compare`, `Comparison`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import flint
import sympy as sp

from bilevel.analysis.enclosure import enclose, lower_end, truth_at
from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.reduction import Assumptions
from bilevel.analysis.regions import conj, negate
from bilevel.analysis.verdict import Verdict
from bilevel.analysis.writing import to_formula
from bilevel.language.errors import BilevelError

HELPS, HURTS, NEUTRAL, DEPENDS, UNKNOWN = "helps", "hurts", "neutral", "depends", "unknown"


@dataclass(frozen=True)
class Comparison:
    """Whether a change helps, with a point at which it gains and one at which it loses stability.

    Math: helps: what was stable stays so and something is gained; hurts: the reverse; neutral: both regions are equal;
        depends: gained at one point, lost at another. Each word is proved: by a rational point where something is
        gained or lost, and by an empty difference where nothing is.

    Reference: the definitions of `Verdict`.

    Examples:
        >>> Comparison("neutral", "the regions are equal").word
        'neutral'
    """

    word: str
    why: str
    gained: Mapping[Any, Any] | None = None
    lost: Mapping[Any, Any] | None = None


def compare(before: Verdict, after: Verdict, *, assuming: Iterable[Any] = ()) -> Comparison:
    """What a change of game or rule does to the region of stability.

    Math: gained = after and not before, lost = before and not after, on the sets where the equilibrium is exponentially
        stable; where these are equal, on the sets where it is not unstable.

    Reference: the definitions of `Verdict`; Tarski (1951) for the decision of polynomial inequalities.

    Examples:
        >>> from bilevel.analysis.analyse import analyse
        >>> h = sp.Symbol("h", positive=True)
        >>> step = lambda c: analyse(sp.Matrix([[1 - c*h]]), time="discrete")
        >>> found = compare(step(2), step(1))
        >>> found.word, found.why
        ('helps', 'stable at h = 3/2, where it was not')
    """
    if UNKNOWN in (before.verdict, after.verdict):
        reason = (before if before.verdict == UNKNOWN else after).reason
        return Comparison(UNKNOWN, reason or "one of the verdicts is unknown")
    facts = tuple(f for f in (*before.assuming, *after.assuming, *assuming) if f not in (True, sp.true))
    found = _weighed(before.condition, after.condition, facts, ("stable", "no longer stable"))
    if found.word != NEUTRAL or None in (before.unstable_on, after.unstable_on):
        return found
    if before.condition != sp.false or after.condition != sp.false:
        return found
    bounded = _weighed(sp.Not(before.unstable_on), sp.Not(after.unstable_on), facts, ("not unstable", "unstable"))
    return bounded if bounded.word != NEUTRAL else found


def _weighed(before: Any, after: Any, facts: tuple[Any, ...], words: tuple[str, str]) -> Comparison:
    if before == after:
        return Comparison(NEUTRAL, "the regions are equal")
    gained, lost = _difference(after, before, facts), _difference(before, after, facts)
    said = []
    if isinstance(gained, dict):
        said.append(f"{words[0]}{_at(gained)}, where it was not")
    if isinstance(lost, dict):
        said.append(f"{words[1]}{_at(lost)}, where it was {'stable' if words[0] == 'stable' else 'not'}")
    points = [point if isinstance(point, dict) else None for point in (gained, lost)]
    if said and len(said) == 2:
        return Comparison(DEPENDS, "; ".join(said), *points)
    if None in (gained, lost):  # one difference is neither proved empty nor shown by a point
        return Comparison(UNKNOWN, "; ".join([*said, "whether the converse happens too was not decided"]), *points)
    if not said:
        return Comparison(NEUTRAL, "the regions are equal")
    return Comparison(HELPS if points[0] is not None else HURTS, said[0], *points)


def _at(point: Mapping[Any, Any]) -> str:
    if not point:
        return ""
    return " at " + ", ".join(f"{symbol} = {value}" for symbol, value in sorted(point.items(), key=lambda p: str(p[0])))


def _difference(inside: Any, outside: Any, facts: tuple[Any, ...]) -> Any:
    """A point of inside that is not in outside; False where there is proved to be none; None where neither."""
    wanted = sp.And(inside, sp.Not(outside))
    if wanted in (sp.true, sp.false):
        return {} if wanted == sp.true else False
    symbols = sorted(wanted.free_symbols, key=str)
    cells = (
        _cells(wanted, symbols[0])
        if len(symbols) == 1 and not any(f.free_symbols & set(symbols) for f in facts)
        else None
    )
    for point in _points(symbols) if cells is None else ({symbols[0]: value} for value in cells):
        if all(truth_at(f, point) is True for f in facts if f.free_symbols <= set(point)) and truth_at(wanted, point):
            return point
    if cells is not None and all(truth_at(wanted, {symbols[0]: value}) is False for value in cells):
        return False
    try:
        relations = [r for f in (wanted, *facts) for r in f.atoms(sp.core.relational.Relational)]
        coordinates = Coordinates([side for r in relations for side in r.args], sp.Dummy("z"))
        first, second = to_formula(inside, coordinates), to_formula(outside, coordinates)
        if first is None or second is None:
            return None
        known = Assumptions(coordinates, facts)
        return False if known.impossible(conj([first, negate(second)])) or known.implies(first, second) else None
    except (BilevelError, TypeError, ValueError, KeyError):
        return None


def _points(symbols: list[Any]) -> Iterable[dict[Any, Any]]:
    """Rational points, on a grid for two parameters, drawn from it for more."""
    grid = [sp.Rational(n, d) for n, d in ((1, 100), (1, 20), (1, 10), (1, 4), (1, 2), (3, 4), (1, 1), (3, 2))]
    grid += [sp.Integer(n) for n in (2, 3, 4, 5, 8, 12, 30)]
    source = random.Random(7)
    few = len(symbols) <= 2
    choices: Iterable[Any] = (
        itertools.product(grid, repeat=len(symbols))
        if few
        else ([source.choice(grid) for _ in symbols] for _ in range(200))
    )
    for values in choices:
        yield {s: (-v if s.is_negative else v) for s, v in zip(symbols, values, strict=True)}


def _cells(region: Any, symbol: Any) -> list[Any] | None:
    """One rational point in each open interval between the values at which some condition on one parameter turns: there
    every condition keeps its truth. None where these values are not found, or not told apart."""
    ends: list[Any] = []
    for relation in region.atoms(sp.core.relational.Relational):
        roots = _roots(relation.lhs - relation.rhs, symbol)
        if roots is None:
            return None
        ends += roots
    if symbol.is_positive or symbol.is_nonnegative:
        ends = [e for e in ends if sp.N(e, 40) > 0] + [sp.S.Zero]
    ends = sorted(set(ends), key=lambda e: sp.N(e, 40))
    numbers = [sp.N(e, 40) for e in ends]
    distinct: list[Any] = []
    for end, number in zip(ends, numbers, strict=True):
        if distinct and abs(number - distinct[-1][1]) < sp.Float("1e-25", 40) * (1 + abs(number)):
            if not (end - distinct[-1][0]).equals(0):
                return None
            continue
        distinct.append((end, number))
    values = [n for _, n in distinct]
    inner = [_between(a, b) for a, b in itertools.pairwise(values)]
    above = [sp.Integer(sp.floor(values[-1])) + 2] if values else [sp.S.One]
    below = [] if symbol.is_positive or symbol.is_nonnegative or not values else [sp.Integer(sp.floor(values[0])) - 1]
    return [*below, *inner, *above]


def _between(low: Any, high: Any) -> Any:
    """A fraction of small denominator strictly between two numbers that are well apart."""
    middle, gap = sp.Rational(str((low + high) / 2)), (high - low) / 4
    for size in range(0, 130, 6):
        short = middle.limit_denominator(2**size)
        if abs(short - middle) < gap:
            return short
    return middle


def _roots(gap: Any, symbol: Any) -> list[Any] | None:
    """The real zeros of one side minus the other."""
    try:
        polynomial = sp.Poly(sp.numer(sp.together(gap)), symbol)
        bottom = sp.Poly(sp.denom(sp.together(gap)), symbol)
    except sp.PolynomialError:
        return None
    found: list[Any] = []
    for p in (polynomial, bottom):
        if p.degree() <= 0:
            continue
        if all(c.is_Rational for c in p.all_coeffs()):
            found += sp.real_roots(p, multiple=False) and [r for r, _ in sp.real_roots(p, multiple=False)]
        elif p.degree() <= 2 and all(c.is_real and not c.free_symbols for c in p.all_coeffs()):
            found += [r for r in sp.roots(p) if abs(sp.im(sp.N(r, 40))) < sp.Float("1e-30", 40)]
        elif (near := _enclosed_roots(p)) is not None:
            found += near
        else:
            return None
    return found


def _enclosed_roots(polynomial: Any) -> list[Any] | None:
    """A rational within 1e-40 of every real root, and perhaps of others close to the real line, where coefficients are
    numbers and the roots are told apart: the truth of a condition changes nowhere else."""
    found = [enclose(c, precision=400) for c in reversed(polynomial.all_coeffs())]
    coefficients = [ball for ball in found if ball is not None]
    if len(coefficients) < len(found) or coefficients[-1].contains(0):
        return None
    saved = flint.ctx.prec
    try:
        flint.ctx.prec = 400
        roots = flint.acb_poly([flint.acb(c) for c in coefficients]).roots(tol=flint.arb(2) ** -200)
    except ValueError:
        return None
    finally:
        flint.ctx.prec = saved
    close = [root.real for root in roots if root.imag.contains(0)]
    if any(not root.rad() < 1e-40 for root in close):
        return None
    return [sp.Rational(int(end.p), int(end.q)) for end in map(lower_end, close)]
