"""The linear reading: a rule at its own fixed point, as an exact matrix.

Main definitions: `linearise`, `Linearisation`, `LinearField`.

Linearise first, compose afterwards: the field is evaluated at exact values together with its derivative, so a rule that
calls it ten times costs ten small products, never a substituted expression. Where the rule's fixed point is no zero of
the field (LOLA, consensus, penalties), second and third derivatives of the losses enter by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.game import Game
from bilevel.language.blocks import solve_blocks
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.functions import in_exponentials, log_odds, sigmoid
from bilevel.language.known_function import KnownFunction
from bilevel.language.mean import Mean, valued
from bilevel.language.values import expression
from bilevel.rules.protocol.dual import Dual, dual, settle
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.smoothness import evaluated, nearby


@dataclass(frozen=True)
class Linearisation:
    """A rule's Jacobian at its fixed point.

    Math: delta' = M delta, delta the state's deviation: variables first, then the memory; `order` labels rows and
        columns (a previous iterate of x is x@1). In continuous time d delta/dt = M delta.

    Shapes: n variables and k memory parts give n(k+1) rows; per step, or per unit time for flows.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import linearise, simultaneous
        >>> x, h = sp.symbols("x h", real=True)
        >>> linearise(Game(a=minimize(x**2, x)), simultaneous(h), {x: 0}).matrix
        Matrix([[1 - 2*h]])
    """

    matrix: sp.ImmutableMatrix
    order: tuple[str, ...]
    time: str


class LinearField:
    """A game's field over dual numbers."""

    def __init__(self, game: Game) -> None:
        if not game.is_coordinate:
            raise GameError("a linear reading needs scalar variables; instantiate the model-level game first")
        self.game, self.players = game, tuple(game.players)
        self._cache: dict[Any, Any] = {}
        self._fresh = 0

    def _point(self, leaves: Iterable[Any]) -> Point:
        supply = iter(leaves)
        return Point({name: tuple(next(supply) for _ in player.moves) for name, player in self.game.players.items()})

    def _at(self, key: Any, formula: Any, values: tuple[Any, ...]) -> Any:
        stamp = (key, values)
        if stamp not in self._cache:
            put = dict(zip(self.game.variables, values, strict=True))
            self._cache[stamp] = settle(exactly_at(formula, put))
        return self._cache[stamp]

    def _apply(self, name: str, expressions: Mapping[Any, Any], z: Point) -> list[Dual]:
        # Value g(z0) and derivative g'(z0) dz.
        leaves = [dual(leaf).settled() for leaf in z.leaves()]
        values = tuple(leaf.value for leaf in leaves)
        results = []
        put = dict(zip(self.game.variables, values, strict=True))
        for row, g in expressions.items():
            g = nearby(g, put)  # a jump that is not met here has no derivative to ask for
            row_total = Dual(self._at((name, row), g, values), {})
            for variable, leaf in zip(self.game.variables, leaves, strict=True):
                if leaf.row:
                    slope = self._at((name, row, variable), sp.diff(g, variable), values)
                    row_total = row_total + Dual(sp.S.Zero, {k: slope * e for k, e in leaf.row.items() if slope != 0})
            results.append(row_total)
        return results

    def __call__(self, z: Point) -> Point:
        return self._point(self._apply("field", self.game._field, z))

    def _slopes(self, z: Point) -> dict[tuple[Any, Any], Dual]:
        entries = {
            (row, column): sp.diff(g, column) for row, g in self.game._field.items() for column in self.game.variables
        }
        return dict(zip(entries, self._apply("slope", entries, z), strict=True))

    def jvp(self, z: Point, v: Point) -> Point:
        slopes, pushes = self._slopes(z), dict(zip(self.game.variables, v.leaves(), strict=True))
        return self._point(
            sum((slopes[row, column] * pushes[column] for column in self.game.variables), dual(0))
            for row in self.game.variables
        )

    def vjp(self, z: Point, v: Point) -> Point:
        slopes, pushes = self._slopes(z), dict(zip(self.game.variables, v.leaves(), strict=True))
        return self._point(
            sum((slopes[row, column] * pushes[row] for row in self.game.variables), dual(0))
            for column in self.game.variables
        )

    def gradient(self, z: Point, *, of: str, wrt: str | None = None) -> Point:
        slopes = self.game.gradient(of=of, wrt=self.game.variables)
        whole = self._point(self._apply(f"gradient of {of}", slopes, z))
        return whole if wrt is None else whole.only(wrt)

    def _unknowns(self, players: Iterable[str], values: Mapping[Any, Any]) -> tuple[Point, dict[Any, Any]]:
        self._fresh += 1
        keys = {v: (f"unknown {self._fresh}", v) for name in players for v in self.game[name].moves}
        leaves = [Dual(values.get(v, sp.S.Zero), {keys[v]: sp.S.One} if v in keys else {}) for v in self.game.variables]
        return self._point(leaves), keys

    def solve(self, operator: Callable[[Point], Point], right: Point, *, on: tuple[str, ...] | None = None) -> Point:
        # operator(u; z) = r(z): first M u = r for the value, then M du = dr - dM u for the row.
        players = on or self.players
        goal = dict(zip(self.game.variables, (dual(leaf).settled() for leaf in right.leaves()), strict=True))
        probe, keys = self._unknowns(players, {})
        image = dict(zip(self.game.variables, operator(probe).leaves(), strict=True))
        matrix = [[image[row].row.get(keys[column], sp.S.Zero) for column in keys] for row in keys]
        value = dict(zip(keys, solve_blocks(matrix, [goal[v].value for v in keys]), strict=True))
        probe, keys = self._unknowns(players, value)
        image = dict(zip(self.game.variables, operator(probe).leaves(), strict=True))
        return self._implicit(keys, value, matrix, {v: goal[v] - image[v] for v in keys})

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        # w = step(w; z) with w0 the value of `near`: (I - d step/dw) dw = d step/dz.
        value = {v: dual(leaf).settled().value for v, leaf in zip(self.game.variables, near.leaves(), strict=True)}
        probe, keys = self._unknowns(self.players, value)
        image = dict(zip(self.game.variables, (dual(leaf).settled() for leaf in step(probe).leaves()), strict=True))
        for v in keys:
            if settle(image[v].value - value[v]) != 0:
                raise UnknownAnswer(
                    f"the implicit point of the rule is not where it starts: {v} would move "
                    f"by {image[v].value - value[v]}",
                    next_step="linearise at a zero of the field",
                )
        matrix = [
            [sp.Integer(row == column) - image[row].row.get(keys[column], sp.S.Zero) for column in keys] for row in keys
        ]
        return self._implicit(keys, value, matrix, image)

    def _implicit(self, keys: Any, value: Any, matrix: list[list[Any]], driven: Mapping[Any, Dual]) -> Point:
        outer = {key for v in keys for key in driven[v].row} - set(keys.values())
        rows: dict[Any, dict[Any, Any]] = {v: {} for v in keys}
        for key in outer:
            pushes = [driven[v].row.get(key, sp.S.Zero) for v in keys]
            for v, entry in zip(keys, solve_blocks(matrix, pushes), strict=True):
                rows[v][key] = sp.cancel(entry) if not entry.is_Atom else entry
        return self._point(Dual(value[v], rows[v]) if v in keys else dual(0) for v in self.game.variables)


