"""Linear-quadratic games: gradients, Nash gains and learning there, each by a road that shares no code."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg as sl
import sympy as sp
from flint import arb_mat

from bilevel import equilibria, models
from bilevel.analysis import analyse, feedback_nash, gain_stability, riccati
from bilevel.analysis.feedback_nash import at_balls, into_fractions
from bilevel.language.errors import GameError, ReadError, UnknownAnswer
from bilevel.models import Regulator, RegulatorGame, robust_regulator

Q = sp.Rational
STEP = sp.Symbol("h", positive=True)
NARROW = [["1", "1.05"], ["1.05", "1.105"]]  # half s_0 = (1, 1), half (1, 1.1)
PLANT = ([["0.979", "0.804"], ["0.249", "0.8"]], [[[1], [1]], [[0], [1]]])
COSTS = ([[["0.058", 0], [0, "0.986"]], [["0.123", 0], [0, "0.103"]]], ["0.01", "0.01"])
METHODS = ("gradient", "natural gradient", "Gauss-Newton")


def floats(M) -> np.ndarray:
    if not hasattr(M, "nrows"):
        return np.array(M.tolist(), dtype=float)
    middle = lambda e: float(e.mid()) if isinstance(M, arb_mat) else int(e.p) / int(e.q)
    return np.array([[middle(M[i, j]) for j in range(M.ncols())] for i in range(M.nrows())])


def shared_plant(start=None) -> RegulatorGame:
    return RegulatorGame(*PLANT, *COSTS, 1, start)


def rolled_out(game, steps=120):
    """Every player's cost as a function of all gains, by rolling the system out from all of S0 at once."""
    A, B = jnp.array(floats(game.A)), [jnp.array(floats(M)) for M in game.B]
    Qs, R = [jnp.array(floats(M)) for M in game.Q], [[jnp.array(floats(M)) for M in row] for row in game.R]
    sizes = [(M.shape[1], A.shape[0]) for M in B]
    ends = np.cumsum([m * n for m, n in sizes])[:-1]

    def costs(flat):
        K = [part.reshape(s) for part, s in zip(jnp.split(flat, ends), sizes, strict=True)]
        loop = A - sum(b @ k for b, k in zip(B, K, strict=True))
        paid = [q + sum(k.T @ r @ k for r, k in zip(row, K, strict=True)) for q, row in zip(Qs, R, strict=True)]

        def step(second, t):
            spent = float(game.discount) ** t * jnp.array([jnp.trace(M @ second) for M in paid])
            return loop @ second @ loop.T, spent

        return jax.lax.scan(step, jnp.array(floats(game.start)), jnp.arange(steps))[1].sum(0)

    return costs, ends


def three_players() -> RegulatorGame:
    """Three players, two states, one with two controls, every action a matter to everyone."""
    A, B = [["1/2", "1/3"], ["-1/4", "2/5"]], [[[1], [0]], [[0, 1], [1, "1/2"]], [[1], [1]]]
    R = [[[[1]], [["1/5", 0], [0, "1/4"]], [["1/6"]]], [[["1/7"]], [[1, "1/3"], ["1/3", 2]], [[0]]]]
    R.append([[[0]], [["1/9", 0], [0, 0]], [["3/2"]]])
    costs = [[[1, "1/5"], ["1/5", 1]], [["1/2", 0], [0, 1]], [[2, 0], [0, "1/3"]]]
    return RegulatorGame(A, B, costs, R, "9/10", [[2, "1/2"], ["1/2", 1]])


def test_directions_and_their_derivative_are_those_of_the_rolled_out_costs():
    game = three_players()
    loop = game.at([["1/5", "-1/7"], [["1/9", "1/8"], ["-1/6", "1/10"]], ["1/11", "1/12"]], into_fractions)
    with jax.enable_x64(True):
        check_by_autodiff(game, loop)


