"""Adversarial models that learn an encoder too: BiGAN, ALI, the adversarial autoencoder, VAE-GAN.

Main definitions: `bigan`, `ali`, `adversarial_autoencoder`, `vae_gan`, and an instance of each.

Notation: data x ~ p_data in R^n, latent z ~ p_z in R^m (a fixed law with a density, or N(0, I)), encoder E(x, eta),
decoder or generator P(z, theta) or G(z, theta), discriminator D in (0, 1).
"""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp

from bilevel.game import Game, Player, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.information import relative_entropy
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, normal, random
from bilevel.language.networks import network
from bilevel.language.nodes import norm2, vector
from bilevel.language.values import expression
from bilevel.models.parts import classified, fooling

ENCODER = network("E", out="m")
DECODER = network("P", out="n")


def bigan(generator: str = "minimax") -> Game:
    """BiGAN: the discriminator sees a point together with its latent; encoder and generator are maps.

    Math: discriminator: min F = -E_x log D(x, E(x)) - E_z log(1 - D(G(z), z)); encoder and generator, one player: max F
        ("minimax"), or min -E_x log(1 - D(x, E(x))) - E_z log D(G(z), z) ("non-saturating").

    Shapes: eta in R^r, theta in R^p, phi in R^q, data in R^n, latents in R^m, all symbolic.

    Raises: GameError for an unknown generator loss.

    Reference: Donahue, Kraehenbuehl, Darrell (2017), arXiv:1605.09782, equation 3; Dumoulin et al. (2017),
        arXiv:1606.00704.

    Examples:
        >>> print(bigan().cost("discriminator"))
        -E_z[log(1 - D(G(z, theta), z, phi))] - E_x[log(D(x, E(x, eta), phi))]
    """
    return _paired(generator, (), (), "BiGAN")


def ali(generator: str = "minimax") -> Game:
    """Adversarially learned inference: BiGAN whose encoder and generator are laws, sampled by noise of their own.

    Math: as `bigan` with latents E(x, e, eta), e ~ p_e, and points G(z, u, theta), u ~ p_u: the discriminator compares
        p_data(x) q(z | x) with p_z(z) p(x | z). Against the best discriminator the two joint laws are equal, that is,
        q is the posterior of p.

    Shapes: as `bigan`; noise in R^l and R^k.

    Raises: GameError for an unknown generator loss.

    Reference: Dumoulin et al. (2017), arXiv:1606.00704, equation 3 and section 2.2 (reparametrised laws).

    Examples:
        >>> print(ali().cost("discriminator"))
        -E_{z, u}[log(1 - D(G(z, u, theta), z, phi))] - E_{x, e}[log(D(x, E(x, e, eta), phi))]
    """
    e, u = random("e", density("p_e", "l")), random("u", density("p_u", "k"))
    return _paired(generator, (e,), (u,), "ALI")


def _paired(generator: str, own: tuple[Any, ...], other: tuple[Any, ...], title: str) -> Game:
    """The game of pairs; `own` and `other` are the noises of encoder and generator."""
    eta, theta, phi = vector("eta", "r"), vector("theta", "p"), vector("phi", "q")
    x, z = random("x", data("p_data", "n")), random("z", density("p_z", "m"))
    D, G = network("D", range="probability"), network("G", out="n")
    encoded, made = D(x, ENCODER(x, *own, eta), phi), D(G(z, *other, theta), z, phi)
    loss = classified(encoded, (x, *own), made, (z, *other))
    turned = classified(made, (z, *other), encoded, (x, *own))
    losses: dict[str, Player] = {
        "minimax": maximize(loss, eta, theta),
        "non-saturating": minimize(turned, eta, theta),
    }
    if generator not in losses:
        raise GameError(f"generator is 'minimax' or 'non-saturating'; got {generator!r}")
    players = {"discriminator": minimize(loss, phi), "encoder_and_generator": losses[generator]}
    source = "Dumoulin et al. 2017, arXiv:1606.00704" if own else "Donahue et al. 2017, arXiv:1605.09782"
    return Game(players, title=title, source=source)


