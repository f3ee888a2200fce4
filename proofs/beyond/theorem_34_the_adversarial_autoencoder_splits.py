"""The adversarial autoencoder splits into a reconstruction and a matching of the prior, which meet in the encoder only.

For networks of any form, with the minimax encoder: decoder and discriminator do not act on each other (both blocks of
the Jacobian are zero), encoder and decoder descend one common function (their blocks are transposes of each other), and
encoder and discriminator are opposed up to the weight lambda. Against the best discriminator the encoder's loss is
L_rec + lambda (2 JS(law of the codes, prior) - log 4).

Source: Makhzani et al. (2016), arXiv:1511.05644, section 2.
"""

import sympy as sp

from bilevel.analysis import Proof, refutes, shows, states
from bilevel.language.divergences import recognise
from bilevel.language.function_space import densities, pointwise_best_response
from bilevel.models import adversarial_autoencoder


def prove() -> Proof:
    """The theorem with its evidence."""
    game, weight = adversarial_autoencoder("minimax"), sp.Symbol("lambda", positive=True)
    E, P, D = "encoder", "decoder", "discriminator"
    block = {(a, b): game.jacobian(of=a, wrt=b) for a in (E, P, D) for b in (E, P, D) if a != b}
    zero = all(isinstance(block[pair], sp.ZeroMatrix) for pair in ((P, D), (D, P)))
    p, q = densities("p q")
    u = sp.Symbol("D")
    best = pointwise_best_response(p * sp.log(u) + q * sp.log(1 - u), u, sense="max", range="probability")
    value = recognise(best.value_at_best_response, p, q)
    claims = (
        states("Decoder and discriminator do not act on each other.", zero, note="both blocks are zero matrices"),
        shows("Encoder and decoder: transposes of each other.", block[E, P], block[P, E].T),
        shows("Encoder and discriminator: opposite transposes, up to lambda.", block[E, D], -weight * block[D, E].T),
        refutes("Without the weight it fails.", block[E, D], -block[D, E].T),
        states(
            f"Against the best discriminator the matching term is {value.statement}, of the codes and the prior.",
            value.constant == -2 * sp.log(2) and [(c, d.notation) for c, d in value.terms] == [(2, "JS(p, q)")],
            trace=(*best.trace, *value.trace),
        ),
    )
    return Proof(34, "The adversarial autoencoder splits", __doc__ or "", "Makhzani et al. 2016", claims)
