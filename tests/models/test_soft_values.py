"""Soft values on exact instances: the consistency of every action, contraction, the best policy; and the actors."""

from __future__ import annotations

from random import Random

import pytest
import sympy as sp

from bilevel.game import Game, minimize
from bilevel.language import E, equal, gradient, network, normal, random, vector
from bilevel.language.errors import GameError
from bilevel.models import (
    Policy,
    baseline_actor,
    decision_process,
    fisher,
    gaussian_policy,
    imagined_return,
    natural_direction,
    soft_backup,
    soft_bandit,
    soft_players,
    soft_policy,
    soft_process,
    soft_value,
    stochastic_policy_gradient,
)
from bilevel.numeric.check import check_gradient
from tests.models.test_process_matrices import shares

TAU = sp.Symbol("tau", positive=True)
ZERO = lambda m: all(sp.simplify(sp.expand_log(entry, force=True)) == 0 for entry in m)


def made(seed: int):
    """A process with known soft values V and best policy."""
    source = Random(seed)
    n, m = 2, source.randint(2, 3)
    moves = [sp.Matrix([shares(source, n) for _ in range(n)]) for _ in range(m)]
    policy = sp.Matrix([shares(source, m) for _ in range(n)])
    values = sp.Matrix([sp.Rational(source.randint(-4, 4), 3) for _ in range(n)])
    tau, gamma = sp.Rational(source.randint(1, 4), 2), sp.Rational(source.randint(1, 8), 9)
    return soft_process(moves, policy, values, gamma, tau, shares(source, n)), policy, values, tau


@pytest.mark.parametrize("seed", range(3))
def test_made_values_are_the_fixed_point_and_the_policy_is_the_softmax(seed):
    mdp, policy, values, tau = made(seed)
    assert ZERO(soft_backup(mdp, values, tau) - values)
    assert ZERO(soft_policy(mdp, values, tau) - policy)
    assert ZERO(soft_value(mdp, policy, tau) - values), "the best policy's own value with the bonus"


@pytest.mark.parametrize("seed", range(3))
def test_another_policy_has_lower_soft_value_in_every_state(seed):
    mdp, policy, values, tau = made(seed)
    other = sp.Matrix([shares(Random(seed + 50 + s), policy.cols) for s in range(policy.rows)])
    gap = values - soft_value(mdp, other, tau)
    assert all(g.evalf() >= 0 for g in gap) and any(g.evalf() > 0 for g in gap)


@pytest.mark.parametrize("seed", range(3))
def test_along_a_path_rewards_less_log_probabilities_add_up(seed):
    mdp, policy, values, tau = made(seed)
    P, gamma = mdp.transitions, mdp.discount
    paid = lambda s, a: mdp.rewards[s, a] - tau * sp.log(policy[s, a])
    for s in range(2):
        for a in range(policy.cols):
            for b in range(policy.cols):  # a first, then b wherever it leads
                later = sum(P[a][s, t] * (paid(t, b) + gamma * (P[b].row(t) * values)[0]) for t in range(2))
                assert ZERO([paid(s, a) + gamma * later - values[s]])


@pytest.mark.parametrize("seed", range(3))
def test_the_soft_backup_contracts_by_the_discount(seed):
    mdp, *_, tau = made(seed)
    first, second = sp.Matrix([3, -1]), sp.Matrix([0, 2])
    apart = lambda u, w: max(abs(e.evalf(30)) for e in u - w)
    assert apart(soft_backup(mdp, first, tau), soft_backup(mdp, second, tau)) <= mdp.discount * apart(first, second)


def test_a_constant_passes_through_the_soft_backup_at_the_discount():
    mdp, _, values, tau = made(0)
    c = sp.Rational(7, 5)
    assert ZERO(soft_backup(mdp, values + c * sp.ones(2, 1), tau) - values - mdp.discount * c * sp.ones(2, 1))


def test_the_policy_gradient_of_the_soft_bandit_vanishes_only_at_the_softmax_of_rewards():
    game = soft_bandit()
    r, tau = sp.symbols("r1:4", real=True), next(s for s in game.parameters if s.name == "tau")
    best = {t: (r[k] - r[2]) / tau for k, t in enumerate(game.variables)}
    assert ZERO(slope.subs(best) for slope in game.field().values())
    wrong = {t: (r[k] - r[2]) for k, t in enumerate(game.variables)}
    assert not ZERO(slope.subs(wrong) for slope in game.field().values())


# --- actors of the model level ---------------------------------------------------------------------------------------

WORLD, THETA, PHI = decision_process(), vector("theta", "p"), vector("phi", "q")
DENSITY = Policy(THETA, name="pi")
GAUSSIAN = gaussian_policy(THETA, network("mu", out="m"), network("v", range="positive"))


