"""Information-structure diagrams as Figure 1 of the paper draws them.

Main definitions: `diagram_svg`, `legend_svg`, `describe`.
Notation: empty circle = model with its own loss, filled circle = from the environment, diamond = fixed function;
solid = information, dashed = gradient used by another model; red and thick = analogous in both, green = the rest.
Reference: Pfau, Vinyals (2016), arXiv:1610.01945, Figure 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bilevel.language.structure import Edge, InformationStructure, Node
from bilevel.show.curves import Curve, Point, Shape, dashes, route, self_loop
from bilevel.show.layout import positions
from bilevel.show.markup import Markup, element
from bilevel.show.names import name_text, read_name

RADIUS = 26.0
MARGIN = 22.0
# Okabe and Ito's vermilion and bluish green: the paper's red and green, apart for every eye; width tells them too.
COLOURS = {"analogous": "#d55e00", "other": "#00865f"}
WIDTHS = {"analogous": 2.6, "other": 1.5}


def diagram_svg(
    structure: InformationStructure, *, places: Mapping[str, Point] | None = None, description: str | None = None
) -> Markup:
    """The diagram as one self-contained SVG element with a title and a description in words.

    Math:       layers from left to right along information; every arrow takes the flattest curve that clears all nodes
    Shapes:     `places` may give (column, row) of some nodes, in units of the grid; the others are laid out
    Reference:  Pfau, Vinyals (2016), arXiv:1610.01945, Figure 1; Sugiyama, Tagawa, Toda (1981),
                doi:10.1109/TSMC.1981.4308636 (layers)
    Examples:
        >>> svg = diagram_svg(InformationStructure((Node("G"), Node("D")), (Edge("G", "D"),)))
        >>> svg.startswith("<svg"), svg.count("<circle")
        (True, 2)
    """
    centres = positions(structure, places or {})
    shapes = {node.name: Shape(centres[node.name], RADIUS, node.kind == "fixed") for node in structure.nodes}
    curves = _routed(structure, shapes)
    drawn = [_arrow(edge, curve) for edge, curve in zip(structure.edges, curves, strict=True)]
    drawn += [_vertex(node, shapes[node.name]) for node in structure.nodes]
    left, top, width, height = _frame(shapes, curves)
    title = structure.title or "Information structure"
    return element(
        "svg",
        element("title", title),
        element("desc", description or describe(structure)),
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"{left:.1f} {top:.1f} {width:.1f} {height:.1f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
        class_="diagram",
    )


def describe(structure: InformationStructure) -> str:
    """The diagram in words, for those who do not see it."""
    kinds = {"model": "model", "environment": "from the environment", "fixed": "fixed function"}
    nodes = "; ".join(f"{name_text(node.name)}: {kinds[node.kind]}" for node in structure.nodes)
    told = [
        f"{name_text(e.source)} to {name_text(e.target)} ({e.kind}{', analogous' if e.emphasis == 'analogous' else ''})"
        for e in structure.edges
    ]
    return f"Nodes: {nodes}. Arrows: {'; '.join(told) or 'none'}."


def legend_svg() -> Markup:
    """What the shapes, lines and colours of the diagrams mean, as one small SVG.

    Math:       the vocabulary of Figure 1
    Reference:  Pfau, Vinyals (2016), arXiv:1610.01945, Figure 1
    Examples:
        >>> "gradient" in legend_svg()
        True
    """
    nodes: list[tuple[Any, str]] = [
        ("model", "model with a loss of its own"),
        ("environment", "from the environment"),
        ("fixed", "fixed function"),
    ]
    lines = [
        ("information", "other", "information"),
        ("gradient", "other", "gradient used by another model"),
        ("information", "analogous", "analogous in both"),
    ]
    drawn: list[Markup] = []
    for row, (kind, words) in enumerate(nodes):
        drawn += [
            _outline(kind, Shape((14.0, 14.0 + 24 * row), 8.0, kind == "fixed")),
            _words(words, 34.0, 18.0 + 24 * row),
        ]
    for row, (kind, emphasis, words) in enumerate(lines):
        y = 14.0 + 24 * row
        curve = Curve((228.0, y), (246.0, y), (264.0, y))
        drawn += [_arrow(Edge("a", "b", kind, emphasis), curve), _words(words, 276.0, y + 4)]  # type: ignore[arg-type]
    return element(
        "svg",
        element("title", "Legend"),
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox="0 0 500 76",
        width="500",
        height="76",
        role="img",
        class_="legend",
    )


def _words(words: str, x: float, y: float) -> Markup:
    return element(
        "text",
        words,
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        font_size="13",
        font_family="system-ui, sans-serif",
        fill="currentColor",
    )


def _routed(structure: InformationStructure, shapes: Mapping[str, Shape]) -> list[Curve]:
    """A curve for every edge: information first, since gradients then bend away from it."""
    order = sorted(range(len(structure.edges)), key=lambda index: structure.edges[index].kind == "gradient")
    done: dict[int, Curve] = {}
    for index in order:
        edge = structure.edges[index]
        source, target = shapes[edge.source], shapes[edge.target]
        if edge.source == edge.target:
            done[index] = self_loop(source)
            continue
        others = [shape for name, shape in shapes.items() if name not in (edge.source, edge.target)]
        # A name below its node is in the way too.
        others += [
            Shape((s.centre[0], s.centre[1] + s.radius + 14), 12.0) for name, s in shapes.items() if not _fits(name)
        ]
        done[index] = route(source, target, others, list(done.values()), bent=edge.kind == "gradient")
    return [done[index] for index in range(len(structure.edges))]


def _arrow(edge: Edge, curve: Curve) -> Markup:
    """A curve and its head; the head is a polygon of its own, so nothing refers to an id elsewhere in the page."""
    colour, width = f"var(--{edge.emphasis},{COLOURS[edge.emphasis]})", WIDTHS[edge.emphasis]
    length, half = 7.0 + 2 * width, 2.6 + 0.9 * width
    shaft = curve.shortened(length * 0.8)
    (x, y), (dx, dy) = curve.end, curve.direction
    head = [
        (x, y),
        (x - length * dx - half * dy, y - length * dy + half * dx),
        (x - length * 0.78 * dx, y - length * 0.78 * dy),
        (x - length * dx + half * dy, y - length * dy - half * dx),
    ]
    (ax, ay), (bx, by), (cx, cy) = shaft.start, shaft.control, shaft.end
    path = f"M{ax:.1f} {ay:.1f}Q{bx:.1f} {by:.1f} {cx:.1f} {cy:.1f}"
    dash = dashes(shaft) if edge.kind == "gradient" else None
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in head)
    label = f"{name_text(edge.source)} → {name_text(edge.target)}: {edge.kind}"
    return element(
        "g",
        element("title", label),
        element(
            "path",
            d=path,
            fill="none",
            style=f"stroke:{colour}",
            stroke_width=width,
            stroke_dasharray=dash,
            stroke_linecap="round" if not dash else None,
        ),
        element("polygon", points=points, style=f"fill:{colour}"),
        class_=f"edge {edge.kind} {edge.emphasis}",
    )


def _outline(kind: str, shape: Shape) -> Markup:
    """A circle, filled for the environment, or a diamond."""
    (x, y), r = shape.centre, shape.radius
    paint = (
        "fill:currentColor;stroke:currentColor"
        if kind == "environment"
        else "fill:var(--page,#fff);stroke:currentColor"
    )
    if shape.diamond:
        d = r * 1.12
        points = f"{x:.1f},{y - d:.1f} {x + d:.1f},{y:.1f} {x:.1f},{y + d:.1f} {x - d:.1f},{y:.1f}"
        return element("polygon", points=points, style=paint, stroke_width="1.6", stroke_linejoin="round")
    return element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{r:.1f}", style=paint, stroke_width="1.6")


def _vertex(node: Node, shape: Shape) -> Markup:
    """The shape of a node with its name; a long name stands below it."""
    (x, y), r = shape.centre, shape.radius
    inside = _fits(node.name)
    ink = "fill:var(--page,#fff)" if node.kind == "environment" and inside else "fill:currentColor"
    label = element(
        "text",
        *_label(node.name),
        x=f"{x:.1f}",
        y=f"{y + 6.5 if inside else y + r + 19:.1f}",
        text_anchor="middle",
        font_size="20" if inside else "15",
        font_family="'STIX Two Text','STIX','STIXGeneral','Latin Modern Roman',Cambria,'Times New Roman',serif",
        style=ink,
    )
    return element(
        "g",
        element("title", f"{name_text(node.name)} ({node.kind})"),
        _outline(node.kind, shape),
        label,
        class_=f"node {node.kind}",
    )


def _fits(name: str) -> bool:
    """Whether a name can stand inside its node."""
    parts = read_name(name)
    return len(parts.letter) + 0.6 * sum(map(len, parts.subscripts + parts.superscripts)) <= 3.3


def _label(name: str) -> list[Markup]:
    """A name with its scripts as SVG text: one letter is italic, a word is upright."""
    parts = read_name(name)
    letter = parts.letter + {"^": "\u0302", "¯": "\u0304", "~": "\u0303", "˙": "\u0307"}.get(parts.accent, "")
    pieces = [element("tspan", letter, font_style="italic" if len(parts.letter) == 1 else None)]
    primes = [part for part in parts.superscripts if part == "′"]
    raised = [part for part in parts.superscripts if part != "′"]
    if primes:
        pieces.append(element("tspan", "".join(primes)))
    if raised:
        pieces.append(element("tspan", "".join(raised), dy="-0.45em", font_size="68%"))
    if parts.subscripts:
        # dy moves the pen for good: below a raised script it has further to go.
        down = "0.95em" if raised else "0.28em"
        pieces.append(
            element(
                "tspan",
                ",".join(parts.subscripts),
                dy=down,
                font_size="68%",
                font_style="italic" if len(parts.subscripts[0]) == 1 else None,
            )
        )
    return pieces


def _frame(shapes: Mapping[str, Shape], curves: list[Curve]) -> tuple[float, float, float, float]:
    """The smallest box around everything, with a margin: left, top, width, height."""
    corners: list[Point] = []
    for name, shape in shapes.items():
        (x, y), reach = shape.centre, shape.radius + 4
        below = (5.0 * len(name), reach + 20) if not _fits(name) else (reach, reach)
        corners += [
            (x - reach, y - reach),
            (x + reach, y + reach),
            (x - below[0], y + below[1]),
            (x + below[0], y + below[1]),
        ]
    corners += [curve.at(t / 12) for curve in curves for t in range(13)] or [(0.0, 0.0)]
    left, right = min(x for x, _ in corners), max(x for x, _ in corners)
    top, bottom = min(y for _, y in corners), max(y for _, y in corners)
    return left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN


__all__ = ["diagram_svg", "legend_svg"]
