"""Actor-critic methods that learn from the steps they take: advantage actor-critic (A2C, A3C).

Main definitions: `advantage_actor_critic`, `advantage_actor_critic_instance`.

Notation: state s ~ rho in R^k, action a ~ pi(. | s, theta) in R^m, reward r ~ R(s, a), next state ~ P(s, a), V(s, phi).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.information import entropy
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, log_density, random
from bilevel.language.networks import network
from bilevel.language.nodes import stop_gradient, vector
from bilevel.language.values import expression
from bilevel.models.replayed import discounted


def advantage_actor_critic(steps: int = 1, *, discount: Any = None, bonus: Any = None) -> Game:
    """Advantage actor-critic (A2C; A3C is the same expected update, taken by several workers out of step).

    Math: R = sum_{i < n} gamma^i r_i + gamma^n V(s_n); actor: min_theta -E[sg(R - V(s)) log pi(a | s)]
        - beta E H(pi(. | s)); critic: min_phi E (sg(R) - V(s))^2; the steps are taken at the current theta,
        n = `steps`, beta = `bonus`.

    Shapes: theta in R^p, phi in R^q, states in R^k, actions in R^m, all symbolic.

    Raises: GameError unless `steps` is a whole number of at least 1.

    Reference: Mnih et al. (2016), arXiv:1602.01783, section 4 and algorithm S3.

    Examples:
        >>> list(advantage_actor_critic().players)
        ['actor', 'critic']
    """
    if not isinstance(steps, int) or steps < 1:
        raise GameError(f"steps is a whole number of at least 1; got {steps!r}")
    theta, phi, V = vector("theta", "p"), vector("phi", "q"), network("V")
    gamma = discounted(discount)
    beta = sp.Symbol("beta", positive=True) if bonus is None else expression(bonus, "the entropy bonus")
    s = place = random("s", data("rho", "k"))
    drawn, gained = [s], sp.S.Zero
    for i in range(steps):
        stamp = "" if i == 0 else f"_{i}"
        a = random(f"a{stamp}", density("pi", "m", place, stop_gradient(theta)))
        r = random(f"r{stamp}", density("R", None, place, a))
        later = random(f"s_{i + 1}", density("P", "k", place, a))
        drawn, gained, place = [*drawn, a, r, later], gained + gamma**i * r, later
    total = stop_gradient(gained + gamma**steps * V(place, phi))
    policy = density("pi", "m", s, theta)
    score = log_density(policy, drawn[1])
    climbed = E(-stop_gradient(total - V(s, phi)) * score, *drawn)
    players = {
        "actor": minimize(climbed - beta * E(entropy(policy), s), theta),
        "critic": minimize(E((total - V(s, phi)) ** 2, *drawn), phi),
    }
    return Game(players, title="Advantage actor-critic", source="Mnih et al. 2016, arXiv:1602.01783")


def advantage_actor_critic_instance() -> Instance:
    """One state and two actions, of which the second pays 1.

    Math: V = phi, pi(1) = sigmoid(theta), gamma = 1/2. Equilibrium theta = 1/beta, phi = 2 sigmoid(1/beta).

    Shapes: two scalars, and the bonus beta.

    Reference: Mnih et al. (2016), arXiv:1602.01783.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("advantage_actor_critic").variables
        (theta, phi)
    """
    return Instance(
        dims={"k": 1, "m": 1, "p": 1, "q": 1},
        networks={"V": lambda s, phi: phi[0]},
        laws={
            "rho": ([[0]], [1]),
            "pi": lambda s, theta: ([[0], [1]], [1 - sigmoid(theta[0]), sigmoid(theta[0])]),
            "R": lambda s, a: ([a[0]], [1]),
            "P": lambda s, a: ([[s[0]]], [1]),
        },
        scalars={"gamma": sp.Rational(1, 2)},
    )
