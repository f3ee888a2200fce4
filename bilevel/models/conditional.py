"""Conditional generative adversarial networks: generator and discriminator are told the same condition.

Main definitions: `conditional_gan`, `conditional_gan_instance`.

Notation: condition c ~ p_c in R^k, data x ~ p_data(. | c) in R^n, noise z ~ N(0, I) in R^m, generator G(z, c, theta),
discriminator D(x, c, phi) in (0, 1).
"""

from __future__ import annotations

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.functions import sigmoid
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, normal, random
from bilevel.language.networks import network
from bilevel.language.nodes import vector
from bilevel.models.parts import classified, fooling


def conditional_gan(generator: str = "non-saturating") -> Game:
    """The conditional GAN.

    Math: discriminator: min_phi -E_{c, x} log D(x, c) - E_{c, z} log(1 - D(G(z, c), c)); generator:
        min_theta -E_{c, z} log D(G(z, c), c) ("non-saturating") or E_{c, z} log(1 - D(G(z, c), c)) ("minimax").

    Shapes: theta in R^p, phi in R^q, data in R^n, noise in R^m, conditions in R^k, all symbolic.

    Raises: GameError for an unknown generator loss.

    Reference: Mirza and Osindero (2014), arXiv:1411.1784, equation 2.

    Examples:
        >>> print(conditional_gan().cost("generator"))
        -E_{c, z}[log(D(G(z, c, theta), c, phi))]
    """
    theta, phi = vector("theta", "p"), vector("phi", "q")
    c, z = random("c", data("p_c", "k")), random("z", normal("m"))
    x = random("x", density("p_data", "n", c))
    D, G = network("D", range="probability"), network("G", out="n")
    fake = D(G(z, c, theta), c, phi)
    players = {
        "discriminator": minimize(classified(D(x, c, phi), (c, x), fake, (c, z)), phi),
        "generator": minimize(fooling(fake, (c, z), generator), theta),
    }
    return Game(players, title="Conditional GAN", source="Mirza and Osindero 2014, arXiv:1411.1784")


def conditional_gan_instance() -> Instance:
    """The conditional GAN of points: two conditions, one data point each, a generator affine in the condition.

    Math: c = 0 or 1, x = 2c; G(z, c) = theta_1 + theta_2 c, D(x, c) = sigmoid((phi_1 + phi_2 c) (x - 2c)). Equilibrium
        theta = (0, 2), phi = 0.

    Shapes: four scalars.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, for the unconditional case.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("conditional_gan").variables
        (phi_1, phi_2, theta_1, theta_2)
    """
    return Instance(
        dims={"n": 1, "m": 1, "k": 1, "p": 2, "q": 2},
        networks={
            "G": lambda z, c, theta: [theta[0] + theta[1] * c[0]],
            "D": lambda x, c, phi: sigmoid((phi[0] + phi[1] * c[0]) * (x[0] - 2 * c[0])),
        },
        laws={
            "p_c": ([[0], [1]], [sp.Rational(1, 4), sp.Rational(3, 4)]),
            "p_data": lambda c: ([[2 * c[0]]], [1]),
        },
    )
