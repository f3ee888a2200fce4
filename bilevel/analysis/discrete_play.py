"""Fictitious play step by step, proved to go round for ever: the turn of continuous time with bounded errors.

Main definition: `discrete_play`.

Notation: as in `bilevel.analysis.best_replies`; g the payoffs so far, S_k the map of a stay, v_k the speeds there.
"""

from __future__ import annotations

from typing import Any

import flint
import sympy as sp
from flint import arb, fmpq, fmpq_mat

from bilevel.analysis.best_replies import (
    BestReplyCycle,
    PlayVerdict,
    fictitious_play,
    ray_of,
    turn_of,
    without_constants,
)
from bilevel.analysis.enclosure import enclose
from bilevel.analysis.polynomials import rational
from bilevel.language.values import expression

PRECISION = 256


def discrete_play(play: Any, start: Any, *, steps: int = 2000) -> PlayVerdict:
    """Whether the beliefs of step-by-step fictitious play from a start converge.

    Math: let a cycle of cells leave one switch open in each (one player has one better reply, the other none): the
        path then follows it for ever. A stay lasts tau(g) + theta steps, 0 <= theta <= 1, and so one turn is g' = M g +
        sum_k theta_k (S_n ... S_{k+1}) v_k. With l M = ratio l and l > 0 on the ray, u = l g obeys u' = ratio u + sum_k
        theta_k c_k; once u > sum_k max(0, -c_k)/(ratio - 1) it grows like ratio^turn. All other eigenvalues are
        smaller, so g tends to the ray, the turns' lengths to the ratio, and the beliefs to the cycle's corners.

    Shapes: `start` gives weights to both sides' actions. So many steps are run, exactly, until the inequality holds.

    Reference: Shapley (1964), Some topics in two-person games; Monderer and Sela (1996), doi 10.1006/game.1996.0057.

    Examples:
        >>> from bilevel.models import FictitiousPlay, shapley_payoffs
        >>> discrete_play(FictitiousPlay(*shapley_payoffs()), ([1, 0, 0], [0, 1, 0])).claim
        'does not converge'
    """
    runs = play.run(steps, start)
    cycle = fictitious_play(play).cycle
    if cycle is None or cycle.attracts is not True:
        return PlayVerdict("unknown", "", "no cycle is known that attracts continuous time")
    follows = zip(cycle.cells, (*cycle.cells[1:], cycle.cells[0]), strict=True)
    if any(play.switches(cell) != (then,) for cell, then in follows):
        return PlayVerdict("unknown", "", "a cell of the cycle leaves more than one switch open", cycle)
    saved = flint.ctx.prec
    try:
        flint.ctx.prec = PRECISION
        after = _beyond_errors(play, cycle, runs, start)
    finally:
        flint.ctx.prec = saved
    if after is None:
        why = f"in {steps} steps the path has not come far enough round the cycle for its errors; allow more"
        return PlayVerdict("unknown", "", why, cycle)
    why = f"from step {after} on every turn of the forced cycle outgrows the errors of whole steps"
    return PlayVerdict("does not converge", "this start", why, cycle)


def _beyond_errors(play: Any, cycle: BestReplyCycle, runs: Any, start: Any) -> int | None:
    """The step at which the path is in the cycle and large enough; None where it never is."""
    m, n = play.rows.shape
    stays, turn = turn_of(play, list(cycle.cells))
    ratio, left = enclose(cycle.ratio, precision=PRECISION), _left(turn, cycle.ratio, stays[0][0], m, n)
    if ratio is None or left is None or not ratio > 1:
        return None
    fall = _fall(stays, left, m + n) / (ratio - 1)
    x, y = ([rational(expression(w)) for w in side] for side in start)
    g = [sum((rational(r) * w for r, w in zip(play.rows.row(i), y, strict=True)), fmpq(0)) for i in range(m)]
    g += [sum((rational(c) * w for c, w in zip(play.columns.col(j), x, strict=True)), fmpq(0)) for j in range(n)]
    step = 0
    for (a, b), count in runs[:-1]:
        if (a, b) == cycle.cells[0] and sum((e * arb(p) for e, p in zip(left, g, strict=True)), arb(0)) > fall:
            return step
        speed = [*play.rows.col(b), *play.columns.row(a)]
        g = [p + count * rational(s) for p, s in zip(g, speed, strict=True)]
        step += count
    return None


def _left(turn: fmpq_mat, ratio: Any, first: list[fmpq], m: int, n: int) -> list[arb] | None:
    """l on all payoffs: the left eigenvector of the turn, positive on the ray, on which the first stay is positive."""
    z = sp.Symbol("x")
    right, found = ray_of(turn, ratio, z), ray_of(turn.transpose(), ratio, z)
    if right is None or found is None:
        return None
    less, more = without_constants(m, n)
    dot = lambda p, q: sum((arb(a) * b for a, b in zip(p, q, strict=True)), arb(0))
    ray = [dot([more[i, j] for j in range(len(right))], right) for i in range(m + n)]
    along = dot(found, right) * dot(first, ray)
    if along.contains(0):
        return None
    sign = 1 if along > 0 else -1
    return [sign * dot([less[i, j] for i in range(len(found))], found) for j in range(m + n)]


def _fall(stays: Any, left: list[arb], size: int) -> arb:
    """sum_k max(0, -c_k), c_k = l S_n ... S_{k+1} v_k: by how much one turn's errors can make u smaller."""
    total, row = arb(0), left
    for times, speed in reversed(stays):
        c = sum((e * arb(v) for e, v in zip(row, speed, strict=True)), arb(0))
        total += -c if c < 0 else arb(0) if c > 0 else abs(c)
        row = [row[j] + c * arb(times[j]) for j in range(size)]  # l S = l + (l v) times
    return total
