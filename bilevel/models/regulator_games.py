"""Linear-quadratic games: several controllers of one linear system, each with costs of its own.

Main definitions: `RegulatorGame`, `robust_regulator`.

Notation: as in `bilevel.models.closed_loops`; every player feeds back the state, u_i = -K_i s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language.errors import GameError
from bilevel.language.values import expression, matrix
from bilevel.models.closed_loops import ClosedLoop, Method
from bilevel.system import System, map_of

SOURCE = "Basar and Olsder 1999"


@dataclass(frozen=True)
class RegulatorGame:
    """A linear-quadratic game of any number of players: exact values, gradients and learning updates of their gains.

    Math: s' = A s + sum_i B_i u_i, u_i = -K_i s; player i pays s^T Q_i s + sum_j u_j^T R_ij u_j a step, discounted by
        gamma: cost tr(P_i S0) with P_i from its Lyapunov equation, wherever gamma^{1/2} L contracts. Learners descend
        the gradient 2 E_i Sigma, the natural gradient 2 E_i, or the Gauss-Newton direction. Equilibria and the
        stability of learning there: `bilevel.analysis.feedback_nash`, `bilevel.analysis.gain_stability`.

    Shapes: A is n x n, `B` and `Q` list one matrix a player; `R` lists one matrix a player (R_ii; the others' actions
        cost nothing), or for each player one matrix for every player's action. Numbers stand for 1 x 1. Values at
        given gains cost the sixth power of n; `game` and `learner` write them out in all gains and grow long beyond
        four of them in all: analyses at a point need neither.

    Raises: GameError where shapes do not fit, or a cost or S0 is not symmetric.

    Reference: Basar and Olsder (1999), Dynamic Noncooperative Game Theory, section 6.2; Mazumdar, Ratliff, Jordan,
        Sastry (2020), arXiv:1907.03712.

    Examples:
        >>> game = RegulatorGame(1, [1, 1], ["1/4", "1/4"], [1, 1])
        >>> game.at([["1/3"], ["1/3"]]).residual(0)
        Matrix([[19/96]])
    """

    A: Any
    B: Any
    Q: Any
    R: Any
    discount: Any = 1
    start: Any = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)
        put("A", matrix(self.A, "A"))
        for name in ("B", "Q", "R"):
            if isinstance(getattr(self, name), str) or not isinstance(getattr(self, name), Sequence):
                raise GameError(f"{name} lists one entry a player; got {getattr(self, name)!r}")
        put("B", tuple(matrix(M, "B") for M in self.B))
        put("Q", tuple(matrix(M, "Q") for M in self.Q))
        put("R", self._action_costs())
        put("start", matrix(sp.eye(self.A.rows) if self.start is None else self.start, "the start"))
        put("discount", expression(self.discount, "the discount"))
        put("names", tuple(self.names) or tuple(f"player{i + 1}" for i in range(len(self.B))))
        self._check()

    def _action_costs(self) -> tuple[tuple[Any, ...], ...]:
        """R as a table: a row of single matrices is what each player pays for its own action."""
        if all(isinstance(row, list | tuple) and not _is_rows(row) for row in self.R):
            return tuple(tuple(matrix(M, "R") for M in row) for row in self.R)
        own = [matrix(M, "R") for M in self.R]
        free = lambda B: sp.ImmutableMatrix.zeros(B.cols, B.cols)
        return tuple(tuple(R if i == j else free(B) for j, B in enumerate(self.B)) for i, R in enumerate(own))

    def _check(self) -> None:
        n, count = self.A.rows, len(self.B)
        if not count or {len(self.Q), len(self.R), len(self.names), *map(len, self.R)} != {count}:
            raise GameError(
                f"B, Q, R and names have one entry a player; got {len(self.B)}, {len(self.Q)}, {len(self.R)} and "
                f"{len(self.names)}"
            )
        square = [("A", self.A, n), ("S0", self.start, n), *((f"Q{i + 1}", Q, n) for i, Q in enumerate(self.Q))]
        square += [(f"R{i + 1}{j + 1}", R, self.B[j].cols) for i, row in enumerate(self.R) for j, R in enumerate(row)]
        for name, M, k in square:
            if M.shape != (k, k):
                raise GameError(f"{name} is {k} x {k} here; got {M.rows} x {M.cols}")
            if name != "A" and M != M.T:
                raise GameError(f"{name} is symmetric; got {M.tolist()}")
        for i, B in enumerate(self.B):
            if B.rows != n:
                raise GameError(f"B{i + 1} has {n} rows, one for each state; got {B.rows} x {B.cols}")

    @cached_property
    def gains(self) -> tuple[Any, ...]:
        """Every player's gain as symbols: k1, k2, ..., or k1_11, k1_12, ..."""
        n = self.A.rows

        def named(i: int, m: int) -> Any:
            name = lambda a, b: f"k{i + 1}" if n == m == 1 else f"k{i + 1}_{a + 1}{b + 1}"
            return sp.ImmutableMatrix(m, n, lambda a, b: sp.Symbol(name(a, b), real=True))

        return tuple(named(i, B.cols) for i, B in enumerate(self.B))

    def at(self, gains: Any = None, convert: Callable[[Any], Any] | None = None) -> ClosedLoop:
        """The closed loop at given gains (default: symbols); `convert` takes matrices to another arithmetic."""
        fixed = self.gains if gains is None else tuple(self._gain(i, K) for i, K in enumerate(gains))
        if len(fixed) != len(self.B):
            raise GameError(f"{len(self.B)} players need as many gains; got {len(fixed)}")
        into = convert or (lambda M: M)
        gamma = self.discount if convert is None else into(sp.Matrix([[self.discount]]))[0, 0]
        table = tuple(tuple(map(into, row)) for row in self.R)
        B, Q = tuple(map(into, self.B)), tuple(map(into, self.Q))
        return ClosedLoop(into(self.A), B, Q, table, into(self.start), gamma, tuple(map(into, fixed)))

    def _gain(self, player: int, given: Any) -> Any:
        K, shape = matrix(given, "a gain"), (self.B[player].cols, self.A.rows)
        if K.shape != shape and 1 in shape and K.rows * K.cols == shape[0] * shape[1]:
            K = K.reshape(*shape)
        if K.shape != shape:
            raise GameError(f"the gain of {self.names[player]} is {shape[0]} x {shape[1]}; got {K.rows} x {K.cols}")
        return K

    def game(self) -> Game:
        """Every player moves the entries of its gain down its own cost, written out."""
        loop = self.at()
        cost = lambda i: sp.cancel(sp.together(loop.cost(i)))
        players = {name: minimize(cost(i), *self.gains[i]) for i, name in enumerate(self.names)}
        # Of the equation's solutions only those whose loop settles have this cost; said where it is one inequality.
        settles = (self.discount * loop.loop[0] ** 2 < 1,) if self.A.shape == (1, 1) else ()
        return Game(players, assuming=settles, title="Linear-quadratic game", source=SOURCE)

    def learner(self, method: Method, steps: Any) -> System:
        """K_i' = K_i - step_i D_i, written out; D_i as in `ClosedLoop.direction`. One step, or one a player."""
        loop = self.at()
        after: dict[Any, Any] = {}
        for i, (K, eta) in enumerate(zip(self.gains, self.steps(steps), strict=True)):
            moved = (K - eta * loop.direction(i, method)).applyfunc(lambda e: sp.cancel(sp.together(e)))
            after |= dict(zip(K, moved, strict=True))
        return map_of(after, title=f"{method} on a linear-quadratic game", source=SOURCE)

    def steps(self, given: Any) -> tuple[Any, ...]:
        """One step size a player."""
        many = given if isinstance(given, list | tuple) else [given] * len(self.B)
        if len(many) != len(self.B):
            raise GameError(f"{len(self.B)} players need one step, or as many; got {len(many)}")
        return tuple(expression(step, "a step") for step in many)

    def alone(self, player: int, gains: Any) -> RegulatorGame:
        """The regulator that is left to one player when the others keep their gains."""
        fixed = self.at(gains)
        A, Q = self.A, self.Q[player]
        for j, (B, K) in enumerate(zip(self.B, fixed.gains, strict=True)):
            if j != player:
                A, Q = A - B * K, Q + K.T * self.R[player][j] * K
        own = {"B": (self.B[player],), "Q": (Q,), "R": (self.R[player][player],), "names": (self.names[player],)}
        return replace(self, A=A, **own)


