"""Equilibria of linear-quadratic games in feedback gains: found in floating point, proved exactly or in intervals.

Main definitions: `feedback_nash`, `FeedbackNash`, `FeedbackEquilibria`.

Notation: as in `bilevel.models.closed_loops`. The unknowns are the gains alone: P_i solves a linear equation in balls,
and the derivative of E_i follows from the differentiated equation, so nothing is ever expanded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import flint
import numpy as np
import sympy as sp
from flint import arb, arb_mat, fmpq_mat

from bilevel.analysis.all_gains import loop_candidates, one_cost
from bilevel.analysis.analyse import analyse
from bilevel.analysis.coupled_riccati import STARTS, starts
from bilevel.analysis.eliminant import scalar_gains
from bilevel.analysis.enclosure import ball, enclose, enclosed_verdict
from bilevel.analysis.gain_kinds import kind_of
from bilevel.analysis.known import Known
from bilevel.analysis.polynomials import rational, to_sympy
from bilevel.language.errors import GameError, UnknownAnswer

PRECISION, LARGEST_DENOMINATOR = 160, 10_000


@dataclass(frozen=True)
class FeedbackNash:
    """Gains at which nobody improves: where they are, what they are worth, how all of it is known.

    Math: E_i = 0 for every player and gamma^{1/2} L contracts. `kind` is "Nash (strict)" where every R_ii + gamma
        B_i^T P_i B_i is positive definite: then any other stabilising gain, D away, costs player i tr(D^T (that) D
        Sigma') more. Where one has a negative eigenvalue, that player improves at once. Else "undecided".

    Shapes: one matrix a player; for known "enclosed" entries are midpoints, and `radius` bounds the distance of each to
        the true one.

    Reference: Basar and Olsder (1999), Dynamic Noncooperative Game Theory, section 6.2; Fazel et al. (2018), lemma 10,
        for the difference of costs.

    Examples:
        >>> from bilevel.models import RegulatorGame
        >>> (found,) = feedback_nash(RegulatorGame(1, [1], ["1/2"], [1])).points
        >>> found.gains[0], found.kind, found.known
        (Matrix([[1/2]]), 'Nash (strict)', 'exact')
    """

    gains: tuple[Any, ...]
    values: tuple[Any, ...]
    kind: str
    known: str
    radius: float = 0.0
    balls: tuple[Any, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True)
class FeedbackEquilibria:
    """The stabilising equilibria found; `complete` where these are proved to be all, else `reason` says what is open.

    Math: see `FeedbackNash`.

    Reference: see `feedback_nash`.

    Examples:
        >>> FeedbackEquilibria((), True).complete
        True
    """

    points: tuple[FeedbackNash, ...]
    complete: bool
    reason: str = ""


def feedback_nash(game: Any) -> FeedbackEquilibria:
    """The equilibria of a linear-quadratic game in linear feedback, each proved.

    Math: the coupled Riccati recursion (from the costs and from other starts) and Newton's method say where to look.
        Short fractions there are tried exactly; else Krawczyk's test on K -> E(K) in balls proves one zero near. All
        are found for one player or costs that are multiples of one another, where the stabilising solution is the
        only one; for two players of a scalar, as exact algebraic numbers from the eliminant's real roots; for more,
        who pay for no other's action, from the roots of one polynomial in the closed loop.

    Shapes: a `RegulatorGame`, or a `Regulator`, whose entries are rational numbers; cost grows with the sixth power of
        the number of states and the cube of the number of gains, and for players of a scalar with 2^n.

    Raises: UnknownAnswer for entries with symbols, or where nothing was found.

    Reference: Basar and Olsder (1999), section 6.2; Krawczyk (1969), doi 10.1007/BF02234767.

    Examples:
        >>> from bilevel.models import robust_regulator
        >>> found = feedback_nash(robust_regulator(1, 1, 1, 1, 1, 4))
        >>> found.points[0].gains, found.complete
        ((Matrix([[-1/2 + sqrt(57)/6]]), Matrix([[1/8 - sqrt(57)/24]])), True)
    """
    game = getattr(game, "players", game)  # a regulator is a game of one player
    blocks = [game.A, *game.B, *game.Q, game.start, *(R for row in game.R for R in row)]
    if not all(entry.is_Rational for M in blocks for entry in M) or not game.discount.is_Rational:
        raise UnknownAnswer("coupled Riccati equations with symbols", next_step="give every entry a rational number")
    single = game.A.shape == (1, 1) and all(B.shape == (1, 1) for B in game.B)
    exact = scalar_gains(game) if single and len(game.B) <= 2 else None
    if exact is not None:
        tried = [_at_algebraic(game, gains) for gains in exact]
        open_ones = [p for p in tried if p is None]
        reason = "" if not open_ones else "a solution's loop was not told from the boundary of contraction"
        return FeedbackEquilibria(tuple(p for p in tried if isinstance(p, FeedbackNash)), not open_ones, reason)
    candidates = loop_candidates(game)
    return _searched(game) if candidates is None else _among(game, candidates)


def _among(game: Any, candidates: list[list[arb]]) -> FeedbackEquilibria:
    """The equilibria near balls that hold them all; a ball inside a box with one zero holds that or none."""
    found: list[FeedbackNash] = []
    missed = 0
    for balls in candidates:
        polished = _newton(game, [np.array([float(k.mid())]) for k in balls])
        proved = polished and _proved(game, polished, balls)
        if proved is None:
            missed += 1
        elif not any(_same(polished, p) for p in found):
            found.append(_short(game, polished) or proved)
    reason = f"{missed} of {len(candidates)} candidates are neither proved nor excluded" if missed else ""
    return FeedbackEquilibria(tuple(found), not missed, reason)


def _searched(game: Any) -> FeedbackEquilibria:
    """From many starts, until there can be no more."""
    only = len(game.B) == 1 or one_cost(game)
    found: list[FeedbackNash] = []
    for near in starts(game):
        polished = _newton(game, near)
        if polished is None or any(_same(polished, p) for p in found):
            continue
        proved = _short(game, polished) or _proved(game, polished)
        if proved is not None:
            found.append(proved)
        if found and only:
            return FeedbackEquilibria(tuple(found), True)
    if not found:
        raise UnknownAnswer(
            "no solution was found whose loop contracts", next_step="check that the system can be stabilised"
        )
    return FeedbackEquilibria(tuple(found), False, f"{STARTS} starts were tried; more equilibria may exist")


def into_balls(M: Any) -> arb_mat:
    """A matrix of numbers in ball arithmetic."""
    if isinstance(M, arb_mat):
        return M
    return arb_mat(M.rows, M.cols, [arb(rational(e)) if e.is_Rational else ball(e) for e in M])


def into_fractions(M: Any) -> fmpq_mat:
    """A matrix of rational numbers for exact arithmetic."""
    return fmpq_mat(M.rows, M.cols, [rational(e) for e in M])


def at_balls(game: Any, gains: Any) -> Any:
    """The closed loop with gains given as balls."""
    blank = game.at([sp.zeros(B.cols, game.A.rows) for B in game.B], into_balls)
    return replace(blank, gains=tuple(gains))


def _stacked(loop: Any) -> list[Any]:
    """E of every player, row by row."""
    E = [loop.residual(i) for i in range(len(loop.B))]
    return [M[a, b] for M in E for a in range(M.nrows()) for b in range(M.ncols())]


def _split(game: Any, entries: list[Any]) -> list[arb_mat]:
    found, n, place = [], game.A.rows, 0
    for B in game.B:
        found.append(arb_mat(B.cols, n, entries[place : place + B.cols * n]))
        place += B.cols * n
    return found


def _precise(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same work at a working precision of its own; None where a matrix cannot be inverted."""

    def done(*given: Any) -> Any:
        saved = flint.ctx.prec
        try:
            flint.ctx.prec = PRECISION
            return work(*given)
        except (GameError, ZeroDivisionError, ValueError):
            return None
        finally:
            flint.ctx.prec = saved

    return done


@_precise
def _newton(game: Any, near: list[Any]) -> list[arb] | None:
    """Newton's method from floating-point gains, to the working precision."""
    x = [arb(float(e)) for K in near for e in K.ravel()]
    for _ in range(30):
        loop = at_balls(game, _split(game, x))
        slope, value = loop.derivative("natural gradient"), _stacked(loop)
        step = slope.solve(arb_mat([[2 * v] for v in value]))  # the direction is 2 E
        x = [(x[i] - step[i, 0]).mid() for i in range(len(x))]
        size = max(abs(float(step[i, 0].mid())) for i in range(len(x)))
        if not all(v.is_finite() for v in x) or size > 1e9:
            return None
        if size < 1e-30:
            return x
    return None


def _same(x: list[arb], point: FeedbackNash) -> bool:
    other = [float(e) for K in point.gains for e in K]
    return all(abs(float(a) - b) <= 1e-9 * (1 + abs(b)) for a, b in zip(x, other, strict=True))


def _short(game: Any, x: list[arb]) -> FeedbackNash | None:
    """Where short fractions near satisfy every equation exactly."""
    guess = [sp.Rational(float(e)).limit_denominator(LARGEST_DENOMINATOR) for e in x]
    if any(abs(float(g) - float(e)) > 1e-12 * (1 + abs(float(e))) for g, e in zip(guess, x, strict=True)):
        return None
    gains, place = [], 0
    for B in game.B:
        count = B.cols * game.A.rows
        gains.append(sp.ImmutableMatrix(B.cols, game.A.rows, guess[place : place + count]))
        place += count
    try:
        loop = game.at(gains, into_fractions)
        zero = all(e == 0 for e in _stacked(loop))
    except GameError:  # a loop on the boundary has no value
        return None
    plain = game.at(gains)
    if not zero or analyse(_squared(game, plain.loop), time="discrete").verdict != "stable":
        return None
    values = tuple(_back(P) for P in loop.values)
    return FeedbackNash(tuple(gains), values, kind_of(loop), "exact")


def _squared(game: Any, loop: Any) -> Any:
    """gamma L (x) L, which contracts exactly when gamma^{1/2} L does."""
    return sp.ImmutableMatrix(game.discount * sp.kronecker_product(loop, loop))


def _back(M: Any) -> Any:
    entries = [M[i, j] for i in range(M.nrows()) for j in range(M.ncols())]
    shown = (lambda e: sp.Float(float(e.mid()))) if isinstance(M, arb_mat) else to_sympy
    return sp.ImmutableMatrix(M.nrows(), M.ncols(), [shown(e) for e in entries])


@_precise
def _proved(game: Any, middle: list[arb], holding: list[arb] | None = None) -> FeedbackNash | None:
    """Krawczyk's test on K -> E(K), over a box that holds given balls; the loop and every curvature over its image."""
    count = len(middle)
    at_middle = at_balls(game, _split(game, middle))
    inverse = at_middle.derivative("natural gradient").inv()
    value = arb_mat([[2 * v] for v in _stacked(at_middle)])
    one = arb_mat([[int(i == j) for j in range(count)] for i in range(count)])
    for exponent in (-90, -60, -40):
        box = [m + arb(0, arb(2) ** exponent * (1 + abs(m)).mid()) for m in middle]
        slope = at_balls(game, _split(game, box)).derivative("natural gradient")
        spread = arb_mat([[b - m] for b, m in zip(box, middle, strict=True)])
        moved = (one - inverse * slope) * spread - inverse * value
        image = [middle[i] + moved[i, 0] for i in range(count)]
        if not all(b.contains(k) for b, k in zip(box, holding or middle, strict=True)):
            continue
        if all(b.contains_interior(k) for b, k in zip(box, image, strict=True)):
            return _enclosed(game, _split(game, image))
    return None


def _enclosed(game: Any, gains: Any) -> FeedbackNash | None:
    loop = at_balls(game, gains)
    if not contracts(loop):
        return None
    balls = [e for M in (*gains, *loop.values) for e in M.entries()]
    radius = max(float(e.rad()) + abs(float(e.mid())) * 2.0**-52 for e in balls)
    shown, values = tuple(map(_back, gains)), tuple(map(_back, loop.values))
    return FeedbackNash(shown, values, kind_of(loop), "enclosed", radius, tuple(gains))


def contracts(loop: Any) -> bool:
    """Whether gamma^{1/2} L is proved to contract, in balls."""
    n, root = loop.loop.nrows(), loop.discount.sqrt()
    rows = [[loop.loop[i, j] * root for j in range(n)] for i in range(n)]
    return enclosed_verdict(rows, "discrete") == "stable"


@_precise
def _at_algebraic(game: Any, gains: tuple[Any, ...]) -> FeedbackNash | str | None:
    """Exact scalar gains; "outside" where the loop does not contract, None where that is not decided."""
    enclosed = [enclose(k, precision=PRECISION) for k in gains]
    balls = [arb_mat([[k]]) for k in enclosed if k is not None]
    if len(balls) < len(gains):
        return None
    left = game.A[0] - sum(B[0] * k for B, k in zip(game.B, gains, strict=True))
    margin = Known().sign(1 - game.discount * left**2)
    if margin != "+":
        return "outside" if margin in ("-", "0", "<=0") else None
    loop = at_balls(game, balls)
    plain = game.at([[k] for k in gains], into_fractions) if all(k.is_Rational for k in gains) else loop
    if any(k.has(sp.CRootOf) for k in gains):
        values = tuple(map(_back, loop.values))
    else:
        values = tuple(sp.ImmutableMatrix(P).applyfunc(sp.radsimp) for P in game.at([[k] for k in gains]).values)
    fixed = tuple(sp.ImmutableMatrix([[k]]) for k in gains)
    return FeedbackNash(fixed, values, kind_of(plain), "exact", 0.0, tuple(balls))
