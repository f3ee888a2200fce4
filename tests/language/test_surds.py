"""Quotients in symbols, square roots and exponentials: the same value at every point, and a zero shows."""

from __future__ import annotations

import random as chance

import pytest
import sympy as sp

from bilevel.language.surds import determinant, settled

x, y = sp.symbols("x y", positive=True)
t = sp.Symbol("t", real=True)
LETTERS = [x, y, t, sp.sqrt(x + 1), sp.sqrt(t**2 + x * y + 1), sp.sqrt(2), sp.exp(t / 2), sp.exp(-x), sp.Integer(3)]
NESTED = sp.sqrt(sp.sqrt(x) + sp.sqrt(y + 2) / 3)


def made(source: chance.Random, depth: int):
    """A random expression."""
    if depth == 0:
        return source.choice([*LETTERS, NESTED])
    left, right = made(source, depth - 1), made(source, source.randrange(depth))
    return source.choice([left + right, left * right, left - right, left / (right**2 + 1), left**2])


@pytest.mark.parametrize("seed", range(12))
def test_the_value_stays_and_the_difference_to_any_other_form_is_zero(seed):
    source = chance.Random(seed)
    e = made(source, 3)
    found = settled(e)
    point = {s: sp.Rational(source.randint(1, 30), source.choice((1, 3, 7))) for s in (x, y, t)}
    assert abs(sp.N((found - e).subs(point), 40)) < 1e-25 * (1 + abs(sp.N(e.subs(point))))
    assert settled(e - sp.expand(e)) == 0 and settled(e - found) == 0


def test_denominators_are_kept_so_that_no_pole_is_added():
    one = sp.S.One
    assert settled(1 / (1 + sp.sqrt(x))).subs(x, 1) == one / 2


def test_division_by_a_hidden_zero_has_no_answer():
    hidden = (sp.sqrt(x + 1) + 1) ** 2 - x - 2 - 2 * sp.sqrt(x + 1)
    assert hidden != 0 and settled(hidden) == 0 and settled(1 / hidden) is None


@pytest.mark.parametrize("seed", range(4))
def test_determinants_agree_with_sympy(seed):
    source = chance.Random(seed)
    matrix = sp.Matrix(3, 3, lambda i, j: made(source, 1))
    found = determinant(matrix)
    point = {s: sp.Rational(source.randint(1, 30), 7) for s in (x, y, t)}
    assert abs(sp.N((found - matrix.det()).subs(point), 30)) < 1e-15 * (1 + abs(sp.N(found.subs(point))))
