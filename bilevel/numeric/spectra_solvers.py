"""Eigenvalues of operators: dense by LAPACK, else from a Krylov basis, near a boundary by shift-and-invert.

Main definitions: `Pairs`, `Search`, `dense_pairs`, `krylov_pairs`, `inverted`, `size_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs, gmres

from bilevel.language.errors import GameError
from bilevel.numeric.spectra_krylov import Ends, Run, krylov_schur
from bilevel.numeric.spectra_operator import Operator, Product

TOLERANCE = {"float32": 1e-5, "float64": 1e-9}


@dataclass(frozen=True)
class Pairs:
    """Eigenvalues and unit right vectors; condition numbers 1/|y^H x| where left vectors were had."""

    values: np.ndarray
    vectors: np.ndarray
    conditions: np.ndarray  # nan where no left vector was found

    def first(self, chosen: np.ndarray) -> Pairs:
        """Some of them, in the order given."""
        return Pairs(self.values[chosen], self.vectors[:, chosen], self.conditions[chosen])

    def joined(self, values: np.ndarray, vectors: np.ndarray) -> Pairs:
        """With further values, those that are there already left out."""
        new = [k for k, v in enumerate(values) if not np.any(np.abs(self.values - v) <= 1e-6 * (1 + abs(v)))]
        return Pairs(
            np.concatenate([self.values, values[new]]),
            np.concatenate([self.vectors, vectors[:, new]], axis=1),
            np.concatenate([self.conditions, np.full(len(new), np.nan)]),
        )


@dataclass(frozen=True)
class Search:
    """How a Krylov run is made: seed of the start, relative tolerance, products at most on each side, whether left
    vectors are sought too, the error of a product, and vectors near those sought."""

    seed: int
    tolerance: float
    budget: int
    left: bool
    floor: float
    near: Sequence[np.ndarray] = ()


def dense_pairs(operator: Operator) -> tuple[Pairs, np.ndarray]:
    """All eigenvalues by LAPACK, with condition numbers, and the matrix."""
    matrix = operator.dense()
    if not np.all(np.isfinite(matrix)):
        raise GameError(f"the {operator.words} holds numbers that are not finite at this point")
    if operator.kind == "symmetric":
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        return Pairs(values.astype(complex) + 0.0, vectors.astype(complex), np.ones(len(values))), matrix
    values, left, right = scipy.linalg.eig(matrix, left=True, right=True)
    if operator.kind == "antisymmetric":
        return Pairs(1j * values.imag, right, np.ones(len(values))), matrix
    overlap = np.abs(np.sum(left.conj() * right, axis=0))
    return Pairs(values, right, 1 / np.maximum(overlap, np.finfo(float).tiny)), matrix


def size_of(operator: Operator, seed: int, products: int = 8) -> float:
    """A lower estimate of the norm, by power iteration."""
    v = np.random.default_rng(seed).standard_normal(operator.size)
    norm = 0.0
    for _ in range(products):
        v = v / max(float(np.linalg.norm(v)), np.finfo(float).tiny)
        v = operator.forward(v)
        norm = max(norm, float(np.linalg.norm(v)))
    return norm


def krylov_pairs(operator: Operator, ends: Sequence[str], count: int, search: Search) -> tuple[dict[str, Pairs], float]:
    """Eigenvalues at some ends of the spectrum from one Krylov basis (two with left vectors), and the norm it saw.

    What has not settled within the budget, to a hundredth of the norm, is left out.
    """
    found = _run(operator, operator.forward, ends, count, search)
    lefts = _run(operator, operator.backward, ends, count, search) if search.left else None
    made = {}
    for end in ends:
        good = found.settled[end]
        values, vectors = found.values[end][good], found.vectors[end][:, good]
        if operator.kind == "antisymmetric":
            values = 1j * values.imag
        conditions = np.full(len(values), 1.0 if operator.kind != "general" else np.nan)
        if lefts is not None:
            sure = lefts.settled[end]
            conditions = _conditions(values, vectors, lefts.values[end][sure], lefts.vectors[end][:, sure], found.norm)
        made[end] = Pairs(values, vectors, conditions)
    return made, found.norm


def _run(operator: Operator, product: Product, ends: Sequence[str], count: int, search: Search) -> Ends:
    run = Run(
        tuple(ends), count, search.seed, search.tolerance, search.budget, search.floor, search.near,
        symmetric=operator.kind == "symmetric",
    )  # fmt: skip
    return krylov_schur(product, operator.size, operator.dtype, operator.words, run)


def _conditions(
    values: np.ndarray, vectors: np.ndarray, others: np.ndarray, lefts: np.ndarray, norm: float
) -> np.ndarray:
    """1/|w^T x| for the vector w with M^T w = value w; nan where no left value matches."""
    found = np.full(len(values), np.nan)
    for k, value in enumerate(values):
        if len(others):
            j = int(np.argmin(np.abs(others - value)))
            if abs(others[j] - value) <= 1e-3 * max(norm, abs(value)):
                found[k] = 1 / max(abs(lefts[:, j] @ vectors[:, k]), np.finfo(float).tiny)
    return found


def inverted(operator: Operator, count: int, search: Search, norm: float) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues near the boundary's real points by shift-and-invert, each inverse by GMRES.

    What does not converge within the budget, or is no eigenvalue to within the tolerance, is left out.
    """
    targets = (1.0, -1.0) if operator.boundary == "map" else (0.0,)
    found = [_near(operator, target, count, search, norm) for target in targets]
    return np.concatenate([v for v, _ in found]), np.concatenate([x for _, x in found], axis=1)


def _near(operator: Operator, target: float, count: int, search: Search, norm: float) -> tuple[np.ndarray, np.ndarray]:
    n, first = operator.size, operator.products()
    away = target + 1e-3 * norm  # beside the boundary: on it the inverse may not exist
    whole = LinearOperator((n, n), matvec=lambda v: operator.forward(v.reshape(-1)) - away * v.reshape(-1), dtype=float)

    def inverse(v: np.ndarray) -> np.ndarray:
        if operator.products() - first > search.budget:
            raise _Spent
        return gmres(whole, v.reshape(-1), rtol=search.tolerance, atol=0.0, restart=min(n, 80), maxiter=2)[0]

    start = np.random.default_rng(search.seed).standard_normal(n)
    nothing = np.zeros(0, dtype=complex), np.zeros((n, 0), dtype=complex)
    try:
        inverses, vectors = eigs(
            LinearOperator((n, n), matvec=inverse, dtype=float), min(count, n - 2), which="LM", v0=start,
            tol=search.tolerance, maxiter=20,
        )  # fmt: skip
    except ArpackNoConvergence as stop:
        inverses, vectors = stop.eigenvalues, stop.eigenvectors
    except _Spent:
        return nothing
    values, vectors = away + 1 / inverses, np.asarray(vectors).reshape(n, -1)
    good = []
    for k, value in enumerate(values):
        x = vectors[:, k] / np.linalg.norm(vectors[:, k])
        image = operator.forward(np.ascontiguousarray(x.real)) + 1j * operator.forward(np.ascontiguousarray(x.imag))
        good += [k] if np.linalg.norm(image - value * x) <= 100 * search.tolerance * norm else []
    return values[good], vectors[:, good] / np.maximum(np.linalg.norm(vectors[:, good], axis=0), 1e-300)


class _Spent(Exception):
    """The budget of products is used up."""
