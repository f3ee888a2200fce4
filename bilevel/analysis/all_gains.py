"""When the equilibria of a linear-quadratic game are all known: costs that are one, and controllers of a scalar.

Main definitions: `one_cost`, `loop_candidates`.

Notation: as in `bilevel.models.closed_loops`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import flint
import sympy as sp
from flint import Ordering, arb, fmpq, fmpq_mpoly_ctx

from bilevel.analysis.cells import real_roots, univariate
from bilevel.analysis.polynomials import rational

PRECISION = 256


def one_cost(game: Any) -> bool:
    """Whether every player's costs are a multiple of the first's: a team, or two players of a zero-sum game.

    Math: then P_i = c_i P, and E = 0 says R K = gamma B^T P L for all inputs stacked, so P = Q + gamma A^T P L and
        for two solutions P - P' = gamma L'^T (P - P') L. Where both loops contract this is zero: there is one
        stabilising solution at most, whatever the size and the signs of the costs.

    Reference: Lancaster and Rodman (1995), Algebraic Riccati Equations, theorem 12.5.1, on the one equation.

    Examples:
        >>> from bilevel.models import RegulatorGame, robust_regulator
        >>> one_cost(robust_regulator(1, 1, 1, 1, 1, 4)), one_cost(RegulatorGame(1, [1, 1], [1, 1], [1, 1]))
        (True, False)
    """
    whole = [[entry for M in (Q, *row) for entry in M] for Q, row in zip(game.Q, game.R, strict=True)]
    return all(any(paid) for paid in whole) and sp.Matrix(whole).rank() == 1


def loop_candidates(game: Any) -> list[list[arb]] | None:
    """Balls among which every stabilising equilibrium of controllers of a scalar lies; None where it is not decided.

    Math: with c = a - sum_i u_i, u_i = b_i k_i, each player's equation stands alone: gamma c r_i u_i^2 - (1 - gamma
        c^2) r_i u_i + gamma b_i^2 q_i c = 0. Resultants give the polynomial whose roots in s are all sums of their
        roots; at s = a - c it has every loop c among its roots, and each u_i is one of two numbers there.

    Shapes: any number of players, one number each, who pay for no other's action; the degree in c is about 2^n for
        n players, 58 for five.

    Reference: Salizzoni, Ouhamma, Kamgarpour (2024), arXiv:2410.12544, for two players.

    Examples:
        >>> from bilevel.models import RegulatorGame
        >>> len(loop_candidates(RegulatorGame(2, [1, 1, 1], ["1/10"] * 3, [1, 1, 1])))
        7
    """
    own = all(R[0] == 0 for i, row in enumerate(game.R) for j, R in enumerate(row) if i != j)
    single = game.A.shape == (1, 1) and all(B.shape == (1, 1) for B in game.B)
    if not (single and own and all(B[0] != 0 for B in game.B) and all(row[i][0] for i, row in enumerate(game.R))):
        return None
    a, gamma = rational(game.A[0]), rational(game.discount)
    players = [
        (rational(B[0]), rational(Q[0]), rational(row[i][0]))
        for i, (B, Q, row) in enumerate(zip(game.B, game.Q, game.R, strict=True))
    ]
    loops = _loops(a, gamma, players)
    saved = flint.ctx.prec
    try:
        flint.ctx.prec = PRECISION
        return None if loops is None else _gains(a, gamma, players, loops)
    finally:
        flint.ctx.prec = saved


Player = tuple[fmpq, fmpq, fmpq]


def _loops(a: fmpq, gamma: fmpq, players: list[Player]) -> Any:
    """Irreducible polynomials that have every loop but zero among their roots; None where all vanish."""
    context = fmpq_mpoly_ctx.get(("c", "s", "u"), Ordering.lex)
    c, s, u = context.gens()
    alone = lambda b, q, r, v: gamma * c * r * v**2 - (1 - gamma * c**2) * r * v + gamma * b**2 * q * c
    sums = alone(*players[0], s)
    for player in players[1:]:
        sums = sums.compose(c, s - u, u).resultant(alone(*player, u), "u")
        plain = context.constant(1)
        for factor, _ in sums.factor_squarefree()[1]:
            plain *= factor
        sums = plain
    here = sums.compose(c, a - c, u)
    if here == 0:
        return None
    return [f for f, _ in univariate(here, 0).factor()[1] if f.degree() > 0 and f[0] != 0]


def _gains(a: fmpq, gamma: fmpq, players: list[Player], loops: Any) -> list[list[arb]] | None:
    # A loop that is zero leaves nothing to be gained: every gain is zero, and so is a.
    found = [[arb(0)] * len(players)] if a == 0 else []
    for c in (c for factor in loops for c in real_roots(factor)):
        inside = 1 - gamma * c * c
        if inside < 0:
            continue
        each = [_roots(c, inside, gamma, player) for player in players]
        if not inside > 0 or any(roots is None for roots in each):
            return None
        for chosen in product(*(roots for roots in each if roots is not None)):
            if (sum(chosen, arb(0)) + c - a).contains(0):
                found.append([u / b for u, (b, _, _) in zip(chosen, players, strict=True)])
    return found


def _roots(c: arb, inside: arb, gamma: fmpq, player: Player) -> list[arb] | None:
    """The real u_i at a loop; None where the two are not told apart."""
    b, q, r = player
    square = inside * inside * r * r - 4 * gamma * gamma * c * c * b * b * q * r
    if square < 0:
        return []
    if not square > 0:
        return None
    return [(inside * r + sign * square.sqrt()) / (2 * gamma * c * r) for sign in (-1, 1)]
