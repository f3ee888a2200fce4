"""Kinks that drive the rest and do not feel themselves, and points at which a field has limits along rays only."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from bilevel import models as M
from bilevel.analysis import stability
from bilevel.analysis.cascades import cascaded
from bilevel.analysis.rays import limits_along_rays, moves_on_every_ray, peak
from bilevel.game import Game, minimize
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.nodes import stop_gradient
from bilevel.models import strategies as S
from bilevel.rules import alternating, consensus, flow, linearise, simultaneous

jax = pytest.importorskip("jax")
jnp = jax.numpy
h = sp.Symbol("h", positive=True)
x, y, z = sp.symbols("x y z", real=True)
TWO_STATES = {"theta_1": 0, "theta_2": 0, "q_1_1": 1, "q_1_2": 1, "q_2_1": 0, "q_2_2": 0}
REGULATOR = {"k": "1/2", "w1": "-5/2", "w2": -2, "w3": -2}


def placed(game, point):
    return {str(v): point.get(str(v), point.get(str(v).rpartition("_")[0])) for v in game.variables}


@pytest.mark.parametrize("case", [(M.two_states_in_samples, TWO_STATES), (M.regulator_in_samples, REGULATOR)])
def test_the_smaller_of_two_critics_decides_as_their_mean_does(case):
    (make, point), rule = case, alternating(h)
    exact, mean = (S.twin_critics(*args)(make(), rule) for args in ((), (0,)))
    with pytest.raises(GameError, match="kink"):
        linearise(*exact, placed(exact[0], point))
    ours = cascaded(*exact, placed(exact[0], point)).matrix.charpoly(sp.Symbol("s")).as_expr()
    theirs = linearise(*mean, placed(mean[0], point)).matrix.charpoly(sp.Symbol("s")).as_expr()
    assert sp.expand(ours - theirs) == 0


def twin_step(step):
    """One alternating step of TD3's target on the two-state process, written by hand: minimum and all."""
    stay, gamma, worth = np.array([3 / 4, 1 / 4]), 0.5, np.array([1.0, 0.0])
    P = np.stack([[[p, 1 - p], [1 - p, p]] for p in stay])  # action, state, next state
    rewards = np.stack([worth - gamma * P[a] @ worth for a in range(2)], axis=1)
    policy = lambda t: jnp.stack([jax.nn.sigmoid(t), jax.nn.sigmoid(-t)], axis=1)

    def visited(t):  # the discounted law of the actor's own states, from the first one on
        moves = jnp.einsum("sa,ast->st", policy(t), P)
        return jax.lax.stop_gradient(jnp.linalg.solve((jnp.eye(2) - gamma * moves).T, jnp.array([1 - gamma, 0.0])))

    def critic_loss(q, t):
        least = (policy(t) * jnp.minimum(q[0], q[1])).sum(axis=1)
        target = jax.lax.stop_gradient(rewards + gamma * jnp.einsum("ast,t->sa", P, least))
        chances = jax.lax.stop_gradient(visited(t)[:, None] * policy(t))
        return (chances * ((target - q[0]) ** 2 + (target - q[1]) ** 2)).sum() / 2

    def actor_loss(t, q):
        pi = policy(t)
        return -(visited(t)[:, None] * pi * (q[0] - jnp.log(pi))).sum()

    @jax.jit
    def advance(t, q):
        t = t - step * jax.grad(actor_loss)(t, q)
        return t, q - step * jax.grad(critic_loss)(q, t)

    return advance


@pytest.mark.parametrize(("step", "stable"), [(5.1, True), (5.6, False)])
def test_runs_of_the_kinked_update_end_at_the_point_inside_the_derived_region_and_leave_it_outside(step, stable):
    game, rule = S.twin_critics()(M.two_states_in_samples(), alternating(h))
    verdict = stability(game, rule, at=placed(game, TWO_STATES))
    assert bool(verdict.condition.subs(h, sp.Rational(str(step)))) is stable
    advance, source = twin_step(step), np.random.default_rng(3)
    with in_doubles():
        for _ in range(3):
            t, q = (jnp.array(1e-4 * source.normal(size=shape)) for shape in (2, (2, 2, 2)))
            q = q + jnp.array([[1.0, 1.0], [0.0, 0.0]])
            began = float(jnp.abs(t).max() + jnp.abs(q - jnp.array([[1.0, 1.0], [0.0, 0.0]])).max())
            for _ in range(400):
                t, q = advance(t, q)
            ended = float(jnp.abs(t).max() + jnp.abs(q - jnp.array([[1.0, 1.0], [0.0, 0.0]])).max())
            assert (ended < 1e-2 * began) if stable else not (ended < 10 * began)


