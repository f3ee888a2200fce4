"""Parametric verdicts: published regions, the three sets a partition that agrees with exact decisions, honesty about
the rest."""

from __future__ import annotations

import importlib
import random
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.analysis.analyse import analyse
from bilevel.analysis.decide import decide
from bilevel.analysis.enclosure import truth_at

module = importlib.import_module("bilevel.analysis.analyse")  # the package's name `analyse` is the function
h, gamma, f, sigma, eta, epsilon = sp.symbols("h gamma f sigma eta epsilon", positive=True)
a, b = sp.symbols("a b", real=True)
g = sp.Symbol("g", nonnegative=True)
SETS = ("stable", "unstable", "marginal")


def points(verdict: Any, symbols: list[Any], count: int, source: random.Random) -> Any:
    for _ in range(count):
        point = {s: sp.Rational(source.randint(-6, 6), source.choice((1, 1, 2))) for s in symbols}
        allowed = all(not (s.is_positive and x <= 0) and not (s.is_nonnegative and x < 0) for s, x in point.items())
        if allowed and all(truth_at(fact, point) for fact in verdict.assuming):
            yield point


def assert_partition(jacobian: Any, time: str, source: random.Random, *, assuming: Any = (), count: int = 15) -> Any:
    """At rational points exactly the right one of the three sets holds."""
    verdict = analyse(jacobian, time=time, assuming=assuming)
    for point in points(verdict, sorted(jacobian.free_symbols, key=str), count, source):
        truth = decide(jacobian.subs(point), time=time).verdict
        sets = dict(zip(SETS, (verdict.condition, verdict.unstable_on, verdict.marginal_on), strict=True))
        for name, region in sets.items():
            assert region is None or truth_at(region, point) is (name == truth), (jacobian, time, point, truth, verdict)
    return verdict


def equivalent(found: Any, claim: Any, source: random.Random, count: int = 120) -> bool:
    symbols = sorted(found.free_symbols | claim.free_symbols, key=str)
    return all(
        truth_at(found, p) == truth_at(claim, p)
        for p in (
            {s: sp.Rational(source.randint(1, 40), source.choice((1, 3, 8, 16))) for s in symbols} for _ in range(count)
        )
    )


def bilinear(s: Any) -> Any:
    return sp.Matrix([[0, s], [-s, 0]])


# ---- published results ------------------------------------------------------------------------


def test_d03_simultaneous_dirac_gan_never_converges() -> None:
    verdict = analyse(sp.Matrix([[1, -h * f], [h * f, 1]]), time="discrete")
    assert (verdict.verdict, verdict.condition) == ("unstable", sp.false)
    assert verdict.rate.subs({h: 3, f: sp.Rational(1, 4)}) == sp.Rational(5, 4)


def test_d04_z02_alternating_is_marginal_up_to_two() -> None:
    verdict = analyse(sp.Matrix([[1, -h * f], [h * f, 1 - h**2 * f**2]]), time="discrete")
    assert verdict.condition == sp.false
    assert (verdict.marginal_on, verdict.unstable_on) == (f * h <= 2, f * h > 2)
    assert verdict.marginal_why == "centre; eigenvalue -1 where f*h = 2; Jordan block on the boundary where f*h = 2"


def test_the_alternating_dirac_gan_of_the_readme() -> None:
    plain = analyse(sp.Matrix([[1, -h / 2], [h / 2, 1 - h**2 / 4]]), time="discrete")
    assert (plain.verdict, plain.condition, plain.marginal_on, plain.unstable_on) == (
        "conditional",
        sp.false,
        h <= 4,
        h > 4,
    )
    regular = analyse(sp.Matrix([[1, -h / 2], [h / 2, 1 - h * gamma - h**2 / 4]]), time="discrete")
    assert regular.condition == sp.Lt(h**2 / 4 + 2 * gamma * h, 4)
    assert regular.unstable_on == sp.Gt(h**2 / 4 + 2 * gamma * h, 4)
    assert regular.marginal_on == sp.Eq(h**2 / 4 + 2 * gamma * h, 4)
    assert (regular.marginal_why, regular.known) == ("eigenvalue -1", "exact")


def test_d10_regions_on_both_sides() -> None:
    source = random.Random(1)
    simultaneous = analyse(sp.Matrix([[1, -h * f], [h * f, 1 - h * gamma]]), time="discrete")
    root = sp.sqrt(gamma**2 / 4 - f**2)
    claim = sp.Or(sp.And(gamma < 2 * f, h < gamma / f**2), sp.And(gamma >= 2 * f, h < 2 / (gamma / 2 + root)))
    assert equivalent(simultaneous.condition, claim, source)
    assert equivalent(simultaneous.solve(h), claim, source)
    alternating = analyse(sp.Matrix([[1, -h * f], [h * f, 1 - h * gamma - h**2 * f**2]]), time="discrete")
    assert equivalent(alternating.condition, h**2 * f**2 + 2 * h * gamma < 4, source)


