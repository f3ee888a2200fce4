"""Actors that learn through a model: returns imagined with a learned transition, and the game around them.

Main definitions: `imagined_return`, `stochastic_value_gradient`.

Notation: learned model f(s, a, xi, omega) with noise xi, known or learned reward, horizon H; SVG(0) has no model,
SVG(1) one step and a critic, SVG(infinity) the whole horizon and no critic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.laws import data, density, normal, random
from bilevel.language.networks import network
from bilevel.language.nodes import norm2, stop_gradient, vector
from bilevel.models.policy import Policy


def imagined_return(
    policy: Policy,
    transition: Callable[..., Any],
    reward: Callable[..., Any],
    *,
    state: Any,
    action: Any,
    horizon: int,
    discount: Any,
    noise: tuple[Any, ...] = (),
    value: Callable[..., Any] | None = None,
    temperature: Any = 0,
) -> tuple[Any, tuple[Any, ...]]:
    """The return of a policy along a path that a model imagines, and the random variables it averages over.

    Math: s_0 = state, a_t = pi(s_t), s_{t+1} = transition(s_t, a_t, xi_t); the sum over t < horizon of discount^t
        (reward(s_t, a_t) - temperature log pi(a_t | s_t)), and discount^horizon value(s_horizon) where one is given.

    Shapes: a scalar; every step draws its own copies of the policy's noise and of `noise`, marked by its number.

    Raises: GameError unless the horizon is a whole number of at least one; or, with a temperature, if the policy has no
        density.

    Reference: Heess, Wayne, Silver, Lillicrap, Tassa, Erez (2015), arXiv:1510.09142, section 4.

    Examples:
        >>> theta, s, a = vector("theta", "p"), vector("s", "k"), vector("a", "m")
        >>> pi, f, r = Policy(theta, network("pi", out="m")), network("f", out="k"), network("r")
        >>> print(imagined_return(pi, f, r, state=s, action=a, horizon=1, discount=1, value=network("V"))[0])
        V(f(s, pi(s, theta))) + r(s, pi(s, theta))
    """
    if not isinstance(horizon, int) or isinstance(horizon, bool) or horizon < 1:
        raise GameError(f"a path has a whole number of steps of at least 1; got a horizon of {horizon!r}")
    total, drawn, here = sp.S.Zero, [], state
    for t in range(horizon):
        taken, own = policy.act((here,), action, str(t))
        xi = tuple(random(f"{x.name}_{t}", x.law) for x in noise)
        bonus = temperature * policy.log_probability((here,), taken) if temperature != 0 else 0
        total += discount**t * (reward(here, taken) - bonus)
        drawn += [*own, *xi]
        here = transition(here, taken, *xi)
    if value is not None:
        return total + discount**horizon * value(here), tuple(drawn)
    last = set(xi)  # nothing is paid after the last step, so its noise does not matter
    return total, tuple(x for x in drawn if x not in last)


def stochastic_value_gradient(horizon: int, *, critic: bool = True, policy: Policy | None = None) -> Game:
    """Stochastic value gradients through a learned model: SVG(1) at horizon 1, SVG(infinity) at the whole horizon.

    Math: actor: min_theta -E[sum_{t<H} gamma^t r(s_t, a_t) + gamma^H V(s_H, phi)] along a path imagined with the model
        s' = f(s, a, omega) + sqrt(v) xi; model: min_omega E|f(s, a, omega) - s'|^2 on transitions of the environment,
        the maximum of the likelihood for every v; critic (unless `critic=False`): min_phi E(sg(r + gamma V(s')) -
        V(s))^2. Heess et al. replay recorded noise; in expectation under the model's law it is this loss.

    Shapes: states in R^k, actions in R^m, symbolic; rewards a known function r(s, a).

    Raises: GameError as `imagined_return`.

    Reference: Heess, Wayne, Silver, Lillicrap, Tassa, Erez (2015), arXiv:1510.09142, algorithms 1 and 2.

    Examples:
        >>> list(stochastic_value_gradient(1).players), list(stochastic_value_gradient(3, critic=False).players)
        (['model', 'actor', 'critic'], ['model', 'actor'])
    """
    theta, omega, phi = vector("theta", "p"), vector("omega", "w"), vector("phi", "q")
    s, a = random("s", data("rho", "k")), vector("a", "m")
    gamma, v = sp.symbols("gamma v", positive=True)
    eta, xi = random("eta", normal("l")), random("xi", normal("k"))
    f, V, r = network("f", out="k"), network("V"), network("r")
    chosen = policy or Policy(theta, network("pi", out="m"), noise=(eta,))
    paid, drawn = imagined_return(
        chosen,
        lambda state, action, noise: f(state, action, omega) + sp.sqrt(v) * noise,
        r,
        state=s,
        action=a,
        horizon=horizon,
        discount=gamma,
        noise=(xi,),
        value=(lambda state: V(state, phi)) if critic else None,
    )
    took, own = chosen.act((s,), a)
    later = random("s_next", density("P", "k", s, took))
    players = {
        "model": minimize(E(norm2(f(s, stop_gradient(took), omega) - later), s, *own, later), omega),
        "actor": minimize(E(-paid, s, *drawn), chosen.parameters),
    }
    if critic:
        error = stop_gradient(r(s, took) + gamma * V(later, phi)) - V(s, phi)
        players["critic"] = minimize(E(error**2, s, *own, later), phi)
    title = f"SVG({horizon})" if critic else "SVG(infinity)"
    return Game(players, title=title, source="Heess et al. 2015, arXiv:1510.09142")
