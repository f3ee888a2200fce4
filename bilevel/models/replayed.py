"""Actor-critic methods that learn from a replay buffer: DDPG, TD3, SAC.

Main definitions: `ddpg`, `td3`, `delayed_updates` (its schedule), `sac`, and instances.

Notation: the buffer holds states s ~ replay in R^k, actions a ~ behaviour(. | s) in R^m (what past actors did,
exploration noise and all), rewards r ~ R(s, a), next states s_next ~ P(s, a). A copy of weights is a player of its own
that follows them: soft targets are steps of it, w_copy <- w_copy + tau (w - w_copy).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, Player, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.functions import sigmoid
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, log_density, random
from bilevel.language.networks import network
from bilevel.language.nodes import norm2, stop_gradient, vector
from bilevel.language.values import expression
from bilevel.rules import Rule, delayed

ACTOR = network("pi", out="m")


def replayed() -> tuple[Any, Any, Any, Any]:
    """One remembered step: state, action, reward, next state.

    Math: s ~ replay, a ~ behaviour(. | s), r ~ R(s, a), s_next ~ P(s, a).

    Reference: Lin (1992), doi 10.1007/BF00992699, for experience replay.

    Examples:
        >>> [str(v) for v in replayed()]
        ['s', 'a', 'r', 's_next']
    """
    s = random("s", data("replay", "k"))
    a = random("a", density("behaviour", "m", s))
    return s, a, random("r", density("R", None, s, a)), random("s_next", density("P", "k", s, a))


def discounted(discount: Any) -> Any:
    """The discount: the one given, or gamma.

    Math: gamma > 0.

    Reference: Sutton and Barto (2018), section 3.3.

    Examples:
        >>> discounted(None), discounted("1/2")
        (gamma, 1/2)
    """
    return sp.Symbol("gamma", positive=True) if discount is None else expression(discount, "a discount")


def follower(copy: Any, weights: Any) -> Player:
    """The player that moves a copy of weights towards them.

    Math: min over the copy of |copy - sg(weights)|^2/2: a step of size tau is the soft update.

    Reference: Lillicrap et al. (2016), arXiv:1509.02971, algorithm 1.

    Examples:
        >>> follower(vector("phi_copy", "q"), vector("phi", "q")).moves
        (phi_copy,)
    """
    return minimize(norm2(copy - stop_gradient(weights)) / 2, copy)


def copy_of(weights: Any) -> Any:
    """The vector that holds a copy of weights.

    Math: of the same dimension.

    Reference: Mnih et al. (2015), doi 10.1038/nature14236.

    Examples:
        >>> copy_of(vector("phi", "q"))
        phi_copy
    """
    return vector(f"{weights.name}_copy", weights.shape[0])


def ddpg(*, discount: Any = None) -> Game:
    """Deep deterministic policy gradient: DPG on replayed steps, with slow copies of critic and actor in the target.

    Math: critic: min_phi E (r + gamma Q(s', pi(s', theta_copy), phi_copy) - Q(s, a, phi))^2 over the buffer; actor:
        min_theta -E_s Q(s, pi(s, theta), phi); each copy follows its weights. Exploration noise is part of the law of
        the buffer's actions.

    Shapes: theta in R^p, phi in R^q, states in R^k, actions in R^m, all symbolic.

    Reference: Lillicrap et al. (2016), arXiv:1509.02971, algorithm 1.

    Examples:
        >>> list(ddpg().players)
        ['critic', 'actor', 'critic_copy', 'actor_copy']
    """
    theta, phi, Q = vector("theta", "p"), vector("phi", "q"), network("Q")
    slow_theta, slow_phi = copy_of(theta), copy_of(phi)
    s, a, r, later = replayed()
    target = r + discounted(discount) * Q(later, ACTOR(later, slow_theta), slow_phi)
    players = {
        "critic": minimize(E((target - Q(s, a, phi)) ** 2, s, a, r, later), phi),
        "actor": minimize(-E(Q(s, ACTOR(s, theta), phi), s), theta),
        "critic_copy": follower(slow_phi, phi),
        "actor_copy": follower(slow_theta, theta),
    }
    return Game(players, title="DDPG", source="Lillicrap et al. 2016, arXiv:1509.02971")


def ddpg_instance() -> Instance:
    """A quadratic process of one state and one action whose critic is exact.

    Math: s, a = -1 or 1 in the buffer; r = s a - a^2/2, s' = a/2, gamma = 3/4; Q = phi_1 s a + phi_2 a^2, pi = theta s.
        Equilibria phi = (1, -3/8), theta = 4/3, the optimal control, and phi = (1, -1/8), theta = 4, another solution
        of the Riccati equation.

    Shapes: six scalars, copies included.

    Reference: Bradtke, Ydstie, Barto (1994), for Q-learning on linear-quadratic processes.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("ddpg").variables
        (phi_1, phi_2, theta, phi_copy_1, phi_copy_2, theta_copy)
    """
    coin = [sp.Rational(1, 2)] * 2
    return Instance(
        dims={"k": 1, "m": 1, "p": 1, "q": 2},
        networks={
            "Q": lambda s, a, phi: phi[0] * s[0] * a[0] + phi[1] * a[0] ** 2,
            "pi": lambda s, theta: [theta[0] * s[0]],
        },
        laws={
            "replay": ([[-1], [1]], coin),
            "behaviour": lambda s: ([[-1], [1]], coin),
            "R": lambda s, a: ([s[0] * a[0] - a[0] ** 2 / 2], [1]),
            "P": lambda s, a: ([[a[0] / 2]], [1]),
        },
        scalars={"gamma": sp.Rational(3, 4)},
    )


def td3(*, discount: Any = None) -> Game:
    """Twin delayed DDPG: two critics, of whose copies the smaller value is believed, at a smoothed target action.

    Math: target y = r + gamma min over i of Q_i(s', pi(s', theta_copy) + e, copies), e ~ p_e (clipped noise is one such
        law); critics: min E (y - Q_i(s, a))^2; actor: min_theta -E_s Q_1(s, pi(s, theta)). The delay of actor and
        copies is no loss but a schedule: `delayed_updates`.

    Shapes: theta in R^p, phi and chi in R^q, states in R^k, actions in R^m, all symbolic. Where both critics agree the
        minimum has a kink.

    Reference: Fujimoto, van Hoof, Meger (2018), arXiv:1802.09477, algorithm 1.

    Examples:
        >>> list(td3().players)
        ['critic_1', 'critic_2', 'actor', 'critic_copy_1', 'critic_copy_2', 'actor_copy']
    """
    theta, phi, chi = vector("theta", "p"), vector("phi", "q"), vector("chi", "q_2")
    slow_theta, slow_phi, slow_chi = map(copy_of, (theta, phi, chi))
    first, second, e = network("Q_1"), network("Q_2"), random("e", density("p_e", "m"))
    s, a, r, later = replayed()
    smoothed = ACTOR(later, slow_theta) + e
    believed = sp.Min(first(later, smoothed, slow_phi), second(later, smoothed, slow_chi))
    target = r + discounted(discount) * believed
    over = (s, a, r, later, e)
    players = {
        "critic_1": minimize(E((target - first(s, a, phi)) ** 2, *over), phi),
        "critic_2": minimize(E((target - second(s, a, chi)) ** 2, *over), chi),
        "actor": minimize(-E(first(s, ACTOR(s, theta), phi), s), theta),
        "critic_copy_1": follower(slow_phi, phi),
        "critic_copy_2": follower(slow_chi, chi),
        "actor_copy": follower(slow_theta, theta),
    }
    return Game(players, title="TD3", source="Fujimoto et al. 2018, arXiv:1802.09477")


def delayed_updates(base: Rule, every: int = 2) -> Rule:
    """TD3's schedule: the critics take every step, actor and copies only the last of every few.

    Math: a round of `every` steps of the base rule, in all but the last of which actor and copies stand still.

    Shapes: verdicts are per round.

    Raises: GameError as `bilevel.rules.delayed`.

    Reference: Fujimoto, van Hoof, Meger (2018), arXiv:1802.09477, section 5.2.

    Examples:
        >>> from bilevel.rules import simultaneous
        >>> delayed_updates(simultaneous("1/10")).name
        'delayed'
    """
    return delayed(base, ["actor", "critic_copy_1", "critic_copy_2", "actor_copy"], every)


def sac(critics: int = 1, *, discount: Any = None, temperature: Any = None) -> Game:
    """Soft actor-critic: the actor keeps its entropy, and the critic counts it as reward.

    Math: y = r + gamma (Q(s', a') - alpha log pi(a' | s')), a' ~ pi(. | s', theta), Q at the copies (with two `critics`
        the smaller value); critics: min E (sg(y) - Q_i(s, a))^2; actor: min_theta E_{s, a ~ pi} (alpha log pi(a | s)
        - Q(s, a)). `temperature` is alpha. The actor's gradient is taken by the score function.

    Shapes: theta in R^p, phi in R^q, states in R^k, actions in R^m, all symbolic.

    Raises: GameError unless there are one or two critics.

    Reference: Haarnoja, Zhou, Abbeel, Levine (2018), arXiv:1801.01290; Haarnoja et al. (2018), arXiv:1812.05905.

    Examples:
        >>> print(sac().cost("actor"))
        E_{s, a_pi}[alpha*(log pi(a_pi; s, theta)) - Q(s, a_pi, phi)]
    """
    if critics not in (1, 2):
        raise GameError(f"critics is 1 or 2; got {critics!r}")
    alpha = sp.Symbol("alpha", positive=True) if temperature is None else expression(temperature, "a temperature")
    theta = vector("theta", "p")
    names = [("Q", "phi", "q")] if critics == 1 else [("Q_1", "phi", "q"), ("Q_2", "chi", "q_2")]
    nets = [(network(name), vector(letter, size)) for name, letter, size in names]
    s, a, r, later = replayed()
    policy, ahead = density("pi", "m", s, theta), density("pi", "m", later, theta)
    drawn, after = random("a_pi", policy), random("a_next", ahead)
    value = _least([Q(later, after, copy_of(w)) for Q, w in nets])
    target = stop_gradient(r + discounted(discount) * (value - alpha * log_density(ahead, after)))
    players: dict[str, Player] = {}
    for i, (Q, w) in enumerate(nets, 1):
        name = "critic" if critics == 1 else f"critic_{i}"
        players[name] = minimize(E((target - Q(s, a, w)) ** 2, s, a, r, later, after), w)
        players[f"{name}_copy"] = follower(copy_of(w), w)
    gain = _least([Q(s, drawn, w) for Q, w in nets])
    players["actor"] = minimize(E(alpha * log_density(policy, drawn) - gain, s, drawn), theta)
    return Game(players, title="Soft actor-critic", source="Haarnoja et al. 2018, arXiv:1801.01290")


def _least(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else sp.Min(*values)


def sac_instance() -> Instance:
    """One state and two actions, of which the second pays 1: the soft optimum of a bandit that goes on.

    Math: Q = phi_1 + phi_2 a, pi(1) = sigmoid(theta), the buffer even, gamma = 1/2. Equilibrium phi_2 = 1,
        theta = 1/alpha, phi_1 = alpha log(1 + exp(1/alpha)): the discounted soft value of what follows.

    Shapes: five scalars, copies included, and the temperature alpha.

    Reference: Haarnoja, Zhou, Abbeel, Levine (2018), arXiv:1801.01290.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("sac").variables
        (phi_1, phi_2, phi_copy_1, phi_copy_2, theta)
    """
    coin = [sp.Rational(1, 2)] * 2
    return Instance(
        dims={"k": 1, "m": 1, "p": 1, "q": 2},
        networks={"Q": lambda s, a, phi: phi[0] + phi[1] * a[0]},
        laws={
            "replay": ([[0]], [1]),
            "behaviour": lambda s: ([[0], [1]], coin),
            "pi": lambda s, theta: ([[0], [1]], [1 - sigmoid(theta[0]), sigmoid(theta[0])]),
            "R": lambda s, a: ([a[0]], [1]),
            "P": lambda s, a: ([[s[0]]], [1]),
        },
        scalars={"gamma": sp.Rational(1, 2)},
    )


def td3_instance() -> Instance:
    """The quadratic process of `ddpg_instance` with a second critic that is more pessimistic everywhere.

    Math: as there, and Q_2 = chi s a - a^2, e = 0. Equilibrium phi = (1, -1/2), chi = 1, theta = 1, where
        Q_2 = Q_1 - a^2/2 is the smaller one at every next state, so the minimum has no kink nearby.

    Shapes: eight scalars, copies included.

    Reference: Fujimoto, van Hoof, Meger (2018), arXiv:1802.09477.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("td3").variables
        (phi_1, phi_2, chi, theta, phi_copy_1, phi_copy_2, chi_copy, theta_copy)
    """
    base = ddpg_instance()
    return Instance(
        dims={**base.dims, "q_2": 1},
        networks={
            "pi": base.networks["pi"],
            "Q_1": base.networks["Q"],
            "Q_2": lambda s, a, chi: chi[0] * s[0] * a[0] - a[0] ** 2,
        },
        laws={**base.laws, "p_e": ([[0]], [1])},
        scalars=base.scalars,
    )
