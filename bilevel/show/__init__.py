"""What people see: formulas in MathML, information-structure diagrams, plots, and the report page they stand on.

Main definitions
    page, section                       one self-contained HTML page, in sections
    paragraph, equation, table, ...     what stands on it (module `bilevel.show.blocks`)
    claim, badge, check                 a theorem with its proof, how it is known, what was checked
    mathml, equations                   formulas from our own printer, everything escaped
    diagram_svg, diagram_dot, ...       Figure 1 of the paper for any information structure
    phase_portrait, eigenvalue_paths, stability_map, figure_svg     pictures by matplotlib, loaded when used
    game_portrait, basin_map, rate_curve, sweep_map, diagram_figure     ... straight from games, rules and sweeps
    Picture                             what they return: a matplotlib figure with its numbers

The names load lazily (PEP 562), so that a formula does not cost an import of matplotlib.
"""

from __future__ import annotations

import importlib
from typing import Any

# module -> the public names it holds
_ROOMS = {
    "blocks": ("badge", "bullets", "check", "claim", "code", "columns", "equation", "equation_rows", "figure",
               "gallery", "link", "paragraph", "table", "trace_steps"),
    "diagram": ("diagram_svg", "legend_svg"),
    "diagram_figure": ("diagram_figure",),
    "diagram_text": ("diagram_dot", "diagram_mermaid"),
    "layout": ("places_like",),
    "markup": ("Markup", "element", "escape", "join"),
    "mathml_printer": ("equality", "equations", "mathml", "operator"),
    "document": ("Section", "page", "section"),
    "picture": ("Picture",),
    "plots": ("eigenvalue_paths", "figure_svg", "phase_portrait", "stability_map"),
    "plots_of_games": ("basin_map", "game_portrait", "rate_curve", "sweep_map"),
}  # fmt: skip

__all__ = sorted(name for names in _ROOMS.values() for name in names)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    for room, names in _ROOMS.items():
        if name in names:
            value = getattr(importlib.import_module(f"bilevel.show.{room}"), name)
            globals()[name] = value
            return value
    from bilevel.language.names import absent

    raise absent(__name__, name, __all__)


def __dir__() -> list[str]:
    """Public names."""
    return list(__all__)
