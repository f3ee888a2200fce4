"""Leading eigenvalues of games and rules, with what their residuals say.

Main definitions: `eigenvalues`, `Spectrum`, `Ritz`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bilevel.language.errors import GameError
from bilevel.numeric.spectra_operator import Operator
from bilevel.numeric.spectra_solvers import (
    ENDS,
    TOLERANCE,
    Pairs,
    Search,
    dense_pairs,
    inverted,
    krylov_pairs,
    order,
    size_of,
)

DENSE = 256  # rows up to which "auto" writes the matrix out
SMALLEST = 4  # rows below which ARPACK cannot run
BUDGET = 1000  # products a Krylov run may take on each side
MOST = 48  # eigenvalues at most when the search for the boundary widens


@dataclass(frozen=True)
class Ritz:
    """One eigenvalue as computed, and how far to trust it.

    Math: with the unit vector x found, `backward_error` >= ||M x - value x||: the value is an exact eigenvalue of a
        matrix within that distance of M (a point of the pseudospectrum of that size). For a symmetric or
        antisymmetric M that is a bound: M itself has an eigenvalue within it of `value`. Otherwise the eigenvalue of M
        may be `condition` = 1/|y^H x| times as far off, to first order, and by its 1/p-th power at a Jordan block of
        size p; `error` is condition times backward error (None where no left vector y was found). `share` says how
        much of |x|^2 lies in each block.

    Shapes: per unit time for fields and flows, per step for maps. `vector` is kept on request.

    Reference: Trefethen and Embree (2005), Spectra and Pseudospectra, chapters 2 and 52; Parlett (1998), The
        Symmetric Eigenvalue Problem, theorem 4.5.1.

    Examples:
        >>> Ritz(1 + 0j, 1e-12, 2.0, {"a": 1.0}).error
        2e-12
    """

    value: complex
    backward_error: float
    condition: float | None
    share: dict[str, float]
    known: str = "float"
    vector: np.ndarray | None = field(default=None, repr=False, compare=False)

    @property
    def error(self) -> float | None:
        """First-order estimate of how far the true eigenvalue is."""
        return None if self.condition is None else self.condition * self.backward_error

    def __str__(self) -> str:
        trust = "condition unknown" if self.condition is None else f"condition {self.condition:.1e}"
        parts = ", ".join(f"{name} {part:.0%}" for name, part in self.share.items())
        return f"{_number(self.value):>24}  backward error {self.backward_error:.1e}, {trust}; {parts}"


def _number(value: complex) -> str:
    if value.imag == 0:
        return f"{value.real:.6g}"
    return f"{value.real:.6g} {'-' if value.imag < 0 else '+'} {abs(value.imag):.6g}i"


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues found at one end of an operator's spectrum, and what was asked for.

    Math: `values` from the end inwards, `sought` of them asked for; `complete` when as many were found and (for
        "boundary") when everything further out is among those found. A Krylov method finds ends from inside: that no
        eigenvalue lies further out is not proved. `rounding` is the size of a product's own error, in the units of
        the operator, at least eps |M|, measured (where M^T is used) by how far M and M^T miss being adjoint; it is
        part of every backward error.

    Shapes: `products` Jacobian-vector products were taken, from start vectors drawn by `seed`.

    Reference: Lehoucq, Sorensen, Yang (1998), ARPACK Users' Guide.

    Examples:
        >>> Spectrum((), "largest modulus", 2, False, "Krylov", 30, 0, 1e-15, "game Jacobian").found
        0
    """

    values: tuple[Ritz, ...]
    which: str
    sought: int
    complete: bool
    method: str
    products: int
    seed: int
    rounding: float
    words: str
    known: str = "float"

    @property
    def found(self) -> int:
        """Number of eigenvalues found."""
        return len(self.values)

    @property
    def leading(self) -> Ritz | None:
        """The first of them."""
        return self.values[0] if self.values else None

    def __str__(self) -> str:
        got = f"{self.found} of {self.sought} sought" + ("" if self.complete else ", others may lie as far out")
        head = f"{self.words}, {self.which}: {got} ({self.method}, {self.products} products, seed {self.seed})"
        return "\n".join([head, *(f"  {ritz}" for ritz in self.values)])


