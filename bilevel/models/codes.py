"""Codes that can be read back from generated points: InfoGAN.

Main definitions: `infogan`, `infogan_instance`.

Notation: noise z ~ N(0, I) in R^m, code c ~ p_c in R^k (a fixed law with a density), generator G(z, c, theta),
discriminator D(x, phi) in (0, 1), posterior Q(c | x, psi).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, log_density, normal, random
from bilevel.language.networks import network
from bilevel.language.nodes import vector
from bilevel.language.values import expression
from bilevel.models.parts import classified, fooling


def infogan(generator: str = "non-saturating", *, weight: Any = None) -> Game:
    """InfoGAN: a GAN whose generator and posterior together keep a code readable from the generated point.

    Math: L_I = E_{c, z} log Q(c | G(z, c)), which with the entropy of c (a constant) bounds the mutual information of c
        and G(z, c) from below. discriminator: min_phi F_GAN; generator: min_theta of the GAN's generator loss
        - lambda L_I; posterior: min_psi -lambda L_I. `weight` is lambda.

    Shapes: theta in R^p, phi in R^q, psi in R^r, data in R^n, noise in R^m, codes in R^k, all symbolic.

    Raises: GameError for an unknown generator loss.

    Reference: Chen et al. (2016), arXiv:1606.03657, equations 3 to 6.

    Examples:
        >>> print(infogan().cost("posterior"))
        -lambda*E_{c, z}[log Q(c; G(z, c, theta), psi)]
    """
    theta, phi, psi = vector("theta", "p"), vector("phi", "q"), vector("psi", "r")
    c, z, x = random("c", density("p_c", "k")), random("z", normal("m")), random("x", data("p_data", "n"))
    scale = sp.Symbol("lambda", positive=True) if weight is None else expression(weight, "the weight of the code")
    D, made = network("D", range="probability"), network("G", out="n")(z, c, theta)
    readable = scale * E(log_density(density("Q", "k", made, psi), c), c, z)
    players = {
        "discriminator": minimize(classified(D(x, phi), (x,), D(made, phi), (c, z)), phi),
        "generator": minimize(fooling(D(made, phi), (c, z), generator) - readable, theta),
        "posterior": minimize(-readable, psi),
    }
    return Game(players, title="InfoGAN", source="Chen et al. 2016, arXiv:1606.03657")


def infogan_instance() -> Instance:
    """InfoGAN on two points: a binary code, a linear generator, a Gaussian posterior with a linear mean.

    Math: c, x = -1 or 1 with equal odds; G = theta c, D(x) = sigmoid(phi x^2), Q(c | x) = N(psi x, 1). Equilibria
        phi = 0, theta = psi = +-1: the points are matched and the code is read back.

    Shapes: three scalars, and the weight lambda.

    Reference: Chen et al. (2016), arXiv:1606.03657.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("infogan").variables
        (phi, theta, psi)
    """
    coin = ([[-1], [1]], [sp.Rational(1, 2)] * 2)
    return Instance(
        dims={"n": 1, "m": 1, "k": 1, "p": 1, "q": 1, "r": 1},
        networks={
            "G": lambda z, c, theta: [theta[0] * c[0]],
            "D": lambda x, phi: sigmoid(phi[0] * x[0] ** 2),
        },
        laws={
            "p_c": coin,
            "p_data": coin,
            "Q": lambda x, psi: normal(sp.ImmutableMatrix([psi[0] * x[0]]), 1),
        },
    )