def ali_instance() -> Instance:
    """ALI with latents of two coins and data of one: the encoder has to toss the second coin itself.

    Math: x = -1 or 1, z in {-1, 1}^2; E(x, e) = (eta_1 x, eta_2 e), G(z) = theta z_1, D = sigmoid(phi_1 x^2 + phi_2 x
        z_1 + phi_3 z_2^2). Equilibria phi = 0, eta_1 = theta = +-1 and eta_2 = +-1; at eta_2 = 0 the encoder would be a
        map of x, whose z_2^2 is not that of the prior.

    Shapes: six scalars.

    Reference: Dumoulin et al. (2017), arXiv:1606.00704.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("ali").variables
        (phi_1, phi_2, phi_3, eta_1, eta_2, theta)
    """
    half, corners = sp.Rational(1, 2), [[i, j] for i in (-1, 1) for j in (-1, 1)]
    return Instance(
        dims={"n": 1, "m": 2, "l": 1, "k": 1, "p": 1, "q": 3, "r": 2},
        networks={
            "E": lambda x, e, eta: [eta[0] * x[0], eta[1] * e[0]],
            "G": lambda z, u, theta: [theta[0] * z[0]],
            "D": lambda x, z, phi: sigmoid(phi[0] * x[0] ** 2 + phi[1] * x[0] * z[0] + phi[2] * z[1] ** 2),
        },
        laws={
            "p_data": ([[-1], [1]], [half] * 2),
            "p_z": (corners, [sp.Rational(1, 4)] * 4),
            "p_e": ([[-1], [1]], [half] * 2),
            "p_u": ([[0]], [1]),
        },
    )


def bigan_instance() -> Instance:
    """BiGAN on two points: data and latents are -1 or 1, encoder and generator are linear.

    Math: E(x) = eta x, G(z) = theta z, D(x, z) = sigmoid(phi_1 x^2 + phi_2 x z). Equilibria phi = 0,
        eta = theta = +-1: encoder and generator are inverse to each other.

    Shapes: four scalars.

    Reference: Donahue, Kraehenbuehl, Darrell (2017), arXiv:1605.09782.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("bigan").variables
        (phi_1, phi_2, eta, theta)
    """
    coin = ([[-1], [1]], [sp.Rational(1, 2)] * 2)
    return Instance(
        dims={"n": 1, "m": 1, "p": 1, "q": 2, "r": 1},
        networks={
            "E": lambda x, eta: [eta[0] * x[0]],
            "G": lambda z, theta: [theta[0] * z[0]],
            "D": lambda x, z, phi: sigmoid(phi[0] * x[0] ** 2 + phi[1] * x[0] * z[0]),
        },
        laws={"p_data": coin, "p_z": coin},
    )


def adversarial_autoencoder(generator: str = "non-saturating", *, weight: Any = None) -> Game:
    """The adversarial autoencoder: reconstruct the data, and make the codes look like the prior.

    Math: L_rec = E_x |x - P(E(x))|^2. decoder: min_theta L_rec; discriminator: min_phi -E_z log D(z)
        - E_x log(1 - D(E(x))); encoder: min_eta L_rec + lambda times -E_x log D(E(x)) ("non-saturating") or
        E_x log(1 - D(E(x))) ("minimax"). `weight` is lambda.

    Shapes: eta in R^r, theta in R^p, phi in R^q, data in R^n, codes in R^m, all symbolic.

    Raises: GameError for an unknown generator loss.

    Reference: Makhzani et al. (2016), arXiv:1511.05644, section 2.

    Examples:
        >>> print(adversarial_autoencoder().cost("decoder"))
        E_x[|P(E(x, eta), theta)|^2 - 2*<P(E(x, eta), theta), x> + |x|^2]
    """
    eta, theta, phi = vector("eta", "r"), vector("theta", "p"), vector("phi", "q")
    x, z = random("x", data("p_data", "n")), random("z", density("p_z", "m"))
    D, code = network("D", range="probability"), ENCODER(x, eta)
    scale = sp.Symbol("lambda", positive=True) if weight is None else expression(weight, "the weight of the prior")
    rebuilt = E(norm2(x - DECODER(code, theta)), x)
    players = {
        "encoder": minimize(rebuilt + scale * fooling(D(code, phi), (x,), generator), eta),
        "decoder": minimize(rebuilt, theta),
        "discriminator": minimize(classified(D(z, phi), (z,), D(code, phi), (x,)), phi),
    }
    return Game(players, title="Adversarial autoencoder", source="Makhzani et al. 2016, arXiv:1511.05644")


def adversarial_autoencoder_instance() -> Instance:
    """An adversarial autoencoder of numbers: data are -2 or 2, the prior is -1 or 1.

    Math: E(x) = eta x, P(z) = theta z, D(z) = sigmoid(phi z^2). Equilibria phi = 0, eta = +-1/2, theta = 1/eta.

    Shapes: three scalars, and the weight lambda.

    Reference: Makhzani et al. (2016), arXiv:1511.05644.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("adversarial_autoencoder").variables
        (eta, theta, phi)
    """
    half = [sp.Rational(1, 2)] * 2
    return Instance(
        dims={"n": 1, "m": 1, "p": 1, "q": 1, "r": 1},
        networks={
            "E": lambda x, eta: [eta[0] * x[0]],
            "P": lambda z, theta: [theta[0] * z[0]],
            "D": lambda z, phi: sigmoid(phi[0] * z[0] ** 2),
        },
        laws={"p_data": ([[-2], [2]], half), "p_z": ([[-1], [1]], half)},
    )


