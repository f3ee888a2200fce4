"""Learning from preferences: the game of reward model and policy, and the one loss that stands in for it.

Main definitions: `preference_game`, `direct_preference`, and instances.

Notation: prompt x ~ p_x in R^k, responses y in R^n, reward r(x, y, psi), policy pi(y | x, theta), reference
pi_ref(y | x); of a pair the chosen y_w and the rejected y_l.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, log_density, random
from bilevel.language.networks import network
from bilevel.language.nodes import vector
from bilevel.language.values import expression


def _pairs() -> tuple[Any, Any, Any]:
    x = random("x", data("p_x", "k"))
    chosen = random("y_w", density("chosen", "n", x))
    return x, chosen, random("y_l", density("rejected", "n", x, chosen))


def _temperature(weight: Any) -> Any:
    return sp.Symbol("beta", positive=True) if weight is None else expression(weight, "the weight of the reference")


def preference_game(*, weight: Any = None) -> Game:
    """Reinforcement learning from human feedback: a reward model fitted to preferences, a policy that climbs it.

    Math: reward model: min_psi -E log sigmoid(r(x, y_w) - r(x, y_l)) (Bradley and Terry); policy:
        min_theta -E_{x, y ~ pi} r(x, y) + beta E_x KL(pi(. | x) || pi_ref(. | x)). `weight` is beta.

    Shapes: psi in R^q, theta in R^p, prompts in R^k, responses in R^n, all symbolic.

    Reference: Christiano et al. (2017), arXiv:1706.03741; Ouyang et al. (2022), arXiv:2203.02155, equations 1 and 2;
        Bradley and Terry (1952), doi 10.2307/2334029.

    Examples:
        >>> print(preference_game().cost("reward_model"))
        E_{x, y_w, y_l}[-log(sigmoid(-r(x, y_l, psi) + r(x, y_w, psi)))]
    """
    theta, psi, beta, r = vector("theta", "p"), vector("psi", "q"), _temperature(weight), network("r")
    x, chosen, rejected = _pairs()
    policy = density("pi", "n", x, theta)
    y = random("y", policy)
    apart = log_density(policy, y) - log_density(density("pi_ref", "n", x), y)
    fit = E(-sp.log(sigmoid(r(x, chosen, psi) - r(x, rejected, psi))), x, chosen, rejected)
    players = {
        "reward_model": minimize(fit, psi),
        "policy": minimize(E(-r(x, y, psi) + beta * apart, x, y), theta),
    }
    return Game(players, title="Reward model and policy", source="Ouyang et al. 2022, arXiv:2203.02155")


def preference_game_instance() -> Instance:
    """Two responses, 0 and 1, of which 1 is preferred three times out of four; the reference is even.

    Math: r(y) = psi y, pi(1) = sigmoid(theta). Equilibrium psi = log 3, theta = psi/beta: the Gibbs policy.

    Shapes: two scalars, and the weight beta.

    Reference: Rafailov et al. (2023), arXiv:2305.18290, equation 4.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("preference_game").variables
        (psi, theta)
    """
    return Instance(
        dims={"n": 1, "k": 1, "p": 1, "q": 1},
        networks={"r": lambda x, y, psi: psi[0] * y[0]},
        laws={**_two_responses(), "pi": lambda x, theta: ([[0], [1]], [1 - sigmoid(theta[0]), sigmoid(theta[0])])},
    )


def direct_preference(*, weight: Any = None) -> Game:
    """Direct preference optimisation: the policy is its own reward model.

    Math: min_theta -E log sigmoid(beta log(pi(y_w | x)/pi_ref(y_w | x)) - beta log(pi(y_l | x)/pi_ref(y_l | x))).
        `weight` is beta.

    Shapes: theta in R^p, prompts in R^k, responses in R^n, all symbolic.

    Reference: Rafailov et al. (2023), arXiv:2305.18290, equation 7.

    Examples:
        >>> list(direct_preference().players)
        ['policy']
    """
    theta, beta = vector("theta", "p"), _temperature(weight)
    x, chosen, rejected = _pairs()

    def gain(y: Any) -> Any:
        return log_density(density("pi", "n", x, theta), y) - log_density(density("pi_ref", "n", x), y)

    loss = E(-sp.log(sigmoid(beta * gain(chosen) - beta * gain(rejected))), x, chosen, rejected)
    players = {"policy": minimize(loss, theta)}
    return Game(players, title="Direct preference optimisation", source="Rafailov et al. 2023, arXiv:2305.18290")


def direct_preference_instance() -> Instance:
    """The two responses of `preference_game_instance`: the same policy without a reward model.

    Math: pi(1) = sigmoid(theta). Equilibrium theta = log(3)/beta.

    Shapes: one scalar, and the weight beta.

    Reference: Rafailov et al. (2023), arXiv:2305.18290.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("direct_preference").variables
        (theta,)
    """
    return preference_game_instance()


def _two_responses() -> dict[str, Any]:
    quarter, half = sp.Rational(1, 4), sp.Rational(1, 2)
    return {
        "p_x": ([[0]], [1]),
        "chosen": lambda x: ([[0], [1]], [quarter, 1 - quarter]),
        "rejected": lambda x, chosen: ([[1 - chosen[0]]], [1]),
        "pi_ref": lambda x: ([[0], [1]], [half, half]),
    }
