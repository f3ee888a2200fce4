"""Fixed points: published examples, boundary cases, what a rule adds, and a second road by substitution."""

from __future__ import annotations

import math

import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.analysis.definiteness import definiteness
from bilevel.analysis.fixed_points import equilibria
from bilevel.analysis.kinds import KINDS, SPURIOUS
from bilevel.analysis.known import Known
from bilevel.analysis.krawczyk import certify, isolated_zeros
from bilevel.analysis.local import stability
from bilevel.analysis.zeros import solve_zeros
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.response import best_response
from bilevel.rules import alternating, consensus, extragradient, flow, heavy_ball, lola, proximal_point, simultaneous
from bilevel.system import flow_of, map_of

x, y, z = sp.symbols("x y z", real=True)
a, b, c, gamma, epsilon, h = sp.symbols("a b c gamma epsilon h", positive=True)
free = sp.Symbol("p", real=True)
LOGISTIC = -sp.log(1 + sp.exp(-x * y))
DIRAC = Game(generator=minimize(LOGISTIC, x), discriminator=maximize(LOGISTIC, y))
DIRAC_R1 = Game(generator=minimize(LOGISTIC, x), discriminator=maximize(LOGISTIC - gamma / 2 * y**2, y))
ADOLPHS = 2 * x**2 + y**2 + 4 * x * y + sp.Rational(4, 3) * y**3 - y**4 / 4
ROOT = sp.sqrt(2)


def zero_sum(f):
    return Game(first=minimize(f, x), second=maximize(f, y))


def points(found):
    return [tuple(e.point.values()) for e in found.points]


def kinds(game, rule=None):
    return [e.kinds for e in equilibria(game, rule).points]


@pytest.mark.parametrize("game", [DIRAC, DIRAC_R1])
def test_the_dirac_gan_has_one_equilibrium(game):
    for rule in (None, flow(), simultaneous(h), alternating(h), heavy_ball(h, "1/2"), proximal_point(h)):
        found = equilibria(game, rule)
        assert points(found) == [(0, 0)] and found.complete


def test_kinds_of_the_dirac_gan():
    assert kinds(DIRAC_R1) == [("Nash (not strict)", "local minimax (strict)")]
    assert kinds(DIRAC) == [("Nash (not strict)", "local minimax (not strict)")]


def test_adolphs_three_critical_points_one_saddle():
    found = equilibria(zero_sum(ADOLPHS))
    assert found.complete
    assert set(points(found)) == {(0, 0), (-2 - ROOT, 2 + ROOT), (-2 + ROOT, 2 - ROOT)}
    nash = [e.point[y] for e in found.points if "Nash (strict)" in e.kinds]
    assert nash == [2 + ROOT]


def test_quadratic_minimax_points():
    def only(f):
        (found,) = kinds(zero_sum(f))
        return found

    assert only(-(x**2) / 8 - y**2 / 2 + sp.Rational(6, 10) * x * y) == ("local minimax (strict)",)
    assert only(-3 * x**2 - y**2 + 4 * x * y) == ("local minimax (strict)",)
    assert only(-(x**2) + 2 * sp.sqrt(epsilon) * x * y - epsilon / 2 * y**2) == ("local minimax (strict)",)
    assert only(x**2 + 2 * sp.sqrt(epsilon) * x * y + epsilon / 2 * y**2) == ("not an equilibrium of the game",)
    assert only(-(x**2) + 5 * x * y - y**2) == ("local minimax (strict)",)
    assert only(x**2 - y**2) == ("Nash (strict)", "local minimax (strict)")
    assert only(x**4 - y**4) == ("Nash (not strict)", "local minimax (not strict)")


def test_duopoly_leader_and_equals():
    price = a - b * (x + y) - c
    led = Game(leader=maximize(x * price, x, through={"follower": best_response()}), follower=maximize(y * price, y))
    (found,) = equilibria(led).points
    assert [
        sp.simplify(v - w) for v, w in zip(found.point.values(), [(a - c) / (2 * b), (a - c) / (4 * b)], strict=True)
    ] == [0, 0]
    assert found.kinds == ("Stackelberg (strict), leader leader",)
    equals = Game(one=maximize(x * price, x), two=maximize(y * price, y))
    (found,) = equilibria(equals).points
    assert sp.simplify(found.point[x] - (a - c) / (3 * b)) == 0 and found.kinds == ("Nash (strict)",)


