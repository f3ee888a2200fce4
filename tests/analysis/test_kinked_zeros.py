"""Equations with minima and maxima: every zero of every case, ties once, and nothing that a case excludes."""

from __future__ import annotations

import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.analysis.kinked_zeros import zeros_by_cases

x, y = sp.symbols("x y", real=True)
a = sp.Symbol("a", real=True)
numbers = st.integers(-3, 3)


@given(numbers, numbers, numbers, numbers, numbers)
@settings(max_examples=40, deadline=None)
def test_zeros_of_a_minimum_of_two_lines(p, q, r, s, level):
    """By a second road: the zeros of each line, kept where the other line is no lower."""
    one, other = p * x + q, r * x + s
    found = zeros_by_cases([sp.Min(one, other) - level], [x])
    if p == 0 or r == 0:
        return
    expected = {
        z
        for mine, theirs in ((one, other), (other, one))
        for z in [sp.solve(mine - level, x)[0]]
        if theirs.subs(x, z) >= level
    }
    assert found.complete and {b.values[x] for b in found.branches} == expected


def test_ties_are_found_once():
    found = zeros_by_cases([sp.Max(x, -x)], [x])
    assert found.complete and [dict(b.values) for b in found.branches] == [{x: 0}]


def test_parameters_decide_the_case():
    """At a = 1 every x from 1 on is a zero: that half-line is said to be left out."""
    found = zeros_by_cases([sp.Min(x, a) - 1], [x])
    assert not found.complete and "continuum" in found.reason and found.branches
    for branch in found.branches:
        assert branch.values[x] == 1 and branch.conditions == ((a - 1, ">="),)


def test_a_maximum_within_a_minimum():
    found = zeros_by_cases([sp.Min(sp.Max(x, 1), 3) - 2, y - x], [x, y])
    assert found.complete and [dict(b.values) for b in found.branches] == [{x: 2, y: 2}]
