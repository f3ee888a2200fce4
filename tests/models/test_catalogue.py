"""Every model that can be made without being told anything is made, and says where it comes from."""

from __future__ import annotations

import inspect

import pytest
import sympy as sp

from bilevel import models
from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.system import System


@pytest.mark.parametrize("name", sorted(models.catalogue()))
def test_models_make_games(name):
    found = models.catalogue()[name]()
    assert isinstance(found, Game | System)
    assert len(found.field()) == len(found.variables)
    assert found == models.catalogue()[name]()
    if found.is_coordinate:
        assert found.title and found.source, "a coordinate-level model says what it is and whose"
        assert found.jacobian().shape == (len(found.variables),) * 2


def test_the_catalogue_is_the_folder():
    names = {"dirac_gan", "linear_quadratic_gan", "gaussian_gan", "gan", "lsgan", "wgan", "f_gan", "hinge_gan", "ebgan"}
    names |= {"deterministic_policy_gradient", "svg0", "nfqca", "traditional_actor_critic", "bandit"}
    names |= {"rock_paper_scissors", "matching_pennies", "stackelberg_duopoly", "quadratic_game"}
    assert names <= set(models.catalogue())
    assert "actor_critic" not in models.catalogue()  # needs an environment
    assert set(models.catalogue()) <= set(dir(models))
    with pytest.raises(AttributeError, match="has no attribute"):
        models.no_such_model


def test_files_are_not_named_like_functions():
    """A module of the folder would hide a function of the same name."""
    import pkgutil

    families = {module.name for module in pkgutil.iter_modules(models.__path__)}
    assert not families & {name for name in dir(models) if inspect.isfunction(getattr(models, name, None))}


def test_policy_gradient_theorem():
    """The derivative of the return is the occupancy-weighted sum of action values times the policy's slopes."""
    mdp, game = models.two_state_mdp(), models.policy_gradient()
    logits, field = game.variables, game.field()
    policy = sp.Matrix.vstack(*(models.softmax([logit]) for logit in logits))
    occupancy, values = mdp.occupancy(policy), mdp.action_value(policy)
    for s, logit in enumerate(logits):
        theorem = occupancy[s] / (1 - mdp.discount) * sum(values[s, a] * policy[s, a].diff(logit) for a in range(2))
        assert sp.expand(sp.together(theorem + field[logit]).as_numer_denom()[0]) == 0


def test_finite_processes_by_a_second_road():
    """Values as sums over time, cut off late, at numbers."""
    mdp = models.FiniteMDP(
        (sp.Matrix([[1, 0], [sp.Rational(1, 2)] * 2]), sp.Matrix([[0, 1], [0, 1]])),
        sp.Matrix([[1, 2], [0, -1]]),
        sp.Rational(1, 2),
        (1, 0),
    )
    policy = sp.Matrix([[sp.Rational(1, 3), sp.Rational(2, 3)], [1, 0]])
    P, r = mdp.induced(policy), mdp.expected_reward(policy)
    walked = sum((sp.Rational(1, 2) ** k * P**k * r for k in range(40)), sp.zeros(2, 1))
    assert max(abs(entry) for entry in mdp.value(policy) - walked) < 1e-10
    assert sum(mdp.occupancy(policy)) == 1
    assert sp.expand((mdp.occupancy(policy) * r)[0] - (1 - mdp.discount) * mdp.performance(policy)) == 0
    averaged = sp.Matrix([sum(policy[s, a] * mdp.action_value(policy)[s, a] for a in range(2)) for s in range(2)])
    assert averaged == mdp.value(policy)


def test_processes_that_do_not_fit_are_refused():
    with pytest.raises(GameError, match="transition matrices"):
        models.FiniteMDP((sp.eye(2),), sp.Matrix([[1, 0]]), sp.Rational(1, 2), (1,))
    with pytest.raises(GameError, match="sum to one"):
        models.FiniteMDP((sp.Matrix([[2]]),), sp.Matrix([[1]]), sp.Rational(1, 2), (1,))


def test_an_action_cannot_be_seen_before_it_is_chosen():
    from bilevel.language import data, random, vector

    s, a = random("s", data("rho", "k")), vector("a", "k")
    with pytest.raises(GameError, match="sight"):
        models.Environment(state=s, action=a, reward=sp.S.One, critic_sees=(a,), actor_sees=(a,))
    with pytest.raises(GameError, match="density"):
        models.Policy(vector("theta", "p"))


def test_who_sees_what_is_data():
    assert models.gan_environment().blind and not models.gan_environment(sighted=True).blind
    assert models.gan_environment().stateless and not models.decision_process().stateless
    assert not models.decision_process().blind


def test_no_two_files_of_the_folder_define_one_name():
    """The later file would hide the earlier one's function."""
    import importlib
    import pkgutil

    seen: dict[str, str] = {}
    for module in pkgutil.iter_modules(models.__path__):
        if module.ispkg:
            continue
        family = importlib.import_module(f"bilevel.models.{module.name}")
        for name, value in vars(family).items():
            if not name.startswith("_") and getattr(value, "__module__", None) == family.__name__:
                assert seen.setdefault(name, module.name) == module.name, name
