"""From the model level to coordinates: vectors become columns of symbols, networks given functions, expectations sums.

Main definitions: `instantiate`, `instantiate_expression`.

Derivative nodes are evaluated by differentiating the given functions. Expectations over finite laws are exact sums;
over normal and uniform laws they are taken by `bilevel.language.moments` where that knows a closed form, else a
`PendingExpectation` stands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.language.algebra import is_scalar
from bilevel.language.coordinates import Coordinates
from bilevel.language.instance import Instance

__all__ = ["instantiate", "instantiate_expression"]


def instantiate(subject: Any, instance: Instance, *, values: bool = False) -> Any:
    """A model-level expression, or every loss of a game, in coordinates.

    Math: the same expression with spaces R^n of the chosen sizes, the chosen functions in place of networks and the
    chosen laws. With `values` stopped gradients become their values.
    Shapes: a scalar gives a scalar, a vector or matrix an explicit matrix, a game a game moving scalar symbols.
    Raises: GameError where the instance leaves something open; UnknownAnswer for an expectation that cannot be
    conditioned.
    Reference: Mescheder, Geiger, Nowozin (2018), arXiv 1801.04406, for the Dirac-GAN used below.
    Examples:
        >>> from bilevel.language.functions import sigmoid
        >>> from bilevel.language.gradient import gradient
        >>> from bilevel.language.networks import network
        >>> from bilevel.language.nodes import vector
        >>> D, theta, psi = network("D", range="probability"), vector("theta", "n"), vector("psi", "q")
        >>> dirac = Instance(dims={"n": 1, "q": 1}, networks={"D": lambda w, psi: sigmoid(psi[0]*w[0])})
        >>> instantiate(gradient(sp.log(D(theta, psi)), psi), dirac)
        Matrix([[theta*(1 - sigmoid(psi*theta))]])
    """
    if hasattr(subject, "players"):
        return _game(subject, instance, values)
    return instantiate_expression(subject, instance, values=values)


def instantiate_expression(expr: Any, instance: Instance, *, values: bool = False) -> Any:
    """One expression in coordinates: a SymPy expression, or an explicit matrix."""
    coordinates = Coordinates(instance, values)
    return coordinates.scalar(expr, {}) if is_scalar(expr) else coordinates.matrix(expr, {})


def _game(game: Any, instance: Instance, values: bool) -> Any:
    """The game with every loss and every moved vector in coordinates (any frozen game of players)."""
    coordinates = Coordinates(instance, values)
    players = {}
    for name, player in game.players.items():
        moves = [list(coordinates.matrix(m, {})) if isinstance(m, sp.MatrixExpr) else [m] for m in player.moves]
        players[name] = replace(
            player, moves=tuple(c for parts in moves for c in parts), loss=coordinates.scalar(player.loss, {})
        )
    return type(game)(players, assuming=game.assuming, title=game.title, source=game.source)