def test_z13_optimistic_descent() -> None:
    one, zero = sp.eye(2), sp.zeros(2)
    jacobian = sp.Matrix(sp.BlockMatrix([[one - 2 * eta * bilinear(sigma), eta * bilinear(sigma)], [one, zero]]))
    verdict = analyse(jacobian, time="discrete")
    assert verdict.solve(eta) == sp.Lt(eta, sp.sqrt(3) / (3 * sigma))
    assert_partition(jacobian, "discrete", random.Random(2))


@pytest.mark.parametrize(
    ("hessian", "time_scale"),
    [
        ((-6, 4, -2), gamma > 3),
        ((-2, 2 * sp.sqrt(epsilon), -epsilon), gamma > 2 / epsilon),
        ((2, 2 * sp.sqrt(epsilon), epsilon), gamma < 2 / epsilon),
    ],
)
def test_s04_two_time_scales(hessian: tuple[Any, Any, Any], time_scale: Any) -> None:
    """-3x^2 - y^2 + 4xy and the two quadratics with epsilon: x descends, y ascends gamma times faster."""
    xx, xy, yy = hessian
    verdict = analyse(sp.Matrix([[-xx, -xy], [gamma * xy, gamma * yy]]), time="continuous")
    assert equivalent(verdict.condition, time_scale, random.Random(3))


def test_d12_step_below_the_largest_rate() -> None:
    """I + hA with eigenvalues -a +- ib of A: h < 2 a/(a^2 + b^2)."""
    x, y = sp.symbols("x y", positive=True)
    verdict = analyse(sp.Matrix([[1 - h * x, -h * y], [h * y, 1 - h * x]]), time="discrete")
    assert equivalent(verdict.solve(h), h < 2 * x / (x**2 + y**2), random.Random(4))


def test_z10_generalised_extragradient() -> None:
    a1, a2, b1, b2, s = sp.symbols("a1 a2 b1 b2 s", positive=True)
    jacobian = sp.Matrix([[1 - b2 * s**2, -a1 * s], [a2 * s, 1 - b1 * s**2]])
    product = a1 * a2 + b1 * b2 * s**2
    claim = sp.And(b1 + b2 > product, (b1 + b2) * s**2 < 2 + s**2 * product / 2)
    assert equivalent(analyse(jacobian, time="discrete").condition, claim, random.Random(5), 300)


# ---- the three sets are a partition -----------------------------------------------------------


def small(source: random.Random, symbols: list[Any]) -> Any:
    p = source.choice(symbols)
    return source.choice(
        [p, -p, p**2, 0, 1, -1, 2, p + 1, p - 1, 1 - p * h, p * source.choice(symbols), sp.Rational(1, 2)]
    )


def companion(c: list[Any]) -> Any:
    n = len(c)
    return sp.Matrix(n, n, lambda i, j: int(j == i + 1) if i < n - 1 else -c[j])


def family(source: random.Random, time: str) -> Any:
    symbols = source.sample([a, b, h, g], source.choice((1, 2)))
    kind = source.randrange(4)
    if kind == 0:
        return companion([small(source, symbols) for _ in range(source.choice((1, 2, 3, 4)))])
    if kind == 1:
        block = sp.Matrix(2, 2, lambda i, j: small(source, symbols))
        return sp.diag(block, source.choice([block, -block, sp.Matrix([[small(source, symbols)]])]))
    if kind == 2:
        coupling = sp.Matrix(2, 2, lambda i, j: small(source, symbols))
        game = sp.Matrix(
            sp.BlockMatrix([[sp.zeros(2), coupling], [-coupling.T, -sp.diag(*(small(source, symbols) for _ in "ab"))]])
        )
        return sp.eye(4) + game / 2 if time == "discrete" else game
    return sp.Matrix(3, 3, lambda i, j: small(source, symbols))


@pytest.mark.parametrize("time", ["discrete", "continuous"])
def test_random_families_are_partitioned_exactly(time: str) -> None:
    source, seen = random.Random(17), set()
    for _ in range(18):
        jacobian = family(source, time)
        if jacobian.free_symbols:
            seen.add(assert_partition(jacobian, time, source).verdict)
    assert "conditional" in seen and "unknown" not in seen


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([0, 1, -1, a, -a, h, -h, a * h, 1 - h, a + 1]), min_size=4, max_size=4), st.booleans())
def test_two_by_two_families(entries: list[Any], discrete: bool) -> None:
    jacobian = sp.Matrix(2, 2, entries)
    if jacobian.free_symbols:
        assert_partition(jacobian, "discrete" if discrete else "continuous", random.Random(6))


