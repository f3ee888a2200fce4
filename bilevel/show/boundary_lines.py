"""The exact boundary curves of a stability diagram, as lines in a picture of two parameters.

Main definitions: `draw_diagram`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bilevel.analysis.stability_plane import PlaneDiagram
from bilevel.language.errors import GameError
from bilevel.show import plot_parts as parts

PLACES = 161
MARKERS = "osD^vPX*"


def draw_diagram(axes: Any, diagram: PlaneDiagram, across: str, up: str) -> list[Any]:
    """Every piece that bounds a region, one style a kind, and the points of codimension two; the handles for a key.

    Each piece is followed between its exact ends, at places that crowd near them, where a curve may turn back.
    """
    names = [str(p) for p in diagram.parameters]
    if set(names) != {across, up}:
        raise GameError(f"the boundary is a diagram over {names[0]} and {names[1]}; the map shows {across} and {up}")
    window = {across: axes.get_xlim(), up: axes.get_ylim()}
    handles: dict[str, Any] = {}
    for curve in diagram.curves:
        first = names[1] if curve.upright else names[0]
        for (low, high), rank, *_ in curve.pieces:
            places = _places(window[first], low, high)
            heights = np.array(diagram.branch(curve, rank, places))
            kind = " or ".join(map(_short, curve.kinds))
            number = list(handles).index(kind) if kind in handles else len(handles)
            style = parts.DASHES[number % len(parts.DASHES)]
            line = (places, heights) if first == across else (heights, places)
            (drawn,) = axes.plot(*line, color=parts.INK, linewidth=1.8, linestyle=style)
            handles.setdefault(kind, drawn).set_label(parts.plain(kind))
    marks = [p for p in diagram.points if _inside(p, window)]
    meeting = lambda point: " and ".join(map(_short, point.kinds))
    for k, kind in enumerate(sorted(set(map(meeting, marks)))):
        where = np.array([[_number(p, across), _number(p, up)] for p in marks if meeting(p) == kind])
        (drawn,) = axes.plot(*where.T, color=parts.INK, marker=MARKERS[k % len(MARKERS)], markerfacecolor=parts.PAPER,
                             markersize=6.5, linestyle="none", label=parts.plain(kind), clip_on=False)  # fmt: skip
        handles[kind] = drawn
    axes.set(xlim=window[across], ylim=window[up])
    return list(handles.values())


def _short(kind: str) -> str:
    """A kind's name without what it means in brackets."""
    return kind.split(" (")[0]


def _places(window: tuple[float, float], low: Any, high: Any) -> Any:
    start = max(window[0], float(low)) if low is not None else window[0]
    end = min(window[1], float(high)) if high is not None else window[1]
    if end <= start:
        return np.zeros(0)
    share = (1 - np.cos(np.linspace(0, np.pi, PLACES))) / 2
    inset = 1e-9 * (end - start)  # the ends themselves lie on other curves
    return np.clip(start + (end - start) * share, start + inset, end - inset)


def _number(point: Any, name: str) -> float:
    return float(next(value for key, value in point.point.items() if str(key) == name))


def _inside(point: Any, window: Any) -> bool:
    return all(low <= _number(point, name) <= high for name, (low, high) in window.items())
