"""Algorithms on zero-sum games: spectra, exact step-size limits, conserved quantities, equivalences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from bilevel.analysis import stability
from bilevel.game import Game, maximize, minimize
from bilevel.rules import (
    alternating,
    derive,
    extragradient,
    heavy_ball,
    simultaneous,
)
from bilevel.system import flow_of
from tests.published.claims import (
    Check,
    Q,
    Result,
    W,
    differs,
    holds,
    matrix_of,
    polynomial,
    radius_below,
    region,
    same,
    spectrum,
)

x, y = sp.symbols("x y", real=True)
eta, sigma = sp.symbols("eta sigma", positive=True)
LAM = sp.Symbol("lambda")
BILINEAR = Game(x_player=minimize(sigma * x * y, x), y_player=maximize(sigma * x * y, y))
UNIT = Game(x_player=minimize(x * y, x), y_player=maximize(x * y, y))
ORIGIN = {x: 0, y: 0}
i = sp.I


def bilinear_game(A: Any) -> Game:
    """min over x, max over y of x^T A y."""
    xs, ys = sp.symbols(f"x1:{A.rows + 1}", real=True), sp.symbols(f"y1:{A.cols + 1}", real=True)
    f = sp.expand((sp.Matrix([xs]) * A * sp.Matrix(ys))[0])
    return Game(x_player=minimize(f, *xs), y_player=maximize(f, *ys))


def any_field() -> tuple[Any, Any]:
    """A flow on the plane whose field has a generic Jacobian, and the polynomial of that Jacobian in lambda."""
    rows = sp.Matrix(2, 2, lambda r, c: sp.Symbol(f"a{r}{c}", real=True))
    field = rows * sp.Matrix([x, y])
    return flow_of({x: -field[0] + x * y, y: -field[1] - x**2}), polynomial(rows).subs(W, LAM)


def eigenvalue_by_eigenvalue(text: str, rule: Any, equation: Any) -> Check:
    """For any game: det(w I - M) is the product over the eigenvalues lambda of F' of a polynomial in w and lambda."""
    system, spectrum_of_field = any_field()
    found = sp.expand(sp.numer(sp.together(polynomial(matrix_of(system, rule)))))
    claim = sp.expand(sp.resultant(sp.expand(spectrum_of_field), sp.expand(equation), LAM))
    ratio = sp.cancel(found / claim)
    return Check(text, (not ratio.has(W) and ratio != 0) or None)


def simultaneous_descent() -> Iterator[Check]:
    found = matrix_of(BILINEAR, simultaneous(eta))
    yield spectrum("1 +- i eta sigma", found, 1 + i * eta * sigma, 1 - i * eta * sigma)
    # A conjugate pair: its squared modulus is the determinant.
    yield same("rho = sqrt(1 + eta^2 sigma^2)", sp.sqrt(found.det()), sp.sqrt(1 + eta**2 * sigma**2))
    yield differs("rho = 1 + eta^2 sigma^2 is a misprint", sp.sqrt(found.det()), 1 + eta**2 * sigma**2)
    yield holds("unstable for every step", stability(BILINEAR, simultaneous(eta), at=ORIGIN).verdict == "unstable")
    A = sp.Matrix([[2, 1, 0], [1, -1, 3], [0, 1, 1]])
    whole = polynomial(matrix_of(bilinear_game(A), simultaneous(eta)))
    squares = polynomial(A * A.T)  # in the squared singular values
    s = sp.Symbol("s")
    claim = sp.resultant(squares.subs(W, s), (W - 1) ** 2 + eta**2 * s, s)
    yield same(
        "a matrix: one factor for each singular value",
        sp.expand(whole),
        sp.expand(claim * sp.sign(claim.subs({W: 5, eta: 1}))),
    )


def alternating_descent() -> Iterator[Check]:
    found = matrix_of(BILINEAR, alternating(eta))
    yield same(
        "(z-1)^2 + eta^2 sigma^2 z", sp.expand(polynomial(found)), sp.expand((W - 1) ** 2 + eta**2 * sigma**2 * W)
    )
    yield same("determinant 1", found.det(), 1)
    verdict = stability(BILINEAR, alternating(eta), at=ORIGIN)
    edge = [{eta: Q(a, b), sigma: c} for a, b, c in ((1, 1, 2), (1, 2, 4), (1, 3, 2), (1, 5, 1))]
    yield region("nowhere exponentially stable; on the circle for eta sigma <= 2", verdict, sp.false, on=edge)
    yield holds("and for no larger step", verdict.unstable_on.subs({eta: 1, sigma: Q(2001, 1000)}) == sp.true)
    for step, jordan in ((2, True), (Q(1999, 1000), False)):
        at = stability(UNIT, alternating(step), at=ORIGIN)
        yield holds(
            f"eta sigma = {step}: {'a Jordan block, linear growth' if jordan else 'simple, bounded'}",
            at.verdict == "marginal" and ("Jordan" in (at.marginal_why or "")) is jordan,
        )


def conserved_energy() -> Iterator[Check]:
    e1, e2 = sp.symbols("eta1 eta2", positive=True)
    A = sp.Matrix(2, 3, lambda r, c: sp.Symbol(f"a{r}{c}", real=True))
    game = bilinear_game(A)
    rule = alternating({"x_player": e1, "y_player": e2})
    xs, ys = (sp.Matrix(game[name].moves) for name in game.players)
    energy = (xs.T * xs)[0] / e1 + (ys.T * ys)[0] / e2 - (xs.T * A * ys)[0]
    after = derive(game, rule).composed()
    yield same(
        "the energy of the next point is that of this one",
        sp.expand(energy.subs(after, simultaneous=True)),
        sp.expand(energy),
    )
    yield same("volume is preserved", sp.expand(matrix_of(game, rule).det(method="berkowitz")), 1)


