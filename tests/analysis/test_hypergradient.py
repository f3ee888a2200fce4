"""Hypergradients by two roads: the formula, and the derivative of the loss with the answer put in."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from bilevel.analysis.hypergradient import answers, bias, hypergradient, inner_error, truncated, unrolled_for
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.response import anticipated, best_response, unrolled

x, y, z, w = sp.symbols("x y z w", real=True)
a, b, c, s = sp.symbols("a b c s", positive=True)
t = sp.Symbol("t", integer=True, positive=True)
OUTER = (y - 1) ** 2 / 2 + a * x**2 / 2 + x * y
INNER = c * (y - b * x) ** 2 / 2 + x * y
GAME = Game(outer=minimize(OUTER, x), inner=minimize(INNER, y))


def steps(count: int, start: Any = y) -> Any:
    for _ in range(count):
        start = start - s * sp.diff(INNER, y).subs(y, start)
    return start


def same(left: Any, right: Any) -> bool:
    return sp.simplify(left - right) == 0


def test_the_implicit_formula_is_the_published_one() -> None:
    f, g = sp.Function("f")(x, y), sp.Function("g")(x, y)
    found = hypergradient(Game(outer=minimize(f, x), inner=minimize(g, y)), "outer")[x]
    assert same(found, f.diff(x) - g.diff(x, y) / g.diff(y, 2) * f.diff(y))


def test_the_implicit_one_at_the_answer_is_the_derivative_of_the_value() -> None:
    reply = answers(GAME, "outer")[y]
    assert same(reply, sp.solve(sp.diff(INNER, y), y)[0])
    assert same(hypergradient(GAME, "outer")[x].subs(y, reply), sp.diff(OUTER.subs(y, reply), x))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_unrolled_is_the_derivative_through_the_steps(count: int) -> None:
    direct = sp.diff(OUTER.subs(y, steps(count)), x)
    assert same(hypergradient(GAME, "outer", unrolled(count, s))[x], direct)
    assert same(hypergradient(GAME, "outer", truncated(count, count, s))[x], direct)
    assert same(hypergradient(GAME, "outer", unrolled_for(t, s))[x].subs(t, count), direct)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_truncated_holds_the_early_point(kept: int) -> None:
    held = sp.Symbol("held", real=True)
    direct = sp.diff(OUTER.subs(y, steps(kept, held)), x).subs(held, steps(2 - kept))
    assert same(hypergradient(GAME, "outer", truncated(2, kept, s))[x], direct)


def test_anticipated_is_truncated_without_any_kept_step() -> None:
    ahead = hypergradient(GAME, "outer", anticipated(s))[x]
    assert same(ahead, hypergradient(GAME, "outer", truncated(1, 0, s))[x])


def test_bias_vanishes_where_it_must() -> None:
    reply = answers(GAME, "outer")[y]
    assert bias(GAME, "outer", best_response())[x].subs(y, reply).expand() == 0
    exact_step = bias(GAME, "outer", unrolled(1, 1 / c))[x]  # one Newton step solves a quadratic
    assert same(exact_step, 0)
    assert not same(bias(GAME, "outer", truncated(1, 0, 1 / c))[x], 0)


def test_bias_for_any_number_of_steps() -> None:
    found = bias(GAME, "outer", unrolled_for(t, s))[x]
    for count in (1, 2):
        assert same(found.subs(t, count), bias(GAME, "outer", unrolled(count, s))[x])
    numbers = {a: 2, b: 3, c: 1, s: sp.Rational(1, 2), x: 1, y: 5}
    late = [abs(found.subs(numbers).subs(t, count)) for count in (5, 10, 20)]
    assert late[0] > late[1] > late[2] and late[2] < sp.Rational(1, 1000)


def test_errors_of_a_contraction_with_its_rate_in_the_parameter() -> None:
    lam, w0 = sp.Symbol("lambda", real=True), sp.Symbol("w0", real=True)
    q, star = sp.Function("q")(lam), sp.Function("star")(lam)
    error, slope = inner_error(q * w + (1 - q) * star, w, lam, t, w0)
    assert same(error, q**t * (w0 - star))
    assert same(slope, t * q ** (t - 1) * q.diff(lam) * (w0 - star) - q**t * star.diff(lam))
    concrete_q, concrete_star = lam / (1 + lam**2), lam**2
    point: Any = w0
    for _ in range(3):
        point = concrete_q * point + (1 - concrete_q) * concrete_star
    _, slope = inner_error(concrete_q * w + (1 - concrete_q) * concrete_star, w, lam, 3, w0)
    assert same(slope, sp.diff(point - concrete_star, lam))


def test_three_levels_against_substitution() -> None:
    top, middle, low = z**2 + y + x**2 * y, (y - z) ** 2 + x * y, (z - 2 * y - x) ** 2 + z * x
    reply = best_response()
    game = Game(
        top=minimize(top, x, through={"middle": reply, "low": reply}),
        middle=minimize(middle, y, through={"low": reply}),
        low=minimize(low, z),
    )
    z_of = sp.solve(sp.diff(low, z), z)[0]
    y_of = sp.solve(sp.diff(middle.subs(z, z_of), y), y)[0]
    found = answers(game, "top")
    assert same(found[y], y_of) and same(found[z], z_of.subs(y, y_of))
    direct = sp.diff(top.subs(z, z_of).subs(y, y_of), x)
    assert same(hypergradient(game, "top")[x].subs(found), direct)
    assert same(bias(game, "top", reply)[x], hypergradient(game, "top")[x] - direct)


def test_two_followers_answer_each_other() -> None:
    outer, one, two = x * y + z**2, (y - x) ** 2 + y * z / 3, (z + x) ** 2 + y * z / 5
    game = Game(outer=minimize(outer, x), one=minimize(one, y), two=minimize(two, z))
    reply = sp.solve([sp.diff(one, y), sp.diff(two, z)], [y, z])
    assert same(hypergradient(game, "outer")[x].subs(reply), sp.diff(outer.subs(reply), x))
    assert {v: sp.expand(e) for v, e in answers(game, "outer").items()} == {v: sp.expand(e) for v, e in reply.items()}


def test_nonlinear_follower_with_a_named_answer() -> None:
    game = Game(outer=minimize((y - x) ** 2, x), inner=minimize(y**4 / 4 + y - x * y, y))
    with pytest.raises(UnknownAnswer):
        answers(Game(outer=minimize(y + x, x), inner=minimize(y**3 / 3 - y * x**2, y)), "outer")  # y = x and y = -x
    star = sp.Symbol("star", real=True)
    found = bias(game, "outer", best_response(), optimum={y: star})[x]
    exact = -2 * (star - x) + 2 * (star - x) / (3 * star**2)
    assert same(found, -2 * (y - x) + 2 * (y - x) / (3 * y**2) - exact)


def test_a_stationary_point_that_is_no_minimum_is_no_answer() -> None:
    with pytest.raises(UnknownAnswer, match="no closed-form"):
        answers(Game(outer=minimize(x * y, x), inner=minimize(-((y - x) ** 2), y)), "outer")
    pos = sp.Symbol("pos", positive=True)
    cubic = Game(outer=minimize(pos * y, pos), inner=minimize(y**3 / 3 - y * pos**2, y))
    assert answers(cubic, "outer") == {y: pos}


def test_stackelberg_and_cournot_duopoly() -> None:
    q1, q2 = sp.symbols("q1 q2", real=True)
    profit = [q * (a - b * (q1 + q2) - c) for q in (q1, q2)]
    game = Game(leader=maximize(profit[0], q1), follower=maximize(profit[1], q2))
    reply = answers(game, "leader")
    lead = sp.solve(hypergradient(game, "leader")[q1].subs(reply), q1)[0]
    assert same(lead, (a - c) / (2 * b)) and same(reply[q2].subs(q1, lead), (a - c) / (4 * b))
    values = [sp.factor(p.subs(reply).subs(q1, lead)) for p in profit]
    assert same(values[0], (a - c) ** 2 / (8 * b)) and same(values[1], (a - c) ** 2 / (16 * b))
    nash = sp.solve(list(game.field().values()), [q1, q2])
    assert same(nash[q1], (a - c) / (3 * b)) and same(profit[0].subs(nash), (a - c) ** 2 / (9 * b))


def test_vectors_of_any_dimension() -> None:
    from bilevel.language import dot, vector
    from bilevel.language.equality import equal

    u, v = vector("u", "n"), vector("v", "n")
    game = Game(outer=minimize(dot(u, v), u), inner=minimize(dot(v - u, v - u) / 2, v))
    assert equal(hypergradient(game, "outer")[u], v + u).answer
    assert equal(hypergradient(game, "outer", truncated(1, 0, s))[u], v - s * (v - u)).answer


def test_mistakes_are_named() -> None:
    with pytest.raises(GameError, match="whole numbers"):
        truncated(2, 3, s)
    with pytest.raises(GameError, match="whole number"):
        unrolled_for(sp.Rational(1, 2), s)
    with pytest.raises(GameError, match="no player"):
        hypergradient(GAME, "nobody")
    with pytest.raises(GameError, match="not affine"):
        inner_error(w**2, w, x, t)
    with pytest.raises(GameError, match="slope is one"):
        inner_error(w + x, w, x, t)
    with pytest.raises(GameError, match="nobody moves"):
        bias(GAME, "outer", unrolled(1, s), optimum={"q": 1})
    coupled = Game(outer=minimize(x * y, x), one=minimize((y - x) ** 2 + y * z, y), two=minimize((z - y) ** 2, z))
    with pytest.raises(UnknownAnswer, match="by itself"):
        hypergradient(coupled, "outer", unrolled_for(t, s))
