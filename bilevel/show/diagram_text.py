"""Information-structure diagrams as text for other tools: Graphviz DOT and Mermaid.

Main definitions: `diagram_dot`, `diagram_mermaid`.
Notation: nodes are called n0, n1, ... and their names stand in quoted labels, so no name can end a label or open a tag.
"""

from __future__ import annotations

from bilevel.language.structure import Edge, InformationStructure, Node  # noqa: F401
from bilevel.show.diagram import COLOURS, WIDTHS
from bilevel.show.names import name_text

__all__ = ["diagram_dot", "diagram_mermaid"]


def _quoted(words: str) -> str:
    """A DOT string: quotes and backslashes escaped, no line breaks or other control characters."""
    plain = "".join(c if c.isprintable() else "\ufffd" for c in words)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def diagram_dot(structure: InformationStructure) -> str:
    """The diagram as Graphviz DOT; nodes are called n0, n1, ..., names stand in quoted labels.

    Math:       the same vertices, edges and colours
    Reference:  Gansner, North (2000), doi:10.1002/1097-024X(200009)30:11<1203::AID-SPE338>3.0.CO;2-N
    Examples:
        >>> print(diagram_dot(InformationStructure((Node("G"),))))
        digraph information {
          rankdir=LR;
          n0 [label="G", shape=circle];
        }
    """
    ids = {node.name: f"n{index}" for index, node in enumerate(structure.nodes)}
    looks = {
        "model": "shape=circle",
        "environment": "shape=circle, style=filled, fillcolor=black, fontcolor=white",
        "fixed": "shape=diamond",
    }
    lines = [
        f"  {ids[node.name]} [label={_quoted(name_text(node.name))}, {looks[node.kind]}];" for node in structure.nodes
    ]
    for e in structure.edges:
        dashed = ", style=dashed, constraint=false" if e.kind == "gradient" else ""
        lines.append(f"  {ids[e.source]} -> {ids[e.target]} [{_pen(e)}{dashed}];")
    title = [f"  label={_quoted(structure.title)};"] if structure.title else []
    return "\n".join(["digraph information {", "  rankdir=LR;", *title, *lines, "}"])


def diagram_mermaid(structure: InformationStructure) -> str:
    """The diagram as a Mermaid flowchart; names stand in quoted labels with every special character as an entity.

    Math:       the same vertices, edges and colours
    Reference:  Sveidqvist and others (2023), Mermaid flowchart syntax
    Examples:
        >>> blind = InformationStructure((Node("z", "fixed"), Node("G")), (Edge("z", "G"),))
        >>> print(diagram_mermaid(blind).splitlines()[3])
          n0 --> n1
    """
    ids = {node.name: f"n{index}" for index, node in enumerate(structure.nodes)}
    brackets = {"model": ("((", "))"), "environment": ("((", "))"), "fixed": ("{", "}")}
    lines = ["flowchart LR"]
    for node in structure.nodes:
        # Mermaid reads #code; as a character; every other character than a letter or digit goes that way.
        label = "".join(
            c if c.isalnum() or c in " _" else f"#{ord(c)};" if c.isprintable() else "#65533;"
            for c in name_text(node.name)
        )
        opening, closing = brackets[node.kind]
        lines.append(
            f'  {ids[node.name]}{opening}"{label}"{closing}' + (":::environment" if node.kind == "environment" else "")
        )
    for edge in structure.edges:
        lines.append(f"  {ids[edge.source]} {'-.->' if edge.kind == 'gradient' else '-->'} {ids[edge.target]}")
    for index, edge in enumerate(structure.edges):
        lines.append(f"  linkStyle {index} stroke:{COLOURS[edge.emphasis]},stroke-width:{WIDTHS[edge.emphasis]}px")
    if any(node.kind == "environment" for node in structure.nodes):
        lines.append("  classDef environment fill:#000,color:#fff,stroke:#000")
    return "\n".join(lines)


def _pen(edge: Edge) -> str:
    """Colour and width of an arrow."""
    return f'color="{COLOURS[edge.emphasis]}", penwidth={WIDTHS[edge.emphasis]}'