def _is_rows(given: Any) -> bool:
    """Whether a list is a matrix by its rows, rather than a list of matrices or of numbers."""
    return all(isinstance(row, list | tuple) and not any(isinstance(e, list | tuple) for e in row) for row in given)


def robust_regulator(
    A: Any, B: Any, D: Any, Q: Any, R: Any, price: Any, *, discount: Any = 1, start: Any = None
) -> RegulatorGame:
    """The zero-sum game of a controller against a disturbance (H-infinity control), for matrices.

    Math: s' = A s + B u + D w; the controller pays s^T Q s + u^T R u - mu w^T w a step, the disturbance minus that. A
        saddle solves P = Q + gamma A^T P (I + gamma (B R^{-1} B^T - D D^T/mu) P)^{-1} A with mu I - gamma D^T P D and
        R + gamma B^T P B positive definite.

    Shapes: D is n x l; the price mu a number.

    Reference: Basar and Bernhard (1995), H-infinity Optimal Control; Zhang, Yang, Basar (2019), arXiv:1906.00729.

    Examples:
        >>> robust_regulator(1, 1, 1, 1, 1, 4).R[1]
        (Matrix([[-1]]), Matrix([[4]]))
    """
    B, D, Q, R = matrix(B, "B"), matrix(D, "D"), matrix(Q, "Q"), matrix(R, "R")
    worth = expression(price, "the price of the disturbance") * sp.eye(D.cols)
    table = [[R, -worth], [-R, worth]]
    return RegulatorGame(A, [B, D], [Q, -Q], table, discount, start, ("controller", "disturbance"))
