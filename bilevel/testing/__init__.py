"""What people import into their own tests: their training code held against what was derived.

Main definitions
    assert_implements     a training step against a derived update; a failure names the slip it looks like
    assert_gradient       a gradient against a player's derived gradient
    assert_corresponds    a claim that two games are the same problem
    assert_stable         a claim that a rule converges at given numbers
    optimizer_step        an optax transformation and a gradient as a step
    points                the points that are tried
    mutants, Mutant       the slips that are recognised
    Mismatch              the failure, with its data

`bilevel.testing.strategies` holds Hypothesis strategies for games, points, rules, networks and decision processes.
Loaded lazily (PEP 562): importing this package imports neither JAX nor Hypothesis.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "assert_implements": "steps",
    "assert_gradient": "steps",
    "assert_corresponds": "claims",
    "assert_stable": "claims",
    "optimizer_step": "adapters",
    "points": "sampling",
    "mutants": "slips",
    "Mutant": "mutant",
    "Mismatch": "explain",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        from bilevel.language.names import absent

        raise absent(__name__, name, _HOMES)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
