"""The same rule with its steps made longer or shorter.

Main definitions: `with_steps_scaled`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.rules.protocol.point import PerPlayer
from bilevel.rules.protocol.rule import Rule


def with_steps_scaled(rule: Rule, scale: Any) -> Rule:
    """A rule whose every step size is multiplied by one scale; momenta, weights and rates stay.

    Step sizes are the parameters called `step` or `..._step`, of the rule itself and of the rules it is made of. A rule
    without any, such as z - alpha F(z) + beta F(z_previous), runs on the field times the scale.
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
    if changed or "base" in dict(rule.parameters):
        return rule.maker(**{**dict(rule.parameters), **changed}) if changed else None
    named = (*rule.parameters, ("scale", scale))
    return Rule(rule.name, named, lambda field: rule.build(_Times(field, scale)), rule.time, rule.memory)


@dataclass(frozen=True)
class _Times:
    """A field times a number; of derivatives a rule asks for, it is not said how they scale."""

    field: Any
    scale: Any

    @property
    def players(self) -> tuple[str, ...]:
        return self.field.players

    @property
    def game(self) -> Any:
        return self.field.game

    def __call__(self, z: Any) -> Any:
        return self.scale * self.field(z)

    def fixed_point(self, step: Callable[[Any], Any], *, near: Any) -> Any:
        return self.field.fixed_point(step, near=near)

    def __getattr__(self, name: str) -> Any:
        if name in ("jvp", "vjp", "gradient", "solve"):
            raise GameError(f"a rule without a step asks for the field's {name}; write it with a parameter `step`")
        raise AttributeError(name)


def _scaled_part(key: str, value: Any, scale: Any) -> Any:
    """The parameter with its steps scaled; None where it has none."""
    if isinstance(value, Rule):
        return _scaled(value, scale)
    if isinstance(value, PerPlayer) and any(isinstance(part, Rule) for part in value.values.values()):
        parts = {name: _scaled_part(key, part, scale) for name, part in value.values.items()}
        kept = {name: value.values[name] if part is None else part for name, part in parts.items()}
        return PerPlayer(kept) if any(part is not None for part in parts.values()) else None
    return value * scale if key == "step" or key.endswith("_step") else None
