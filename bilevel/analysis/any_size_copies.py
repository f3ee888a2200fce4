"""Two modes at once, in turned axes: a rule that depends on the axes or on the number of components is caught here.

Main definitions: `check_two_modes`.

The scalar game is taken at two values of the spectrum, the two copies of every vector are mixed by a rational rotation
(one for each side), and the rule is read on this game of twice the variables. Its matrix must be that of two single
modes, turned the same way: an exact comparison at random rational parameters. It refutes; the typed reading proves.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.game import Game, Player
from bilevel.language.errors import BilevelError, UnknownAnswer
from bilevel.rules.protocol.linear import linearise
from bilevel.rules.protocol.rule import Rule

TURNS = {"left": (3, 4, 5), "right": (5, 12, 13), None: (8, 15, 17)}  # Pythagorean triples: rational rotations


def check_two_modes(
    game: Game,
    rule: Rule,
    matrix: Any,
    order: tuple[Any, ...],
    spectral: tuple[Any, ...],
    sides: Mapping[str, str | None],
) -> None:
    """Raise `UnknownAnswer` unless the rule on two mixed modes is two copies of the rule on one."""
    source = random.Random(11)
    values = [{s: _number(s, source) for s in spectral} for _ in range(2)]
    fixed = {s: _number(s, source) for s in game.parameters if s not in spectral}
    pairs = {v: (sp.Symbol(f"{v}_0", real=True), sp.Symbol(f"{v}_1", real=True)) for v in game.variables}
    turn = {v: _rotation(sides[str(v)]) for v in game.variables}
    try:
        found = linearise(
            _both(game, pairs, turn, values, fixed), rule, {c: 0 for pair in pairs.values() for c in pair}
        )
    except BilevelError as stop:
        raise UnknownAnswer(f"the rule cannot be read on two modes at once: {stop}") from None
    fixed |= {
        s: _number(s, source)
        for s in (found.matrix.free_symbols | matrix.free_symbols)
        if s not in spectral and s not in fixed
    }
    modes = [matrix.subs(fixed | value) for value in values]
    rows = [(i, j) for i in range(len(order)) for j in range(2)]
    for a, (i, p) in enumerate(rows):
        for b, (k, q) in enumerate(rows):
            left, right = turn[order[i][1]], turn[order[k][1]]
            expected = sum(left[p, mode] * modes[mode][i, k] * right[q, mode] for mode in range(2))
            if sp.cancel(found.matrix[a, b].subs(fixed) - expected) != 0:
                raise UnknownAnswer(
                    f"{rule.name} mixes modes: it depends on the axes or on the number of components",
                    next_step="instantiate the game with a concrete matrix",
                )


def _rotation(side: str | None) -> Any:
    a, b, c = TURNS[side]
    return sp.Matrix([[a, -b], [b, a]]) / c


def _number(symbol: Any, source: random.Random) -> Any:
    value = sp.Rational(source.randint(1, 40), source.choice((7, 11, 13)))
    return -value if symbol.is_negative else value


def _both(game: Game, pairs: Any, turn: Any, values: list[dict[Any, Any]], fixed: Mapping[Any, Any]) -> Game:
    """The sum of the scalar game at two values, each component of a vector being a mix of both modes."""
    players = {}
    for name, player in game.players.items():
        loss = sp.Add(
            *(
                player.loss.subs({**fixed, **value}).subs(
                    {v: turn[v][0, mode] * c[0] + turn[v][1, mode] * c[1] for v, c in pairs.items()}, simultaneous=True
                )
                for mode, value in enumerate(values)
            )
        )
        players[name] = Player(tuple(c for v in player.moves for c in pairs[v]), loss, player.sense, player.through)
    return Game(players)
