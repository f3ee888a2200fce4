"""Generative adversarial networks in their original form, and the environment in which they are actor-critic methods.

Main definitions: `gan`, `gan_instance`, `gan_environment`, `generator_policy`, `blind_actor_critic`.

Notation: data w ~ p_data in R^n, noise z ~ N(0, I) in R^m, generator G(z, theta), discriminator D(w, phi) in (0, 1),
label y.
"""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp

from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.instance import Instance
from bilevel.language.laws import Law, bernoulli, data, normal, random
from bilevel.language.networks import Network, network
from bilevel.language.nodes import vector
from bilevel.models.actor_critics import actor_critic
from bilevel.models.divergence import cross_entropy
from bilevel.models.environment import Environment
from bilevel.models.policy import Policy
from bilevel.response import best_response

GeneratorLoss = Literal["minimax", "non-saturating"]


def discriminator_network() -> Network:
    """The discriminator D: a scalar network whose values are probabilities.

    Math: D(w, phi) in (0, 1).

    Reference: Goodfellow et al. (2014), arXiv:1406.2661.

    Examples:
        >>> discriminator_network().range
        'probability'
    """
    return network("D", range="probability")


def generator_network() -> Network:
    """The generator G: a network whose values are points of data space.

    Math: G(z, theta) in R^n.

    Shapes: values in R^n, n symbolic.

    Reference: Goodfellow et al. (2014), arXiv:1406.2661.

    Examples:
        >>> generator_network().out
        n
    """
    return network("G", out="n")


def gan(
    generator: GeneratorLoss = "minimax",
    *,
    labels: tuple[Any, Any] = (1, 0),
    noise: Law | None = None,
    leader: str | None = None,
    labelled: bool = False,
) -> Game:
    """A generative adversarial network: networks of any form, spaces of any dimension.

    Math: discriminator: min_phi F = -E_w[alpha log D(w) + (1-alpha) log(1-D(w))] - E_z[beta log D(G(z)) + (1-beta)
        log(1-D(G(z)))] with target labels (alpha, beta), default (1, 0), the paper's (4); generator: max_theta F
        ("minimax"), or min_theta -E_z log D(G(z)) ("non-saturating", the paper's (5)). A `leader` differentiates
        through the other's best response. `labelled` writes F with the label y in it, as the first line of the paper's
        (3): the expectation, over a fair coin y, of the loss on the image shown; that is half of F.

    Shapes: theta in R^p, phi in R^q, data in R^n, noise in R^m (or drawn from the law given), all symbolic.

    Raises: GameError for an unknown generator loss or leader.

    Reference: Goodfellow et al. (2014), arXiv:1406.2661; Pfau and Vinyals (2016), arXiv:1610.01945, equations 3 to 5;
        Salimans et al. (2016), arXiv:1606.03498, for label targets.

    Examples:
        >>> print(gan("non-saturating").cost("generator"))
        -E_z[log(D(G(z, theta), phi))]
    """
    theta, phi = vector("theta", "p"), vector("phi", "q")
    w, z = random("w", data("p_data", "n")), random("z", noise or normal("m"))
    real, fake = discriminator_network()(w, phi), discriminator_network()(generator_network()(z, theta), phi)
    alpha, beta = (sp.nsimplify(label) if isinstance(label, float) else label for label in labels)
    loss = E(cross_entropy(alpha, real), w) + E(cross_entropy(beta, fake), z)
    if labelled:
        x, y = random("x", data("p_data", "n")), random("y", bernoulli(sp.Rational(1, 2)))
        shown = y * x + (1 - y) * generator_network()(z, theta)
        loss = E(cross_entropy(alpha * y + beta * (1 - y), discriminator_network()(shown, phi)), x, y, z)
    losses = {"minimax": maximize(loss, theta), "non-saturating": minimize(-E(sp.log(fake), z), theta)}
    if generator not in losses:
        raise GameError(f"generator is 'minimax' or 'non-saturating'; got {generator!r}")
    players = {"discriminator": minimize(loss, phi), "generator": losses[generator]}
    return led(Game(players, title="GAN", source="Goodfellow et al. 2014"), leader)


