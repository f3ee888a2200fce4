"""InfoGAN pulls two ways: its generator works with the posterior and against the discriminator.

For networks of any form, with the minimax generator: the blocks of the Jacobian between generator and posterior are
transposes of each other (they descend one common function), those between generator and discriminator are opposite
transposes, and those between discriminator and posterior are zero. Against every sample the best posterior is the true
one, c given the point.

Source: Chen et al. (2016), arXiv:1606.03657; Barber and Agakov (2003) for the bound; Balduzzi et al. (2018),
arXiv:1802.05642, for the two kinds of coupling.
"""

import sympy as sp

from bilevel.analysis import Proof, refutes, shows, states
from bilevel.language.function_space import densities, pointwise_best_response
from bilevel.models import infogan


def prove() -> Proof:
    """The theorem with its evidence."""
    game = infogan("minimax")
    G, D, Q = "generator", "discriminator", "posterior"
    block = {(a, b): game.jacobian(of=a, wrt=b) for a in (G, D, Q) for b in (G, D, Q) if a != b}
    zero = all(isinstance(block[pair], sp.ZeroMatrix) for pair in ((D, Q), (Q, D)))
    # A binary code: joint weights a and b of (code, point); the posterior of the first code is u.
    a, b = densities("a b")
    u = sp.Symbol("u")
    best = pointwise_best_response(a * sp.log(u) + b * sp.log(1 - u), u, sense="max", range="probability")
    claims = (
        shows("Generator and posterior: transposes of each other.", block[G, Q], block[Q, G].T),
        refutes("Not opposite ones.", block[G, Q], -block[Q, G].T),
        shows("Generator and discriminator: opposite transposes.", block[G, D], -block[D, G].T),
        refutes("Not equal ones.", block[G, D], block[D, G].T),
        states("Discriminator and posterior: nothing.", zero, note="both blocks are zero matrices"),
        shows("For a binary code the best posterior is the true one.", best.value, a / (a + b)),
    )
    return Proof(32, "InfoGAN pulls two ways", __doc__ or "", "Chen et al. 2016", claims)