def momentum() -> Iterator[Check]:
    beta = sp.Symbol("beta", real=True)
    equation = W**2 - (1 - eta * LAM + beta) * W + beta
    yield eigenvalue_by_eigenvalue(
        "any game: w^2 - (1 - eta l + beta) w + beta for every l", heavy_ball(eta, beta), equation
    )
    trace = 1 - eta * LAM + beta
    root = sp.sqrt(1 - 4 * beta / trace**2)
    yield same(
        "whose roots are the claimed ones",
        sp.expand((W - trace / 2 * (1 + root)) * (W - trace / 2 * (1 - root))),
        sp.expand(equation),
    )


def alternating_momentum() -> Iterator[Check]:
    b1, b2 = sp.symbols("beta1 beta2", real=True)
    e1, e2 = sp.symbols("eta1 eta2", positive=True)
    rule = heavy_ball({"x_player": e1, "y_player": e2}, {"x_player": b1, "y_player": b2}, alternating=True)
    claim = (W - 1) ** 2 * (W - b1) * (W - b2) + e1 * e2 * sigma**2 * W**3
    yield same("the characteristic polynomial", sp.expand(polynomial(matrix_of(BILINEAR, rule))), sp.expand(claim))
    # eta sigma = 8t/(1+t^2) turns 1 - eta^2 sigma^2/16 into the square of (1-t^2)/(1+t^2);
    # eta sigma <= 1 is t <= 4 - sqrt 15.
    t = sp.Symbol("t", positive=True)
    negative = heavy_ball(8 * t / (1 + t**2), {"x_player": -Q(1, 2), "y_player": 0}, alternating=True)
    bound = (1 - t**2) / (1 + t**2)
    found = matrix_of(UNIT, negative)
    yield radius_below(
        "beta1 = -1/2, beta2 = 0, eta sigma <= 1: rho^2 < 1 - eta^2 sigma^2/16", found, bound, 8 * t <= 1 + t**2, t < 1
    )
    n1, n2 = sp.symbols("beta1 beta2", nonnegative=True)
    positive = heavy_ball(eta, {"x_player": n1, "y_player": n2}, alternating=True)
    verdict = stability(BILINEAR, positive, at=ORIGIN)
    yield region("nonnegative momentum never contracts", verdict, sp.false, points=40)


def generalised_extragradient() -> Iterator[Check]:
    a1, a2, g1, g2 = sp.symbols("alpha1 alpha2 gamma1 gamma2", positive=True)
    rule = extragradient({"x_player": a1, "y_player": a2}, {"x_player": g1, "y_player": g2})
    b1, b2, s = a2 * g1, a1 * g2, sigma**2
    product = a1 * a2 + b1 * b2 * s
    claim = sp.And(product > 0, b1 + b2 > product, (b1 + b2) * s < 2 + s * product / 2)
    at = {sigma: 1, a1: 1, a2: 1}
    edge = [at | {g1: 1, g2: 1}, at | {g1: 2, g2: Q(1, 2)} | {a1: Q(1, 2), a2: Q(1, 2)}]
    edge = [point for point in edge if _on_edge(claim, point)]
    yield region("three inequalities", stability(BILINEAR, rule, at=ORIGIN), claim, on=edge, points=40)


def _on_edge(claim: Any, point: Any) -> bool:
    gaps = [(r.gts - r.lts).subs(point) for r in claim.args]
    return min(gaps) == 0


RESULTS = (
    Result(
        "Z01",
        "Gidel et al. 2019, arXiv:1807.04740; Zhang et al. 2022, arXiv:2102.09468, misprint corrected",
        "Simultaneous descent on a bilinear game: 1 +- i eta sigma, rho = sqrt(1 + eta^2 sigma^2).",
        simultaneous_descent,
    ),
    Result(
        "Z02",
        "Gidel et al. 2019, arXiv:1807.04740; Zhang and Yu 2020, arXiv:1908.05699, boundary corrected",
        "Alternating descent: on the unit circle iff eta sigma <= 2, bounded iff eta sigma < 2.",
        alternating_descent,
    ),
    Result(
        "Z03",
        "Bailey, Gidel, Piliouras 2020, arXiv:1907.04392",
        "Alternating descent keeps |x|^2/eta1 + |y|^2/eta2 - x^T A y, and volume.",
        conserved_energy,
    ),
    Result(
        "Z04",
        "Gidel et al. 2019, arXiv:1807.04740, theorem 3",
        "Heavy ball, eigenvalue by eigenvalue, on any game.",
        momentum,
    ),
    Result(
        "Z08",
        "Gidel et al. 2019, arXiv:1807.04740, theorem 6",
        "Alternating heavy ball on a bilinear game: polynomial, a rate for negative momentum, none for positive.",
        alternating_momentum,
    ),
    Result(
        "Z10",
        "Zhang and Yu 2020, arXiv:1908.05699",
        "Generalised extragradient, simultaneous: stable iff three inequalities.",
        generalised_extragradient,
    ),
)
