"""Inverses beside what they invert: rules that end, whichever term of a sum sorts last."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel.language import E, data, equal, gradient, jacobian, network, random, vector

w, x = vector("w", "p"), random("x", data("train", "n"))
loss = E(network("l")(x, w), x)
g, HESSIAN = gradient(loss, w), jacobian(gradient(loss, w), w)
LAMBDA = sp.Symbol("lambda", positive=True)
SHIFTED = HESSIAN + LAMBDA * sp.Identity(w.shape[0])


@pytest.mark.parametrize("held", [SHIFTED, HESSIAN + sp.Identity(w.shape[0]), LAMBDA * HESSIAN])
def test_an_inverse_beside_what_it_inverts_is_taken_away(held):
    assert equal(sp.Inverse(held) * held * g, g).answer is True


def test_a_wrong_equation_with_an_inverse_of_a_shifted_matrix_is_refuted():
    assert equal(LAMBDA * sp.Inverse(SHIFTED) * g, g).answer is False
    assert equal(g - LAMBDA * sp.Inverse(SHIFTED) * g, sp.Inverse(SHIFTED) * HESSIAN * g).answer is True
