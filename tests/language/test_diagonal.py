"""Diagonal matrices, matrices of maps, assumed products and inverses in the normal form: laws, and two roads."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language import diagonal, dot, equal, gradient, network, normal_form, ones, plain, selection, vector
from bilevel.language.coordinates import Coordinates
from bilevel.language.errors import GameError
from bilevel.language.instance import Instance
from bilevel.language.nodes import dimension
from bilevel.language.substitute import free_variables

N, K = dimension("n"), dimension("k")
S = selection("S", "k", "n")
U, W, X, Y = vector("u", "n"), vector("w", "n"), vector("x", "k"), vector("y", "k")
G = sp.Symbol("g", positive=True)
P = sp.MatrixSymbol("P", N, N)

LAWS = {
    "entry by entry, the order is free": (diagonal(U) * diagonal(W) * U, diagonal(U) * diagonal(U) * W),
    "diagonal matrices commute": (diagonal(U) * diagonal(W), diagonal(W) * diagonal(U)),
    "a diagonal matrix of ones is the identity": (diagonal(ones("n")), sp.Identity(N)),
    "a diagonal matrix of a sum": (diagonal(U + 2 * W), diagonal(U) + 2 * diagonal(W)),
    "a diagonal matrix is symmetric": ((P * diagonal(U)).T, diagonal(U) * P.T),
    "a map passes through products": (diagonal(S * U) * S * W, S * diagonal(U) * W),
    "a map keeps ones": (S * ones("n"), ones("k")),
    "columns of a map are orthogonal": (S.T * S, diagonal(S.T * ones("k"))),
    "a weighted map": (S.T * diagonal(X) * S, diagonal(S.T * X)),
    "three at once": (S.T * diagonal(S * U) * diagonal(X) * S * W, diagonal(U) * diagonal(W) * S.T * X),
}
WRONG = {
    "a diagonal matrix moved past a matrix": (diagonal(U) * P, P * diagonal(U)),
    "a map moved past what is not constant on its fibres": (diagonal(X) * S * W, S * diagonal(S.T * X) * W),
    "the square is not the vector": (diagonal(U) * U, U),
    "the fibres of a map are not single": (S.T * S, sp.Identity(N)),
}


@pytest.mark.parametrize("law", LAWS)
def test_laws_of_copying_are_proved(law):
    assert equal(*LAWS[law]).answer is True


@pytest.mark.parametrize("law", WRONG)
def test_wrong_laws_of_copying_are_refuted_exactly(law):
    answer = equal(*WRONG[law])
    assert answer.answer is False and answer.known == "exact"


def test_sums_of_ones_are_dimensions():
    assert equal(dot(ones("n"), ones("n")), N).answer
    assert equal(sp.Trace(diagonal(U)), dot(ones("n"), U)).answer
    assert equal(dot(ones("k"), S * U), dot(S.T * ones("k"), U)).answer


def test_an_inverse_beside_what_it_inverts_is_taken_away_on_both_sides():
    M = sp.Identity(N) - G * P
    R = sp.Inverse(M)
    assert equal(R * M, sp.Identity(N)).answer and equal(M * R, sp.Identity(N)).answer
    assert equal(P * R, R * P).answer, "the resolvent commutes"
    assert equal(R - sp.Identity(N), G * R * P).answer
    assert equal(R * M, 2 * sp.Identity(N)).answer is False


def test_two_resolvents_differ_by_the_second_resolvent_identity():
    other = sp.MatrixSymbol("O", N, N)
    A, B = (sp.Inverse(sp.Identity(N) - G * T) for T in (P, other))
    assert equal(A - B, G * A * (P - other) * B).answer
    assert equal(A - B, G * B * (P - other) * A).answer
    assert equal(A - B, G * A * (other - P) * B).answer is False


def test_an_assumed_product_is_used_wherever_its_factors_stand_together():
    stochastic = [(P * ones("n"), ones("n"))]
    left = P * P * diagonal(ones("n")) * ones("n")
    assert equal(left, ones("n")).answer is not True
    proof = equal(left, ones("n"), assuming=stochastic)
    assert proof.answer and "relation" in [step.rule for step in proof.trace]
    assert normal_form(left - ones("n"), assuming=stochastic).is_zero


def test_an_assumed_sum_is_read_towards_its_longest_term():
    kept = [(P * P * U - G * U, W)]
    assert equal(P * P * P * U, G * P * U + P * W, assuming=kept).answer
    assert equal(dot(W, P * P * U), G * dot(U, W) + dot(W, W), assuming=kept).answer
    assert equal(P * P * P * P * U, G**2 * U + G * W + P * P * W, assuming=kept).answer
    assert equal(P * P * W, G * W, assuming=kept).answer is None, "said of U, not of W"


def test_a_wrong_claim_under_an_assumption_is_refuted_at_an_instance_that_satisfies_it():
    chain = Instance(dims={"n": 2}, vectors={"P": [sp.Rational(1, 3), sp.Rational(2, 3), 0, 1], "u": [1, -1]})
    stochastic = [(P * ones("n"), ones("n"))]
    assert equal(P * U, U, assuming=stochastic).answer is None
    answer = equal(P * U, U, assuming=stochastic, instances=[chain])
    assert answer.answer is False and answer.counterexample.instance == chain
    broken = Instance(dims={"n": 2}, vectors={"P": [1, 1, 0, 1], "u": [1, -1]})
    assert equal(P * U, U, assuming=stochastic, instances=[broken]).answer is None


def test_a_diagonal_matrix_is_differentiated_in_its_entries():
    theta = vector("theta", "p")
    pi = network("pi", out="k")(theta)
    slope = gradient(dot(X, diagonal(pi) * Y), theta)
    assert equal(slope, gradient(dot(diagonal(X) * Y, pi), theta)).answer
    assert free_variables(diagonal(X) * ones("k")) == {X}


def test_printing_reads_as_it_is_written():
    assert plain(diagonal(X) * S * U) == "diag(x) S u"
    assert str(normal_form(diagonal(X) * diagonal(S * U) * Y)) == "diag(S u) diag(x) y"


def test_a_matrix_is_no_column_to_put_on_a_diagonal():
    with pytest.raises(GameError, match="column"):
        diagonal(P)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_normal_form_keeps_the_value(data):
    numbers = st.integers(-3, 3)
    size, rows = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    images = data.draw(st.lists(st.integers(0, size - 1), min_size=rows, max_size=rows))
    entries = lambda count: data.draw(st.lists(numbers, min_size=count, max_size=count))
    u, x = sp.Matrix(entries(size)), sp.Matrix(entries(rows))
    s = sp.Matrix(rows, size, lambda i, j: int(images[i] == j))
    vectors = {"S": list(s), "u": list(u), "x": list(x)}
    word = S.T * diagonal(S * U) * diagonal(X) * S
    at = Coordinates(Instance(dims={"n": size, "k": rows}, vectors=vectors))
    expected = s.T * sp.diag(*(s * u)) * sp.diag(*x) * s
    assert at.matrix(word, {}) == expected
    assert at.matrix(normal_form(word).expression, {}) == expected
