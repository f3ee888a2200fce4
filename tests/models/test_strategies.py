"""Strategies map game and rule to game and rule: laws every one keeps, and known results two roads lead to."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest
import sympy as sp

from bilevel import models as M
from bilevel.analysis import compare, stability
from bilevel.analysis.analyse import analyse
from bilevel.game import Game, Player, maximize, minimize
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.nodes import stop_gradient
from bilevel.models import strategies as S
from bilevel.models.strategies.protocol.strategy import NotApplicable
from bilevel.rules import alternating, derive, flow, heavy_ball, linearise, simultaneous

h = sp.Symbol("h", positive=True)
Q = sp.Rational
MAKERS = {
    "dirac": M.gan_in_samples,
    "linear-quadratic": M.linear_quadratic_gan_in_samples,
    "gaussian": M.gaussian_gan_in_samples,
    "bandit": M.bandit_in_samples,
    "two states": M.two_states_in_samples,
    "regulator": M.regulator_in_samples,
}
POINTS = {
    "dirac": {"theta": 0, "psi": 0},
    "gaussian": {"theta": 0, "phi_1": 0, "phi_2": 0},
    "bandit": {"theta": sp.log(2), "q1": sp.log(2), "q2": 0},
    "two states": {"theta_1": 0, "theta_2": 0, "q_1_1": 1, "q_1_2": 1, "q_2_1": 0, "q_2_2": 0},
    "regulator": {"k": "1/2", "w1": "-5/2", "w2": -2, "w3": -2},
}


def spectrum(game, rule, at):
    """The characteristic polynomial of a rule at a point; followers stand where what they follow stands."""
    by_name = {str(key): value for key, value in at.items()}
    whole = {str(v): by_name.get(str(v), by_name.get(str(v).rpartition("_")[0], 0)) for v in game.variables}
    z = sp.Symbol("z")
    return sp.factor(linearise(game, rule, whole).matrix.charpoly(z).as_expr())


# --- the problems in samples are the catalogue's -------------------------------------------------------------------


def same_field(sampled, known):
    there = {str(v): slope for v, slope in known.field().items()}
    gaps = (slope - there[str(v)] for v, slope in sampled.field().items())
    return all(sp.simplify(gap.rewrite(sp.exp)) == 0 for gap in gaps)


def test_the_dirac_gan_in_samples_is_the_dirac_gan():
    assert same_field(M.gan_in_samples(), M.dirac_gan())


def test_the_bandit_in_samples_is_the_bandit():
    game = M.bandit()
    put = {next(s for s in game.parameters if s.name == n): v for n, v in (("r1", 3), ("r2", 1), ("beta", 1))}
    assert same_field(M.bandit_in_samples((3, 1)), game.map_losses(lambda loss: loss.subs(put)))


def test_the_regulator_in_samples_has_the_spectrum_of_the_actor_critic_in_closed_form():
    chosen = {"a": 1, "b": 1, "gain": "1/2", "discount": "1/2"}
    known = M.lqr_actor_critic(**chosen, exploration="3/4")
    sampled = M.regulator_in_samples({"v": "3/4", "q": "3/4", "r": "1/2"})
    there = {"k": "1/2", "w1": "-5/4", "w2": -1, "w3": -1}
    for rule in (simultaneous(Q(1, 7)), alternating(Q(1, 5))):
        at = {str(v): x for v, x in M.lqr_equilibrium(**chosen).items()}
        assert sp.expand(spectrum(known, rule, at) - spectrum(sampled, rule, there)) == 0


# --- laws ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dirac", "bandit", "regulator"])
def test_composition_has_a_unit_and_is_associative(name):
    game, rule = MAKERS[name](), alternating(h)
    a, b, c = S.two_time_scales(2), S.weight_averaging("1/3"), S.historical_averaging("1/2", "1/10")
    for left, right in ((a | S.identity(), a), (S.identity() | a, a), ((a | b) | c, a | (b | c))):
        (one, first), (two, second) = left(game, rule), right(game, rule)
        assert one == two and str(first) == str(second)


NEUTRAL_STRENGTH = {
    "label_smoothing": {"epsilon": 0},
    "historical_averaging": {"weight": 0, "rate": "1/10"},
    "entropy_regularization": {"beta": 0},
    "gradient_penalty": {"gamma": 0},
    "wgan_gp": {"gamma": 0},
    "dragan": {"gamma": 0},
    "instance_noise": {"variance": 0},
    "two_time_scales": {"ratio": 1},
    "consensus_optimization": {"weight": 0},
    "gradient_norm_penalty": {"weight": 0},
    "target_policy_smoothing": {"variance": 0},
    "trust_region": {"weight": 0},
    "delayed_actor": {"every": 1},
}


@pytest.mark.parametrize("name", sorted(NEUTRAL_STRENGTH))
@pytest.mark.parametrize("problem", ["gaussian", "regulator"])
def test_at_strength_zero_the_players_move_as_before(name, problem):
    game = MAKERS[problem]()
    changed, rule = getattr(S, name)(**NEUTRAL_STRENGTH[name])(game, simultaneous(h))
    before, after = derive(game, simultaneous(h)).composed(), derive(changed, rule).composed()
    assert all(sp.expand(before[v] - after[v]) == 0 for v in game.variables)


def test_replay_and_target_copies_at_rate_one_change_nothing_for_the_players():
    game, at, step = M.regulator_in_samples(), POINTS["regulator"], Q(1, 7)
    plain = spectrum(game, simultaneous(step), at)
    for strategy in (S.replay_buffers(1), S.target_networks(1)):
        changed, rule = strategy(game, simultaneous(step))
        copies = len(changed.variables) - len(game.variables)
        assert sp.expand(spectrum(changed, rule, at) - sp.Symbol("z") ** copies * plain) == 0


@pytest.mark.parametrize("strategy", [S.historical_averaging("1/2", "1/10"), S.two_time_scales(3), S.unrolling("1/2")])
def test_names_of_players_do_not_matter(strategy):
    x, y = sp.symbols("x y", real=True)
    loss = x * y + x**2 / 3 - y**2 / 5
    one = Game(generator=minimize(loss, x), discriminator=maximize(loss, y))
    two = Game(actor=minimize(loss, x), critic=maximize(loss, y))
    at = {"x": 0, "y": 0}
    assert spectrum(*strategy(one, simultaneous(h)), at) == spectrum(*strategy(two, simultaneous(h)), at)


@pytest.mark.parametrize("name", sorted(S.catalogue()))
def test_every_strategy_says_its_row_and_acts_or_says_why_not(name):
    make = S.catalogue()[name]
    for variant in make.row.variants:
        strategy = make(**{k: v for k, v in make.row.numbers if k not in variant}, **variant)
        for problem in ("dirac", "bandit", "regulator"):
            game = MAKERS[problem]()
            with contextlib.suppress(NotApplicable, UnknownAnswer):
                changed, rule = strategy(game, alternating(h))
                assert set(game.players) <= set(changed.players) and rule.time == "discrete"
        assert strategy.symbols == frozenset()


def test_a_strategy_on_losses_acts_on_any_game_and_one_on_samples_says_what_it_needs():
    game = M.dirac_gan("wasserstein")
    changed, rule = S.historical_averaging("1/2", "1/10")(game, heavy_ball(h, "1/10"))
    assert linearise(changed, rule, dict.fromkeys(map(str, changed.variables), 0)).matrix.rows == 8
    with pytest.raises(UnknownAnswer, match="what the critic is shown"):
        S.label_smoothing("1/10")(game)
    with pytest.raises(GameError, match="instantiate"):
        S.two_time_scales(2)(M.gan())
    with pytest.raises(GameError, match="which player is the critic"):
        x, y = sp.symbols("x y", real=True)
        S.two_time_scales(2)(Game(one=minimize(x * y, x), two=minimize(x * y, y)), simultaneous(h))


# --- known results, two roads ---------------------------------------------------------------------------------------


def test_r1_and_instance_noise_on_the_dirac_gan_have_the_published_spectra():
    gamma, s, game, z = *sp.symbols("gamma s", positive=True), M.gan_in_samples(), sp.Symbol("z")
    at = POINTS["dirac"]
    assert sp.expand(spectrum(*S.gradient_penalty(gamma)(game), at) - (z**2 + gamma * z + Q(1, 4))) == 0
    # f'(0) = 1/2 and f''(0) = -1/4: f2 s +- sqrt(f2^2 s^2 - f1^2) has sum -s/2 and product 1/4.
    assert sp.expand(spectrum(*S.instance_noise(s)(game), at) - (z**2 + s * z / 2 + Q(1, 4))) == 0


def test_a_target_copy_is_idle_in_a_gan_and_not_in_a_process_that_goes_on():
    tau = sp.Symbol("tau", positive=True)
    gan = M.gaussian_gan_in_samples()
    changed, _ = S.target_networks(tau)(gan)
    assert all(changed.field()[v] == gan.field()[v] for v in gan.variables)
    process = M.two_states_in_samples()
    changed, _ = S.target_networks(tau)(process)
    assert any(changed.field()[v] != process.field()[v] for v in process.variables)


def test_the_places_of_a_target_copy_are_found_in_any_loss_that_holds_them_fixed():
    w, k = sp.symbols("w k", real=True)
    gamma = sp.Symbol("gamma", positive=True)
    game = Game(critic=minimize((1 + 2 * gamma * stop_gradient(w) - w) ** 2 / 2, w), actor=minimize(k**2, k))
    changed, _ = S.target_networks("1/10")(game, simultaneous(h))
    (copy,) = changed["target"].moves
    assert sp.expand(changed.field()[w] - (w - 1 - 2 * gamma * copy)) == 0
    fixed = {w: 1 / (1 - 2 * gamma), copy: 1 / (1 - 2 * gamma), k: 0}
    # One feature, w -> 2w: the divergence for gamma > 1/2 is the copy's too.
    verdict = stability(changed, flow(), at=fixed)
    assert verdict.condition.subs(gamma, Q(2, 5)) == sp.true and verdict.condition.subs(gamma, Q(3, 5)) == sp.false


def test_replay_makes_the_dirac_gan_unstable_and_exactly_so():
    game = M.gan_in_samples()
    for strategy in (S.replay_buffers(window=2), S.replay_buffers("1/10")):
        changed, rule = strategy(game, alternating(h))
        after = stability(changed, rule, at=dict.fromkeys(map(str, changed.variables), 0))
        assert after.verdict == "unstable" and after.known == "exact"
        for step in (0.01, 0.3, 2.0):
            matrix = np.array(after.jacobian.subs(h, step).tolist(), dtype=float)
            assert abs(np.linalg.eigvals(matrix)).max() > 1


def test_one_sided_labels_lower_the_spread_that_a_wasserstein_critic_asks_for():
    epsilon = sp.Symbol("epsilon", positive=True)
    game, _ = S.label_smoothing(epsilon, "one")(M.linear_quadratic_gan_in_samples())
    sigma, (_, w2) = next(v for v in game.variables if str(v) == "sigma"), game.samples.weights
    slope = game.field()[w2].subs({v: 0 for v in game.variables if v != sigma})
    assert sp.expand(slope.subs(sigma, sp.sqrt(1 - 2 * epsilon))) == 0


def test_batch_normalisation_of_each_kind_by_itself_takes_the_signal_away_and_jointly_it_does_not():
    game = M.gaussian_gan_in_samples()
    theta = game.variables[0]
    separate, _ = S.batch_normalization(1, "separate")(game)
    joint, _ = S.batch_normalization(1, "joint")(game)
    assert separate.field()[theta] == 0
    assert joint.field()[theta] != 0


def test_a_threshold_that_is_met_freezes_and_a_mutant_that_freezes_the_other_player_is_seen():
    game = M.gan_in_samples()
    frozen, _ = S.freezing(threshold=2)(game)
    free, _ = S.freezing(threshold=1)(game)
    at = POINTS["dirac"]
    assert linearise(frozen, flow(), at).matrix.row(1) == sp.zeros(1, 2)  # the loss is 2 log 2 < 2
    assert linearise(free, flow(), at).matrix == linearise(game, flow(), at).matrix
    other, _ = S.freezing("actor", threshold=2)(game)
    assert linearise(other, flow(), at).matrix.row(1) != sp.zeros(1, 2)
    with pytest.raises(GameError, match="kink"):
        linearise(S.freezing(threshold=2 * sp.log(2))(game)[0], flow(), at)


def test_unrolling_keeps_the_equilibrium_of_a_zero_sum_game_and_leaves_others_alone():
    # The generator's loss is the whole value, data and all: at the equilibrium its slope in the critic vanishes.
    for problem in ("dirac", "gaussian"):
        linearise(*S.unrolling("1/2")(MAKERS[problem](), flow()), POINTS[problem])
    bandit = MAKERS["bandit"]()
    assert S.unrolling("1/2")(bandit)[0].costs == bandit.costs


@pytest.mark.parametrize("name", ["historical_averaging", "target_networks"])
def test_the_exact_region_agrees_with_eigenvalues_at_random_steps(name):
    make = S.catalogue()[name]
    game, rule = make(**dict(make.row.numbers))(M.two_states_in_samples(), alternating(h))
    there = POINTS["two states"]
    names = [str(v) for v in game.variables]
    linear = linearise(game, rule, {n: there.get(n, there.get(n.rpartition("_")[0])) for n in names})
    verdict = analyse(linear.matrix, time="discrete")
    draw = random.Random(3)
    for _ in range(12):
        step = Q(draw.randint(1, 200), 20)
        matrix = np.array(linear.matrix.subs(h, step).tolist(), dtype=float)
        radius = abs(np.linalg.eigvals(matrix)).max()
        if abs(radius - 1) > 1e-6:
            assert bool(verdict.condition.subs(h, step)) == (radius < 1)


# --- comparing verdicts ---------------------------------------------------------------------------------------------


def of(*conditions):
    """A map that is stable where all the given numbers lie inside the unit circle."""
    return analyse(sp.diag(*conditions), time="discrete")


def test_comparisons_are_antisymmetric_and_reflexive():
    wide, narrow, other = of(1 - h), of(1 - 2 * h), of(2 - h)
    assert compare(narrow, wide).word == "helps" and compare(wide, narrow).word == "hurts"
    assert compare(wide, wide).word == "neutral"
    found = compare(wide, other)  # (0, 2) against (1, 3)
    assert found.word == "depends" and 2 <= found.gained[h] < 3 and 0 < found.lost[h] <= 1


def test_a_gap_between_close_irrational_ends_is_seen():
    found = compare(of(1 - sp.sqrt(2) * h), of(1 - Q(1414, 1000) * h))
    assert found.word == "helps" and sp.sqrt(2) <= found.gained[h] < 2 / Q(1414, 1000)


def test_where_nothing_is_stable_the_unstable_sets_are_compared():
    spiral = analyse(sp.Matrix([[1, -h], [h, 1]]), time="discrete")
    turning = analyse(sp.Matrix([[1, -h], [h, 1 - h**2]]), time="discrete")
    assert compare(spiral, turning).word == "helps" and compare(turning, spiral).word == "hurts"


def test_a_player_of_another_sense_pays_the_same_cost():
    x, y = sp.symbols("x y", real=True)
    one = Game(a=minimize(x * y, x), b=maximize(x * y, y))
    two = one.with_players(b=Player((y,), -x * y, "min"))
    paid = [S.with_costs(game, {"b": y**2}) for game in (one, two)]
    assert paid[0].field() == paid[1].field()


def test_what_is_done_to_points_leaves_alone_what_other_strategies_have_added_to_them():
    game, twin = M.gaussian_gan_in_samples(), S.twin_critics(0)
    theta = game.variables[0]
    for other in (S.batch_normalization("1/4", "joint"), S.instance_noise("1/4")):
        first, then = (one(game)[0] for one in (other | twin, twin | other))
        # The actor follows the first critic, whichever came first.
        assert first.field()[theta] != 0 and first.field()[theta] == then.field()[theta], str(other)
