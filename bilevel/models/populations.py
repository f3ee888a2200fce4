"""Self-play over populations of strategies (PSRO): a game between the population's members, and oracles beside it.

Main definitions: `policy_space_responses`, `double_oracle`, `oracle_certificate`, `matrix_equilibrium`.

Notation: a zero-sum game with payoff matrix A to the row player; a population is a list of mixed strategies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.language.values import expression, matrix

ROCK_PAPER_SCISSORS = ((0, -1, 1), (1, 0, -1), (-1, 1, 0))


def _matrix(payoff: Any) -> sp.ImmutableMatrix:
    return matrix(ROCK_PAPER_SCISSORS if payoff is None else payoff, "the payoffs")


def policy_space_responses(payoff: Any = None, population: Sequence[Sequence[Any]] | None = None) -> Game:
    """Policy-space response oracles, smoothed: meta-strategies over a population, and oracles that answer them.

    Math: with the population's strategies as rows of P: the meta-players play x^T (P A P^T) y, the oracles answer the
        other side's mixture, u^T A P^T y and x^T P A v; each pays tau/2 times its own squared length, which makes the
        answers unique. Mixtures are written by all entries but the last.

    Shapes: k - 1 scalars for a meta-player of k members, n - 1 for an oracle of n pure strategies; default: rock,
        paper, scissors with the first two as population.

    Raises: GameError if a member is no mixed strategy of the game.

    Reference: Lanctot et al. (2017), arXiv:1711.00832, algorithm 1; McMahan, Gordon, Blum (2003), double oracle.

    Examples:
        >>> list(policy_space_responses().players)
        ['row_meta', 'column_meta', 'row_oracle', 'column_oracle']
    """
    A = _matrix(payoff)
    if A.rows != A.cols:
        raise GameError(f"one population plays both sides, so the payoff matrix is square; got {A.rows} x {A.cols}")
    members = [[int(i == j) for j in range(A.cols)] for i in range(2)] if population is None else population
    P = sp.ImmutableMatrix([[expression(entry, "a probability") for entry in row] for row in members])
    if P.cols != A.cols or any(sp.expand(sum(P.row(i)) - 1) != 0 for i in range(P.rows)) or P.rows < 2:
        raise GameError(
            f"a population is two or more mixed strategies of {A.cols} entries that sum to 1; got {P.tolist()}"
        )
    tau = sp.Symbol("tau", positive=True)
    (x, xs), (y, ys) = (_mixture(letter, P.rows) for letter in ("x", "y"))
    (u, us), (v, vs) = (_mixture(letter, A.rows) for letter in ("u", "v"))
    meta = (x.T * P * A * P.T * y)[0, 0]

    def cost(w: sp.Matrix) -> Any:
        return tau / 2 * sum(entry**2 for entry in w)

    players = {
        "row_meta": maximize(meta - cost(x), *xs),
        "column_meta": minimize(meta + cost(y), *ys),
        "row_oracle": maximize((u.T * A * P.T * y)[0, 0] - cost(u), *us),
        "column_oracle": minimize((x.T * P * A * v)[0, 0] + cost(v), *vs),
    }
    return Game(players, title="Policy-space responses", source="Lanctot et al. 2017, arXiv:1711.00832")


def _mixture(letter: str, size: int) -> tuple[sp.Matrix, tuple[Any, ...]]:
    free = sp.symbols(f"{letter}1:{size}", real=True)
    return sp.Matrix([*free, 1 - sum(free)]), free


@dataclass(frozen=True)
class Population:
    """One round of the double oracle: the pure strategies so far, the equilibrium of their game, the oracles' gains.

    Math: `row_gain` = max_i (A y)_i - value and `column_gain` = value - min_j (x^T A)_j, both at least 0; their sum is
        the exploitability of the mixtures in the whole game.

    Reference: McMahan, Gordon, Blum (2003), Planning in the presence of cost functions controlled by an adversary.

    Examples:
        >>> Population((0,), (0,), (1,), (1,), sp.S.Zero, sp.S.One, sp.S.One).exploitability
        2
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    row: tuple[Any, ...]
    column: tuple[Any, ...]
    value: Any
    row_gain: Any
    column_gain: Any

    @property
    def exploitability(self) -> Any:
        """What the two oracles gain together."""
        return self.row_gain + self.column_gain


