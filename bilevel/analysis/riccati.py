"""The best gain of a linear-quadratic regulator: exact where it is found rational or in closed form, else enclosed.

Main definitions: `riccati`, `Riccati`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.feedback_nash import feedback_nash
from bilevel.language.errors import UnknownAnswer


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

    Math: scalar: the positive root of gamma b^2 P^2 + (r - gamma b^2 q - gamma a^2 r) P = q r. Numbers: as
        `feedback_nash` for one player. The loop is shown to contract, which singles this solution out.

    Shapes: matrices of rational numbers; cost grows with the sixth power of the number of states.

    Raises: UnknownAnswer for matrices with symbols, or where no solution is found that stabilises.

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
    (found,) = feedback_nash(regulator.players).points
    return Riccati(found.gains[0], found.values[0], found.known, found.radius)