def check_by_autodiff(game, loop) -> None:
    costs, ends = rolled_out(game)
    field = lambda x: jnp.concatenate([jnp.split(row, ends)[i] for i, row in enumerate(jax.jacfwd(costs)(x))])
    ours = np.concatenate([floats(loop.direction(i, "gradient")).ravel() for i in range(3)])
    flat = jnp.array(np.concatenate([floats(K).ravel() for K in loop.gains]))
    assert np.allclose(costs(flat), [int(loop.cost(i).p) / int(loop.cost(i).q) for i in range(3)], rtol=1e-10)
    assert np.allclose(field(flat), ours, rtol=1e-9)
    assert np.allclose(jax.jacfwd(field)(flat), floats(loop.derivative("gradient")), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_implicit_derivatives_are_those_of_the_update_written_out(method):
    game = RegulatorGame(Q(3, 4), [1, Q(1, 2)], [1, Q(1, 3)], [[1, Q(1, 5)], [Q(1, 7), 2]], Q(9, 10))
    system = game.learner(method, 1)
    here = dict(zip(system.variables, (Q(1, 5), Q(1, 3)), strict=True))
    written = sp.eye(2) - sp.Matrix([[sp.diff(e, v) for v in system.variables] for e in system.equations.values()])
    implicit = game.at([[k] for k in here.values()]).derivative(method)
    assert (written.subs(here) - implicit).applyfunc(sp.cancel) == sp.zeros(2)


def test_every_players_nash_gain_is_the_riccati_gain_left_to_it_alone():
    game = three_players()
    (found,) = feedback_nash(game).points
    assert (found.kind, found.known) == ("Nash (strict)", "enclosed") and found.radius < 1e-14
    for i, K in enumerate(found.gains):
        fixed = [floats(M) for M in found.gains]
        loop = floats(game.A) - sum(floats(B) @ k for j, (B, k) in enumerate(zip(game.B, fixed, strict=True)) if j != i)
        cost = floats(game.Q[i]) + sum(k.T @ floats(game.R[i][j]) @ k for j, k in enumerate(fixed) if j != i)
        root = np.sqrt(float(game.discount))
        B, R = floats(game.B[i]), floats(game.R[i][i])
        P = sl.solve_discrete_are(root * loop, root * B, cost, R)
        best = np.linalg.solve(R + 0.9 * B.T @ P @ B, 0.9 * B.T @ P @ loop)
        assert np.allclose(best, floats(K), atol=1e-10) and np.allclose(P, floats(found.values[i]), atol=1e-9)
        assert floats(game.alone(i, [["0", "0"], [[0, 0], [0, 0]], ["0", "0"]]).A).shape == (2, 2)


def test_values_and_moments_solve_scipys_lyapunov_equations():
    loop = three_players().at([["1/5", "-1/7"], [["1/9", "1/8"], ["-1/6", "1/10"]], ["1/11", "1/12"]])
    L = np.sqrt(0.9) * floats(loop.loop)
    assert np.allclose(floats(loop.moment), sl.solve_discrete_lyapunov(L, floats(loop.start)))
    paid = floats(loop.Q[0]) + sum(floats(K).T @ floats(R) @ floats(K) for R, K in zip(loop.R[0], loop.gains))
    assert np.allclose(floats(loop.values[0]), sl.solve_discrete_lyapunov(L.T, paid))


def disturbed(price) -> RegulatorGame:
    A, B, D = [["0.9", "0.3"], ["-0.2", "0.8"]], [[1], ["1/2"]], [["1/3"], ["1/4"]]
    return robust_regulator(A, B, D, [[1, 0], [0, "1/2"]], 1, price, discount="19/20")


def test_the_saddle_solves_the_generalised_riccati_equation():
    """One equation with an indefinite weight for scipy; two players' coupled equations here."""
    game = disturbed(5)
    (found,) = feedback_nash(game).points
    root, B, D = np.sqrt(0.95), floats(game.B[0]), floats(game.B[1])
    both = root * np.hstack([B, D])
    P = sl.solve_discrete_are(root * floats(game.A), both, floats(game.Q[0]), np.diag([1.0, -5.0]))
    assert np.allclose(P, floats(found.values[0]), atol=1e-10) and found.kind == "Nash (strict)"
    assert np.allclose(P, -floats(found.values[1]), atol=1e-10)


def test_nested_natural_gradients_see_the_generalised_curvature():
    """Zhang, Yang, Basar: the outer player's slope is 2 (R + gamma B^T P~ B) with P~ = P + gamma P D (mu - gamma D^T P
    D)^{-1} D^T P; together, the slope is that of the quadratic game of one step."""
    game = disturbed(5)
    (found,) = feedback_nash(game).points
    P, B, D, gamma = floats(found.values[0]), floats(game.B[0]), floats(game.B[1]), 0.95
    seen = P + gamma * P @ D @ np.linalg.inv(5 * np.eye(1) - gamma * D.T @ P @ D) @ D.T @ P
    slope = 2 * (1 + gamma * B.T @ seen @ B)[0, 0]
    verdict = gain_stability(game, found, method="natural gradient", steps=STEP, replies=["disturbance"])
    assert float(verdict.condition.rhs) == pytest.approx(2 / slope, rel=1e-12) and verdict.known == "enclosed"
    together = gain_stability(game, found, method="natural gradient", steps=STEP)
    H = np.array([[1 + gamma * B.T @ P @ B, gamma * B.T @ P @ D], [-gamma * D.T @ P @ B, 5 - gamma * D.T @ P @ D]])
    values = np.linalg.eigvals(2 * H.reshape(2, 2))
    assert float(together.condition.rhs) == pytest.approx(min(2 * values.real / abs(values) ** 2), rel=1e-12)
    slow = gain_stability(game, found, method="gradient", steps=Q(1, 1000))
    assert slow.verdict == "stable"


def test_a_disturbance_too_cheap_leaves_no_saddle():
    """mu < gamma d^2 P at a critical pair: the disturbance improves at once. Yet the gradient flow is stable there."""
    c, mu = Q(1, 2), Q(9, 10)
    a, q = c + c - c / mu, 1 - c**2 + c**2 / mu - c**2
    game = robust_regulator(a, 1, 1, q, 1, mu)
    found = feedback_nash(game)
    (point,) = [p for p in found.points if p.gains[0][0] == c]
    assert point.kind == "critical, not Nash" and point.known == "exact" and found.complete
    J = floats(game.at(point.gains, into_fractions).derivative("gradient"))
    assert J[1, 1] < 0 and np.linalg.eigvals(J).real.min() > 0
    assert gain_stability(game, point).verdict == "stable"


def test_gradient_play_leaves_a_nash_point_that_natural_gradients_find():
    """Mazumdar, Ratliff, Jordan, Sastry 2020: their plant's form and starting law, costs of our own."""
    game = shared_plant(NARROW)
    (found,) = feedback_nash(game).points
    assert found.kind == "Nash (strict)"
    gradient, natural = (gain_stability(game, found, method=m, steps=STEP) for m in METHODS[:2])
    assert (gradient.verdict, gradient.known) == ("unstable", "enclosed")
    J = floats(at_balls(game, found.balls).derivative("gradient"))
    values = np.linalg.eigvals(J)
    assert values.real.min() < 0 and abs(values[values.real.argmin()].imag) > 0.01, "a pair that spirals out"
    limit = float(natural.condition.rhs)
    for step, expected in ((0.999, "stable"), (1.001, "unstable")):
        size = Q(limit * step).limit_denominator(10**9)
        assert gain_stability(game, found, method="natural gradient", steps=size).verdict == expected
    assert gain_stability(shared_plant(), feedback_nash(shared_plant()).points[0]).verdict == "stable", "S0 = 1"


def test_two_controllers_of_an_unstable_scalar_have_three_nash_points_and_learn_two_of_them():
    game = RegulatorGame(2, [1, 1], ["1/10", "1/10"], [1, 1])
    found = feedback_nash(game)
    assert found.complete and {(p.kind, p.known) for p in found.points} == {("Nash (strict)", "exact")}
    answers = {p.gains[0] == p.gains[1]: gain_stability(game, p).verdict for p in found.points}
    assert len(found.points) == 3 and answers == {True: "unstable", False: "stable"}
    even = next(p for p in found.points if p.gains[0] == p.gains[1])
    k, c = even.gains[0][0], 2 - 2 * even.gains[0][0]
    assert sp.expand((1 - c**2) * k - c * (Q(1, 10) + k**2)).evalf(30) < 1e-25


def loops_of_many(a, b, q, r, gamma) -> int:
    """How many stabilising equilibria: sign changes of sum_i u_i(c) + c - a over c, for each choice of the roots."""
    c = np.linspace(-1, 1, 400_002)[1:-1] / np.sqrt(gamma)  # an even number of points: never c = 0
    inside, count = 1 - gamma * c**2, 0
    root = [np.emath.sqrt((inside * ri) ** 2 - 4 * (gamma * c * bi) ** 2 * qi * ri) for bi, qi, ri in zip(b, q, r)]
    for signs in itertools.product((-1, 1), repeat=len(b)):
        total = sum((inside * ri + s * d) / (2 * gamma * c * ri) for s, d, ri in zip(signs, root, r)) + c - a
        real = np.where(total.imag == 0, total.real, np.nan)
        step = np.abs(np.diff(real)) < 0.1
        count += int((step & (np.sign(real[1:]) * np.sign(real[:-1]) < 0)).sum())
    return count


@pytest.mark.parametrize(
    ("a", "b", "q", "r", "gamma"),
    [
        (2, [1, 1, 1], ["1/10"] * 3, [1, 1, 1], 1),
        (Q(5, 2), [1, Q(1, 2), 2], ["1/10", "1/7", "1/3"], [1, Q(1, 3), 2], Q(9, 10)),
        (Q(-3), [1, -1, Q(2, 3)], ["1/20", "1/7", "1/30"], [1, 1, 1], 1),
        (Q(1, 2), [1, 1, 1, 2], [1, 2, "1/3", "1/9"], [1, 2, 3, 4], 1),
        (3, [1, 1, 1, 1], ["1/10", "1/9", "1/8", "1/7"], [1, 1, 1, 1], Q(4, 5)),
    ],
)
def test_controllers_of_a_scalar_have_the_equilibria_that_their_loops_allow(a, b, q, r, gamma):
    found = feedback_nash(RegulatorGame(a, b, q, r, gamma))
    plain = [[float(sp.Rational(v)) for v in side] for side in (b, q, r)]
    assert found.complete and len(found.points) == loops_of_many(float(a), *plain, float(gamma))


def test_a_loop_that_is_zero_leaves_nothing_to_be_gained():
    found = feedback_nash(RegulatorGame(0, [1, 1, 1], ["1/10"] * 3, [1, 1, 1]))
    assert found.complete and [tuple(K[0] for K in p.gains) for p in found.points] == [(0, 0, 0)]
    assert feedback_nash(RegulatorGame(1, [1, 1, 1], [1] * 3, [[1, 1, 1]] * 3)).complete, "a team"
    paid = RegulatorGame(1, [1, 1, 1], [1, 2, 1], [[1, 1, 1]] * 3)
    assert not feedback_nash(paid).complete, "players who pay for others' actions, each at its own rate"


def test_costs_that_are_one_have_one_equilibrium():
    """A team plays the regulator that holds all its inputs; a saddle is the one stabilising solution."""
    game = disturbed(5)
    assert feedback_nash(game).complete
    team = RegulatorGame(*PLANT, [COSTS[0][0], COSTS[0][0]], [["1/100", "1/50"]] * 2, "9/10")
    found = feedback_nash(team)
    both = Regulator(PLANT[0], [[1, 0], [1, 1]], COSTS[0][0], [["1/100", 0], [0, "1/50"]], discount="9/10")
    assert found.complete and len(found.points) == 1
    gain = feedback_nash(both).points[0].gains[0]
    assert np.allclose(floats(gain), np.vstack([floats(K) for K in found.points[0].gains]), atol=1e-12)


def test_the_scalar_saddle_is_the_one_the_written_game_has():
    game = robust_regulator(1, 1, 1, 1, 1, 4)
    found, written = feedback_nash(game), equilibria(game.game())
    assert found.complete and written.complete
    assert [tuple(K[0] for K in p.gains) for p in found.points] == [tuple(p.point.values()) for p in written.points]
    verdict = gain_stability(game, found.points[0], method="Gauss-Newton", steps=STEP)
    assert verdict.known == "exact" and verdict.condition == sp.StrictLessThan(STEP, Q(2, 3))
    edge = gain_stability(game, found.points[0], method="Gauss-Newton", steps=Q(2, 3))
    assert edge.verdict == "marginal"


def test_one_player_is_the_regulator():
    regulator = Regulator([[Q(3, 4), Q(1, 2)], [Q(-1, 4), Q(1, 3)]], [[1], [Q(1, 2)]], [[1, 0], [0, 2]], [[Q(1, 2)]])
    (found,) = feedback_nash(regulator.players).points
    assert found.gains[0] == riccati(regulator).gain
    policy_iteration = gain_stability(regulator, found, method="Gauss-Newton", steps=STEP)
    assert float(policy_iteration.condition.rhs) == pytest.approx(1, abs=1e-12)


def test_per_player_steps_and_symbols_at_rational_gains_are_exact():
    h1, h2 = sp.symbols("h1 h2", positive=True)
    # k1 = k2 = 1/2 with P = 1 at c = 1/2: q + r k^2 = 1 - c^2, r k = c
    game = RegulatorGame(Q(3, 2), [1, 1], [Q(1, 2), Q(1, 2)], [1, 1])
    even = next(p for p in feedback_nash(game).points if p.gains[0][0] == Q(1, 2))
    assert even.known == "exact" and even.values[0][0] == 1
    verdict = gain_stability(game, even, steps=[h1, h2])
    assert verdict.known == "exact" and verdict.condition.free_symbols == {h1, h2}
    J = game.at([["1/2"], ["1/2"]]).derivative("gradient")
    for sizes in ((Q(1, 9), Q(1, 7)), (Q(1, 2), Q(1, 3)), (Q(1, 100), 1)):
        values = np.linalg.eigvals(np.eye(2) - floats(sp.diag(*sizes) * J))
        put = dict(zip((h1, h2), sizes, strict=True))
        assert bool(verdict.condition.subs(put)) == (abs(values).max() < 1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(GameError, match="R12 is 1 x 1"):
        RegulatorGame(1, [1, 1], [1, 1], [[1, [[1, 0], [0, 1]]], [0, 1]])
    with pytest.raises(GameError, match="one entry a player"):
        RegulatorGame(1, [1, 1], [1], [1, 1])
    with pytest.raises(GameError, match="Q1 is symmetric"):
        RegulatorGame([[1, 0], [0, 1]], [[[1], [0]]], [[[1, 2], [0, 1]]], [1])
    with pytest.raises(GameError, match="still moves"):
        gain_stability(Regulator(1, 1, 1, 1), [["1/3"]])
    with pytest.raises(GameError, match="replies name some"):
        gain_stability(Regulator(1, 1, "1/2", 1), [["1/2"]], replies=["nobody"])
    with pytest.raises(UnknownAnswer, match="symbols"):
        feedback_nash(RegulatorGame(sp.Symbol("a"), [1], [1], [1]))
    with pytest.raises(UnknownAnswer, match="whose loop contracts"):
        feedback_nash(RegulatorGame([[2, 0], [0, 2]], [[[1], [0]]], [[[1, 0], [0, 1]]], [1]))


def test_text_in_matrices_is_read_and_never_evaluated():
    with pytest.raises((GameError, ReadError)):
        Regulator([["__import__('os').getcwd()"]], 1, 1, 1)


def test_no_door_for_matrices_evaluates_text(tmp_path):
    """SymPy's own matrices evaluate text; every place that takes rows from a caller reads them instead."""
    trace = tmp_path / "trace"
    text = f"__import__('pathlib').Path('{trace}').touch()"
    half = [["1/2", "1/2"]]
    doors = (
        lambda: Regulator([[text]], 1, 1, 1),
        lambda: RegulatorGame([[text]], [1], [1], [1]),
        lambda: models.bimatrix_game([[text, 1], [1, 1]], [[1, 1], [1, 1]]),
        lambda: models.replicator([[text, 1], [1, 1]]),
        lambda: models.double_oracle([[text, 1], [1, 1]]),
        lambda: models.FictitiousPlay([[text, 1], [1, 1]], [[1, 1], [1, 1]]),
        lambda: models.FiniteMDP(([[1]], [[1]]), [[text, 1]], 0, (1,)),
        lambda: models.FiniteMDP(([[1]], [[1]]), [[0, 1]], 0, (1,)).value([[text, 1]]),
        lambda: models.SwitchingFlow({}, ([[text, 0], [0, 1]],) * 4),
        lambda: analyse([[text]], time="discrete"),
    )
    for door in doors:
        with pytest.raises((GameError, ReadError)):
            door()
    assert not trace.exists()
    assert models.FiniteMDP(([[1]], [[1]]), [["0.5", 1]], "1/2", (1,)).value(half) == sp.Matrix([[Q(3, 2)]])
