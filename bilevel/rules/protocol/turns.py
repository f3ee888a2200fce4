"""Letting players move one after another under any rule.

Main definitions: `in_turn`, `blocks_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bilevel.language.errors import GameError
from bilevel.rules.protocol.point import Point


def in_turn(
    field: Any, advance: Callable[..., Any], order: Iterable[str] | None = None
) -> Callable[..., tuple[Point, ...]]:
    """The alternating version of a step: each player in turn keeps its blocks of one step from where things stand.

    Memory takes turns too, so a player sees what the players before it remember after their move, as in Gauss-Seidel
    sweeps.
    """
    players = ordered(field, order)

    def sweep(*state: Point) -> tuple[Point, ...]:
        for player in players:
            after = advance(*state)
            after = after if isinstance(after, tuple) else (after,)
            state = tuple(blocks_of(new, (player,), old) for old, new in zip(state, after, strict=True))
        return state

    return sweep


def ordered(field: Any, order: Iterable[str] | None) -> tuple[str, ...]:
    """The players in the order asked for (default: as declared)."""
    players = tuple(order or field.players)
    if sorted(players) != sorted(field.players):
        raise GameError(f"order must name each player once; got {list(players)}, the players are {list(field.players)}")
    return players


def blocks_of(new: Point, players: Iterable[str], old: Point) -> Point:
    """`old` with the named players' blocks taken from `new`."""
    chosen = set(players)
    return Point({name: new.blocks[name] if name in chosen else block for name, block in old.blocks.items()})


def leading(field: Any, leader: str | None) -> tuple[str, tuple[str, ...]]:
    """The leader (default: the first player declared) and everybody else."""
    chosen = field.players[0] if leader is None else leader
    if chosen not in field.players:
        raise GameError(f"there is no player {chosen!r} to lead; the players are {', '.join(field.players)}")
    return chosen, tuple(name for name in field.players if name != chosen)


def two_players(field: Any, rule: str) -> tuple[str, str]:
    """The two players, for rules whose definition knows only two."""
    if len(field.players) != 2:
        raise GameError(
            f"{rule} is defined for two players; this game has {len(field.players)}: {', '.join(field.players)}"
        )
    return field.players[0], field.players[1]
