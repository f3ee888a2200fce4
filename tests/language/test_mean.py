"""Averages that wait, and functions known at points: two roads to each value."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from bilevel.analysis import equilibria
from bilevel.game import Game, minimize
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.instance import PendingExpectation
from bilevel.language.known_function import known_function
from bilevel.language.laws import normal
from bilevel.language.mean import Mean, mean, valued
from bilevel.language.moments import Bernoulli, Normal, Uniform, expectation, moment
from bilevel.system import flow_of

x, u, t, s, m = sp.symbols("x u t s m", real=True)
v = sp.Symbol("v", positive=True)
open_functions = st.sampled_from(
    [softplus, lambda e: sp.log(1 + sp.exp(e)), sp.tanh, sp.sin, lambda e: sp.exp(-(e**2))]
)
laws = st.sampled_from([Normal(0, v), Normal(m, 2), Uniform(-1, 1), Uniform(0, v)])


@given(open_functions, laws, st.integers(1, 3))
def test_derivatives_at_a_point_are_moments(f, law, order):
    # d^k/dt^k E f(t x) at t = 0 is f^(k)(0) E[x^k].
    left = valued(sp.diff(mean(f(t * x), {x: law}), t, order).subs(t, 0))
    right = sp.diff(f(t), t, order).subs(t, 0) * moment(law, order)
    assert sp.simplify(left - right) == 0


@given(laws)
def test_moving_laws_differentiate_pathwise(law):
    # E f(x) with x ~ law shifted by t: the derivative in t is E f'(x).
    moved = Normal(law.mean + t, law.variance) if isinstance(law, Normal) else Uniform(law.low + t, law.high + t)
    left = valued(sp.diff(mean(softplus(s * x), {x: moved}), t).subs({s: 0, t: 0}))
    slope = valued(mean(s * sigmoid(s * x), {x: law}).subs(s, 0))
    assert left == slope == 0
    second = sp.diff(mean(softplus(s * x), {x: moved}), t, s).subs({s: 0, t: 0})
    assert sp.simplify(valued(second) - sp.Rational(1, 2)) == 0


def test_closed_averages_do_not_wait():
    assert mean((x + t) ** 2 * u, {x: Normal(0, v), u: Bernoulli("1/3")}) == sp.expand((t**2 + v) / 3)
    assert not mean(sp.exp(t * x), {x: Normal(0, 1)}).has(Mean)


def test_finite_laws_are_summed_out_beside_waiting_ones():
    waiting = mean(u * softplus(t * x), {x: Normal(0, 1), u: Bernoulli("1/4")})
    assert waiting == mean(softplus(t * x), {x: Normal(0, 1)}) / 4


def test_bound_variables_are_not_touched_nor_captured():
    waiting = mean(softplus(t * x), {x: Normal(0, 1)})
    assert waiting.free_symbols == {t}
    assert waiting.subs(x, 3) == waiting and waiting.xreplace({x: s}) == waiting
    captured = waiting.subs(t, x)
    assert captured.free_symbols == {x}
    assert valued(sp.diff(captured, x, 2).subs(x, 0)) == sp.Rational(1, 4)
    assert waiting.xreplace({t: x}).free_symbols == {x}


def test_what_stays_open_is_said():
    with pytest.raises(UnknownAnswer, match="no closed form is known for E"):
        valued(mean(softplus(t * x), {x: Normal(0, 1)}).subs(t, 2))
    with pytest.raises(GameError):
        mean(x * u, {x: Normal(u, 1), u: Normal(0, 1)})


def test_printing():
    waiting = mean(softplus(t * x), {x: Normal(0, 1)})
    assert str(2 * waiting) == "2*E(softplus(t*x))"
    assert r"\mathbb{E}" in sp.latex(waiting**2)


g0, g1, g2 = sp.symbols("g0 g1 g2", real=True)
g = known_function("g", ((sp.S.Zero, (g0, g1, g2)), (sp.S.One, (sp.S.Zero,))))


def test_known_values_and_derivatives():
    assert g(0) == g0 and g(1) == 0 and g(2) == g(2)
    assert g(t * s).diff(t).subs(t, 0) == s * g1
    assert g(t * s).diff(t, 2).subs(t, 0) == s**2 * g2
    assert g(t).is_real and g(t) == known_function("g", g.points)(t)


def test_unknown_values_vanish_where_they_are_multiplied_by_zero():
    assert valued((t * g(t).diff(t, 3)).subs(t, 0)) == 0


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (g(t).diff(t, 3).subs(t, 0), "derivative number 3 of g at 0 is needed, but only derivatives up to number 2"),
        (g(t).diff(t).subs(t, 1), "the derivative of g at 1 is needed"),
        (g(5), "the value of g at 5 is needed, but nothing is given at that point"),
    ],
)
def test_missing_values_are_named(value, what):
    with pytest.raises(UnknownAnswer, match=what):
        valued(value)


def test_averages_of_known_functions():
    assert valued(sp.diff(mean(g(t * x), {x: Normal(0, v)}), t, 2).subs(t, 0)) == g2 * v
    with pytest.raises(UnknownAnswer, match="give the value of g at"):
        valued(mean(g(x), {x: Normal(0, 1)}))
    assert valued(mean(g(u), {u: Bernoulli("1/4")})) == g0 * sp.Rational(3, 4)
    assert expectation(g(0) + x**2, {x: Normal(0, 1)}) == g0 + 1


def test_stopped_gradients_inside_an_average():
    """d/dp E[(p x + sg(t x))^2] = 2 E[x (p x + t x)], and nothing in t: the average binds x, the mark holds t."""
    from bilevel.game import Game, minimize
    from bilevel.language.nodes import stop_gradient

    p, t, x = sp.symbols("p t x", real=True)
    waiting = Mean((p * x + stop_gradient(t * x)) ** 2, (x,), ())
    game = Game(one=minimize(waiting, p), two=minimize(waiting + t**2, t))
    assert {v: valued(slope) for v, slope in game.field().items()} == {p: 2 * p + 2 * t, t: 2 * t}


def test_what_speaks_of_the_averaged_variable_is_not_replaced_under_an_average():
    """exp(a t) outside names another a than the one averaged over: as a unknown of its own it must stay inside."""
    a, t, k = sp.symbols("a t k", real=True)
    inside = Mean((a + t + 1) * sp.exp(-(a**4) * t), (a,), ())
    assert inside.xreplace({sp.exp(-(a**4) * t): k}) == inside == inside.subs(sp.exp(-(a**4) * t), k)
    pending = PendingExpectation((a + t) * sp.exp(-(a**4) * t), (a, normal(0, 1)))
    assert pending.xreplace({sp.exp(-(a**4) * t): k}) == pending == pending.subs(sp.exp(-(a**4) * t), k)
    assert pending.xreplace({t: k}).free_symbols == {k}


def test_zeros_of_averages_of_exponentials_are_found_or_said_to_be_open():
    """Slopes that have a closed form are solved; others hold zeros that nobody found, so nothing is called complete."""
    a, t = sp.symbols("a t", real=True)
    closed = equilibria(Game(player=minimize(mean((t - 2 * a) ** 2 * sp.exp(a), {a: Normal(0, 1)}), t)))
    assert [p.point[t] for p in closed.points] == [2] and closed.complete
    waiting = flow_of({t: Mean((a - t + 1) * sp.exp(-(a**4) * (1 + t**2)), (a,), ())})
    found = equilibria(waiting)
    assert not found.complete and not found.points
