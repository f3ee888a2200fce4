"""Actor-critic methods that remember: recurrent deterministic policy gradient (RDPG).

Main definitions: `rdpg`, `rdpg_instance`.

Notation: observations o_1, o_2, ... in R^k, actions a_t in R^m; the actor's memory h_t = g(h_(t-1), o_t, theta) and the
critic's c_t = e(c_(t-1), o_t, phi), both from 0; the buffer holds whole histories.
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
from bilevel.language.nodes import vector
from bilevel.models.replayed import copy_of, discounted, follower


def _remembered(cell: Any, seen: list[Any], weights: Any) -> Any:
    """The memory after some observations, from 0."""
    memory = sp.ZeroMatrix(cell.out, 1)
    for observation in seen:
        memory = cell(memory, observation, weights)
    return memory


def rdpg(steps: int = 2, *, discount: Any = None) -> Game:
    """Recurrent deterministic policy gradient: DPG on histories, through recurrent networks and back through time.

    Math: with `steps` T observations, loss at the last: critic: min_phi E (r + gamma Q(c'_(T+1), pi(h'_(T+1)))
        - Q(c_T, a_T))^2, primes at the copies; actor: min_theta -E Q(c_T, pi(h_T, theta)), differentiated through the
        recursion h_t = g(h_(t-1), o_t, theta).

    Shapes: theta in R^p, phi in R^q, observations in R^k, actions in R^m, memories in R^d and R^e, all symbolic; the
        gradient grows with the number of steps.

    Raises: GameError unless `steps` is a whole number of at least 1.

    Reference: Heess, Hunt, Lillicrap, Silver (2015), arXiv:1512.04455, algorithm 1.

    Examples:
        >>> print(rdpg().cost("actor"))
        -E_{o_1, o_2}[Q(e(e(0, o_1, phi), o_2, phi), pi(g(g(0, o_1, theta), o_2, theta), theta), phi)]
    """
    if not isinstance(steps, int) or steps < 1:
        raise GameError(f"steps is a whole number of at least 1; got {steps!r}")
    theta, phi = vector("theta", "p"), vector("phi", "q")
    slow_theta, slow_phi = copy_of(theta), copy_of(phi)
    own, judging = network("g", out="d"), network("e", out="e")
    pi, Q = network("pi", out="m"), network("Q")
    seen: list[Any] = []
    for t in range(1, steps + 1):
        law = density(f"O_{t}", "k", *seen) if seen else data("O_1", "k")
        seen.append(random(f"o_{t}", law))
    a = random("a", density("behaviour", "m", *seen))
    r, later = random("r", density("R", None, *seen, a)), random("o_next", density("P", "k", *seen, a))

    def value(history: list[Any], action: Any, weights: Any) -> Any:
        return Q(_remembered(judging, history, weights), action, weights)

    def act(history: list[Any], weights: Any) -> Any:
        return pi(_remembered(own, history, weights), weights)

    longer = [*seen, later]
    target = r + discounted(discount) * value(longer, act(longer, slow_theta), slow_phi)
    players = {
        "critic": minimize(E((target - value(seen, a, phi)) ** 2, *seen, a, r, later), phi),
        "actor": minimize(-E(value(seen, act(seen, theta), phi), *seen), theta),
        "critic_copy": follower(slow_phi, phi),
        "actor_copy": follower(slow_theta, theta),
    }
    return Game(players, title="RDPG", source="Heess et al. 2015, arXiv:1512.04455")


def rdpg_instance() -> Instance:
    """A task that needs memory: the first observation says what the second action should be.

    Math: o_1 = -1 or 1, o_2 = 0, r = o_1 a - a^2/2, gamma = 0; memories keep h_t = h_(t-1) + o_t; pi = theta h,
        Q = phi c a - a^2/2. Equilibrium theta = phi = 1: what was seen first is acted on.

    Shapes: four scalars, copies included.

    Reference: Heess, Hunt, Lillicrap, Silver (2015), arXiv:1512.04455.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("rdpg").variables
        (phi, theta, phi_copy, theta_copy)
    """
    coin = [sp.Rational(1, 2)] * 2
    return Instance(
        dims={"k": 1, "m": 1, "p": 1, "q": 1, "d": 1, "e": 1},
        networks={
            "g": lambda h, o, theta: [h[0] + o[0]],
            "e": lambda c, o, phi: [c[0] + o[0]],
            "pi": lambda h, theta: [theta[0] * h[0]],
            "Q": lambda c, a, phi: phi[0] * c[0] * a[0] - a[0] ** 2 / 2,
        },
        laws={
            "O_1": ([[-1], [1]], coin),
            "O_2": lambda first: ([[0]], [1]),
            "behaviour": lambda first, second: ([[-1], [1]], coin),
            "R": lambda first, second, a: ([first[0] * a[0] - a[0] ** 2 / 2], [1]),
            "P": lambda first, second, a: ([[0]], [1]),
        },
        scalars={"gamma": sp.S.Zero},
    )