def in_doubles():
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()


def held(value):
    return stop_gradient(sp.Abs(value))


def test_a_kink_that_feels_itself_a_jump_and_a_rule_that_differentiates_are_refused():
    loop = Game(a=minimize((x - held(y)) ** 2 / 2, x), b=minimize((y - held(x)) ** 2 / 2, y))
    with pytest.raises(UnknownAnswer, match="feel themselves"):
        cascaded(loop, simultaneous(h), {x: 0, y: 0})
    # Through two players: x drives |x| into y, y drives x.
    chain = Game(a=minimize((x - stop_gradient(y)) ** 2 / 2, x), b=minimize((y - held(x)) ** 2 / 2, y))
    with pytest.raises(UnknownAnswer, match="feel themselves"):
        cascaded(chain, flow(), {x: 0, y: 0})
    with pytest.raises(UnknownAnswer, match="jumps"):
        cascaded(Game(a=minimize(sp.Abs(x), x)), flow(), {x: 0})
    driven = Game(a=minimize((x - held(y)) ** 2 / 2, x), b=minimize(y**2 / 2, y))
    assert cascaded(driven, flow(), {x: 0, y: 0}).matrix == -sp.eye(2)
    with pytest.raises(UnknownAnswer, match="differentiates the field"):
        cascaded(driven, consensus(h, 1), {x: 0, y: 0})


def test_a_normalised_critic_leaves_no_rest_at_weights_zero_from_any_side():
    for game, point in (
        (M.gan_in_samples(), {"theta": 0, "psi": 0}),
        (M.linear_quadratic_gan_in_samples(), {"b": 0, "sigma": 1, "w1": 0, "w2": 0}),
        (M.gaussian_gan_in_samples(1), {"theta": 1, "phi_1": 0, "phi_2": 0}),
    ):
        changed, _ = S.spectral_normalization(0)(game)
        assert "tends to" in moves_on_every_ray(changed, point)


def test_limits_along_rays_are_those_of_the_field_at_small_distances():
    changed, _ = S.spectral_normalization(0)(M.linear_quadratic_gan_in_samples())
    point = {"b": 0, "sigma": 1, "w1": 0, "w2": 0}
    limits, field = limits_along_rays(changed, point), changed.field()
    for direction in ((1, -2, 3, 4), (-1, 1, -5, 2), (2, 0, 0, -1)):
        names = {v: sp.Rational(point[str(v)]) + sp.Rational(d, 10**9) for v, d in zip(field, direction, strict=True)}
        there = dict(zip(field, direction, strict=True))
        for v in field:
            assert abs(sp.N(field[v].subs(names)) - sp.N(limits[v].subs(there))) < 1e-6


def test_a_smooth_critic_or_one_whose_limits_vanish_on_a_ray_proves_nothing():
    assert moves_on_every_ray(Game(a=minimize(x**2, x)), {x: 0}) == ""
    flat = x * y / sp.sqrt(y**2 + z**2)  # along (d_y, d_z) = (0, 1) and d_x = 0 everything tends to 0
    assert moves_on_every_ray(Game(a=minimize(flat, x), b=minimize(-flat, y, z)), {x: 0, y: 0, z: 0}) == ""


def test_a_cost_is_a_peak_only_where_it_falls_along_all_directions():
    game = S.wgan_gp("1/2")(M.linear_quadratic_gan_in_samples())[0]
    rate = peak(game, "discriminator", {"b": 0, "sigma": 1, "w1": 0, "w2": 0})
    assert rate is not None and rate.has(sp.Abs)
    assert peak(Game(a=minimize(sp.Abs(x), x)), "a", {x: 0}) is None
    assert peak(Game(a=minimize(x - 2 * sp.Abs(x), x)), "a", {x: 0}) is None
    assert peak(Game(a=minimize(x**2, x)), "a", {x: 0}) is None


def test_an_average_that_is_sharp_at_the_point_leaves_no_impulse_in_a_matrix():
    game, rule = S.dragan(1)(M.linear_quadratic_gan_in_samples(), flow())
    point = {"b": 0, "sigma": 1, "w1": 0, "w2": 0}
    with pytest.raises(GameError, match="kink"):
        linearise(game, rule, placed(game, point))
