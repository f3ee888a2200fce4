"""The KL penalty, against divergences and rounds of steps written by hand in JAX."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from bilevel import models as M
from bilevel.language.errors import GameError
from bilevel.models import strategies as S
from bilevel.rules import alternating, flow, linearise, simultaneous

jax = pytest.importorskip("jax")
jnp = jax.numpy
Q = sp.Rational


@pytest.fixture(autouse=True)
def in_doubles():
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        yield


def softmax_gaps(old, new):
    """KL of softmax policies with last logit 0, state by state."""
    law = lambda t: jax.nn.log_softmax(jnp.stack([t, 0 * t], axis=1), axis=1)
    return (jnp.exp(law(old)) * (law(old) - law(new))).sum(axis=1)


def two_state_gap(old, new):
    """States as often as the old policy visits them, discounted by 1/2, from the first one on."""
    moves = jnp.array([[[p, 1 - p], [1 - p, p]] for p in (3 / 4, 1 / 4)])
    pi = jnp.stack([jax.nn.sigmoid(old), jax.nn.sigmoid(-old)], axis=1)
    chances = jnp.einsum("sa,ast->st", pi, moves)
    visited = jnp.linalg.solve((jnp.eye(2) - chances / 2).T, jnp.array([1 / 2, 0.0]))
    return visited @ softmax_gaps(old, new)


def normal_gap(old, new):
    (b, s), (c, r) = old, new
    return jnp.log(r / s) + (s**2 + (b - c) ** 2) / (2 * r**2) - 1 / 2


CASES = {
    "bandit": (M.bandit_in_samples, lambda old, new: softmax_gaps(old, new).sum(), (0.3,), (-0.7,)),
    "two states": (M.two_states_in_samples, two_state_gap, (0.3, -1.1), (-0.7, 0.4)),
    "linear-quadratic": (M.linear_quadratic_gan_in_samples, normal_gap, (0.3, 1.5), (-0.7, 0.8)),
    "regulator": (M.regulator_in_samples, lambda a, b: ((a - b) ** 2).sum() / 2, (0.3,), (0.8,)),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_penalty_is_the_divergence_of_the_laws(name):
    make, gap, old, new = CASES[name]
    game, changed = make(), S.trust_region(Q(3, 2))(make(), simultaneous("1/10"))[0]
    actor = game.samples.actor
    moves, before = game[actor].moves, changed["before"].moves
    put = dict(zip((*before, *moves), (*old, *new), strict=True))
    ours = [float(sp.N(sp.diff(changed[actor].cost - game[actor].cost, v).subs(put))) for v in moves]
    theirs = 1.5 * np.array(jax.grad(gap, argnums=1)(jnp.array(old), jnp.array(new)))
    assert np.allclose(ours, theirs, atol=1e-12)


def round_of(steps, step, weight):
    """Alternating steps on the bandit, the actor drawn to where the round began."""
    rewards = jnp.array([jnp.log(2.0), 0.0])
    law = lambda t: jax.nn.log_softmax(jnp.array([t, 0.0]))

    def actor(t, q, anchor):
        gain = (jnp.exp(law(t)) * (q - law(t))).sum()
        return -gain + weight * (jnp.exp(law(anchor)) * (law(anchor) - law(t))).sum()

    def critic(q, t):
        return (jnp.exp(law(t)) * (rewards - q) ** 2).sum() / 2

    def advance(z):
        t, q, anchor = z[0], z[1:3], z[3]
        for _ in range(steps):
            t = t - step * jax.grad(actor)(t, q, anchor)
            q = q - step * jax.grad(critic)(q, t)
        return jnp.concatenate([t[None], q, t[None]])

    return advance


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_round_of_steps_linearises_as_one_written_by_hand(steps):
    game, rule = S.trust_region(Q(1, 2), steps)(M.bandit_in_samples(), alternating(Q(1, 3)))
    at = {"theta": sp.log(2), "q1": sp.log(2), "q2": 0, "theta_before": sp.log(2)}
    ours = np.array(linearise(game, rule, at).matrix.evalf().tolist(), dtype=float)
    there = jnp.array([np.log(2.0), np.log(2.0), 0.0, np.log(2.0)])
    theirs = np.array(jax.jacfwd(round_of(steps, 1 / 3, 0.5))(there))
    assert np.allclose(ours, theirs, atol=1e-12)


def test_a_round_of_one_step_and_a_flow_do_not_feel_the_penalty_and_a_longer_round_does():
    game, z = M.bandit_in_samples(), sp.Symbol("z")
    at = {"theta": sp.log(2), "q1": sp.log(2), "q2": 0}
    for rule in (alternating(Q(1, 3)), flow()):
        changed, new = S.trust_region(Q(1, 2), 1)(game, rule)
        plain = linearise(game, rule, at).matrix.charpoly(z).as_expr()
        found = linearise(changed, new, at | {"theta_before": sp.log(2)}).matrix.charpoly(z).as_expr()
        assert sp.rem(sp.expand(found), sp.expand(plain), z) == 0
    changed, new = S.trust_region(Q(1, 2), 2)(game, alternating(Q(1, 3)))
    plain = (linearise(game, alternating(Q(1, 3)), at).matrix ** 2).charpoly(z).as_expr()
    found = linearise(changed, new, at | {"theta_before": sp.log(2)}).matrix.charpoly(z).as_expr()
    assert sp.rem(sp.expand(found), sp.expand(plain), z) != 0


def test_rounds_are_whole_numbers_of_steps():
    with pytest.raises(GameError, match="whole number of steps"):
        S.trust_region(steps="1/2")
