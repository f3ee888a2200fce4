"""A problem of several levels taken apart: costs, who answers whom, and the point in blocks of arrays.

Main definitions: `Levels`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.numeric.field import Blocks, JaxField
from bilevel.numeric.replies import Replies, Through
from bilevel.numeric.stepper import Layout, reading
from bilevel.response import BestResponse
from bilevel.rules.protocol.rule import Rule

FIELD = Rule("the field", (), lambda field: lambda z: -field(z), "continuous")


class Levels:
    """A problem taken apart: costs, who answers whom, and the point in blocks."""

    def __init__(
        self,
        losses: Any,
        leader: str,
        at: Any,
        arguments: tuple[Any, ...],
        followers: Iterable[str] | None,
        through: Through | None,
        maximizing: Any,
        values: Any,
    ) -> None:
        stepper = reading(losses, FIELD, values=values, maximizing=maximizing)
        self.layout: Layout = stepper.layout(at)
        made: JaxField = stepper.make(
            {str(key): value for key, value in stepper.values.items()}, arguments, self.layout
        )
        self.players, self.z = made.players, dict(self.layout.blocks)
        self.number = made.convert
        costs = {name: _signed(made, name) for name in self.players}
        declared = dict(losses.players) if isinstance(losses, Game) else {}
        self.through: dict[str, Mapping[str, Any]] = {n: dict(p.through) for n, p in declared.items()}
        self.through |= {name: dict(how) for name, how in (through or {}).items()}
        self.costs, self.leader = costs, leader
        self.followers = self._chosen(leader, followers)
        self.below = self._below()

    def _chosen(self, leader: str, named: Iterable[str] | None) -> tuple[str, ...]:
        given = [named] if isinstance(named, str) else named
        known = {leader, *self.through, *(o for how in self.through.values() for o in how), *(given or ())}
        if unknown := known - set(self.players):
            raise GameError(f"nobody is called {', '.join(sorted(unknown))}; the players are {', '.join(self.players)}")
        others = [name for name in self.players if name != leader]
        chosen = tuple(given) if given is not None else tuple(self.through.get(leader) or others)
        if leader in chosen or not chosen:
            raise GameError(f"{leader} leads other players; got the followers {', '.join(chosen) or 'nobody'}")
        return chosen

    def _below(self) -> tuple[str, ...]:
        """Everyone the followers' replies lead to, each once."""
        found, queue = [], list(self.followers)
        while queue:
            name = queue.pop(0)
            if name not in found and name != self.leader:
                found.append(name)
                queue += [o for o, how in self.through.get(name, {}).items() if isinstance(how, BestResponse)]
        return tuple(found)

    def replies(self, how: Any) -> Replies:
        """The replies with the leader differentiating through its followers in a given way."""
        return Replies(self.costs, {**self.through, self.leader: dict.fromkeys(self.followers, how)}, self.number)

    def stationarity(self, theirs: Blocks, z: Blocks) -> Blocks:
        """F_S of everyone below the leader."""
        replies = Replies(self.costs, self.through, self.number)
        return {name: replies.answering(name, {**z, **theirs}, (self.leader,)) for name in self.below}


def _signed(made: JaxField, name: str) -> Callable[[Blocks], Any]:
    cost, sign = made.costs[name], made.signs.get(name, 1)
    return lambda blocks: sign * cost(blocks)
