"""A proof of equality is never wrong: random expressions, written differently, and against random exact instances."""

from __future__ import annotations

from random import Random

import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.algebra import is_scalar
from bilevel.language.drawing import Drawing
from bilevel.language.enclosure import differ
from bilevel.language.equality import equal
from bilevel.language.errors import BilevelError
from bilevel.language.expectation import E
from bilevel.language.gradient import gradient, jacobian
from bilevel.language.instantiate import instantiate
from bilevel.language.laws import bernoulli, data, random
from bilevel.language.networks import network
from bilevel.language.nodes import dot, vector

HALF = sp.Rational(1, 2)
x, x2 = random("x", data("p_data", "n")), random("x2", data("p_data", "n"))
y = random("y", bernoulli(HALF))
D, V = network("D", range="probability"), network("V")
u, w = vector("u", "n"), vector("w", "n")
M = sp.MatrixSymbol("M", u.shape[0], u.shape[0])
LEAVES = [
    V(u),
    V(w),
    D(u),
    D(x),
    V(x2),
    V(x),
    dot(u, w),
    dot(u, M * w),
    dot(x, w),
    dot(gradient(V(u), u), w),
    y,
    sp.Integer(2),
    HALF,
]
COLUMNS = [u, w, x, M * u, M.T * w, gradient(V(u), u), gradient(V(x), x), jacobian(gradient(V(u), u), u) * w]


def averaged(choice):
    expr, variables = choice
    return E(expr, *variables)


def scalars(leaves):
    return st.recursive(
        st.sampled_from(leaves),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
            st.tuples(inner, inner).map(lambda p: p[0] * p[1]),
            inner.map(lambda e: -e),
            inner.map(lambda e: 1 / (2 + e**2)),
            st.tuples(inner, st.sampled_from([(x,), (x2,), (y,), (x, x2), (x, y)])).map(averaged),
        ),
        max_leaves=6,
    )


def agree(left, right, seed):
    """Whether both sides have the same value at a random instance; None where that cannot be evaluated."""
    draw = Drawing(left, right, Random(seed), (2, 1, 2), seed % 3)
    try:
        gap = instantiate(left, draw.instance, values=True) - instantiate(right, draw.instance, values=True)
    except (BilevelError, ZeroDivisionError):
        return None
    return not any(differ(sp.expand(entry)) for entry in ([gap] if is_scalar(gap) else gap))


def rewritten(expr, random_source):
    """The same value, written differently: sums and products shuffled, expectations taken one after another."""
    if isinstance(expr, (sp.Add, sp.Mul)):
        args = [rewritten(a, random_source) for a in expr.args]
        random_source.shuffle(args)
        return sp.expand_mul(expr.func(*args))
    if type(expr).__name__ == "Expectation":
        inner = rewritten(expr.body, random_source)
        for variable in reversed(expr.variables):
            inner = E(inner, variable)
        return inner
    return expr


@settings(max_examples=30, deadline=None)
@given(scalars(LEAVES), st.integers(0, 1000))
def test_the_same_thing_written_differently_is_never_refuted(expr, seed):
    other = rewritten(expr, Random(seed))
    assert equal(expr, other, attempts=0).answer is True


@settings(max_examples=30, deadline=None)
@given(scalars(LEAVES), scalars(LEAVES), st.integers(0, 1000))
def test_a_proof_agrees_with_every_random_instance(left, right, seed):
    for pair in (
        (left, right),
        (E(left * right, x, y), E(left, x, y) * E(right, x, y)),
        (left * (right + 1), left + right * left),
    ):
        if equal(*pair, attempts=0):
            assert agree(*pair, seed) is not False


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(COLUMNS), st.sampled_from(COLUMNS), scalars(LEAVES[:8]), st.integers(0, 1000))
def test_vector_proofs_agree_with_every_random_instance(first, second, factor, seed):
    left = E(first * factor + second, x)
    for right in (factor * E(first, x) + second, E(first, x) * E(factor, x) + E(second, x)):
        if equal(left, right, attempts=0):
            assert agree(left, right, seed) is not False
    assert equal(left, E(second, x) + E(factor * first, x), attempts=0)


def test_an_expectation_in_a_denominator_does_not_hide_that_averages_are_linear():
    for below in (D(x) + E(D(x), x) + 2, (D(x) + E(D(x), x)) ** 2 + 2, E(D(x), x) * V(x) ** 2 + 1):
        assert equal(E(1 / below + 1, x), E(1 / below, x) + 1, attempts=0)
        assert equal(E(u / below + u, x), E(1 / below, x) * u + u, attempts=0)
        assert not equal(E(1 / below + 1, x), E(1 / below, x) + 2, attempts=0)
