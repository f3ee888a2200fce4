"""Arrays cut over devices along explicit mesh axes, where a solver takes them all as one.

Main definitions: `within_auto`, `is_explicit`.

Along explicit axes an array's sharding is part of its type, and solvers join arrays of all kinds into one system. So a
solver works with the axes automatic, where the compiler decides; the map it solves, made of the losses and their
derivatives, works with them explicit. Without explicit axes nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import auto_axes, explicit_axes


def within_auto(solve: Callable[..., Any], image: Callable[[Any], Any], tree: Any) -> Any:
    """`solve(image, tree)` for a map between trees like `tree`; the answer is cut as `tree` is."""
    if not is_explicit(tree):
        return solve(image, tree)
    cut = jax.tree.map(lambda leaf: jax.typeof(leaf).sharding, tree)
    inside = explicit_axes(lambda u: image(jax.tree.map(jax.sharding.reshard, u, cut)), in_sharding=(cut,))
    # Compiled, for outside a compiled function every array would bring its own mesh into the automatic part.
    return jax.jit(auto_axes(lambda start: solve(inside, start), out_sharding=cut))(tree)


def is_explicit(tree: Any) -> bool:
    """Whether an array of a tree carries a mesh with explicit axes in its type."""
    kinds = [getattr(jax.typeof(leaf), "sharding", None) for leaf in jax.tree.leaves(tree)]
    return any(kind is not None and not kind.mesh.empty and kind.mesh.explicit_axes for kind in kinds)
