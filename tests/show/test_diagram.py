"""Diagrams: valid and safe in three formats, and drawn so that nothing covers anything."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.structure import Edge, InformationStructure, Node
from bilevel.show import diagram_dot, diagram_mermaid, diagram_svg, legend_svg, places_like
from bilevel.show.curves import Shape
from bilevel.show.diagram import RADIUS, _routed
from bilevel.show.layout import grid, positions
from tests.language.test_structure import AC, GAN
from tests.show.hostile import HOSTILE, attributes, tags

DRAWN = {"svg", "title", "desc", "g", "path", "polygon", "circle", "text", "tspan"}


def structures():
    """Small random structures."""

    def build(parts):
        kinds, pairs = parts
        nodes = tuple(Node(f"n{k}", kind) for k, kind in enumerate(kinds))
        edges = {(f"n{a % len(kinds)}", f"n{b % len(kinds)}", kind) for a, b, kind in pairs}
        return InformationStructure(nodes, tuple(Edge(*edge) for edge in sorted(edges)))

    kinds = st.lists(st.sampled_from(["model", "environment", "fixed"]), min_size=1, max_size=8)
    pairs = st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 7), st.sampled_from(["information", "gradient"])), max_size=9
    )
    return st.tuples(kinds, pairs).map(build)


@pytest.mark.parametrize("structure", [GAN, AC])
def test_every_arrow_starts_and_ends_outside_all_nodes(structure):
    shapes = {
        n.name: Shape(c, RADIUS, n.kind == "fixed")
        for n, c in zip(structure.nodes, positions(structure, {}).values(), strict=True)
    }
    for edge, curve in zip(structure.edges, _routed(structure, shapes), strict=True):
        for name, shape in shapes.items():
            touch = 2.0 if name in (edge.source, edge.target) else 6.0
            assert min(shape.distance(curve.at(k / 50)) for k in range(51)) > touch, (edge, name)


@given(structures())
@settings(max_examples=25, deadline=None)
def test_no_two_nodes_overlap_and_the_drawing_is_valid(structure):
    places = list(positions(structure, {}).values())
    assert all(
        abs(a[0] - b[0]) > 2.2 * RADIUS or abs(a[1] - b[1]) > 2.2 * RADIUS
        for i, a in enumerate(places)
        for b in places[:i]
    )
    svg = diagram_svg(structure)
    assert tags(svg) <= DRAWN and svg == diagram_svg(structure)
    assert "nan" not in svg and "inf" not in svg.replace("information", "")


@given(structures())
@settings(max_examples=25, deadline=None)
def test_everything_drawn_lies_inside_the_frame(structure):
    root = ET.fromstring(diagram_svg(structure))
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    for node in root.iter():
        numbers = re.findall(r"-?[0-9.]+", node.attrib.get("d", "") or node.attrib.get("points", ""))
        if node.tag.endswith("path"):
            numbers = numbers[:2] + numbers[4:]  # the control point of a curve may lie outside
        for x, y in zip(map(float, numbers[::2]), map(float, numbers[1::2]), strict=True):
            assert left <= x <= left + width and top <= y <= top + height


def test_information_flows_to_the_right():
    columns = {name: column for name, (column, _) in grid(GAN).items()}
    assert columns == {"z": 0, "G": 1, "x": 1, "y": 1, "D": 2}


def test_the_second_diagram_of_figure_1_can_take_the_places_of_the_first():
    laid = places_like(GAN, {"G": "pi", "D": "Q", "x": "s_t", "y": "r_t"})
    assert laid["pi"] == grid(GAN)["G"] and laid["s_t"] == grid(GAN)["x"]
    assert diagram_svg(AC, places=laid) != diagram_svg(AC)


def test_kinds_and_emphasis_can_be_told_apart_without_colour():
    svg = diagram_svg(GAN.marked(GAN.edges[1:]))
    assert svg.count("stroke-dasharray") == 1 and 'stroke-width="2.6"' in svg and 'stroke-width="1.5"' in svg
    assert svg.count("<circle") == 4 and "D → G: gradient" in svg


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_names_in_every_format(name):
    structure = InformationStructure(
        (Node(name), Node("b")), (Edge(name, "b"), Edge("b", name, "gradient")), title=name
    )
    svg = diagram_svg(structure)
    assert tags(svg) <= DRAWN and not {a for a in attributes(svg) if a.startswith("on") or a == "href"}
    dot = diagram_dot(structure)
    assert len(dot.splitlines()) == 8  # frame, direction, title, two nodes, two edges, end: no line was added
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", dot)
    assert re.fullmatch(r"[\w\s{}\[\]=,;>.\-]*", outside)
    mermaid = diagram_mermaid(structure).splitlines()
    assert re.fullmatch(r'  n0\(\("[\w\s#;]*"\)\)', mermaid[1])


def test_the_legend_is_valid():
    assert tags(legend_svg()) <= DRAWN
