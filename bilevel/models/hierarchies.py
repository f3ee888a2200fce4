"""Hierarchical reinforcement learning: a meta-controller that sets goals and a controller that reaches them (h-DQN).

Main definitions: `h_dqn`, `h_dqn_instance`.

Notation: state s ~ replay in R^k, goal g in R^d, action a in R^m, extrinsic reward r ~ R(s, a), intrinsic reward
b(s_next, g) of a fixed critic, next state ~ P(s, a).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.expectation import E
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, random
from bilevel.language.networks import network
from bilevel.language.nodes import stop_gradient, vector
from bilevel.models.replayed import discounted


def h_dqn(*, discount: Any = None) -> Game:
    """Hierarchical deep Q-networks: one temporal-difference loss for goals, one for actions towards a goal.

    Math: goals are drawn from mu(g | s, w_2) and actions from pi(a | s, g, w_1), the soft-greedy choices of the two
        value functions at the current weights (their derivative is not taken: the data are the learners' own, and that
        is all that couples them). controller: min over w_1 of E (sg(b(s', g) + gamma Q_1(s', g, a')) - Q_1(s, g, a))^2;
        meta-controller: min over w_2 of E (sg(r + gamma Q_2(s', g')) - Q_2(s, g))^2.

    Shapes: w_1 in R^p, w_2 in R^q, states in R^k, goals in R^d, actions in R^m, all symbolic.

    Reference: Kulkarni, Narasimhan, Saeedi, Tenenbaum (2016), arXiv:1604.06057, equations 1 to 3.

    Examples:
        >>> list(h_dqn().players)
        ['controller', 'meta_controller']
    """
    low, high, gamma = vector("w_1", "p"), vector("w_2", "q"), discounted(discount)
    first, second, inner = network("Q_1"), network("Q_2"), network("b")
    s = random("s", data("replay", "k"))
    g = random("g", density("mu", "d", s, stop_gradient(high)))
    a = random("a", density("pi", "m", s, g, stop_gradient(low)))
    r, later = random("r", density("R", None, s, a)), random("s_next", density("P", "k", s, a))
    goal = random("g_next", density("mu", "d", later, stop_gradient(high)))
    action = random("a_next", density("pi", "m", later, g, stop_gradient(low)))
    near = stop_gradient(inner(later, g) + gamma * first(later, g, action, low))
    far = stop_gradient(r + gamma * second(later, goal, high))
    players = {
        "controller": minimize(E((near - first(s, g, a, low)) ** 2, s, g, a, later, action), low),
        "meta_controller": minimize(E((far - second(s, g, high)) ** 2, s, g, a, r, later, goal), high),
    }
    return Game(players, title="h-DQN", source="Kulkarni et al. 2016, arXiv:1604.06057")


def h_dqn_instance() -> Instance:
    """Goals and actions are -1 or 1, chosen evenly; the intrinsic reward is for going where the goal points.

    Math: s' = a, b(s', g) = s' g, r = a + 1, gamma = 1/2, goals and actions even; Q_1 = w_1 g a, Q_2 = w_2. Equilibrium
        w_1 = 1, w_2 = 2.

    Shapes: two scalars.

    Reference: Kulkarni, Narasimhan, Saeedi, Tenenbaum (2016), arXiv:1604.06057.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("h_dqn").variables
        (w_1, w_2)
    """
    coin = ([[-1], [1]], [sp.Rational(1, 2)] * 2)
    return Instance(
        dims={"k": 1, "m": 1, "d": 1, "p": 1, "q": 1},
        networks={
            "Q_1": lambda s, g, a, w: w[0] * g[0] * a[0],
            "Q_2": lambda s, g, w: w[0],
            "b": lambda s, g: s[0] * g[0],
        },
        laws={
            "replay": coin,
            "mu": lambda s, w: coin,
            "pi": lambda s, g, w: coin,
            "R": lambda s, a: ([a[0] + 1], [1]),
            "P": lambda s, a: ([[a[0]]], [1]),
        },
        scalars={"gamma": sp.Rational(1, 2)},
    )
