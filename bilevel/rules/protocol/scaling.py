"""The same rule with its steps made longer or shorter.

Main definitions: `with_steps_scaled`.
"""

from __future__ import annotations

from typing import Any

from bilevel.language.errors import UnknownAnswer
from bilevel.rules.protocol.point import PerPlayer
from bilevel.rules.protocol.rule import Rule


def with_steps_scaled(rule: Rule, scale: Any) -> Rule:
    """A rule whose every step size is multiplied by one scale; momenta, weights and rates stay.

    Step sizes are the parameters called `step` or `..._step`, of the rule itself and of the rules it is made of.
    """
    scaled = _scaled(rule, scale)
    if scaled is None:
        raise UnknownAnswer(
            f"{rule} has no parameter called step, so there is nothing to scale",
            next_step="write the rule with a parameter `step`",
        )
    return scaled


def _scaled(rule: Rule, scale: Any) -> Rule | None:
    if rule.maker is None:
        return None
    changed = {key: new for key, value in rule.parameters if (new := _scaled_part(key, value, scale)) is not None}
    return rule.maker(**{**dict(rule.parameters), **changed}) if changed else None


def _scaled_part(key: str, value: Any, scale: Any) -> Any:
    """The parameter with its steps scaled; None where it has none."""
    if isinstance(value, Rule):
        return _scaled(value, scale)
    if isinstance(value, PerPlayer) and any(isinstance(part, Rule) for part in value.values.values()):
        parts = {name: _scaled_part(key, part, scale) for name, part in value.values.items()}
        kept = {name: value.values[name] if part is None else part for name, part in parts.items()}
        return PerPlayer(kept) if any(part is not None for part in parts.values()) else None
    return value * scale if key == "step" or key.endswith("_step") else None
