"""Strategies on batches drawn from normal laws, against quadrature and draws."""

from __future__ import annotations

import numpy as np
import pytest

from bilevel import models as M
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.models import strategies as S
from bilevel.rules import flow, linearise
from tests.models.test_batches import f

jax = pytest.importorskip("jax")
jnp = jax.numpy


def quadrature(seen, center, n=121):
    """Jacobian of the gradients of a Gaussian GAN in batches, every average by the trapezoidal rule."""
    grid = np.linspace(-8, 8, n)
    weight = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi) * (grid[1] - grid[0])
    first, second = (m.ravel() for m in np.meshgrid(grid, grid))
    chance = np.outer(weight, weight).ravel()

    def field(point):
        theta, w = point[0], point[1:]
        loss = lambda t, v: seen(center + first, center + second, t + first, t + second, v)
        actor = jax.grad(lambda t: (chance * f(loss(t, w)[1])).sum())(theta)
        critic = jax.grad(lambda v: -(chance * (f(-loss(theta, v)[0]) + f(loss(theta, v)[1]))).sum())(w)
        return jnp.concatenate([actor[None], critic])

    return field


def gaussian_cases(x1, x2, g1, g2, w):
    """Joint batches of one real and one generated point: real point 1, generated point 2."""
    off = (x1 - g2) / 2
    scaled = off / jnp.sqrt(off**2 + 0.25)
    return w[0] + w[1] * scaled, w[0] - w[1] * scaled


def gaussian_closeness(x1, x2, g1, g2, w):
    return (w[0] + w[1] * x1 + w[2] * jnp.exp(-jnp.abs(x1 - x2)), w[0] + w[1] * g1 + w[2] * jnp.exp(-jnp.abs(g1 - g2)))


@pytest.mark.parametrize(
    ("strategy", "seen", "weights", "atol"),
    [
        (S.batch_normalization("1/4", "joint", 1), gaussian_cases, 2, 1e-6),
        (S.minibatch_discrimination(n=2), gaussian_closeness, 3, 2e-3),  # the kink costs the rule its accuracy
    ],
)
def test_averages_over_normal_batches_agree_with_quadrature(strategy, seen, weights, atol):
    game, rule = strategy(M.gaussian_gan_in_samples(1), flow())
    at = {str(v): int(str(v) == "theta") for v in game.variables}
    ours = np.array(linearise(game, rule, at).matrix.evalf().tolist(), dtype=float)
    theirs = -np.array(jax.jacfwd(quadrature(seen, 1.0))(jnp.array([1.0] + [0.0] * weights)))
    assert np.allclose(ours, theirs, atol=atol)


def test_a_normalised_pair_of_draws_with_a_density_is_a_fair_coin():
    """(x1 - x2)/|x1 - x2| with eps = 0 is +-1, evenly: nothing of the actor is left, and the critic fits nothing."""
    pair = S.batch_normalization(0, "separate", 2)
    game, _ = pair(M.gaussian_gan_in_samples(1), flow())
    assert game.field()[game["generator"].moves[0]] == 0
    theta, *phi = game.variables
    draw = np.random.default_rng(2)
    at = (0.7, 0.4, -1.3)
    ours = [float(game.field()[v].subs(dict(zip(game.variables, at, strict=True)))) for v in phi]
    seen = lambda x: np.sign(x[:, 0] - x[:, 1])
    real, made = seen(draw.normal(1, 1, (400_000, 2))), seen(draw.normal(at[0], 1, (400_000, 2)))
    s = lambda t: 1 / (1 + np.exp(-t))
    up, down = s(at[1] + at[2] * real), s(-(at[1] + at[2] * made))
    slopes = [(up - 0 * real).mean() - down.mean(), (up * real).mean() - (down * made).mean()]
    assert np.allclose(ours, [slopes[0], slopes[1]], atol=5e-3)
    small = S.batch_normalization("1/1000000", "separate", 2)(M.gaussian_gan_in_samples(1), flow())[0]
    assert small.field()[theta] == 0, "the same for every eps: a pair does not know where it is"
    with pytest.raises(GameError, match="give epsilon > 0"):
        pair(M.gan_in_samples())


def test_a_pair_of_one_real_and_one_generated_point_jumps_and_is_not_differentiated():
    with pytest.raises(UnknownAnswer, match="jumps"):
        S.batch_normalization(0, "joint", 1)(M.gaussian_gan_in_samples(1))
