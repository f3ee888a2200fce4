"""Two verdicts on the same equilibrium compared: which parameters a change makes stable, and which it loses.

Main definitions: `compare`, `Comparison`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.enclosure import truth_at
from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.reduction import Assumptions
from bilevel.analysis.regions import conj, negate
from bilevel.analysis.sections import MARGINAL, STABLE, Sections, sections
from bilevel.analysis.verdict import Verdict
from bilevel.analysis.writing import to_formula
from bilevel.language.errors import BilevelError, UnknownAnswer

HELPS, HURTS, NEUTRAL, DEPENDS, UNKNOWN = "helps", "hurts", "neutral", "depends", "unknown"
STABLE_WORDS, EQUAL = ("stable", "no longer stable"), "the regions are equal"


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
    facts = tuple(f for f in (*before.assuming, *after.assuming, *assuming) if f not in (True, sp.true))
    one = _on_a_line(before, after, facts)
    if one is not None:
        return one
    if UNKNOWN in (before.verdict, after.verdict):
        reason = (before if before.verdict == UNKNOWN else after).reason
        return Comparison(UNKNOWN, reason or "one of the verdicts is unknown")
    found = _weighed(before.condition, after.condition, facts, STABLE_WORDS)
    if found.word != NEUTRAL or None in (before.unstable_on, after.unstable_on):
        return found
    if before.condition != sp.false or after.condition != sp.false:
        return found
    bounded = _weighed(sp.Not(before.unstable_on), sp.Not(after.unstable_on), facts, ("not unstable", "unstable"))
    return bounded if bounded.word != NEUTRAL else found


def _on_a_line(before: Verdict, after: Verdict, facts: tuple[Any, ...]) -> Comparison | None:
    """The comparison from the matrices themselves, where one parameter is all that occurs: every piece of its line has
    a sample. None where that does not apply."""
    matrices = before.jacobian, after.jacobian
    symbols = {s for matrix in matrices if matrix is not None for s in matrix.free_symbols}
    if None in matrices or len(symbols) != 1 or before.time != after.time:
        return None
    (over,) = symbols
    if any(f.free_symbols - {over} for f in facts):
        return None
    try:
        line = sections(matrices, over, time=before.time, facts=facts)
    except UnknownAnswer:
        return None
    found = [_sides(line, over, good) for good in ((STABLE,), (STABLE, MARGINAL))]
    nowhere = all(STABLE not in piece.kinds for piece in line.pieces)
    (gained, lost), words = (found[1], ("not unstable", "unstable")) if nowhere else (found[0], STABLE_WORDS)
    return _told(gained, lost, words)


def _sides(line: Sections, over: Any, good: tuple[str, ...]) -> tuple[Any, Any]:
    """A point gained and a point lost; False where there is none, None where a piece may be missing."""
    none = False if line.complete else None
    gained = (p.sample for p in line.pieces if p.kinds[1] in good and p.kinds[0] not in good)
    lost = (p.sample for p in line.pieces if p.kinds[0] in good and p.kinds[1] not in good)
    return tuple({over: x} if (x := next(points, None)) is not None else none for points in (gained, lost))  # type: ignore[return-value]


def _weighed(before: Any, after: Any, facts: tuple[Any, ...], words: tuple[str, str]) -> Comparison:
    if before == after:
        return Comparison(NEUTRAL, EQUAL)
    return _told(_difference(after, before, facts), _difference(before, after, facts), words)


def _told(gained: Any, lost: Any, words: tuple[str, str]) -> Comparison:
    """The word for a point gained and a point lost (False: proved that there is none; None: not decided)."""
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
        return Comparison(NEUTRAL, EQUAL)
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
    for point in _points(symbols):
        if all(truth_at(f, point) is True for f in facts if f.free_symbols <= set(point)) and truth_at(wanted, point):
            return point
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
