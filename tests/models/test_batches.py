"""Strategies on batches written out in full, against batch losses written by hand in JAX, batch by batch."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import sympy as sp

from bilevel import models as M
from bilevel.language.coordinate_laws import Finite
from bilevel.language.errors import GameError
from bilevel.models import strategies as S

jax = pytest.importorskip("jax")
jnp = jax.numpy
Q = sp.Rational
REAL, NOISE = ((-1.0, 1 / 3), (2.0, 2 / 3)), ((-1.0, 1 / 2), (0.5, 1 / 4), (1.0, 1 / 4))


def gan():
    """A critic w1 x + w2 x^2, a generator b + c z, and laws on two and three points."""
    return M.gan_in_samples(
        lambda x, w1, w2: w1 * x + w2 * x**2,
        lambda z, b, c: b + c * z,
        weights=("w1", "w2"),
        parameters=("b", "c"),
        data=Finite((-1, 2), (Q(1, 3), Q(2, 3))),
        noise=Finite((-1, Q(1, 2), 1), (Q(1, 2), Q(1, 4), Q(1, 4))),
    )


def f(t):
    return -jax.nn.softplus(-t)


def batches(size, *laws):
    """Every way to draw `size` points of each law, with its probability."""
    draws = [list(itertools.product(law, repeat=size)) for law in laws]
    for groups in itertools.product(*draws):
        yield [np.array([v for v, _ in group]) for group in groups], np.prod([p for g in groups for _, p in g])


def normalise(x, over, eps, stop=False):
    mean, variance = jnp.mean(over), jnp.var(over)
    if stop:
        mean, variance = jax.lax.stop_gradient((mean, variance))
    return (x - mean) / jnp.sqrt(variance + eps)


def closeness(x):
    """sum over j != i of exp(-|x_i - x_j|)."""
    return jnp.exp(-jnp.abs(x[:, None] - x[None, :])).sum(axis=1) - 1


def gradients(seen, size, point):
    """Gradients of generator and critic, the batch shown as `seen` says, the mean over a batch and over all batches."""

    drawn = [(x, z, p) for (x, z), p in batches(size, REAL, NOISE)]
    reals, noises, chances = (np.array(column) for column in zip(*drawn, strict=True))

    def losses(theta, w, x, z):
        real, fake = seen(x, theta[0] + theta[1] * z, w)
        return jnp.array([f(fake).mean(), -(f(-real).mean() + f(fake).mean())])

    average = lambda t, w: chances @ jax.vmap(lambda x, z: losses(t, w, x, z))(reals, noises)
    by_actor, by_critic = (jax.jacrev(average, k) for k in (0, 1))
    theta, w = jnp.array(point[:2]), jnp.array(point[2:])
    return [float(v) for v in (*by_actor(theta, w)[0], *by_critic(theta, w)[1])]


def D(x, w):
    return w[0] * x + w[1] * x**2


def joint(stop):
    def seen(x, g, w):
        both = jnp.concatenate([x + 0 * g[:1], g])
        return D(normalise(x, both, 0.25, stop), w), D(normalise(g, both, 0.25, stop), w)

    return seen


def separate(x, g, w):
    return D(normalise(x, x, 0.25), w), D(normalise(g, g, 0.25), w)


def virtual(x, g, w):
    mean = sum(v * p for v, p in REAL)
    spread = np.sqrt(sum(v * v * p for v, p in REAL) - mean**2)
    reference = np.array([mean - spread, mean + spread])  # two points with the mean and the variance of the law
    each = jax.vmap(lambda y: normalise(y, jnp.append(reference, y), 0.25))
    return D(each(x + 0 * g[:1]), w), D(each(g), w)


def discriminating(x, g, w):
    return D(x, w) + w[2] * closeness(x + 0 * g[:1]), D(g, w) + w[2] * closeness(g)


def close_once_normalised(over):
    """Closeness of the normalised points of a batch, real and generated normalised as `over` says."""

    def seen(x, g, w):
        x, g = over(x + 0 * g[:1], g)
        return D(x, w) + w[2] * closeness(x), D(g, w) + w[2] * closeness(g)

    return seen


def apart(x, g):
    return normalise(x, x, 0.25), normalise(g, g, 0.25)


def together(x, g):
    both = jnp.concatenate([x, g])
    return normalise(x, both, 0.25), normalise(g, both, 0.25)


def normalised_once_close(x, g, w):
    x = x + 0 * g[:1]
    nx, ng = together(x, g)
    return D(nx, w) + w[2] * closeness(x), D(ng, w) + w[2] * closeness(g)


def against(points):
    """Normalised with the points of a given reference batch and oneself."""

    def seen(x, g, w):
        each = jax.vmap(lambda y: normalise(y, jnp.append(jnp.array(points), y), 0.25))
        return D(each(x + 0 * g[:1]), w), D(each(g), w)

    return seen


CLOSE = S.minibatch_discrimination(n=2)
CASES = {
    "closeness of what batches of 2 have normalised": (
        S.batch_normalization("1/4", "separate", 2) | CLOSE,
        close_once_normalised(apart),
        2,
    ),
    "closeness of what joint batches of 2 have normalised": (
        S.batch_normalization("1/4", "joint", 2) | CLOSE,
        close_once_normalised(together),
        2,
    ),
    "closeness, then joint batches of 2": (
        CLOSE | S.batch_normalization("1/4", "joint", 2),
        normalised_once_close,
        2,
    ),
    "a reference batch that is given": (
        S.batch_normalization("1/4", "reference", reference=("-1/2", 3, 1)),
        against([-0.5, 3.0, 1.0]),
        1,
    ),
    "joint batches of 1": (S.batch_normalization("1/4", "joint", 1), joint(False), 1),
    "joint batches of 2": (S.batch_normalization("1/4", "joint", 2), joint(False), 2),
    "joint batches of 2, statistics held": (S.batch_normalization("1/4", "joint", 2, "stopped"), joint(True), 2),
    "batches of 3 of each kind": (S.batch_normalization("1/4", "separate", 3), separate, 3),
    "a reference batch of 2": (S.batch_normalization("1/4", "reference", 2), virtual, 1),
    "closeness in batches of 2": (S.minibatch_discrimination(n=2), discriminating, 2),
    "closeness in batches of 3": (S.minibatch_discrimination(n=3), discriminating, 3),
}


def values(game, point):
    """The field at a point, in doubles."""
    known = {"sigmoid": lambda t: 1 / (1 + np.exp(-t)), "softplus": lambda t: np.log1p(np.exp(t))}
    field = sp.lambdify(game.variables, [*game.field().values()], [known, "numpy"])
    return [float(v) for v in field(*map(float, point))]


@pytest.fixture(autouse=True)
def in_doubles():
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        yield


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_field_is_the_average_gradient_of_a_batch_loss_written_by_hand(name):
    strategy, seen, size = CASES[name]
    game, _ = strategy(gan())
    draw = random.Random(5)
    for _ in range(1 if size > 1 else 2):
        point = [Q(draw.randint(-9, 9), 7) + Q(1, 30) for _ in game.variables]
        theirs = gradients(seen, size, [float(v) for v in point])
        assert np.allclose(values(game, point), theirs, atol=1e-9), name


def test_holding_the_statistics_fixed_is_another_gradient_and_a_mutant_is_seen():
    strategy, _, size = CASES["joint batches of 2"]
    game, _ = strategy(gan())
    point = [Q(1, 3), Q(4, 5), Q(1, 2), Q(-2, 3)]
    assert not np.allclose(values(game, point), gradients(joint(True), size, [float(v) for v in point]), atol=1e-4)


def policy_gradients(size, eps, theta, q, entropy):
    """Score-function gradients of a batch of actions whose indicators are normalised, and of the critic's regression"""
    rewards = np.array([np.log(2.0), 0.0])
    log_pi = lambda t: jnp.array([-jax.nn.softplus(-t), -jax.nn.softplus(t)])
    actor, critic = 0.0, np.zeros(2)
    pi = np.exp(np.array(log_pi(theta)))
    for actions in itertools.product(range(2), repeat=size):
        p, hot = np.prod(pi[list(actions)]), np.eye(2)[list(actions)]
        shown = (hot - hot.mean(axis=0)) / np.sqrt(hot.var(axis=0) + eps)
        for a, x in zip(actions, shown, strict=True):
            score = float(jax.grad(lambda t, a=a: log_pi(t)[a])(theta))
            actor += p / size * score * -(q @ x)
            critic += p / size * (q @ x - rewards[a]) * x
    bonus = jax.grad(lambda t: -entropy * -(jnp.exp(log_pi(t)) * log_pi(t)).sum())(theta)
    return [actor + float(bonus), *critic]


