"""Matrix-free spectra: laws of operators and eigenvalues, exact spectra, and cases that must not be oversold."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from flint import fmpq, fmpq_mat, fmpq_poly
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import eigs

from bilevel import Game, minimize
from bilevel.language.errors import GameError
from bilevel.numeric import Operator, eigenvalues, jacobian, path_angle
from bilevel.numeric.spectra import several_ends
from bilevel.numeric.spectra_krylov import Run, krylov_schur, order
from bilevel.numeric.spectra_solvers import Search
from bilevel.rules import consensus, extragradient, flow, heavy_ball, linearise, optimistic
from bilevel.testing.strategies import quadratic_games


def linear(matrix, sizes):
    """The operator of a matrix, as a game's Jacobian; what is tested is all that follows after the products."""
    blocks = {f"p{i}": size for i, size in enumerate(sizes)}
    taken = []

    def product(v, of):
        taken.append(1)
        return of @ v

    return Operator(
        "game Jacobian", blocks, lambda v: product(v, matrix), lambda v: product(v, matrix.T), lambda: matrix,
        lambda: len(taken), "float64", boundary="field",
    )  # fmt: skip


def matrices(n):
    return st.integers(0, 10**6).map(lambda seed: np.random.default_rng(seed).standard_normal((n, n)))


def every(operator, which="largest modulus"):
    return np.array([ritz.value for ritz in eigenvalues(operator, which, count=operator.size).values])


def matched(a, b, tolerance):
    """Whether two lists of numbers agree in some order."""
    left = list(b)
    for value in a:
        k = int(np.argmin(np.abs(np.array(left) - value)))
        if abs(left.pop(k) - value) > tolerance:
            return False
    return not left


@settings(max_examples=4)
@given(quadratic_games(players=2))
def test_the_spectrum_of_a_symbolic_game_is_that_of_its_exact_jacobian(game):
    here = dict.fromkeys(game.variables, 0)
    exact = sp.Matrix(game.jacobian().subs(here))
    J = jacobian(game, here)
    assert np.allclose(J.dense(), np.array(exact, dtype=float), atol=1e-12)
    # exact characteristic polynomial, its roots isolated by flint with their multiplicities
    integers = fmpq_mat([[fmpq(int(e.p), int(e.q)) for e in exact.row(i)] for i in range(exact.rows)])
    roots = fmpq_poly(integers.charpoly()).complex_roots()
    truth = [complex(root) for root, multiplicity in roots for _ in range(multiplicity)]
    found = eigenvalues(J, count=exact.rows).values
    # first-order errors, or the n-th root of the backward error at a Jordan block of full size
    off = max(max(ritz.error, (10 * ritz.backward_error) ** (1 / exact.rows)) for ritz in found)
    assert matched([ritz.value for ritz in found], truth, 2 * off + 1e-9)


@settings(max_examples=5)
@given(matrices(6), matrices(6))
def test_a_change_of_coordinates_of_a_player_leaves_the_spectrum_alone(A, T):
    T = np.kron(np.eye(2), T[:3, :3] + 4 * np.eye(3))
    before = every(linear(A, [3, 3]))
    after = every(linear(T @ A @ np.linalg.inv(T), [3, 3]))
    assert matched(before, after, 1e-7)


@settings(max_examples=5)
@given(matrices(5), st.sampled_from([0.25, 3.0]))
def test_scaling_all_losses_scales_every_eigenvalue(A, scale):
    assert matched(scale * every(linear(A, [2, 3])), every(linear(scale * A, [2, 3])), 1e-8)


def test_the_order_of_players_does_not_matter():
    f = lambda z: z["a"] ** 2 + 3 * z["a"] * z["b"]
    g = lambda z: z["b"] ** 2 - z["a"] * z["b"]
    at = {"a": 0.0, "b": 0.0}
    assert matched(every(jacobian({"a": f, "b": g}, at)), every(jacobian({"b": g, "a": f}, at)), 1e-12)


@settings(max_examples=5)
@given(matrices(7))
def test_the_symmetric_part_bounds_the_real_parts_and_the_antisymmetric_part_the_imaginary_ones(A):
    J = linear(A, [3, 4])
    values, S, turn = every(J), every(J.symmetric), every(J.antisymmetric)
    assert np.all(values.real <= S.real.max() + 1e-9)
    assert np.all(values.real >= S.real.min() - 1e-9)
    assert np.all(np.abs(values.imag) <= np.abs(turn.imag).max() + 1e-9)
    assert np.all(turn.real == 0) and np.all(S.imag == 0)


@pytest.mark.parametrize("which", ["largest modulus", "largest real part", "smallest real part",
                                   "largest imaginary part", "boundary"])  # fmt: skip
