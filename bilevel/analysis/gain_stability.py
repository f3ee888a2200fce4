"""Stability of learning feedback gains at an equilibrium, without writing the update out.

Main definitions: `gain_stability`.

Notation: as in `bilevel.models.closed_loops`; D_i is the direction player i descends, J its derivative in all gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import flint
import sympy as sp
from flint import acb, acb_mat, arb, arb_mat

from bilevel.analysis.analyse import analyse
from bilevel.analysis.enclosure import enclosed_verdict
from bilevel.analysis.feedback_nash import PRECISION, FeedbackNash, at_balls, into_balls, into_fractions
from bilevel.analysis.polynomials import to_sympy
from bilevel.analysis.verdict import Verdict, certain, unknown
from bilevel.language.errors import GameError
from bilevel.models.closed_loops import Method

ENCLOSED = "decided by enclosures at the equilibrium proved to lie in the box"


def gain_stability(
    game: Any,
    at: Any,
    *,
    method: Method = "gradient",
    steps: Any = None,
    replies: Sequence[str] = (),
) -> Verdict:
    """Whether learning rules for gains converge to an equilibrium of a linear-quadratic game.

    Math: K_i' = K_i - h_i D_i(K), or dK_i/dt = -D_i (no `steps`), linearised: 1 - H J or -J. J comes from the
        differentiated Lyapunov equations at the point, exactly; gains are never symbols. Players named in `replies` sit
        at their best reply all along: with m the others, J becomes J_mm - J_mr J_rr^{-1} J_rm (nested learning).

    Shapes: `game` a `RegulatorGame` or a `Regulator`; `at` a `FeedbackNash`, or gains that are numbers. One step for
        all or one a player: numbers or symbols. Rational gains and square roots give an exact verdict in all symbols;
        enclosed gains one for numbers or for a single symbol, whose limit is shown with its last digit unsure. Cost
        grows with the sixth power of the number of states and the cube of the number of gains.

    Raises: GameError where nobody's gain is at rest, or a name or method is unknown.

    Reference: Mazumdar, Ratliff, Jordan, Sastry (2020), arXiv:1907.03712; Zhang, Yang, Basar (2019), arXiv:1906.00729,
        for nested learning.

    Examples:
        >>> from bilevel.models import Regulator
        >>> h = sp.Symbol("h", positive=True)
        >>> gain_stability(Regulator(1, 1, "1/2", 1), [["1/2"]], method="natural gradient", steps=h).condition
        h < 1/2
    """
    game = getattr(game, "players", game)
    strangers = set(replies) - set(game.names)
    if strangers or set(replies) == set(game.names):
        raise GameError(f"replies name some, not all, of {', '.join(game.names)}; got {', '.join(map(str, replies))}")
    time = "continuous" if steps is None else "discrete"
    saved = flint.ctx.prec
    try:
        flint.ctx.prec = PRECISION
        return _decided(game, at, method, steps, tuple(replies), time)
    finally:
        flint.ctx.prec = saved


def _decided(game: Any, at: Any, method: Method, steps: Any, replies: tuple[str, ...], time: str) -> Verdict:
    gains = at.gains if isinstance(at, FeedbackNash) else game.at(at).gains
    if isinstance(at, FeedbackNash) and at.balls and not _short(gains):
        J = _reduced(game, at_balls(game, at.balls).derivative(method), replies)
        return _by_balls(game, J, steps, replies, time)
    if not all(e.is_number and not e.has(sp.Float) for K in gains for e in K):
        raise GameError("gains are exact numbers here, or a point that `feedback_nash` found")
    fractions = all(e.is_Rational for K in gains for e in K)
    loop = game.at(gains, into_fractions) if fractions else game.at(gains)
    for i, name in enumerate(game.names):
        E = loop.residual(i)
        if any(e != 0 for e in (E.entries() if fractions else map(sp.radsimp, E))):
            raise GameError(f"{name} still moves at these gains: E = {E}; give a point that `feedback_nash` finds")
    J = _reduced(game, loop.derivative(method), replies)
    J = J if isinstance(J, sp.MatrixBase) else _shown(J)
    J = sp.ImmutableMatrix(J).applyfunc(sp.radsimp)
    return analyse(-J if steps is None else sp.eye(J.rows) - _rates(game, steps, replies) * J, time=time)


def _short(gains: Any) -> bool:
    """Rational, or square roots of rationals in as many as six gains."""
    entries = [e for K in gains for e in K]
    if any(e.has(sp.Float, sp.CRootOf) for e in entries):
        return False
    return all(e.is_Rational for e in entries) or len(entries) <= 6


def _movers(game: Any, replies: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Which gains move by learning, and which reply."""
    owners = [name for name, B in zip(game.names, game.B, strict=True) for _ in range(B.cols * game.A.rows)]
    moving = [k for k, name in enumerate(owners) if name not in replies]
    return moving, [k for k, name in enumerate(owners) if name in replies]


