"""Moved equilibria without a formula: the table's enclosed answers against roots and rounds written by hand in floats.

On the second road fields are written as in the papers, roots are SciPy's, Jacobians are complex steps, eigenvalues
NumPy's; nothing of the library's losses, enclosures or matrices is used.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import scipy.optimize
import sympy as sp

from bilevel.analysis import stability
from bilevel.analysis.nearest import linear_near, zeros_near
from bilevel.app.problem import load
from bilevel.app.table1_cell import _guarded, _linear_text
from bilevel.app.table1_problems import PROBLEMS
from bilevel.game import Game, minimize
from bilevel.rules import simultaneous
from tests.app.test_table1_agents_by_hand import Bandit, Process, Regulator, plain
from tests.app.test_table1_by_hand import FEW, radius

BENCHES = {bench.name: bench for bench in PROBLEMS}
QUARTER = 0.25


class NormalisedAdvantage(Bandit):
    def actor(self, theta, w, bonus=1.0):
        # the values' standard deviation over the policy divides the critic's part
        p = 1 / (1 + np.exp(-theta[0]))
        spread = np.sqrt(p * (1 - p) * (w[0] - w[1]) ** 2 + QUARTER)
        return np.array([-p * (1 - p) * ((w[0] - w[1]) / spread - bonus * theta[0])])


class Normalised:
    """Any of the methods with its critic's weights w used as u = w/sqrt(|w|^2 + eps)."""

    def __init__(self, method, eps):
        self.method, self.eps, self.actors = method, eps, method.actors

    def actor(self, theta, w):
        return self.method.actor(theta, w / np.sqrt((w * w).sum() + self.eps))

    def critic(self, theta, w):
        # (du/dw)^T g = (g - u (u . g))/sqrt(|w|^2 + eps)
        length = np.sqrt((w * w).sum() + self.eps)
        u = w / length
        g = self.method.critic(theta, u)
        return (g - u * (u @ g)) / length


class NoisyPoints(Regulator):
    """What the critic is shown, its next points too, moved by independent noise of variance 1/4 in each input."""

    def critic(self, theta, w):
        def features(x, y):  # E over the noise of (x^2, x y, y^2) to second order moments
            return np.array([x * x + QUARTER, x * y, y * y + QUARTER])

        total = 0
        for s, p in zip(*FEW, strict=True):
            for e, c in zip(*FEW, strict=True):
                u = -theta[0] * s + e
                t = s + u
                ahead = w @ features(t, -theta[0] * t)
                gap = -(1.5 * s * s + u * u) + ahead / 2
                for a, q in zip(*FEW, strict=True):
                    for b, r in zip(*FEW, strict=True):
                        x, y = s + a / 2, u + b / 2
                        f = np.array([x * x, x * y, y * y])
                        total = total - p * c * q * r * (gap - w @ f) * f
        return total


class Penalised(Regulator):
    """The squared slope of the critic at its data (R1: from the replayed law) or at the actor's points (R2), times
    gamma/2 = 1/4."""

    def __init__(self, kind):
        self.kind = kind

    def critic(self, theta, w):
        total = super().critic(theta, w)
        for s, p in zip(*FEW, strict=True):
            for e, c in zip(*FEW, strict=True):
                y = -theta[0] * s + (e if self.kind == "R1" else 0)
                slopes = np.array([[2 * s, y, 0 * s], [0 * s, s, 2 * y]])
                total = total + 0.5 * p * c * slopes.T @ (slopes @ w)
        return total


class Dragan(Regulator):
    """gamma/2 E (|slope of the critic| - 1)^2, gamma = 1/2, at data moved by unit noise: a normal vector in the plane,
    whose average is taken over a uniform angle and a Rayleigh radius."""

    def critic(self, theta, w):
        k = theta[0]
        # the points (s + e, u + e'), u = -k s + e'': covariance [[2, -k], [-k, k^2 + 2]], by its Cholesky factor
        a = np.sqrt(2.0)
        b, c = -k / a, np.sqrt(k * k / 2 + 2)
        angles = 2 * np.pi * (np.arange(400) + 0.5) / 400
        x, y = a * np.cos(angles), b * np.cos(angles) + c * np.sin(angles)
        zero = 0 * x
        rows = np.array([[2 * x, y, zero], [zero, x, 2 * y]])
        gx, gy = (sum(rows[i, j] * w[j] for j in range(3)) for i in range(2))
        length = np.sqrt(gx * gx + gy * gy)
        # E r^2 = 2 for the squared slope, E r = sqrt(pi/2) for its length
        weight = (2 - np.sqrt(np.pi / 2) / length) / 2
        return super().critic(theta, w) + np.array(
            [(weight * (gx * rows[0, j] + gy * rows[1, j])).mean() for j in range(3)]
        )


CASES = {
    "DRAGAN, regulator": ("dragan", {}, "regulator", Dragan(), False),
    "advantage normalisation, bandit": ("advantage_normalization", {}, "bandit", NormalisedAdvantage(), False),
    "instance noise, regulator": ("instance_noise", {}, "regulator", NoisyPoints(), False),
    "R1, regulator": ("gradient_penalty", {"kind": "R1"}, "regulator", Penalised("R1"), False),
    "R2, regulator": ("gradient_penalty", {"kind": "R2"}, "regulator", Penalised("R2"), False),
    "spectral norm, bandit": ("spectral_normalization", {"epsilon": 0}, "bandit", Normalised(Bandit(), 0), True),
    "spectral norm, two states": (
        "spectral_normalization",
        {"epsilon": 0},
        "two-states",
        Normalised(Process(), 0),
        True,
    ),
    "spectral norm, regulator": (
        "spectral_normalization",
        {"epsilon": 0},
        "regulator",
        Normalised(Regulator(), 0),
        True,
    ),
}


