"""The KL penalty, against divergences and rounds of steps written by hand in JAX."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp

from bilevel import models as M
from bilevel.analysis import analyse
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.models import strategies as S
from bilevel.rules import alternating, flow, linearise, replying, simultaneous

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


BEFORE = {
    "joint batches of one": S.batch_normalization(1, "joint", 1),
    "batches of two": S.batch_normalization("1/4", "separate", 2),
    "instance noise": S.instance_noise("1/4"),
    "a window of past actors": S.replay_buffers(window=2),
    "averaged past actors": S.replay_buffers("1/2"),
    "twin critics": S.twin_critics("2"),
    "closeness in batches": S.minibatch_discrimination(n=2),
}


@pytest.mark.parametrize("name", sorted(BEFORE))
@pytest.mark.parametrize("make", [M.gaussian_gan_in_samples, M.bandit_in_samples])
def test_what_the_critic_is_shown_does_not_change_how_far_the_law_has_moved(make, name):
    game, rule = make(), simultaneous("1/10")
    if name == "instance noise" and make is M.bandit_in_samples:
        return  # nothing between the actions
    (*_, plain), (*_, paid) = (
        S.trust_region("1/2")(*before)[0].costs for before in ((game, rule), BEFORE[name](game, rule))
    )
    assert paid == plain and plain[1] != 0


def test_a_law_without_a_density_pays_by_its_parameters_and_says_so():
    strategy = S.trust_region("1/2")
    ((_, paid),) = strategy(M.gan_in_samples(), simultaneous("1/10"))[0].costs
    theta, before = sp.symbols("theta theta_before", real=True)
    assert sp.expand(paid - (theta - before) ** 2 / 4) == 0 and "squared distance" in strategy.model


W, H = sp.Symbol("w", positive=True), sp.Symbol("h", positive=True)


@pytest.mark.parametrize("order", [("actor", "critic"), ("critic", "actor"), None])
def test_an_implicit_step_linearises_as_the_implicit_function_of_one_written_by_hand(order):
    """The actor of the bandit solves its own equation; the critic steps before, after or beside it."""
    base = simultaneous(Q(1, 3)) if order is None else alternating(Q(1, 3), order=order)
    game, rule = S.trust_region(Q(1, 2), step="implicit")(M.bandit_in_samples(), base)
    at = {"theta": sp.log(2), "q1": sp.log(2), "q2": 0, "theta_before": sp.log(2)}
    ours = np.array(linearise(game, rule, at).matrix.evalf().tolist(), dtype=float)
    rewards, law = jnp.array([jnp.log(2.0), 0.0]), lambda t: jax.nn.log_softmax(jnp.array([t, 0.0]))

    def slope(t, q, anchor):
        loss = lambda t: -(jnp.exp(law(t)) * (q - law(t))).sum() + softmax_gaps(anchor[None], t[None])[0] / 2
        return jax.grad(loss)(t)

    def reply(t, q):  # one step of Newton's method from the fixed point has the derivative of the solution
        here = jax.lax.stop_gradient(t)
        return here - slope(here, q, t) / jax.lax.stop_gradient(jax.grad(slope)(here, q, t))

    fit = lambda q, t: q - jax.grad(lambda q: (jnp.exp(law(t)) * (rewards - q) ** 2).sum() / 2)(q) / 3

    def advance(z):
        t, q = z[0], z[1:3]
        if order == ("critic", "actor"):
            new = fit(q, t)
            moved = reply(t, new)
        else:
            moved = reply(t, q)
            new = fit(q, t if order is None else moved)
        return jnp.concatenate([moved[None], new, t[None]])

    there = jnp.array([np.log(2.0), np.log(2.0), 0.0, np.log(2.0)])
    assert np.allclose(ours, np.array(jax.jacfwd(advance)(there)), atol=1e-12)


def test_an_implicit_step_is_a_natural_gradient_at_great_weight_and_the_reply_at_none():
    game, rule = S.trust_region(W, step="implicit")(M.linear_quadratic_gan_in_samples(spread=True), simultaneous(H))
    plain = M.linear_quadratic_gan_in_samples(spread=True)
    at = {"b": 0, "sigma": 1, "w1": 0, "w2": 0, "b_before": 0, "sigma_before": 1}
    matrix = linearise(game, rule, at).matrix[:2, :4]
    fisher = sp.diag(1, 2)  # of N(b, sigma^2) at sigma = 1
    moves = plain["generator"].moves
    slope = sp.Matrix([sp.diff(plain.cost("generator"), v) for v in moves])
    jacobian = (
        slope.jacobian(plain.variables)
        .subs({str(k): v for k, v in at.items()})
        .subs({v: at[str(v)] for v in plain.variables})
    )
    small = matrix.subs(W, 1 / H).diff(H).subs(H, 0)  # the derivative in 1/weight, at weight = oo
    assert (small + fisher.inv() * jacobian).applyfunc(sp.cancel) == sp.zeros(2, 4)
    assert matrix.applyfunc(lambda e: sp.limit(e, W, sp.oo)) == sp.eye(2).row_join(sp.zeros(2, 2))
    reply = linearise(*S.trust_region(W, step="implicit")(M.bandit_in_samples(), simultaneous(H)), BANDIT).matrix[0, :3]
    # the bandit with entropy: the reply to q is the logit q1 - q2
    assert [sp.limit(e, W, 0) for e in reply] == [0, 1, -1]


BANDIT = {"theta": sp.log(2), "q1": sp.log(2), "q2": 0, "theta_before": sp.log(2)}


def test_an_implicit_step_tames_the_gaussian_gan_where_its_price_exceeds_a_half():
    at = dict.fromkeys(("theta", "phi_1", "phi_2", "theta_before"), 0)
    built = S.trust_region(W, step="implicit")(M.gaussian_gan_in_samples(), simultaneous(H))
    verdict = analyse(linearise(*built, at).matrix, time="discrete")
    assert verdict.known == "exact" and verdict.condition == sp.And(sp.Gt(W, Q(1, 2)), H < 4)
    turned = analyse(
        linearise(*S.trust_region(W, step="implicit")(M.gaussian_gan_in_samples(), alternating(H)), at).matrix,
        time="discrete",
    )
    for w, h in itertools.product((Q(1, 10), Q(2, 5), Q(3, 5), Q(3)), (Q(1, 10), Q(1), Q(5, 2), Q(9, 2))):
        for answer, rule in ((verdict, simultaneous(h)), (turned, alternating(h))):
            matrix = linearise(*S.trust_region(w, step="implicit")(M.gaussian_gan_in_samples(), rule), at).matrix
            radius = max(abs(np.linalg.eigvals(np.array(matrix.tolist(), dtype=float))))
            assert bool(answer.condition.subs({W: w, H: h})) == (radius < 1)


def test_an_actor_that_steps_several_times_has_no_implicit_step_here():
    with pytest.raises(UnknownAnswer, match="takes several"):
        S.trust_region("1/2", step="implicit")(M.bandit_in_samples(), alternating("1/3", repeats=2))
    with pytest.raises(GameError, match="'implicit' without a round"):
        S.trust_region("1/2", 2, step="implicit")
    with pytest.raises(GameError, match="steps as its base"):
        replying(flow(), ["a"])


def test_rounds_are_whole_numbers_of_steps():
    with pytest.raises(GameError, match="whole number of steps"):
        S.trust_region(steps="1/2")
