"""Vectors, networks and their partials: shapes, normal order, multilinearity, rebuilding."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel.language import (
    E,
    data,
    dot,
    gradient,
    jacobian,
    network,
    norm2,
    normal,
    random,
    release,
    stop_gradient,
    vector,
)
from bilevel.language.algebra import is_column, is_row, plus, product, transpose
from bilevel.language.errors import GameError
from bilevel.language.networks import OPEN, Partial, PartialMatrix, check_calls, partial

theta, phi, w, u = vector("theta", "p"), vector("phi", "q"), vector("w", "n"), vector("u", "n")
D, G = network("D", range="probability"), network("G", out="n")
z = random("z", normal("m"))


def test_shapes_carry_symbolic_dimensions():
    p, q, n, m = (v.shape[0] for v in (theta, phi, w, z))
    assert G(z, theta).shape == (n, 1)
    assert partial(G(z, theta), [(1, None)]).shape == (n, p)
    assert partial(D(w, phi), [(0, None)]).shape == (n, 1)
    assert partial(D(w, phi), [(1, None), (0, None)]).shape == (n, q)
    assert partial(G(z, theta), [(1, None), (0, None)], weight=w).shape == (m, p)


def test_mixed_partials_commute_and_hessians_are_symmetric():
    assert partial(D(w, phi), [(0, None), (1, None)]) == partial(D(w, phi), [(1, None), (0, None)])
    hessian = partial(D(w, phi), [(0, None), (0, None)])
    assert transpose(hessian) == hessian
    assert partial(D(w, phi), [(0, u), (0, w), (1, None)]) == partial(D(w, phi), [(1, None), (0, w), (0, u)])


def test_low_orders_are_products_and_high_orders_absorb_vectors():
    assert partial(D(w, phi), [(0, None), (1, phi)]) == product(partial(D(w, phi), [(0, None), (1, None)]), phi)
    assert partial(D(w, phi), [(0, u)]) == dot(partial(D(w, phi), [(0, None)]), u)
    third = partial(D(w, phi), [(0, None), (0, None), (1, phi)])
    assert isinstance(third, PartialMatrix) and third.shape == (w.shape[0],) * 2
    assert product(third, u) == partial(D(w, phi), [(0, None), (0, u), (1, phi)])
    scalar = partial(D(w, phi), [(0, u), (0, w), (1, phi)])
    assert isinstance(scalar, Partial) and scalar.order == 3


def test_contractions_are_multilinear():
    def value(held):
        return partial(D(w, phi), [(0, None), (0, held), (1, phi)])

    assert value(2 * u + w) == plus(2 * value(u), value(w))
    assert value(sp.ZeroMatrix(w.shape[0], 1)) == sp.ZeroMatrix(w.shape[0], 1)


def test_inner_products():
    a = sp.Symbol("a", real=True)
    assert dot(u, w) == dot(w, u)
    assert dot(a * u + w, w) == a * dot(u, w) + norm2(w)
    assert dot(u, sp.ZeroMatrix(u.shape[0], 1)) == 0
    assert norm2(u).is_nonnegative and norm2(u).is_real
    with pytest.raises(GameError, match="inner product"):
        dot(u, theta)


def test_products_pull_numbers_out_and_check_shapes():
    column = product(u, u.T, w)
    assert column == dot(u, w) * u
    assert is_column(column) and is_row(transpose(column))
    assert product(sp.Identity(u.shape[0]), u) == u
    assert plus(u, -u) == sp.ZeroMatrix(*u.shape)
    with pytest.raises(GameError, match="shapes do not fit"):
        product(partial(G(z, theta), [(1, None)]), u)
    with pytest.raises(GameError, match="equal shapes"):
        plus(u, theta)


def test_every_node_is_rebuilt_from_its_arguments():
    loss = E(sp.log(D(G(z, theta), phi)) * norm2(gradient(D(u, phi), u)), z)
    everything = [
        loss,
        stop_gradient(loss),
        gradient(loss, phi),
        jacobian(gradient(loss, theta), phi),
        partial(D(w, phi), [(0, u), (0, w), (1, phi)]),
        stop_gradient(w),
    ]
    for whole in everything:
        for node in sp.preorder_traversal(whole):
            if node.args and not isinstance(node, (sp.MatMul, sp.MatAdd, sp.Mul, sp.Add, sp.Pow)):
                assert node.func(*node.args) == node


def test_renaming_keeps_the_normal_order():
    third = partial(D(w, phi), [(0, None), (0, u), (0, w)])
    swapped = third.xreplace({u: w, w: u})
    assert swapped == partial(D(u, phi), [(0, None), (0, w), (0, u)])


def test_assumptions_follow_the_range():
    assert D(w, phi).is_positive and D(w, phi).is_real
    assert network("V")(w).is_real and network("V")(w).is_positive is None
    assert sp.log(D(w, phi)).is_real and E(D(w, phi), z).is_positive


def test_scalar_arguments_have_closed_slots():
    s = sp.Symbol("s", real=True)
    assert partial(D(w, s), [(1, None)]).args[2] == sp.Tuple(1, 1)
    assert OPEN not in partial(D(w, s), [(1, None), (1, None)]).args[2]
    assert isinstance(gradient(D(w, s), s), Partial)


def test_stopping_twice_or_a_number_is_nothing_new():
    assert stop_gradient(stop_gradient(w)) == stop_gradient(w)
    assert stop_gradient(2) == 2
    assert release(stop_gradient(w) + u) == w + u


def test_a_dimension_of_one_keeps_matrices_apart_from_numbers():
    one, g = vector("t", 1), network("g", out=2)
    assert jacobian(g(one), one).shape == (2, 1)
    assert gradient(D(one), one).shape == (1, 1)
    assert jacobian(gradient(D(one), one), one).shape == (1, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: vector("lambda", 2),
        lambda: vector("a b", 2),
        lambda: vector("__import__", 2),
        lambda: vector("x", 0),
        lambda: vector("x", -1),
        lambda: vector("x", 1.5),
        lambda: vector("x", True),
        lambda: network("D;", out=2),
        lambda: network("D", range="unit"),
        lambda: network("D", out=2, range="probability"),
        lambda: random("x", 3),
        lambda: E(w, w),
        lambda: E(w, z, z),
        lambda: D(partial(G(z, theta), [(1, None)])),
        lambda: partial(G(z, theta), [(1, None), (1, None)]),
        lambda: stop_gradient(sp.true),
    ],
)
def test_mistakes_are_told(make):
    with pytest.raises(GameError):
        make()


def test_calls_of_one_network_must_fit():
    check_calls([D(w, phi) + D(u, phi)])
    for other in (D(w), D(phi, w), network("D", range="positive")(w, phi)):
        with pytest.raises(GameError, match="is called as"):
            check_calls([D(w, phi), other])


def test_random_variables_are_their_name_and_law():
    assert random("z", normal("m")) == z != random("z", normal("k")) and z != random("e", normal("m"))
    assert random("x", data("p", "n")).shape == (w.shape[0], 1)
    assert random("x", data("p")).is_real
