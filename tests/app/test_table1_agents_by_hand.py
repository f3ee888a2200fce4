"""The table's linearised rounds of actor-critic methods against updates written out here by hand, in floating point.

As in `test_table1_by_hand`, nothing of the library is used on the second road.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from bilevel import models as M
from bilevel.models import strategies as S
from tests.app.test_table1_by_hand import FEW, ours, radius


class Regulator:
    """s' = s + u, cost 3/2 s^2 + u^2, discount 1/2, data s ~ N(0, 1), u = -k s + e with e ~ N(0, 1)."""

    at = {"k": "1/2", "w1": "-5/2", "w2": "-2", "w3": "-2"}
    point, actors = [0.5, -2.5, -2.0, -2.0], 1
    game = staticmethod(M.regulator_in_samples)

    def actor(self, theta, w):
        # d/dk of -E Q(s, -k s) = -(w1 - w2 k + w3 k^2) E s^2
        return np.array([w[1] - 2 * w[2] * theta[0]])

    def critic(self, theta, w, *, held=None, behaviour=None, reward=lambda r: r, smooth=0.0):
        held, behaviour = w if held is None else held, theta if behaviour is None else behaviour
        total = 0
        for s, p in zip(*FEW, strict=True):
            for e, c in zip(*FEW, strict=True):
                u = -behaviour[0] * s + e
                t = s + u
                v = -theta[0] * t
                ahead = held @ np.array([t * t, t * v, v * v + smooth])
                x = np.array([s * s, s * u, u * u])
                total = total - p * c * (reward(-(1.5 * s * s + u * u)) + ahead / 2 - w @ x) * x
        return total


class Process:
    """Two states, two actions: the first stays with 3/4, the second with 1/4; entropy bonus 1; discount 1/2."""

    at = {"theta_1": 0, "theta_2": 0, "q_1_1": 1, "q_1_2": 1, "q_2_1": 0, "q_2_2": 0}
    point, actors = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0], 2
    game = staticmethod(M.two_states_in_samples)
    stay = np.array([0.75, 0.25])

    def policy(self, theta):
        p = 1 / (1 + np.exp(-theta))
        return np.stack([p, 1 - p], axis=1)

    def visits(self, theta):
        # d = (1 - gamma) mu (1 - gamma P)^-1 from state 1 on
        p = self.policy(theta) @ self.stay
        moves = np.array([[p[0], 1 - p[0]], [1 - p[1], p[1]]])
        return np.linalg.solve((np.eye(2) - moves / 2).T, np.array([0.5, 0.0]))

    def actor(self, theta, w, bonus=1.0):
        p, q = self.policy(theta), w.reshape(2, 2)
        slope = p[:, 0] * p[:, 1]
        return -self.visits(theta) * slope * (q[:, 0] - q[:, 1] - bonus * theta)

    def critic(self, theta, w, *, held=None, behaviour=None, reward=lambda r: r):
        held, behaviour = w if held is None else held, theta if behaviour is None else behaviour
        q, value = w.reshape(2, 2), (self.policy(theta) * held.reshape(2, 2)).sum(axis=1)
        d, old = self.visits(behaviour), self.policy(behaviour)
        out = []
        for s in range(2):
            for a in range(2):
                p = self.stay[a]
                # the rewards make Q(1, .) = 1 and Q(2, .) = 0 under the even policy
                r = (1.0, 0.0)[s] - (p if s == 0 else 1 - p) / 2
                ahead = p * value[s] + (1 - p) * value[1 - s]
                out.append(-d[s] * old[s, a] * (reward(r) + ahead / 2 - q[s, a]))
        return np.array(out)


class Bandit:
    """Two arms that pay log 2 and 0; entropy bonus 1."""

    at = {"theta": sp.log(2), "q1": sp.log(2), "q2": 0}
    point, actors = [np.log(2), np.log(2), 0.0], 1
    game = staticmethod(M.bandit_in_samples)

    def actor(self, theta, w, bonus=1.0):
        p = 1 / (1 + np.exp(-theta[0]))
        return np.array([-p * (1 - p) * (w[0] - w[1] - bonus * theta[0])])

    def critic(self, theta, w, *, held=None, behaviour=None, reward=lambda r: r):
        p = 1 / (1 + np.exp(-(theta if behaviour is None else behaviour)[0]))
        return -np.array([p * (reward(np.log(2)) - w[0]), (1 - p) * (reward(0.0) - w[1])])


