"""Cases that cannot occur are dropped, by equations solved or by facts, and points never decide what they cannot."""

from __future__ import annotations

import random

import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel import models, rules
from bilevel.analysis.analyse import analyse
from bilevel.analysis.fixed_points import equilibria
from bilevel.analysis.forms import line
from bilevel.analysis.known import Known
from bilevel.analysis.polynomials import Coordinates
from bilevel.analysis.reduction import Assumptions
from bilevel.analysis.regions import compare
from bilevel.analysis.solutions import excluded, with_numbers
from bilevel.analysis.zeros import solve_zeros
from bilevel.app import points
from bilevel.app.budget import OutOfTime
from bilevel.app.inputs import problem_named
from bilevel.game import Game, maximize, minimize

p, q, r = sp.symbols("p q r", real=True)
a, K = sp.symbols("a K", positive=True)
whole = st.integers(-3, 3)


def test_an_equation_gives_its_symbol_a_value_in_the_other_conditions() -> None:
    known = Known()
    assert excluded([(p - 1, "=="), (q - 1, "=="), (p - q, "!=")], known)
    assert excluded([(p * q - r, "=="), (p, "!="), (q - r / p, "!=")], known)  # p is known not to vanish
    assert not excluded([(p * q - r, "=="), (q - 1, "!=")], known)
    assert not excluded([(p - 1, "=="), (q - 1, "==")], known)
    assert excluded([(p**2 + q - 1, "=="), (q - 2, ">")], known)  # q = 1 - p^2


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(whole, whole, whole, st.sampled_from(["==", "!=", ">"])), min_size=1, max_size=4))
def test_conditions_that_some_point_meets_are_never_excluded(rows: list[tuple[int, int, int, str]]) -> None:
    conditions = [(i * p + j * q + k, relation) for i, j, k, relation in rows]
    holds = {"==": lambda v: v == 0, "!=": lambda v: v != 0, ">": lambda v: v > 0}
    grid = [sp.Rational(n, 2) for n in range(-8, 9)]
    at = lambda e, x, y: sp.S(e).subs({p: x, q: y})
    met = any(all(holds[s](at(e, x, y)) for e, s in conditions) for x in grid for y in grid)
    if met:
        assert not excluded(conditions, Known())
        numbers = with_numbers(conditions)
        assert any(all(holds[s](at(e, x, y)) for e, s in numbers) for x in grid for y in grid)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(whole, st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=5), st.booleans())
def test_a_line_is_what_derivatives_say(rows: list[tuple[int, int, int]], folded: bool) -> None:
    expression = sum((c * p**i * q**j for c, i, j in rows), sp.S.Zero) * (1 + q if folded else 1)
    slope = sp.expand(sp.diff(expression, p))
    found = line(expression, p)
    if slope == 0 or slope.has(p):
        assert found is None
    else:
        assert found is not None and not sp.Tuple(*found).has(p)
        assert sp.expand(found[0] - slope) == 0 and sp.expand(found[0] * p + found[1] - expression) == 0


def test_points_that_meet_the_facts_refute_and_what_they_refute_is_false() -> None:
    facts = ((a - K) ** 2 < 1, a < 2)
    coordinates = Coordinates([a, K], sp.Dummy("z"))
    known = Assumptions(coordinates, facts)
    assert len(known.witnesses.points) > 5
    generators = dict(zip(coordinates.meaning, coordinates.generators, strict=True))
    A, B = generators[a], generators[K]
    for at in known.witnesses.points:
        values = dict(zip(coordinates.meaning, at, strict=True))
        assert (values[a] - values[K]) ** 2 < 1 and 0 < values[a] < 2 and values[K] > 0
    assert known.implies(True, compare(1 - A + B, ">"))  # from the square
    assert not known.implies(True, compare(A - B, ">")) and not known.implies(True, compare(B - A, ">="))
    assert not known.impossible(compare(A - 1, ">"))


def test_signs_that_follow_from_facts_alone_shorten_a_verdict() -> None:
    h = sp.Symbol("h", positive=True)
    matrix = sp.Matrix([[1 - h / (1 - (a - K) ** 2)]])
    long, short = (analyse(matrix, time="discrete", assuming=given) for given in ((), ((a - K) ** 2 < 1,)))
    assert long.exists_on != sp.true and short.exists_on == sp.true
    assert "!=" not in str(short.condition)
    source = random.Random(3)
    for _ in range(40):  # both roads say the same wherever the fact holds
        at = {s: sp.Rational(source.randint(1, 20), 10) for s in (a, K, h)}
        if ((a - K) ** 2).subs(at) < 1:
            radius = abs(matrix[0].subs(at))
            assert short.condition.subs(at) == long.condition.subs(at) == (radius < 1)


def test_a_softmax_policy_rests_only_where_no_action_is_better() -> None:
    """No advantage in either state, or a start state that is never left and pays alike: else the return has a slope."""
    game = models.policy_gradient()
    found = equilibria(game)
    assert found.complete and not found.points
    assert found.reason.count("continuum") == 2 and "p == 1 and q == 1 and r11 == r12" in found.reason
    names = {s.name: s for s in game.parameters}
    mdp, level = models.two_state_mdp(), sp.Rational(1, 3)
    at = {names["p"]: sp.Rational(1, 4), names["q"]: sp.Rational(3, 5), names["gamma"]: sp.Rational(2, 3)}
    at |= {names["r11"]: 2, names["r21"]: -1}
    # The other two rewards from "no advantage" at one policy; then there is none at any, and every point is fixed.
    values = mdp.action_value(sp.Matrix([[level, 1 - level]] * 2)).subs(at)
    solved = sp.solve([values[s, 0] - values[s, 1] for s in range(2)], [names["r12"], names["r22"]])
    for theta in ((0, 0), (1, -2), (-3, 1)):
        there = dict(zip(game.variables, theta, strict=True))
        assert all(abs(sp.N(f.subs(at).subs(solved).subs(there), 30)) < 1e-20 for f in game.field().values())


