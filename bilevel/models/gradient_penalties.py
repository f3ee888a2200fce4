"""Penalties on the slope of a critic, for adversarial games with networks of any form.

Main definitions: `with_gradient_penalty`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, Player
from bilevel.language.calculus import replace
from bilevel.language.errors import GameError
from bilevel.language.expectation import E
from bilevel.language.gradient import gradient
from bilevel.language.laws import random, uniform
from bilevel.language.nodes import RandomScalar, RandomVector, dot, vector
from bilevel.language.scope import free_variables
from bilevel.language.values import expression

_KINDS = ("R1", "R2", "both", "WGAN-GP")


def with_gradient_penalty(game: Game, kind: str = "R1", weight: Any = None, *, player: str = "discriminator") -> Game:
    """The same adversarial game whose critic also pays for the slope of its network.

    Math: R1: gamma/2 E_w |d l(w)|^2 on the data; R2: gamma/2 E_z |d l(G(z))|^2 on generated points; "both": their sum;
        "WGAN-GP": gamma E (|d l(u w + (1 - u) G(z))| - 1)^2, u ~ U(0, 1). l is the critic's network, or its logit where
        the network gives a probability. Only the critic pays.

    Shapes: as the game's.

    Raises: GameError for an unknown kind, or if the player's loss has no network on data and on generated points.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, section 4.1; Gulrajani et al. (2017),
        arXiv:1704.00028.

    Examples:
        >>> from bilevel.models import wgan
        >>> print(with_gradient_penalty(wgan(), "R1").cost("discriminator"))
        gamma*E_w[|d1 D(w, phi)|^2]/2 + E_z[D(G(z, theta), phi)] - E_w[D(w, phi)]
    """
    if kind not in _KINDS:
        raise GameError(f"a gradient penalty is one of {', '.join(map(repr, _KINDS))}; got {kind!r}")
    gamma = sp.Symbol("gamma", positive=True) if weight is None else expression(weight, "the weight of the penalty")
    mover = game[player]
    real, fake = _calls(mover)
    x, u = vector("x_penalised", real.arguments[0].shape[0]), random("u", uniform(0, 1))
    slope = dot(*[_slope(real, x)] * 2)
    w, made = real.arguments[0], fake.arguments[0]
    places = {"R1": (w,), "R2": (made,), "both": (w, made)}
    if kind == "WGAN-GP":
        mixed = u * w + (1 - u) * made
        cost = gamma * _averaged((sp.sqrt(replace(slope, {x: mixed})) - 1) ** 2)
    else:
        cost = sum((gamma / 2 * _averaged(replace(slope, {x: place})) for place in places[kind]), sp.S.Zero)
    paid = mover.loss + cost if mover.sense == "min" else mover.loss - cost
    return game.with_players(**{player: Player(mover.moves, paid, mover.sense, mover.through)})


def _calls(mover: Player) -> tuple[Any, Any]:
    """The critic's network on data, and on generated points."""
    calls = {
        part
        for part in sp.preorder_traversal(mover.loss)
        if getattr(part, "arguments", ()) and part.arguments[-1] in mover.moves and hasattr(part, "network")
    }
    real = [call for call in calls if isinstance(call.arguments[0], RandomVector)]
    fake = [call for call in calls if call not in real]
    if len(real) != 1 or len(fake) != 1 or len(real[0].arguments) != 2:
        raise GameError("a gradient penalty needs a critic D(x, phi) applied once to data and once to generated points")
    return real[0], fake[0]


def _slope(call: Any, x: Any) -> Any:
    value = call.network(x, call.arguments[-1])
    slope = gradient(value, x)
    return slope / (value * (1 - value)) if call.network.range == "probability" else slope


def _averaged(body: Any) -> Any:
    drawn = sorted(
        (v for v in free_variables(body) if isinstance(v, RandomScalar | RandomVector)), key=lambda v: v.name
    )
    return E(body, *drawn)