def exactly_at(formula: Any, put: Mapping[Any, Any]) -> Any:
    """Exact substitution; a value the expression is singular at is a bad point, said plainly."""
    result = evaluated(formula, put)
    if result is None:
        raise GameError(f"the losses have a kink at {_shown(put)}, where they have no derivative; choose another point")
    if result.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise GameError(f"the losses or their derivatives are singular at {_shown(put)}; choose another point")
    if result.has(Mean, KnownFunction):  # averages are taken last: differentiate, substitute the point, then average
        result = valued(result)
    return result.doit() if result.has(sp.Derivative, sp.Subs) else result


def _shown(put: Mapping[Any, Any]) -> str:
    return ", ".join(f"{variable} = {value}" for variable, value in put.items())


def linearise(game: Game, rule: Rule, at: Mapping[Any, Any]) -> Linearisation:
    """The exact Jacobian of one step of a rule at its own fixed point.

    Math: M = dT/d(z, memory) at T(z*) = z*; for a flow the Jacobian of the right-hand side.

    Shapes: n(k+1) square for n variables and k memory parts; cost grows with the cube of that size, exactly.

    Raises: GameError if the point is incomplete, singular, or not a fixed point of the rule (the residual is shown).

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461.

    Examples:
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import alternating, linearise
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> linearise(Game(a=minimize(x*y, x), b=maximize(x*y, y)), alternating(h), {x: 0, y: 0}).matrix
        Matrix([
        [1,       -h],
        [h, 1 - h**2]])
    """
    point = complete(game, at)
    reading = LinearField(game)
    parts = ["", *(name for name, _ in rule.memory)]
    order = [(part, v) for part in parts for v in game.variables]
    starts = {"": "same", **dict(rule.memory)}
    state = [
        reading._point(
            Dual(point[v] if starts[part] == "same" else sp.S.Zero, {(part, v): sp.S.One}) for v in game.variables
        )
        for part in parts
    ]
    after = [[dual(leaf).settled() for leaf in part.leaves()] for part in rule.on(reading)(*state)]
    state_values = [dual(leaf).value for part in state for leaf in part.leaves()]
    _check_fixed(rule, order, [leaf.value for part in after for leaf in part], state_values)
    rows = [[_cancelled(leaf.row.get(column, sp.S.Zero)) for column in order] for part in after for leaf in part]
    return Linearisation(sp.ImmutableMatrix(rows), tuple(_label(part, v) for part, v in order), rule.time)


