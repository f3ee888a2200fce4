"""Whether exact fictitious play converges: read from the cells of constant replies, never from a derivative across one.

Main definitions: `fictitious_play`, `PlayVerdict`, `BestReplyCycle`, `best_reply_cycle`.

Notation: as in `bilevel.models.fictitious_play`; continuous time t, X = t x and Y = t y the actions' total times. The
state is g = (R Y, C^T X), each side's payoffs so far; in cell (a, b) it grows by (R e_b, C^T e_a) per unit time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from flint import acb, arb, fmpq_mat, fmpq_poly
from sympy.polys.matrices import DomainMatrix

from bilevel.analysis.enclosure import enclose
from bilevel.analysis.polynomials import rational, to_sympy
from bilevel.analysis.univariate import rational_roots
from bilevel.language.errors import GameError

LONGEST = 12  # cells of a cycle that is looked for
CYCLES = 400


@dataclass(frozen=True)
class BestReplyCycle:
    """A cyclic path of continuous fictitious play: its cells, and by which ratio every turn is longer than the last.

    Math: every switch is a linear map of the payoffs so far (the time to it is linear in them), and so is one turn, M.
        On the ray M g = ratio g, with every time positive and every switch the first to come, the path repeats itself,
        scaled. With ratio > 1 the beliefs at switches tend to different `corners`, and do not converge. `attracts`: all
        other eigenvalues of M are smaller in modulus, so nearby starts tend to it.

    Shapes: `times` are the stays in each cell, as shares of one turn; corners one pair (x, y) a cell.

    Reference: Shapley (1964), Some topics in two-person games; Gaunersdorfer and Hofbauer (1995), doi
        10.1006/game.1995.1052.

    Examples:
        >>> from bilevel.models import FictitiousPlay, shapley_payoffs
        >>> word = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 0)]
        >>> best_reply_cycle(FictitiousPlay(*shapley_payoffs()), word).attracts
        True
    """

    cells: tuple[tuple[int, int], ...]
    turn: Any
    ratio: Any
    times: tuple[Any, ...]
    corners: tuple[tuple[Any, Any], ...]
    attracts: bool | None


@dataclass(frozen=True)
class PlayVerdict:
    """What is proved of continuous fictitious play: `claim`, for which starts, and why.

    Math: claims: "converges" (the beliefs, to the equilibria), "does not converge" (from some starts), "unknown".

    Reference: see `fictitious_play`.

    Examples:
        >>> PlayVerdict("unknown", "", "no cycle was found").known
        'unknown'
    """

    claim: str
    starts: str
    why: str
    cycle: BestReplyCycle | None = None

    @property
    def known(self) -> str:
        """How the claim is known."""
        return "unknown" if self.claim == "unknown" else "exact"


def fictitious_play(play: Any) -> PlayVerdict:
    """Whether continuous-time fictitious play of a two-player game converges.

    Math: with DDR[i, j] = R[i, j] - R[0, j] - R[i, 0] + R[0, 0] the part of payoffs that replies depend on:
        DDC = -c DDR, c > 0 (zero-sum up to scale): the gap max_i (R y)_i - min_j (R^T x)_j falls as e^{-s} in every
        cell, without jumps. DDC = c DDR (common interest): x^T R y never falls. No cycle of better replies (an ordinal
        potential): finitely many switches, to a strict equilibrium. These cover every 2 x 2 game without ties. Else
        cycles of better replies are looked for that a path can follow (`best_reply_cycle`).

    Shapes: at most 400 cycles of at most 12 cells are tried; each is an eigenvalue problem of size m + n.

    Reference: Robinson (1951), doi 10.2307/1969530; Miyasawa (1961), On the convergence of the learning process in a 2
        x 2 non-zero-sum game; Monderer and Shapley (1996), doi 10.1006/jeth.1996.0014; Shapley (1964).

    Examples:
        >>> from bilevel.models import FictitiousPlay, shapley_payoffs
        >>> found = fictitious_play(FictitiousPlay(*shapley_payoffs()))
        >>> found.claim, found.cycle.ratio
        ('does not converge', CRootOf(x**3 - 10*x**2 + x - 1, 0))
    """
    scale = _scale(_interaction(play.rows), _interaction(play.columns))
    if scale is not None and scale < 0:
        why = f"zero-sum up to the scale {-scale}: the duality gap falls as 1/t"
        return PlayVerdict("converges", "every start", why)
    if scale is not None and scale > 0:
        return PlayVerdict("converges", "every start", f"common interest up to the scale {scale}: x^T R y never falls")
    if not _tied(play) and next(_cycles(play), None) is None:
        why = "better replies run in no circle: finitely many switches, to a strict equilibrium"
        return PlayVerdict("converges", "starts from which the players never switch at the same instant", why)
    for count, word in enumerate(_cycles(play)):
        if count >= CYCLES:
            break
        found = best_reply_cycle(play, word)
        if found is not None and _beyond_one(found.ratio):
            where = "an open set of starts around a cycle" if found.attracts else "starts on a cycle"
            why = f"each turn takes {float(sp.N(found.ratio, 6)):.5g} times as long as the last"
            return PlayVerdict("does not converge", where, why, found)
    return PlayVerdict("unknown", "", f"no theorem applies, and no cycle of at most {LONGEST} cells was found")


def _interaction(payoffs: Any) -> Any:
    return sp.Matrix(*payoffs.shape, lambda i, j: payoffs[i, j] - payoffs[0, j] - payoffs[i, 0] + payoffs[0, 0])


def _scale(first: Any, second: Any) -> Any:
    """c with second = c first, None where there is none or either vanishes."""
    place = next((k for k, entry in enumerate(first) if entry != 0), None)
    if place is None:
        return None
    c = second[place] / first[place]
    return c if c != 0 and second == c * first else None


def _tied(play: Any) -> bool:
    m, n = play.rows.shape
    own = any(len(set(play.rows.col(j))) < m for j in range(n))
    return own or any(len(set(play.columns.row(i))) < n for i in range(m))


def _cycles(play: Any) -> Iterator[list[Any]]:
    """Simple cycles of better replies, each from its smallest cell on."""
    for first in play.cells:
        stack = [(first, [first])]
        while stack:
            cell, path = stack.pop()
            for then in play.switches(cell):
                if then == first and len(path) > 2:
                    yield path
                elif then > first and then not in path and len(path) < LONGEST:
                    stack.append((then, [*path, then]))


def best_reply_cycle(play: Any, cells: Sequence[Any]) -> BestReplyCycle | None:
    """The path that runs through these cells again and again, scaled, or None where no path does.

    Math: see `BestReplyCycle`. The ratio is an eigenvalue of the turn with a ray on which the stays are positive, the
        next switch is the first to come, and each cell's replies are best: strict inequalities, proved by balls.

    Raises: GameError unless each cell follows from the one before by one player's better reply.

    Reference: Gaunersdorfer and Hofbauer (1995), doi 10.1006/game.1995.1052.

    Examples:
        >>> from bilevel.models import FictitiousPlay
        >>> pennies = FictitiousPlay([[1, -1], [-1, 1]], [[-1, 1], [1, -1]])
        >>> best_reply_cycle(pennies, [(0, 0), (0, 1), (1, 1), (1, 0)]).ratio
        1
    """
    word = [tuple(cell) for cell in cells]
    for cell, then in zip(word, [*word[1:], *word[:1]], strict=True):
        if then not in play.switches(cell):
            raise GameError(f"cell {then} does not follow {cell} by one player's better reply")
    steps, turn = turn_of(play, word)
    z = sp.Symbol("x")
    polynomial = fmpq_poly(turn.charpoly())
    written = sp.Poly([to_sympy(c) for c in reversed(polynomial.coeffs())], z)
    for ratio in reversed(rational_roots(written)):
        value = enclose(ratio, precision=160)
        if value is None or not value > 0:
            continue
        ray = ray_of(turn, ratio, z)
        if ray is None:
            continue
        times = _followed(play, word, steps, ray)
        if times is not None:
            return BestReplyCycle(
                tuple(word), _written(turn), ratio, *_limits(play, word, times, ratio), _dominant(polynomial, value)
            )
    return None


def turn_of(play: Any, word: list[Any]) -> tuple[list[Any], fmpq_mat]:
    """For each cell the row that gives the time of stay and the matrix of the stay; and the product of all.

    In cell (a, b) until a' overtakes a: tau = (g_a - g_a')/(R[a', b] - R[a, b]).
    """
    m, n = play.rows.shape
    total = fmpq_mat(m + n, m + n, [int(i == j) for i in range(m + n) for j in range(m + n)])
    steps = []
    for (a, b), then in zip(word, [*word[1:], *word[:1]], strict=True):
        speed = [*play.rows.col(b), *play.columns.row(a)]
        now, next_one = (a, then[0]) if then[0] != a else (m + b, m + then[1])
        row = [rational(0)] * (m + n)
        row[now] = rational(1 / (speed[next_one] - speed[now]))
        row[next_one] = -row[now]
        stay = fmpq_mat(
            m + n, m + n, [rational(speed[i]) * row[j] + int(i == j) for i in range(m + n) for j in range(m + n)]
        )
        steps.append((row, [rational(s) for s in speed]))
        total = stay * total
    less, more = without_constants(m, n)
    return steps, less * total * more


def without_constants(m: int, n: int) -> tuple[fmpq_mat, fmpq_mat]:
    """Payoffs less the first action's, and back with the first at zero: a constant of either side decides nothing."""
    free = [k for k in range(m + n) if k not in (0, m)]
    less = [int(j == k) - int(j == (0 if k < m else m)) for k in free for j in range(m + n)]
    more = [int(j == k) for j in range(m + n) for k in free]
    return fmpq_mat(len(free), m + n, less), fmpq_mat(m + n, len(free), more)


def ray_of(turn: fmpq_mat, ratio: Any, z: Any) -> list[arb] | None:
    """The one eigenvector of a simple eigenvalue, in balls: a column of the adjugate of turn - ratio."""
    if ratio.is_Rational:
        exact = _written(turn) - ratio * sp.eye(turn.nrows())
        kernel = exact.nullspace()
        # An action that never wins may add a direction: then no ray is singled out.
        return [arb(rational(e)) for e in kernel[0]] if len(kernel) == 1 else None
    shifted = _written(turn) - z * sp.eye(turn.nrows())
    adjugate = DomainMatrix.from_Matrix(shifted).convert_to(sp.QQ[z]).adjugate().to_Matrix()
    for k in range(turn.nrows()):
        column = [enclose(e.subs(z, ratio), precision=256) for e in adjugate.col(k)]
        if all(c is not None for c in column) and any(not c.contains(0) for c in column if c is not None):
            return [c for c in column if c is not None]
    return None


def _followed(play: Any, word: list[Any], steps: list[Any], ray: list[arb]) -> list[arb] | None:
    """The stays along the ray (or its opposite), where every inequality is proved."""
    m, n = play.rows.shape
    whole = [arb(0), *ray[: m - 1], arb(0), *ray[m - 1 :]]
    for sign in (1, -1):
        g, times, last = [sign * e for e in whole], [], word[-1]
        for cell, (row, speed) in zip(word, steps, strict=True):
            tau = sum((arb(r) * e for r, e in zip(row, g, strict=True)), arb(0))
            after = [e + tau * arb(s) for e, s in zip(g, speed, strict=True)]
            left = last[0] if last[0] != cell[0] else m + last[1]
            tying = {k for k, entry in enumerate(row) if entry != 0}
            if not tau > 0 or not _best((m, n), cell, (g, after, speed), left, tying):
                break
            last = cell
            times.append(tau)
            g = after
        else:
            return times
    return None


def _best(sizes: Any, cell: Any, stay: Any, left: int, tying: set[int]) -> bool:
    """Whether both replies are best all along the stay.

    Payoffs are straight in time, so both ends decide. The action just `left` ties at the start and must fall behind;
    the one that overtakes ties at the end (`tying`), and was behind for as long as the stay is positive.
    """
    (m, n), (before, after, speed) = sizes, stay
    for chosen, side in ((cell[0], range(m)), (m + cell[1], range(m, m + n))):
        for k in side:
            if k == chosen or {k, chosen} == tying:
                continue
            first = speed[chosen] > speed[k] if k == left else bool(before[chosen] - before[k] > 0)
            if not first or not after[chosen] - after[k] > 0:
                return False
    return True


def _limits(play: Any, word: list[Any], times: list[arb], ratio: Any) -> tuple[Any, Any]:
    """Shares of the turn spent in each cell, and the beliefs that the switches into each tend to (ratio > 1)."""
    m, n = play.rows.shape
    total = sum(times, arb(0))
    shares = tuple(sp.Float(float((t / total).mid())) for t in times)
    grow = enclose(ratio, precision=160)
    if grow is None or not grow > 1:
        return shares, ()
    # Before the k-th cell of a turn of length 1 the past turns took 1/(ratio - 1), each cell in proportion.
    x, y = [arb(0)] * m, [arb(0)] * n
    for (a, b), t in zip(word, times, strict=True):
        x[a] += t / total / (grow - 1)
        y[b] += t / total / (grow - 1)
    corners = []
    for (a, b), t in zip(word, times, strict=True):
        whole = sum(x, arb(0))
        corners.append(tuple(sp.Matrix([sp.Float(float((e / whole).mid())) for e in side]) for side in (x, y)))
        x[a] += t / total
        y[b] += t / total
    return shares, tuple((sp.ImmutableMatrix(p), sp.ImmutableMatrix(q)) for p, q in corners)


def _dominant(polynomial: fmpq_poly, ratio: arb) -> bool | None:
    """Whether every other eigenvalue is proved smaller in modulus."""
    found: Any = polynomial.complex_roots()
    roots = [(acb(root), count) for root, count in found]
    near = [(r, c) for r, c in roots if r.imag.contains(0) and r.real.overlaps(ratio)]
    if len(near) != 1 or near[0][1] != 1:
        return None
    others = [r for r, _ in roots if r is not near[0][0]]
    return True if all(abs(r) < ratio for r in others) else False if any(abs(r) > ratio for r in others) else None


def _beyond_one(ratio: Any) -> bool:
    value = enclose(ratio, precision=160)
    return value is not None and bool(value > 1)


def _written(M: fmpq_mat) -> Any:
    return sp.ImmutableMatrix(M.nrows(), M.ncols(), [to_sympy(e) for e in M.entries()])
