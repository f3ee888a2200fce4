"""The waypoints of past extragradient are the iterates of optimistic descent, for every field and every step.

Past extragradient keeps z and the last waypoint w: w_t = z_t - s F(w_{t-1}), z_{t+1} = z_t - s F(w_t). Then w_{t+1} =
w_t - 2 s F(w_t) + s F(w_{t-1}), the optimistic rule, whatever the fields, the number of players and the dimensions.
The sequences are shifted: z_{t+1} = w_t + s F(w_{t-1}) - s F(w_t), so both converge to one point, at one rate.

Source: Popov (1980), doi 10.1007/BF01141092; Gidel, Berard, Vignoud, Vincent, Lacoste-Julien (2019),
arXiv:1802.10551, section 3.3; Hsieh, Iutzeler, Malick, Mertikopoulos (2019), arXiv:1908.08465.
"""

import sympy as sp

from bilevel.analysis import Claim, Corresponds, Proof, refutes, shows, states
from bilevel.game import Game, maximize, minimize
from bilevel.language import network, substitute, vector
from bilevel.rules import derive, extragradient, linearise, optimistic, past_extragradient

CORRESPONDS = Corresponds(
    "past extragradient (Popov)",
    "optimistic gradient descent",
    "the same sequence: the waypoints of the first are the iterates of the second",
    ("one step size for both evaluations",),
)
S = sp.Symbol("s", positive=True)


def game() -> Game:
    """Two players with any losses in any dimensions."""
    x, y = vector("x", "n"), vector("y", "m")
    return Game(first=minimize(network("f")(x, y), x), second=minimize(network("g")(x, y), y))


def waypoints():
    """Two waypoints in a row as derived from the rule, and the waypoint before them."""
    update = derive(game(), past_extragradient(S))
    held = {v: update.remembered["waypoint", v] for v in game().variables}
    first = dict(update.memory_after["waypoint"])
    after = update.composed()
    renamed = {**after, **{held[v]: first[v] for v in held}}
    second = {v: substitute(first[v], renamed) for v in held}
    return held, first, second


def claims() -> tuple[Claim, ...]:
    """For every field."""
    held, first, second = waypoints()
    update = derive(game(), optimistic(S))
    previous = {update.remembered["previous", v]: held[v] for v in held}
    step = {v: substitute(value, {**first, **previous}) for v, value in update.composed().items()}
    looked = derive(game(), extragradient(S)).composed()
    x, y = game().variables
    return (
        shows("The next waypoint of the first player is its optimistic step from the last two.", second[x], step[x]),
        shows("So is that of the second.", second[y], step[y]),
        refutes("It is no step of extragradient.", second[x], substitute(looked[x], first)),
    )


def the_same_spectrum() -> Claim:
    """On the bilinear game both rules have one characteristic polynomial."""
    x, y, z = *sp.symbols("x y", real=True), sp.Symbol("z")
    bilinear = Game(a=minimize(x * y, x), b=maximize(x * y, y))
    found = [
        linearise(bilinear, rule(S), {x: 0, y: 0}).matrix.charpoly(z).as_expr()
        for rule in (past_extragradient, optimistic)
    ]
    return states(
        "On the bilinear game both have one characteristic polynomial.",
        sp.expand(found[0] - found[1]) == 0,
        note=f"{sp.expand(found[0])}",
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    title = "Past extragradient is optimistic descent"
    return Proof(
        21, title, __doc__ or "", "Popov 1980; Gidel et al. 2019, section 3.3", (*claims(), the_same_spectrum())
    )