def test_assumptions_restrict_and_degenerate_leading_terms_are_right() -> None:
    source = random.Random(7)
    assert_partition(sp.Matrix([[1, -h], [h, 1 - g * h]]), "discrete", source, assuming=(g < 2, h < g))
    verdict = analyse(sp.Matrix([[1 - h * gamma]]), time="discrete", assuming=(gamma < 1, h < 1))
    assert verdict.verdict == "stable"
    verdict = analyse(sp.Matrix([[-a]]), time="continuous")
    assert (verdict.condition, verdict.marginal_on, verdict.unstable_on) == (a > 0, sp.Eq(a, 0), a < 0)
    assert_partition(sp.Matrix([[a, 1], [0, a * b]]), "discrete", source, count=60)


def test_a_parameter_known_not_to_vanish_stays_away_from_zero() -> None:
    x = sp.Symbol("x", real=True, nonzero=True)
    assert analyse(sp.Matrix([[0, -x], [x, -gamma]]), time="continuous").verdict == "stable"
    assert analyse(sp.Matrix([[0, -a], [a, -gamma]]), time="continuous", assuming=(sp.Ne(a, 0),)).verdict == "stable"
    plain = analyse(sp.Matrix([[0, -a], [a, -gamma]]), time="continuous")
    assert (plain.condition, plain.marginal_on, plain.reason) == (sp.Ne(a, 0), sp.Eq(a, 0), None)


def test_poles_and_roots_stand_in_exists_on() -> None:
    x = sp.Symbol("x", real=True)
    verdict = analyse(sp.Matrix([[1 / x - 1]]), time="continuous")
    assert (verdict.exists_on, verdict.condition) == (sp.Ne(x, 0), sp.And(sp.Ne(x, 0), sp.Or(x < 0, x > 1)))
    assert analyse(sp.Matrix([[-1 - sp.sqrt(x - 1)]]), time="continuous").exists_on == (x >= 1)


# ---- honesty ----------------------------------------------------------------------------------


def test_irrational_and_floating_entries() -> None:
    root = sp.sqrt(2) / 2
    assert analyse(sp.Matrix([[root, -root], [root, root]]), time="discrete").verdict == "marginal"
    hair = sp.Rational(1, 10**30)
    assert analyse(sp.Matrix([[root, -root], [root, root - hair]]), time="discrete").verdict == "stable"
    turning = sp.Matrix([[sp.cos(1), -sp.sin(1)], [sp.sin(1), sp.cos(1)]])
    assert analyse(turning, time="discrete").verdict == "marginal"
    assert decide(sp.Matrix([[sp.exp(-1) - 1]]), time="continuous").known == "enclosed"
    assert decide(sp.Matrix([[0.5]]), time="discrete").known == "enclosed"
    assert decide(sp.Matrix([[1.0]]), time="discrete").verdict == "unknown"
    assert analyse(sp.Matrix([[1 - 0.5 * h]]), time="discrete").known == "float"
    assert analyse(sp.Matrix([[sp.I, 0], [0, 1]]), time="discrete").verdict == "unknown"


def test_a_wrong_boundary_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutants of the assembly: marginal set forgotten, unstable set too large, stable set not reduced but widened."""
    original = module._boundary
    monkeypatch.setattr(module, "_boundary", lambda *arguments: False)
    with pytest.raises(AssertionError):
        assert_partition(sp.Matrix([[0, 1], [-a, -g]]), "continuous", random.Random(8), count=80)
    monkeypatch.setattr(module, "_boundary", original)
    monkeypatch.setattr(module, "negate", lambda formula: module.conj([]))
    with pytest.raises(AssertionError):
        assert_partition(sp.Matrix([[0, 1], [-a, -g]]), "continuous", random.Random(8), count=80)


def test_large_symbolic_games_stay_unexpanded() -> None:
    entries = sp.Matrix(4, 4, lambda i, j: sp.Symbol(f"m{i}{j}", real=True))
    source = random.Random(9)
    for jacobian, time in ((entries, "continuous"), (sp.eye(4) - h * entries, "discrete")):
        verdict = analyse(jacobian, time=time)
        point = {s: sp.Rational(source.randint(-3, 3), 4) for s in entries.free_symbols} | {h: sp.Rational(1, 5)}
        for shift in (0, 2, -2):
            moved = point | {s: v + shift for s, v in point.items() if s in entries.diagonal().free_symbols}
            truth = decide(jacobian.subs(moved), time=time).verdict
            assert [
                bool(truth_at(s, moved)) for s in (verdict.condition, verdict.unstable_on, verdict.marginal_on)
            ] == [truth == name for name in SETS]


def test_a_root_vanishes_where_its_radicand_does():
    r = sp.Symbol("r", real=True)
    verdict = analyse(sp.Matrix([[1 - 2 * h * sp.sqrt(r)]]), time="discrete")
    assert verdict.condition.has(sp.Ne(r, 0)) and not verdict.condition.has(sp.Ne(sp.sqrt(r), 0))
    assert verdict.marginal_why == "zero mode; eigenvalue -1"
    assert verdict.solve(h).subs({r: 4, h: sp.Rational(1, 3)}) == sp.true
    assert verdict.solve(h).subs({r: 4, h: sp.Rational(1, 2)}) == sp.false
