"""A game restricted to its leading modes: small enough to try rules on at no cost.

Main definitions: `Reduced`, `reduced_game`.

The basis spans, for each player separately, that player's part of the leading eigenvectors X of J and of J^T X. So it
contains the invariant subspace of X: every rule that is a function of the Jacobian has there exactly the eigenvalues
it has on the whole game. Rules that use J^T or treat players apart are approximated. A game of few parameters is its
own restriction, and then nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bilevel.numeric.effort import Effort
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

    Math: B = Q^T J Q, Q orthonormal and block diagonal, `bases` the rows of Q^T for each player.
    """

    matrix: np.ndarray
    sizes: dict[str, int]
    whole: bool
    bases: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

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

    def start(self, map_: np.ndarray, labels: Mapping[str, int], count: int, leaving: bool = False) -> tuple[Any, ...]:
        """The leading modes of a map on this game, summed, as a vector of the whole: where a Krylov run may start.

        None where memory is shaped unlike the players' variables.
        """
        values, vectors = np.linalg.eig(map_)
        far = np.where(_aside(values, leaving), -1.0, np.abs(values))
        summed, pieces, place = np.zeros(len(values)), [], 0
        for k in np.argsort(-far)[:count]:
            summed += sum(part / max(np.linalg.norm(part), SAME) for part in (vectors[:, k].real, vectors[:, k].imag))
        for player, size in zip(cycle(self.sizes), labels.values()):
            basis = self.bases.get(player, np.zeros((0, 0)))
            part = summed[place : place + len(basis)]
            if basis.shape[1] != size or len(part) != len(basis):
                return ()
            pieces.append(part.astype(basis.dtype) @ basis)
            place += len(basis)
        return (np.concatenate(pieces),)

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


def reduced_game(J: Operator, vectors: list[np.ndarray], limit: int, effort: Effort) -> Reduced:
    """The game's linearisation on the span of some vectors, player by player; the whole of it up to `limit` rows.

    Where products run short the vectors J^T X are left out, and columns beyond the limit with them.
    """
    if J.size <= limit:
        return Reduced(J.dense(), dict(J.blocks), True)
    real = [np.ascontiguousarray(part) for v in vectors for part in (v.real, v.imag) if np.linalg.norm(part) > 1e-8]
    real += [J.backward(v).astype(J.dtype) for v in real if not effort.short]
    bases = {}
    for name in J.blocks:
        place = J.slice_of(name)
        rows = np.stack([v[place] / max(float(np.linalg.norm(v)), 1e-300) for v in real]).astype(J.dtype)
        bases[name] = _orthonormal(rows)
    columns = []
    for name, basis in bases.items():
        for row in basis:
            v = np.zeros(J.size, dtype=basis.dtype)
            v[J.slice_of(name)] = row
            image = J.forward(v).astype(J.dtype)  # the long products below stay in one precision
            columns.append(np.concatenate([bases[other] @ image[J.slice_of(other)] for other in bases]))
    return Reduced(np.stack(columns, axis=1), {name: len(basis) for name, basis in bases.items()}, False, bases)


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the span of a few long rows, by their Gram matrix, twice for its rounding."""
    for smallest in (1e-12, 1e-6):
        squares, turn = np.linalg.eigh((rows @ rows.T).astype(np.float64))
        kept = squares > smallest * max(float(squares[-1]), 1e-300)
        rows = (turn[:, kept] / np.sqrt(squares[kept])).T.astype(rows.dtype) @ rows
    return rows


def leading(maps: np.ndarray, leaving: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Leading modulus of each matrix over the modes that move, and over its complex modes (nan where none).

    `leaving` sets aside what grows as the flow does: see `diagnose_steps.state_of`.
    """
    finite = np.all(np.isfinite(maps), axis=(-1, -2))
    values = np.linalg.eigvals(np.where(finite[..., None, None], maps, 0.0))
    size = np.where(_aside(values, leaving), -1.0, np.abs(values))
    lead = size.max(axis=-1)
    lead = np.where(lead < 0, 1.0, lead)  # nothing moves at all
    complex_ones = np.where(np.abs(values.imag) > 1e-6 * np.maximum(np.abs(values), 1e-300), size, -1.0).max(axis=-1)
    turning = np.where(complex_ones < 0, np.nan, complex_ones)
    return np.where(finite, lead, np.inf), np.where(finite, turning, np.nan)


def _aside(values: np.ndarray, leaving: bool) -> np.ndarray:
    """Modes that no rule moves, or with `leaving` all that grow as the flow does."""
    return np.asarray(values.real >= 1 if leaving else np.abs(values - 1) <= SAME)