def test_bimatrix_centre():
    r, s = sp.symbols("r11 r12 r21 r22", real=True), sp.symbols("c11 c12 c21 c22", real=True)

    def value(m):
        return m[0] * x * y + m[1] * x * (1 - y) + m[2] * (1 - x) * y + m[3] * (1 - x) * (1 - y)

    (found,) = equilibria(Game(row=maximize(value(r), x), column=maximize(value(s), y))).points
    assert sp.simplify(found.point[x] - (s[3] - s[2]) / (s[0] + s[3] - s[2] - s[1])) == 0
    assert sp.simplify(found.point[y] - (r[3] - r[1]) / (r[0] + r[3] - r[2] - r[1])) == 0
    assert found.exists_on != sp.true


def test_a_saddle_of_a_players_own_cost():
    assert kinds(Game(one=minimize(x**2 - y**2 + x**4, x, y))) == [("saddle",)]


def test_continuum_and_what_exists_where():
    found = equilibria(Game(one=minimize((x * y - 1) ** 2, x, y)))
    assert any(e.free for e in found.points)
    found = equilibria(flow_of({x: free - x**2}))
    assert {e.point[x] for e in found.points} == {sp.sqrt(free), -sp.sqrt(free)}
    assert all(e.exists_on.subs(free, -1) == sp.false and e.exists_on.subs(free, 1) == sp.true for e in found.points)


def test_consensus_adds_a_point_and_says_so():
    found = equilibria(zero_sum(ADOLPHS), consensus(h, 1))
    assert found.complete and [e.kinds for e in found.points].count((SPURIOUS,)) == 2
    for e in found.points:
        residual = [g.subs(e.point) for g in zero_sum(ADOLPHS).field().values()]
        vanishes = all(sp.expand(r) == 0 for r in residual)
        assert vanishes == (e.kinds != (SPURIOUS,))


def test_lola_moves_tandem():
    # The tandem game (Letcher et al. 2019): LOLA's fixed points leave the line x + y = 1.
    game = Game(one=minimize((x + y) ** 2 - 2 * x, x), two=minimize((x + y) ** 2 - 2 * y, y))
    own, moved = equilibria(game), equilibria(game, lola(h))
    assert own.points[0].free and moved.points[0].kinds == (SPURIOUS,)


def test_extragradient_may_add_points_and_then_is_not_complete_or_lists_them():
    game = Game(one=minimize(x**4 / 4 - x**2 / 2, x))
    found = equilibria(game, extragradient("1/2"))
    assert {(0,), (1,), (-1,)} <= set(points(found))
    for e in found.points:
        inner = e.point[x] - sp.Rational(1, 2) * (e.point[x] ** 3 - e.point[x])
        assert abs(float((inner**3 - inner).evalf(30))) < 1e-9


def test_partial_points_and_bad_names():
    assert points(equilibria(DIRAC_R1, at={"theta" if False else "x": 0})) == [(0, 0)]
    with pytest.raises(GameError, match="nobody moves"):
        equilibria(DIRAC, at={"q": 0})
    with pytest.raises(GameError, match="not a fixed point"):
        equilibria(DIRAC, at={x: 1, y: 1})


def test_maps_given_directly():
    found = equilibria(map_of({x: a * x * (1 - x)}))
    assert found.complete and [
        sp.simplify(e.point[x] - v) for e, v in zip(found.points, (0, 1 - 1 / a), strict=True)
    ] == [0, 0]
    assert all(e.kinds == () for e in found.points)


def test_enclosed_zeros_are_not_called_complete():
    found = equilibria(Game(one=minimize(sp.exp(x) * (x - 1) - x, x)))
    (only,) = found.points
    assert only.known == "enclosed" and not found.complete and only.kinds == ("Nash (strict)",)
    low, high = only.box[x]
    assert low < only.point[x] < high or math.isclose(float(low), float(high))
    assert abs(float(only.point[x]) * math.exp(float(only.point[x])) - 1) < 1e-12


