"""Fictitious play need not converge.

Both players answer the average of what the other has played by a best reply. The reply is constant inside a cell, so
paths are straight there and every switch is a linear map of the payoffs so far; nothing is differentiated where a reply
jumps. In Shapley's game of three actions one turn through six cells is a linear map with a ray that it keeps, on which
every stay is longer than the last by the real root of r^3 = r^2 + 1, one turn by its sixth power, 9.909...; the beliefs
go round for ever, and starts nearby do too. Whole steps do the same: each cell of the cycle leaves one switch open, so
the path is forced, and once its turns outgrow the errors of whole steps they grow like r^6. In matching pennies one
turn keeps all payoffs: the beliefs close in as 1/t. Zero-sum games, games of common interest, and games in which better
replies run in no circle converge; every 2 x 2 game without ties is one of these.

Source: Shapley (1964), Some topics in two-person games; Robinson (1951), doi 10.2307/1969530; Miyasawa (1961);
Monderer and Shapley (1996), doi 10.1006/jeth.1996.0014.
"""

from itertools import product

import sympy as sp

from bilevel.analysis import Proof, best_reply_cycle, discrete_play, fictitious_play, states
from bilevel.models import FictitiousPlay, shapley_payoffs

PENNIES = FictitiousPlay([[1, -1], [-1, 1]], [[-1, 1], [1, -1]])


def root() -> sp.Expr:
    """The real root of r^3 = r^2 + 1."""
    r = sp.Symbol("r")
    return sp.Poly(r**3 - r**2 - 1, r).real_roots()[0]


def gap_falls() -> bool:
    """In cell (a, b) of a zero-sum game the duality gap W obeys dW/ds = -W, whatever the payoffs."""
    seen, lost, pay = sp.symbols("Ry_a xR_b R_ab", real=True)
    # dy/ds = e_b - y and dx/ds = e_a - x, so d(Ry)_a/ds = R_ab - (Ry)_a and d(xR)_b/ds = R_ab - (xR)_b.
    return sp.expand((pay - seen) - (pay - lost) + (seen - lost)) == 0


def small_games() -> list[str]:
    """The claim for every 2 x 2 game with payoffs 0, 1, 2 that has no ties."""
    found = []
    for entries in product(range(3), repeat=8):
        (a, b, c, d), (e, f, g, h) = entries[:4], entries[4:]
        if a != c and b != d and e != f and g != h:
            found.append(fictitious_play(FictitiousPlay([[a, b], [c, d]], [[e, f], [g, h]])).claim)
    return found


def prove() -> Proof:
    """The theorem with its evidence."""
    shapley = fictitious_play(FictitiousPlay(*shapley_payoffs()))
    cycle = shapley.cycle
    turn = best_reply_cycle(PENNIES, [(0, 0), (0, 1), (1, 1), (1, 0)])
    x, r = sp.symbols("x r")
    sixth = sp.factor_list(sp.resultant(r**3 - r**2 - 1, x - r**6, r))[1]
    ratio = cycle.ratio.poly.as_expr().subs(cycle.ratio.poly.gen, x)
    games, whole = small_games(), discrete_play(FictitiousPlay(*shapley_payoffs()), ([1, 0, 0], [0, 1, 0]))
    claims = (
        states("In Shapley's game it does not converge.", shapley.claim == "does not converge", note=shapley.why),
        states(
            "Every turn is longer than the last by the sixth power of the real root of r^3 = r^2 + 1.",
            sixth == [(ratio, 1)] and abs(sp.N(root() ** 6 - cycle.ratio, 30)) < 1e-25,
            note=f"a root of {ratio}",
        ),
        states("The cycle attracts.", cycle.attracts is True, note="every other eigenvalue of the turn is smaller"),
        states(
            "Nor does it in whole steps, from one play of 1 and of 2.",
            whole.claim == "does not converge",
            note=whole.why,
        ),
        states(
            "One turn of matching pennies keeps the payoffs so far.",
            turn is not None and turn.ratio == 1,
            note="its ratio is 1",
        ),
        states("In a zero-sum game the gap falls as e^{-s} in every cell.", gap_falls(), note="dW/ds = -W"),
        states(
            "Every 2 x 2 game with payoffs 0, 1, 2 and without ties converges.",
            set(games) == {"converges"},
            note=f"{len(games)} games: zero-sum or common interest up to scale, or dominance",
        ),
    )
    return Proof(81, "Fictitious play need not converge", __doc__ or "", "Shapley 1964", claims)
