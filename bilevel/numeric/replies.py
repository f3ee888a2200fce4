"""Differentiating through other players' replies, in JAX: the numeric twin of `bilevel.response`.

Main definitions: `total_slopes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from bilevel.game import Game
from bilevel.response import Anticipated, BestResponse, Unrolled

Blocks = Mapping[str, tuple[Any, ...]]
Costs = Mapping[str, Callable[[Blocks], Any]]


def total_slopes(
    game: Game, costs: Costs, number: Callable[[Any], Any]
) -> Callable[[Blocks], dict[str, tuple[Any, ...]]]:
    """Every player's derivative of its own cost through the replies it declares, as a function of the blocks."""

    def slopes(z: Blocks) -> dict[str, tuple[Any, ...]]:
        return {name: _total(game, costs, number, name, z, ()) for name in game.players}

    return slopes


def _total(game: Game, costs: Costs, number: Any, name: str, z: Blocks, within: tuple[str, ...]) -> tuple[Any, ...]:
    replies = {other: how for other, how in game[name].through if other not in within}
    stack = (*within, name)

    def slope(other: str, at: Blocks) -> tuple[Any, ...]:
        return _total(game, costs, number, other, at, stack)

    foreseen = {
        other: _moved(z[other], number(how.step), slope(other, z))
        for other, how in replies.items()
        if isinstance(how, Anticipated)
    }

    def seen(at: Blocks) -> Any:
        return costs[name]({**_unrolled(replies, number, slope, at), **foreseen})

    gradient = jax.grad(seen)(z)
    followers = _followers(game, replies, stack)
    if not followers:
        return tuple(gradient[name])
    theirs, back = ravel_pytree({other: z[other] for other in followers})
    own, mine = ravel_pytree(z[name])

    def stationarity(flat: Any, x: Any) -> Any:
        at = {**z, **back(flat), name: mine(x)}
        return ravel_pytree({other: slope(other, at) for other in followers})[0]

    pull = ravel_pytree({other: gradient[other] for other in followers})[0]
    weights = jnp.linalg.solve(jax.jacfwd(stationarity)(theirs, own).T, pull)
    direct = ravel_pytree(gradient[name])[0]
    return tuple(mine(direct - jax.jacfwd(stationarity, argnums=1)(theirs, own).T @ weights))


def _moved(block: Any, step: Any, slope: Any) -> tuple[Any, ...]:
    return tuple(b - step * s for b, s in zip(block, slope, strict=True))


def _unrolled(replies: Any, number: Any, slope: Any, at: Blocks) -> dict[str, tuple[Any, ...]]:
    point = dict(at)
    unrolled = {other: how for other, how in replies.items() if isinstance(how, Unrolled)}
    for k in range(max((how.steps for how in unrolled.values()), default=0)):
        moving = [other for other, how in unrolled.items() if k < how.steps]
        point |= {other: _moved(point[other], number(unrolled[other].step), slope(other, point)) for other in moving}
    return point


def _followers(game: Game, replies: Any, stack: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    waiting = [other for other, how in replies.items() if isinstance(how, BestResponse)]
    while waiting:
        name = waiting.pop(0)
        if name not in found and name not in stack:
            found.append(name)
            waiting += [other for other, how in game[name].through if isinstance(how, BestResponse)]
    return sorted(found, key=list(game.players).index)