def eigenvalues(
    operator: Operator,
    which: str = "largest modulus",
    *,
    count: int = 6,
    seed: int = 0,
    method: str = "auto",
    left: bool = True,
    vectors: bool = False,
    tolerance: float | None = None,
    budget: int = BUDGET,
) -> Spectrum:
    """Leading eigenvalues of a game's or a rule's Jacobian, each with its residual.

    Math: `which` is "largest modulus", "largest real part", "smallest real part", "largest imaginary part" or
        "boundary" (closest to the unit circle for a map, to the imaginary axis for a field or flow). ARPACK's
        implicitly restarted Arnoldi or Lanczos method on products; LAPACK where the matrix has at most 256 rows
        (`method` "dense" or "Krylov" forces either). "boundary" widens the unstable end until everything further out
        than the nearest ones is known, at most 48 values, and then tries shift-and-invert at the boundary by GMRES.
        `left` also finds left vectors, hence condition numbers, at twice the products.

    Shapes: at most `budget` products on each side; memory for about 40 vectors, or 3 `count`. float32 operators are
        resolved to about 1e-5 of their norm, float64 ones to 1e-9, unless `tolerance` says otherwise; where half the
        budget does not reach that (a dense cluster), to 1e-4 or 1e-2, as the backward errors then say.

    Raises: GameError for an unknown end or method, or a boundary of an operator that has none.

    Reference: Lehoucq, Sorensen, Yang (1998), ARPACK Users' Guide; Meerbergen, Spence, Roose (1994), BIT 34, for
        eigenvalues near a boundary.

    Examples:
        >>> from bilevel.numeric import jacobian
        >>> f = lambda z: z["x"] * z["y"]
        >>> J = jacobian({"x": f, "y": f}, {"x": 0.0, "y": 0.0}, maximizing=("y",))
        >>> found = eigenvalues(J)
        >>> sorted(ritz.value.imag for ritz in found.values), found.products
        ([-1.0, 1.0], 2)
    """
    if which not in (*ENDS, "boundary") or method not in ("auto", "dense", "Krylov"):
        raise GameError(
            f"eigenvalues are sought at one of {', '.join((*ENDS, 'boundary'))}, by auto, dense or Krylov; "
            f"got {which!r}, {method!r}"
        )
    if which == "boundary" and not operator.boundary:
        raise GameError(f"the {operator.words} has no boundary of stability; take the Jacobian of a game or rule")
    if count < 1:
        raise GameError(f"the number of eigenvalues is at least 1; got {count}")
    before = operator.products()
    if operator.size <= (DENSE if method == "auto" else SMALLEST if method == "Krylov" else operator.size):
        kept, complete, rounding, used = *_by_matrix(operator, which, count, vectors), "dense"
    else:
        norm = size_of(operator, seed)
        eps = float(np.finfo(operator.dtype).eps) * norm
        rounding = max(eps, _defect(operator, seed)) if left or operator.kind != "general" else 8 * eps
        wanted = tolerance or max(TOLERANCE[operator.dtype], 4 * rounding / max(norm, 1e-300))
        search = Search(seed, wanted, budget, left and operator.kind == "general", norm)
        found = _nearest(operator, count, search) if which == "boundary" else _end(operator, which, count, search)
        pairs, complete = found
        kept = tuple(_ritz(operator, pairs, k, operator.forward, rounding, vectors) for k in range(len(pairs.values)))
        used = "Krylov"
    spent = operator.products() - before
    return Spectrum(kept, which, min(count, operator.size), complete, used, spent, seed, rounding, operator.words)


def _by_matrix(operator: Operator, which: str, count: int, vectors: bool) -> tuple[tuple[Ritz, ...], bool, float]:
    pairs, matrix = dense_pairs(operator)
    # LAPACK's backward error is a small multiple of n eps |M|.
    rounding = operator.size * float(np.finfo(operator.dtype).eps) * float(np.linalg.norm(matrix))
    inner = np.argsort(np.abs(operator.growth(pairs.values)), kind="stable") if which == "boundary" else None
    chosen = (order(pairs.values, which) if inner is None else inner)[:count]
    kept = tuple(_ritz(operator, pairs, int(k), lambda v: matrix @ v, rounding, vectors) for k in chosen)
    return kept, True, rounding


def _end(operator: Operator, which: str, count: int, search: Search) -> tuple[Pairs, bool]:
    pairs = krylov_pairs(operator, which, count, search)
    return pairs.first(np.arange(min(count, len(pairs.values)))), len(pairs.values) >= min(count, operator.size)


def _nearest(operator: Operator, count: int, search: Search) -> tuple[Pairs, bool]:
    """The eigenvalues closest to the boundary: all that lie beyond it, and those just inside."""
    end = {"field": "smallest real part", "flow": "largest real part", "map": "largest modulus"}[operator.boundary]
    asked = count
    while True:
        pairs = krylov_pairs(operator, end, asked, search)
        beyond = operator.growth(pairs.values)
        closest = np.argsort(np.abs(beyond), kind="stable")[:count]
        # Whatever was not found lies no further out than the last value: at least -min(beyond) inside the boundary.
        whole = len(pairs.values) >= asked and len(closest) == count
        if whole and -beyond.min() >= np.abs(beyond[closest]).max():
            return pairs.first(closest), True
        if not whole or 2 * asked > min(MOST, operator.size // 3):
            break
        asked *= 2
    values, vectors = inverted(operator, count, search)
    pairs = pairs.joined(values, vectors)
    closest = np.argsort(np.abs(operator.growth(pairs.values)), kind="stable")[:count]
    return pairs.first(closest), False


def _defect(operator: Operator, seed: int) -> float:
    """The rounding in a product, seen where M and its transpose fail to be adjoint."""
    draw = np.random.default_rng(seed + 1)
    u, v = (w / np.linalg.norm(w) for w in draw.standard_normal((2, operator.size)))
    return abs(float(u @ operator.forward(v) - operator.backward(u) @ v))


def _ritz(operator: Operator, pairs: Pairs, k: int, product: Any, rounding: float, keep: bool) -> Ritz:
    value, x = complex(pairs.values[k]), pairs.vectors[:, k]
    image = product(np.ascontiguousarray(x.real))
    if np.any(x.imag):
        image = image + 1j * product(np.ascontiguousarray(x.imag))
    left = float(np.linalg.norm(image - value * x))
    condition = float(pairs.conditions[k])
    weights = np.abs(x) ** 2
    total = float(weights.sum())
    ends = np.cumsum([0, *operator.blocks.values()])
    share = {
        name: float(weights[a:b].sum()) / total for name, a, b in zip(operator.blocks, ends[:-1], ends[1:], strict=True)
    }
    known = None if np.isnan(condition) else condition
    return Ritz(value, left + rounding, known, share, "float", x if keep else None)
