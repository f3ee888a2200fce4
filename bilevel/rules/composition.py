"""Rules made of rules.

Main definitions: `along`, `continuous`, `taking_turns`, `each`.

A rule T with step s descends the field G(z) = (z - T(z)) / s. For consensus, look-ahead and their kin, which read z -
s G(z), this G is the paper's modified field, free of s. So one combinator gives the flow of every method, its
alternating version, and the method with momentum or extrapolation on top: run another rule along G.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.rules.protocol.point import PerPlayer, Point
from bilevel.rules.protocol.rule import Field, Rule, rule
from bilevel.rules.protocol.turns import blocks_of, in_turn


@dataclass(frozen=True)
class _Along:
    """A game's field replaced by the displacement of a rule; what is asked beyond its values is refused."""

    field: Any
    rule: Rule

    @property
    def players(self) -> tuple[str, ...]:
        return self.field.players

    @property
    def game(self) -> Any:
        return self.field.game

    def __call__(self, z: Point) -> Point:
        (after,) = self.rule.on(self.field)(z)
        if self.rule.time == "continuous":
            return -after
        moved = (z - after) / dict(self.rule.parameters).get("step", sp.S.One)
        return moved.rebuilt(leaf.doit() if isinstance(leaf, sp.MatrixExpr) else leaf for leaf in moved.leaves())

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        return self.field.fixed_point(step, near=near)

    def __getattr__(self, name: str) -> Any:
        if name in ("jvp", "vjp", "gradient", "solve"):
            raise GameError(
                f"along gives a rule's field at points, not its {name}; use a base rule made of field(z) alone"
            )
        raise AttributeError(name)


@rule
def along(base: Any, of: Any) -> Rule:
    """Run a base rule on the field that another rule descends.

    Math: base with F replaced by G(z) = (z - T(z)) / step, T the rule `of` and step its step (1 if it has none). For
        T = z - step (F + w J^T F) this is G = F + w J^T F: along(heavy_ball(h, b), consensus(1, w)) is consensus
        optimisation with momentum.

    Shapes: those of the base; the step of `of` cancels for rules of the form z - step G(z) and stays inside G for
        others.

    Raises: GameError if `of` keeps memory, or if the base asks for more than the field's values.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461, where several methods modify one field.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import along, alternating, consensus, derive
        >>> x, y, h, w = sp.symbols("x y h w", real=True)
        >>> game = Game(a=minimize(x*y, x), b=maximize(x*y, y))
        >>> derive(game, along(alternating(h), consensus(1, w))).composed()[x]
        -h*(w*x + y) + x
    """
    _need_rules("along", base, of)
    if of.memory:
        raise GameError(
            f"along needs a rule without memory to give the field; {of.name} remembers {', '.join(dict(of.memory))}"
        )
    return Rule("along", (), lambda field: base.build(_Along(field, of)), base.time, base.memory)


@rule
def continuous(of: Any) -> Rule:
    """The flow whose Euler steps are a rule: the modified gradient flow of consensus, look-ahead, LOLA and their kin.

    Math: dz/dt = (T(z) - z) / step, T the rule `of`. For T = z - step G(z) this is dz/dt = -G(z), whatever the step;
        for other rules (extragradient, say) their step stays in the right-hand side and the flow is not their
        small-step limit.

    Shapes: per unit time.

    Raises: GameError if `of` keeps memory.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, and Letcher et al. (2019), arXiv:1811.08469, study
        such flows.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import consensus, continuous, linearise
        >>> x, y, w = sp.symbols("x y w", real=True)
        >>> linearise(Game(a=minimize(x*y, x), b=maximize(x*y, y)), continuous(consensus(1, w)), {x: 0, y: 0}).matrix
        Matrix([
        [-w, -1],
        [ 1, -w]])
    """
    _need_rules("continuous", of)
    return along(Rule("flow", (), lambda field: lambda z: -field(z), "continuous"), of)


@rule
def taking_turns(base: Any, *, order: Any = None) -> Rule:
    """The alternating version of any rule: each player in turn takes its part of one step of the base rule.

    Math: for each player i in `order`: (z, memory)_i <- T(z, memory)_i, from where the players before it arrived.
        taking_turns(simultaneous(h)) is alternating(h).

    Shapes: one step is a full round.

    Raises: GameError unless the base is a discrete rule; or if `order` leaves a player out.

    Reference: Zhang and Yu (2020), arXiv:1908.05699, Jacobi and Gauss-Seidel updates.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import derive, simultaneous, taking_turns
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> derive(Game(a=minimize(x*y, x), b=maximize(x*y, y)), taking_turns(simultaneous(h))).composed()[y]
        h*(-h*y + x) + y
    """
    _need_rules("taking_turns", base)
    if base.time != "discrete":
        raise GameError(f"taking_turns needs a rule that takes steps; {base.name} is a flow")
    return Rule("taking_turns", (), lambda field: in_turn(field, base.on(field), order), "discrete", base.memory)


@rule
def each(rules: Any) -> Rule:
    """A rule of its own for every player, all moving at once.

    Math: z'_i = T^(i)(z)_i, where T^(i) is player i's rule with its own memory; `taking_turns` of it lets them
        alternate.

    Shapes: per step, or per unit time when all are flows.

    Raises: GameError unless the table gives a rule for every player, all discrete or all continuous.

    Reference: Heusel et al. (2017), arXiv:1706.08500, where each network has its own optimiser.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import each, heavy_ball, linearise, simultaneous
        >>> x, y, h, b = sp.symbols("x y h b", real=True)
        >>> game = Game(a=minimize(x*y, x), b=maximize(x*y, y))
        >>> linearise(game, each({"a": simultaneous(h), "b": heavy_ball(h, b)}), {x: 0, y: 0}).matrix[1, :]
        Matrix([[h, b + 1, 0, -b]])
    """
    table: Mapping[str, Rule] = rules.values if isinstance(rules, PerPlayer) else {}
    if not table:
        raise GameError(
            "each needs a table with a rule for every player, as in each({'a': simultaneous(h), 'b': adam(h)})"
        )
    _need_rules("each", *table.values())
    if len({chosen.time for chosen in table.values()}) > 1:
        raise GameError("each needs all players to take steps, or all to flow; their rules mix the two")
    memory = tuple((f"{name}_{part}", how) for name, chosen in table.items() for part, how in chosen.memory)

    def on(field: Field) -> Callable[..., Any]:
        if set(table) != set(field.players):
            raise GameError(f"each gives rules for {', '.join(table)}; the players are {', '.join(field.players)}")
        steps = {name: chosen.on(field) for name, chosen in table.items()}

        def advance(z: Any, *memory: Any) -> Any:
            after, kept, rest = z, [], list(memory)
            for name, step in steps.items():
                own, rest = rest[: len(table[name].memory)], rest[len(table[name].memory) :]
                new, *remembered = step(z, *own)
                after = blocks_of(new, (name,), after)
                kept += remembered
            return after, *kept

        return advance

    return Rule("each", (), on, next(iter(table.values())).time, memory)


def _need_rules(name: str, *given: Any) -> None:
    for one in given:
        if not isinstance(one, Rule):
            raise GameError(f"{name} is made of rules, such as simultaneous(h); got {one!r}")
