"""The rule that is meant when none is named.

Main definitions: `default_rule`.
"""

from __future__ import annotations

from typing import Any

from bilevel.rules.descent import flow, simultaneous
from bilevel.rules.protocol.rule import Rule
from bilevel.system import System


def default_rule(game: Any) -> Rule:
    """The gradient flow; for a map given directly, the map itself."""
    return simultaneous(1) if isinstance(game, System) and game.time == "discrete" else flow()
