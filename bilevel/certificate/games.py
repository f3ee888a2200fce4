"""Games inside certificates: players with losses, and the field of derivatives each one follows.

Main definitions: `players`, `order_of`, `cost_slopes`, `names`, `rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bilevel.certificate.atoms import Element, Field
from bilevel.certificate.errors import CertificateBudget, CertificateError
from bilevel.certificate.evaluate import Dual, evaluate
from bilevel.certificate.trees import Tree, is_name, neg, validate

MAX_VARIABLES = 24


@dataclass(frozen=True)
class Player:
    """A player of a certificate: its name, the variables it moves and the cost it minimises."""

    name: str
    moves: tuple[str, ...]
    cost: Tree


def players(table: Any) -> tuple[Player, ...]:
    """Read [{"name": ..., "moves": [...], "minimize" or "maximize": tree}, ...]."""
    if not isinstance(table, list) or not table:
        raise CertificateError('a game is a list of players {"name", "moves", "minimize" or "maximize"}')
    found = []
    for entry in table:
        if not isinstance(entry, dict) or not {"name", "moves"} <= set(entry) or len(entry) != 3:
            raise CertificateError(
                f'a player has "name", "moves" and one of "minimize", "maximize"; came {sorted(entry)}'
            )
        if ("minimize" not in entry and "maximize" not in entry) or not isinstance(entry["name"], str):
            raise CertificateError(f'the player {entry["name"]!r} has neither "minimize" nor "maximize"')
        loss = entry["minimize"] if "minimize" in entry else neg(entry["maximize"])
        validate(loss)
        found.append(Player(entry["name"], names(entry["moves"]), loss))
    variables = [v for p in found for v in p.moves]
    if len(set(variables)) != len(variables) or len({p.name for p in found}) != len(found):
        raise CertificateError("each variable is moved by one player, and players have different names")
    return tuple(found)


def order_of(game: tuple[Player, ...]) -> tuple[str, ...]:
    """All moved variables, in order."""
    return tuple(v for player in game for v in player.moves)


def names(entry: Any) -> tuple[str, ...]:
    """A list of different symbols."""
    if not isinstance(entry, list) or not entry or not all(is_name(n) for n in entry) or len(set(entry)) != len(entry):
        raise CertificateError(f"a list of different symbols was meant; came {entry!r}")
    if len(entry) > MAX_VARIABLES:
        raise CertificateBudget(f"{len(entry)} variables are beyond the budget of {MAX_VARIABLES}")
    return tuple(entry)


def trees(entry: Any, length: int) -> list[Tree]:
    """A list of trees of a given length."""
    if not isinstance(entry, list) or len(entry) != length:
        raise CertificateError(f"a list of {length} expressions was meant; came {type(entry).__name__}")
    for tree in entry:
        validate(tree)
    return list(entry)


def rows(entry: Any, height: int, width: int) -> list[list[Tree]]:
    """A matrix of trees."""
    if not isinstance(entry, list) or len(entry) != height:
        raise CertificateError(f"a matrix with {height} rows was meant")
    return [trees(row, width) for row in entry]


def point(entry: Any, variables: tuple[str, ...]) -> dict[str, Tree]:
    """A table of trees for some of the variables."""
    if not isinstance(entry, dict) or not set(entry) <= set(variables):
        raise CertificateError(f'"at" gives an expression to some of {", ".join(variables)}')
    for tree in entry.values():
        validate(tree)
    return dict(entry)


def standing(field: Field, variables: tuple[str, ...], at: Mapping[str, Tree] | None = None) -> dict[str, Dual]:
    """The variables as duals, each with its own direction, at a point or (where none is given) where they stand."""
    width = len(variables)
    place = {}
    for i, name in enumerate(variables):
        tree = (at or {}).get(name, name)
        slopes = tuple(field.one if i == j else field.zero for j in range(width))
        place[name] = Dual(evaluate(tree, field, {}, 0).value, slopes)
    return place


def cost_slopes(
    game: tuple[Player, ...], field: Field, place: Mapping[str, Dual], variables: tuple[str, ...]
) -> dict[str, Element]:
    """For every variable the derivative, in it, of its owner's cost (the flow is minus this)."""
    found = {}
    for player in game:
        slopes = evaluate(player.cost, field, place, len(variables)).slopes
        found.update({v: slopes[variables.index(v)] for v in player.moves})
    return found
