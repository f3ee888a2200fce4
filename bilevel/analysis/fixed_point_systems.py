"""The equations that fixed points solve.

Main definitions: `field_system`, `rule_system`.
"""

from __future__ import annotations

from typing import Any

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
    """The state after one step is the state before it; intermediate points are unknowns of their own."""
    update = derive(game, rule)
    moving = rule.time == "continuous"
    equations = [value - (0 if moving else v) for v, value in update.after.items()]
    unknowns = list(update.after)
    for part, block in update.memory_after.items():
        equations += [value - fresh(v, part) for v, value in block.items()]
        unknowns += [fresh(v, part) for v in block]
    equations += [line.target - line.value for line in update.assignments]
    return equations, list(dict.fromkeys([*unknowns, *(line.target for line in update.assignments)]))
