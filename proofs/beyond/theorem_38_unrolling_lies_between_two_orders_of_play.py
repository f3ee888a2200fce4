"""Unrolling lies between simultaneous play and the leader's own gradient.

At K = 0 the unrolled GAN is the GAN. For a follower with the quadratic loss a y^2/2 - b x y and a leader with any loss
c(x, y), K steps of size s lead to y_K = r^K y + (1 - r^K) b x/a with r = 1 - s a, and the leader's gradient there is
c_x + (1 - r^K) (b/a) c_y: zero weight on the reply at K = 0, the whole bilevel gradient c_x + (b/a) c_y in the limit,
which exists for a b != 0 exactly where 0 < s a < 2 (at s a = 2 it swings). On the GAN of points every number of steps
makes the centre attract.

Source: Metz, Poole, Pfau, Sohl-Dickstein (2017), arXiv:1611.02163, section 2.3; Mescheder et al. (2018),
arXiv:1801.04406, for the points.
"""

import sympy as sp

from bilevel.analysis import Proof, shows, stability, states
from bilevel.game import Game, minimize
from bilevel.models import gan, instance, unrolled_gan
from bilevel.response import best_response, unrolled

X, Y = sp.symbols("x y", real=True)
A, B, S = sp.Symbol("a", positive=True), sp.Symbol("b", real=True), sp.Symbol("s", positive=True)


def seen(how):
    """The leader's gradient when it sees the follower's reply in some way."""
    cost = sp.Function("c")(X, Y)
    leader = minimize(cost, X, through={"follower": how} if how else None)
    return Game(leader=leader, follower=minimize(A * Y**2 / 2 - B * X * Y, Y)).field()[X].doit()


def weighed(weight, place):
    """c_x + weight (b/a) c_y at a place of the follower."""
    u, v = sp.symbols("u v", real=True)
    cost = sp.Function("c")(u, v)
    slopes = [sp.diff(cost, w) for w in (u, v)]
    total = slopes[0] + weight * B / A * slopes[1]
    return total.subs({u: X, v: place}, simultaneous=True).doit()


def same(left, right) -> bool:
    """Equality for every leader's loss.

    Both sides are linear in c, made of finitely many values and slopes of it; such a form vanishes for every smooth c
    when it vanishes for exp(k u + m v) with all k and m, since these determine a distribution with finite support.
    """
    k, m = sp.symbols("k m", real=True)
    put = [e.replace(sp.Function("c"), lambda u, v: sp.exp(k * u + m * v)).doit() for e in (left, right)]
    return sp.expand(put[0] - put[1]) == 0


def prove() -> Proof:
    """The theorem with its evidence."""
    r, t = 1 - S * A, sp.Symbol("t", real=True)
    claims = [
        states(
            "At K = 0 the unrolled GAN is the GAN.",
            unrolled_gan(0).players == gan("non-saturating").players,
            note="the same players",
        ),
        shows(
            "One more step takes the weight (1 - t) b/a of the reply to (1 - r t) b/a, t = r^K.",
            r * (1 - t) * B / A + S * B,
            (1 - r * t) * B / A,
        ),
    ]
    for steps in (1, 2, 3):
        place = r**steps * Y + (1 - r**steps) * B * X / A
        claims.append(
            states(
                f"K = {steps}: the engine's gradient is c_x + (1 - r^{steps}) (b/a) c_y at y_{steps}.",
                same(seen(unrolled(steps, S)), weighed(1 - r**steps, place)),
                note="for c = exp(k x + m y), all k and m, which determine a linear form in c",
            )
        )
    claims += [
        states(
            "The weight tends to one exactly where |r| < 1, and the limit is the bilevel gradient.",
            same(seen(best_response()), weighed(sp.S.One, Y))
            and sp.solveset(sp.Abs(1 - t) < 1, t, sp.S.Reals) == sp.Interval.open(0, 2),
            note="|1 - s a| < 1 is 0 < s a < 2",
        ),
        *_on_points(),
    ]
    return Proof(38, "Unrolling lies between two orders of play", __doc__ or "", "Metz et al. 2017", tuple(claims))


def _on_points():
    for steps in (0, 1, 2, 3):
        game = instance("unrolled_gan", steps=steps)
        verdict = stability(game, at=dict.fromkeys(game.variables, 0)).verdict
        expected = "stable" if steps else "marginal"
        yield states(f"On the GAN of points, K = {steps}: {expected}.", verdict == expected, note=verdict)
