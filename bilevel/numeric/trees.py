"""A player's parameters as any pytree: the floating-point arrays that move, and all the rest, which stays.

Main definitions: `Split`, `split`.

An Equinox module holds functions, integers and flags among its leaves; Flax and Haiku parameters are dicts of arrays.
What moves are real floating-point arrays. A Python float moves where it stands in a plain container, or where there
is nothing else to move; as a field of a module (a dropout rate) it is a setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bilevel.language.errors import GameError


@dataclass(frozen=True)
class Split:
    """The places of a pytree's moving leaves, and everything else about it."""

    leaves: tuple[Any, ...]
    moving: tuple[int, ...]
    structure: Any

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The leaves that move, in order."""
        return tuple(jnp.asarray(self.leaves[i]) for i in self.moving)

    def filled(self, arrays: Sequence[Any]) -> Any:
        """The same pytree with other arrays in the moving places."""
        leaves = list(self.leaves)
        for place, array in zip(self.moving, arrays, strict=True):
            leaves[place] = array
        return jax.tree.unflatten(self.structure, leaves)

    def only(self, arrays: Sequence[Any]) -> Any:
        """The pytree with None wherever nothing moves: what an optax transformation is given."""
        leaves: list[Any] = [None] * len(self.leaves)
        for place, array in zip(self.moving, arrays, strict=True):
            leaves[place] = array
        return jax.tree.unflatten(self.structure, leaves)


def split(tree: Any, player: str) -> Split:
    """A player's pytree taken apart (see the module's text); GameError if nothing in it can move."""
    named, structure = jax.tree_util.tree_flatten_with_path(tree)
    leaves = [leaf for _, leaf in named]
    if odd := [path for path, leaf in named if _is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.complexfloating)]:
        raise GameError(
            f"{player}{jax.tree_util.keystr(odd[0])} is complex; give its real and imaginary parts as parameters"
        )
    moving = [i for i, (path, leaf) in enumerate(named) if _moves(leaf) or (_is_float(leaf) and not _is_field(path))]
    moving = moving or [i for i, leaf in enumerate(leaves) if _is_float(leaf)]
    if not moving:
        held = (
            ", ".join(dict.fromkeys(str(getattr(leaf, "dtype", type(leaf).__name__)) for leaf in leaves)) or "nothing"
        )
        raise GameError(f"{player} has no floating-point parameter to move; it holds {held} (write 1.0 for 1)")
    return Split(tuple(leaves), tuple(moving), structure)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic)


def _moves(leaf: Any) -> bool:
    return _is_array(leaf) and bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def _is_float(leaf: Any) -> bool:
    return isinstance(leaf, float) and not _is_array(leaf)


def _is_field(path: tuple[Any, ...]) -> bool:
    return any(isinstance(key, jax.tree_util.GetAttrKey) for key in path)
