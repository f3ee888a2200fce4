"""Ends of a parameter: small enough steps, large enough ratios, against the exact threshold and points beyond it."""

from __future__ import annotations

import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from bilevel import Game, maximize, minimize, rules, stability
from bilevel.analysis.enclosure import truth_at
from bilevel.analysis.limits import for_large, for_small

x, y = sp.symbols("x y", real=True)
a, b = sp.symbols("a b", real=True)
h, tau = sp.symbols("h tau", positive=True)


def test_the_dirac_gan_with_penalty_is_stable_for_every_small_enough_step():
    gamma = sp.Symbol("gamma", positive=True)
    loss = -sp.log(1 + sp.exp(-x * y))
    game = Game(generator=minimize(loss, x), critic=maximize(loss - gamma / 2 * y**2, y))
    for rule in (rules.simultaneous(h), rules.alternating(h)):
        verdict = stability(game, rule, at={x: 0, y: 0})
        assert verdict.for_small(h) == sp.true
        assert verdict.for_large(h) == sp.false


def test_a_local_minimax_point_needs_a_fast_enough_follower():
    # Wang 2020, g1 = -3 x^2 - y^2 + 4 x y: stable iff the maximiser is more than three times faster
    loss = -3 * x**2 - y**2 + 4 * x * y
    game = Game(leader=minimize(loss, x), follower=maximize(loss, y))
    verdict = stability(game, rules.flow({"leader": 1, "follower": tau}), at={x: 0, y: 0})
    assert verdict.for_large(tau) == sp.true and verdict.for_small(tau) == sp.false
    assert verdict.solve(tau) == (tau > 3)


def test_which_quadratics_descend_for_small_steps():
    game = Game(one=minimize(a * x**2 / 2 + b * x * y, x), two=minimize(y**2 / 2, y))
    verdict = stability(game, rules.simultaneous(h), at={x: 0, y: 0})
    assert verdict.for_small(h) == (a > 0)


coefficients = st.lists(st.integers(-3, 3), min_size=1, max_size=4)


@given(coefficients, coefficients, st.booleans())
def test_ends_agree_with_points_close_to_them(first, second, both):
    p, q = (sum(sp.Integer(c) * h**k for k, c in enumerate(cs)) for cs in (first, second))
    join = sp.And if both else sp.Or
    condition = join(sp.Gt(p, 0), sp.Ge(q, 0))
    for end, point in ((for_small, sp.Rational(1, 1000)), (for_large, sp.Integer(1000))):
        assert bool(end(condition, h) == sp.true) is bool(
            truth_at(condition, {h: point}) if condition.free_symbols else condition
        )
