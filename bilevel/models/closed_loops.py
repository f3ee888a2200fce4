"""Linear systems under linear feedback of several players: values, moments, gradients, and how these move with gains.

Main definitions: `ClosedLoop`.

Notation: s' = A s + sum_i B_i u_i, u_i = -K_i s, player i pays s^T Q_i s + sum_j u_j^T R_ij u_j a step, discount gamma,
S0 = E[s_0 s_0^T]; L = A - sum_i B_i K_i. Matrices are SymPy's, or flint's of rationals or of balls: one formula, three
arithmetics. No gain is ever differentiated through a solved formula: derivatives solve the differentiated equation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.language.matrices import inverse, short, size, symmetric_solution, turned

Method = Literal["gradient", "natural gradient", "Gauss-Newton"]
METHODS = ("gradient", "natural gradient", "Gauss-Newton")


@dataclass(frozen=True)
class ClosedLoop:
    """All players' gains at one setting, and everything that follows from it.

    Math: P_i = Q_i + sum_j K_j^T R_ij K_j + gamma L^T P_i L, Sigma = S0 + gamma L Sigma L^T, cost tr(P_i S0). With
        E_i = R_ii K_i - gamma B_i^T P_i L the cost's gradient in K_i is 2 E_i Sigma. Along dK: dL = -sum_j B_j dK_j,
        dP_i = C + C^T + gamma L^T dP_i L with C = sum_j dK_j^T R_ij K_j + gamma dL^T P_i L, and dSigma likewise; so
        derivatives cost one more linear system each, however long P_i is as a formula.

    Shapes: n states, m_i controls of player i, K_i is m_i x n; an inverse of size n (n + 1)/2, and as many products
        with it as there are gains and players.

    Raises: GameError for an unknown method, or a loop neither contracting nor expanding somewhere.

    Reference: Fazel, Ge, Kakade, Mesbahi (2018), arXiv:1801.05039; Mazumdar, Ratliff, Jordan, Sastry (2020),
        arXiv:1907.03712.

    Examples:
        >>> one, half = sp.Matrix([[1]]), sp.Matrix([[sp.Rational(1, 2)]])
        >>> ClosedLoop(one, (one,), (half,), ((one,),), one, sp.S.One, (half,)).residual(0)
        Matrix([[0]])
    """

    A: Any
    B: tuple[Any, ...]
    Q: tuple[Any, ...]
    R: tuple[tuple[Any, ...], ...]
    start: Any
    discount: Any
    gains: tuple[Any, ...]

    @cached_property
    def loop(self) -> Any:
        """L."""
        L = self.A
        for B, K in zip(self.B, self.gains, strict=True):
            L = L - B * K
        return L

    @cached_property
    def moment(self) -> Any:
        """Sigma: the discounted sum of E[s_t s_t^T]."""
        return self._ahead(self.start)

    @cached_property
    def values(self) -> tuple[Any, ...]:
        """P_i of every player: s^T P_i s is its cost from s on."""
        total = []
        for Q, row in zip(self.Q, self.R, strict=True):
            paid = Q
            for R, K in zip(row, self.gains, strict=True):
                paid = paid + turned(K) * R * K
            total.append(self._back(paid))
        return tuple(total)

    @cached_property
    def _ahead(self) -> Callable[[Any], Any]:
        return symmetric_solution(self.loop, self.discount)

    @cached_property
    def _back(self) -> Callable[[Any], Any]:
        return symmetric_solution(turned(self.loop), self.discount)

    def cost(self, player: int) -> Any:
        """tr(P_i S0)."""
        product = self.values[player] * self.start
        return sum((product[k, k] for k in range(1, size(product)[0])), product[0, 0])

    def curvature(self, player: int) -> Any:
        """R_ii + gamma B_i^T P_i B_i: moving K_i by D costs tr(D^T (that) D Sigma') more where E_i = 0, exactly."""
        B = self.B[player]
        return self.R[player][player] + turned(B) * self.values[player] * B * self.discount

    def residual(self, player: int) -> Any:
        """E_i, which vanishes where player i cannot improve to first order."""
        seen = turned(self.B[player]) * self.values[player] * self.loop * self.discount
        return short(self.R[player][player] * self.gains[player] - seen)

    def direction(self, player: int, method: Method) -> Any:
        """What player i descends: 2 E_i Sigma, 2 E_i, or 2 (R_ii + gamma B_i^T P_i B_i)^{-1} E_i."""
        _check(method)
        E = self.residual(player) * 2
        if method == "gradient":
            return short(E * self.moment)
        return E if method == "natural gradient" else short(inverse(self.curvature(player)) * E)

    def derivative(self, method: Method) -> Any:
        """How all directions move with all gains: players one after the other, gains row by row."""
        _check(method)
        columns: list[list[Any]] = []
        for player, K in enumerate(self.gains):
            rows, width = size(K)
            for place in range(rows * width):
                unit = type(K)(rows, width, [self.discount * 0 + int(k == place) for k in range(rows * width)])
                columns.append(self._column(player, unit, method))
        count = len(columns)
        kind = sp.Matrix if isinstance(self.A, sp.MatrixBase) else type(self.A)
        return kind(count, count, [columns[j][i] for i in range(count) for j in range(count)])

    def _column(self, mover: int, change: Any, method: Method) -> list[Any]:
        B, gamma = self.B[mover], self.discount
        L, dL = self.loop, B * change * (-1)
        entries: list[Any] = []
        for i, P in enumerate(self.values):
            C = turned(change) * self.R[i][mover] * self.gains[mover] + turned(dL) * P * L * gamma
            dP = self._back(C + turned(C))
            own = turned(self.B[i])
            dE = (own * dP * L + own * P * dL) * (-gamma)
            if i == mover:
                dE = dE + self.R[i][i] * change
            D = self._turned_direction(i, dE, dP, dL, method)
            rows, width = size(D)
            entries += [D[a, b] for a in range(rows) for b in range(width)]
        return entries

    def _turned_direction(self, i: int, dE: Any, dP: Any, dL: Any, method: Method) -> Any:
        if method == "natural gradient":
            return short(dE * 2)
        if method == "gradient":
            C = dL * self.moment * turned(self.loop) * self.discount
            return short((dE * self.moment + self.residual(i) * self._ahead(C + turned(C))) * 2)
        # d (H^{-1} E) = H^{-1} (dE - dH H^{-1} E)
        inverted, B = inverse(self.curvature(i)), self.B[i]
        bent = turned(B) * dP * B * self.discount
        return short(inverted * (dE - bent * (inverted * self.residual(i))) * 2)


def _check(method: str) -> None:
    if method not in METHODS:
        raise GameError(f"method is 'gradient', 'natural gradient' or 'Gauss-Newton'; got {method!r}")