def stays(game: Game, rule: Rule, at: Mapping[Any, Any]) -> None:
    """Check that a rule leaves a point where it is, without its Jacobian.

    Raises: GameError where it moves, or the losses are singular there.
    """
    point, reading = complete(game, at), LinearField(game)
    starts = ["same", *(start for _, start in rule.memory)]
    state = [
        reading._point(Dual(point[v] if start == "same" else sp.S.Zero, {}) for v in game.variables) for start in starts
    ]
    after = [dual(leaf).settled().value for part in rule.on(reading)(*state) for leaf in part.leaves()]
    order = [(part, v) for part in ("", *(name for name, _ in rule.memory)) for v in game.variables]
    _check_fixed(rule, order, after, [dual(leaf).value for part in state for leaf in part.leaves()])


def _cancelled(entry: Any) -> Any:
    """The entry with log-odds cancelled, where it holds logarithms of sigmoids."""
    return sp.expand(log_odds(entry)) if entry.has(sp.log) and entry.has(sigmoid, sp.exp) else entry


def _label(part: str, variable: Any) -> str:
    return f"{variable}@{'1' if part == 'previous' else part}" if part else str(variable)


def complete(game: Game, at: Mapping[Any, Any]) -> dict[Any, Any]:
    """A value for every variable; keys may be symbols or their names."""
    by_name = {str(key): value for key, value in at.items()}
    unknown = set(by_name) - {str(v) for v in game.variables}
    if unknown:
        raise GameError(
            f"nobody moves {', '.join(sorted(unknown))}; the variables are {', '.join(map(str, game.variables))}"
        )
    missing = [str(v) for v in game.variables if str(v) not in by_name]
    if missing:
        raise GameError(f"the point gives no value for {', '.join(missing)}")
    return {v: expression(by_name[str(v)]) for v in game.variables}


def _check_fixed(rule: Rule, order: list[Any], after: list[Any], before: list[Any]) -> None:
    for (part, v), new, old in zip(order, after, before, strict=True):
        moved = new if rule.time == "continuous" else settle(new - old)
        if _cancelled(moved) != 0 and in_exponentials(moved) != 0 and moved.equals(0) is not True:
            raise GameError(
                f"not a fixed point of {rule.name}: {_label(part, v)} would move by {moved}; "
                "leave the point out to have the fixed points found"
            )
