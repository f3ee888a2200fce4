"""Adversarial training of sequences of tokens: SeqGAN.

Main definitions: `seqgan`, `seqgan_instance`.

Notation: tokens y_1, ..., y_T, each drawn given those before it, y_t ~ pi_t(. | y_1, ..., y_(t-1), theta), in R^n;
discriminator D(y_1, ..., y_T, phi) in (0, 1).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, log_density, random
from bilevel.language.networks import network
from bilevel.language.nodes import stop_gradient, vector
from bilevel.models.parts import classified


def sampled_tokens(length: int, weights: Any, stamp: str = "y") -> list[Any]:
    """A sequence drawn token by token.

    Math: y_t ~ pi_t(. | y_1, ..., y_(t-1), weights).

    Shapes: tokens in R^n.

    Reference: Yu, Zhang, Wang, Yu (2017), arXiv:1609.05473.

    Examples:
        >>> sampled_tokens(2, vector("theta", "p"))
        [y_1, y_2]
    """
    tokens: list[Any] = []
    for t in range(1, length + 1):
        tokens.append(random(f"{stamp}_{t}", density(f"pi_{t}", "n", *tokens, weights)))
    return tokens


def seqgan(length: int = 2) -> Game:
    """SeqGAN: tokens are actions, the discriminator's value at the end is the reward.

    Math: discriminator: min_phi F_GAN on whole sequences; generator: min_theta -E sum_t sg(Q_t)
        log pi_t(y_t | y_1, ..., y_(t-1), theta), the sequence drawn at the current theta, Q_t the average of
        D(y_1, ..., y_T) over rollouts of the rest. In expectation the rollouts are the sequence itself, so D stands for
        every Q_t.

    Shapes: theta in R^p, phi in R^q, tokens in R^n, all symbolic.

    Raises: GameError unless `length` is a whole number of at least 1.

    Reference: Yu, Zhang, Wang, Yu (2017), arXiv:1609.05473, equations 1 to 6.

    Examples:
        >>> print(seqgan(1).cost("generator"))
        E_y_1[-log pi_1(y_1; theta)*sg(D(y_1, phi))]
    """
    if not isinstance(length, int) or length < 1:
        raise GameError(f"length is a whole number of at least 1; got {length!r}")
    theta, phi, D = vector("theta", "p"), vector("phi", "q"), network("D", range="probability")
    made = sampled_tokens(length, theta)
    played = sampled_tokens(length, stop_gradient(theta))
    real: list[Any] = []
    for t in range(1, length + 1):
        real.append(random(f"x_{t}", density(f"p_{t}", "n", *real) if real else data("p_1", "n")))
    laws = [density(f"pi_{t + 1}", "n", *played[:t], theta) for t in range(length)]
    score = sp.Add(*[log_density(law, token) for law, token in zip(laws, played, strict=True)])
    players = {
        "discriminator": minimize(classified(D(*real, phi), real, D(*made, phi), made), phi),
        "generator": minimize(E(-stop_gradient(D(*played, phi)) * score, *played), theta),
    }
    return Game(players, title="SeqGAN", source="Yu et al. 2017, arXiv:1609.05473")


def seqgan_instance() -> Instance:
    """Sequences of two bits, of which the second decides: real ones end in 1 three times out of four.

    Math: y_1 even, pi_2(1) = sigmoid(theta), D = sigmoid(phi y_2). Equilibrium theta = log 3, phi = 0.

    Shapes: two scalars.

    Reference: Yu, Zhang, Wang, Yu (2017), arXiv:1609.05473.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("seqgan").variables
        (phi, theta)
    """
    coin = ([[0], [1]], [sp.Rational(1, 2)] * 2)
    return Instance(
        dims={"n": 1, "p": 1, "q": 1},
        networks={"D": lambda first, second, phi: sigmoid(phi[0] * second[0])},
        laws={
            "pi_1": lambda theta: coin,
            "pi_2": lambda first, theta: ([[0], [1]], [1 - sigmoid(theta[0]), sigmoid(theta[0])]),
            "p_1": coin,
            "p_2": lambda first: ([[0], [1]], [sp.Rational(1, 4), sp.Rational(3, 4)]),
        },
    )
