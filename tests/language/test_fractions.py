"""Rational functions in lowest terms by flint: what SymPy's slower road gives, and factors that multiply to it."""

import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bilevel.language.fractions import cancelled, factors, vanishes

LEAVES = st.sampled_from([*sp.symbols("x y z"), *map(sp.Rational, ("0", "1", "-2", "3/2", "-1/3"))])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] * pair[1]),
        st.tuples(inner, st.sampled_from([-2, -1, 2, 3])).map(lambda pair: pair[0] ** pair[1]),
    ),
    max_leaves=7,
)


@settings(max_examples=60)
@given(TREES)
def test_the_two_roads_write_one_quotient(e):
    assume(not e.has(sp.zoo, sp.nan))
    slow = sp.cancel(sp.together(e))
    assume(not slow.has(sp.zoo, sp.nan))
    assert cancelled(e) == slow
    assert vanishes(e) == (slow == 0)
    constant, pairs = factors(e)
    assert sp.expand(sp.numer(sp.together(constant * sp.Mul(*(p**k for p, k in pairs)) - slow))) == 0


def test_what_is_no_rational_function_is_left_to_sympy():
    x = sp.Symbol("x", positive=True)
    assert cancelled((sp.exp(x) ** 2 - 1) / (sp.exp(x) - 1)) == sp.exp(x) + 1
    assert factors(sp.sqrt(x) + x) is None and vanishes(sp.exp(x)) is None and vanishes(x - x) is True
