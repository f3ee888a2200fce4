"""One game rewritten in the variables of another.

Main definitions: `translate`, `matched`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.game import Game, Player
from bilevel.language import calculus
from bilevel.language.errors import GameError
from bilevel.language.networks import Network
from bilevel.language.values import expression


def translate(a: Game, b: Game, names: Mapping[Any, Any] | None) -> Game:
    """`a` with each of its variables (and networks) replaced by what `names` says, its losses in the variables of `b`.

    Math: c_i(map(z_b)); each player then moves the variables of `b` that its old variables are functions of.

    Raises: GameError if a name means nothing in `a`, or if the variables of `b` cannot be shared out among the players.
    """
    given = {str(key): value for key, value in (names or {}).items()}
    networks = {n.name: n for p in a.players.values() for n in _networks(p.loss)}
    here = {str(v): v for v in a.variables}
    for key in given:
        if key not in here and key not in networks:
            known = ", ".join([*here, *networks])
            raise GameError(
                f"the map says what {key!r} is, but the first game has no such variable or network; it has {known}"
            )
    variables = {v: _value(given[name], a, b) if name in given else _same(v, b) for name, v in here.items()}
    swaps = {networks[name]: _network(given[name], networks[name], b) for name in networks if name in given}
    players: dict[str, Player] = {}
    for name, player in a.players.items():
        moved = tuple(v for v in b.variables if any(v in _free(variables[old]) for old in player.moves))
        loss = calculus.replace(_swapped(player.loss, swaps), variables)
        players[name] = Player(moved, loss, player.sense, player.through)
    _check(players, a, b)
    return Game(players, assuming=(*a.assuming, *b.assuming), title=a.title)


def _free(value: Any) -> set[Any]:
    return value.free_symbols | {value}


def _same(variable: Any, b: Game) -> Any:
    for other in b.variables:
        if str(other) == str(variable):
            return other
    raise GameError(
        f"the second game has no variable called {variable}; say what it is with map={{{str(variable)!r}: ...}}; "
        f"the second game has {', '.join(map(str, b.variables))}"
    )


def _value(value: Any, a: Game, b: Game) -> Any:
    if isinstance(value, str):
        for other in b.variables:
            if str(other) == value:
                return other
        from bilevel.language.reader import read

        return read(
            value, {str(s): s for s in (*a.parameters, *b.parameters, *b.variables) if isinstance(s, sp.Symbol)}
        )
    return expression(value)


def _networks(loss: Any) -> set[Network]:
    return {part for part in sp.preorder_traversal(loss) if isinstance(part, Network)}


def _network(value: Any, old: Network, b: Game) -> Network:
    if isinstance(value, Network):
        return value
    for player in b.players.values():
        for candidate in _networks(player.loss):
            if candidate.name == str(value):
                return candidate
    raise GameError(f"network {old.name!r} is mapped to {value!r}, which the second game does not have")


def _swapped(loss: Any, swaps: Mapping[Network, Network]) -> Any:
    return loss.xreplace(dict(swaps)) if swaps else loss


def _check(players: Mapping[str, Player], a: Game, b: Game) -> None:
    owners: dict[Any, list[str]] = {v: [n for n, p in players.items() if v in p.moves] for v in b.variables}
    for variable, names in owners.items():
        if len(names) != 1:
            who = "nobody" if not names else " and ".join(names)
            raise GameError(
                f"under the map {who} of the first game ({', '.join(a.players)}) would move {variable}; "
                "a map gives each player's variables in the variables of one player"
            )


def matched(a: Game, b: Game) -> dict[str, str]:
    """The player of `b` that moves the same variables, for every player of `a` (already in the variables of `b`)."""
    pairs = {}
    for name, player in a.players.items():
        same = [other for other, rival in b.players.items() if set(rival.moves) == set(player.moves)]
        if not same:
            raise GameError(
                f"no player of the second game moves exactly {', '.join(map(str, player.moves))}, as {name} would"
            )
        pairs[name] = same[0]
    return pairs
