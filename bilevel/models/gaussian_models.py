"""Generators of one Gaussian variable: linear-quadratic and linear discriminators, whose averages are Gaussian moments.

Main definitions: `linear_quadratic_gan`, `gaussian_gan`.

Notation: data x ~ N(0, s) or N(mu, 1), noise z ~ N(0, 1); variances, not standard deviations, are the second arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel.game import Game, maximize, minimize
from bilevel.language.coordinate_laws import Normal
from bilevel.language.functions import sigmoid
from bilevel.language.instance import Instance
from bilevel.language.instantiate import instantiate
from bilevel.language.laws import normal
from bilevel.language.mean import mean, waiting
from bilevel.language.values import expression
from bilevel.models.gans import GeneratorLoss, gan
from bilevel.models.scores import score


def linear_quadratic_gan(
    f: str | Callable[[Any], Any] = "logistic", *, variance: Any = None, spread: bool = False, penalty: Any = 0
) -> Game:
    """The linear-quadratic GAN: Gaussian data, a discriminator with a linear and a quadratic weight.

    Math: max over w1, w2 and min over b of V = E_x f(D(x)) + E_z f(-D(G(z))), D(x) = w1 x + w2 x^2, x ~ N(0, s),
        G(z) = b + sqrt(s) z; with `spread` the generator moves its standard deviation sigma too. f is a score of
        `dirac_gan`. The generator also descends `penalty` times the squared slope of V in (w1, w2) (Nagarajan and
        Kolter).

    Shapes: three scalars w1, w2, b, and with `spread` a fourth, sigma.

    Raises: GameError if the score is unknown.

    Reference: Nagarajan and Kolter (2017), arXiv:1706.04156, theorem 3.1 and section 4.

    Examples:
        >>> game = linear_quadratic_gan("wasserstein")
        >>> [str(v) for v in game.variables]
        ['w1', 'w2', 'b']
    """
    w1, w2, b, x, z = sp.symbols("w1 w2 b x z", real=True)
    s = sp.Symbol("s", positive=True) if variance is None else expression(variance, "the variance of the data")
    sigma = sp.Symbol("sigma", positive=True) if spread else sp.sqrt(s)
    f = score(f)
    made = b + sigma * z
    value = mean(f(w1 * x + w2 * x**2), {x: Normal(0, s)}) + mean(f(-w1 * made - w2 * made**2), {z: Normal(0, 1)})
    cost = value
    if penalty != 0:
        cost += expression(penalty, "the weight of the penalty") * sum(sp.diff(value, w) ** 2 for w in (w1, w2))
    players = {"discriminator": maximize(value, w1, w2), "generator": minimize(cost, b, *([sigma] if spread else []))}
    matched = {w1: 0, w2: 0, b: 0} | ({sigma: sp.sqrt(s)} if spread else {})
    source = "Nagarajan and Kolter 2017, arXiv:1706.04156"
    return Game(players, title="Linear-quadratic GAN", source=source, points=(matched,))


def gaussian_gan(generator: GeneratorLoss = "minimax", *, center: Any = None) -> Game:
    """The GAN that learns the mean of a Gaussian, from the general GAN by choosing spaces, networks and laws.

    Math: `gan` with data N(mu, 1), G(z, theta) = theta + z, D(x, phi) = sigmoid(phi_1 + phi_2 x).

    Shapes: three scalars theta, phi_1, phi_2; equilibrium theta = mu, phi = 0.

    Raises: GameError for an unknown generator loss.

    Reference: Goodfellow et al. (2014), arXiv:1406.2661; the instance is the mean-only case of Nagarajan and Kolter
        (2017).

    Examples:
        >>> game = gaussian_gan()
        >>> phi_1, phi_2, theta = game.variables
        >>> game.jacobian().subs({phi_1: 0, phi_2: 0})[0, 0]
        1/2
    """
    mu = sp.Symbol("mu", real=True) if center is None else expression(center, "the mean of the data")
    instance = Instance(
        dims={"n": 1, "m": 1, "p": 1, "q": 2},
        networks={"G": lambda z, theta: [theta[0] + z[0]], "D": lambda x, phi: sigmoid(phi[0] + phi[1] * x[0])},
        laws={"p_data": normal(sp.ImmutableMatrix([mu]), 1)},
    )
    found = instantiate(gan(generator), instance).map_losses(waiting)
    return Game(found.players, title="Gaussian GAN", source="Goodfellow et al. 2014, arXiv:1406.2661")