def soft_target(m, a, rate):
    def advance(z):
        theta, w, held = np.split(z, [m.actors, (len(z) + m.actors) // 2])
        theta = theta - a * m.actor(theta, w)
        w = w - a * m.critic(theta, w, held=held)
        return np.concatenate([theta, w, held + rate * (w - held)])

    return advance


def hard_target(m, a):
    def advance(z):
        theta, w = z[: m.actors], z[m.actors :]
        held = w
        for _ in range(2):
            theta = theta - a * m.actor(theta, w)
            w = w - a * m.critic(theta, w, held=held)
        return np.concatenate([theta, w])

    return advance


def plain(m, a, b=None, **how):
    def advance(z):
        theta, w = z[: m.actors], z[m.actors :]
        theta = theta - a * m.actor(theta, w)
        return np.concatenate([theta, w - (b or a) * m.critic(theta, w, **how)])

    return advance


def buffered(m, a, rate):
    def advance(z):
        theta, w, old = np.split(z, [m.actors, len(z) - m.actors])
        theta = theta - a * m.actor(theta, w)
        w = w - a * m.critic(theta, w, behaviour=old)
        return np.concatenate([theta, w, old + rate * (theta - old)])

    return advance


def waiting(m, a):
    def advance(z):
        theta, w = z[: m.actors], z[m.actors :]
        w = w - a * m.critic(theta, w)
        theta = theta - a * m.actor(theta, w)
        return np.concatenate([theta, w - a * m.critic(theta, w)])

    return advance


ACTOR_CRITICS = {"regulator": Regulator(), "two states": Process(), "bandit": Bandit()}
ROUNDS = {
    "target_networks": (S.target_networks("1/10"), lambda m, a: soft_target(m, a, 0.1), "weights"),
    "target_networks, periodic": (S.target_networks(1, 2), hard_target, ""),
    "replay_buffers": (S.replay_buffers("1/10"), lambda m, a: buffered(m, a, 0.1), "parameters"),
    "two_time_scales": (S.two_time_scales(4), lambda m, a: plain(m, a, 4 * a), ""),
    "delayed_actor": (S.delayed_actor(), waiting, ""),
}


@pytest.mark.parametrize("problem", sorted(ACTOR_CRITICS))
@pytest.mark.parametrize("name", sorted(ROUNDS))
def test_a_round_of_a_changed_actor_critic_has_the_spectral_radius_of_the_round_written_by_hand(name, problem):
    method = ACTOR_CRITICS[problem]
    strategy, by_hand, copied = ROUNDS[name]
    z = list(method.point)
    extra = {"weights": z[method.actors :], "parameters": z[: method.actors], "": []}[copied]
    for step in (0.2, 1.1):
        mine = radius(by_hand(method, step), [*z, *extra])
        assert ours(strategy, method.game(), method.at, step) == pytest.approx(mine, rel=1e-7)


def test_with_an_exact_critic_and_no_bonus_the_actor_of_the_process_climbs_the_policy_gradient():
    process, theta = Process(), np.array([0.7, -0.4])
    game = M.two_states_in_samples(beta=0)

    def performance(t):
        p = process.policy(t)
        moves = p @ process.stay
        P = np.array([[moves[0], 1 - moves[0]], [1 - moves[1], moves[1]]])
        r = np.array([sum(p[s, a] * ((1.0, 0.0)[s] - (x if s == 0 else 1 - x) / 2) for a, x in enumerate(process.stay))
                      for s in range(2)])  # fmt: skip
        value = np.linalg.solve(np.eye(2) - P / 2, r)
        return value[0], value

    _, value = performance(theta)
    q = [(1.0, 0.0)[s] - (x if s == 0 else 1 - x) / 2 + (x * value[s] + (1 - x) * value[1 - s]) / 2
         for s in range(2) for x in process.stay]  # fmt: skip
    slopes = [np.imag(performance(theta + 1e-30j * np.eye(2)[k])[0]) / 1e-30 for k in range(2)]
    put = dict(zip(game.variables, [*theta, *q], strict=True))
    climbed = [-float(game.field()[v].subs(put)) for v in game.variables[:2]]
    assert climbed == pytest.approx([0.5 * slope for slope in slopes], rel=1e-12)
