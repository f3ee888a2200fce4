"""Rules in which some players wait while the others move, or answer them at once.

Main definitions: `delayed`, `replying`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bilevel.language.errors import GameError
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.rule import Field, Rule, rule
from bilevel.rules.protocol.turns import blocks_of


@dataclass(frozen=True)
class _Still:
    """A game's field in which some players stand where they are: nobody meets them elsewhere, and they do not move."""

    field: Any
    held: tuple[str, ...]
    here: Point

    @property
    def players(self) -> tuple[str, ...]:
        """Everybody, so that orders and tables of steps still fit."""
        return tuple(self.field.players)

    @property
    def game(self) -> Any:
        """The game the field is of."""
        return self.field.game

    def _put(self, z: Point) -> Point:
        return blocks_of(self.here, self.held, z)

    def _free(self, v: Point) -> Point:
        return v.only(*(name for name in self.players if name not in self.held))

    def __call__(self, z: Point) -> Point:
        return self._free(self.field(self._put(z)))

    def jvp(self, z: Point, v: Point) -> Point:
        return self._free(self.field.jvp(self._put(z), self._free(v)))

    def vjp(self, z: Point, v: Point) -> Point:
        return self._free(self.field.vjp(self._put(z), self._free(v)))

    def gradient(self, z: Point, *, of: str, wrt: str | None = None) -> Point:
        return self._free(self.field.gradient(self._put(z), of=of, wrt=wrt))

    def solve(self, operator: Callable[[Point], Point], right: Point, *, on: tuple[str, ...] | None = None) -> Point:
        return self.field.solve(operator, right, on=on)

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        return self.field.fixed_point(step, near=near)


@rule
def delayed(base: Any, held: Any, every: Any = 2) -> Rule:
    """A base rule in which the players `held` stand still, except in the last of every few steps.

    Math: one round is H^(every - 1), then T: T the base rule, and H the same in the game in which the held players
        stand still (whoever moves after them meets them where they stand), with what they remember put back.

    Shapes: per round of `every` base steps.

    Raises: GameError unless the base takes steps, `every` is a whole number and the held players play.

    Reference: Fujimoto, van Hoof, Meger (2018), arXiv:1802.09477, delayed policy updates; Pfau and Vinyals (2016),
        arXiv:1610.01945, section 3.1, freezing.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import delayed, linearise, simultaneous
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> game = Game(a=minimize(x*y, x), b=maximize(x*y, y))
        >>> linearise(game, delayed(simultaneous(h), ["a"]), {x: 0, y: 0}).matrix
        Matrix([
        [1 - h**2, -h],
        [     2*h,  1]])
    """
    if not isinstance(base, Rule) or base.time != "discrete":
        raise GameError(f"delayed needs a rule that takes steps as its base, such as simultaneous(h); got {base}")
    if every != int(every) or every < 1:
        raise GameError(f"delayed needs a whole number of steps of at least 1; got {every}")
    names = tuple(held) if isinstance(held, list | tuple) else (str(held),)

    def on(field: Field) -> Callable[..., Any]:
        if unknown := set(names) - set(field.players):
            raise GameError(f"held names {', '.join(sorted(unknown))}; the players are {', '.join(field.players)}")
        advance = base.on(field)

        def sweep(*state: Any) -> Any:
            for _ in range(int(every) - 1):
                after = base.on(_Still(field, names, state[0]))(*state)
                after = after if isinstance(after, tuple) else (after,)
                state = tuple(blocks_of(old, names, new) for old, new in zip(state, after, strict=True))
            return advance(*state)

        return sweep

    return Rule("delayed", (), on, "discrete", base.memory)


@rule
def replying(base: Any, players: Any) -> Rule:
    """A base rule for some players, while the others go at once to where their own gradient is zero.

    Math: z_i' solves F_i(z_i', z_-i) = 0 near z_i, for all players named at once; the others take the base step in the
        game in which those stand still. taking_turns of it lets them go one after another. A player who pays for the
        way from where it stands (a copy of it, moved by `followed` ahead of the step) takes an implicit step: a
        quadratic price is the proximal point, a divergence mirror descent without linearisation.

    Shapes: per step of the base rule.

    Raises: GameError unless the base takes steps and the named players play; where a player's own curvature is
        singular there is no reply near.

    Reference: Rockafellar (1976), for the proximal point; Schulman et al. (2015), arXiv:1502.05477, whose step it is
        with a divergence.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import linearise, replying, simultaneous
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> game = Game(a=minimize(x**2 - x*y, x), b=minimize(y**2/2 - x*y, y))
        >>> linearise(game, replying(simultaneous(h), ["a"]), {x: 0, y: 0}).matrix
        Matrix([
        [0,   1/2],
        [h, 1 - h]])
    """
    if not isinstance(base, Rule) or base.time != "discrete":
        raise GameError(f"replying needs a rule that takes steps as its base, such as simultaneous(h); got {base}")
    names = tuple(players) if isinstance(players, list | tuple) else (str(players),)

    def on(field: Field) -> Callable[..., Any]:
        if unknown := set(names) - set(field.players):
            raise GameError(f"replying names {', '.join(sorted(unknown))}; the players are {', '.join(field.players)}")

        def advance(z: Any, *memory: Any) -> Any:
            reply = field.fixed_point(lambda w: blocks_of(w - field(w), names, z), near=z)
            after = base.on(_Still(field, names, z))(z, *memory)
            moved, *kept = after if isinstance(after, tuple) else (after,)
            return blocks_of(reply, names, moved), *kept

        return advance

    return Rule("replying", (), on, "discrete", base.memory)
