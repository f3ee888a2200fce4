"""The bias of a hypergradient from its formula, where the followers' answer has a closed form.

Main definitions: `exact_bias`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from bilevel.analysis.hypergradient import bias
from bilevel.game import Game
from bilevel.language.errors import UnknownAnswer
from bilevel.numeric.lowering import lower
from bilevel.numeric.replies import Implicit
from bilevel.response import best_response


def exact_bias(
    game: Game,
    leader: str,
    how: Any,
    followers: tuple[str, ...],
    tree: Callable[[str, Any], Mapping[str, Any]],
    blocks: Mapping[str, Any],
    values: Mapping[Any, Any],
) -> tuple[Any, ...]:
    """The formula of `bilevel.analysis.hypergradient.bias` at a point; UnknownAnswer where there is none."""
    if isinstance(how, Implicit):
        if how.steps is not None:
            raise UnknownAnswer("an iteration stopped early has no formula here", next_step="solve it to the end")
        how = best_response()
    formula = bias(game, leader, how, followers=followers)
    named = {name: array for player, block in blocks.items() for name, array in tree(player, block).items()}
    named |= {str(key): jnp.asarray(float(value)) for key, value in values.items()}
    inputs = sorted({s for value in formula.values() for s in value.free_symbols}, key=str)
    found = lower(list(formula.values()), inputs).function(*(named[str(s)] for s in inputs))
    return tuple(jnp.asarray(a, dtype=block.dtype) for a, block in zip(found, blocks[leader], strict=True))
