"""Information structures: Figure 1 of the paper, and what an isomorphism must and must not keep."""

from __future__ import annotations

import pytest

from bilevel.language.errors import GameError
from bilevel.language.structure import Edge, InformationStructure, Node

GAN = InformationStructure(
    (Node("z", "fixed"), Node("G"), Node("D"), Node("x", "environment"), Node("y", "environment")),
    (Edge("z", "G"), Edge("G", "D"), Edge("x", "D"), Edge("y", "D"), Edge("D", "G", "gradient")),
)
AC = InformationStructure(
    (Node("pi"), Node("Q"), Node("s_t", "environment"), Node("r_t", "environment")),
    (Edge("s_t", "pi"), Edge("pi", "Q"), Edge("s_t", "Q"), Edge("r_t", "Q"), Edge("Q", "pi", "gradient")),
)


def test_figure_1_is_one_shape_once_the_first_models_input_is_left_out():
    blind = GAN.without(("z", "G")).without_isolated()
    assert blind.isomorphism(AC.without(("s_t", "pi"))) == {"G": "pi", "D": "Q", "x": "s_t", "y": "r_t"}


def test_with_that_edge_they_differ():
    assert GAN.isomorphism(AC) is None
    assert GAN.without("z").isomorphism(AC) is None


def test_an_isomorphism_can_be_asked_to_agree_with_a_pairing():
    blind, core = GAN.without("z"), AC.without(("s_t", "pi"))
    assert len(blind.isomorphisms(core)) == 2  # x and y may be exchanged: only names tell them apart
    assert blind.isomorphism(core, {"x": "r_t"}) == {"G": "pi", "D": "Q", "x": "r_t", "y": "s_t"}
    assert blind.isomorphism(core, {"G": "Q"}) is None


def test_the_identity_and_the_inverse_are_isomorphisms():
    assert GAN.isomorphism(GAN) == {name: name for name in GAN.names}
    there = GAN.without("z").isomorphism(AC.without(("s_t", "pi")))
    back = AC.without(("s_t", "pi")).isomorphism(GAN.without("z"), {b: a for a, b in there.items()})
    assert {back[image]: image for image in there.values()} == there


@pytest.mark.parametrize(
    "mutant",
    [
        InformationStructure(
            GAN.nodes, (*GAN.edges[:4], Edge("D", "G", "information"))
        ),  # a gradient become information
        InformationStructure((*GAN.nodes[:4], Node("y", "fixed")), GAN.edges),  # another kind of node
        InformationStructure(GAN.nodes, (*GAN.edges[:4], Edge("G", "D", "gradient"))),  # the gradient turned round
        InformationStructure(GAN.nodes, GAN.edges[:4]),
        InformationStructure((*GAN.nodes, Node("w")), GAN.edges),
    ],
)
def test_a_changed_structure_is_no_longer_isomorphic(mutant):
    assert GAN.isomorphism(mutant) is None


def test_information_and_gradient_may_run_the_same_way():
    both = InformationStructure((Node("a"), Node("b")), (Edge("a", "b"), Edge("a", "b", "gradient")))
    one = InformationStructure((Node("a"), Node("b")), (Edge("a", "b"),))
    assert both.isomorphism(both) and both.isomorphism(one) is None


def test_emphasis_plays_no_part_in_isomorphism_and_marking_keeps_edges():
    marked = GAN.marked(GAN.edges[1:])
    assert [edge.emphasis for edge in marked.edges] == ["other"] + ["analogous"] * 4
    assert GAN.isomorphism(marked) is not None


def test_leaving_out_a_node_leaves_out_its_edges():
    assert GAN.without("D").edges == (Edge("z", "G"),)
    assert GAN.without(Edge("D", "G", "gradient")).edges == GAN.edges[:4]


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Node(""), "needs a name"),
        (lambda: Node("x", "robot"), "one of model, environment, fixed"),
        (lambda: Edge("a", "b", "magic"), "one of information, gradient"),
        (lambda: InformationStructure((Node("a"), Node("a"))), "stands twice"),
        (lambda: InformationStructure((Node("a"),), (Edge("a", "b"),)), "needs the node 'b'"),
        (lambda: InformationStructure((Node("a"),), (Edge("a", "a"), Edge("a", "a"))), "edge stands twice"),
        (lambda: GAN.without("nobody"), "no node or edge here"),
        (lambda: GAN.without(("D", "x")), "no node or edge here"),
    ],
)
def test_what_has_no_meaning_is_refused(make, words):
    with pytest.raises(GameError, match=words):
        make()
