"""Averages of kinks, roots and fractions over normal variables, against the trapezoidal rule and their own laws."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from bilevel.analysis.enclosure import enclose
from bilevel.language.gaussian_averages import gaussian_average
from bilevel.language.mean import Mean

x, y = sp.symbols("x y", real=True)
a = sp.Symbol("a", positive=True)
Q = sp.Rational
BODIES = [
    x**2 * sp.exp(-2 * sp.Abs(x - y)),
    x * sp.sign(x - 2 * y),
    sp.Abs(x - y) * y**2,
    1 / sp.sqrt((x - y) ** 2 / 4 + Q(1, 4)),
    x * (x - y) / ((x - y) ** 2 / 4 + Q(1, 4)),
    x * y * ((x - y) ** 2 / 4 + Q(1, 4)) ** Q(-3, 2),
    (x - y) ** 4 / ((x - y) ** 2 + 1) ** 2,
    x**2 * sp.sqrt((3 * x - 4 * y) ** 2 + 1),
    ((x - y) ** 2 + 3) ** Q(3, 2) * (x + y) ** 2,
    sp.Abs(x + y) ** 3 * sp.exp(-sp.Abs(x + y) / 3 + 1),
]


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_closed_forms_agree_with_quadrature_and_have_enclosures(body):
    grid = np.linspace(-9, 9, 2401)
    X, Y = np.meshgrid(grid, grid)
    weight = np.exp(-(X**2 + Y**2) / 2) / (2 * np.pi) * (grid[1] - grid[0]) ** 2
    found = gaussian_average(body, (x, y))
    assert float((sp.lambdify((x, y), body, "numpy")(X, Y) * weight).sum()) == pytest.approx(float(found), abs=2e-4)
    ball = enclose(found)
    assert ball is not None and abs(float(ball.mid()) - float(found)) < 1e-12


def test_derivatives_of_an_average_are_averages_of_derivatives_across_a_kink_too():
    # E exp(-a|x - y|) = exp(a^2) erfc(a); both derivatives, the second with a delta that its factor takes away.
    closed = sp.exp(a**2) * sp.erfc(a)
    waiting = Mean(sp.exp(-sp.Abs(a * (x - y))), (x, y), ())
    for order in (1, 2):
        assert sp.simplify(sp.diff(closed, a, order) - waiting.diff(a, order).doit()) == 0


def test_a_delta_left_by_a_kink_is_the_density_there():
    t = sp.Symbol("t", real=True)
    # E|x - t| has second derivative 2 phi(t): at 0 it is 2/sqrt(2 pi).
    at_kink = Mean(sp.Abs(x - t), (x,), ()).diff(t, 2).subs(t, 0).doit()
    assert sp.simplify(at_kink - sp.sqrt(2 / sp.pi)) == 0


def test_what_is_odd_vanishes_and_what_is_off_centre_or_along_two_directions_is_left_open():
    assert gaussian_average((x - y) / sp.sqrt((x - y) ** 2 + 1), (x, y)) == 0
    assert gaussian_average(1 / (1 + (x - 1) ** 2), (x, y)) is None
    assert gaussian_average(sp.exp(-sp.Abs(x) - sp.Abs(y)) * sp.Abs(x - y), (x, y)) is None
    assert gaussian_average(sp.log(1 + sp.Abs(x)), (x,)) is None