@pytest.mark.parametrize("size", [2, 3])
def test_a_batch_of_actions_gives_the_average_of_scores_times_normalised_values(size):
    game, _ = S.batch_normalization("1/4", "separate", size)(M.bandit_in_samples())
    point = [Q(1, 3), Q(3, 4), Q(-1, 5)]
    theirs = policy_gradients(size, 0.25, 1 / 3, np.array([0.75, -0.2]), 1.0)
    assert np.allclose(values(game, point), theirs, atol=1e-9)


def test_the_actor_of_a_normalised_bandit_sees_the_share_of_the_advantage_that_its_batch_leaves():
    # Both actions are in a batch of 2 together or x = 0: the critic fits (r1 - r2)/2, and so the logit it leads to.
    game, _ = S.batch_normalization("1/4", "separate", 2)(M.bandit_in_samples())
    theta, q1, q2 = game.variables
    at = {theta: sp.log(2) / 2, q1: sp.log(2) / sp.sqrt(2), q2: 0}  # (q1 - q2)/sqrt 2 = log(2)/2
    assert all(sp.simplify(slope.subs(at).rewrite(sp.exp)) == 0 for slope in game.field().values())


def test_batches_nest_where_they_are_the_same_and_say_so_where_they_are_not():
    by_two = S.batch_normalization("1/4", "separate", 2)
    for second, match in (
        (S.minibatch_discrimination(n=3), "give n = 2"),
        (S.replay_buffers("1/2") | S.minibatch_discrimination(n=2), "right after the other"),
        (S.batch_normalization("1/4", "separate", 2, "stopped"), "holds its batch fixed"),
    ):
        with pytest.raises(GameError, match=match):
            (by_two | second)(gan())
    for reference, n, match in (
        ((), None, "at least one"),
        ((1, (2, 3)), None, "1 coordinate"),
        ((1,), 2, "either n or"),
    ):
        with pytest.raises(GameError, match=match):
            S.batch_normalization("1/4", "reference", n, reference=reference)(gan())
    with pytest.raises(GameError, match="batches='reference'"):
        S.batch_normalization("1/4", "joint", reference=(1, 2))


