"""Information-structure diagrams of the models beyond the GAN: every edge comes out of the losses."""

from __future__ import annotations

import pytest

from bilevel import models
from bilevel.analysis import information_structure


def arrows(structure):
    return {f"{e.source} {'=>' if e.kind == 'gradient' else '->'} {e.target}" for e in structure.edges}


def kinds(structure, kind):
    return {node.name for node in structure.nodes if node.kind == kind}


GAN = "z -> G, G -> D, D => G"
AAE = "x -> E, E -> P, P => E, x -> P, E -> D, z -> D, D => E"

#: Edges in words; what the loss mentions beside a model's own output is told to it (x -> P: the image to be rebuilt).
EDGES = {
    "conditional_gan": f"{GAN}, x -> D, c -> G, c -> D",
    "infogan": f"{GAN}, x -> D, c -> G, G -> Q, c -> Q, Q => G",
    "bigan": f"{GAN}, x -> D, x -> E, E -> D, z -> D, D => E",
    "ali": f"{GAN}, x -> D, x -> E, E -> D, z -> D, D => E, e -> E, u -> G",
    "adversarial_autoencoder": AAE,
    "lapgan": "z_0 -> G_0, I_1 -> G_0, G_0 -> D_0, I_0 -> D_0, I_1 -> D_0, D_0 => G_0, "
    "z_1 -> G_1, G_1 -> D_1, I_1 -> D_1, D_1 => G_1",
    "feature_matching": "z -> G, G -> D, w -> D, G -> f, w -> f, f => G",
    "domain_adversarial": "x -> F, x_target -> F, F -> D, F -> Y, y -> Y, D => F, Y => F",
    "unrolled_gan": f"{GAN}, w -> D",
    "ebgan": f"{GAN}, w -> D",
    "f_gan": "z -> G, G -> V, w -> V, V => G",
    "maml": "x -> l, x_test -> l",
    "data_distillation": "s_1 -> l, v -> l, l -> s_1, l => s_1",
    "darts": "a -> l, x -> l, v -> l, l -> a, l => a",
    "preference_game": "x -> pi, x -> r, y_w -> r, y_l -> r, r -> pi, pi -> r",
}

EDGES |= {
    "ddpg": "s -> Q, a -> Q, r -> Q, s_next -> Q, pi -> Q, s -> pi, s_next -> pi, Q => pi, "
    "Q -> phi_copy, phi_copy -> Q, pi -> theta_copy, theta_copy -> pi",
    "svg1": "s -> f, pi -> f, s_next -> f, f => pi, V => pi, s -> V, s_next -> V, pi -> V, f -> V, s -> pi, eta -> pi",
    "svg1_replayed": "s -> f, a -> f, s_next -> f, pi -> f, f => pi, V => pi, f -> V, s -> V, a -> V, s_next -> V, "
    "s -> pi, a -> pi",
    "svg_infinity": "s -> f, s_1 -> f, s_2 -> f, pi -> f, f -> pi, f => pi, s -> pi, s_1 -> pi, "
    "eta_0 -> pi, eta_1 -> pi",
    "gail": "s -> D, pi -> D, s_expert -> D, a_expert -> D, D -> Q, s -> Q, pi -> Q, s_next -> Q, "
    "s -> pi, s_next -> pi",
    "guided_cost_learning": "tau_demo -> c, q -> c, c -> q",
    "seqgan": "x_1 -> D, x_2 -> D, pi_1 -> D, pi_2 -> D, D -> pi_1, D -> pi_2, pi_1 -> pi_2",
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name):
    assert arrows(information_structure(models.catalogue()[name]())) == set(EDGES[name].split(", "))


def test_edges_of_vae_gan():
    """The autoencoder's edges with the discriminator on images, and the decoder under its gradient."""
    found = arrows(information_structure(models.vae_gan()))
    assert {"x -> E", "E -> P", "P => E", "x -> D", "P -> D", "D => P", "f => P", "f => E"} <= found
    assert "D => E" not in found and "E -> D" not in found


def test_gail_is_a_chain_with_one_gradient():
    """The actor hears its critic; the discriminator is told to the critic as a reward, and no gradient passes."""
    structure = information_structure(models.gail("reparameterised"))
    gradients = {(e.source, e.target) for e in structure.edges if e.kind == "gradient"}
    assert gradients == {("Q", "pi")} and {"D -> Q", "pi -> D"} <= arrows(structure)


def test_each_agent_hears_its_own_critic():
    structure = information_structure(models.maddpg(3))
    gradients = {(e.source, e.target) for e in structure.edges if e.kind == "gradient"}
    assert gradients == {(f"Q_{i}", f"pi_{i}") for i in (1, 2, 3)}


def test_gradients_run_back_through_memory():
    found = arrows(information_structure(models.rdpg()))
    assert {"Q => pi", "Q => g", "o_1 -> g", "o_2 -> g"} <= found


def test_priors_and_codes_are_fixed_functions():
    assert kinds(information_structure(models.infogan()), "fixed") == {"z", "c"}
    assert kinds(information_structure(models.adversarial_autoencoder()), "fixed") == {"z"}
    assert kinds(information_structure(models.conditional_gan()), "fixed") == {"z"}


def test_no_gradient_runs_between_levels_of_a_pyramid():
    structure = information_structure(models.lapgan(2))
    gradients = [e for e in structure.edges if e.kind == "gradient"]
    assert len(gradients) == 3 and all(e.source[-1] == e.target[-1] for e in gradients)


def test_players_without_a_network_bear_their_variables_name():
    found = information_structure(models.hyperparameter_optimisation())
    assert {"h -> R", "l => h", "R => h", "x -> l", "v -> l"} <= arrows(found)
    assert "h" in kinds(found, "model")
    coordinates = information_structure(models.dirac_gan())
    assert kinds(coordinates, "model") == {"theta", "psi"} and "psi -> theta" in arrows(coordinates)


def test_a_target_copy_is_a_model_of_its_own():
    found = arrows(information_structure(models.nfqca()))
    assert {"Q -> phi_copy", "phi_copy -> Q"} <= found
