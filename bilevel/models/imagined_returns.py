"""Actors that learn through a model: returns imagined with a learned transition.

Main definitions: `imagined_return`.

Notation: learned model f(s, a, xi, omega) with noise xi, known or learned reward, horizon H; SVG(0) has no model,
SVG(1) one step and a critic, SVG(infinity) the whole horizon and no critic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.language.laws import random
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
        >>> from bilevel.language import network, vector
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
