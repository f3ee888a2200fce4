"""Laws: equality by structure, densities, finite values, and substitution that respects binding."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel.language import (
    E,
    bernoulli,
    categorical,
    data,
    density,
    dot,
    finite,
    gradient,
    log_density,
    network,
    norm2,
    normal,
    pushforward,
    random,
    substitute,
    uniform,
    vector,
)
from bilevel.language.errors import GameError
from bilevel.language.substitute import depends, free_variables

theta, v = vector("theta", "p"), vector("v", "n")
half = sp.Rational(1, 2)
t, c = sp.symbols("t c", real=True)
f, Q = network("f"), network("Q")
z = random("z", normal("n"))
x = random("x", data("p_data", "n"))


def test_laws_are_equal_by_structure():
    assert normal("m") == normal("m") != normal("n")
    assert normal(0, 1) != normal("m")
    assert bernoulli(half) == bernoulli(sp.S(1) / 2)
    assert density("pi", "k", x, theta) == density("pi", "k", x, theta) != density("pi", "k", theta, x)
    assert finite([0, 1], [half, half]) != categorical(half, half)


def test_kinds_of_variables():
    assert random("y", bernoulli(half)).is_real
    assert random("e", normal(t, 2)).law.dim is None
    assert random("e", normal(v, 2)).shape == v.shape
    assert random("e", finite([v, 2 * v], [half, half])).shape == v.shape


def test_log_densities():
    y = sp.Symbol("y", real=True)
    slope = sp.diff(log_density(normal(t, c**2), y), t)
    assert sp.simplify(slope - (y - t) / c**2) == 0
    density_value = sp.exp(log_density(normal(0, 1), y))
    assert sp.integrate(density_value, (y, -sp.oo, sp.oo)) == 1
    p = sp.Symbol("p", positive=True)
    assert [log_density(bernoulli(p), k) for k in (0, 1)] == [sp.log(1 - p), sp.log(p)]
    vector_law = log_density(normal(v, 1), x)
    assert gradient(vector_law, v) == x - v
    for law in (pushforward(2 * z, z), categorical(half, half)):
        with pytest.raises(GameError, match="no density"):
            log_density(law, v)


@pytest.mark.parametrize(
    "make",
    [
        lambda: bernoulli(2),
        lambda: bernoulli("1/2; import os"),
        lambda: categorical(half, half, half),
        lambda: finite([1, 2], [1]),
        lambda: finite([v, theta], [half, half]),
        lambda: uniform(1, 1),
        lambda: normal(0, -1),
        lambda: normal(v, v),
        lambda: density("pi 2", "k"),
        lambda: density("pi", "k", gradient),
        lambda: pushforward(z),
        lambda: data("p", 0),
    ],
)
def test_mistakes_are_told(make):
    with pytest.raises(GameError):
        make()


def test_substitution_reaches_laws_and_captures_nothing():
    a = random("a", density("pi", "n", x, theta))
    loss = E(Q(x, a), x, a)
    moved = substitute(loss, {theta: 2 * theta})
    assert moved == E(Q(x, substitute(a, {theta: 2 * theta})), x, substitute(a, {theta: 2 * theta}))
    captured = substitute(E(dot(z, v), z), {v: z})
    assert captured != E(norm2(z), z) and free_variables(captured) == {z}
    assert substitute(E(f(z), z), {z: v}) == E(f(z), z)
    with pytest.raises(GameError, match="another shape"):
        substitute(f(v), {v: theta})


def test_substitution_commutes_with_itself_under_nested_expectations():
    e = random("e", normal("n"))
    nested = E(E(dot(z, v) * dot(e, v), e) * f(z), z)
    once = substitute(nested, {v: z + e})
    assert free_variables(once) == {z, e}
    assert substitute(substitute(nested, {v: vector("r", "n")}), {vector("r", "n"): z + e}) == once


def test_variables_are_drawn_in_order():
    a = random("a", density("pi", "n", x, theta))
    assert E(f(a), x, a) != E(f(a), a)  # with x named, it is averaged too
    with pytest.raises(GameError, match="named before it"):
        E(f(a), a, x)
    pushed = random("w", pushforward(2 * z, z))
    assert free_variables(E(dot(pushed, z), pushed, z)) == frozenset()


def test_dependence():
    a = random("a", density("pi", "n", x, theta))
    assert not depends(f(a), theta)
    assert depends(E(f(a), a), theta)
    assert not depends(E(f(z), z), z)
    assert depends(E(f(a), a), x) and not depends(E(f(a), x, a), x)


def test_conditional_expectations_differentiate_inside():
    y = random("y", bernoulli(half))
    shown = y * x + (1 - y) * z
    inner = E(y * f(x) * norm2(theta), y, x, z, given=shown)
    assert gradient(inner, theta) == E(2 * y * f(x) * theta, y, x, z, given=shown) or str(gradient(inner, theta))
    assert depends(inner, x) and not depends(E(inner, y, x, z), x)
