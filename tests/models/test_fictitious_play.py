"""Exact fictitious play: theorems of convergence read off the payoffs, Shapley's cycle with its exact ratio."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import sympy as sp

from bilevel.analysis import best_reply_cycle, discrete_play, fictitious_play
from bilevel.language.errors import GameError
from bilevel.models import FictitiousPlay, shapley_payoffs

Q = sp.Rational
PENNIES = ([[1, -1], [-1, 1]], [[-1, 1], [1, -1]])


def test_shapleys_turns_grow_by_the_sixth_power_of_a_cubic_number():
    """Each stay is longer than the last by the real root of r^3 = r^2 + 1."""
    found = fictitious_play(FictitiousPlay(*shapley_payoffs()))
    assert (found.claim, found.known) == ("does not converge", "exact") and found.cycle.attracts is True
    r, x = sp.symbols("r x")
    step = sp.Poly(r**3 - r**2 - 1, r)
    (root,) = step.real_roots()
    sixth = sp.factor_list(sp.resultant(step.as_expr(), x - r**6, r))[1]
    assert [sp.Poly(found.cycle.ratio.poly.as_expr().subs(found.cycle.ratio.poly.gen, x), x).as_expr()] == [
        factor for factor, _ in sixth
    ]
    assert abs(sp.N(root**6 - found.cycle.ratio, 40)) < 1e-35
    stays = found.cycle.times
    assert all(abs(b / a - root.evalf(20)) < 1e-12 for a, b in itertools.pairwise(stays))
    corners = [tuple(side.tolist()) for side in found.cycle.corners[0]]
    assert corners != [tuple(side.tolist()) for side in found.cycle.corners[1]], "beliefs go on moving"


def test_the_discrete_process_of_shapleys_game_grows_by_the_same_ratio():
    runs = FictitiousPlay(*shapley_payoffs()).run(60_000, ([1, 0, 0], [0, 1, 0]))
    cycle = fictitious_play(FictitiousPlay(*shapley_payoffs())).cycle
    late = [length for _, length in runs[-10:-1]]
    assert {cell for cell, _ in runs[-8:-1]} == set(cycle.cells)
    assert late[-1] / late[-7] == pytest.approx(float(cycle.ratio), rel=0.01)


def test_whole_steps_go_round_for_ever_once_their_turns_outgrow_the_errors():
    """From there on the path follows the cycle, turn by turn longer, for as long as it is run."""
    play, source = FictitiousPlay(*shapley_payoffs()), random.Random(4)
    for _ in range(6):
        start = tuple([Q(source.randint(0, 6), source.randint(1, 3)) for _ in range(3)] for _ in range(2))
        if not all(map(any, start)):
            continue
        found = discrete_play(play, start)
        assert (found.claim, found.starts, found.known) == ("does not converge", "this start", "exact")
        since, step, runs = int(found.why.split("step ")[1].split(" ")[0]), 0, play.run(30_000, start)
        cells, lengths = [], []
        for cell, count in runs[:-1]:
            if step >= since:
                cells.append(cell)
                lengths.append(count)
            step += count
        word = found.cycle.cells
        assert len(cells) > 6 and cells == [word[k % 6] for k in range(len(cells))]
        assert all(later > now for now, later in zip(lengths, lengths[6:], strict=False))


def test_a_run_of_shapleys_game_is_the_last_the_third_last_and_two_more():
    """With whole weights: a row is overtaken at a lead of 0 or 1, as the lower of two equal actions is played; of the
    three overtakings that a run rests on exactly two need the 1."""
    play, source = FictitiousPlay(*shapley_payoffs()), random.Random(6)
    for _ in range(8):
        start = tuple([source.randint(0, 5) for _ in range(2)] + [source.randint(1, 5)] for _ in range(2))
        lengths = [count for _, count in play.run(4000, start)][4:-1]
        assert len(lengths) > 6 and all(d == c + a + 2 for a, _, c, d in zip(*(lengths[k:] for k in range(4))))


def test_what_whole_steps_do_is_open_where_nothing_is_proved():
    shapley = FictitiousPlay(*shapley_payoffs())
    assert "allow more" in discrete_play(shapley, ([1, 0, 0], [0, 1, 0]), steps=5).why
    assert discrete_play(FictitiousPlay(*PENNIES), ([1, 0], [1, 0])).claim == "unknown"


def test_beliefs_of_a_simulation_pass_the_corners():
    """A second road: Euler steps of the continuous process in numpy, from a start nobody chose."""
    R, C = (np.array(M, float) for M in shapley_payoffs())
    cycle = fictitious_play(FictitiousPlay(*shapley_payoffs())).cycle
    X, Y, t, last, seen = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.5, 0.3]), 1.0, None, []
    while t < 3e4:
        cell = (int((R @ Y).argmax()), int((C.T @ X).argmax()))
        if cell != last:
            seen.append((cell, X / t, Y / t))
        step, last = t * 1e-4, cell
        X[cell[0]] += step
        Y[cell[1]] += step
        t += step
    for cell, x, y in seen[-6:]:
        p, q = cycle.corners[cycle.cells.index(cell)]
        assert np.allclose(np.array(p, float).ravel(), x, atol=2e-3)
        assert np.allclose(np.array(q, float).ravel(), y, atol=2e-3)


def test_one_turn_of_matching_pennies_comes_back_to_the_same_payoffs():
    """Bounded differences in a growing time: beliefs approach the equilibrium as 1/t, for all payoffs u v < 0."""
    for a, b in itertools.product((1, 2, Q(7, 3)), (1, Q(1, 5))):
        play = FictitiousPlay([[a, -1], [-1, b]], [[-1, b], [a, -2]])
        cycle = best_reply_cycle(play, [(0, 0), (0, 1), (1, 1), (1, 0)])
        assert cycle is not None and cycle.ratio == 1 and cycle.corners == ()
        assert fictitious_play(play).claim == "converges"


def test_the_gap_of_a_zero_sum_game_falls_as_one_over_t_in_every_cell():
    """W = max (R y) - min (x^T R): dW/ds = -W along the straight path inside a cell."""
    rng = np.random.default_rng(1)
    R = rng.integers(-5, 6, (4, 3))
    play = FictitiousPlay(R.tolist(), (-2 * R + np.array([3, 0, 1, 5])[:, None]).tolist())
    found = fictitious_play(play)
    assert (found.claim, found.starts) == ("converges", "every start") and "zero-sum up to the scale 2" in found.why
    source, exact, inside = random.Random(2), sp.Matrix(R.tolist()), 0
    for _ in range(40):
        X, Y = (sp.Matrix([source.randint(1, 60) for _ in range(k)]) for k in (4, 3))
        seen, lost = list(exact * Y), list(exact.T * X)
        a, b = seen.index(max(seen)), lost.index(min(lost))
        later = list(exact * Y + exact[:, b]), list(exact.T * X + exact[a, :].T)
        if later[0].index(max(later[0])) == a and later[1].index(min(later[1])) == b:  # still in the cell
            inside += 1
            assert max(later[0]) - min(later[1]) == max(seen) - min(lost), "t W is constant"
    assert inside > 20


def test_every_two_by_two_game_without_ties_converges():
    """Miyasawa 1961."""
    source = random.Random(3)
    for _ in range(60):
        R, C = ([[source.randint(-9, 9) for _ in range(2)] for _ in range(2)] for _ in range(2))
        play = FictitiousPlay(R, C)
        tied = any(R[0][j] == R[1][j] for j in (0, 1)) or any(C[i][0] == C[i][1] for i in (0, 1))
        assert tied or fictitious_play(play).claim == "converges", (R, C)


def test_better_replies_without_a_circle_end_at_a_strict_equilibrium():
    """Monderer and Shapley 1996: an ordinal potential that is no rescaled common interest."""
    R, C = [[4, 5, 0], [3, 1, 2], [0, 0, 7]], [[5, 3, 1], [2, 4, 0], [1, 2, 9]]
    found = fictitious_play(FictitiousPlay(R, C))
    assert found.claim == "converges" and "no circle" in found.why
    for start in itertools.product(np.eye(3, dtype=int).tolist(), repeat=2):
        cell = FictitiousPlay(R, C).run(400, start)[-1][0]
        assert FictitiousPlay(R, C).switches(cell) == ()


def test_common_interest_converges_and_ties_are_not_decided():
    same = FictitiousPlay([[2, 0, 1], [0, 1, 5], [3, 3, 0]], [[5, 1, 3], [1, 3, 11], [7, 7, 1]])
    assert fictitious_play(same).why.startswith("common interest up to the scale 2")
    tied = FictitiousPlay([[1, 1], [0, 1]], [[1, 0], [0, 0]])
    assert fictitious_play(tied).claim in ("unknown", "converges")


@pytest.mark.parametrize("beta", [Q(-1, 2), Q(-1, 10), Q(1, 10), Q(1, 2), Q(9, 10)])
def test_the_family_around_shapleys_game_turns_at_the_golden_ratio(beta):
    """Sparrow, van Strien, Harris 2008: A = [[1, 0, b], [b, 1, 0], [0, b, 1]], B = [[-b, 1, 0], [0, -b, 1], [1, 0, -b]]
    cycles by Shapley's orbit while b is below the golden ratio, 0.618..."""
    A = [[1, 0, beta], [beta, 1, 0], [0, beta, 1]]
    B = [[-beta, 1, 0], [0, -beta, 1], [1, 0, -beta]]
    cycle = best_reply_cycle(FictitiousPlay(A, B), [(0, 1), (1, 1), (1, 2), (2, 2), (2, 0), (0, 0)])
    golden = (sp.sqrt(5) - 1) / 2
    assert (cycle is not None and float(cycle.ratio) > 1 and bool(cycle.attracts)) == bool(beta < golden)


def test_what_does_not_fit_is_refused():
    with pytest.raises(GameError, match="one shape"):
        FictitiousPlay([[1, 0]], [[1], [0]])
    with pytest.raises(GameError, match="rational"):
        FictitiousPlay([[sp.sqrt(2), 0], [0, 1]], [[1, 0], [0, 1]])
    with pytest.raises(GameError, match="does not follow"):
        best_reply_cycle(FictitiousPlay(*PENNIES), [(0, 0), (1, 1)])
    with pytest.raises(GameError, match="a start gives"):
        FictitiousPlay(*PENNIES).run(3, ([0, 0], [1, 0]))
