"""Information-structure diagrams as matplotlib figures, for papers; the same layout and arrows as the SVG.

Main definitions: `diagram_figure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bilevel.language.structure import Edge, InformationStructure, Node
from bilevel.show import plot_parts as parts
from bilevel.show.curves import Curve, Point, Shape, dashes
from bilevel.show.diagram import COLOURS, RADIUS, WIDTHS, _fits, _frame, _routed
from bilevel.show.layout import positions
from bilevel.show.names import name_mathtext


def diagram_figure(structure: Any, *, places: Mapping[str, Point] | None = None, scale: float = 0.012) -> Any:
    """Figure 1 of the paper for any information structure, or for a game, as a matplotlib figure.

    Math:       empty circle: a model with its own loss, filled: from the environment, diamond: fixed; solid arrows:
                information, dashed: gradients that another model uses
    Shapes:     `scale` is inches for one unit of the layout, whose nodes have a radius of 26
    Reference:  Pfau, Vinyals (2016), arXiv:1610.01945, Figure 1
    Examples:
        >>> picture = diagram_figure(InformationStructure((Node("G"), Node("D")), (Edge("G", "D"),)))
        >>> picture.data.sizes["edge"]
        1
    """
    if not isinstance(structure, InformationStructure):
        from bilevel.analysis.information import information_structure

        structure = information_structure(structure)
    centres = positions(structure, places or {})
    shapes = {node.name: Shape(centres[node.name], RADIUS, node.kind == "fixed") for node in structure.nodes}
    curves = _routed(structure, shapes)
    left, top, width, height = _frame(shapes, curves)
    figure, axes = parts.new_axes(width * scale, height * scale, "")
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(left, left + width), ylim=(top + height, top))  # y grows downwards, as in the SVG
    points = 72 * scale  # printer's points for one unit
    for edge, curve in zip(structure.edges, curves, strict=True):
        _arrow(axes, edge, curve, points)
    for node in structure.nodes:
        _vertex(axes, node, shapes[node.name], points)
    figure.data = _data(structure, centres)
    return figure


def _arrow(axes: Any, edge: Edge, curve: Curve, points: float) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    colour, width = COLOURS[edge.emphasis], WIDTHS[edge.emphasis]
    length, half = 7.0 + 2 * width, 2.6 + 0.9 * width
    shaft = curve.shortened(length * 0.8)
    path = Path([shaft.start, shaft.control, shaft.end], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
    # Dashes of matplotlib are multiples of the line's width.
    pattern = tuple(float(part) / width for part in dashes(shaft).split())
    style: Any = (0, pattern) if edge.kind == "gradient" else "-"
    axes.add_patch(PathPatch(path, fill=False, edgecolor=colour, linewidth=width * points, linestyle=style))
    (x, y), (dx, dy) = curve.end, curve.direction
    back = (x - length * dx, y - length * dy)
    head = [(x, y), (back[0] - half * dy, back[1] + half * dx), (x - length * 0.78 * dx, y - length * 0.78 * dy),
            (back[0] + half * dy, back[1] - half * dx)]  # fmt: skip
    axes.add_patch(Polygon(head, facecolor=colour, edgecolor="none"))


def _vertex(axes: Any, node: Node, shape: Shape, points: float) -> None:
    from matplotlib.patches import Circle, Polygon

    (x, y), r = shape.centre, shape.radius
    face = parts.INK if node.kind == "environment" else parts.PAPER
    paint: dict[str, Any] = {"facecolor": face, "edgecolor": parts.INK, "linewidth": 1.6 * points, "zorder": 2}
    d = r * 1.12
    corners = [(x, y - d), (x + d, y), (x, y + d), (x - d, y)]
    axes.add_patch(Polygon(corners, **paint) if shape.diamond else Circle((x, y), r, **paint))
    inside = _fits(node.name)
    ink = parts.PAPER if node.kind == "environment" and inside else parts.INK
    axes.text(x, y if inside else y + r + 14, name_mathtext(node.name), ha="center", va="center", color=ink,
              fontsize=(20 if inside else 15) * points, zorder=3)  # fmt: skip


def _data(structure: InformationStructure, centres: Mapping[str, Point]) -> Any:
    import xarray

    nodes, edges = structure.nodes, structure.edges
    return xarray.Dataset(
        {
            "kind": ("node", [node.kind for node in nodes]),
            "place": (("node", "direction"), [centres[node.name] for node in nodes]),
            **{part: ("edge", [getattr(edge, part) for edge in edges]) for part in ("source", "target")},
            "carries": ("edge", [edge.kind for edge in edges]),
        },
        {"node": [node.name for node in nodes], "direction": ["across", "down"]},
    )


__all__ = ["diagram_figure"]