def test_a_reference_batch_may_be_of_symbols_and_one_that_is_the_law_is_the_law():
    r = sp.Symbol("r", real=True)
    symbolic, _ = S.batch_normalization("1/4", "reference", reference=(r, -r))(gan())
    numbers, _ = S.batch_normalization("1/4", "reference", reference=(2, -2))(gan())
    assert r in symbolic.parameters
    put = lambda game: [e.subs(r, 2) for e in game.field().values()]
    point = dict(zip(numbers.variables, (Q(1, 3), Q(4, 5), Q(1, 2), Q(-2, 3)), strict=True))
    for ours, theirs in zip(put(symbolic), numbers.field().values(), strict=True):
        assert abs(sp.N((ours - theirs).subs(point), 30)) < 1e-25
    (mean, spread), laws = (1, sp.sqrt(2)), S.batch_normalization("1/4", "reference", 2)(gan())[0]
    given = S.batch_normalization("1/4", "reference", reference=(mean - spread, mean + spread))(gan())[0]
    for ours, theirs in zip(given.field().values(), laws.field().values(), strict=True):
        assert abs(sp.N((ours - theirs).subs(point), 30)) < 1e-25


def test_batch_sizes_and_words_are_checked():
    with pytest.raises(GameError, match="whole number of points"):
        S.batch_normalization("1/4", "joint", "1/2")(gan())
    with pytest.raises(GameError, match="give epsilon > 0"):
        S.batch_normalization(0, "separate", 2)(M.bandit_in_samples())
    with pytest.raises(GameError, match="'through' or 'stopped'"):
        S.batch_normalization(1, "joint", 1, "frozen")


def test_a_batch_norm_of_one_point_takes_everything_away():
    game, _ = S.batch_normalization("1/4", "separate", 1)(gan())
    assert all(slope == 0 for slope in game.field().values())


def test_large_batches_leave_the_actor_of_a_bandit_the_whole_advantage():
    # The mean of what is shown is 0, so the critic fits r_a - E r: the logit stays at r_1 - r_2.
    game, _ = S.batch_normalization("1/4", "separate")(M.bandit_in_samples())
    theta, q1, q2 = game.variables
    pi = Q(2, 3)
    at = {theta: sp.log(2), q1: sp.log(2) * sp.sqrt(pi * (1 - pi) + Q(1, 4)), q2: 0}
    assert all(abs(sp.N(slope.subs(at), 30)) < 1e-25 for slope in game.field().values())
