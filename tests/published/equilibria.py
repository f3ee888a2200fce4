"""Equilibrium concepts, time scales, Stackelberg play and opponent shaping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from bilevel.analysis import equilibria, stability
from bilevel.game import Game, maximize, minimize
from bilevel.response import best_response
from bilevel.rules import (
    continuous,
    flow,
    follow_the_ridge,
    lola,
    look_ahead,
    stackelberg,
    symplectic,
    two_time_scale,
)
from tests.published.claims import Check, Q, Result, W, holds, matrix_of, polynomial, region, same, spectrum

x, y = sp.symbols("x y", real=True)
gamma, epsilon = sp.symbols("gamma epsilon", positive=True)
ORIGIN = {x: 0, y: 0}


def zero_sum(f: Any) -> Game:
    return Game(a=minimize(f, x), b=maximize(f, y))


def kinds(game: Game, at: Any = ORIGIN) -> tuple[str, ...]:
    return equilibria(game, at=at).points[0].kinds


def stable_but_not_minimax() -> Iterator[Check]:
    game = zero_sum(-(x**2) / 8 - y**2 / 2 + Q(6, 10) * x * y)
    found = matrix_of(game, flow())
    yield same("trace -3/4", found.trace(), -Q(3, 4))
    yield same("determinant 11/100", found.det(), Q(11, 100))
    yield holds("the flow is stable", stability(game, flow(), at=ORIGIN).verdict == "stable")
    yield holds("the origin is no local Nash equilibrium, as f_xx < 0", not any("Nash" in k for k in kinds(game)))


def stable_points_that_are_no_saddles() -> Iterator[Check]:
    f = 2 * x**2 + y**2 + 4 * x * y + Q(4, 3) * y**3 - y**4 / 4
    game = zero_sum(f)
    found = equilibria(game)
    r = sp.sqrt(2)
    claim = [(0, 0), (-2 - r, 2 + r), (-2 + r, 2 - r)]
    places = {(sp.expand(p.point[x]), sp.expand(p.point[y])): p for p in found.points}
    yield holds(
        "three critical points, and no more",
        found.complete and set(places) == {tuple(map(sp.sympify, c)) for c in claim},
    )
    stable = [stability(game, flow(), at={x: a, y: b}).verdict == "stable" for a, b in claim]
    yield holds("the flow is stable at the first two only", stable == [True, True, False])
    nash = [any("Nash" in k for k in places[tuple(map(sp.sympify, c))].kinds) for c in claim]
    yield holds("of which only the second is a local Nash equilibrium", nash[:2] == [False, True])


def finite_time_scales() -> Iterator[Check]:
    rule = continuous(two_time_scale(1, gamma))
    first = zero_sum(-3 * x**2 - y**2 + 4 * x * y)
    yield holds(
        "g1: strict local minimax, not Nash",
        "local minimax (strict)" in kinds(first) and not any("Nash" in k for k in kinds(first)),
    )
    schur = next(m for name, m in equilibria(first, at=ORIGIN).points[0].tests.items() if "Schur" in name)
    yield same("g1: its Schur complement is 2", schur[0], 2)
    yield region("g1: stable iff gamma > 3", stability(first, rule, at=ORIGIN), gamma > 3, on=[{gamma: 3}])
    up = zero_sum(-(x**2) + 2 * sp.sqrt(epsilon) * x * y - epsilon * y**2 / 2)
    yield holds("upper signs: strict local minimax", "local minimax (strict)" in kinds(up))
    edge = [{gamma: 2, epsilon: 1}, {gamma: Q(1, 2), epsilon: 4}, {gamma: 6, epsilon: Q(1, 3)}]
    yield region(
        "upper signs: stable iff gamma > 2/epsilon", stability(up, rule, at=ORIGIN), gamma * epsilon > 2, on=edge
    )
    down = zero_sum(x**2 + 2 * sp.sqrt(epsilon) * x * y + epsilon * y**2 / 2)
    yield holds("lower signs: no local minimax", not any("minimax" in k or "Nash" in k for k in kinds(down)))
    yield region(
        "lower signs: stable iff gamma < 2/epsilon", stability(down, rule, at=ORIGIN), gamma * epsilon < 2, on=edge
    )
    last = kinds(zero_sum(-(x**2) + 5 * x * y - y**2))
    yield holds(
        "last: local minimax and not Nash", any("minimax" in k for k in last) and not any("Nash" in k for k in last)
    )


def implicit_leader() -> Iterator[Check]:
    f1, f2 = (sp.Function(name)(x, y) for name in ("f1", "f2"))
    leader = minimize(f1, x, through={"follower": best_response()})
    field = Game(leader=leader, follower=minimize(f2, y)).field()
    d = lambda f, *v: sp.diff(f, *v)
    claim = d(f1, x) - d(f2, x, y) / d(f2, y, y) * d(f1, y)
    yield same("the leader's total derivative", _sorted(field[x]), _sorted(claim))
    yield same("the follower's derivative", field[y], d(f2, y))
    # The chain rule along a reply r(x), whose slope comes from differentiating f2_y(x, r(x)) = 0.
    slope = sp.Symbol("slope")
    (along,) = sp.solve(d(f2, y, x) + d(f2, y, y) * slope, slope)
    yield same("it is d/dx f1(x, r(x))", _sorted(field[x]), _sorted(d(f1, x) + d(f1, y) * along))
    yield from _block_triangular()


def _sorted(e: Any) -> Any:
    """Mixed derivatives in one order."""
    return sp.together(e.replace(sp.Derivative, lambda f, *v: sp.Derivative(f, *sorted(v, key=str))).doit())


def _block_triangular() -> Iterator[Check]:
    xs, ys = sp.symbols("x1 x2", real=True), sp.symbols("y1 y2", real=True)
    A = sp.Matrix([[sp.Symbol("a", real=True), 2], [2, sp.Symbol("d", real=True)]])
    B, C = (
        sp.Matrix([[1, sp.Symbol("b", real=True)], [3, -1]]),
        sp.Matrix([[-2, 1], [1, sp.Symbol("c", negative=True)]]),
    )
    u, v = sp.Matrix(xs), sp.Matrix(ys)
    f = (
        sp.expand(((u.T * A * u) / 2 + u.T * B * v + (v.T * C * v) / 2)[0])
        + xs[0] ** 2 * ys[1]
        - ys[0] ** 3
        + xs[1] ** 3
    )
    leading = Game(leader=minimize(f, *xs, through={"follower": best_response()}), follower=maximize(f, *ys))
    found = matrix_of(leading, flow()).applyfunc(sp.cancel)
    schur = A - B * C.inv() * B.T
    yield same("zero-sum: no coupling from the follower to the leader", found[:2, 2:], sp.zeros(2))
    claim = polynomial(-schur) * polynomial(C)
    yield same(
        "its spectrum is that of the Schur complement and of the follower's block",
        sp.cancel(sp.together(polynomial(found) - claim)),
        0,
    )
    rule = matrix_of(Game(leader=minimize(f, *xs), follower=maximize(f, *ys)), continuous(stackelberg(1)))
    yield same("the rule and the declared reply agree", rule.applyfunc(sp.cancel), found)


def ridge() -> Iterator[Check]:
    ex, ey = sp.symbols("eta_x eta_y", positive=True)
    rule = follow_the_ridge({"a": ex, "b": ey})
    a, b, d = sp.symbols("f_xx f_xy f_yy", real=True, nonzero=True)
    cubic = 5 * x**3 - x**2 * y + 7 * x * y**2 + y**3
    generic = zero_sum(a * x**2 / 2 + b * x * y + d * y**2 / 2 + cubic)
    found = polynomial(matrix_of(generic, rule))
    yield same(
        "1 - eta_x Schur and 1 + eta_y f_yy, whatever the cubic terms",
        sp.cancel(found - (W - 1 + ex * (a - b**2 / d)) * (W - 1 - ey * d)),
        0,
    )
    for name, f, sign in (("g1", -3 * x**2 - y**2 + 4 * x * y, -1), ("g2", 3 * x**2 + y**2 + 4 * x * y, 1)):
        game = zero_sum(f + cubic)
        yield spectrum(f"{name}: its spectrum", matrix_of(game, rule), 1 + 2 * sign * ex, 1 + 2 * sign * ey)
        plain = stability(game, flow(), at=ORIGIN).verdict
        yield holds(f"{name}: the plain flow goes the other way", plain == ("unstable" if sign == -1 else "stable"))


def shaping() -> Iterator[Check]:
    b, alpha = sp.symbols("b alpha", real=True)
    game = zero_sum(b * x * y)
    turn = sp.I * b
    ahead = matrix_of(game, continuous(look_ahead(1, alpha)))
    yield spectrum("LookAhead: alpha b^2 +- i b", -ahead, alpha * b**2 + turn, alpha * b**2 - turn)
    yield same(
        "it is symplectic adjustment with weight alpha", ahead, matrix_of(game, continuous(symplectic(1, alpha)))
    )
    yield spectrum(
        "LOLA: 2 alpha b^2 +- i b",
        -matrix_of(game, continuous(lola(1, alpha))),
        2 * alpha * b**2 + turn,
        2 * alpha * b**2 - turn,
    )


RESULTS = (
    Result(
        "S01",
        "Daskalakis and Panageas 2018, arXiv:1807.03907",
        "A stable point of the flow that is no local min-max.",
        stable_but_not_minimax,
    ),
    Result(
        "S02",
        "Adolphs et al. 2019, arXiv:1805.05751, section 3",
        "Three critical points, two of them stable, one of those a local saddle.",
        stable_points_that_are_no_saddles,
    ),
    Result(
        "S04",
        "Wang, Zhang, Ba 2020, arXiv:1910.07512; Jin, Netrapalli, Jordan 2020, arXiv:1902.00618",
        "Quadratics on which two time scales need a ratio above, or below, a threshold.",
        finite_time_scales,
    ),
    Result(
        "S07",
        "Fiez, Chasnov, Ratliff 2020, arXiv:1906.01217, proposition 1",
        "The Stackelberg gradient is a total derivative; zero-sum, its Jacobian is block triangular.",
        implicit_leader,
    ),
    Result(
        "S10",
        "Wang, Zhang, Ba 2020, arXiv:1910.07512, theorem 1",
        "Following the ridge has the spectrum of the Schur complement and of the follower's block.",
        ridge,
    ),
    Result(
        "S14",
        "Foerster et al. 2018, arXiv:1709.04326; Letcher et al. 2019, arXiv:1811.08469",
        "On bxy LookAhead has alpha b^2 +- i b, LOLA 2 alpha b^2 +- i b.",
        shaping,
    ),
)
