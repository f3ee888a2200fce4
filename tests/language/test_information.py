"""Entropies and relative entropies: laws they obey, and closed forms against averages of log-densities."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from bilevel.language import E, bernoulli, density, entropy, normal, random, relative_entropy, vector
from bilevel.language.errors import GameError
from bilevel.language.functions import in_exponentials, log_odds, sigmoid, softplus
from bilevel.language.instance import Instance
from bilevel.language.instantiate import instantiate
from bilevel.language.laws import finite, log_density
from bilevel.numeric import check_equal

m, n = sp.symbols("m n", real=True)
s, t = sp.symbols("s t", positive=True)
shares = st.fractions("1/20", "19/20", max_denominator=40)


def test_normal_laws_by_two_roads():
    """The closed form is the average of the difference of log-densities, a polynomial of degree two."""
    x = random("x", normal(m, s))
    gap = log_density(normal(m, s), x) - log_density(normal(n, t), x)
    averaged = instantiate(E(gap, x), Instance())
    assert sp.expand(sp.expand_log(averaged - relative_entropy(normal(m, s), normal(n, t)))) == 0
    assert check_equal(relative_entropy(normal(m, s), normal(n, t)), E(gap, x))


def test_normal_vectors_of_any_dimension():
    mean, centre = vector("u", "d"), vector("w", "d")
    found = relative_entropy(normal(mean, s), normal(centre, t))
    small = instantiate(found, Instance(dims={"d": 2}, vectors={"u": [m, 0], "w": [n, 0]}))
    parts = relative_entropy(normal(m, s), normal(n, t)) + relative_entropy(normal(0, s), normal(0, t))
    assert sp.expand(small - parts) == 0
    assert relative_entropy(normal(mean, s), normal(mean, s)) == 0


@given(shares, shares)
def test_relative_entropy_is_positive_and_zero_on_the_diagonal(p, q):
    p, q = sp.Rational(p), sp.Rational(q)
    found = relative_entropy(bernoulli(p), bernoulli(q))
    assert found == 0 if p == q else sp.N(found, 30) > 0


def test_entropies():
    third = sp.Rational(1, 3)
    assert entropy(finite([1, 2, 3], [third] * 3)) == sp.log(3)
    assert sp.simplify(entropy(normal(m, s)) - sp.log(2 * sp.pi * sp.E * s) / 2) == 0
    theta = vector("theta", "p")
    law = density("pi", "k", theta)
    world = Instance(dims={"p": 1, "k": 1}, laws={"pi": lambda w: ([[0], [1]], [1 - sigmoid(w[0]), sigmoid(w[0])])})
    assert instantiate(entropy(law), world).subs(sp.Symbol("theta", real=True), 0) == sp.log(2)


def test_laws_that_cannot_be_compared():
    with pytest.raises(GameError, match="one dimension"):
        relative_entropy(normal("k"), normal(0, 1))
    with pytest.raises(GameError, match="lacks"):
        relative_entropy(finite([0, 1], [sp.S.Half] * 2), finite([0, 2], [sp.S.Half] * 2))


@given(st.fractions(-4, 4, max_denominator=9))
def test_log_odds_keep_the_value(at):
    x = sp.Symbol("x", real=True)
    form = sp.log(sigmoid(x)) * 2 - sp.log(1 - sigmoid(x)) + softplus(-x) - sigmoid(x) * softplus(3 * x)
    assert abs(sp.N((log_odds(form) - form).subs(x, sp.Rational(at)), 30)) < 1e-25
    assert log_odds(sp.log(sigmoid(x)) - sp.log(1 - sigmoid(x))) == x


@given(st.fractions("1/9", 9, max_denominator=9))
def test_sigmoids_of_logarithms_are_fractions(odds):
    odds = sp.Rational(odds)
    assert sigmoid(sp.log(odds)) == odds / (1 + odds)
    assert sp.expand_log(softplus(sp.log(odds)) - sp.log(1 + odds)) == 0
    assert in_exponentials(sigmoid(sp.log(odds)) - odds / (1 + odds)) == 0
