"""Analysis: exact stability, fixed points, correspondences, proofs.

Main definitions: `stability`, `stability_any_size`, `equilibria`, `Verdict`, `correspond`, `Correspondence`,
`information_structure`, `best`, `crossings`, `modified_field`, `hypergradient`, `mean_square`, `held_target`,
`Proof`, `Claim`.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

_HOMES = {
    "stability": "local",
    "equilibria": "fixed_points",
    "Equilibria": "fixed_points",
    "Equilibrium": "fixed_points",
    "attraction": "attraction",
    "Attraction": "attraction",
    "attracts_only": "attraction",
    "attracts_every": "attraction",
    "generic_quadratic": "attraction",
    "kind_conditions": "kinds_where",
    "best": "rates",
    "Best": "rates",
    "crossings": "rates",
    "stability_diagram": "stability_plane",
    "LineDiagram": "stability_line",
    "PlaneDiagram": "stability_plane",
    "Crossing": "rates",
    "compare": "comparison",
    "Comparison": "comparison",
    "modified_field": "modified",
    "modified_losses": "modified",
    "isolated_zeros": "krawczyk",
    "stability_any_size": "any_size",
    "AnySizeVerdict": "any_size",
    "hypergradient": "hypergradient",
    "bias": "hypergradient",
    "truncated": "hypergradient",
    "unrolled_for": "hypergradient",
    "nonlinear": "nonlinear",
    "for_small": "limits",
    "for_large": "limits",
    "solve": "solve",
    "certificate_of": "certify",
    "mean_square": "mean_square",
    "MeanSquare": "mean_square",
    "held_target": "held_target",
    "follow_on": "follow_on",
    "FollowOn": "follow_on",
    "switching": "switching",
    "fictitious_play": "best_replies",
    "best_reply_cycle": "best_replies",
    "discrete_play": "discrete_play",
    "BestReplyCycle": "best_replies",
    "PlayVerdict": "best_replies",
    "riccati": "riccati",
    "feedback_nash": "feedback_nash",
    "FeedbackNash": "feedback_nash",
    "FeedbackEquilibria": "feedback_nash",
    "gain_stability": "gain_stability",
    "Verdict": "verdict",
    "analyse": "analyse",
    "correspond": "correspondence",
    "Correspondence": "correspondence",
    "Relation": "correspondence",
    "information_structure": "information",
    "Proof": "proof",
    "Claim": "proof",
    "Corresponds": "proof",
    "shows": "proof",
    "refutes": "proof",
    "checks": "proof",
    "by_rewrite": "proof",
    "states": "proof",
}

__all__ = [*_HOMES]


class _Package(types.ModuleType):
    """Importing the submodule `solve` must not hide the function `solve` the package offers."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        from bilevel.language.names import absent

        raise absent(__name__, name, _HOMES)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