def test_krylov_and_dense_agree_at_every_end(which):
    draw = np.random.default_rng(3)
    Q, _ = np.linalg.qr(draw.standard_normal((60, 60)))
    A = Q @ (np.diag(np.linspace(0.5, 4, 60) ** 2) + np.triu(draw.standard_normal((60, 60)), 1) / 6) @ Q.T
    A[:30, 30:] += 1.5 * np.eye(30)
    A[30:, :30] -= 1.5 * np.eye(30)
    J = linear(A, [30, 30])
    whole = eigenvalues(J, which, count=3, method="dense")
    few = eigenvalues(J, which, count=3, method="Krylov")
    assert few.complete and few.products > 0
    for one, other in zip(whole.values, few.values, strict=True):
        assert min(abs(one.value - other.value), abs(one.value - other.value.conjugate())) <= 10 * other.error + 1e-7


def test_the_bound_of_a_symmetric_part_holds():
    A = np.random.default_rng(5).standard_normal((300, 300)) / 17
    J = linear(A, [150, 150])
    truth = np.linalg.eigvalsh((A + A.T) / 2)
    for which in ("largest real part", "smallest real part"):
        found = eigenvalues(J.symmetric, which, count=3, tolerance=1e-3)
        assert found.method == "Krylov"
        assert all(np.abs(truth - ritz.value.real).min() <= ritz.backward_error for ritz in found.values)


def test_a_jordan_block_is_not_sold_as_accurate():
    n = 6
    block = 0.99 * np.eye(n) + np.diag(np.ones(n - 1), 1)
    Q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))
    found = eigenvalues(linear(Q @ block @ Q.T, [3, 3]), count=n)
    off = max(abs(ritz.value - 0.99) for ritz in found.values)
    assert off > 1e-4  # what floating point makes of it
    assert all(ritz.condition > 1e6 and ritz.known == "float" for ritz in found.values)
    # each value is one of a matrix as near as its backward error says
    shifted = [np.linalg.svd(block - ritz.value * np.eye(n), compute_uv=False)[-1] for ritz in found.values]
    assert all(s <= ritz.backward_error for s, ritz in zip(shifted, found.values, strict=True))


def test_an_eigenvalue_shared_by_several_modes_is_found_several_times():
    A = np.diag([2.0] * 4 + [1.0] * 2)
    assert [round(r.value.real, 9) for r in eigenvalues(linear(A, [3, 3]), count=5).values] == [2] * 4 + [1]


RULES = [extragradient("1/3"), heavy_ball("1/4", "-1/2"), optimistic("1/4"), consensus("1/4", "1/3"), flow()]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_jacobian_of_a_rule_is_its_linear_reading(rule):
    x, y = sp.symbols("x y", real=True)
    game = Game(a=minimize(x**2 / 3 + x * y, x), b=minimize(y**2 - 2 * x * y, y))
    here = {x: 0, y: 0}
    M = jacobian(game, here, rule=rule)
    exact = np.array(linearise(game, rule, here).matrix, dtype=float)
    assert np.allclose(M.dense(), exact, atol=1e-12)
    assert np.allclose([M.backward(e) for e in np.eye(M.size)], exact, atol=1e-12)


def test_what_a_loss_holds_constant_varies_in_the_jacobian():
    held = jax.lax.stop_gradient
    critic = lambda z: (z["w"] - held(1 + z["w"] / 2)) ** 2 / 2  # temporal difference: field w - 1 - w/2
    assert jacobian({"w": critic}, {"w": 0.0}).dense().tolist() == [[0.5]]


def test_the_schur_complement_is_that_of_the_matrix():
    A = np.random.default_rng(2).standard_normal((7, 7))
    A[3:, 3:] = A[3:, 3:] @ A[3:, 3:].T + np.eye(4)
    J = linear(A, [3, 4])
    exact = A[:3, :3] - A[:3, 3:] @ np.linalg.inv(A[3:, 3:]) @ A[3:, :3]
    assert np.allclose(J.schur("p0").dense(), exact)
    assert np.allclose([J.schur("p0").forward(e) for e in np.eye(3)], exact.T, atol=1e-7)


def test_float32_says_how_accurate_it_is():
    A = np.random.default_rng(1).standard_normal((8, 8)).astype(np.float32)
    losses = {"a": lambda z: z["a"] @ jax.lax.stop_gradient(A @ z["a"])}
    single = eigenvalues(jacobian(losses, {"a": np.zeros(8, dtype=np.float32)}), count=8)
    double = eigenvalues(jacobian(losses, {"a": np.zeros(8)}), count=8)
    assert single.rounding > 1e6 * double.rounding
    truth = [r.value for r in double.values]
    assert all(min(abs(r.value - t) for t in truth) <= 10 * r.error for r in single.values)


def test_the_same_seed_gives_the_same_answer_and_products_are_counted():
    A = np.random.default_rng(4).standard_normal((40, 40))
    first, again = (eigenvalues(linear(A, [20, 20]), count=2, method="Krylov", seed=7) for _ in range(2))
    assert [r.value for r in first.values] == [r.value for r in again.values]
    assert first.products == again.products > 40


