"""Update equations as data, and their printing.

Main definitions: `Update`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.game import Game
from bilevel.language import calculus
from bilevel.language.errors import UnknownAnswer
from bilevel.response import reply_points
from bilevel.rules.protocol.printing import abbreviated, latex_block, python_source, text_lines
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.symbols import fresh, names_in

Stamp = Callable[[Any, str], Any]


@dataclass(frozen=True)
class Update:
    """The update equations of a game under a rule: named intermediate points, then every variable's next value.

    Math: `after[x]` is x_{t+1} (discrete) or dx/dt (continuous) in terms of the variables, the memory and the names of
        `assignments`; `memory_after` is what the rule remembers.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461.

    Examples:
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import derive, extragradient
        >>> x, h = sp.symbols("x h", real=True)
        >>> print(derive(Game(a=minimize(x**2, x)), extragradient(h)))
        x_1 = x - 2*h*x
        x[t+1] = x - 2*h*x_1
    """

    game: Game
    rule: Rule
    assignments: tuple[Any, ...]
    after: Mapping[Any, Any]
    memory_after: Mapping[str, Mapping[Any, Any]]

    @property
    def continuous(self) -> bool:
        """Whether `after` is a time derivative."""
        return self.rule.time == "continuous"

    def composed(self) -> dict[Any, Any]:
        """Every variable's next value in the variables alone, intermediate names substituted."""
        known: dict[Any, Any] = {}
        for line in self.assignments:
            if line.implicit:
                known.update(self._solved(line.index, known))
            elif line.target not in known:
                known[line.target] = calculus.replace(line.value, known)
        return {variable: calculus.replace(value, known) for variable, value in self.after.items()}

    def _solved(self, index: int, known: Mapping[Any, Any]) -> dict[Any, Any]:
        lines = [line for line in self.assignments if line.index == index and line.implicit]
        unknown = [line.target for line in lines]
        try:
            system = [line.target - calculus.replace(line.value, known) for line in lines]
            (solution,) = sp.linsolve(system, unknown)
        except (ValueError, TypeError, sp.polys.polyerrors.PolynomialError):
            raise UnknownAnswer(
                f"the implicit step of {self.rule.name} is not linear in {', '.join(map(str, unknown))}",
                next_step="read the update's assignments, or use the numeric reading, which solves it",
            ) from None
        return dict(zip(unknown, solution, strict=True))

    @property
    def remembered(self) -> dict[tuple[str, Any], Any]:
        """The symbol that stands for each variable in each memory part."""
        taken = names_in(self.game, self.rule)
        return {(part, v): fresh(v, part, taken) for part in self.memory_after for v in self.game.variables}

    def lines(self, stamp: Stamp) -> list[tuple[Any, Any]]:
        """(left, right) of every equation, with variables named by `stamp(variable, "now" | "next" | "rate" | ...)`."""
        after, rename = self._shared_names(stamp)
        points = reply_points(self.game, lambda v, when: self._distinct(stamp(v, when)))
        shown: list[tuple[Any, Any]] = []
        for line in self.assignments:
            if rename[line.target] not in [left for left, _ in shown]:
                shown.append((rename[line.target], calculus.replace(abbreviated(line.value, points), rename)))
        for variable, value in after.items():
            left = stamp(variable, "rate" if self.continuous else "next")
            if left not in [done for done, _ in shown]:
                shown.append((left, calculus.replace(abbreviated(value, points), rename)))
        used = {s for _, value in shown for s in value.free_symbols}
        named = [(name, calculus.replace(value, rename)) for name, value, _ in points]
        return (named if any(name in used for name, _ in named) else []) + shown

    def _shared_names(self, stamp: Stamp) -> tuple[dict[Any, Any], dict[Any, Any]]:
        # An intermediate point that is already some variable's next value is printed under that name.
        rename: dict[Any, Any] = {v: stamp(v, "now") for v in self.game.variables}
        for (part, v), symbol in self.remembered.items():
            rename[symbol] = self._distinct(stamp(v, part))
        for line in self.assignments:
            final = not self.continuous and self.after[line.variable] in (line.target, line.value)
            rename[line.target] = self._distinct(stamp(line.variable, "next" if final else str(line.index)))
        return dict(self.after), rename

    def _distinct(self, shown: Any) -> Any:
        taken, name = names_in(self.game, self.rule), str(shown)
        while name in taken:
            name += "_"
        return shown if name == str(shown) else shown.func(name, *shown.args[1:])

    def __str__(self) -> str:
        return "\n".join(text_lines(self))

    def latex(self) -> str:
        """The equations as an aligned LaTeX block."""
        return latex_block(self)

    def _repr_latex_(self) -> str:
        return f"$${self.latex()}$$"

    def python(self, name: str = "step") -> str:
        """Source of a plain Python function (standard `math` only) that takes one step; coordinate level."""
        return python_source(self, name)