def double_oracle(payoff: Any = None, start: tuple[int, int] = (0, 0)) -> tuple[Population, ...]:
    """Every round of the double oracle from one pure strategy a side, exactly, until no oracle gains.

    Math: solve the game of the strategies so far; add each side's best answer in the whole game; stop when neither
        gains: then the mixtures are an equilibrium of the whole game.

    Shapes: at most rows + columns rounds; each solves a linear program in fractions. `oracle_certificate` writes the
        run down for the checker.

    Raises: GameError if the payoffs are no numbers, or the start is no strategy.

    Reference: McMahan, Gordon, Blum (2003), Planning in the presence of cost functions controlled by an adversary.

    Examples:
        >>> rounds = double_oracle()
        >>> rounds[-1].row, rounds[-1].exploitability
        ((1/3, 1/3, 1/3), 0)
    """
    A = _matrix(payoff)
    if not (0 <= start[0] < A.rows and 0 <= start[1] < A.cols):
        raise GameError(f"start is a row below {A.rows} and a column below {A.cols}; got {start}")
    rows, columns, rounds = [start[0]], [start[1]], []
    while True:
        x, y, value = matrix_equilibrium(A.extract(rows, columns))
        against = [sum(A[i, j] * q for j, q in zip(columns, y, strict=True)) for i in range(A.rows)]
        conceded = [sum(A[i, j] * p for i, p in zip(rows, x, strict=True)) for j in range(A.cols)]
        best, worst = max(against), min(conceded)
        rounds.append(Population(tuple(rows), tuple(columns), x, y, value, best - value, value - worst))
        if best == value and worst == value:
            return tuple(rounds)
        rows += [against.index(best)] if best > value else []
        columns += [conceded.index(worst)] if worst < value else []


def oracle_certificate(payoff: Any, rounds: Sequence[Population]) -> dict[str, Any]:
    """A run of the double oracle as a certificate, which `bilevel.certificate.check` goes through by itself.

    Math: that the run is one, strategy by strategy, and that it ends at an equilibrium of the whole game.

    Shapes: payoffs that are rational numbers.

    Reference: McMahan, Gordon, Blum (2003), Planning in the presence of cost functions controlled by an adversary.

    Examples:
        >>> from bilevel.certificate import check
        >>> check(oracle_certificate(ROCK_PAPER_SCISSORS, double_oracle())).ok
        True
    """
    listed = [
        {
            "rows": list(one.rows),
            "columns": list(one.columns),
            "row": [str(p) for p in one.row],
            "column": [str(q) for q in one.column],
            "value": str(one.value),
        }
        for one in rounds
    ]
    table = [[str(entry) for entry in row] for row in _matrix(payoff).tolist()]
    start = [rounds[0].rows[0], rounds[0].columns[0]]
    return {"kind": "double_oracle", "payoff": table, "start": start, "rounds": listed}


def matrix_equilibrium(payoff: Any) -> tuple[tuple[Any, ...], tuple[Any, ...], Any]:
    """An equilibrium of a zero-sum matrix game with rational payoffs, and its value, exactly.

    Math: with all payoffs made positive, max sum(u) over A u <= 1, u >= 0 by the simplex method in fractions: y =
        u/sum, x is the dual solution scaled likewise, the value is 1/sum. Bland's rule ends it whatever the ties.

    Shapes: n x m payoffs; each pivot costs n m fractions; pivots are few in practice, exponentially many at worst.

    Raises: GameError if a payoff is no rational number.

    Reference: Dantzig (1951), A proof of the equivalence of the programming problem and the game problem; Bland (1977),
        doi 10.1287/moor.2.2.103.

    Examples:
        >>> matrix_equilibrium([[1, -1], [-1, 1]])
        ((1/2, 1/2), (1/2, 1/2), 0)
    """
    A = _matrix(payoff)
    if not all(entry.is_Rational for entry in A):
        raise GameError(f"payoffs are rational numbers here; got {A.tolist()}")
    fractions = [[Fraction(int(e.p), int(e.q)) for e in A.row(i)] for i in range(A.rows)]
    least = 1 - min(min(row) for row in fractions)
    u, dual, total = _simplex([[e + least for e in row] for row in fractions])
    exact = lambda entries: tuple(sp.Rational(e.numerator, e.denominator) for e in entries)
    x, y = exact(e / total for e in dual), exact(e / total for e in u)
    return x, y, exact([1 / total - least])[0]


def _simplex(A: list[list[Fraction]]) -> tuple[list[Fraction], list[Fraction], Fraction]:
    """(u, dual, sum) with sum(u) as large as A u <= 1, u >= 0 allow; all entries of A are positive."""
    n, m = len(A), len(A[0])
    # Columns: u, slacks, right side; the last row holds reduced profits, and minus the dual under the slacks.
    table = [[*row, *(Fraction(int(i == k)) for k in range(n)), Fraction(1)] for i, row in enumerate(A)]
    profit = [Fraction(1)] * m + [Fraction(0)] * (n + 1)
    basis = [m + i for i in range(n)]
    while any(p > 0 for p in profit[:-1]):
        enter = next(j for j, p in enumerate(profit[:-1]) if p > 0)
        rows = [i for i in range(n) if table[i][enter] > 0]  # never empty: A is positive, so u is bounded
        leave = min(rows, key=lambda i: (table[i][-1] / table[i][enter], basis[i]))
        pivot = table[leave][enter]
        table[leave] = [e / pivot for e in table[leave]]
        for i in range(n):
            if i != leave and table[i][enter]:
                factor = table[i][enter]
                table[i] = [e - factor * f for e, f in zip(table[i], table[leave], strict=True)]
        factor = profit[enter]
        profit = [e - factor * f for e, f in zip(profit, table[leave], strict=True)]
        basis[leave] = enter
    u = [Fraction(0)] * (m + n)
    for i, k in enumerate(basis):
        u[k] = table[i][-1]
    return u[:m], [-p for p in profit[m:-1]], sum(u[:m], Fraction(0))
