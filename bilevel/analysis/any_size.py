"""Stability of quadratic games of vectors of any dimension: one theorem for every size of the coupling matrix.

Main definitions: `stability_any_size`, `AnySizeVerdict`.

In the axes of the singular value decomposition of the coupling the game falls apart into scalar games, one for each
singular value; a rule that never looks at components falls apart with it. So the equilibrium is exponentially stable
iff the scalar game is, at every nonzero singular value, and so are the zero modes that the shape or the rank leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.any_size_copies import check_two_modes
from bilevel.analysis.any_size_reading import block_at_zero, linearise_mode
from bilevel.analysis.any_size_reduction import LEFT, RIGHT, Reduced, reduce_game
from bilevel.analysis.any_size_spectrum import Restated, at_every, ends_of
from bilevel.analysis.verdict import Verdict
from bilevel.analysis.writing import shown
from bilevel.language.errors import BilevelError, GameError, UnknownAnswer
from bilevel.rules.protocol.defaults import default_rule
from bilevel.rules.protocol.rule import Rule


@dataclass(frozen=True)
class AnySizeVerdict:
    """A verdict for every size: per singular value, by the ends of the spectrum, and what zero singular values do.

    Math: `mode` is the verdict on one singular value `sigma` > 0; the equilibrium is exponentially stable iff it holds
        at every nonzero one and, for each kind of zero mode present (`left_zero`: vectors orthogonal to the range of
        the coupling; `right_zero`: its kernel), so does that verdict. `condition` restates the first part by
        sigma_min and sigma_max, None where no proof of monotonicity was found; `requires` says which zero modes must
        be absent. `verdict` is "stable" or "marginal" only where that holds for every shape and rank.

    Shapes: any dimensions n x m of the coupling; per step, or per unit time for flows.

    Reference: Golub and Van Loan, Matrix Computations, section 2.4, for the decomposition.

    Examples:
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.language import dot, vector
        >>> from bilevel.rules import extragradient
        >>> x, y, h = vector("x", "n"), vector("y", "m"), sp.Symbol("h", positive=True)
        >>> A = sp.MatrixSymbol("A", x.shape[0], y.shape[0])
        >>> game = Game(a=minimize(dot(x, A*y), x), b=maximize(dot(x, A*y), y))
        >>> found = stability_any_size(game, extragradient(h))
        >>> found.condition, found.requires
        (h*sigma_max < 1, 'A square and invertible')
    """

    verdict: str
    condition: Any
    unstable_on: Any
    marginal_on: Any
    known: str
    time: str
    requires: str
    statement: str
    mode: Verdict | None = None
    left_zero: Verdict | None = None
    right_zero: Verdict | None = None
    sigma: Any = None
    sigma_min: Any = None
    sigma_max: Any = None
    reduced: Any = None
    reason: str | None = None
    trace: tuple[str, ...] = ()

    def solve(self, parameter: Any) -> Any:
        """The condition solved for one parameter (`UnknownAnswer` where there is none or no closed form)."""
        from bilevel.analysis.solve import solve

        if self.condition is None or self.mode is None:
            why = self.reason or "the condition holds per singular value only"
            raise UnknownAnswer(f"there is no condition to solve: {why}", next_step="solve that of .mode")
        return solve(self.condition, parameter, self.mode.assuming)

    def __str__(self) -> str:
        return f"{self.verdict} ({self.known}): {self.statement or self.reason}"


def stability_any_size(
    game: Any, rule: Rule | None = None, *, at: Mapping[Any, Any] | None = None, jointly: Any = ()
) -> AnySizeVerdict:
    """Whether a rule converges on a quadratic game of vectors, for every dimension and every coupling matrix at once.

    Math: losses are sums of x^T W y, W a word in one coupling A (n x m) and its transpose, in multiples of the identity
        and in matrices declared `jointly` diagonal in the same axes (a tuple, or {P: symbol of an eigenvalue}). Linear
        terms only move the equilibrium. The rule must not look at components (Adam, RMSProp and clipping do).

    Shapes: any dimensions; the cost is that of the scalar game.

    Raises: GameError for a game that moves scalars, or a point other than the origin.

    Reference: Gidel et al. (2019), arXiv:1807.04740, for bilinear games by singular values.

    Examples:
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.language import dot, vector
        >>> from bilevel.rules import optimistic
        >>> x, y, h = vector("x", "n"), vector("y", "m"), sp.Symbol("h", positive=True)
        >>> A = sp.MatrixSymbol("A", x.shape[0], y.shape[0])
        >>> game = Game(a=minimize(dot(x, A*y), x), b=maximize(dot(x, A*y), y))
        >>> stability_any_size(game, optimistic(step=h)).solve(h)
        h < sqrt(3)/(3*sigma_max)
    """
    if any(value != 0 and not isinstance(value, sp.ZeroMatrix) for value in (at or {}).values()):
        raise GameError("a game of any size is analysed at the origin; linear terms only move the equilibrium there")
    rule = rule or default_rule(game)
    try:
        reduced = reduce_game(game, jointly, frozenset(str(s) for s in rule.symbols))
        matrix, order = linearise_mode(reduced.game, rule)
        check_two_modes(reduced.game, rule, matrix, order, reduced.spectral, reduced.sides)
    except UnknownAnswer as stop:
        return _unknown(str(stop), rule)
    mode = analyse(matrix, time=rule.time, assuming=game.assuming)
    if mode.condition is None:
        return _unknown(mode.reason or "the scalar game is undecided", rule, mode)
    zeros = {side: _zero_mode(reduced, rule, side) for side in (LEFT, RIGHT)}
    return _assembled(reduced, rule, mode, zeros)


def _unknown(reason: str, rule: Rule, mode: Verdict | None = None) -> AnySizeVerdict:
    return AnySizeVerdict("unknown", None, None, None, "unknown", rule.time, "", "", mode, reason=reason)


def _zero_mode(reduced: Reduced, rule: Rule, side: str) -> Verdict | str | None:
    """The verdict on the zero modes of one side; None without vectors there; text where the rule is undefined."""
    if reduced.sigma is None or side not in reduced.sides.values():
        return None
    try:
        matrix, order = linearise_mode(reduced.game, rule, {reduced.sigma: sp.S.Zero})
        block = block_at_zero(matrix, order, reduced.sides, side)
    except BilevelError as stop:
        return str(stop)
    found = analyse(block, time=rule.time, assuming=reduced.game.assuming)
    return found if found.condition is not None else found.reason or "undecided"


def _assembled(reduced: Reduced, rule: Rule, mode: Verdict, zeros: Mapping[str, Any]) -> AnySizeVerdict:
    facts = tuple(reduced.game.assuming)
    stable = at_every(mode.condition, reduced.spectral, facts)
    everywhere = mode.exists_on == sp.true
    unstable = _restated_complement(mode.unstable_on, reduced, facts) if everywhere else None
    requires = _requires(reduced, zeros)
    low, high = ends_of(reduced.sigma) if reduced.sigma is not None else (None, None)
    left, right = (zeros[side] if isinstance(zeros[side], Verdict) else None for side in (LEFT, RIGHT))
    marginal = None if stable.condition is None or unstable is None else _rest(stable.condition, unstable)
    trace = (
        *reduced.trace,
        f"{rule.name} reads no components, so it commutes with orthogonal changes of each vector's axes"
        " (compared exactly on two modes in turned axes)",
        *stable.trace,
    )
    same = all(found is None or getattr(found, "verdict", "") == mode.verdict for found in zeros.values())
    return AnySizeVerdict(
        mode.verdict if same or mode.verdict == "unstable" else "conditional",
        stable.condition,
        unstable,
        marginal,
        mode.known,
        rule.time,
        requires,
        _statement(reduced, rule, mode, stable, requires, zeros),
        mode,
        left,
        right,
        reduced.sigma,
        low,
        high,
        reduced,
        mode.reason,
        trace,
    )


def _restated_complement(unstable: Any, reduced: Reduced, facts: tuple[Any, ...]) -> Any:
    """Unstable at some singular value: not (not unstable at every one)."""
    bounded = None if unstable is None else at_every(sp.Not(unstable), reduced.spectral, facts).condition
    return None if bounded is None else sp.to_nnf(sp.Not(bounded), simplify=False)


def _rest(stable: Any, unstable: Any) -> Any:
    """What is neither; one equation where the two are the sides of one inequality."""
    if isinstance(stable, sp.StrictLessThan | sp.StrictGreaterThan) and sp.Not(unstable) == _weak(stable):
        return sp.Eq(stable.lhs, stable.rhs)
    return sp.to_nnf(sp.And(sp.Not(stable), sp.Not(unstable)), simplify=False)


def _weak(strict: Any) -> Any:
    return (sp.Le if isinstance(strict, sp.StrictLessThan) else sp.Ge)(strict.lhs, strict.rhs)


def _requires(reduced: Reduced, zeros: Mapping[str, Any]) -> str:
    """Which zero modes must be absent: those that are nowhere stable, or on which the rule is undefined."""
    bad = {
        side
        for side, found in zeros.items()
        if isinstance(found, str) or (isinstance(found, Verdict) and found.condition == sp.false)
    }
    if bad == {LEFT, RIGHT}:
        return f"{reduced.coupling} square and invertible"
    if bad == {LEFT}:
        return f"{reduced.coupling} of full row rank"
    return f"{reduced.coupling} of full column rank" if bad == {RIGHT} else ""


def _statement(
    reduced: Reduced, rule: Rule, mode: Verdict, stable: Restated, requires: str, zeros: Mapping[str, Any]
) -> str:
    spectral = ", ".join(map(str, reduced.spectral))
    if mode.condition == sp.false:
        nowhere = "no coupling but zero" if reduced.sigma is not None else "no size"
        return f"the equilibrium is exponentially stable for {nowhere}; each mode is {_kind(mode)}"
    if stable.condition is not None:
        core = "always" if stable.condition == sp.true else f"iff {stable.condition}"
    else:
        core = f"iff {mode.condition} at every {spectral}"
    parts = [f"for every size the equilibrium is exponentially stable {core}"]
    if requires:
        parts.append(f"with {requires}")
    for side, found in zeros.items():
        members = ", ".join(v for v, s in reduced.sides.items() if s == side)
        if isinstance(found, str):
            parts.append(f"zero modes of {members}: undecided ({found})")
        elif isinstance(found, Verdict):
            parts.append(f"zero modes of {members}: {_kind(found)}")
    if reduced.shifted:
        parts.append("linear terms move the equilibrium, which is meant where it exists")
    return "; ".join(parts)


def _kind(found: Verdict) -> str:
    if found.verdict != "conditional":
        why = f" ({found.marginal_why})" if found.marginal_why else ""
        return found.verdict + why
    if found.condition == sp.false:
        return f"unstable where {shown(found.unstable_on)}, else marginal ({found.marginal_why})"
    return f"stable iff {found.condition}"
