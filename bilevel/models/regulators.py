"""Linear-quadratic regulators with matrices, the updates that learn their gains, and the zero-sum game against noise.

Main definitions: `Regulator`, `zero_sum_regulator`, `zero_sum_equilibrium`.

Notation: s' = A s + B u, u = -K s, cost s^T Q s + u^T R u a step, discount gamma, S0 = E[s_0 s_0^T]; L = A - B K.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import sympy as sp

from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.language.matrices import inverse, short
from bilevel.language.values import expression, matrix
from bilevel.models.closed_loops import Method
from bilevel.models.regulator_games import RegulatorGame
from bilevel.response import best_response
from bilevel.system import System, map_of

SOURCE = "Fazel et al. 2018, arXiv:1801.05039"


@dataclass(frozen=True)
class Regulator:
    """A linear-quadratic regulator, with the exact value and cost of every gain.

    Math: P_K = Q + K^T R K + gamma L^T P_K L, Sigma_K = S0 + gamma L Sigma_K L^T, cost tr(P_K S0), wherever
        gamma^{1/2} L contracts. E_K = (R + gamma B^T P_K B) K - gamma B^T P_K A vanishes at the Riccati gain; the
        cost's gradient is 2 E_K Sigma_K (the game finds it by differentiating the cost).

    Shapes: n states, m controls; numbers stand for 1 x 1; costs over the whole run. Equations in the entries of K grow
        long beyond n m = 4: `bilevel.analysis.gain_stability` decides learning at a gain without writing them.

    Raises: GameError where shapes do not fit, or Q, R, S0 are not symmetric.

    Reference: Fazel, Ge, Kakade, Mesbahi (2018), arXiv:1801.05039.

    Examples:
        >>> Regulator(1, 1, "1/2", 1).value(["1/2"])
        Matrix([[1]])
    """

    A: Any
    B: Any
    Q: Any
    R: Any
    discount: Any = 1
    start: Any = None

    def __post_init__(self) -> None:
        for name in ("A", "B", "Q", "R"):
            object.__setattr__(self, name, matrix(getattr(self, name), name))
        n, m = self.B.shape
        object.__setattr__(self, "start", matrix(sp.eye(n) if self.start is None else self.start, "the start"))
        object.__setattr__(self, "discount", expression(self.discount, "the discount"))
        shapes = [self.A.shape, self.Q.shape, self.R.shape, self.start.shape]
        if shapes != [(n, n), (n, n), (m, m), (n, n)]:
            raise GameError(
                f"B is {n} x {m}, so A, Q, S0 are {n} x {n} and R is {m} x {m}; got A, Q, R, S0 of {shapes}"
            )
        if any(M != M.T for M in (self.Q, self.R, self.start)):
            raise GameError("Q, R and S0 are symmetric")

    @cached_property
    def players(self) -> RegulatorGame:
        """The same as a game of one player."""
        return RegulatorGame(self.A, [self.B], [self.Q], [self.R], self.discount, self.start, ("controller",))

    @cached_property
    def gain(self) -> Any:
        """The gain as symbols: k, or k11, k12, ..."""
        n, m = self.B.shape
        name = lambda i, j: "k" if n == m == 1 else f"k{i + 1}{j + 1}"
        return sp.ImmutableMatrix(m, n, lambda i, j: sp.Symbol(name(i, j), real=True))

    def _at(self, gain: Any) -> Any:
        return self.players.at([self.gain if gain is None else gain])

    def value(self, gain: Any = None) -> Any:
        """P_K: s^T P_K s is the cost from s on (default: of the gain as symbols)."""
        return sp.ImmutableMatrix(self._at(gain).values[0])

    def moment(self, gain: Any = None) -> Any:
        """Sigma_K: the discounted sum of E[s_t s_t^T]."""
        return sp.ImmutableMatrix(self._at(gain).moment)

    def cost(self, gain: Any = None) -> Any:
        """tr(P_K S0)."""
        return sp.cancel(sp.together(self._at(gain).cost(0)))

    def residual(self, gain: Any = None) -> Any:
        """E_K, which vanishes at the Riccati gain."""
        return self._at(gain).residual(0)

    def improved(self, gain: Any) -> Any:
        """The greedy gain for P_K, a step of policy iteration (Kleinman, Hewer)."""
        here = self._at(gain)
        return inverse(here.curvature(0)) * (self.discount * self.B.T * here.values[0] * self.A)

    def game(self) -> Game:
        """One player, who moves the gain's entries down the cost."""
        # Of the equation's solutions only those whose loop settles have this cost; said where it is one inequality.
        loop = (self.A - self.B * self.gain)[0]
        settles = (self.discount * loop**2 < 1,) if self.A.shape == self.gain.shape == (1, 1) else ()
        player = minimize(self.cost(), *self.gain)
        return Game(controller=player, assuming=settles, title="Linear-quadratic regulator", source=SOURCE)

    def learner(self, method: Method, step: Any) -> System:
        """K' = K - step G: "gradient" G = C', "natural gradient" C' Sigma^{-1}, "Gauss-Newton" (R + gamma B^T P B)^{-1}
        C' Sigma^{-1}, C' the derivative of the cost."""
        after = short(self.gain - expression(step, "a step") * self._at(None).direction(0, method))
        title = f"{method} on the linear-quadratic regulator"
        return map_of(dict(zip(self.gain, after, strict=True)), title=title, source=SOURCE)