@settings(max_examples=25, deadline=None)
@given(st.lists(whole, min_size=6, max_size=6), st.lists(whole, min_size=6, max_size=6))
def test_linear_equations_have_one_single_solution_wherever_the_determinant_does_not_vanish(
    plain: list[int], slopes: list[int]
) -> None:
    entries = [i + j * a for i, j in zip(plain, slopes, strict=True)]
    equations = [entries[0] * p + entries[1] * q - entries[4], entries[2] * p + entries[3] * q - entries[5]]
    found = solve_zeros(equations, [p, q])
    assert found.complete
    holds = {"==": lambda v: v == 0, "!=": lambda v: v != 0, ">": lambda v: v > 0}
    for value in (sp.Rational(1, 3), sp.Integer(1), sp.Rational(3, 2), sp.Integer(2), sp.Integer(3)):
        at = {a: value}
        there = [b for b in found.branches if all(holds[r](sp.S(e).subs(at)) for e, r in b.conditions)]
        matrix = sp.Matrix(2, 2, entries[:4]).subs(at)
        if matrix.det() != 0:
            (only,) = {tuple(v.subs(at) for v in b.values.values()) for b in there}
            assert sp.Matrix(only) == matrix.LUsolve(sp.Matrix(entries[4:]).subs(at))
        else:  # nothing, or a continuum, on which the general solution may stay a point
            consistent = matrix.rank() == matrix.row_join(sp.Matrix(entries[4:]).subs(at)).rank()
            assert any(b.free for b in there) == consistent
            for b in there:
                values = {u: v.subs(at) for u, v in b.values.items()}
                assert all(sp.expand(sp.S(e).subs(at).subs(values)) == 0 for e in equations)


def test_a_rule_on_a_quadratic_game_has_the_equilibrium_and_continua_where_a_multiplier_is_one() -> None:
    h, c = sp.symbols("h c", positive=True)
    game = Game(first=minimize(a * p**2 / 2 + p * q, p), second=maximize(p * q - c * q**2 / 2, q))
    explicit = (rules.runge_kutta(h, stages=3), rules.extragradient(h), rules.lola_exact(h), rules.alternating(h))
    for rule in (*explicit, rules.proximal_point(h), rules.heavy_ball(h, sp.Rational(1, 2)), rules.optimistic(h)):
        found = equilibria(game, rule)
        assert found.complete and [e.point for e in found.points] == [{p: 0, q: 0}], rule.name
        notes = [note for note in found.reason.split("; ") if note]
        assert all("continuum" in note for note in notes)
        # A second road: the step keeps further points only where its matrix has the multiplier 1.
        matrix = rules.linearise(game, rule, {p: 0, q: 0}).matrix
        multiplier = sp.numer(sp.together((matrix - sp.eye(matrix.rows)).det()))
        drawn = [{a: i, c: j, h: k} for i in (1, 2) for j in (1, 3) for k in (1, 2, sp.Rational(1, 3))]
        if not notes:
            assert all(multiplier.subs(values) != 0 for values in drawn), rule.name


def test_runge_kutta_on_the_dirac_gan_is_stable_as_on_the_imaginary_axis() -> None:
    """|R(iy)| < 1 exactly for y^2 < 8, R the stability function of the classical method, and here y = h/2."""
    h = sp.Symbol("h", positive=True)
    game = models.dirac_gan()
    found = equilibria(game, rules.runge_kutta(h))
    assert not found.complete and "zeros of the field" in found.reason and len(found.points) == 1
    matrix = rules.linearise(game, rules.runge_kutta(h), found.points[0].point).matrix
    verdict = analyse(matrix, time="discrete")
    y = h / 2
    size = (1 - y**2 / 2 + y**4 / 24) ** 2 + (y - y**3 / 6) ** 2
    for value in (1, 5, sp.Rational(28, 5), sp.Rational(283, 50), 6):
        assert bool(verdict.condition.subs(h, value)) == bool(size.subs(h, value) < 1) == bool(value**2 < 32)


def test_where_a_rule_has_no_time_the_zeros_it_keeps_are_told(monkeypatch) -> None:
    def late(*given: object, **named: object) -> None:
        raise OutOfTime

    monkeypatch.setattr(points, "equilibria", late)
    problem = problem_named("dirac_gan")
    found = points.points_of(problem, problem.with_rule("alternating"))
    assert [set(e.point.values()) for e in found.points] == [{0}] and not found.complete
    assert "only zeros of the field were searched" in found.reason


def test_the_complementary_error_function_is_bounded_and_falls() -> None:
    s, h = sp.symbols("s h", positive=True)
    known = Known()
    assert known.sign(2 - sp.erfc(s)) == known.sign(1 - sp.erfc(s)) == known.sign(sp.erfc(s)) == "+"
    assert known.sign(sp.erfc(-s) - 1) == "+" and known.sign(sp.erfc(p) - 1) is None
    assert known.sign(2 - sp.erfc(p)) == known.sign(1 + sp.erf(p)) == "+"
    matrix = sp.Matrix([[1 - h * (2 - sp.erfc(s))]])
    verdict = analyse(matrix, time="discrete")
    for at in ({s: 1, h: 1}, {s: 1, h: 2}, {s: 3, h: sp.Rational(101, 100)}):  # a second road: floats
        assert bool(verdict.condition.subs(at)) == (abs(matrix[0].subs(at).evalf()) < 1)
