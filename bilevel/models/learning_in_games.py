"""Learning in finite games: policy gradients, Boltzmann Q-learning, fictitious play, and winning or learning fast.

Main definitions: `softmax_gradient_ascent`, `boltzmann_q_learning`, `smooth_fictitious_play`, `wolf_iga`,
`SwitchingFlow`, `shapley_payoffs`, `jordan_payoffs`.

Notation: player i has payoffs U_i(a_1, ..., a_N), mixed strategy x_i, and u_i = E[U_i | own action], a vector. Payoffs
are nested lists, one for each player; of two players, matrices indexed (first's action, second's action) for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import sympy as sp

from bilevel.game import Game, maximize
from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.values import expression, matrix
from bilevel.models.finite_processes import softmax
from bilevel.system import System, flow_of

PENNIES = ([[1, -1], [-1, 1]], [[-1, 1], [1, -1]])


def _arrays(payoffs: Any) -> list[Any]:
    given = PENNIES if payoffs is None else payoffs
    if isinstance(given, str) or not hasattr(given, "__len__"):
        raise GameError(f"payoffs are nested lists of one shape, one for each player; got {given!r}")
    tables = [_read(table) for table in given]
    try:
        arrays = [sp.ImmutableDenseNDimArray(table) for table in tables]
    except (TypeError, ValueError):
        raise GameError("payoffs are nested lists of one shape, one for each player") from None
    shape = arrays[0].shape
    if len(arrays) < 2 or any(array.shape != shape for array in arrays) or len(shape) != len(arrays) or min(shape) < 2:
        raise GameError(
            f"{len(arrays)} players need as many payoff tables, each with one index a player and two actions or more; "
            f"got shapes {[array.shape for array in arrays]}"
        )
    return arrays


def _read(table: Any) -> Any:
    table = table.tolist() if hasattr(table, "tolist") else table
    return [_read(row) for row in table] if isinstance(table, list | tuple) else expression(table, "a payoff")


def _means(arrays: list[Any], mixed: list[list[Any]]) -> list[list[Any]]:
    """u_i: for each player the mean payoff of each own action."""
    found = []
    for i, array in enumerate(arrays):
        means = [sp.S.Zero] * array.shape[i]
        for actions in product(*(range(m) for m in array.shape)):
            chance = sp.Mul(*(mixed[j][a] for j, a in enumerate(actions) if j != i))
            means[actions[i]] += array[actions] * chance
        found.append(means)
    return found


def _named(arrays: list[Any], letter: str) -> list[list[Any]]:
    return [
        [sp.Symbol(f"{letter}{i + 1}" + (f"_{a + 1}" if m > 2 else ""), real=True) for a in range(m - 1)]
        for i, m in enumerate(arrays[0].shape)
    ]


def _temperature(given: Any) -> Any:
    return sp.Symbol("T", positive=True) if given is None else expression(given, "a temperature")


def softmax_gradient_ascent(payoffs: Any = None, *, entropy_weight: Any = 0) -> Game:
    """Policy gradients of softmax strategies: each player climbs its own mean payoff in its logits.

    Math: player i: max over theta_i of x_i^T u_i + beta H(x_i), x_i = softmax(theta_i, 0). At the centre of matching
        pennies the field is that of gradient ascent, scaled by the slopes x (1 - x).

    Shapes: m_i - 1 logits for m_i actions; default: matching pennies. An entropy bonus takes two actions a player.

    Raises: GameError for payoffs that do not fit, or a bonus with more than two actions.

    Reference: Sutton and Barto (2018), section 13.3; Bu, Babuska, De Schutter (2008), doi 10.1109/TSMCC.2007.913919.

    Examples:
        >>> game = softmax_gradient_ascent()
        >>> game.jacobian().subs(dict.fromkeys(game.variables, 0))
        Matrix([
        [  0, -1/4],
        [1/4,    0]])
    """
    arrays, beta = _arrays(payoffs), expression(entropy_weight, "the weight of the entropy bonus")
    logits = _named(arrays, "theta")
    if beta != 0 and max(arrays[0].shape) > 2:
        raise GameError("the entropy bonus is written for two actions a player")
    mixed = [list(softmax(own)) for own in logits]
    players = {}
    for i, (own, x, u) in enumerate(zip(logits, mixed, _means(arrays, mixed), strict=True)):
        gain = sum(a * b for a, b in zip(x, u, strict=True))
        bonus = beta * (softplus(own[0]) - own[0] * sigmoid(own[0])) if beta != 0 else 0
        players[f"player{i + 1}"] = maximize(gain + bonus, *own)
    return Game(players, title="Softmax policy gradients in a game", source="Sutton and Barto 2018, section 13.3")


def boltzmann_q_learning(payoffs: Any = None, temperature: Any = None) -> System:
    """Boltzmann Q-learning without states: its expected flow, each action value updated as often as any other.

    Math: d/dt Q_i = u_i - Q_i with x_i = softmax(Q_i/T), in the differences q_i to the last action's value. Fixed
        points: logit (quantal response) equilibria x_i = softmax(u_i/T).

    Shapes: m_i - 1 differences a player; per unit time; default: matching pennies.

    Raises: GameError for payoffs that do not fit.

    Reference: Tuyls, 't Hoen, Vanschoenwinkel (2006), doi 10.1007/s10458-005-3783-9; Kaisers and Tuyls (2010), AAMAS.

    Examples:
        >>> system = boltzmann_q_learning([[[1, -1], [-1, 1]]] * 2)
        >>> -system.jacobian().subs(dict.fromkeys(system.variables, 0))
        Matrix([
        [ -1, 1/T],
        [1/T,  -1]])
    """
    arrays, T = _arrays(payoffs), _temperature(temperature)
    differences = _named(arrays, "q")
    mixed = [list(softmax([q / T for q in own])) for own in differences]
    equations: dict[Any, Any] = {}
    for own, u in zip(differences, _means(arrays, mixed), strict=True):
        equations |= {q: u[a] - u[-1] - q for a, q in enumerate(own)}
    middle = dict.fromkeys(equations, sp.S.Zero)  # where every action pays the same against uniform play
    return flow_of(equations, title="Boltzmann Q-learning", source="Tuyls et al. 2006", points=(middle,))


def smooth_fictitious_play(payoffs: Any = None, temperature: Any = None) -> System:
    """Fictitious play with logit replies: how beliefs move in logarithmic time.

    Math: beliefs x_i(t + 1) = x_i + (softmax(u_i/T) - x_i)/(t + 1); with s = log t the flow dx_i/ds = softmax(u_i/T) -
        x_i. A linearised deviation with eigenvalue l decays as t^{Re l}, so the 1/t process and its flow have one
        condition. The reply itself jumps as T goes to 0, and is not differentiated there.

    Shapes: m_i - 1 shares a player (the last is one minus their sum); per unit of log t; default: matching pennies.

    Raises: GameError for payoffs that do not fit.

    Reference: Fudenberg and Kreps (1993), doi 10.1006/game.1993.1021; Benaim and Hirsch (1999), doi
        10.1006/game.1999.0717; Hofbauer and Sandholm (2002), doi 10.1111/j.1468-0262.2002.00440.x.

    Examples:
        >>> print(smooth_fictitious_play(temperature=1).equations)
        {x1: -x1 + sigmoid(4*x2 - 2), x2: -x2 + sigmoid(2 - 4*x1)}
    """
    arrays, T = _arrays(payoffs), _temperature(temperature)
    shares = _named(arrays, "x")
    mixed = [[*own, 1 - sum(own)] for own in shares]
    equations: dict[Any, Any] = {}
    for own, u in zip(shares, _means(arrays, mixed), strict=True):
        reply = softmax([sp.expand((value - u[-1]) / T) for value in u[:-1]])
        equations |= {x: reply[a] - x for a, x in enumerate(own)}
    middle = {x: sp.Rational(1, len(own) + 1) for own in shares for x in own}
    return flow_of(equations, title="Smooth fictitious play", source="Fudenberg and Kreps 1993", points=(middle,))


def shapley_payoffs() -> tuple[list[list[int]], list[list[int]]]:
    """Shapley's game: two players, three actions, in which fictitious play cycles.

    Math: R = I; C = the cyclic permutation; uniform equilibrium. Logit replies stabilise it iff T > 1/6.

    Reference: Shapley (1964), Some topics in two-person games.

    Examples:
        >>> shapley_payoffs()[1]
        [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    """
    return [[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def jordan_payoffs() -> tuple[Any, Any, Any]:
    """Jordan's game: three players toss pennies; the first wants to match the second, the second the third, the third
    to differ from the first.

    Math: payoffs 1 and -1; uniform equilibrium. Logit replies stabilise it iff T > 1/2.

    Reference: Jordan (1993), doi 10.1006/game.1993.1022.

    Examples:
        >>> jordan_payoffs()[0]
        [[[1, 1], [-1, -1]], [[-1, -1], [1, 1]]]
    """
    table = lambda pay: [[[pay(a, b, c) for c in range(2)] for b in range(2)] for a in range(2)]
    sign = lambda same: 1 if same else -1
    return (
        table(lambda a, b, c: sign(a == b)),
        table(lambda a, b, c: sign(b == c)),
        table(lambda a, b, c: sign(c != a)),
    )


@dataclass(frozen=True)
class SwitchingFlow:
    """A planar flow dz/dt = M_q z about its equilibrium, with one matrix for each quadrant, in anticlockwise order.

    Math: quadrant 1 is z_1, z_2 > 0. The matrices may differ, so nothing is linearised across the axes.

    Shapes: `point` the equilibrium, in the order of the variables; four 2 x 2 matrices; per unit time.

    Raises: GameError unless there are four matrices, 2 x 2.

    Reference: Filippov (1988), Differential Equations with Discontinuous Righthand Sides.

    Examples:
        >>> turn = sp.Matrix([[0, -1], [1, 0]])
        >>> len(SwitchingFlow({}, (turn,) * 4).matrices)
        4
    """

    point: dict[Any, Any]
    matrices: tuple[Any, ...]
    title: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        matrices = tuple(matrix(M, "a quadrant's matrix") for M in self.matrices)
        if len(matrices) != 4 or any(M.shape != (2, 2) for M in matrices):
            raise GameError(f"a switching flow has four 2 x 2 matrices; got shapes {[M.shape for M in matrices]}")
        object.__setattr__(self, "matrices", matrices)


def wolf_iga(payoffs: Any = None, *, winning: Any = None, losing: Any = None) -> SwitchingFlow:
    """Gradient ascent in a 2 x 2 game that learns slowly when winning and fast when losing (WoLF-IGA).

    Math: with a = alpha - alpha*, b = beta - beta*: a' = l_r u b, b' = l_c v a, u = r11 + r22 - r12 - r21, v likewise;
        the row player wins, and has l_r = l_min, iff a u b > 0; the column player iff b v a > 0; else l_max. The rates
        jump on the axes; `bilevel.analysis.switching` decides stability by the return map, not by a Jacobian.

    Shapes: two scalars; per unit time; default: matching pennies.

    Raises: GameError for payoffs that are not 2 x 2, or without an equilibrium inside.

    Reference: Bowling and Veloso (2002), doi 10.1016/S0004-3702(02)00121-2.

    Examples:
        >>> wolf_iga().matrices[0]
        Matrix([
        [       0, 4*l_min],
        [-4*l_max,       0]])
    """
    arrays = _arrays(payoffs)
    if arrays[0].shape != (2, 2):
        raise GameError("WoLF-IGA is written for two players with two actions each")
    slow = sp.Symbol("l_min", positive=True) if winning is None else expression(winning, "the rate when winning")
    fast = sp.Symbol("l_max", positive=True) if losing is None else expression(losing, "the rate when losing")
    R, C = arrays
    u, v = (sp.expand(M[0, 0] + M[1, 1] - M[0, 1] - M[1, 0]) for M in (R, C))
    if u.is_nonzero is not True or v.is_nonzero is not True or u.is_positive is None or v.is_positive is None:
        raise GameError(f"the signs of u = {u} and v = {v} say who is winning; give payoffs in which they are known")
    point = {
        sp.Symbol("alpha", real=True): (C[1, 1] - C[1, 0]) / v,
        sp.Symbol("beta", real=True): (R[1, 1] - R[0, 1]) / u,
    }
    if any(value.is_number and not 0 < value < 1 for value in point.values()):
        raise GameError(f"the gradients vanish at {point}, outside of (0, 1): there is no equilibrium inside")
    matrices = []
    for quadrant in (1, -1, 1, -1):  # the sign of a b
        rates = [slow if (quadrant > 0) == bool(slope.is_positive) else fast for slope in (u, v)]
        matrices.append([[0, rates[0] * u], [rates[1] * v, 0]])
    return SwitchingFlow(point, tuple(map(sp.Matrix, matrices)), "WoLF-IGA", "Bowling and Veloso 2002")
