"""Printing at the model level, against the papers' own forms."""

from __future__ import annotations

import sympy as sp

from bilevel.language import (
    E,
    bernoulli,
    data,
    density,
    dot,
    gradient,
    jacobian,
    latex,
    network,
    normal,
    plain,
    random,
    stop_gradient,
    vector,
)

theta, phi = vector("theta", "p"), vector("phi", "q")
z, w = random("z", normal("m")), random("w", data("p_data", "n"))
D, G = network("D", range="probability"), network("G", out="n")
actor = E(sp.log(D(G(z, theta), phi)), z)


def test_the_generators_gradient_reads_as_in_the_architecture():
    assert plain(gradient(actor, theta)) == "E_z[(d2 G(z, theta))^T d1 D(G(z, theta), phi) / D(G(z, theta), phi)]"
    assert str(gradient(actor, theta)) == plain(gradient(actor, theta))


def test_latex_of_the_generators_gradient():
    assert latex(gradient(actor, theta)) == (
        r"\mathbb{E}_{z \sim \mathcal{N}(0, I)}\left[\frac{\left(\partial_{2} G(z, \theta)\right)^{\top} "
        r"\nabla_{1} D(G(z, \theta), \phi)}{D(G(z, \theta), \phi)}\right]"
    )


def test_signs_come_out_in_front():
    minimax = E(sp.log(1 - D(G(z, theta), phi)), z)
    assert plain(gradient(minimax, theta)).startswith("-E_z[")
    assert latex(gradient(minimax, theta)).startswith(r"-\mathbb{E}_{z")


def test_pieces():
    y = random("y", bernoulli(sp.Rational(1, 2)))
    a = random("a", density("pi", "k", w, theta))
    assert latex(stop_gradient(phi)) == r"\operatorname{sg}\left(\phi\right)"
    assert r"y \sim \operatorname{Bernoulli}(\frac{1}{2})" in latex(E(y * D(w, phi), y))
    assert r"a \sim \pi(\cdot \mid w, \theta)" in latex(E(network("Q")(a), a))
    assert latex(dot(phi, vector("psi", "q"))) == r"\left\langle \phi, \psi \right\rangle"
    assert plain(E(y, y, given=w)) == "E_y[y | w]"
    assert plain(jacobian(phi, phi)) == "I"
    assert plain(2 * dot(phi, phi) ** 2) == "2*(|phi|^2)^2"


def test_both_printers_read_every_derivative():
    step = jacobian(gradient(E(sp.log(D(G(z, theta), phi)), z), theta), theta)
    for text in (plain(step), latex(step)):
        assert (
            text.count("(") == text.count(")")
            and text.count("{") == text.count("}")
            and text.count("[") == text.count("]")
        )
