"""Verdicts against spectra of updates written out here by hand, from the papers, in floating point.

Nothing of the library's losses, derivatives or matrices is used on the second road: expectations are sums over
transitions or Gauss-Hermite sums, Jacobians are complex steps.
"""

from itertools import product

import numpy as np
import pytest
import sympy as sp

from bilevel import models, rules, stability
from bilevel.analysis import mean_square
from bilevel.analysis.switching import switching

H_A, H_C = sp.symbols("h_a h_c", positive=True)
STEPS = {"actor": H_A, "critic": H_C}
R = sp.Rational


def jacobian(update, point):
    """By complex steps: exact up to rounding."""
    columns = []
    for k in range(len(point)):
        z = np.array(point, dtype=complex)
        z[k] += 1e-30j
        columns.append(np.imag(update(z)) / 1e-30)
    return np.array(columns).T


def radius(field, point, steps):
    return np.max(np.abs(np.linalg.eigvals(np.eye(len(point)) + np.diag(steps) @ jacobian(field, point))))


def holds(condition, values):
    return bool(condition.subs({s: R(v).limit_denominator(10**6) for s, v in values.items()}))


def agree(condition, field, point, players, rng):
    """The condition says "stable" exactly where the radius is below 1, at random steps and close to the boundary."""
    seen = set()
    for _ in range(12):
        h = dict(zip((H_A, H_C), np.exp(rng.uniform(-5, 3, size=2)), strict=True))
        steps = lambda t, h=h: [t * float(h[H_A if p == "actor" else H_C]) for p in players]
        assert holds(condition, h) == (radius(field, point, steps(1)) < 1)
        low, high = 1e-4, 1e4  # along the ray the radius leaves 1 once
        if radius(field, point, steps(low)) < 1:
            for _ in range(60):
                middle = np.sqrt(low * high)
                low, high = (middle, high) if radius(field, point, steps(middle)) < 1 else (low, middle)
            assert holds(condition, {s: low * v * (1 - 1e-4) for s, v in h.items()})
            assert not holds(condition, {s: low * v * (1 + 1e-4) for s, v in h.items()})
        seen.add(holds(condition, h))
    return seen


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(8)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@pytest.mark.parametrize(("a", "K", "gamma", "nu"), [("9/10", "2/5", "4/5", "3/2"), ("1/2", "1/4", 1, "1/3")])
def test_the_regulators_region_is_that_of_semi_gradient_updates_with_gaussian_data(a, K, gamma, nu):
    numbers = {"gain": K, "discount": gamma}
    game = models.lqr_actor_critic(a, 1, exploration=nu, **numbers)
    point = models.lqr_equilibrium(a, 1, **numbers)
    condition = stability(game, rules.simultaneous(STEPS), at=point).condition
    a, K, g, nu = (float(R(x)) for x in (a, K, gamma, nu))
    r = g * (a - K) / K
    q = 1 - r * K**2 - g * (a - K) ** 2

    def field(z):
        k, w = z[0], z[1:]
        spread = np.sqrt(nu / (1 - (a - k) ** 2))
        value = lambda s, u: w[0] * s * s + w[1] * s * u + w[2] * u * u
        pull, climb = np.zeros(3, complex), 0
        for (x, p), (y, c) in product(zip(NODES, WEIGHTS, strict=True), repeat=2):
            s, e = spread * x, np.sqrt(nu) * y
            u = -k * s + e
            after = a * s + u
            error = q * s * s + r * u * u + g * value(after, -k * after) - value(s, u)
            pull = pull + p * c * error * np.array([s * s, s * u, u * u])
            climb = climb + p * c * (w[1] * s + 2 * w[2] * (-k * s)) * s  # minus dQ/du du/dk
        return np.array([climb, *pull])

    at = [float(v) for v in point.values()]
    assert np.max(np.abs(field(np.array(at, complex)))) < 1e-12
    seen = agree(condition, field, at, ("actor", *3 * ("critic",)), np.random.default_rng(1))
    assert seen == {True, False}


