"""Leading eigenvalues of games and rules, with what their residuals say.

Main definitions: `eigenvalues`, `several_ends`, `Spectrum`, `Ritz`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bilevel.language.errors import GameError
from bilevel.numeric.spectra_krylov import ENDS, order
from bilevel.numeric.spectra_operator import Operator
from bilevel.numeric.spectra_solvers import TOLERANCE, Pairs, Search, dense_pairs, inverted, krylov_pairs

DENSE = 256  # rows up to which "auto" writes the matrix out
SMALLEST = 4  # rows up to which no Krylov basis is worth the while
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

    Reference: Stewart (2001), SIAM J. Matrix Anal. Appl. 23(3).

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
    near: Sequence[np.ndarray] = (),
) -> Spectrum:
    """Leading eigenvalues of a game's or a rule's Jacobian, each with its residual.

    Math: `which` is "largest modulus", "largest real part", "smallest real part", "largest imaginary part" or
        "boundary" (closest to the unit circle for a map, to the imaginary axis for a field or flow). Krylov-Schur on
        products; LAPACK where the matrix has at most 256 rows (`method` "dense" or "Krylov" forces either).
        "boundary" widens the unstable end until everything further out than the nearest ones is known, at most 48
        values, and then tries shift-and-invert at the boundary by GMRES. `left` also finds left vectors, hence
        condition numbers, at twice the products. The run starts from a random vector, and from the sum of those in
        `near` if some are known to lie near the eigenvectors sought.

    Shapes: at most `budget` products on each side, and two for each value found; memory for about 40 vectors, or 2
        `count` + 16, in the operator's precision. float32 operators are resolved to about 1e-5 of their norm, float64
        ones to 1e-9, unless `tolerance` says otherwise; where half the budget does not reach that (a dense cluster),
        to 1e-4, where three quarters do not, to 1e-2, as the backward errors then say.

    Raises: GameError for an unknown end or method, or a boundary of an operator that has none.

    Reference: Stewart (2001), SIAM J. Matrix Anal. Appl. 23(3), 601-614; Meerbergen, Spence, Roose (1994), BIT 34,
        for eigenvalues near a boundary.

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
    ends = (which,) if which != "boundary" else ()
    search = Search(seed, tolerance or TOLERANCE[operator.dtype], budget, left, 0.0, tuple(near))
    return _spectra(operator, ends, count, search, method, vectors)[0]


def several_ends(
    operator: Operator, ends: Sequence[str], *, count: int, search: Search, vectors: bool = False
) -> tuple[Spectrum, ...]:
    """The spectra at some ends from one Krylov basis; each tells the products of the common run."""
    return _spectra(operator, tuple(ends), count, search, "auto", vectors)


def _spectra(
    operator: Operator, ends: tuple[str, ...], count: int, search: Search, method: str, vectors: bool
) -> tuple[Spectrum, ...]:
    """One spectrum for each end; no ends mean the boundary."""
    before = operator.products()
    least = {"auto": DENSE, "dense": operator.size, "Krylov": SMALLEST}[method]
    if operator.size <= least:
        found, used = [_by_matrix(operator, which, count, vectors) for which in ends or ("boundary",)], "dense"
    else:
        left = search.left and operator.kind == "general"
        defect = _defect(operator, search.seed) if left or operator.kind != "general" else 0.0
        search = replace(search, left=left, floor=max(search.floor, 4 * defect))
        found, used = _by_products(operator, ends, count, search, vectors), "Krylov"
    asked, spent = min(count, operator.size), operator.products() - before
    return tuple(
        Spectrum(kept, which, asked, complete, used, spent, search.seed, rounding, operator.words)
        for which, (kept, complete, rounding) in zip(ends or ("boundary",), found, strict=True)
    )


def _by_products(
    operator: Operator, ends: tuple[str, ...], count: int, search: Search, vectors: bool
) -> list[tuple[tuple[Ritz, ...], bool, float]]:
    if ends:
        found, norm = krylov_pairs(operator, ends, count, search)
        parts = [(found[end], len(found[end].values) >= min(count, operator.size)) for end in ends]
    else:
        nearest, complete, norm = _nearest(operator, count, search)
        parts = [(nearest, complete)]
    eps = float(np.finfo(operator.dtype).eps) * norm
    rounding = max(eps, search.floor / 4) if search.floor else 8 * eps
    return [
        (_all(operator, pairs, operator.forward, rounding, vectors), complete, rounding) for pairs, complete in parts
    ]


def _by_matrix(operator: Operator, which: str, count: int, vectors: bool) -> tuple[tuple[Ritz, ...], bool, float]:
    pairs, matrix = dense_pairs(operator)
    # LAPACK's backward error is a small multiple of n eps |M|.
    rounding = operator.size * float(np.finfo(operator.dtype).eps) * float(np.linalg.norm(matrix))
    inner = np.argsort(np.abs(operator.growth(pairs.values)), kind="stable") if which == "boundary" else None
    chosen = (order(pairs.values, which) if inner is None else inner)[:count]
    kept = tuple(_ritz(operator, pairs, int(k), lambda v: matrix @ v, rounding, vectors) for k in chosen)
    return kept, True, rounding


def _nearest(operator: Operator, count: int, search: Search) -> tuple[Pairs, bool, float]:
    """The eigenvalues closest to the boundary: all that lie beyond it, and those just inside."""
    end = {"field": "smallest real part", "flow": "largest real part", "map": "largest modulus"}[operator.boundary]
    asked = count
    while True:
        found, norm = krylov_pairs(operator, (end,), asked, search)
        pairs = found[end]
        beyond = operator.growth(pairs.values)
        closest = np.argsort(np.abs(beyond), kind="stable")[:count]
        # Whatever was not found lies no further out than the last value: at least -min(beyond) inside the boundary.
        whole = len(pairs.values) >= asked and len(closest) == count
        if whole and -beyond.min() >= np.abs(beyond[closest]).max():
            return pairs.first(closest), True, norm
        if not whole or 2 * asked > min(MOST, operator.size // 3):
            break
        asked *= 2
        search = replace(search, near=tuple(pairs.vectors.T))
    values, vectors = inverted(operator, count, search, norm)
    pairs = pairs.joined(values, vectors)
    closest = np.argsort(np.abs(operator.growth(pairs.values)), kind="stable")[:count]
    return pairs.first(closest), False, norm


def _defect(operator: Operator, seed: int) -> float:
    """The rounding in a product, seen where M and its transpose fail to be adjoint."""
    draw = np.random.default_rng(seed + 1)
    u, v = (w / np.linalg.norm(w) for w in draw.standard_normal((2, operator.size)))
    return abs(float(u @ operator.forward(v) - operator.backward(u) @ v))


def _all(operator: Operator, pairs: Pairs, product: Any, rounding: float, keep: bool) -> tuple[Ritz, ...]:
    """Every pair with its residual; that of a conjugate is its partner's."""
    made: list[Ritz] = []
    for k, value in enumerate(pairs.values):
        partner = made[-1] if made else None
        if partner is not None and value.imag and abs(value - partner.value.conjugate()) <= 1e-12 * abs(value):
            vector = None if partner.vector is None else partner.vector.conj()
            made.append(replace(partner, value=complex(value), vector=vector))
        else:
            made.append(_ritz(operator, pairs, k, product, rounding, keep))
    return tuple(made)


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