def gan_instance() -> Instance:
    """The GAN of points: a linear discriminator and a generator that puts all its mass on one point.

    Math: data at 0, D(w) = sigmoid(phi w), G(z) = theta: the Dirac-GAN, with its centre at theta = phi = 0.

    Shapes: all spaces are lines.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406.

    Examples:
        >>> from bilevel.language.instantiate import instantiate
        >>> instantiate(gan(), gan_instance()).field()
        {phi: theta*sigmoid(phi*theta), theta: -phi*sigmoid(phi*theta)}
    """
    return Instance(
        dims={"n": 1, "m": 1, "p": 1, "q": 1},
        networks={"D": lambda w, phi: sigmoid(phi[0] * w[0]), "G": lambda z, theta: [theta[0]]},
        laws={"p_data": ([[0]], [1])},
    )


def led(game: Game, leader: str | None) -> Game:
    """The same two-player game in which `leader` differentiates through the other player's best response.

    Math: see `best_response`; None leaves the game as it is.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, equations 1 and 2.

    Examples:
        >>> led(gan(), "generator")["generator"].through
        (('discriminator', BestResponse()),)
    """
    if leader is None:
        return game
    (other,) = [name for name in game.players if game[leader] is not game[name]]
    chosen = game[leader]
    make = minimize if chosen.sense == "min" else maximize
    return game.with_players(**{leader: make(chosen.loss, *chosen.moves, through={other: best_response()})})


def gan_environment(*, sighted: bool = False, critic_sees_state: bool = False, discount: Any = 0) -> Environment:
    """The environment of section 2.3: a coin shows the actor's image or a real one; the reward says which.

    Math: state x ~ p_data, action a in R^n, coin y ~ Bernoulli(1/2), shown image y x + (1-y) a, reward y, next state an
        independent draw. The critic sees the shown image (and the state, if `critic_sees_state`); the actor sees
        nothing (or the state, if `sighted`).

    Shapes: images in R^n.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.

    Examples:
        >>> gan_environment().blind, gan_environment(sighted=True).blind
        (True, False)
    """
    x, a = random("x", data("p_data", "n")), vector("a", "n")
    y = random("y", bernoulli(sp.Rational(1, 2)))
    shown = y * x + (1 - y) * a
    return Environment(
        state=x,
        action=a,
        reward=y,
        noise=(y,),
        critic_sees=(shown, x) if critic_sees_state else (shown,),
        actor_sees=(x,) if sighted else (),
        discount=sp.Integer(discount) if isinstance(discount, int) else discount,
    )


def generator_policy(*, sighted: bool = False) -> Policy:
    """The generator as a policy: blind with noise of its own, or sighted and deterministic.

    Math: a = G(z, theta), z ~ N(0, I_m); sighted: a = G(x, theta).

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.

    Examples:
        >>> generator_policy().noise
        (z,)
    """
    noise = () if sighted else (random("z", normal("m")),)
    return Policy(vector("theta", "p"), generator_network(), noise=noise)


def blind_actor_critic(
    *, sighted: bool = False, critic_sees_state: bool = False, discount: Any = 0, **choices: Any
) -> Game:
    """The actor-critic method in the GAN's environment; `choices` go to `actor_critic`.

    Math: critic E[-y log Q(shown) - (1-y) log(1 - Q(shown))], actor -E[Q(shown)], unless `choices` say otherwise.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.

    Examples:
        >>> blind_actor_critic().variables
        (phi, theta)
    """
    settings = {"divergence": cross_entropy, **choices}
    critic = network("D", range="probability")
    return actor_critic(
        gan_environment(sighted=sighted, critic_sees_state=critic_sees_state, discount=discount),
        generator_policy(sighted=sighted),
        critic,
        vector("phi", "q"),
        **settings,
    )