def field(method, z):
    z = np.asarray(z)
    return np.concatenate([method.actor(z[: method.actors], z[method.actors :]),
                           method.critic(z[: method.actors], z[method.actors :])])  # fmt: skip


def root_by_hand(method, near, ray):
    """SciPy's root; on a ray the length of the weights is held, which takes one equation's place."""
    if not ray:
        return scipy.optimize.root(lambda z: field(method, z), near, tol=1e-13).x
    length, start = (near[method.actors :] ** 2).sum(), near

    def held(z):
        return np.append(field(method, z), (z[method.actors :] ** 2).sum() - length)

    return scipy.optimize.least_squares(held, start, xtol=1e-15, ftol=1e-15, gtol=1e-15).x


def moduli(method, z, step):
    columns = []
    for k in range(len(z)):
        moved = np.array(z, dtype=complex)
        moved[k] += 1e-30j
        columns.append(np.imag(plain(method, step)(moved)) / 1e-30)
    return np.sort(abs(np.linalg.eigvals(np.array(columns).T)))


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_enclosed_equilibrium_is_a_root_and_its_last_stable_step_the_one_by_hand(name):
    strategy, variant, bench, method, ray = CASES[name]
    entry = _guarded(strategy, variant, BENCHES[bench], 150)
    found = entry["fixed_point"]
    assert found["word"] == "moved", entry["why"]
    place = np.array([float(eval_decimal(text)) for text in found["point"].values()])
    assert abs(field(method, place)).max() < 1e-9
    assert root_by_hand(method, place + 1e-4, ray) == pytest.approx(place, abs=1e-3 if ray else 1e-9)
    flow, discrete = entry["rules"]["flow"], entry["rules"]["alternating"]
    assert flow["after"]["verdict"] == "stable"
    last = last_step(discrete["after"])
    below, above = (moduli(method, place, last * factor) for factor in (1 - 1e-4, 1 + 1e-4))
    beyond = 1 + 1e-9  # on a ray one eigenvalue is 1
    assert (below <= beyond).all() and above.max() > beyond
    low, high = discrete["best_after"]["rate"]
    step = float(eval_decimal(discrete["best_after"]["step"][0]))
    others = moduli(method, place, step)
    rate = others[-2] if ray else others[-1]
    assert rate == pytest.approx(low, rel=2e-3) and low <= high


def eval_decimal(text):
    """The value of a decimal, a fraction, or log(2)."""
    if text == "log(2)":
        return np.log(2)
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


def last_step(after):
    if after["steps"]:
        return float(after["steps"][0][1])
    (shown,) = re.findall(r"^h < ([0-9.]+)$", after["condition"])
    return float(shown)


def test_what_is_only_enclosed_is_never_called_exact_and_the_point_is_told_as_an_enclosure():
    entry = _guarded("advantage_normalization", {}, BENCHES["bandit"], 60)
    assert {rule["after"]["known"] for rule in entry["rules"].values()} == {"enclosed"}
    assert "an interval test proves a fixed point" in entry["fixed_point"]["why"]
    assert "that there is no nearer one is not known" in entry["fixed_point"]["why"]


@pytest.mark.parametrize("bench", ["two-states", "regulator"])
def test_smooth_normalisation_leaves_no_fixed_point_for_a_critic_longer_than_one(bench):
    method = {"two-states": Process(), "regulator": Regulator()}[bench]
    entry = _guarded("spectral_normalization", {}, BENCHES[bench], 60)
    assert entry["word"] == "hurts" and entry["fixed_point"]["word"] == "destroyed"
    # by hand: along the flow the weights grow without bound, and the weights as they are used tend to length 1
    z, smooth = np.array(method.point), Normalised(method, QUARTER)
    lengths = []
    for _ in range(4):
        for _ in range(1500):
            z = z - 0.2 * field(smooth, z)
        lengths.append(np.linalg.norm(z[method.actors :]))
    assert all(a < b for a, b in zip(lengths, lengths[1:], strict=False))


def test_radii_by_hand_are_those_of_the_plain_round():
    assert radius(plain(Bandit(), 0.5), Bandit.point) == pytest.approx(moduli(Bandit(), Bandit.point, 0.5)[-1])


def test_a_linear_part_in_decimals_says_so_and_reads_back_with_the_same_last_step():
    x, h = sp.Symbol("x", real=True), sp.Symbol("h", positive=True)
    game = Game(a=minimize(sp.exp(x) + x**2, x), title="One player")
    point = zeros_near(game, {x: 0})[0].point
    problem = load(_linear_text(game, linear_near(game, simultaneous(h), point), point))
    assert "in decimals" in problem.game.title
    found = stability(problem.game, at=problem.at)
    root = scipy.optimize.brentq(lambda t: np.exp(t) + 2 * t, -1, 0)
    last = 2 / (np.exp(root) + 2)
    assert found.condition.rhs == pytest.approx(last, rel=1e-11)