def test_krawczyk_refuses_double_zeros_and_finds_all_of_a_simple_system():
    assert certify([x**2], [x], [1e-12]) is None
    assert certify([x - sp.cos(x)], [x], [0.7])[x].overlaps(arb("0.73908513321516064165531208767387340401341175890076"))
    assert len(isolated_zeros([x**2 + y**2 - 5, x * y - 2], [x, y])) == 4


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=3, max_size=3, unique=True), st.integers(-2, 2))
def test_planted_zeros_are_found(roots, slope):
    p = sp.expand(sp.Mul(*(x - r for r in roots)))
    found = solve_zeros([p + 0 * y, y - slope * x**2 + p], [x, y])
    assert found.complete and {tuple(b.values.values()) for b in found.branches} == {(r, slope * r**2) for r in roots}


@settings(max_examples=10, deadline=None)
@given(st.tuples(*[st.integers(-2, 2)] * 5), st.tuples(*[st.integers(-2, 2)] * 5))
def test_two_conics_agree_with_numerical_zeros(p, q):
    conics = [w[0] * x**2 + w[1] * x * y + w[2] * y**2 + w[3] * x + w[4] * y - 1 for w in (p, q)]
    found = solve_zeros(conics, [x, y])
    if not found.complete or any(b.free for b in found.branches):
        return
    exact = [tuple(float(v.evalf(20)) for v in b.values.values()) for b in found.branches]
    for values in exact:
        assert all(
            abs(float(e.subs(dict(zip((x, y), values, strict=True))))) < 1e-6 * (1 + max(map(abs, values))) ** 2
            for e in conics
        )
    for box in isolated_zeros(conics, [x, y]):
        near = (float(box[x].mid()), float(box[y].mid()))
        assert any(math.dist(near, values) < 1e-6 * (1 + math.hypot(*near)) for values in exact)


def test_coordinates_with_equal_sums_are_told_apart():
    # x + y takes one value at a zero and at a pair of coordinates that is none
    found = solve_zeros([x * y + y**2 + x + y - 1, 2 * x**2 + x * y + y - 1], [x, y])
    assert found.complete and len(found.branches) == 4
    for branch in found.branches:
        assert all(
            abs(e.subs(branch.values).evalf(30)) < 1e-20 for e in (x * y + y**2 + x + y - 1, 2 * x**2 + x * y + y - 1)
        )


def test_definiteness_at_the_edge():
    known = Known()
    assert definiteness(sp.Matrix([[1, 1], [1, 1]]), known) == "semi"
    assert definiteness(sp.Matrix([[0, 1], [1, 0]]), known) == "mixed"
    assert definiteness(sp.Matrix([[-1, 0], [0, 0]]), known) == "negative"
    assert definiteness(sp.Matrix([[a, 0], [0, 1]]), known) == "positive"
    assert definiteness(sp.Matrix([[free]]), known) is None


def test_the_list_of_kinds_is_closed():
    games = [DIRAC, DIRAC_R1, zero_sum(ADOLPHS), zero_sum(x * y), zero_sum(x**3 - y**2)]
    for found in (kind for game in games for e in equilibria(game).points for kind in e.kinds):
        assert found in KINDS or found.startswith("Stackelberg (strict), leader ")


def test_rock_paper_scissors_replicator_has_seven_fixed_points():
    w, l = sp.symbols("w l", positive=True)
    shares = sp.Matrix([x, y, 1 - x - y])
    payoff = sp.Matrix([[0, -l, w], [w, 0, -l], [-l, w, 0]]) * shares
    mean = (shares.T * payoff)[0]
    found = equilibria(flow_of({x: x * (payoff[0] - mean), y: y * (payoff[1] - mean)}))
    third = sp.Rational(1, 3)
    assert found.complete and len(found.points) == 7 and (third, third) in points(found)


def test_an_algebraic_number_of_degree_five():
    (only,) = equilibria(Game(one=minimize(x**6 / 6 - x**2 / 2 - x, x))).points
    assert only.kinds == ("Nash (strict)",) and only.known == "exact"
    assert abs(float(only.point[x]) ** 5 - float(only.point[x]) - 1) < 1e-12
    verdict = stability(flow_of({x: x**5 - x - 1}), at=only.point)
    assert (verdict.verdict, verdict.known) == ("unstable", "exact")