@pytest.mark.parametrize("values", ["plain", "soft"])
@pytest.mark.parametrize(("gamma", "beta", "c"), [(0.3, 1.0, 1.0), (0.97, 0.5, 1.5)])
def test_two_states_by_summing_over_transitions(values, gamma, beta, c):
    given = {"discount": R(str(gamma)), "entropy_weight": R(str(beta)), "stay_reward": R(str(c)), "values": values}
    game, point = models.two_state_actor_critic(**given), models.two_state_equilibrium(**given)
    verdict = stability(game, at=point).verdict

    def field(z):
        theta, V = z[:2], z[2:]
        p = 1 / (1 + np.exp(-theta))
        d = np.array([1 - p[1], 1 - p[0]]) / (2 - p[0] - p[1])
        moved = np.zeros(4, complex)
        for s in (0, 1):
            entropy = -p[s] * np.log(p[s]) - (1 - p[s]) * np.log(1 - p[s])
            for stays, chance in ((True, p[s]), (False, 1 - p[s])):
                error = (c if stays else 0) + gamma * V[s if stays else 1 - s] - V[s]
                moved[s] += d[s] * chance * error * ((1 if stays else 0) - p[s])
                moved[2 + s] += d[s] * chance * (error + (beta * entropy if values == "soft" else 0))
            moved[s] += d[s] * beta * p[s] * (1 - p[s]) * np.log((1 - p[s]) / p[s])
        return moved

    at = [float(v) for v in point.values()]
    assert np.max(np.abs(field(np.array(at, complex)))) < 1e-12
    growth = np.max(np.linalg.eigvals(jacobian(field, at)).real)
    assert verdict == ("stable" if growth < 0 else "unstable") and abs(growth) > 1e-4
    assert verdict == ("unstable" if values == "plain" and gamma > 0.9 else "stable")


@pytest.mark.parametrize("seed", range(3))
def test_sampled_td_in_mean_square_by_the_second_moments_of_every_transition(seed):
    rng = np.random.default_rng(seed)
    n, d = 3, 1 + seed % 2
    chain = [[R(int(x), int(row.sum())) for x in row] for row in rng.integers(1, 6, size=(n, n))]
    phi = [[R(int(x)) for x in row] for row in rng.integers(1, 4, size=(n, d)) + np.eye(n, d, dtype=int)]
    critic = models.LinearCritic(chain, [0] * n, phi, "1/2")
    game, outcomes = models.sampled_td(critic)
    h = sp.Symbol("h", positive=True)
    found = mean_square(game, rules.simultaneous(h), at=dict.fromkeys(critic.weights, 0), noise=outcomes)

    P, X, law = (np.array(M, dtype=float) for M in (chain, phi, critic.law.tolist()))

    def second(step):
        total = np.zeros((d * d, d * d))
        for s, t in product(range(n), repeat=2):
            J = np.eye(d) - step * np.outer(X[s], X[s] - X[t] / 2)
            total += law[s, 0] * P[s, t] * np.kron(J, J)
        return np.max(np.abs(np.linalg.eigvals(total)))

    low, high = 1e-6, 10.0
    for _ in range(60):
        low, high = ((low + high) / 2, high) if second((low + high) / 2) < 1 else (low, (low + high) / 2)
    for step in (low / 7, low / 2, low * (1 - 1e-6), low * (1 + 1e-6), 2 * low):
        assert holds(found.condition, {h: step}) == (second(step) < 1)
    if d == 1:  # exactly on the boundary: 1 - 2 h E[x (x - gamma y)] + h^2 E[x^2 (x - gamma y)^2] = 1
        moment = lambda k: sum(
            critic.law[s] * chain[s][t] * (phi[s][0] * (phi[s][0] - phi[t][0] / 2)) ** k
            for s, t in product(range(n), repeat=2)
        )
        edge = 2 * moment(1) / moment(2)
        assert not found.condition.subs(h, edge)
        assert found.second.marginal_on.subs(h, edge)


def test_bairds_threshold_is_fifteen_seventeenths():
    def keyed(gamma):
        features, ahead = sp.zeros(7, 8), sp.zeros(7, 8)
        for s in range(7):
            for i, x in ({s: 2, 7: 1} if s < 6 else {6: 1, 7: 2}).items():
                features[s, i] = x
            ahead[s, 6], ahead[s, 7] = 1, 2
        return features.T * (features - gamma * ahead) / 7

    z, gamma = sp.symbols("z gamma")
    constant, factors = sp.factor_list(keyed(gamma).charpoly(z).as_expr(), z)
    # Five directions do not see the seventh state's loop; the rest, with the line of fixed points, is a quadratic.
    (quadratic,) = [sp.Poly(f, z).monic() for f, _ in factors if sp.degree(f, z) == 2]
    assert [c for c in quadratic.all_coeffs()[1:] if c.free_symbols] and constant != 0
    trace, determinant = (sp.factor(sign * c) for sign, c in zip((-1, 1), quadratic.all_coeffs()[1:], strict=True))
    edges = {e for c in (trace, determinant) for e in sp.solve(c, gamma) if 0 < e <= 1}
    below = min(edges)
    assert below == R(15, 17)
    for g, stable in ((R(14, 17), True), (R(15, 17), False), (R(16, 17), False)):
        eigenvalues = np.linalg.eigvals(np.array(keyed(g), dtype=float))
        assert (np.sum(eigenvalues.real > 1e-9) == 7) == stable
        verdict = stability(models.baird_star(g).td(), at=dict.fromkeys(models.baird_star(g).weights, 0))
        assert (verdict.verdict == "unstable") == (g > below)


