"""Figure 1 of the paper: both diagrams come out of the games, and they are the same up to what the actor sees."""

from __future__ import annotations

import pytest

from bilevel import models
from bilevel.analysis import information_structure


def _figure(information, gradient):
    solid = {(*pair.split(" -> "), "information") for pair in information.split(", ")}
    return solid | {(*gradient.split(" => "), "gradient")}


FIGURE_1A = _figure("z -> G, G -> D, x -> D, y -> D", "D => G")
FIGURE_1B = _figure("s -> pi, pi -> Q, s -> Q, r -> Q", "Q => pi")


def arrows(structure):
    return {(e.source, e.target, e.kind) for e in structure.edges}


def kinds(structure):
    return {node.name: node.kind for node in structure.nodes}


def test_figure_1a():
    found = information_structure(models.gan(labelled=True))
    assert arrows(found) == FIGURE_1A
    assert kinds(found) == {"z": "fixed", "G": "model", "D": "model", "x": "environment", "y": "environment"}


@pytest.mark.parametrize("method", [models.deterministic_policy_gradient, models.nfqca])
def test_figure_1b(method):
    found = information_structure(method(bootstrap=False))
    assert arrows(found) == FIGURE_1B
    assert kinds(found) == {"s": "environment", "pi": "model", "Q": "model", "r": "environment"}


def test_a_reparameterised_actor_has_its_noise_beside():
    found = information_structure(models.svg0(bootstrap=False))
    assert arrows(found) == FIGURE_1B | {("eta", "pi", "information")}


def test_the_two_are_isomorphic_but_for_blindness():
    gan = information_structure(models.gan(labelled=True))
    method = information_structure(models.deterministic_policy_gradient(bootstrap=False))
    assert gan.isomorphism(method) is None
    red = gan.without(("z", "G")).without_isolated()
    shown = method.without(("s", "pi"))
    assert red.isomorphism(shown, {"x": "s"}) == {"D": "Q", "G": "pi", "x": "s", "y": "r"}
    assert len(red.isomorphisms(shown)) == 2  # arrows alone do not tell the two inputs of the critic apart
    assert red.isomorphism(method) is None


def test_the_gans_environment_gives_the_gans_diagram():
    assert arrows(information_structure(models.blind_actor_critic())) == FIGURE_1A
    sighted = information_structure(models.blind_actor_critic(sighted=True))
    assert ("x", "G", "information") in arrows(sighted) and "z" not in kinds(sighted)


def test_bootstrapping_adds_the_future():
    found = information_structure(models.deterministic_policy_gradient())
    assert arrows(found) - FIGURE_1B == {("s_next", "Q", "information"), ("s_next", "pi", "information")}


def test_a_critic_that_is_only_a_signal_passes_no_gradient():
    for game in (models.traditional_actor_critic(), models.stochastic_policy_gradient()):
        found = information_structure(game)
        assert not [edge for edge in found.edges if edge.kind == "gradient"]
        assert ("s", "pi", "information") in arrows(found) and kinds(found)["pi"] == "model"
    assert ("pi", "Q", "information") in arrows(information_structure(models.stochastic_policy_gradient()))
    assert ("V", "pi", "information") in arrows(information_structure(models.traditional_actor_critic()))