def test_facts_that_exclude_each_other():
    assert Known([a * b > 2, a < 1, b < 1]).contradictory()
    assert not Known([a * b < 1, a <= 1, a >= 1]).contradictory()


def test_reasons_are_written_as_the_reader_reads():
    assert equilibria(flow_of({x: -free * x})).reason == "where p == 0 there is a continuum of fixed points"
    assert equilibria(flow_of({x: sp.sin(x) ** 2 - sp.exp(x)})).reason == "exp(x) - sin(x)^2 = 0 was not solved"


def test_zeros_found_numerically_that_are_short_fractions_are_exact():
    found = equilibria(flow_of({x: sp.sqrt(x) - 2}))
    assert [(e.point[x], e.known) for e in found.points] == [(4, "exact")]
    known = {e.point[x]: e.known for e in equilibria(flow_of({x: sp.tanh(2 * x) - x})).points}
    assert known[sp.Integer(0)] == "exact" and sorted(known.values()) == ["enclosed", "enclosed", "exact"]


def test_functions_without_a_formula_are_not_evaluated(recwarn):
    unknown = sp.Function("f")
    assert isolated_zeros([unknown(x) - 1], [x]) == []
    assert not recwarn.list


def test_points_that_a_game_names_are_used_only_after_they_were_tested():
    """A transcendental game: the named zero is found, a wrong one and one outside the assumptions are not."""
    x, y = sp.symbols("x y", real=True)
    loss = x**2 / 2 - sp.exp(sp.sin(y)) * x + x
    other = y**2 / 2 - sp.exp(sp.sin(x)) * y + y
    named = ({x: 0, y: 0}, {x: 1, y: 1}, {x: 0})
    game = Game(a=minimize(loss, x), b=minimize(other, y), points=named)
    found = equilibria(game)
    assert {x: 0, y: 0} in [dict(point.point) for point in found.points]
    assert {x: 1, y: 1} not in [dict(point.point) for point in found.points] and not found.complete
    outside = Game(game.players, assuming=(x > 0,), points=named)
    assert {x: 0, y: 0} not in [dict(point.point) for point in equilibria(outside).points]
    assert game == Game(game.players) and game.map_losses(lambda e: e).points == game.points


@pytest.mark.parametrize("t", [sp.Rational(1, 2), 1, sp.Rational(19, 10), 2, 3, 0, -1])
def test_a_root_inside_a_logarithm_exists_exactly_where_it_is_real(t):
    """Ridge regression with the penalty's weight tuned: exp(x) = 2/t - 1 needs 0 < t < 2, whatever the sign of t."""
    s = sp.Symbol("s", real=True)
    target = minimize((y - s) ** 2 / 2, x, through={"learner": best_response()})
    game = Game(tuner=target, learner=minimize((y - 2) ** 2 / 2 + sp.exp(x) * y**2 / 2, y))
    found = equilibria(game)
    assert found.complete and [sp.expand_log(e.point[y] - s) for e in found.points] == [0]
    assert found.points[0].exists_on.subs(s, t) == sp.S(0 < t < 2)
    assert "Stackelberg (strict), leader tuner" in found.points[0].kinds
    there = equilibria(game.map_losses(lambda loss: loss.subs(s, t)))
    assert len(there.points) == (1 if 0 < t < 2 else 0)


def test_a_large_root_is_checked_without_the_rules_step():
    """Three levels whose point is a root of degree eleven: the rule's equations are the field's, times a step."""
    game = Game(
        top=minimize((z - 1) ** 2 / 2 + sp.Rational(3, 20) * x**2, x, through={"middle": best_response()}),
        middle=minimize((y - x) ** 2 / 2 + z**2 / 2, y, through={"bottom": best_response()}),
        bottom=minimize((z - x - y) ** 2 / 2 + z**4 / 4, z),
    )
    (found,) = equilibria(game, simultaneous(h)).points
    residuals = [value.subs(dict(found.point)).evalf(20) for value in game.field().values()]
    assert found.known == "exact" and max(map(abs, residuals)) < 1e-15