@pytest.mark.parametrize(("payoffs", "actions", "threshold"), [("shapley", 3, 1 / 6), ("jordan", 2, 1 / 2)])
@pytest.mark.parametrize("learner", ["boltzmann_q_learning", "smooth_fictitious_play"])
def test_temperatures_by_hand_written_replies(payoffs, actions, threshold, learner):
    tables = getattr(models, f"{payoffs}_payoffs")()
    arrays = [np.array(t, dtype=float) for t in tables]
    players = len(arrays)

    def means(mixed, i):
        u = np.zeros(actions, complex)
        for choice in product(range(actions), repeat=players):
            u[choice[i]] += arrays[i][choice] * np.prod([mixed[j][choice[j]] for j in range(players) if j != i])
        return u

    def field(z, T):
        rows = z.reshape(players, actions)
        soft = lambda u: np.exp(u / T) / np.sum(np.exp(u / T))
        if learner == "boltzmann_q_learning":
            mixed = [soft(q) for q in rows]
            return np.concatenate([means(mixed, i) - rows[i] for i in range(players)])
        return np.concatenate([soft(means(rows, i)) - rows[i] for i in range(players)])

    for factor, stable in ((0.99, False), (1.01, True)):
        T = threshold * factor
        start = np.full(players * actions, 1 / actions)
        if learner == "boltzmann_q_learning":
            start = np.concatenate([means(np.full((players, actions), 1 / actions), i).real for i in range(players)])
        growth = np.max(np.linalg.eigvals(jacobian(lambda z, T=T: field(z, T), start)).real)
        assert (growth < 0) == stable
        flow = getattr(models, learner)(tables, R(T).limit_denominator(10**4))
        middle = dict.fromkeys(flow.variables, 0 if learner == "boltzmann_q_learning" else R(1, actions))
        assert (stability(flow, at=middle).verdict == "stable") == stable


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("factor", [R(1, 2), R(1), R(2)])
def test_wolf_by_the_definition_of_winning(seed, factor):
    """Winning is earning more than the equilibrium strategy would against the opponent's current one."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(1, 3, size=2)
    sign = 1 if seed % 2 else -1
    row = sign * np.array([[x, -1.0], [-x, y]])
    column = -sign * np.array([[1.0, -y], [-x, 1.0]])
    exact = [[[R(float(e)).limit_denominator(100) for e in line] for line in M] for M in (row, column)]
    row, column = (np.array(M, dtype=float) for M in exact)
    verdict = switching(models.wolf_iga(exact, winning=factor, losing=1)).verdict

    u = row[0, 0] + row[1, 1] - row[0, 1] - row[1, 0]
    v = column[0, 0] + column[1, 1] - column[0, 1] - column[1, 0]
    alpha, beta = (column[1, 1] - column[1, 0]) / v, (row[1, 1] - row[0, 1]) / u
    pay = lambda M, p, q: np.array([p, 1 - p]) @ M @ np.array([q, 1 - q])

    def field(z):
        p, q = alpha + z[0], beta + z[1]
        fast = [pay(row, p, q) > pay(row, alpha, q), pay(column, p, q) > pay(column, p, beta)]
        rates = [float(factor) if wins else 1.0 for wins in fast]
        return np.array([rates[0] * u * z[1], rates[1] * v * z[0]])

    z, turned, dt, before = np.array([1e-3, 0.0]), 0.0, 2e-3, None
    while turned < 2 * np.pi:
        k1 = field(z)
        k2 = field(z + dt / 2 * k1)
        following = z + dt * k2
        turned += abs(np.arctan2(z[0] * following[1] - z[1] * following[0], z @ following))
        z, before = following, z
    ratio = np.hypot(*((z + before) / 2)) / 1e-3
    expected = "stable" if factor < 1 else "marginal" if factor == 1 else "unstable"
    assert verdict == expected
    assert ratio < 0.9 if factor < 1 else ratio > 1.1 if factor > 1 else abs(ratio - 1) < 0.05
