"""Multi-agent actor-critic methods: central critics, own actors (MADDPG).

Main definitions: `maddpg`, `maddpg_instance`.

Notation: agents i = 1, ..., n; state s ~ replay in R^k, actions a_i in R^(m_i) from the buffer, rewards
r_i ~ R_i(s, a_1, ..., a_n), observations o_i(s), actors pi_i(o_i, theta_i), critics Q_i(s, a_1, ..., a_n, phi_i).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, Player, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, random
from bilevel.language.networks import network
from bilevel.language.nodes import stop_gradient, vector
from bilevel.models.replayed import discounted


def maddpg(agents: int = 2, *, discount: Any = None) -> Game:
    """Multi-agent DDPG: every agent has a critic of all actions and an actor of its own observation.

    Math: critic i: min E (sg(r_i + gamma Q_i(s', pi_1(o_1'), ..., pi_n(o_n'))) - Q_i(s, a_1, ..., a_n))^2 over the
        buffer; actor i: min -E_s Q_i(s, ..., pi_i(o_i, theta_i), ...), the others acting as they do now, held fixed.

    Shapes: theta_i in R^(p_i), phi_i in R^(q_i), states in R^k, actions in R^(m_i), observations in R^(d_i).

    Raises: GameError unless `agents` is a whole number of at least 1.

    Reference: Lowe et al. (2017), arXiv:1706.02275, equations 5 and 6.

    Examples:
        >>> list(maddpg().players)
        ['critic_1', 'actor_1', 'critic_2', 'actor_2']
    """
    if not isinstance(agents, int) or agents < 1:
        raise GameError(f"agents is a whole number of at least 1; got {agents!r}")
    who, gamma, s = range(1, agents + 1), discounted(discount), random("s", data("replay", "k"))
    acts = [random(f"a_{i}", density(f"behaviour_{i}", f"m_{i}", s)) for i in who]
    later = random("s_next", density("P", "k", s, *acts))
    weights = [vector(f"theta_{i}", f"p_{i}") for i in who]

    def policy(i: int, state: Any, held: bool) -> Any:
        seen, theta = network(f"o_{i}", out=f"d_{i}")(state), weights[i - 1]
        return network(f"pi_{i}", out=f"m_{i}")(seen, stop_gradient(theta) if held else theta)

    players: dict[str, Player] = {}
    for i in who:
        Q, phi = network(f"Q_{i}"), vector(f"phi_{i}", f"q_{i}")
        r = random(f"r_{i}", density(f"R_{i}", None, s, *acts))
        target = stop_gradient(r + gamma * Q(later, *(policy(j, later, True) for j in who), phi))
        ours = Q(s, *(policy(j, s, j != i) for j in who), phi)
        players[f"critic_{i}"] = minimize(E((target - Q(s, *acts, phi)) ** 2, s, *acts, r, later), phi)
        players[f"actor_{i}"] = minimize(-E(ours, s), weights[i - 1])
    return Game(players, title="MADDPG", source="Lowe et al. 2017, arXiv:1706.02275")


def maddpg_instance() -> Instance:
    """Two agents with opposed payoffs, one state: r_1 = a_1 a_2 = -r_2, gamma = 0.

    Math: Q_i = phi_i a_1 a_2, pi_i = theta_i, the buffer's actions -1 or 1. Equilibrium phi = (1, -1), theta = 0: with
        critics that are right the actors play the bilinear game, whose flow is a centre.

    Shapes: four scalars.

    Reference: Lowe et al. (2017), arXiv:1706.02275; Singh, Kearns, Mansour (2000), for the actors.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("maddpg").variables
        (phi_1, theta_1, phi_2, theta_2)
    """
    coin = ([[-1], [1]], [sp.Rational(1, 2)] * 2)
    return Instance(
        dims={"k": 1, **{f"{letter}_{i}": 1 for letter in "pqmd" for i in (1, 2)}},
        networks={
            **{f"Q_{i}": lambda s, a, b, phi: phi[0] * a[0] * b[0] for i in (1, 2)},
            **{f"o_{i}": lambda s: [s[0]] for i in (1, 2)},
            **{f"pi_{i}": lambda o, theta: [theta[0]] for i in (1, 2)},
        },
        laws={
            "replay": ([[0]], [1]),
            **{f"behaviour_{i}": lambda s: coin for i in (1, 2)},
            "P": lambda s, a, b: ([[0]], [1]),
            "R_1": lambda s, a, b: ([a[0] * b[0]], [1]),
            "R_2": lambda s, a, b: ([-a[0] * b[0]], [1]),
        },
        scalars={"gamma": sp.S.Zero},
    )
