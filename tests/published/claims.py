"""Published results as data: where each stands, what it says, and how it is derived again here.

A result counts as *re-derived* when the game and the learning rule go in and every part of the claim is found equal to
what comes out; as *unknown* when the library says so, or when a part is neither proved nor refuted; as *wrong* when a
part differs. Main definitions: `Result`, `Outcome`, `outcome`, and the checks `same`, `spectrum`, `region`, `holds`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.enclosure import truth_at
from bilevel.language.errors import UnknownAnswer
from bilevel.rules import linearise

W = sp.Symbol("w")
Q = sp.Rational


@dataclass(frozen=True)
class Check:
    """One part of a claim: what is compared, and whether it holds (None: not decided)."""

    text: str
    holds: bool | None


@dataclass(frozen=True)
class Result:
    """A published result: its source, the statement in our own words, and the derivation that checks it."""

    id: str
    source: str
    statement: str
    derive: Callable[[], Iterable[Check]]


@dataclass(frozen=True)
class Outcome:
    """What became of a result: re-derived, unknown or wrong, the parts, and the processor seconds it took."""

    result: Result
    status: str
    checks: tuple[Check, ...]
    seconds: float
    reason: str = ""

    def __str__(self) -> str:
        bad = "; ".join(c.text for c in self.checks if c.holds is not True)
        return f"{self.result.id:4} {self.status:10} {self.seconds:6.2f} s  {self.result.source}  {self.reason or bad}"


def outcome(result: Result) -> Outcome:
    """Derive a result and say what came of it."""
    start = time.process_time()
    checks: list[Check] = []
    reason = ""
    try:
        checks.extend(result.derive())
    except UnknownAnswer as stop:
        reason = str(stop)
    found = [check.holds for check in checks]
    status = "wrong" if False in found else "unknown" if reason or None in found or not found else "re-derived"
    return Outcome(result, status, tuple(checks), time.process_time() - start, reason)


def is_zero(difference: Any) -> bool | None:
    """Whether an expression (or every entry of a matrix) vanishes identically; None when that is not decided."""
    if isinstance(difference, sp.MatrixBase):
        answers = [is_zero(entry) for entry in difference]
        return False if False in answers else None if None in answers else True
    difference = sp.sympify(difference)
    if _zero_as_fraction(difference):
        return True
    for tidy in (sp.expand, sp.cancel, lambda e: sp.cancel(sp.together(sp.expand_log(sp.radsimp(e), force=False)))):
        difference = tidy(difference)
        if difference == 0:
            return True
    return None if _small_at_points(difference) else False


def _zero_as_fraction(difference: Any) -> bool:
    """Whether it is zero as a rational function of its symbols and exponentials."""
    marks: dict[Any, Any] = {}
    powers = {}
    for node in difference.atoms(sp.exp):  # exp(2 t) is the square of exp(t)
        times, base = node.args[0].as_coeff_Mul()
        whole = int(times) if times.is_Integer else 1
        powers[node] = marks.setdefault(base if whole == times else node.args[0], sp.Dummy()) ** whole
    marked = difference.xreplace(powers)
    try:
        return bool(sp.QQ.frac_field(*sorted(marked.free_symbols, key=str)).from_sympy(marked) == 0)
    except (sp.CoercionFailed, sp.PolynomialError, ZeroDivisionError, ValueError):
        return False


def _small_at_points(difference: Any) -> bool:
    """Points refute; they never prove. Symbols get positive, then negative rationals where their assumptions allow."""
    source = random.Random(3)
    for sign in (1, -1):
        point = {
            s: Q(source.randint(1, 30), 37) * (-1 if s.is_negative else 1 if s.is_nonnegative else sign)
            for s in sorted(difference.free_symbols, key=str)
        }
        value = sp.N(difference.subs(point), 40)
        if not value.is_number or value is sp.nan or abs(value) > Q(1, 10**25):
            return False
    return True


def same(text: str, found: Any, claim: Any) -> Check:
    """What came out equals the claim, identically."""
    return Check(text, is_zero(found - claim))


def differs(text: str, found: Any, misprint: Any) -> Check:
    """What came out is not the formula as printed."""
    answer = is_zero(found - misprint)
    return Check(text, None if answer is None else not answer)


def holds(text: str, claim: Any) -> Check:
    """A statement that the library (or a comparison of exact data) answers with yes, no or None."""
    return Check(text, None if claim is None else bool(claim))


def matrix_of(game: Any, rule: Any, **at: Any) -> Any:
    """The Jacobian of one step (or of the flow) at a point, by default the origin."""
    return linearise(game, rule, {str(v): at.get(str(v), 0) for v in game.variables}).matrix


def polynomial(matrix: Any) -> Any:
    """det(w I - M)."""
    return (W * sp.eye(matrix.rows) - matrix).det(method="berkowitz")


def spectrum(text: str, matrix: Any, *roots: Any) -> Check:
    """The eigenvalues of a matrix, compared through the characteristic polynomial; zeros may be left out."""
    claim = sp.Mul(*(W - root for root in roots)) * W ** (matrix.rows - len(roots))
    return Check(text, is_zero(sp.expand(polynomial(matrix)) - sp.expand(claim)))


def radius_is(text: str, matrix: Any, radius: Any, *assuming: Any) -> Check:
    """The spectral radius is exactly this positive number: over it, the matrix is marginal wherever it is assumed."""
    verdict = analyse((matrix / radius).applyfunc(sp.cancel), time="discrete", assuming=assuming)
    return Check(text, None if verdict.verdict == "unknown" else verdict.verdict == "marginal")


def radius_below(text: str, matrix: Any, bound: Any, *assuming: Any) -> Check:
    """The spectral radius stays strictly below a positive number: over it, the matrix is stable wherever assumed."""
    verdict = analyse((matrix / bound).applyfunc(sp.cancel), time="discrete", assuming=assuming)
    return Check(text, None if verdict.verdict == "unknown" else verdict.verdict == "stable")


def drawn(source: random.Random, symbol: Any) -> Any:
    """A rational value that the assumptions of a symbol allow."""
    size = Q(source.randint(1, 40), source.choice((1, 3, 7, 16, 32)))
    if symbol.is_negative or (not symbol.is_nonnegative and source.random() < 0.5):
        return -size
    return size


def region(
    text: str, verdict: Any, claim: Any, *, on: Iterable[Mapping[Any, Any]] = (), points: int = 24, assuming: Any = ()
) -> Check:
    """A stability region agrees with the claim at random rational points on both sides, and is marginal at `on`."""
    if verdict.condition is None:
        return Check(f"{text} ({verdict.reason})", None)
    boundary, answers, sides = list(on), [], set()
    sets = [f for f in (verdict.condition, verdict.unstable_on, verdict.marginal_on) if f is not None]
    symbols = sorted(set().union(sp.sympify(claim).free_symbols, *(f.free_symbols for f in sets)), key=str)
    source = random.Random(text)
    for _ in range(40 * points):
        point = {s: drawn(source, s) for s in symbols}
        if not all(truth_at(fact, point) for fact in assuming):
            continue
        expected = truth_at(sp.sympify(claim), point)
        if len(answers) >= points and (len(sides) == 2 or claim in (sp.true, sp.false)):
            break
        if len(answers) >= points and expected in sides:
            continue  # waiting for a point on the other side
        sides.add(expected)
        answers.append(_agrees(verdict, point, expected))
    if len(sides) < 2 and claim not in (sp.true, sp.false):
        raise AssertionError(f"{text}: no random point on one side; choose other points")
    answers += [_marginal(verdict, dict(point)) for point in boundary]
    return Check(text, False if False in answers else None if None in answers else True)


def _agrees(verdict: Any, point: Mapping[Any, Any], expected: Any) -> bool | None:
    """The condition has the truth value of the claim there, and the three sets are disjoint and cover the point."""
    found = truth_at(verdict.condition, point)
    if expected is None or found is None or found is not expected:
        return None if expected is None or found is None else False
    if verdict.unstable_on is None or verdict.marginal_on is None:
        return True
    sets = [truth_at(f, point) for f in (verdict.condition, verdict.unstable_on, verdict.marginal_on)]
    return None if None in sets else sets.count(True) == 1


def _marginal(verdict: Any, point: Mapping[Any, Any]) -> bool | None:
    inside, edge = truth_at(verdict.condition, point), truth_at(verdict.marginal_on, point)
    return None if None in (inside, edge) else edge and not inside
