"""Every small instance: found by its name, its field held against the model's losses, fixed points, verdicts."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel import models
from bilevel.analysis import equilibria
from bilevel.analysis.analyse import analyse
from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.numeric import check_instance
from bilevel.rules import flow
from bilevel.rules.protocol.linear import linearise

#: The flow's verdict at every equilibrium, in the order found; other instances are held to having one.
VERDICTS = {
    "gan": ["marginal"],
    "f_gan": ["marginal"],
    "conditional_gan": ["marginal"],
    "lapgan": ["marginal"],
    "unrolled_gan": ["stable"],
    "ebgan": ["stable"],
    "feature_matching": ["stable"],
    "domain_adversarial": ["stable"],
    "infogan": ["stable", "stable"],
    "bigan": ["stable", "stable"],
    "ali": ["stable"] * 4,
    "adversarial_autoencoder": ["stable", "stable"],
    "vae_gan": ["unstable", "stable", "stable"],
    "maml": ["stable"],
    "adaptation_game": ["marginal"],
    "imaml": ["stable"],
    "hyperparameter_optimisation": ["stable"],
    "data_distillation": ["stable"],
    "darts": ["stable"],
    "preference_game": ["stable"],
    "direct_preference": ["stable"],
    "ddpg": ["stable", "unstable"],
    "td3": ["stable"],
    "sac": ["stable"],
    "advantage_actor_critic": ["stable"],
    "svg1": ["stable", "unstable"],
    "svg1_replayed": ["stable", "unstable"],
    "svg_infinity": ["stable"],
    "rdpg": ["stable"],
    "gail": ["stable"],
    "guided_cost_learning": ["stable"],
    "seqgan": ["stable"],
    "h_dqn": ["stable"],
    "maddpg": ["marginal"],
    "wgan": ["marginal"],
    "hinge_gan": ["marginal"],
    "lsgan": ["marginal"],
    "deterministic_policy_gradient": ["marginal", "stable"],
    "nfqca": ["marginal", "stable"],
    "svg0": ["stable"],
    "traditional_actor_critic": ["marginal"],
    "stochastic_policy_gradient": [],
}

#: An actor that climbs for ever has no equilibrium.
NONE = {"stochastic_policy_gradient"}

NAMES = sorted(models.instances())


@pytest.mark.parametrize("name", NAMES)
def test_an_instance_is_the_model_at_numbers(name):
    """Derived in coordinates, and by automatic differentiation of the model-level losses."""
    made = models.catalogue()[name]()
    assert check_instance(made, models.instances()[name](), trials=1)


@pytest.mark.parametrize("name", NAMES)
def test_fixed_points_and_verdicts_of_an_instance(name):
    game = models.instance(name)
    found = equilibria(game)
    assert (found.points or name in NONE) and found.complete, found.reason
    verdicts = []
    for point in found.points:
        linear = linearise(game, flow(), point.point)
        verdict = analyse(linear.matrix, time="continuous", assuming=game.assuming)
        assert verdict.known == "exact", verdict.reason
        verdicts.append(verdict.verdict)
    assert verdicts == VERDICTS.get(name, verdicts)


def test_instances_are_found_by_the_folder():
    assert set(VERDICTS) <= set(NAMES)
    for name in NAMES:
        made = models.catalogue()[f"{name}_instance"]()
        assert isinstance(made, Game) and made.is_coordinate
        assert made == models.instance(name)
    assert models.gan_instance().dims == {"n": 1, "m": 1, "p": 1, "q": 1}
    with pytest.raises(GameError, match="those that have"):
        models.instance("wgan_of_nowhere")


def test_a_wrong_instance_field_is_caught():
    """The check compares numbers, so an instance with another network fails."""
    from dataclasses import replace

    from bilevel.language.functions import sigmoid
    from bilevel.numeric import instances as home

    world = models.gan_instance()
    other = replace(world, networks={**world.networks, "D": lambda w, phi: sigmoid(2 * phi[0] * w[0])})
    real = home._network
    try:
        home._network = lambda function, extra: real(
            other.networks["D"] if function is world.networks["D"] else function, extra
        )
        assert not check_instance(models.gan(), world, trials=1)
    finally:
        home._network = real


def test_unrolling_turns_the_centre_into_a_sink_at_every_length():
    for steps in (0, 1, 2):
        game = models.instance("unrolled_gan", steps=steps)
        trace = game.jacobian().subs(dict.fromkeys(game.variables, 0)).trace()
        assert trace.is_positive if steps else trace == 0


def test_choices_reach_the_instance():
    game = models.instance("infogan", weight=2, generator="minimax")
    assert sp.Symbol("lambda", positive=True) not in game.parameters
    assert equilibria(game).points
