"""The symbolic reading: running a rule once on named points writes its update equations down.

Main definitions: `SymbolicField`, `Assignment`.

Wherever a rule evaluates the field at a computed point, that point gets a name, so an update is a short list of
assignments and never a swollen expression (an extragradient step of 4 players has thousands of operations once
substituted).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixExpr

from bilevel.game import Game
from bilevel.language import calculus
from bilevel.language.blocks import solve_blocks
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.symbols import fresh, names_in


@dataclass(frozen=True)
class Assignment:
    """One line of an update: a named intermediate point and its value; implicit if the name stands in its value."""

    target: Any
    value: Any
    variable: Any
    index: int
    implicit: bool = False


@dataclass
class SymbolicField:
    """A game's field over expressions; records a name for every computed point it is evaluated at."""

    game: Game
    assignments: list[Assignment] = field(default_factory=list)
    taken: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.taken = self.taken or names_in(self.game)

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(self.game.players)

    @property
    def here(self) -> Point:
        """The point whose leaves are the game's own variables."""
        return Point({name: tuple(player.moves) for name, player in self.game.players.items()})

    def named(self, z: Point) -> dict[Any, Any]:
        """Every variable with the symbol that stands for it at z; computed leaves are named first."""
        index = 1 + max((line.index for line in self.assignments), default=0)
        at: dict[Any, Any] = {}
        for variable, leaf in zip(self.game.variables, z.leaves(), strict=True):
            known = {line.value: line.target for line in self.assignments if line.variable == variable}
            if isinstance(leaf, sp.Symbol | sp.MatrixSymbol) or leaf.is_Number:
                at[variable] = leaf
            elif leaf in known:
                at[variable] = known[leaf]
            else:
                at[variable] = fresh(variable, str(index), self.taken)
                self.assignments.append(Assignment(at[variable], leaf, variable, index))
        return at

    def _point(self, values: Iterable[Any]) -> Point:
        return self.here.rebuilt(values)

    def __call__(self, z: Point) -> Point:
        at = self.named(z)
        return self._point(calculus.replace(self.game._field[v], at) for v in self.game.variables)

    def jvp(self, z: Point, v: Point) -> Point:
        return self._products(
            z, v, lambda row, column: calculus.jacobian(self.game._field[row], column), transpose=False
        )

    def vjp(self, z: Point, v: Point) -> Point:
        return self._products(
            z, v, lambda row, column: calculus.jacobian(self.game._field[column], row), transpose=True
        )

    def _products(self, z: Point, v: Point, block: Callable[[Any, Any], Any], *, transpose: bool) -> Point:
        at, pushes = self.named(z), v.leaves()
        totals = []
        for row in self.game.variables:
            total = sp.S.Zero if isinstance(row, sp.Symbol) else sp.ZeroMatrix(*row.shape)
            for column, push in zip(self.game.variables, pushes, strict=True):
                if push == 0 or isinstance(push, sp.ZeroMatrix):
                    continue
                entry = calculus.replace(block(row, column), at)
                total = total + (entry.T if transpose and isinstance(entry, MatrixExpr) else entry) * push
            totals.append(total.doit() if isinstance(total, MatrixExpr) else total)
        return self._point(totals)

    def gradient(self, z: Point, *, of: str, wrt: str | None = None) -> Point:
        at = self.named(z)
        slopes = self.game.gradient(of=of, wrt=self.game.variables)
        whole = self._point(calculus.replace(slopes[v], at) for v in self.game.variables)
        return whole if wrt is None else whole.only(wrt)

    def solve(self, operator: Callable[[Point], Point], right: Point, *, on: tuple[str, ...] | None = None) -> Point:
        players = on or self.players
        moved = [v for name in players for v in self.game[name].moves]
        unknown = {v: fresh(v, "unknown", self.taken) for v in moved}
        probe = self._point(
            unknown[v] if v in unknown else (sp.S.Zero if isinstance(v, sp.Symbol) else sp.ZeroMatrix(*v.shape))
            for v in self.game.variables
        )
        image = dict(zip(self.game.variables, operator(probe).leaves(), strict=True))
        goal = dict(zip(self.game.variables, right.leaves(), strict=True))
        blocks = [[calculus.jacobian(image[row], unknown[column]) for column in moved] for row in moved]
        found = dict(zip(moved, solve_blocks(blocks, [goal[v] for v in moved]), strict=True))
        return self._point(
            found.get(v, sp.S.Zero if isinstance(v, sp.Symbol) else sp.ZeroMatrix(*v.shape))
            for v in self.game.variables
        )

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        index = 1 + max((line.index for line in self.assignments), default=0)
        names = self._point(fresh(v, str(index), self.taken) for v in self.game.variables)
        lines = list(zip(self.game.variables, names.leaves(), step(names).leaves(), strict=True))
        # A coordinate the step gives outright (a player who stands still, say) needs no equation of its own.
        given = {name: value for _, name, value in lines if not value.free_symbols & set(names.leaves())}
        for variable, name, value in lines:
            if name not in given:
                self.assignments.append(
                    Assignment(name, calculus.replace(value, given), variable, index, implicit=True)
                )
        return self._point(given.get(name, name) for name in names.leaves())
