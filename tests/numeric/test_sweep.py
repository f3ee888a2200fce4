"""Sweeps: every verdict against exact decisions, chunks against the whole, interruption against the uninterrupted."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel import Game, maximize, minimize, rules
from bilevel.analysis.decide import decide
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.numeric import sweep, sweep_chunks
from bilevel.numeric.sweep_axes import axes_of
from bilevel.numeric.sweep_plan import plan_of
from bilevel.numeric.sweep_points import _tilted, chunk, exactly
from bilevel.numeric.sweep_table import MEANINGS
from bilevel.rules import linearise
from bilevel.system import flow_of

theta, psi, x, y = sp.symbols("theta psi x y", real=True)
h, gamma = sp.symbols("h gamma", positive=True)
a, b = sp.symbols("a b", real=True)
LOSS = -sp.log(1 + sp.exp(-psi * theta))
DIRAC = Game(generator=minimize(LOSS, theta), discriminator=maximize(LOSS, psi))
PENALISED = Game(generator=minimize(LOSS, theta), discriminator=maximize(LOSS - gamma / 2 * psi**2, psi))
ORIGIN = {theta: 0, psi: 0}
QUADRATIC = Game(p=minimize(x**2 / 2 + x * y, x), q=minimize(a * y**2 / 2 - 2 * x * y, y))


def swept(matrix, time, over):
    """The verdict codes on a grid, of a matrix alone."""
    symbols = [s for s in (a, b) if str(s) in over]
    axes = axes_of(over, symbols)
    plan = plan_of(sp.Matrix(matrix), time, axes, (), 2**20)
    return plan, chunk(plan, 0).arrays["verdict"]


def grid_verdicts(plan, places):
    """The verdicts that `decide` gives at these places."""
    found = []
    for place in places:
        at = np.unravel_index(place, plan.shape)
        values = {axis.symbol: sp.Rational(*map(int, (axis.values[k].p, axis.values[k].q)))
                  for axis, k in zip(plan.grid, at, strict=True)}  # fmt: skip
        found.append(MEANINGS.index(decide(plan.matrix.subs(values), time=plan.time).verdict))
    return found


ENTRIES = st.sampled_from([sp.S.Zero, sp.S.One, -sp.S.One, a, b, -a, a * b, a**2 - b, sp.Rational(1, 3) * b, 1 - a])


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.data(), st.sampled_from(["discrete", "continuous"]))
def test_random_matrices_as_decide_has_them(n, data, time):
    matrix = sp.Matrix(n, n, data.draw(st.lists(ENTRIES, min_size=n * n, max_size=n * n)))
    plan, codes = swept(matrix, time, {"a": (-1, 1, 7), "b": (Fraction(-3, 2), Fraction(1, 2), 5)})
    assert codes.tolist() == grid_verdicts(plan, range(35))


@pytest.mark.parametrize("time", ["discrete", "continuous"])
@pytest.mark.parametrize("n", [4, 6])
def test_higher_degrees(n, time):
    rows = [[sp.Rational((3 * i * j + i - j) % 7 - 3, 5) for j in range(n)] for i in range(n)]
    matrix = sp.Matrix(rows) * b - (0 if time == "discrete" else a) * sp.eye(n)
    matrix[0, n - 1] += a
    plan, codes = swept(matrix, time, {"a": (-1, 2, 9), "b": (0, 2, 9)})
    assert codes.tolist() == grid_verdicts(plan, range(81))
    assert len(set(codes.tolist())) > 1


@pytest.mark.parametrize("rule", [rules.alternating(h), rules.extragradient(h), rules.heavy_ball(h, sp.Rational(1, 3)),
                                  rules.flow()])  # fmt: skip
def test_rules_at_random_grid_points(rule):
    over = dict.fromkeys((["h"] if rule.symbols else []) + ["gamma"], (0, 5, 41))
    found = sweep(PENALISED, rule, ORIGIN, over=over)
    matrix, codes = linearise(PENALISED, rule, ORIGIN).matrix, found.verdict.values.ravel()
    for place in np.random.default_rng(5).choice(codes.size, 12):
        at = np.unravel_index(place, found.verdict.shape)
        values = {{"h": h, "gamma": gamma}[name]: sp.Rational(int(k), 8) for name, k in zip(over, at, strict=True)}
        assert MEANINGS[codes[place]] == decide(matrix.subs(values), time=rule.time).verdict


def test_a_grid_of_centres_is_marginal_up_to_four_exactly():
    found = sweep(DIRAC, rules.alternating(h), ORIGIN, over={h: (0, 8, 4001)})
    assert found.h.values[2000] == 4.0
    assert (found.verdict.values[:2001] == 2).all() and (found.verdict.values[2001:] == 1).all()
    assert (found.margin.values[:2001] == 0).all() and (found.margin.values[2001:] < 0).all()
    assert 0 < found.attrs["redecided"] < 5  # the mirrored factor is recognised: no exact work on the whole line


def test_the_axis_of_the_flow():
    found = sweep(PENALISED, rules.flow(), ORIGIN, over={"gamma": (0, 1, 101)})
    assert found.verdict.values.tolist() == [2] + [0] * 100
    assert found.margin.attrs["units"] == "per unit time" and found.attrs["time"] == "continuous"


def test_the_boundary_is_decided_at_the_fraction_and_not_at_the_float():
    # z = 3 a: at a = 1/3 exactly one, in floats 3 * 0.333... rounds to one as well; next to it by 1e-17 it does not.
    third, tiny = Fraction(1, 3), Fraction(1, 10**17)
    plan, codes = swept([[3 * a]], "discrete", {"a": [third - tiny, third, third + tiny]})
    assert codes.tolist() == [0, 2, 1]
    assert exactly(plan, 1) == 2


def test_where_roots_crowd_at_one_as_for_small_steps_floats_still_decide():
    # I + b A, det(z I - I - b A) in floats keeps no digit of A's spectrum once b^5 is below rounding.
    rows = [[sp.Rational((3 * i * j + i - j) % 7 - 3, 5) for j in range(5)] for i in range(5)]
    matrix = sp.eye(5) + b * (sp.Matrix(rows) - 2 * sp.eye(5) + a * sp.ones(5) / 5)
    plan, codes = swept(matrix, "discrete", {"a": (0, 4, 17), "b": (Fraction(1, 10_000), Fraction(1, 100), 3)})
    found = chunk(plan, 0)
    assert {0, 1} <= set(codes.tolist()) and codes.tolist() == grid_verdicts(plan, range(51))
    assert found.redecided == 0 and ((found.arrays["margin"] > 0) == (codes == 0)).all()


@settings(max_examples=5, deadline=None)
@given(st.lists(st.fractions(-1, 1, max_denominator=8), min_size=2, max_size=4))
def test_both_tables_of_a_map_agree(roots):
    z = sp.Symbol("z")
    companion = sp.Matrix.companion(sp.Poly(sp.prod([z - sp.Rational(r) for r in roots]), z)) * a
    plan, codes = swept(companion, "discrete", {"a": [Fraction(1, 2), Fraction(99, 100), Fraction(101, 100), 3]})
    tilted = _tilted(plan, np.arange(4))
    assert all(code in (other, 3) for code, other in zip(tilted.tolist(), codes.tolist(), strict=True))


def test_irrational_entries_are_decided_by_enclosure():
    _, codes = swept([[sp.sqrt(a**2 + 1) * sp.exp(-b)]], "discrete", {"a": [0, 1, 2], "b": [0, 1]})
    assert codes.tolist() == [2, 0, 1, 0, 1, 0]


def test_numbers_beyond_all_floats_are_decided_exactly():
    huge = sp.Integer(10) ** 400
    _, codes = swept([[a + b / huge - 1 / huge]], "discrete", {"a": [0, 1], "b": [0, 1, 2]})
    assert codes.reshape(2, 3).tolist() == [[0, 0, 0], [0, 2, 1]]
    _, codes = swept([[huge * a]], "discrete", {"a": [0, 1]})
    assert codes.tolist() == [0, 1]


def test_a_pole_is_undecided():
    _, codes = swept([[b / a, 0], [0, sp.Rational(1, 2)]], "discrete", {"a": (-1, 1, 3), "b": (0, 2, 3)})
    assert codes.reshape(3, 3).tolist() == [[0, 2, 1], [3, 3, 3], [0, 2, 1]]


def test_chunks_and_executors_change_no_bit():
    whole = sweep(PENALISED, rules.alternating(h), ORIGIN, over={h: (0, 4, 301), gamma: (0, 4, 299)}, clearance=True)
    for size, workers in ((7919, None), (65536, None), (50000, 2)):
        executor = ThreadPoolExecutor(workers) if workers else None
        parts = sweep(PENALISED, rules.alternating(h), ORIGIN, over={h: (0, 4, 301), gamma: (0, 4, 299)},
                      chunk=size, executor=executor, clearance=True)  # fmt: skip
        assert whole.identical(parts)
        assert all(whole[name].values.tobytes() == parts[name].values.tobytes() for name in whole)


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path, monkeypatch):
    over, done, computed = {h: (0, 4, 101), gamma: (0, 4, 101)}, [], []

    def interrupt(ready, of):
        done.append((ready, of))
        if ready == 4:
            raise KeyboardInterrupt

    options = {"over": over, "chunk": 1000, "checkpoint": tmp_path / "kept"}
    with pytest.raises(KeyboardInterrupt):
        sweep(PENALISED, rules.alternating(h), ORIGIN, progress=interrupt, **options)
    assert done[-1] == (4, 12) and len(list((tmp_path / "kept").glob("chunk-*.npz"))) == 4
    (tmp_path / "kept" / "chunk-00000002.npz").write_bytes(b"PK half a file")
    monkeypatch.setattr(sweep_chunks, "chunk", lambda plan, index: computed.append(index) or chunk(plan, index))
    found = sweep(PENALISED, rules.alternating(h), ORIGIN, **options)
    assert sorted(computed) == [2, 4, 5, 6, 7, 8, 9, 10, 11]  # none lost, none repeated, the broken one made anew
    assert found.identical(sweep(PENALISED, rules.alternating(h), ORIGIN, over=over))
    with pytest.raises(GameError, match="another sweep"):
        sweep(DIRAC, rules.alternating(h), ORIGIN, over={h: (0, 4, 101)}, chunk=1000, checkpoint=tmp_path / "kept")
    assert json.loads((tmp_path / "kept" / "sweep.json").read_text())["points"] == 101**2


def test_memory_is_bounded_by_the_chunk(monkeypatch):
    sizes = []

    def measured(plan, index):
        found = chunk(plan, index)
        sizes.append(found.arrays["margin"].size)
        return found

    monkeypatch.setattr(sweep_chunks, "chunk", measured)
    sweep(PENALISED, rules.alternating(h), ORIGIN, over={h: (0, 4, 250), gamma: (0, 4, 1000)}, chunk=2**16)
    assert sizes == [65_000] * 3 + [55_000]  # whole rows of 1000


def test_spectral_radius_and_clearance_only_when_asked():
    over = {h: (Fraction(1, 10), 2, 20), gamma: (Fraction(1, 10), 2, 20)}
    plain = sweep(PENALISED, rules.alternating(h), ORIGIN, over=over)
    assert set(plain.data_vars) == {"verdict", "margin"} and plain.verdict.dtype == np.int8
    asked = sweep(PENALISED, rules.alternating(h), ORIGIN, over=over, spectral_radius=True, clearance=True)
    clear = asked.clearance.values > 1e3
    assert ((asked.spectral_radius.values < 1) == (asked.verdict.values == 0))[clear].all() and clear.mean() > 0.9
    assert ((asked.margin.values > 0) == (asked.verdict.values == 0)).all()
    flow = sweep(PENALISED, rules.flow(), ORIGIN, over={gamma: (1, 2, 3)}, spectral_radius=True)
    assert (flow.spectral_abscissa.values < 0).all()


def test_systems_facts_and_values():
    system = flow_of({x: -a * x + b * y, y: -y}, assuming=(a < 1,))
    found = sweep(system, None, {x: 0, y: 0}, over={"a": (0, 2, 5)}, values={b: 1})
    assert found.verdict.values.tolist() == [2, 0, 0, 3, 3] and found.attrs["outside"] == 2
    assert found.attrs["undecided"] == 2


@pytest.mark.parametrize(("over", "words"), [
    ({}, "needs a parameter"), ({"beta": (0, 1, 2)}, "no parameter beta"), ({h: (0, 1)}, "start, stop, count"),
    ({h: (0, 1, 1)}, "at least 2"), ({h: (1, 1, 5)}, "empty"), ({h: (0, 1, 2.5)}, "whole number"),
    ({h: (-1, 1, 3)}, "contradicts"), ({h: (0, float("nan"), 3)}, "finite"), ({h: ("0", "1", 3)}, "finite"),
    ({h: []}, "list of numbers"), ({h: (0, sp.oo, 3)}, "finite"), ({h: (0, 1, 3)}, "gamma has no value"),
])  # fmt: skip
def test_what_is_refused(over, words):
    with pytest.raises(GameError, match=words):
        sweep(PENALISED, rules.alternating(h), ORIGIN, over=over)


def test_functions_without_a_bound_are_refused():
    with pytest.raises(UnknownAnswer, match="no bound"):
        swept([[sp.loggamma(a + 3)]], "discrete", {"a": [0, 1]})
