"""Small instances of the first models: adversarial critics on points, actor-critic methods on one decision.

Main definitions: `lsgan_instance`, `wgan_instance`, `hinge_gan_instance`, `deterministic_policy_gradient_instance`,
`nfqca_instance`, `svg0_instance`, `stochastic_policy_gradient_instance`, `traditional_actor_critic_instance`.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from bilevel.language.functions import sigmoid
from bilevel.language.instance import Instance
from bilevel.models.gans import gan_instance


def wgan_instance() -> Instance:
    """The Wasserstein GAN of points: data at 0, D(w) = phi w, G(z) = theta.

    Math: the bilinear game phi theta, a centre.

    Shapes: two scalars.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("wgan").cost("generator")
        -phi*theta
    """
    return replace(gan_instance(), networks={**gan_instance().networks, "D": lambda w, phi: phi[0] * w[0]})


def hinge_gan_instance() -> Instance:
    """The hinge GAN of points: as `wgan_instance`, inside the margins.

    Math: near phi = 0 both hinges are open, and the game is bilinear.

    Shapes: two scalars.

    Reference: Lim and Ye (2017), arXiv:1705.02894.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("hinge_gan").cost("generator")
        -phi*theta
    """
    return wgan_instance()


def lsgan_instance() -> Instance:
    """The least-squares GAN of points, with a bias: data at 0, D(w) = 1/2 + phi w, G(z) = theta.

    Math: targets 0 and 1: the best constant critic is 1/2. Equilibrium 0, a centre.

    Shapes: two scalars.

    Reference: Mao et al. (2017), arXiv:1611.04076.

    Examples:
        >>> from bilevel.models import instance
        >>> sp.expand(instance("lsgan").cost("generator"))
        phi**2*theta**2/2 - phi*theta/2 + 1/8
    """
    networks = {**gan_instance().networks, "D": lambda w, phi: sp.S.Half + phi[0] * w[0]}
    return replace(gan_instance(), networks=networks)


def deterministic_policy_gradient_instance() -> Instance:
    """One decision: s = -1 or 1, r = s a - a^2/2, what follows is not the actor's doing.

    Math: Q = phi s a - a^2/2, pi = theta s, gamma = 0; the critic sees the actor's own actions only. Equilibria
        phi = theta = 1, the best action, and phi = theta = 0, where nothing is tried and nothing is learned.

    Shapes: two scalars.

    Reference: Silver et al. (2014), deterministic policy gradient algorithms.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("deterministic_policy_gradient").variables
        (phi, theta)
    """
    return Instance(
        dims={"k": 1, "m": 1, "l": 1, "p": 1, "q": 1},
        networks={
            "Q": lambda s, a, phi: phi[0] * s[0] * a[0] - a[0] ** 2 / 2,
            "pi": lambda s, theta: [theta[0] * s[0]],
        },
        laws={
            "rho": ([[-1], [1]], [sp.Rational(1, 2)] * 2),
            "R": lambda s, a: ([s[0] * a[0] - a[0] ** 2 / 2], [1]),
            "P": lambda s, a: ([[s[0]]], [1]),
        },
        scalars={"gamma": sp.S.Zero},
    )


def nfqca_instance() -> Instance:
    """The decision of `deterministic_policy_gradient_instance`, with a copy of the critic.

    Math: as there; at gamma = 0 the copy is idle.

    Shapes: three scalars, the copy included.

    Reference: Hafner and Riedmiller (2011), doi 10.1007/s10994-011-5235-x.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("nfqca").variables
        (phi, theta, phi_copy)
    """
    return deterministic_policy_gradient_instance()


def svg0_instance() -> Instance:
    """The decision of `deterministic_policy_gradient_instance`, with noise in the action.

    Math: pi = theta s + eta, eta ~ N(0, 1): the noise explores, so phi = theta = 1 is the only equilibrium.

    Shapes: two scalars.

    Reference: Heess et al. (2015), arXiv:1510.09142.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("svg0").variables
        (phi, theta)
    """
    base = deterministic_policy_gradient_instance()
    return replace(base, networks={**base.networks, "pi": lambda s, eta, theta: [theta[0] * s[0] + eta[0]]})


def stochastic_policy_gradient_instance() -> Instance:
    """Two actions with the critic's values held apart by a cost: a = 0 or 1, r = a.

    Math: pi(1) = sigmoid(theta), Q = phi (a - 1/2) a, gamma = 0: the critic fits 2 = phi; the actor climbs for ever, so
        there is no equilibrium of both.

    Shapes: two scalars.

    Reference: Sutton, McAllester, Singh, Mansour (2000), policy gradient methods with function approximation.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("stochastic_policy_gradient").variables
        (phi, theta)
    """
    return _two_actions({"Q": lambda s, a, phi: phi[0] * (a[0] - sp.S.Half) * a[0]})


def traditional_actor_critic_instance() -> Instance:
    """Two actions that pay alike: a = 0 or 1, r = 1.

    Math: pi(1) = sigmoid(theta), V = phi, gamma = 0. The critic settles at 1, every policy is an equilibrium.

    Shapes: two scalars.

    Reference: Sutton and Barto (2018), section 13.5.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("traditional_actor_critic").variables
        (phi, theta)
    """
    world = _two_actions({"V": lambda s, phi: phi[0]})
    return replace(world, laws={**world.laws, "R": lambda s, a: ([1], [1])})


def _two_actions(networks: dict[str, object]) -> Instance:
    return Instance(
        dims={"k": 1, "m": 1, "p": 1, "q": 1},
        networks=networks,  # type: ignore[arg-type]
        laws={
            "rho": ([[0]], [1]),
            "pi": lambda s, theta: ([[0], [1]], [1 - sigmoid(theta[0]), sigmoid(theta[0])]),
            "R": lambda s, a: ([a[0]], [1]),
            "P": lambda s, a: ([[s[0]]], [1]),
        },
        scalars={"gamma": sp.S.Zero},
    )
