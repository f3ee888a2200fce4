"""A conditional GAN is a GAN for every condition.

In function space the best discriminator at (x, c) is p(x | c)/(p(x | c) + q(x | c)): how often the condition occurs
weighs its part of the loss and changes neither the best critic nor where it is least. With parameters of their own for
each condition the game falls apart into one GAN per condition: the blocks of the Jacobian between conditions vanish at
every point, for discriminators and generators of any form.

Source: Mirza and Osindero (2014), arXiv:1411.1784; Goodfellow et al. (2014), arXiv:1406.2661, proposition 1.
"""

import sympy as sp

from bilevel.analysis import Proof, shows, states
from bilevel.language import Instance, instantiate, sigmoid
from bilevel.language.function_space import densities, pointwise_best_response
from bilevel.models import conditional_gan


def split_game():
    """Two conditions, each with a logit and a generator of any form and parameters of its own."""
    logits, makers = sp.symbols("l_0 l_1", cls=sp.Function), sp.symbols("g_0 g_1", cls=sp.Function)
    half = sp.Rational(1, 2)
    world = Instance(
        dims={"n": 1, "m": 1, "k": 1, "p": 2, "q": 2},
        networks={
            "D": lambda x, c, phi: sigmoid((1 - c[0]) * logits[0](x[0], phi[0]) + c[0] * logits[1](x[0], phi[1])),
            "G": lambda z, c, theta: [(1 - c[0]) * makers[0](theta[0]) + c[0] * makers[1](theta[1])],
        },
        laws={"p_c": ([[0], [1]], [half, half]), "p_data": lambda c: ([[c[0]], [c[0] + 2]], [half, half])},
    )
    return instantiate(conditional_gan("minimax"), world)


def prove() -> Proof:
    """The theorem with its evidence."""
    p, q = densities("p q")
    weight, u = sp.Symbol("c", positive=True), sp.Symbol("D")
    plain = pointwise_best_response(p * sp.log(u) + q * sp.log(1 - u), u, sense="max", range="probability")
    loss = weight * (p * sp.log(u) + q * sp.log(1 - u))
    told = pointwise_best_response(loss, u, sense="max", range="probability")
    matrix = split_game().jacobian()
    apart = [matrix[i, j] for i in range(4) for j in range(4) if i % 2 != j % 2]
    within = [matrix[i, j] for i, j in ((0, 2), (1, 3))]
    claims = (
        shows("Given the condition, the best critic is p/(p + q).", told.value, p / (p + q)),
        states(
            "How often the condition occurs does not change it.",
            sp.cancel(told.value - plain.value) == 0,
            trace=told.trace,
        ),
        states(
            "With parameters of their own, the Jacobian's blocks between two conditions vanish at every point.",
            all(entry == 0 for entry in apart),
            note="two conditions, logits and generators undefined functions",
        ),
        states("Within a condition they do not.", all(entry != 0 for entry in within), note="entries D against G"),
    )
    return Proof(30, "A conditional GAN is a GAN for every condition", __doc__ or "", "Mirza and Osindero 2014", claims)
