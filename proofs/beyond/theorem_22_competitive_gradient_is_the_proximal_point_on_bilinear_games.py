"""Competitive gradient descent is the proximal point method on every bilinear game, and on no curved one in general.

For L = x^T A y + b^T x + c^T y with a matrix A of any size: the step of competitive gradient descent solves x' = x -
s F_x(x', y'), y' = y - s F_y(x', y'), which has one solution, since I + s F' has the symmetric part I. Where a loss
is curved the competitive step leaves the curvature out and the two differ.

Source: Schaefer and Anandkumar (2019), arXiv:1905.12103; Rockafellar (1976), doi 10.1137/0314056.
"""

import sympy as sp

from bilevel.analysis import Claim, Corresponds, Proof, refutes, shows
from bilevel.game import Game, maximize, minimize
from bilevel.language import dot, substitute, vector
from bilevel.rules import competitive, derive, proximal_point

CORRESPONDS = Corresponds(
    "competitive gradient descent",
    "the proximal point method",
    "the same step",
    ("two players with a bilinear loss, a matrix of any size, one step size",),
)
S = sp.Symbol("s", positive=True)


def of_every_size() -> tuple[Claim, ...]:
    """A matrix of any size, and linear terms."""
    x, y = vector("x", "n"), vector("y", "m")
    A = sp.MatrixSymbol("A", x.shape[0], y.shape[0])
    loss = dot(x, A * y) + dot(vector("b", "n"), x) + dot(vector("c", "m"), y)
    game = Game(first=minimize(loss, x), second=maximize(loss, y))
    step, field = derive(game, competitive(S)).composed(), game.field()
    arrived = {v: substitute(field[v], step) for v in (x, y)}
    return (
        shows("The competitive step solves the first player's proximal equation ...", step[x], x - S * arrived[x]),
        shows("... and the second's.", step[y], y - S * arrived[y]),
        refutes("It is no step taken where the player stands.", step[x], x - S * field[x]),
    )


def in_coordinates() -> tuple[Claim, ...]:
    """Scalars: the formulas themselves, and a curved game."""
    x, y, a, q = sp.symbols("x y a q", real=True)
    plain = Game(first=minimize(a * x * y, x), second=maximize(a * x * y, y))
    curved = Game(first=minimize(a * x * y + q * x**2 / 2, x), second=maximize(a * x * y, y))
    steps = [[derive(game, rule(S)).composed() for rule in (competitive, proximal_point)] for game in (plain, curved)]
    (here, there), (other, implicit) = steps
    return (
        shows("In one dimension both move x to (x - s a y)/(1 + s^2 a^2) ...", here[x], there[x]),
        shows("... and y to (y + s a x)/(1 + s^2 a^2).", here[y], there[y]),
        refutes("With curvature q for one player the steps differ.", other[x], implicit[x]),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    title = "Competitive gradient is the proximal point on bilinear games"
    claims = (*of_every_size(), *in_coordinates())
    return Proof(22, title, __doc__ or "", "Schaefer and Anandkumar 2019; Rockafellar 1976", claims)
