"""Players that only follow: copies, averages and buffers beside the players proper.

Main definitions: `followed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.rule import Field, Rule, rule


@dataclass(frozen=True)
class _Among:
    """A game's field for some of its players, the others standing where they are."""

    field: Any
    players: tuple[str, ...]
    rest: Point

    @cached_property
    def game(self) -> Game:
        """The game of these players; what the others move are parameters to it."""
        whole = self.field.game
        return Game({name: whole.players[name] for name in self.players}, assuming=whole.assuming)

    def _whole(self, z: Point) -> Point:
        return Point({name: z.blocks.get(name, block) for name, block in self.rest.blocks.items()})

    def _still(self, v: Point) -> Point:
        still = self.rest - self.rest
        return Point({name: v.blocks.get(name, block) for name, block in still.blocks.items()})

    def __call__(self, z: Point) -> Point:
        return among(self.field(self._whole(z)), self.players)

    def jvp(self, z: Point, v: Point) -> Point:
        return among(self.field.jvp(self._whole(z), self._still(v)), self.players)

    def vjp(self, z: Point, v: Point) -> Point:
        return among(self.field.vjp(self._whole(z), self._still(v)), self.players)

    def gradient(self, z: Point, *, of: str, wrt: str | None = None) -> Point:
        return among(self.field.gradient(self._whole(z), of=of, wrt=wrt), self.players)

    def solve(self, operator: Callable[[Point], Point], right: Point, *, on: tuple[str, ...] | None = None) -> Point:
        def whole(z: Point) -> Point:
            return self._still(operator(among(z, self.players)))

        return among(self.field.solve(whole, self._still(right), on=on or self.players), self.players)

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        def whole(z: Point) -> Point:
            return self._whole(step(among(z, self.players)))

        return among(self.field.fixed_point(whole, near=self._whole(near)), self.players)


def among(z: Point, players: Iterable[str]) -> Point:
    """The blocks of some players only."""
    return Point({name: z.blocks[name] for name in players})


@rule
def followed(base: Any, rate: Any, followers: Any, *, every: Any = 1, first: bool = False, ahead: bool = False) -> Rule:
    """A base rule for the players proper, after whose step the followers go part of their own way.

    Math: z' = T(z; c), the base rule T on the players proper with the followers c held; then c' = c - rate F_c(z', c).
        A follower that minimises |c - g(z)|^2/2 goes the fraction `rate` of the way to g(z'): a moving average, a
        target copy (rate 1: an exact one). T is applied `every` times in a round. With `first` the followers see the
        players as they were before the step, so that rate 1 keeps the point before; with `ahead` they go before the
        step, which already sees them there. For a flow dc/dt = -rate F_c(z, c).

    Shapes: per round of `every` base steps, or per unit time; `rate` may be a table by follower.

    Raises: GameError unless `base` is a rule, the followers play and somebody is left, and `every` is a whole number.

    Reference: Lillicrap et al. (2016), arXiv:1509.02971, soft target copies; Mnih et al. (2015), exact copies every
        few steps.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import derive, followed, simultaneous
        >>> x, c, h, r = sp.symbols("x c h r", real=True)
        >>> game = Game(learner=minimize((x - c)**2/2 + x**2/2, x), copy=minimize((c - x)**2/2, c))
        >>> derive(game, followed(simultaneous(h), r, ["copy"])).composed()[x]
        -h*(-c + 2*x) + x
    """
    if not isinstance(base, Rule):
        raise GameError(f"followed is made of a rule, such as simultaneous(h); got {base!r}")
    names = tuple(followers) if isinstance(followers, list | tuple) else (str(followers),)
    if every != int(every) or every < 1 or (base.time == "continuous" and every != 1):
        raise GameError(f"followed needs a whole number of base steps of at least 1 (of a flow: 1); got {every}")
    kept = dict(base.memory)

    def on(field: Field) -> Callable[..., Any]:
        proper = tuple(name for name in field.players if name not in names)
        if len(proper) + len(names) != len(field.players) or not proper:
            raise GameError(f"followers are {', '.join(names)}; the players are {', '.join(field.players)}")

        def drift(z: Point) -> Point:
            return rate * among(field(z), names)

        def advance(z: Point, *memory: Point) -> Any:
            if ahead and base.time != "continuous":
                z = _joined(z, among(z, names) - drift(z))
            inner = (among(z, proper), *(among(part, proper) for part in memory))
            for _ in range(int(every)):
                inner = base.on(_Among(field, proper, z))(*inner)
            after = _joined(z, inner[0])
            held = among(z, names)
            if ahead and base.time != "continuous":
                moved = held
            else:
                pull = drift(z if first or base.time == "continuous" else after)
                moved = -pull if base.time == "continuous" else held - pull
            remembered = [
                _joined(z if how == "same" else z - z, part) for how, part in zip(kept.values(), inner[1:], strict=True)
            ]
            return _joined(after, moved), *remembered

        return advance

    return Rule("followed", (), on, base.time, base.memory)


def _joined(z: Point, part: Point) -> Point:
    return Point({name: part.blocks.get(name, block) for name, block in z.blocks.items()})
