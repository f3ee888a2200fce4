"""Three players of VAE-GAN: who hears whom.

For networks of any form: the encoder hears the discriminator through its features only (no derivative of D reaches it,
derivatives of f do), the prior term reaches nobody else, and the decoder is opposed to the discriminator up to what the
features add: the block (decoder, discriminator) is minus the transpose of (discriminator, decoder) plus gamma times the
mixed derivative of the feature loss. A posterior of any law, sampled by noise and weighed by its log-density, has the
gradients of the isotropic one where it is that law.

Source: Larsen, Soenderby, Larochelle, Winther (2016), arXiv:1512.09300, algorithm 1.
"""

from dataclasses import replace

import sympy as sp

from bilevel.analysis import Proof, information_structure, refutes, shows, states
from bilevel.language import E, gradient, instantiate, jacobian, network, norm2, normal, random, vector
from bilevel.language.laws import data
from bilevel.language.mean import waiting
from bilevel.models import vae_gan, vae_gan_instance


def feature_loss():
    """L_feat, written again from its definition."""
    eta, theta, phi = vector("eta", "r"), vector("theta", "p"), vector("phi", "q")
    x, e = random("x", data("p_data", "n")), random("e", normal("m"))
    f, mean, spread = network("f", out="l"), network("E", out="m")(x, eta), network("s", range="positive")(x, eta)
    rebuilt = network("P", out="n")(mean + sp.sqrt(spread) * e, theta)
    return E(norm2(f(x, phi) - f(rebuilt, phi)), x, e), theta, phi


def any_law():
    """The claim about posteriors of any law, on the small instance with its own normal law written out."""
    world, half = vae_gan_instance(), sp.Rational(1, 2)
    networks = {**world.networks, "E": lambda x, e, eta: [eta[0] * x[0] + sp.sqrt(half) * e[0]]}
    laws = {
        **world.laws,
        "p_e": normal(sp.ImmutableMatrix([0]), 1),
        "q": lambda x, eta: normal(sp.ImmutableMatrix([eta[0] * x[0]]), half),
    }
    general = replace(world, dims={**world.dims, "k": 1}, networks=networks, laws=laws)
    games = [instantiate(g, w).map_losses(waiting) for g, w in ((vae_gan("any law"), general), (vae_gan(), world))]
    eta = games[0]["encoder"].moves[0]
    gaps = [sp.expand((games[0].field()[v] - games[1].field()[v]).doit()) for v in (eta, *games[0]["decoder"].moves)]
    return states(
        "A posterior of any law has the isotropic one's gradients where it is that law.",
        all(gap == 0 for gap in gaps),
        note="encoder and decoder of the small instance, by the score of its log-density and by its path",
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    game, weight = vae_gan(), sp.Symbol("gamma", positive=True)
    edges = {(e.source, e.target) for e in information_structure(game).edges if e.kind == "gradient"}
    loss, theta, phi = feature_loss()
    mixed = jacobian(gradient(loss, theta), phi)
    upper, lower = game.jacobian(of="decoder", wrt="discriminator"), game.jacobian(of="discriminator", wrt="decoder")
    claims = (
        states(
            "The encoder hears the discriminator's features and not its verdict.",
            ("f", "E") in edges and ("D", "E") not in edges and {("D", "P"), ("f", "P"), ("P", "E")} <= edges,
            note=", ".join(f"{a} to {b}" for a, b in sorted(edges)),
        ),
        shows(
            "What the encoder has beside L_feat, the prior term, does not depend on the decoder ...",
            gradient(game.cost("encoder") - loss, theta),
            sp.ZeroMatrix(*theta.shape),
        ),
        shows("... nor on the discriminator.", gradient(game.cost("encoder") - loss, phi), sp.ZeroMatrix(*phi.shape)),
        shows("Decoder and discriminator are opposed, up to what the features add.", upper, -lower.T + weight * mixed),
        refutes("What they add is not nothing.", upper, -lower.T),
        any_law(),
    )
    return Proof(35, "Three players of VAE-GAN", __doc__ or "", "Larsen et al. 2016, algorithm 1", claims)