def vae_gan(posterior: Literal["isotropic", "any law"] = "isotropic", *, weight: Any = None) -> Game:
    """VAE-GAN: a variational autoencoder whose reconstructions are compared by a discriminator's features.

    Math: q(z | x) = N(E(x), s(x) I), sampled as E(x) + sqrt(s(x)) e; with `posterior="any law"` a law q(z | x, eta) of
        any form, a normal one with a covariance of its own among them, sampled as E(x, e, eta), e ~ p_e, and entering
        the prior term by its log-density. x_hat = P of the sample, x_p = P(z) with z ~ N(0, I).
        discriminator: min_phi L_D = -E log D(x) - E log(1 - D(x_p)) - E log(1 - D(x_hat)); encoder: min_eta
        E KL(q(z | x) || N(0, I)) + L_feat, L_feat = E |f(x) - f(x_hat)|^2 with f a layer of the discriminator, that is,
        another function of its weights; decoder: min_theta gamma L_feat - L_D. `weight` is gamma.

    Shapes: eta in R^r, theta in R^p, phi in R^q, data in R^n, latents in R^m, features in R^l, noise in R^k, all
        symbolic.

    Raises: GameError for another posterior.

    Reference: Larsen, Soenderby, Larochelle, Winther (2016), arXiv:1512.09300, algorithm 1.

    Examples:
        >>> print(vae_gan().cost("encoder").args[0])
        E_x[-m*log(s(x, eta))/2 + m*s(x, eta)/2 - m/2 + |E(x, eta)|^2/2]
    """
    eta, theta, phi = vector("eta", "r"), vector("theta", "p"), vector("phi", "q")
    x, z = random("x", data("p_data", "n")), random("z", normal("m"))
    e, coded, law = _posterior(posterior, x, eta)
    scale = sp.Symbol("gamma", positive=True) if weight is None else expression(weight, "the weight of the features")
    D, f = network("D", range="probability"), network("f", out="l")
    rebuilt, made = DECODER(coded, theta), DECODER(z, theta)
    fooled = classified(D(x, phi), (x,), D(made, phi), (z,)) - E(sp.log(1 - D(rebuilt, phi)), x, e)
    apart = E(norm2(f(x, phi) - f(rebuilt, phi)), x, e)
    prior = E(relative_entropy(law, normal("m")), x)
    players = {
        "encoder": minimize(prior + apart, eta),
        "decoder": minimize(scale * apart - fooled, theta),
        "discriminator": minimize(fooled, phi),
    }
    return Game(players, title="VAE-GAN", source="Larsen et al. 2016, arXiv:1512.09300")


def _posterior(kind: str, x: Any, eta: Any) -> tuple[Any, Any, Any]:
    """The noise, the sampled code and the law of the code."""
    if kind == "isotropic":
        mean, spread, e = ENCODER(x, eta), network("s", range="positive")(x, eta), random("e", normal("m"))
        return e, mean + sp.sqrt(spread) * e, normal(mean, spread)
    if kind == "any law":
        e = random("e", density("p_e", "k"))
        return e, ENCODER(x, e, eta), density("q", "m", x, eta)
    raise GameError(f"posterior is 'isotropic' or 'any law'; got {kind!r}")


def vae_gan_instance() -> Instance:
    """VAE-GAN on a line: the first coordinate of the data is -1 or 1, the second is 1, which is what D looks at.

    Math: E(x) = eta x_1, s = 1/2, P(z) = (theta_1 z, theta_2), f(x) = x, D(x) = sigmoid(phi (x_2 - 1)). Equilibria
        phi = 0, theta_2 = 1, and eta = theta_1 = +-1/sqrt(2), at which the spread 1/2 is the best one too, or 0.

    Shapes: four scalars, and the weight gamma.

    Reference: Larsen, Soenderby, Larochelle, Winther (2016), arXiv:1512.09300.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("vae_gan").variables
        (eta, theta_1, theta_2, phi)
    """
    return Instance(
        dims={"n": 2, "m": 1, "l": 2, "p": 2, "q": 1, "r": 1},
        networks={
            "E": lambda x, eta: [eta[0] * x[0]],
            "s": lambda x, eta: sp.Rational(1, 2),
            "P": lambda z, theta: [theta[0] * z[0], theta[1]],
            "f": lambda x, phi: [x[0], x[1]],
            "D": lambda x, phi: sigmoid(phi[0] * (x[1] - 1)),
        },
        laws={"p_data": ([[-1, 1], [1, 1]], [sp.Rational(1, 2)] * 2)},
    )
