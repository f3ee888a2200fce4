"""Matrix games: mixed strategies of two players, and populations that replicate.

Main definitions: `bimatrix_game`, `matching_pennies`, `rock_paper_scissors`, `replicator`.

Notation: alpha and beta are the probabilities of the first row and the first column; inside (0, 1) they move freely.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, maximize
from bilevel.language.errors import GameError
from bilevel.language.values import expression, matrix
from bilevel.system import System, flow_of


def bimatrix_game(rows: Any = None, columns: Any = None, *, title: str = "Bimatrix game") -> Game:
    """A 2 x 2 bimatrix game in mixed strategies; its flow is infinitesimal gradient ascent (IGA).

    Math: the row player maximises p^T R q, the column player p^T C q, p = (alpha, 1 - alpha), q = (beta, 1 - beta).
        With u = r11 + r22 - r12 - r21, v likewise for C: centre alpha = (c22 - c21)/v, beta = (r22 - r12)/u,
        eigenvalues +-sqrt(u v).

    Shapes: two scalars; payoffs per play.

    Raises: GameError unless both payoff matrices are 2 x 2.

    Reference: Singh, Kearns, Mansour (2000), UAI, Nash convergence of gradient dynamics.

    Examples:
        >>> bimatrix_game([[1, -1], [-1, 1]], [[-1, 1], [1, -1]]).jacobian()
        Matrix([
        [0, -4],
        [4,  0]])
    """
    payoffs = [_payoffs(given, letter) for given, letter in ((rows, "r"), (columns, "c"))]
    for payoff in payoffs:
        if payoff.shape != (2, 2):
            raise GameError(
                f"payoffs of two players with two actions each are 2 x 2; got {payoff.rows} x {payoff.cols}"
            )
    alpha, beta = sp.symbols("alpha beta", real=True)
    p, q = sp.Matrix([alpha, 1 - alpha]), sp.Matrix([beta, 1 - beta])
    first, second = ((p.T * payoff * q)[0, 0] for payoff in payoffs)
    players = {"row": maximize(first, alpha), "column": maximize(second, beta)}
    return Game(players, title=title, source="Singh, Kearns, Mansour 2000")


def _payoffs(given: Any, letter: str) -> sp.ImmutableMatrix:
    if given is None:
        return sp.ImmutableMatrix(2, 2, lambda i, j: sp.Symbol(f"{letter}{i + 1}{j + 1}", real=True))
    return matrix(given, "the payoffs")


def matching_pennies() -> Game:
    """Matching pennies in mixed strategies.

    Math: R = [[1, -1], [-1, 1]], C = -R; centre (1/2, 1/2), eigenvalues +-4i.

    Reference: Singh, Kearns, Mansour (2000), UAI.

    Examples:
        >>> game = matching_pennies()
        >>> sp.solve(list(game.field().values()), game.variables)
        {alpha: 1/2, beta: 1/2}
    """
    rows = [[1, -1], [-1, 1]]
    return bimatrix_game(rows, [[-entry for entry in row] for row in rows], title="Matching pennies")


def replicator(payoffs: Any, *, title: str = "Replicator", assuming: tuple[Any, ...] = ()) -> System:
    """The replicator flow of a population whose strategies meet at random.

    Math: dx_i/dt = x_i ((A x)_i - x^T A x), in the shares x_1, ..., x_{n-1}; the last share is one minus their sum.

    Shapes: A is n x n; n - 1 variables; per unit time.

    Raises: GameError unless the payoffs are a square matrix of at least two strategies.

    Reference: Taylor and Jonker (1978), doi 10.1016/0025-5564(78)90077-9.

    Examples:
        >>> print(replicator([[0, 1], [0, 0]]).equations)
        {x1: x1*(-x1*(1 - x1) - x1 + 1)}
    """
    A = matrix(payoffs, "the payoffs")
    if A.rows != A.cols or A.rows < 2:
        raise GameError(f"payoffs of a population are a square matrix, 2 x 2 or larger; got {A.rows} x {A.cols}")
    shares = sp.symbols(f"x1:{A.rows}", real=True)
    x = sp.Matrix([*shares, 1 - sum(shares)])
    fitness = A * x
    average = (x.T * fitness)[0, 0]
    equations = {share: share * (fitness[i] - average) for i, share in enumerate(shares)}
    return flow_of(equations, assuming=assuming, title=title, source="Taylor and Jonker 1978")


def rock_paper_scissors(win: Any = None, loss: Any = None) -> System:
    """Rock, paper, scissors in a replicating population.

    Math: a win pays w, a loss costs l, a tie nothing; at (1/3, 1/3) the eigenvalues are (l - w)/6 +- i sqrt(3) (w +
        l)/6, so the mixture attracts exactly when w > l.

    Shapes: two shares (the third is one minus their sum); per unit time.

    Reference: Weissing (1991), Evolutionary stability and dynamic stability in a class of evolutionary normal form
        games.

    Examples:
        >>> [str(v) for v in rock_paper_scissors().variables]
        ['x1', 'x2']
    """
    w = sp.Symbol("w", positive=True) if win is None else expression(win, "the gain of a win")
    cost = sp.Symbol("l", positive=True) if loss is None else expression(loss, "the cost of a loss")
    return replicator([[0, -cost, w], [w, 0, -cost], [-cost, w, 0]], title="Rock, paper, scissors")