def test_path_angles_tell_attraction_from_rotation():
    start, end = {"a": 1.0, "b": 0.5}, {"a": 0.0, "b": 0.0}
    attracts = {"a": lambda z: z["a"] ** 2, "b": lambda z: z["b"] ** 2}
    turns = {"a": lambda z: z["a"] * z["b"], "b": lambda z: -z["a"] * z["b"]}
    assert path_angle(attracts, start, end).sign_switch == pytest.approx(2)
    assert path_angle(turns, start, end).sign_switch == pytest.approx(0, abs=1e-9)


def test_mistakes_are_answered_in_the_callers_words():
    J = jacobian({"a": lambda z: z["a"] ** 2}, {"a": 0.0})
    with pytest.raises(GameError, match="largest modulus"):
        eigenvalues(J, "biggest")
    with pytest.raises(GameError, match="no player 'b'"):
        J.own("b")
    with pytest.raises(GameError, match="no boundary"):
        eigenvalues(J.symmetric, "boundary")
    with pytest.raises(GameError, match="not finite"):
        eigenvalues(jacobian({"a": lambda z: jnp.sqrt(z["a"])}, {"a": 0.0}))
    with pytest.raises(GameError, match="the same"):
        path_angle({"a": lambda z: z["a"] ** 2}, {"a": 1.0}, {"a": 1.0})


def spread(n, seed=0):
    """A matrix with eigenvalues at all its ends, far from normal."""
    draw = np.random.default_rng(seed)
    A = np.triu(draw.standard_normal((n, n)), 1) / 8 + np.diag(np.linspace(-3, 8, n))
    for k in range(0, 120, 40):  # pairs that turn
        A[k : k + 2, k : k + 2] = [[k / 40, 6 - k / 40], [k / 40 - 6, k / 40]]
    Q, _ = np.linalg.qr(draw.standard_normal((n, n)))
    return Q @ A @ Q.T


THREE = ("largest modulus", "smallest real part", "largest imaginary part")


def test_one_basis_finds_at_every_end_what_arpack_and_lapack_find_there():
    A = spread(300)
    J = linear(A, [150, 150])
    truth = np.linalg.eigvals(A)
    found = several_ends(J, THREE, count=4, search=Search(0, 1e-9, 2000, left=False, floor=0.0))
    for one, (code, sign, shift) in zip(found, (("LM", 1, 0), ("LR", -1, 9), ("LI", 1, 0)), strict=True):
        wanted = truth[order(truth, one.which)[:4]]
        moved = eigs(shift * np.eye(300) + sign * A, 4, which=code, ncv=60, v0=np.ones(300), tol=1e-8)[0]
        arpack = sign * (moved - shift)
        values = np.array([ritz.value for ritz in one.values])
        assert one.complete and np.allclose(values, wanted, atol=1e-5)
        assert abs(arpack[order(arpack, one.which)[0]] - values[0]) < 1e-5
    assert found[0].products == found[2].products < 3 * 300  # the common run, told once each


def test_a_run_stays_within_its_products_and_tells_the_residual_it_reached():
    A = spread(400, seed=1)
    J = linear(A, [200, 200])
    for budget in (50, 90, 500):
        before = J.products()
        found = krylov_schur(J.forward, 400, "float64", "matrix", Run(("smallest real part",), 5, 0, 1e-12, budget))
        assert J.products() - before <= budget
        (values,), (vectors,), (settled,) = (part.values() for part in (found.values, found.vectors, found.settled))
        for value, x, sure in zip(values, vectors.T, settled, strict=True):
            off = np.linalg.norm(A @ x - value * x)
            assert not sure or off <= 1e-2 * found.norm + 1e-9  # what has not settled is not given out


def test_a_start_at_some_eigenvectors_hides_no_other():
    A = np.diag(np.r_[10.0, 9.5, np.linspace(0, 8, 298)])
    inner = np.eye(300)[5:9]  # eigenvectors from the midst
    found = eigenvalues(linear(A, [100, 200]), count=3, near=list(inner), left=False)
    assert np.allclose([ritz.value.real for ritz in found.values][:2], [10, 9.5], atol=1e-6)
    coarse = {"count": 2, "left": False, "tolerance": 1e-4}
    there, cold = (eigenvalues(linear(A, [100, 200]), near=near, **coarse) for near in (list(np.eye(300)[:2]), ()))
    assert there.products < cold.products


def test_both_ends_of_a_symmetric_operator_come_from_one_basis():
    A = np.random.default_rng(5).standard_normal((300, 300)) / 17
    S = linear(A, [150, 150]).symmetric
    truth = np.linalg.eigvalsh((A + A.T) / 2)
    search = Search(0, 1e-8, 600, left=False, floor=0.0)
    low, high = several_ends(S, ("smallest real part", "largest real part"), count=2, search=search)
    assert np.allclose([r.value.real for r in low.values], truth[:2], atol=1e-6)
    assert np.allclose([r.value.real for r in high.values], truth[:-3:-1], atol=1e-6)


def test_an_invariant_subspace_does_not_end_the_search():
    A = np.zeros((300, 300))
    A[:2, :2] = [[0, 3], [-3, 0]]
    found = eigenvalues(linear(A, [150, 150]), count=2, left=False)
    assert np.allclose(sorted(r.value.imag for r in found.values), [-3, 3])
