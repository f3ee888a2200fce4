"""Analysis: exact stability, fixed points, correspondences, proofs.

Main definitions: `stability`, `equilibria`, `Verdict`, `correspond`, `Correspondence`, `information_structure`,
`Proof`, `Claim`.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "stability": "local",
    "equilibria": "fixed_points",
    "Equilibria": "fixed_points",
    "Equilibrium": "fixed_points",
    "best": "rates",
    "Best": "rates",
    "crossings": "rates",
    "Crossing": "rates",
    "modified_field": "modified",
    "modified_losses": "modified",
    "certify": "krawczyk",
    "isolated_zeros": "krawczyk",
    "Verdict": "verdict",
    "analyse": "analyse",
    "correspond": "correspondence",
    "Correspondence": "correspondence",
    "Relation": "correspondence",
    "information_structure": "information",
    "Proof": "proof",
    "Claim": "proof",
    "shows": "proof",
    "refutes": "proof",
    "checks": "proof",
    "by_rewrite": "proof",
    "states": "proof",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
