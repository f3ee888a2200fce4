"""Hierarchical reinforcement learning: a meta-controller that sets goals and a controller that reaches them (h-DQN).

Main definitions: `h_dqn`, `h_dqn_instance`.

Notation: state s ~ replay in R^k, goal g in R^d, action a in R^m, extrinsic reward r ~ R(s, a), intrinsic reward
b(s_next, g) of a fixed critic, next state ~ P(s, a).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, random
from bilevel.language.networks import network
from bilevel.language.nodes import stop_gradient, vector
from bilevel.models.replayed import discounted


def h_dqn(choices: int | None = 2, *, discount: Any = None) -> Game:
    """Hierarchical deep Q-networks: one temporal-difference loss for goals, one for actions towards a goal.

    Math: goals are drawn from mu(g | s, w_2) and actions from pi(a | s, g, w_1), the epsilon-greedy choices of the two
        value functions at the current weights (their derivative is not taken: the data are the learners' own, and that
        is all that couples them). controller: min over w_1 of E (sg(b(s', g) + gamma max_a' Q_1(s', g, a')) - Q_1(s, g,
        a))^2; meta-controller: min over w_2 of E (sg(r + gamma max_g' Q_2(s', g')) - Q_2(s, g))^2. The maxima are over
        `choices` actions action_1, ... and goals goal_1, ...; with `choices=None` a' and g' are drawn like a and g
        (expected Sarsa), which has no kink.

    Shapes: w_1 in R^p, w_2 in R^q, states in R^k, goals in R^d, actions in R^m, all symbolic. Where two choices are
        worth the same the maximum has a kink.

    Raises: GameError unless `choices` is None or a whole number of at least 2.

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
    drawn: tuple[tuple[Any, ...], tuple[Any, ...]] = ((), ())
    if choices is None:
        goal = random("g_next", density("mu", "d", later, stop_gradient(high)))
        action = random("a_next", density("pi", "m", later, g, stop_gradient(low)))
        ahead, beyond, drawn = first(later, g, action, low), second(later, goal, high), ((action,), (goal,))
    elif isinstance(choices, int) and choices >= 2:
        each = range(1, choices + 1)
        ahead = sp.Max(*(first(later, g, vector(f"action_{i}", "m"), low) for i in each))
        beyond = sp.Max(*(second(later, vector(f"goal_{i}", "d"), high) for i in each))
    else:
        raise GameError(f"choices is None or a whole number of at least 2; got {choices!r}")
    near, far = stop_gradient(inner(later, g) + gamma * ahead), stop_gradient(r + gamma * beyond)
    players = {
        "controller": minimize(E((near - first(s, g, a, low)) ** 2, s, g, a, later, *drawn[0]), low),
        "meta_controller": minimize(E((far - second(s, g, high)) ** 2, s, g, a, r, later, *drawn[1]), high),
    }
    return Game(players, title="h-DQN", source="Kulkarni et al. 2016, arXiv:1604.06057")


def h_dqn_instance() -> Instance:
    """Goals and actions are -1 or 1, chosen evenly; the intrinsic reward is for going where the goal points.

    Math: s' = a, b(s', g) = s' g, r = a + 1, gamma = 1/2, goals and actions even; Q_1 = w_11 g a + w_12,
        Q_2 = w_2. The goal is reached again for ever after, so the greedy controller has w_11 = 1 and w_12 = gamma
        (w_11 + w_12) = 1, where one that draws its next action has w_12 = 0; w_2 = 2. The kink is at w_11 = 0.

    Shapes: three scalars.

    Reference: Kulkarni, Narasimhan, Saeedi, Tenenbaum (2016), arXiv:1604.06057.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("h_dqn").variables
        (w_1_1, w_1_2, w_2)
    """
    coin = ([[-1], [1]], [sp.Rational(1, 2)] * 2)
    return Instance(
        dims={"k": 1, "m": 1, "d": 1, "p": 2, "q": 1},
        networks={
            "Q_1": lambda s, g, a, w: w[0] * g[0] * a[0] + w[1],
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
        vectors={f"{name}_{i}": [value] for name in ("action", "goal") for i, value in ((1, -1), (2, 1))},
        scalars={"gamma": sp.Rational(1, 2)},
    )
