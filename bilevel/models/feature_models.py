"""Models in which features decide: feature matching, domain-adversarial networks.

Main definitions: `feature_matching`, `domain_adversarial`, and an instance of each.
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
from bilevel.language.nodes import norm2, vector
from bilevel.language.values import expression
from bilevel.models.parts import classified


def feature_matching() -> Game:
    """Feature matching: the generator matches the mean of a layer of the discriminator, not its verdict.

    Math: discriminator: min_phi F_GAN; generator: min_theta |E_w f(w) - E_z f(G(z))|^2, f(., phi) a layer of D, that
        is, another function of its weights.

    Shapes: theta in R^p, phi in R^q, data in R^n, noise in R^m, features in R^l, all symbolic.

    Reference: Salimans et al. (2016), arXiv:1606.03498, section 3.1.

    Examples:
        >>> print(feature_matching().cost("generator"))
        |E_z[f(G(z, theta), phi)]|^2 - 2*<E_z[f(G(z, theta), phi)], E_w[f(w, phi)]> + |E_w[f(w, phi)]|^2
    """
    theta, phi = vector("theta", "p"), vector("phi", "q")
    w, z = random("w", data("p_data", "n")), random("z", normal("m"))
    D, f, made = network("D", range="probability"), network("f", out="l"), network("G", out="n")(z, theta)
    players = {
        "discriminator": minimize(classified(D(w, phi), (w,), D(made, phi), (z,)), phi),
        "generator": minimize(norm2(E(f(w, phi), w) - E(f(made, phi), z)), theta),
    }
    return Game(players, title="Feature matching", source="Salimans et al. 2016, arXiv:1606.03498")


def feature_matching_instance() -> Instance:
    """Feature matching on a line: data at -1 and 1, a generator of one point, one linear feature.

    Math: D(w) = sigmoid(phi w), f(w) = w, G = theta. Equilibrium theta = phi = 0: the mean is matched, and as the
        feature does not move, the generator does not see the discriminator at all.

    Shapes: two scalars.

    Reference: Salimans et al. (2016), arXiv:1606.03498.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("feature_matching").cost("generator")
        theta**2
    """
    return Instance(
        dims={"n": 1, "m": 1, "l": 1, "p": 1, "q": 1},
        networks={
            "D": lambda w, phi: sigmoid(phi[0] * w[0]),
            "f": lambda w, phi: [w[0]],
            "G": lambda z, theta: [theta[0]],
        },
        laws={"p_data": ([[-1], [1]], [sp.Rational(1, 2)] * 2)},
    )


def domain_adversarial(*, weight: Any = None) -> Game:
    """Domain-adversarial training: features good for the task on the source, and blind to which domain it is.

    Math: x ~ source with label y, x' ~ target; features F, label posterior Y(y | F(x)), domain classifier D.
        L_task = -E log Y(y | F(x)); L_dom = -E log D(F(x)) - E log(1 - D(F(x'))). features:
        min_eta L_task - lambda L_dom; labels: min_psi L_task; domains: min_phi L_dom. `weight` is lambda.

    Shapes: eta in R^r, psi in R^p, phi in R^q, inputs in R^n, features in R^m, labels in R^k, all symbolic.

    Reference: Ganin et al. (2016), arXiv:1505.07818, equations 13 to 15.

    Examples:
        >>> print(domain_adversarial().cost("labels"))
        -E_{x, y}[log Y(y; F(x, eta), psi)]
    """
    eta, psi, phi = vector("eta", "r"), vector("psi", "p"), vector("phi", "q")
    x, other = random("x", data("source", "n")), random("x_target", data("target", "n"))
    y = random("y", density("label", "k", x))
    scale = sp.Symbol("lambda", positive=True) if weight is None else expression(weight, "the weight of the domains")
    F, D = network("F", out="m"), network("D", range="probability")
    task = -E(log_density(density("Y", "k", F(x, eta), psi), y), x, y)
    domain = classified(D(F(x, eta), phi), (x,), D(F(other, eta), phi), (other,))
    players = {
        "features": minimize(task - scale * domain, eta),
        "labels": minimize(task, psi),
        "domains": minimize(domain, phi),
    }
    return Game(players, title="Domain-adversarial networks", source="Ganin et al. 2016, arXiv:1505.07818")


def domain_adversarial_instance() -> Instance:
    """Two coordinates: the first is the label, the second tells the domains apart.

    Math: source (+-1, 0), target (+-1, 1), y the first coordinate; F(x) = eta_1 x_1 + eta_2 x_2,
        Y = N(F + psi, 1), D = sigmoid(phi F). Equilibrium eta = (1, 0), psi = phi = 0: the domains cannot be told
        apart and the label can.

    Shapes: four scalars, and the weight lambda.

    Reference: Ganin et al. (2016), arXiv:1505.07818.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("domain_adversarial").variables
        (eta_1, eta_2, psi, phi)
    """
    half = [sp.Rational(1, 2)] * 2
    return Instance(
        dims={"n": 2, "m": 1, "k": 1, "p": 1, "q": 1, "r": 2},
        networks={
            "F": lambda x, eta: [eta[0] * x[0] + eta[1] * x[1]],
            "D": lambda f, phi: sigmoid(phi[0] * f[0]),
        },
        laws={
            "source": ([[-1, 0], [1, 0]], half),
            "target": ([[-1, 1], [1, 1]], half),
            "label": lambda x: ([[x[0]]], [1]),
            "Y": lambda f, psi: normal(sp.ImmutableMatrix([f[0] + psi[0]]), 1),
        },
    )
