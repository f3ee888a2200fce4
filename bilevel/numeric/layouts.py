"""Parameters as people keep them, and the same as blocks of arrays, one block a player.

Main definitions: `Trees` (a pytree for each player), `Variables` (a number or array for each variable of a game).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.numeric.trees import Split, split

Blocks = Mapping[str, tuple[Any, ...]]
Params = Any


class Trees:
    """{player: pytree}; what is no floating-point array stays as it is."""

    def __init__(self, params: Params, players: tuple[str, ...]) -> None:
        if not isinstance(params, Mapping) or set(params) != set(players):
            given = ", ".join(map(str, params)) if isinstance(params, Mapping) else f"as {type(params).__name__}"
            raise GameError(f"parameters are given for {given or 'nobody'}; the players are {', '.join(players)}")
        self.keys = {name: name for name in players}
        self.splits: dict[str, Split] = {name: split(params[name], name) for name in players}

    @property
    def blocks(self) -> Blocks:
        """The moving arrays."""
        return {name: part.arrays for name, part in self.splits.items()}

    def params(self, blocks: Blocks) -> Params:
        """The parameters with other arrays in them."""
        return {name: part.filled(blocks[name]) for name, part in self.splits.items()}

    def tree(self, player: str, block: tuple[Any, ...]) -> Any:
        """A player's arrays in its own structure, None where nothing moves."""
        return self.splits[player].only(block)

    def memory(self, blocks: Blocks) -> Params:
        """A remembered point, as arrays alone."""
        return {name: self.tree(name, blocks[name]) for name in self.splits}

    def remembered(self, part: Params) -> Blocks:
        """The blocks of a remembered point."""
        return {name: tuple(map(jnp.asarray, jax.tree.leaves(part[name]))) for name in self.splits}

    def game(self) -> Any:
        """The players and what they move, by path."""
        players = {}
        for name, part in self.splits.items():
            paths = jax.tree_util.tree_leaves_with_path(part.only(part.arrays))
            moves = [f"{name}{jax.tree_util.keystr(path)}" for path, _ in paths]
            players[name] = SimpleNamespace(moves=moves, tree=lambda block, name=name: self.tree(name, block))
        return SimpleNamespace(players=players, variables=[v for player in players.values() for v in player.moves])


class Variables:
    """{variable: number or array} for a game; keys may be symbols or their names."""

    def __init__(self, params: Params, game: Game) -> None:
        names = {str(v): v for v in game.variables}
        self.keys = {str(getattr(key, "name", key)): key for key in params}
        if set(self.keys) != set(names):
            raise GameError(
                f"the point names {', '.join(sorted(self.keys)) or 'nothing'}; the variables are {', '.join(names)}"
            )
        self.moves = {name: tuple(map(str, player.moves)) for name, player in game.players.items()}
        self.blocks: Blocks = {
            name: tuple(_floating(params[self.keys[v]]) for v in moves) for name, moves in self.moves.items()
        }

    def params(self, blocks: Blocks) -> Params:
        """The parameters with other arrays in them, under the keys they came with."""
        found = {v: a for name, moves in self.moves.items() for v, a in zip(moves, blocks[name], strict=True)}
        return {key: found[name] for name, key in self.keys.items()}

    memory = params

    def remembered(self, part: Params) -> Blocks:
        """The blocks of a remembered point."""
        by_name = {str(getattr(key, "name", key)): value for key, value in part.items()}
        return {name: tuple(_floating(by_name[v]) for v in moves) for name, moves in self.moves.items()}

    def tree(self, player: str, block: tuple[Any, ...]) -> Any:
        """A player's arrays by the names of its variables."""
        return dict(zip(self.moves[player], block, strict=True))


def _floating(value: Any) -> Any:
    array = value if isinstance(value, jax.Array) else np.asarray(value)
    return jnp.asarray(array if jnp.issubdtype(array.dtype, jnp.floating) else np.asarray(array, dtype=float))
