"""Stochastic value gradients are backpropagation through the model.

For networks of any form: the actor's gradient in SVG(1) is -E (d pi/d theta)^T (d r/d a + gamma (d f/d a)^T dV/ds at
the next state that was seen), since the inferred noise puts the model's prediction on that state; it needs the model's
slope and never its value. In SVG(infinity) with two steps it is the recursion v_s = r_s + r_a pi_s, v_theta = r_a
pi_theta + gamma (v'_s f_a pi_theta + v'_theta). Leaving the model's slope out is something else.
On replayed steps importance weights undo the replay: with a normal actor, replayed from another law, actor and critic
follow the gradients that they have on steps of their own, whatever all weights are.

Source: Heess et al. (2015), arXiv:1510.09142, equations 9 to 12.
"""

import sympy as sp

from bilevel.analysis import Proof, refutes, shows, states
from bilevel.language import E, density, gradient, instantiate, jacobian, network, random, substitute, vector
from bilevel.language.laws import data
from bilevel.language.mean import waiting
from bilevel.models import svg1, svg1_replayed, svg1_replayed_instance, svg_infinity

THETA, ZETA, PHI = vector("theta", "p"), vector("zeta", "r"), vector("phi", "q")
GAMMA = sp.Symbol("gamma", positive=True)
PI, F, R, V = network("pi", out="m"), network("f", out="k"), network("r"), network("V")
S, A, ETA = vector("sigma", "k"), vector("alpha", "m"), vector("epsilon", "l")


def slope(net, at, wrt):
    """The derivative of a network of state and action (and weights) at a place: a gradient or a Jacobian."""
    value = net(S, A, ZETA) if net == F else net(S, A)
    derive = jacobian if net == F else gradient
    return substitute(derive(value, wrt), dict(zip((S, A), at, strict=True)))


def act(state, noise, wrt):
    """The Jacobian of the action in the weights or in the state."""
    return substitute(jacobian(PI(S, ETA, THETA), wrt), {S: state, ETA: noise})


def one_step():
    """SVG(1)'s gradient by hand, with the model's slope and without."""
    s, eta = random("s", data("rho", "k")), random("eta", density("p_eta", "l"))
    a = PI(s, eta, THETA)
    later = random("s_next", density("P", "k", s, a))
    ahead = substitute(gradient(V(S, PHI), S), {S: later})
    pull = act(s, eta, THETA).T
    full = slope(R, (s, a), A) + GAMMA * slope(F, (s, a), A).T * ahead
    return -E(pull * full, s, eta, later), -E(pull * slope(R, (s, a), A), s, eta, later)


def two_steps():
    """SVG(infinity)'s gradient by the recursion."""
    s = random("s", data("rho", "k"))
    noise = [random(f"eta_{t}", density("p_eta", "l")) for t in (0, 1)]
    first = PI(s, noise[0], THETA)
    s1 = random("s_1", density("P", "k", s, first))
    second = PI(s1, noise[1], THETA)
    s2 = random("s_2", density("P", "k", s1, second))
    v_state = slope(R, (s1, second), S) + act(s1, noise[1], S).T * slope(R, (s1, second), A)
    v_theta = act(s1, noise[1], THETA).T * slope(R, (s1, second), A)
    direct = slope(R, (s, first), A) + GAMMA * slope(F, (s, first), A).T * v_state
    total = act(s, noise[0], THETA).T * direct + GAMMA * v_theta
    return -E(total, s, noise[0], s1, noise[1], s2)


def replayed_gaps():
    """The actor's and critic's slopes on replayed steps less those on their own, in coordinates."""
    world = svg1_replayed_instance()
    replayed, own = (instantiate(game, world).map_losses(waiting) for game in (svg1_replayed(), svg1()))
    moved = [v for player in ("actor", "critic") for v in replayed[player].moves]
    return [sp.expand((replayed.field()[v] - own.field()[v]).doit()) for v in moved]


def prove() -> Proof:
    """The theorem with its evidence."""
    full, short = one_step()
    claims = (
        shows("SVG(1): the gradient passes through the model's slope into the value.", svg1().field()[THETA], full),
        refutes("Without the model's slope it is something else.", svg1().field()[THETA], short),
        shows("SVG(infinity), two steps: the recursion.", svg_infinity().field()[THETA], two_steps()),
        states(
            "Replayed from N(0, 1), a normal actor and its critic have the gradients of their own steps.",
            all(gap == 0 for gap in replayed_gaps()),
            note="in closed form, for all theta, phi and zeta of the quadratic process",
        ),
    )
    return Proof(54, "Value gradients are backpropagation", __doc__ or "", "Heess et al. 2015", claims)