def test_without_temperature_soft_players_are_the_ordinary_ones():
    soft = Game(soft_players(WORLD, DENSITY, network("Q"), PHI, 0)).field()
    plain = stochastic_policy_gradient().field()
    assert equal(soft[THETA], plain[THETA]).answer and equal(soft[PHI], plain[PHI]).answer


def test_the_bonus_adds_the_score_times_the_log_probability():
    soft = Game(soft_players(WORLD, DENSITY, network("Q"), PHI, TAU)).field()[THETA]
    s = WORLD.state
    a, drawn_ = DENSITY.act((s,), WORLD.action)
    log = DENSITY.log_probability((s,), a)
    score = gradient(log, THETA)
    expected = E((TAU * log - network("Q")(s, a, PHI)) * score, s, *drawn_)
    assert equal(soft, expected).answer, "the bonus's own score has mean zero"


def imagining(policy: Policy, horizon: int, value: bool) -> Game:
    """An actor that climbs the return a model imagines."""
    s, xi, f, V = WORLD.state, random("xi", normal("k")), network("f", out="k"), network("V")
    paid, drawn_ = imagined_return(
        policy,
        lambda here, a, noise: f(here, a) + noise,
        network("r"),
        state=s,
        action=WORLD.action,
        horizon=horizon,
        discount=sp.Symbol("gamma", positive=True),
        noise=(xi,),
        value=V if value else None,
    )
    return Game(actor=minimize(E(-paid, s, *drawn_), THETA))


NOISY = Policy(THETA, network("pi", out="m"), noise=(random("eta", normal("l")),))


@pytest.mark.parametrize(
    "game",
    [imagining(NOISY, 1, True), imagining(NOISY, 2, False), imagining(Policy(THETA, network("pi", out="m")), 1, True)],
    ids=["one step and a value", "the whole horizon", "deterministic"],
)
def test_imagined_returns_agree_with_automatic_differentiation(game):
    assert check_gradient(game, "actor", trials=1, dims={"k": 1, "m": 1, "l": 1}, outcomes=2).passed


def test_soft_players_agree_with_automatic_differentiation():
    game = Game(soft_players(WORLD, DENSITY, network("Q"), PHI, TAU))
    assert check_gradient(game, trials=1, dims={"k": 1, "m": 1}, outcomes=2).passed


def test_one_step_with_the_critic_as_the_model_s_value_is_the_action_value_gradient():
    # With Q(s, a) = r(s, a) + gamma E V(f(s, a, xi)) SVG(1) and SVG(0) are one actor.
    s, a, eta, xi = vector("s", "k"), vector("a", "m"), random("eta", normal("l")), random("xi", normal("k"))
    f, V, r, pi = network("f", out="k"), network("V"), network("r"), network("pi", out="m")
    gamma = sp.Symbol("gamma", positive=True)
    paid, drawn_ = imagined_return(
        Policy(THETA, pi, noise=(eta,)), f, r, state=s, action=a, horizon=1, discount=gamma, noise=(xi,), value=V
    )
    taken = pi(s, eta, THETA)
    zero = E(r(s, taken) + gamma * E(V(f(s, taken, xi)), xi), eta)
    assert equal(gradient(E(paid, *drawn_), THETA), gradient(zero, THETA)).answer


def test_the_score_and_the_pathwise_gradient_of_a_gaussian_actor_agree_on_a_polynomial():
    t = sp.Symbol("t", real=True)
    policy = gaussian_policy(t, network("mu"), sp.Integer(4))
    a, drawn_ = policy.act((), sp.Symbol("a", real=True))
    value = E(a**3 - a, *drawn_).subs(network("mu")(t), 3 * t)
    roads = [gradient(value, t, how=how) for how in ("score", "pathwise")]
    assert equal(*roads).answer


def test_a_baseline_leaves_the_expected_gradient_and_a_natural_direction_solves_its_equation():
    plain = baseline_actor(WORLD, DENSITY, network("Q"), PHI, sp.S.Zero)
    less = baseline_actor(WORLD, DENSITY, network("Q"), PHI, network("b")(WORLD.state))
    assert equal(gradient(plain.loss, THETA), gradient(less.loss, THETA)).answer
    looking = baseline_actor(WORLD, DENSITY, network("Q"), PHI, network("b")(WORLD.state, WORLD.action))
    assert equal(gradient(plain.loss, THETA), gradient(looking.loss, THETA)).answer is False
    game, metric = stochastic_policy_gradient(), fisher(WORLD, DENSITY)
    assert equal(metric * natural_direction(game, "actor", metric), game.field()[THETA]).answer


def test_mistakes_are_told_in_the_callers_words():
    with pytest.raises(GameError, match="no density"):
        soft_players(WORLD, Policy(THETA, network("pi", out="m")), network("Q"), PHI, TAU)
    with pytest.raises(GameError, match="whole number of steps"):
        imagining(NOISY, 0, True)
    with pytest.raises(GameError, match="one vector"):
        natural_direction(soft_bandit(), "actor", sp.Identity(2))
