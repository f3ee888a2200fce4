"""Gradient reversal is a game of three players.

Domain-adversarial training is run as the descent of one loss, L_task + L_dom, through a layer R that is the identity
forwards and multiplies by -lambda backwards: R(f) = (1 + lambda) sg(f) - lambda f. For networks of any form its
gradients are exactly the three players' own: the features' with the sign of the domains reversed, the labels' and the
domains' unchanged. Features and domains are opposed up to lambda, features and labels work together, labels and
domains do not act on each other.

Source: Ganin et al. (2016), arXiv:1505.07818, equations 13 to 18; Ganin and Lempitsky (2015), arXiv:1409.7495.
"""

import sympy as sp

from bilevel.analysis import Proof, refutes, shows, states
from bilevel.language import E, gradient, log_density, network, random, stop_gradient, vector
from bilevel.language.laws import data, density
from bilevel.models import domain_adversarial
from bilevel.models.parts import classified

LAMBDA = sp.Symbol("lambda", positive=True)
ETA, PSI, PHI = vector("eta", "r"), vector("psi", "p"), vector("phi", "q")


def reversed_loss(weight):
    """L_task + L_dom with the features sent through the reversal layer before the domain classifier."""
    x, other = random("x", data("source", "n")), random("x_target", data("target", "n"))
    y = random("y", density("label", "k", x))
    F, D = network("F", out="m"), network("D", range="probability")

    def through(features):
        return (1 + weight) * stop_gradient(features) - weight * features

    task = -E(log_density(density("Y", "k", F(x, ETA), PSI), y), x, y)
    return task + classified(D(through(F(x, ETA)), PHI), (x,), D(through(F(other, ETA)), PHI), (other,))


def prove() -> Proof:
    """The theorem with its evidence."""
    game, loss = domain_adversarial(), reversed_loss(LAMBDA)
    field = game.field()
    names = {ETA: "features", PSI: "labels", PHI: "domains"}
    f, y, d = names.values()
    claims = [
        shows(f"The gradient of the one loss for the {name} is that player's own.", gradient(loss, v), field[v])
        for v, name in names.items()
    ]
    claims += [
        refutes("With a plain layer instead it is not.", gradient(reversed_loss(sp.S.NegativeOne), ETA), field[ETA]),
        shows(
            "Features and domains are opposed, up to lambda.",
            game.jacobian(of=f, wrt=d),
            -LAMBDA * game.jacobian(of=d, wrt=f).T,
        ),
        shows("Features and labels work together.", game.jacobian(of=f, wrt=y), game.jacobian(of=y, wrt=f).T),
        states(
            "Labels and domains do not act on each other.",
            all(isinstance(game.jacobian(of=a, wrt=b), sp.ZeroMatrix) for a, b in ((y, d), (d, y))),
            note="both blocks are zero matrices",
        ),
    ]
    return Proof(37, "Gradient reversal is a game", __doc__ or "", "Ganin et al. 2016", tuple(claims))
