"""Fictitious play with exact best replies: piecewise straight, never differentiated where a reply jumps.

Main definitions: `FictitiousPlay`.

Notation: two players with payoffs R (rows) and C (columns), both indexed (row's action, column's action); a cell (a, b)
is where a is the row's best reply to what it has seen and b the column's.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bilevel.language.errors import GameError
from bilevel.language.values import expression, matrix

Cell = tuple[int, int]


@dataclass(frozen=True)
class FictitiousPlay:
    """Two players who answer the average of what the other has played so far by a best reply.

    Math: t x(t) and t y(t) count the actions played, from weights at the start. Step by step: each adds one to its best
        reply against the other's counts (of several the first). In continuous time: d(t x)/dt = e_a, d(t y)/dt = e_b in
        cell (a, b), or with s = log t: dx/ds = e_a - x. The reply is constant inside a cell, so the path is straight
        there; on the border of cells nothing is differentiated.

    Shapes: payoffs m x n, numbers.

    Raises: GameError where payoffs have two shapes, or are no rational numbers, or a start does not fit.

    Reference: Brown (1951), Iterative solution of games by fictitious play; Robinson (1951), doi 10.2307/1969530.

    Examples:
        >>> play = FictitiousPlay([[1, 0], [0, 1]], [[1, 0], [0, 1]])
        >>> play.run(5, ([1, 0], [1, 0]))
        [((0, 0), 5)]
    """

    rows: Any
    columns: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", matrix(self.rows, "the row player's payoffs"))
        object.__setattr__(self, "columns", matrix(self.columns, "the column player's payoffs"))
        if self.rows.shape != self.columns.shape or min(self.rows.shape) < 2:
            raise GameError(
                f"both payoff matrices have one shape, two actions or more each; got {self.rows.shape} and "
                f"{self.columns.shape}"
            )
        if not all(entry.is_Rational for entry in (*self.rows, *self.columns)):
            raise GameError("payoffs are rational numbers here, so that ties can be told")

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All pairs of pure replies."""
        m, n = self.rows.shape
        return tuple((a, b) for a in range(m) for b in range(n))

    def switches(self, cell: Cell) -> tuple[Cell, ...]:
        """The cells that may follow when one player switches: those with a better reply to what is being played.

        Math: only an action whose payoff against b rises faster than a's can overtake it, R[a', b] > R[a, b].
        """
        a, b = cell
        m, n = self.rows.shape
        own = [(i, b) for i in range(m) if self.rows[i, b] > self.rows[a, b]]
        return (*own, *((a, j) for j in range(n) if self.columns[a, j] > self.columns[a, b]))

    def run(self, steps: int, start: tuple[Any, Any]) -> list[tuple[Cell, int]]:
        """So many steps of the discrete process, exactly, as runs (cell, how often in a row)."""
        weights = [[expression(w, "a weight") for w in side] for side in start]
        fit = tuple(map(len, weights)) == self.rows.shape and all(w.is_Rational for side in weights for w in side)
        if not fit or min(w for side in weights for w in side) < 0 or not all(map(any, weights)):
            raise GameError(f"a start gives nonnegative weights to {self.rows.rows} and {self.rows.cols} actions")
        whole = lambda M: [[Fraction(int(e.p), int(e.q)) for e in M.row(i)] for i in range(M.rows)]
        R, C = whole(self.rows), whole(self.columns.T)
        x, y = ([Fraction(int(w.p), int(w.q)) for w in side] for side in weights)
        seen = [sum((r * w for r, w in zip(row, y, strict=True)), Fraction(0)) for row in R]
        met = [sum((c * w for c, w in zip(row, x, strict=True)), Fraction(0)) for row in C]
        runs: list[tuple[Cell, int]] = []
        for _ in range(steps):
            a, b = seen.index(max(seen)), met.index(max(met))
            seen = [total + row[b] for total, row in zip(seen, R, strict=True)]
            met = [total + row[a] for total, row in zip(met, C, strict=True)]
            same = bool(runs) and runs[-1][0] == (a, b)
            runs[len(runs) - same :] = [((a, b), runs[-1][1] + 1 if same else 1)]
        return runs
