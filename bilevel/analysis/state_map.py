"""A rule on a game as one explicit map (or flow) of its whole state: variables, then memory.

Main definitions: `state_map`, `StateMap`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.forms import plain
from bilevel.language.errors import UnknownAnswer
from bilevel.rules.protocol.derivation import derive
from bilevel.rules.protocol.linear import complete
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.symbols import fresh

MAX_OPERATIONS = 3000


@dataclass(frozen=True)
class StateMap:
    """z' = after(z) (discrete) or dz/dt = after(z) (continuous), and where the fixed point lies in the state."""

    variables: tuple[Any, ...]
    after: tuple[Any, ...]
    time: str
    point: Mapping[Any, Any]

    def derivative(self, expression: Any, *directions: Any) -> Any:
        """A partial derivative at the point."""
        return self.at_point(sp.diff(expression, *directions))

    def at_point(self, slope: Any) -> Any:
        """The value of an expression at the point."""
        if slope.has(sp.Derivative, sp.Subs):
            return slope.subs(dict(self.point), simultaneous=True).doit()
        return slope.xreplace(dict(self.point))

    @property
    def matrix(self) -> Any:
        """The Jacobian at the point."""
        return sp.ImmutableMatrix([[self.derivative(e, v) for v in self.variables] for e in self.after])


def replaced(expression: Any, values: Mapping[Any, Any]) -> Any:
    """Simultaneous substitution, also under derivatives of functions that are not given."""
    return expression.subs(dict(values), simultaneous=True) if values else expression


def state_map(game: Any, rule: Rule, at: Mapping[Any, Any]) -> StateMap:
    """The composed update of a rule; UnknownAnswer where it is implicit and nonlinear, or too large.

    Symbols of unsaid kind become real ones.
    """
    update = derive(game, rule)
    if any(line.implicit for line in update.assignments):
        if update.memory_after:
            raise UnknownAnswer("an implicit step with memory has no composed form", next_step="use the linear reading")
        after = dict(update.composed())
    else:
        known: dict[Any, Any] = {}
        for line in update.assignments:
            known.setdefault(line.target, replaced(line.value, known))
        after = {v: replaced(value, known) for v, value in update.after.items()}
        for part, block in update.memory_after.items():
            after |= {fresh(v, part): replaced(value, known) for v, value in block.items()}
    expressions = [plain(value) for value in after.values()]
    if sum(e.count_ops() for e in expressions) > MAX_OPERATIONS:
        raise UnknownAnswer("the composed update is too large", next_step="fix parameters, or use fewer steps")
    at = complete(game, at)
    point = {v: at[v] for v in game.variables}
    for part, start in rule.memory:
        point |= {fresh(v, part): at[v] if start == "same" else sp.S.Zero for v in game.variables}
    symbols = {s for e in (*expressions, *after, *point.values()) for s in e.free_symbols if s.is_real is None}
    real = {s: sp.Symbol(s.name, **{**s._assumptions_orig, "real": True}) for s in symbols}
    return StateMap(
        tuple(v.xreplace(real) for v in after),
        tuple(e.xreplace(real) for e in expressions),
        rule.time,
        {v.xreplace(real): value.xreplace(real) for v, value in point.items()},
    )
