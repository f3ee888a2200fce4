"""Stochastic value gradients with a learned model of the process: SVG(1) and SVG(infinity).

Main definitions: `svg1`, `svg1_replayed`, `svg_infinity`, and instances.

Notation: state s ~ rho in R^k, own noise eta ~ p_eta in R^l, action a = pi(s, eta, theta) in R^m, known reward r(s, a),
next state ~ P(s, a), model f(s, a, zeta), whose residual xi = s_next - f(s, a) is the noise that explains the step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.instance import Instance
from bilevel.language.laws import data, density, log_density, normal, random
from bilevel.language.networks import network
from bilevel.language.nodes import norm2, stop_gradient, vector
from bilevel.models.replayed import discounted

ACTOR, MODEL, REWARD = network("pi", out="m"), network("f", out="k"), network("r")


def svg1(*, discount: Any = None) -> Game:
    """SVG(1): the actor's gradient passes through one step of a learned model into a value function.

    Math: the step (s, a, s') is taken at the current theta; xi = sg(s' - f(s, a)) is inferred and held. actor:
        min_theta -E [r(s, pi(s, eta)) + gamma V(f(s, pi(s, eta)) + xi)]; critic: min_phi E (sg(r(s, a) + gamma V(s'))
        - V(s))^2; model: min_zeta E |s' - f(s, a)|^2/2, the likelihood of a normal law. The steps are the current
        policy's own, so all importance weights are 1; `svg1_replayed` has them.

    Shapes: theta in R^p, phi in R^q, zeta in R^r, states in R^k, actions in R^m, noise in R^l, all symbolic.

    Reference: Heess et al. (2015), arXiv:1510.09142, algorithm 2.

    Examples:
        >>> list(svg1().players)
        ['actor', 'critic', 'model']
    """
    theta, phi, zeta, V = vector("theta", "p"), vector("phi", "q"), vector("zeta", "r"), network("V")
    gamma, s, eta = discounted(discount), random("s", data("rho", "k")), random("eta", density("p_eta", "l"))
    taken = ACTOR(s, eta, stop_gradient(theta))
    later = random("s_next", density("P", "k", s, taken))
    left = stop_gradient(later - MODEL(s, taken, zeta))
    action, over = ACTOR(s, eta, theta), (s, eta, later)
    ahead = V(MODEL(s, action, zeta) + left, phi)
    target = stop_gradient(REWARD(s, taken) + gamma * V(later, phi))
    players = {
        "actor": minimize(-E(REWARD(s, action) + gamma * ahead, *over), theta),
        "critic": minimize(E((target - V(s, phi)) ** 2, *over), phi),
        "model": minimize(E(norm2(later - MODEL(s, taken, zeta)) / 2, *over), zeta),
    }
    return Game(players, title="SVG(1)", source="Heess et al. 2015, arXiv:1510.09142")


def svg1_replayed(*, discount: Any = None) -> Game:
    """SVG(1) on replayed steps: importance weights, and the actor's own noise inferred too.

    Math: s ~ replay, a ~ behaviour(. | s), s' ~ P(s, a); w = sg(p_pi(a | s, theta)/behaviour(a | s)), p_pi the law of
        the actor's action; eta = h(s, a, sg(theta)) is the noise at which the actor takes a, pi(s, eta, theta) = a, and
        xi = sg(s' - f(s, a)). actor: min_theta -E w [r(s, pi(s, eta)) + gamma V(f(s, pi(s, eta)) + xi)]; critic:
        min_phi E w (sg(r(s, a) + gamma V(s')) - V(s))^2; model: min_zeta E |s' - f(s, a)|^2/2, which needs no weight.

    Shapes: as `svg1`; p_pi and behaviour have densities.

    Reference: Heess et al. (2015), arXiv:1510.09142, algorithm 2 with experience replay.

    Examples:
        >>> list(svg1_replayed().players)
        ['actor', 'critic', 'model']
    """
    theta, phi, zeta, V = vector("theta", "p"), vector("phi", "q"), vector("zeta", "r"), network("V")
    gamma, s = discounted(discount), random("s", data("replay", "k"))
    behaviour = density("behaviour", "m", s)
    taken = random("a", behaviour)
    later = random("s_next", density("P", "k", s, taken))
    held = stop_gradient(theta)
    weight = sp.exp(log_density(density("p_pi", "m", s, held), taken) - log_density(behaviour, taken))
    action, over = ACTOR(s, network("h", out="l")(s, taken, held), theta), (s, taken, later)
    ahead = V(MODEL(s, action, zeta) + stop_gradient(later - MODEL(s, taken, zeta)), phi)
    target = stop_gradient(REWARD(s, taken) + gamma * V(later, phi))
    players = {
        "actor": minimize(-E(weight * (REWARD(s, action) + gamma * ahead), *over), theta),
        "critic": minimize(E(weight * (target - V(s, phi)) ** 2, *over), phi),
        "model": minimize(E(norm2(later - MODEL(s, taken, zeta)) / 2, *over), zeta),
    }
    return Game(players, title="SVG(1), replayed", source="Heess et al. 2015, arXiv:1510.09142")


def svg_infinity(horizon: int = 2, *, discount: Any = None) -> Game:
    """SVG(infinity): the actor's gradient passes through a whole trajectory of the learned model; there is no critic.

    Math: a trajectory is taken at the current theta, its noise xi_t inferred and held; then s_(t+1) = f(s_t,
        pi(s_t, eta_t)) + xi_t again, now as a function of theta. actor: min_theta -E sum_{t < T} gamma^t
        r(s_t, pi(s_t, eta_t)), T = `horizon`; model: min_zeta E sum_t |s_(t+1) - f(s_t, a_t)|^2/2 on the trajectory
        taken.

    Shapes: as `svg1`; the gradient grows with the horizon.

    Raises: GameError unless `horizon` is a whole number of at least 1.

    Reference: Heess et al. (2015), arXiv:1510.09142, algorithm 1 and equations 11 and 12.

    Examples:
        >>> list(svg_infinity().players)
        ['actor', 'model']
    """
    if not isinstance(horizon, int) or horizon < 1:
        raise GameError(f"horizon is a whole number of at least 1; got {horizon!r}")
    theta, zeta, gamma = vector("theta", "p"), vector("zeta", "r"), discounted(discount)
    held = stop_gradient(theta)
    real = imagined = random("s", data("rho", "k"))
    drawn: list[Any] = [real]
    gained = misfit = sp.S.Zero
    for t in range(horizon):
        eta = random(f"eta_{t}", density("p_eta", "l"))
        taken, action = ACTOR(real, eta, held), ACTOR(imagined, eta, theta)
        later = random(f"s_{t + 1}", density("P", "k", real, taken))
        apart = later - MODEL(real, taken, zeta)
        gained += gamma**t * REWARD(imagined, action)
        imagined = MODEL(imagined, action, zeta) + stop_gradient(apart)
        misfit += norm2(apart) / 2
        drawn, real = [*drawn, eta, later], later
    players = {"actor": minimize(-E(gained, *drawn), theta), "model": minimize(E(misfit, *drawn), zeta)}
    return Game(players, title="SVG(infinity)", source="Heess et al. 2015, arXiv:1510.09142")


def svg1_instance() -> Instance:
    """The quadratic process r = s a - a^2/2, s' = a/2 with a model that can be exact.

    Math: s = -1 or 1, no noise, gamma = 3/4; pi = theta s, V = phi s^2, f = zeta a. Equilibrium theta = 4/3,
        phi = 2/3, zeta = 1/2, the optimal control, and others that solve the same equations.

    Shapes: three scalars.

    Reference: Heess et al. (2015), arXiv:1510.09142.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("svg1").variables
        (theta, phi, zeta)
    """
    return Instance(
        dims={"k": 1, "m": 1, "l": 1, "p": 1, "q": 1, "r": 1},
        networks={
            "pi": lambda s, eta, theta: [theta[0] * s[0]],
            "V": lambda s, phi: phi[0] * s[0] ** 2,
            "f": lambda s, a, zeta: [zeta[0] * a[0]],
            "r": lambda s, a: s[0] * a[0] - a[0] ** 2 / 2,
        },
        laws={
            "rho": ([[-1], [1]], [sp.Rational(1, 2)] * 2),
            "p_eta": ([[0]], [1]),
            "P": lambda s, a: ([[a[0] / 2]], [1]),
        },
        scalars={"gamma": sp.Rational(3, 4)},
    )


def svg1_replayed_instance() -> Instance:
    """The process of `svg1_instance` with a noisy actor N(theta s, 1), replayed from actions N(0, 1).

    Math: pi = theta s + eta, so h = a - theta s; w = exp(theta s a - theta^2/2). Averages are those of `svg1` with
        eta ~ N(0, 1): the weights undo the replay. V = phi_1 s^2 + phi_2.

    Shapes: four scalars.

    Reference: Heess et al. (2015), arXiv:1510.09142.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("svg1_replayed").variables
        (theta, phi_1, phi_2, zeta)
    """
    base = svg1_instance()
    noisy: dict[str, Any] = {
        "pi": lambda s, eta, theta: [theta[0] * s[0] + eta[0]],
        "h": lambda s, a, theta: [a[0] - theta[0] * s[0]],
        "V": lambda s, phi: phi[0] * s[0] ** 2 + phi[1],
    }
    places = ([[-1], [0], [1]], [sp.Rational(1, 4), sp.Rational(1, 2), sp.Rational(1, 4)])
    laws = {
        "replay": places,
        "rho": places,
        "p_eta": normal(sp.ImmutableMatrix([0]), 1),
        "behaviour": lambda s: normal(sp.ImmutableMatrix([0]), 1),
        "p_pi": lambda s, theta: normal(sp.ImmutableMatrix([theta[0] * s[0]]), 1),
    }
    return replace(base, dims={**base.dims, "q": 2}, networks={**base.networks, **noisy}, laws={**base.laws, **laws})


def svg_infinity_instance() -> Instance:
    """The process of `svg1_instance`, two steps of it.

    Math: as there, without V. The actor maximises (theta - theta^2/2)(1 + gamma theta^2/4).

    Shapes: two scalars.

    Reference: Heess et al. (2015), arXiv:1510.09142.

    Examples:
        >>> from bilevel.models import instance
        >>> instance("svg_infinity").variables
        (theta, zeta)
    """
    return svg1_instance()
