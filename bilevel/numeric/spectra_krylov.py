"""Several ends of a spectrum from one Krylov basis, with every product counted and every residual told.

Main definitions: `krylov_schur`, `Ends`, `Run`.

Written here because ARPACK, which serves as the second road in the tests, looks at one end of the spectrum a run, hands
back nothing of a value that has not settled, takes one start vector and keeps its basis in float64: on networks its
passes over that basis cost several times the Jacobian-vector products themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from bilevel.language.errors import GameError

ROWS = 40  # basis vectors at least
CHECKED = 6  # products between two looks at the residuals
BESIDE = 1e-3  # the random part of a start beside the vectors given
COLUMNS = 1 << 16  # entries of the basis rotated at once
WIDER, WIDEST = 1e-4, 1e-2  # what is settled for after a half and after three quarters of the budget


def order(values: np.ndarray, which: str) -> np.ndarray:
    """Positions from the end asked for inwards; conjugates stand together."""
    key = ENDS[which](values)
    return np.lexsort((-values.imag, -np.round(key, 12)))


ENDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "largest modulus": np.abs,
    "largest real part": lambda values: values.real,
    "smallest real part": lambda values: -values.real,
    "largest imaginary part": lambda values: np.abs(values.imag),
}


@dataclass(frozen=True)
class Run:
    """What is asked of a run: the ends, how many values at each, where it starts, how far it may go.

    Math: a value counts as settled when its residual is below `tolerance` |H|, H the operator on the basis, or below
        `floor`, the error of a product; below 1e-4 |H| after half of the budget, 1e-2 |H| after three quarters of it.
    """

    ends: tuple[str, ...]
    count: int
    seed: int
    tolerance: float
    budget: int
    floor: float = 0.0
    near: Sequence[np.ndarray] = ()
    symmetric: bool = False


@dataclass(frozen=True)
class Ends:
    """Ritz values and unit Ritz vectors at every end, which of them have settled, and a lower bound of the norm."""

    values: dict[str, np.ndarray]
    vectors: dict[str, np.ndarray]
    settled: dict[str, np.ndarray]
    norm: float


def krylov_schur(product: Callable[[np.ndarray], np.ndarray], size: int, dtype: Any, words: str, run: Run) -> Ends:
    """Ritz pairs at some ends of the spectrum of an operator, by Krylov-Schur with thick restarts.

    Math: M V = V H + v b^T with [V v] orthonormal; a Ritz pair (theta, V y) has residual |b^T y|. A full basis is
        rotated to the half of its Schur vectors that lie nearest the ends asked for.

    Shapes: the basis holds at least 40 vectors in the operator's precision, and two for each value asked for.

    Reference: Stewart (2001), SIAM J. Matrix Anal. Appl. 23(3), 601-614; Wu and Simon (2000) for symmetric operators.
    """
    wanted = min(run.count, size) * len(run.ends)
    basis = _Basis(product, min(size, max(ROWS, 2 * wanted + 16)), size, dtype, words, run)
    while True:
        basis.extend()
        ritz = basis.ritz()
        spent = basis.spent / max(run.budget, 1)
        loose = max(run.tolerance, WIDEST if spent > 3 / 4 else WIDER if spent > 1 / 2 else 0.0)
        chosen = {end: order(ritz.values, end)[: min(run.count, size)] for end in run.ends}
        limit = max(loose * ritz.norm, run.floor)
        late = basis.filled >= basis.least and all(np.all(ritz.residuals[k] <= limit) for k in chosen.values())
        if late or basis.filled == size or basis.spent >= run.budget:
            return basis.ends(ritz, chosen, max(WIDEST * ritz.norm, run.floor))
        if basis.filled == basis.rows:
            basis.restart(ritz, chosen)


@dataclass(frozen=True)
class _Ritz:
    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    norm: float


class _Basis:
    """The decomposition M V = V H + v b^T: rows of `V`, the last one v; `H` with b^T as the row below."""

    def __init__(self, product: Any, rows: int, size: int, dtype: Any, words: str, run: Run) -> None:
        self.product, self.rows, self.size, self.words, self.run = product, rows, size, words, run
        self.V = np.empty((rows + 1, size), dtype=dtype)
        self.H = np.zeros((rows + 1, rows))
        self.filled = self.spent = 0
        self.draw = np.random.default_rng(run.seed)
        start = self.draw.standard_normal(size)
        parts = [part for x in run.near for part in (x.real, x.imag) if np.linalg.norm(part) > BESIDE]
        start *= (BESIDE if parts else 1.0) / np.linalg.norm(start)
        for part in parts:
            start += part / np.linalg.norm(part)
        self.V[0] = start / np.linalg.norm(start)
        # From vectors that are eigenvectors already everything settles at once: what else there is gets its turn.
        self.least = min(rows, (ROWS // 2 + len(parts)) if parts else ROWS)

    def extend(self) -> None:
        """Some products more: at most until the basis is full or the budget spent."""
        goal = min(self.rows, max(self.least, self.filled + CHECKED))
        while self.filled < goal and (self.spent < self.run.budget or not self.filled):
            self._step()

    def _step(self) -> None:
        j = self.filled
        w = np.asarray(self.product(self.V[j]), dtype=self.V.dtype)
        whole = float(np.linalg.norm(w))
        if not np.isfinite(whole):
            raise GameError(f"a product with the {self.words} is not finite at this point")
        self.spent += 1
        self.H[: j + 1, j], left = self._orthogonal(w, j + 1)
        self.filled = j + 1
        if j + 1 == self.size:
            return
        if left <= 4 * float(np.finfo(self.V.dtype).eps) * whole:  # an invariant subspace: go on somewhere else
            w = self.draw.standard_normal(self.size).astype(self.V.dtype)
            w /= np.linalg.norm(w)
            left, self.H[j + 1, j] = self._orthogonal(w, j + 1)[1], 0.0
        else:
            self.H[j + 1, j] = left
        self.V[j + 1] = w / left

    def _orthogonal(self, w: np.ndarray, count: int) -> tuple[np.ndarray, float]:
        """Take the basis out of w, twice where that cancels (Daniel, Gragg, Kaufman, Stewart 1976)."""
        V, parts = self.V[:count], np.zeros(count)
        before = float(np.linalg.norm(w))
        for _ in range(3):
            part = V @ w
            w -= part @ V
            parts += part
            after = float(np.linalg.norm(w))
            if after > 0.7 * before:
                break
            before = after
        return parts, after

    def ritz(self) -> _Ritz:
        """Ritz values, vectors in the basis, residuals, and |H|."""
        m = self.filled
        H, below = self.H[:m, :m], self.H[m, :m]
        if self.run.symmetric:
            values, Y = np.linalg.eigh((H + H.T) / 2)
        else:
            values, Y = np.linalg.eig(H)
        norm = float(np.linalg.norm(self.H[: m + 1, :m], 2))
        return _Ritz(np.asarray(values, dtype=complex) + 0.0, Y, np.abs(below @ Y), norm)

    def restart(self, ritz: _Ritz, chosen: dict[str, np.ndarray]) -> None:
        """Rotate to the Schur vectors nearest the ends."""
        m, asked = self.filled, len({int(k) for some in chosen.values() for k in some})
        keep = min(asked + (m - asked) // 2, m - CHECKED)
        if self.run.symmetric:
            values, Z = ritz.values, ritz.vectors
            T = np.diag(values.real)
        else:
            T, Z = scipy.linalg.schur(self.H[:m, :m], output="real")
            values = _on_diagonal(T)
        rank = np.min([np.argsort(order(values, end)) for end in self.run.ends], axis=0)
        select = rank <= np.sort(rank)[keep - 1]
        select |= select[_partner(values)]
        if self.run.symmetric:
            T, Z = T[np.ix_(select, select)], Z[:, select]
        else:
            T, Z = scipy.linalg.lapack.dtrsen(select.astype(np.int32), T, Z, job="N")[:2]
        k = int(select.sum())
        rotation = np.ascontiguousarray(Z[:, :k].T, dtype=self.V.dtype)
        for first in range(0, self.size, COLUMNS):
            place = slice(first, first + COLUMNS)
            self.V[:k, place] = rotation @ self.V[:m, place]
        self.V[k] = self.V[m]
        below = self.H[m, :m] @ Z[:, :k]
        self.H[:] = 0.0
        self.H[:k, :k], self.H[k, :k], self.filled = T[:k, :k], below, k
        self.least = 0

    def ends(self, ritz: _Ritz, chosen: dict[str, np.ndarray], limit: float) -> Ends:
        """The chosen pairs as vectors of the operator."""
        kind = np.result_type(self.V.dtype, np.complex64)
        V, made = self.V[: self.filled], {}
        for k in sorted({int(k) for some in chosen.values() for k in some}):
            y = ritz.vectors[:, k]
            x = (y.real.astype(V.dtype) @ V).astype(kind)
            if np.any(y.imag):
                x += 1j * (y.imag.astype(V.dtype) @ V)
            made[k] = x / max(float(np.linalg.norm(x)), 1e-300)
        return Ends(
            {end: ritz.values[some] for end, some in chosen.items()},
            {end: np.stack([made[int(k)] for k in some], axis=1) for end, some in chosen.items()},
            {end: ritz.residuals[some] <= limit for end, some in chosen.items()},
            ritz.norm,
        )


def _on_diagonal(T: np.ndarray) -> np.ndarray:
    """The eigenvalues of a real Schur form by position; LAPACK gives its blocks equal diagonals."""
    values = np.diag(T).astype(complex)
    for k in np.flatnonzero(np.diag(T, -1)):
        turn = 1j * np.sqrt(abs(T[k, k + 1] * T[k + 1, k]))
        values[k], values[k + 1] = values[k] + turn, values[k + 1] - turn
    return values


def _partner(values: np.ndarray) -> np.ndarray:
    """Where each value's conjugate stands in a real Schur form: beside it, or itself."""
    place = np.arange(len(values))
    return place + np.sign(values.imag).astype(int)
