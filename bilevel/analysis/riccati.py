"""The best gain of a linear-quadratic regulator: exact where it is found rational or in closed form, else enclosed.

Main definitions: `riccati`, `Riccati`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.enclosure import enclose, enclosed_verdict
from bilevel.analysis.krawczyk import certify
from bilevel.language.errors import GameError, UnknownAnswer

STEPS, LARGEST_DENOMINATOR = 20_000, 10_000


@dataclass(frozen=True)
class Riccati:
    """The stabilising solution: best gain, its value, and how both are known.

    Math: P = Q + K^T R K + gamma L^T P L, (R + gamma B^T P B) K = gamma B^T P A, L = A - B K, gamma^{1/2} L contracts.

    Shapes: "enclosed": entries are midpoints, and `radius` bounds the distance of each to the true one.

    Reference: Lancaster and Rodman (1995), Algebraic Riccati Equations.

    Examples:
        >>> Riccati(sp.Matrix([[1]]), sp.Matrix([[1]]), "exact").radius
        0.0
    """

    gain: Any
    value: Any
    known: str
    radius: float = 0.0


def riccati(regulator: Any) -> Riccati:
    """The Riccati gain of a regulator.

    Math: scalar: the positive root of gamma b^2 P^2 + (r - gamma b^2 q - gamma a^2 r) P = q r. Numbers: the Riccati
        recursion in floating point says where to look; short fractions there are tried exactly, else Krawczyk's
        interval test proves one solution near. The loop is shown to contract, which singles this solution out.

    Shapes: matrices of rational numbers; cost grows with the sixth power of the number of states.

    Raises: UnknownAnswer for matrices with symbols, or where the recursion does not settle, or no solution stabilises.

    Reference: Hewer (1971), doi 10.1109/TAC.1971.1099755; Krawczyk (1969), doi 10.1007/BF02234767.

    Examples:
        >>> from bilevel.models import Regulator
        >>> riccati(Regulator(1, 1, "1/2", 1)).gain
        Matrix([[1/2]])
    """
    A, B, Q, R, gamma = regulator.A, regulator.B, regulator.Q, regulator.R, regulator.discount
    if A.shape == (1, 1) == B.shape:
        a, b, q, r = A[0], B[0], Q[0], R[0]
        if b == 0 or gamma == 0:
            raise UnknownAnswer("the control reaches no later cost, so the equation is not quadratic")
        middle = r - gamma * b**2 * q - gamma * a**2 * r
        P = (sp.sqrt(sp.factor(middle**2 + 4 * gamma * b**2 * q * r)) - middle) / (2 * gamma * b**2)
        gain = gamma * a * b * P / (r + gamma * b**2 * P)
        if not gain.free_symbols and not (gain.is_real and gamma * (a - b * gain) ** 2 < 1):
            raise UnknownAnswer("the loop does not settle at the larger root, so no solution stabilises")
        return Riccati(sp.ImmutableMatrix([[gain]]), sp.ImmutableMatrix([[P]]), "exact")
    if not all(entry.is_Rational for entry in (*A, *B, *Q, *R, gamma)):
        raise UnknownAnswer(
            "a Riccati equation of matrices with symbols", next_step="give every entry a rational number"
        )
    near = _recursion([np.array(M.tolist(), dtype=float) for M in (A, B, Q, R)], float(gamma))
    return _short(regulator, *near) or _proved(regulator, *near)


def _recursion(matrices: list[Any], gamma: float) -> tuple[Any, Any]:
    A, B, Q, R = matrices
    P = Q
    for _ in range(STEPS):
        K = np.linalg.solve(R + gamma * B.T @ P @ B, gamma * B.T @ P @ A)
        after = Q + K.T @ R @ K + gamma * (A - B @ K).T @ P @ (A - B @ K)
        if not np.all(np.isfinite(after)) or np.abs(after).max() > 1e12:
            break
        if np.abs(after - P).max() <= 1e-15 * (1 + np.abs(P).max()):
            return K, (after + after.T) / 2
        P = after
    raise UnknownAnswer("the Riccati recursion does not settle", next_step="check that the loop can be stabilised")


def _equations(regulator: Any, K: Any, P: Any) -> list[Any]:
    loop, gamma = regulator.A - regulator.B * K, regulator.discount
    best = (regulator.R + gamma * regulator.B.T * P * regulator.B) * K - gamma * regulator.B.T * P * regulator.A
    worth = P - regulator.Q - K.T * regulator.R * K - gamma * loop.T * P * loop
    return [*best, *(worth[i, j] for i in range(P.rows) for j in range(i, P.rows))]


def _squared(regulator: Any, gain: Any) -> Any:
    """gamma L (x) L, which contracts exactly when gamma^{1/2} L does."""
    loop = regulator.A - regulator.B * gain
    return sp.ImmutableMatrix(regulator.discount * sp.kronecker_product(loop, loop))


def _short(regulator: Any, K: Any, P: Any) -> Riccati | None:
    guess = lambda M: sp.ImmutableMatrix(
        [[sp.Rational(float(e)).limit_denominator(LARGEST_DENOMINATOR) for e in row] for row in M]
    )
    gain = guess(K)
    try:
        value = regulator.value(gain)
    except GameError:  # a loop on the boundary has no value
        return None
    if any(sp.expand(e) != 0 for e in _equations(regulator, gain, value)):
        return None
    if analyse(_squared(regulator, gain), time="discrete").verdict != "stable":
        return None
    return Riccati(gain, value, "exact")


def _proved(regulator: Any, K: Any, P: Any) -> Riccati:
    m, n = K.shape
    gain = sp.Matrix(m, n, lambda i, j: sp.Symbol(f"K_{i}_{j}", real=True))
    value = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"P_{min(i, j)}_{max(i, j)}", real=True))
    unknowns = [*gain, *(value[i, j] for i in range(n) for j in range(i, n))]
    near = [*K.ravel(), *(P[i, j] for i in range(n) for j in range(i, n))]
    box = certify(_equations(regulator, gain, value), unknowns, near)
    if box is None:
        raise UnknownAnswer("no interval test proved a Riccati solution near the one computed")
    loop = sp.sqrt(regulator.discount) * (regulator.A - regulator.B * gain)
    balls = [[enclose(entry, box) for entry in loop.row(i)] for i in range(n)]
    if enclosed_verdict(balls, "discrete") != "stable":
        raise UnknownAnswer("the loop was not proved to contract at the Riccati solution found")
    middle = lambda M: sp.ImmutableMatrix(M.applyfunc(lambda s: sp.Float(float(box[s].mid()))))
    radius = max(float(box[u].rad()) + abs(float(box[u].mid())) * 2.0**-52 for u in unknowns)
    return Riccati(middle(gain), middle(value), "enclosed", radius)
