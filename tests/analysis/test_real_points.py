"""Where a fixed point with roots in its formula is real: no more and no less than where the roots are."""

from __future__ import annotations

import numpy as np
import sympy as sp

from bilevel.analysis.fixed_points import equilibria
from bilevel.game import Game, minimize


def test_a_root_times_what_vanishes_is_real_where_that_vanishes():
    a, b, y = sp.symbols("a b y", real=True)
    found = equilibria(Game(p=minimize(y**3 / 3 - a * b**2 * y, y)))  # y^2 = a b^2
    assert found.complete
    for numbers, real in (({a: -1, b: 0}, True), ({a: -1, b: 1}, False), ({a: 1, b: 2}, True)):
        assert {bool(point.exists_on.subs(numbers)) for point in found.points} == {real}


def test_a_root_that_a_person_wrote_has_its_domain_whatever_multiplies_it():
    a, y = sp.symbols("a y", real=True)
    found = equilibria(Game(p=minimize(y**2 / 2 + y * sp.sqrt(a) * (y - 2), y)))
    assert [bool(found.points[0].exists_on.subs(a, value)) for value in (-1, 4)] == [False, True]


def test_a_condition_on_a_root_does_not_stand_for_the_one_below_it():
    a, b, u, v = sp.symbols("a b u v", real=True)
    # v^2 b + a v + b = 0, then u^2 + u + a (v + b) = 0: at a = 0, b = 1 no v is real, though a sqrt(a^2 - 4 b^2) = 0
    first = minimize(u**3 / 3 + u**2 / 2 + a * u * (v + b), u)
    found = equilibria(Game(p=first, q=minimize(b * v**3 / 3 + a * v**2 / 2 + b * v, v)))
    assert found.complete and len(found.points) == 6
    assert not any(bool(point.exists_on.subs({a: 0, b: 1})) for point in found.points)
    there = [point for point in found.points if bool(point.exists_on.subs({a: -3, b: 1}))]
    roots = [(x, y) for y in np.roots([1, -3, 1]) for x in np.roots([1, 1, -3 * (y + 1)]) if np.isreal(x)]
    values = [tuple(float(point.point[w].subs({a: -3, b: 1})) for w in (u, v)) for point in there]
    assert np.allclose(sorted(values), sorted(roots))
