"""The equations that fixed points solve.

Main definitions: `field_system`, `rule_system`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.analysis.forms import is_linear
from bilevel.language.mean import Mean
from bilevel.rules.protocol.derivation import derive
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.symbols import fresh


def field_system(game: Any) -> tuple[list[Any], list[Any]]:
    """The field vanishes."""
    return [_averaged(value) for value in game.field().values()], list(game.variables)


def _averaged(value: Any) -> Any:
    """Averages that waited for a derivative and have a closed form now."""
    return value.replace(lambda node: isinstance(node, Mean), lambda node: node.doit()) if value.has(Mean) else value


def rule_system(game: Any, rule: Rule) -> tuple[list[Any], list[Any]]:
    """The state after one step is the state before it; intermediate points are unknowns of their own, but where the
    step is linear in everything: there they are put in, and no equation holds more than the state."""
    update = derive(game, rule)
    moving = rule.time == "continuous"
    equations = [value - (0 if moving else v) for v, value in update.after.items()]
    unknowns = list(update.after)
    for part, block in update.memory_after.items():
        equations += [value - fresh(v, part) for v, value in block.items()]
        unknowns += [fresh(v, part) for v in block]
    between = {line.target: line.value for line in update.assignments}
    every = list(dict.fromkeys([*unknowns, *between]))
    if between and all(is_linear(e, every) for e in (*equations, *between.values())):
        put: dict[Any, Any] = {}
        for target, value in between.items():
            put[target] = sp.expand(value.xreplace(put))
        if not any(value.free_symbols & set(between) for value in put.values()):  # else some are given implicitly
            return [sp.expand(e.xreplace(put)) for e in equations], unknowns
    return equations + [target - value for target, value in between.items()], every