def _reduced(game: Any, J: Any, replies: tuple[str, ...]) -> Any:
    moving, replying = _movers(game, replies)
    if not replying:
        return J
    kind = sp.Matrix if isinstance(J, sp.MatrixBase) else type(J)
    part = lambda rows, columns: kind(len(rows), len(columns), [J[i, j] for i in rows for j in columns])
    inner = part(replying, replying)
    if isinstance(J, sp.MatrixBase):
        answer = inner.LUsolve(part(replying, moving))
    else:
        answer = inner.solve(part(replying, moving))
    return part(moving, moving) - part(moving, replying) * answer


def _rates(game: Any, steps: Any, replies: tuple[str, ...]) -> Any:
    sizes = game.steps(steps)
    each = [h for h, B in zip(sizes, game.B, strict=True) for _ in range(B.cols * game.A.rows)]
    return sp.diag(*(each[k] for k in _movers(game, replies)[0]))


def _by_balls(game: Any, J: arb_mat, steps: Any, replies: tuple[str, ...], time: str) -> Verdict:
    n = J.nrows()
    near = _shown(J)
    if steps is None:
        return _answer([[-J[i, j] for j in range(n)] for i in range(n)], -near, time)
    rates = _rates(game, steps, replies)
    symbols = rates.free_symbols
    if not symbols:
        H = into_balls(rates)
        moved = H * J
        rows = [[int(i == j) - moved[i, j] for j in range(n)] for i in range(n)]
        return _answer(rows, sp.eye(n) - rates * near, time)
    if len(symbols) > 1:
        return unknown("several symbolic steps at an enclosed equilibrium", sp.eye(n) - rates * near, time)
    (h,) = symbols
    scale = (rates / h).applyfunc(sp.cancel)
    if scale.free_symbols or h.is_positive is not True:
        return unknown(f"the steps are no multiples of one positive symbol {h}", sp.eye(n) - rates * near, time)
    return _limit(into_balls(scale) * J, h, sp.ImmutableMatrix(sp.eye(n) - rates * near))


def _answer(rows: Any, shown: Any, time: str) -> Verdict:
    answer = enclosed_verdict(rows, time)
    shown = sp.ImmutableMatrix(shown)
    if answer is None:
        return unknown("an eigenvalue cannot be told from the boundary by enclosures", shown, time)
    return certain(answer, shown, time, known="enclosed", reason=ENCLOSED, characteristic_polynomial=None)


def _limit(J: arb_mat, h: Any, shown: Any) -> Verdict:
    """1 - h J: stable iff h < 2 Re l/|l|^2 for every eigenvalue l, all of positive real part."""
    clusters = spectral_discs(J)
    if clusters is None:
        return unknown("an eigenvalue is too close to a defective one to be enclosed", shown, "discrete")
    values = [v for cluster in clusters for v in cluster]
    if any(all(v.real < 0 for v in cluster) for cluster in clusters):
        return certain("unstable", shown, "discrete", known="enclosed", reason=ENCLOSED, characteristic_polynomial=None)
    if not all(v.real > 0 for v in values):
        return unknown("an eigenvalue cannot be told from the axis by enclosures", shown, "discrete")
    limit = lambda v: 2 * v.real / (v.real * v.real + v.imag * v.imag)
    low = min(float(limit(v).lower()) for v in values)
    high = min(max(float(limit(v).upper()) for v in cluster) for cluster in clusters)  # each cluster holds one at least
    middle = sp.Float((low + high) / 2, 15)
    digits = (high - low) / 2 + abs(high) * 2.0**-49
    verdict = certain("conditional", shown, "discrete", known="enclosed", characteristic_polynomial=None)
    return replace(
        verdict,
        condition=h < middle,
        unstable_on=h > middle,
        marginal_on=sp.Eq(h, middle),
        marginal_why="an eigenvalue reaches the unit circle",
        reason=f"{ENCLOSED}; the limit is within {digits:.1e} of the number shown",
    )


def spectral_discs(J: arb_mat) -> list[list[acb]] | None:
    """Discs that hold all eigenvalues, in clusters that do not meet; each cluster holds as many as it has discs.

    Gershgorin's theorem for V^{-1} J V, V approximate eigenvectors: repeated eigenvalues with a full set of vectors
    give small discs too.
    """
    n, middle = J.nrows(), acb_mat(J).mid()
    _, V = middle.eig(right=True, algorithm="approx")
    try:
        D = V.inv() * acb_mat(J) * V
    except ZeroDivisionError:
        return None
    discs = []
    for i in range(n):
        reach = sum((abs(D[i, j]) for j in range(n) if j != i), arb(0))
        around = arb(0, (reach + D[i, i].real.rad() + D[i, i].imag.rad()).abs_upper())
        discs.append(acb(D[i, i].real.mid() + around, D[i, i].imag.mid() + around))
    if not all(d.real.is_finite() and d.imag.is_finite() for d in discs):
        return None
    clusters: list[list[acb]] = []
    for disc in discs:
        near = [c for c in clusters if any(disc.overlaps(other) for other in c)]
        clusters = [c for c in clusters if c not in near] + [[disc, *(d for c in near for d in c)]]
    return clusters


def _shown(J: Any) -> Any:
    entries = J.entries()
    put = (lambda e: sp.Float(float(e.mid()))) if isinstance(J, arb_mat) else to_sympy
    return sp.ImmutableMatrix(J.nrows(), J.ncols(), [put(e) for e in entries])