def _zero_sum(closed_loop: Any, control: Any, disturbance: Any, action_cost: Any, attenuation: Any) -> tuple[Any, ...]:
    names = (
        ("c", "the closed loop", closed_loop),
        ("b", "the gain of the control", control),
        ("d", "the gain of the disturbance", disturbance),
        ("r", "the cost of the control", action_cost),
        ("mu", "the price of the disturbance", attenuation),
    )
    return tuple(
        sp.Symbol(name, positive=True) if given is None else expression(given, what) for name, what, given in names
    )


def zero_sum_regulator(
    *,
    closed_loop: Any = None,
    control: Any = None,
    disturbance: Any = None,
    action_cost: Any = None,
    attenuation: Any = None,
    play: Literal["simultaneous", "nested"] = "simultaneous",
) -> Game:
    """The scalar linear-quadratic game of a controller against a disturbance (H-infinity control).

    Math: s' = a s + b u + d w, u = -k s, w = l s, s_0^2 = 1, cost q s^2 + r u^2 - mu w^2 a step:
        J(k, l) = (q + r k^2 - mu l^2)/(1 - (a - b k + d l)^2); k minimises, l maximises. In units in which the
        value is s^2 and with the closed loop c given, everything is rational: k = b c/r, l = d c/mu,
        a = c + b k - d l, q = 1 - r k^2 + mu l^2 - c^2. A saddle needs mu > d^2. play "nested": the controller
        differentiates through the disturbance's best response.

    Shapes: two scalars; cost over the whole run.

    Raises: GameError for other `play`.

    Reference: Basar and Bernhard (1995), H-infinity Optimal Control; Zhang, Yang, Basar (2019), arXiv:1906.00729.

    Examples:
        >>> game = zero_sum_regulator(closed_loop="1/2", control=1, disturbance=1, action_cost=1, attenuation=2)
        >>> point = zero_sum_equilibrium(closed_loop="1/2", control=1, disturbance=1, action_cost=1, attenuation=2)
        >>> game.jacobian().subs(point)
        Matrix([
        [16/3, -8/3],
        [ 8/3,  8/3]])
    """
    if play not in ("simultaneous", "nested"):
        raise GameError(f"play is 'simultaneous' or 'nested'; got {play!r}")
    c, b, d, r, price = _zero_sum(closed_loop, control, disturbance, action_cost, attenuation)
    k, l = sp.symbols("k l", real=True)
    a, q = c + b**2 * c / r - d**2 * c / price, 1 - (b * c) ** 2 / r + (d * c) ** 2 / price - c**2
    loop = a - b * k + d * l
    cost = (q + r * k**2 - price * l**2) / (1 - loop**2)
    through = {"disturbance": best_response()} if play == "nested" else None
    return Game(
        controller=minimize(cost, k, through=through),
        disturbance=maximize(cost, l),
        assuming=(loop**2 < 1,),
        title="Zero-sum linear-quadratic game",
        source="Basar and Bernhard 1995",
        points=({k: b * c / r, l: d * c / price},),
    )


def zero_sum_equilibrium(
    *,
    closed_loop: Any = None,
    control: Any = None,
    disturbance: Any = None,
    action_cost: Any = None,
    attenuation: Any = None,
) -> dict[Any, Any]:
    """The equilibrium of `zero_sum_regulator`.

    Math: k = b c/r, l = d c/mu.

    Reference: Basar and Bernhard (1995), H-infinity Optimal Control.

    Examples:
        >>> list(zero_sum_equilibrium(closed_loop=1, control=1, disturbance=1, action_cost=2, attenuation=4).values())
        [1/2, 1/4]
    """
    c, b, d, r, price = _zero_sum(closed_loop, control, disturbance, action_cost, attenuation)
    return dict(zip(sp.symbols("k l", real=True), (b * c / r, d * c / price), strict=True))
