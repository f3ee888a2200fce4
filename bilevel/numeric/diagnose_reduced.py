"""A game restricted to its leading modes: small enough to try rules on at no cost.

Main definitions: `Reduced`, `reduced_game`.

The basis spans, for each player separately, that player's part of the leading eigenvectors X of J and of J^T X. So it
contains the invariant subspace of X: every rule that is a function of the Jacobian has there exactly the eigenvalues
it has on the whole game. Rules that use J^T or treat players apart are approximated. A game of few parameters is its
own restriction, and then nothing is approximated.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bilevel.numeric.field import JaxField
from bilevel.numeric.leaf import converter
from bilevel.numeric.linear_game import NotLinear, step_matrix
from bilevel.numeric.precision import prepared, working
from bilevel.numeric.spectra_operator import Operator
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.rule import Rule

SAME = 1e-9  # a mode this close to 1 is one that no rule moves


@dataclass(frozen=True)
class Reduced:
    """A linear game F(z) = B z with one block per player; `whole` when it is the game itself, not a restriction.

    Math: B = Q^T J Q, Q orthonormal and block diagonal.
    """

    matrix: np.ndarray
    sizes: dict[str, int]
    whole: bool

    def maps(self, rule: Rule, name: str, grid: np.ndarray, values: Any, change: Any = None) -> np.ndarray:
        """The rule's Jacobian on this game for every value of one parameter; `change(p)` may add to B."""
        try:
            return np.stack(
                [
                    step_matrix(rule, self.matrix + (change(p) if change else 0), self.sizes, {**values, name: p})
                    for p in grid
                ]
            )
        except NotLinear:
            return self._differentiated(rule, name, grid, values, change)

    def _differentiated(self, rule: Rule, name: str, grid: np.ndarray, values: Any, change: Any) -> np.ndarray:
        """The same by automatic differentiation at zero, for rules that are not linear in their state."""

        def step(flat: Any, p: Any) -> Any:
            matrix = self.matrix if change is None else self.matrix + change(p)
            field = self._field(jnp.asarray(matrix), {**values, name: p})
            state = [self._point(field, part) for part in flat.reshape(1 + len(rule.memory), -1)]
            after = rule.on(field)(*state)
            return jnp.concatenate([leaf.array for part in after for leaf in part.leaves()])

        with working("float64"):
            zero = jnp.zeros(len(self.matrix) * (1 + len(rule.memory)))
            slopes = jax.vmap(lambda p: jax.jacfwd(step)(zero, p))
            points = jnp.asarray(grid, dtype=float)
            return np.asarray(prepared(slopes, points)[0](points))

    def _point(self, field: JaxField, flat: Any) -> Point:
        ends = np.cumsum([0, *self.sizes.values()])
        blocks = {name: (flat[a:b],) for name, a, b in zip(self.sizes, ends[:-1], ends[1:], strict=True)}
        return field.point(blocks)

    def _field(self, matrix: Any, values: Any) -> JaxField:
        ends = np.cumsum([0, *self.sizes.values()])
        places = {name: slice(a, b) for name, a, b in zip(self.sizes, ends[:-1], ends[1:], strict=True)}

        def flat(blocks: Any) -> Any:
            return jnp.concatenate([blocks[name][0] for name in self.sizes])

        def slope(blocks: Any) -> Any:
            image = matrix @ flat(blocks)
            return {name: (image[place],) for name, place in places.items()}

        def cost(name: str) -> Any:
            place = places[name]
            # z_i (B_ii z_i / 2 + sum over j of B_ij z_j): its slope in z_i is row i of B z, B_ii being symmetric.
            return lambda blocks: (
                flat(blocks)[place] @ (matrix[place] @ flat(blocks))
                - (flat(blocks)[place] @ matrix[place, place] @ flat(blocks)[place] / 2)
            )

        movers = {name: SimpleNamespace(moves=[name]) for name in self.sizes}
        shape = SimpleNamespace(players=movers, variables=list(self.sizes))
        return JaxField({name: cost(name) for name in self.sizes}, shape, slope, converter(values))


def reduced_game(J: Operator, vectors: list[np.ndarray], limit: int) -> Reduced:
    """The game's linearisation on the span of some vectors, player by player; the whole of it up to `limit` rows."""
    if J.size <= limit:
        return Reduced(J.dense(), dict(J.blocks), True)
    real = [np.ascontiguousarray(part) for v in vectors for part in (v.real, v.imag) if np.linalg.norm(part) > 1e-8]
    real += [J.backward(v) for v in real]
    bases, sizes = {}, {}
    for name in J.blocks:
        place = J.slice_of(name)
        stacked = np.stack([v[place] / max(np.linalg.norm(v), 1e-300) for v in real], axis=1)
        u, s, _ = np.linalg.svd(stacked, full_matrices=False)
        bases[name] = u[:, s > 1e-7 * max(s[0], 1e-300)]
        sizes[name] = bases[name].shape[1]
    columns = []
    for name, basis in bases.items():
        for k in range(basis.shape[1]):
            v = np.zeros(J.size)
            v[J.slice_of(name)] = basis[:, k]
            image = J.forward(v)
            columns.append(np.concatenate([bases[other].T @ image[J.slice_of(other)] for other in bases]))
    return Reduced(np.stack(columns, axis=1), sizes, False)


def leading(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leading modulus of each matrix over the modes that move, and over its complex modes (nan where none)."""
    finite = np.all(np.isfinite(maps), axis=(-1, -2))
    values = np.linalg.eigvals(np.where(finite[..., None, None], maps, 0.0))
    size = np.where(np.abs(values - 1) <= SAME, -1.0, np.abs(values))
    lead = size.max(axis=-1)
    lead = np.where(lead < 0, 1.0, lead)  # nothing moves at all
    complex_ones = np.where(np.abs(values.imag) > 1e-6 * np.maximum(np.abs(values), 1e-300), size, -1.0).max(axis=-1)
    turning = np.where(complex_ones < 0, np.nan, complex_ones)
    return np.where(finite, lead, np.inf), np.where(finite, turning, np.nan)
