"""Where to look for equilibria of a linear-quadratic game: coupled Riccati recursions in floating point.

Main definitions: `starts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

STARTS, STEPS = 12, 20_000


def starts(game: Any) -> Iterator[list[Any]]:
    """Gains in floating point: from the costs as first values, then from values at random, always the same ones."""
    plant = _Floats(_floats(game.A), [_floats(M) for M in game.B], [_floats(M) for M in game.Q])
    R, gamma = [[_floats(M) for M in row] for row in game.R], float(game.discount)
    source, n = np.random.default_rng(5), game.A.rows
    for trial in range(STARTS):
        spread = [source.normal(size=(n, n)) * (0, 1, 3, 10, 0.3)[min(trial, 1 + trial % 4)] for _ in plant.Q]
        P = [Q + C @ C.T for Q, C in zip(plant.Q, spread, strict=True)]
        K = _recursion(plant, R, P, gamma, STEPS if trial == 0 else 8 * trial)
        if K is not None:
            yield K


class _Floats(NamedTuple):
    A: Any
    B: list[Any]
    Q: list[Any]


def _recursion(plant: _Floats, R: Any, P: list[Any], gamma: float, steps: int) -> Any:
    """The joint gains after so many steps of the coupled Riccati recursion, or once it has settled."""
    for _ in range(steps):
        K = _joint(plant.A, plant.B, R, P, gamma)
        if K is None:
            return None
        loop = plant.A - sum(b @ k for b, k in zip(plant.B, K, strict=True))
        after = [
            q + sum(k.T @ r @ k for r, k in zip(row, K, strict=True)) + gamma * loop.T @ p @ loop
            for q, row, p in zip(plant.Q, R, P, strict=True)
        ]
        size = max(float(np.abs(p).max()) for p in after)
        if not np.isfinite(size) or size > 1e12:
            return None
        gap = max(float(np.abs(p - q).max()) for p, q in zip(after, P, strict=True))
        P = after
        if gap <= 1e-14 * (1 + size):
            break
    return _joint(plant.A, plant.B, R, P, gamma)


def _joint(A: Any, B: Any, R: Any, P: Any, gamma: float) -> Any:
    """Everybody's best gains against everybody's, one step from values P: one linear system."""
    widths = [b.shape[1] for b in B]
    rows = []
    for i, p in enumerate(P):
        rows.append(np.hstack([gamma * B[i].T @ p @ b + (R[i][i] if i == j else 0) for j, b in enumerate(B)]))
    right = np.vstack([gamma * b.T @ p @ A for b, p in zip(B, P, strict=True)])
    try:
        both = np.linalg.solve(np.vstack(rows), right)
    except np.linalg.LinAlgError:
        return None
    return np.split(both, np.cumsum(widths)[:-1]) if np.all(np.isfinite(both)) else None


def _floats(M: Any) -> Any:
    return np.array(M.tolist(), dtype=float)
