"""Jacobian-vector products of a rule's step, on flat vectors, counted.

Main definitions: `FlatStep` (a step as a function of one flat vector), `Products` (its products at a point).
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from bilevel.numeric.effort import Effort
from bilevel.numeric.held import without_held
from bilevel.numeric.precision import working
from bilevel.numeric.stepper import Params, Stepper

COLUMNS = 64  # products computed at once when a matrix is written out


def floating(tree: Any, dtype: Any) -> Any:
    """Every real number and floating-point array of a tree in one precision; the rest as it is."""

    def cast(leaf: Any) -> Any:
        if isinstance(leaf, numbers.Real) and not isinstance(leaf, bool) and not hasattr(leaf, "dtype"):
            return jnp.asarray(float(leaf), dtype)
        if hasattr(leaf, "is_number") and leaf.is_number:  # an exact SymPy number
            return jnp.asarray(float(leaf), dtype)
        if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating):
            return jnp.asarray(leaf, dtype)
        return leaf

    return jax.tree.map(cast, tree)


def precision_of(params: Any) -> str:
    """float32 if every floating-point array is; else float64, plain numbers included."""
    kinds = {str(leaf.dtype) for leaf in jax.tree.leaves(params) if hasattr(leaf, "dtype")}
    kinds = {kind for kind in kinds if jnp.issubdtype(kind, jnp.floating)}
    return "float32" if kinds and "float64" not in kinds else "float64"


@dataclass(frozen=True)
class FlatStep:
    """One step of a rule as a function of a flat vector: every player's parameters, then each part of the memory."""

    stepper: Stepper
    params: Params
    state: tuple[Any, ...]
    arguments: tuple[Any, ...]
    dtype: str
    push: Any = field(init=False, repr=False)
    pull: Any = field(init=False, repr=False)
    columns: Any = field(init=False, repr=False)
    value: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        def along(z: Any, v: Any, given: Any, data: Any) -> Any:
            return jax.jvp(lambda w: self._at(w, given, data), (z,), (v,))[1]

        def back(z: Any, v: Any, given: Any, data: Any) -> Any:
            return jax.vjp(lambda w: self._at(w, given, data), z)[1](v)[0]

        made = {
            "push": jax.jit(along),
            "pull": jax.jit(back),
            "columns": jax.jit(jax.vmap(along, in_axes=(None, 0, None, None))),
            "value": jax.jit(self._at),
        }
        for name, function in made.items():
            object.__setattr__(self, name, function)

    @property
    def parts(self) -> list[Any]:
        """Blocks of arrays: of the parameters, then of the memory."""
        return self._entered(self.params, self.state)

    def _entered(self, params: Params, state: tuple[Any, ...]) -> list[Any]:
        layout = self.stepper.layout(params)
        kinds = [how for _, how in self.stepper.rule.memory]
        kept = [layout.remembered(p) if isinstance(how, str) else how.enter(p) for p, how in zip(state, kinds)]
        return [layout.blocks, *kept]

    def labels(self) -> dict[str, int]:
        """Number of entries of every player, then of every player's part of the memory."""
        names = ["", *(f"@{part}" for part, _ in self.stepper.rule.memory)]
        return {
            f"{player}{name}": sum(int(np.size(a)) for a in arrays)
            for name, blocks in zip(names, self.parts, strict=True)
            for player, arrays in blocks.items()
        }

    def start(self) -> np.ndarray:
        """The point, flat."""
        with working(self.dtype):
            return np.concatenate(
                [np.ravel(np.asarray(a)) for blocks in self.parts for arrays in blocks.values() for a in arrays]
            )

    def data(self) -> tuple[Any, Any]:
        """The arguments' arrays, and what is not an array."""
        return eqx.partition(self.arguments, eqx.is_array)

    def _at(self, z: Any, given: Mapping[str, Any], data: Any) -> Any:
        still = self.data()[1]
        return without_held(lambda w, given, data: self._step(w, given, eqx.combine(data, still)), z, given, data)

    def _step(self, z: Any, given: Any, arguments: Any) -> Any:
        taken, position = [], 0
        for blocks in self.parts:
            new: dict[str, tuple[Any, ...]] = {}
            for player, arrays in blocks.items():
                pieces = []
                for array in arrays:
                    pieces.append(z[position : position + array.size].reshape(array.shape))
                    position += array.size
                new[player] = tuple(pieces)
            taken.append(new)
        layout = self.stepper.layout(self.params)
        kinds = [how for _, how in self.stepper.rule.memory]
        held = [layout.memory(b) if isinstance(how, str) else how.leave(b, layout) for b, how in zip(taken[1:], kinds)]
        after, memory, *_ = self.stepper.step(layout.params(taken[0]), tuple(held), *arguments, values=given)
        flat = self._entered(after, memory)
        return jnp.concatenate([jnp.ravel(a) for blocks in flat for arrays in blocks.values() for a in arrays])


class Products:
    """Products with the Jacobian of a flat step at its point; `count` says how many were asked for.

    `sign` -1 gives those of minus the step: the field's, from the flow's. `effort` is told of every product.
    """

    def __init__(
        self, step: FlatStep, given: Mapping[str, Any] | None = None, *, sign: int = 1, effort: Effort | None = None
    ) -> None:
        self.step, self.sign, self.count, self.effort = step, sign, 0, effort or Effort()
        self.dtype = step.dtype
        with working(self.dtype):
            self.given = {key: jnp.asarray(value, self.dtype) for key, value in (given or {}).items()}
            self.here = jnp.asarray(step.start(), self.dtype)
        self.arrays = step.data()[0]

    def _run(self, function: Any, v: np.ndarray) -> np.ndarray:
        with working(self.dtype):
            image = function(self.here, jnp.asarray(v, self.dtype), self.given, self.arrays)
            return self.sign * np.asarray(image, dtype=np.float64)

    def _counted(self, count: int) -> None:
        self.count += count
        self.effort.take(count)

    def push(self, v: np.ndarray) -> np.ndarray:
        """J v, by forward mode."""
        self._counted(1)
        return self._run(self.step.push, v)

    def pull(self, v: np.ndarray) -> np.ndarray:
        """J^T v, by reverse mode."""
        self._counted(1)
        return self._run(self.step.pull, v)

    def value(self) -> np.ndarray:
        """The step (or with sign -1 the field) at the point."""
        with working(self.dtype):
            return self.sign * np.asarray(self.step.value(self.here, self.given, self.arrays), dtype=np.float64)

    def matrix(self) -> np.ndarray:
        """The whole Jacobian: as many products as it has columns."""
        n = self.here.size
        self._counted(n)
        rows = [
            self._run(self.step.columns, np.eye(min(COLUMNS, n - first), n, first)) for first in range(0, n, COLUMNS)
        ]
        return np.concatenate(rows).T
