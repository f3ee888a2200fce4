"""From a game and a rule to every player's update equation.

Main definitions: `derive`.
"""

from __future__ import annotations

from bilevel.game import Game
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.symbolic import SymbolicField
from bilevel.rules.protocol.symbols import fresh, names_in
from bilevel.rules.protocol.update import Update

_FLOW = Rule("flow", (), lambda field: lambda z: -field(z), "continuous")


def derive(game: Game, rule: Rule | None = None) -> Update:
    """Every player's update equation under a rule (default: the gradient flow).

    Math: z_{t+1} = T(z_t), written as assignments in the order a program would make them; for a flow dz/dt = -F(z).

    Shapes: discrete rules per step, flows per unit time; works for scalar variables and for vectors of any dimension.

    Raises: GameError if the rule asks for a player the game lacks.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import alternating
        >>> x, y = sp.symbols("x y", real=True)
        >>> h = sp.Symbol("h", positive=True)
        >>> print(derive(Game(a=minimize(x*y, x), b=maximize(x*y, y)), alternating(h)))
        x[t+1] = x - h*y
        y[t+1] = y + h*x[t+1]
    """
    rule = rule or _FLOW
    taken = names_in(game, rule)
    reading = SymbolicField(game, taken=taken)
    memory = [
        Point({n: tuple(fresh(v, part, taken) for v in p.moves) for n, p in game.players.items()})
        for part, _ in rule.memory
    ]
    after = rule.on(reading)(reading.here, *memory)
    names = ["", *(part for part, _ in rule.memory)]
    results = [dict(zip(game.variables, point.leaves(), strict=True)) for point in after]
    return Update(
        game, rule, tuple(reading.assignments), dict(results[0]), dict(zip(names[1:], results[1:], strict=True))
    )
