"""Algorithms on zero-sum games that look ahead, look back or adjust the field: optimism, proximal point and kin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from bilevel.analysis import stability
from bilevel.game import Game, maximize, minimize
from bilevel.rules import (
    competitive,
    continuous,
    derive,
    extragradient,
    flow,
    lead,
    linearise,
    optimistic,
    past_extragradient,
    proximal_point,
    symplectic,
)
from bilevel.system import flow_of
from tests.published.claims import (
    Check,
    Q,
    Result,
    W,
    holds,
    is_zero,
    matrix_of,
    polynomial,
    radius_is,
    region,
    same,
    spectrum,
)
from tests.published.zero_sum import BILINEAR, LAM, ORIGIN, UNIT, eigenvalue_by_eigenvalue, eta, sigma, x, y

i = sp.I


def optimistic_descent() -> Iterator[Check]:
    s = sp.Symbol("s", positive=True)
    verdict = stability(BILINEAR, optimistic(eta), at=ORIGIN)
    yield region("stable iff eta sigma < 1/sqrt 3", verdict, sp.sqrt(3) * eta * sigma < 1)
    edge = stability(UNIT, optimistic(1 / sp.sqrt(3)), at=ORIGIN)
    yield holds("marginal at 1/sqrt 3", edge.verdict == "marginal" and edge.known == "exact")
    # eta sigma = t/(1+t^2) makes sqrt(1 - 4 eta^2 sigma^2) = (1-t^2)/(1+t^2); t = 2u/(1-u^2) makes rho rational too.
    u = sp.Symbol("u", positive=True)
    t = 2 * u / (1 - u**2)
    step = sp.cancel(t / (1 + t**2))
    rho = (1 - u**2) / (1 + u**2)
    yield same("the claimed rho in these letters", sp.cancel(rho**2), sp.cancel((1 + (1 - t**2) / (1 + t**2)) / 2))
    yield radius_is(
        "rho^2 = (1 + sqrt(1 - 4 eta^2 sigma^2))/2 for eta sigma <= 1/2",
        matrix_of(UNIT, optimistic(step)),
        rho,
        u > 0,
        u**2 + 2 * u <= 1,
    )
    del s


def extragradient_descent() -> Iterator[Check]:
    yield eigenvalue_by_eigenvalue(
        "any game: 1 - eta l + eta^2 l^2", extragradient(eta), W - (1 - eta * LAM + eta**2 * LAM**2)
    )
    found = matrix_of(BILINEAR, extragradient(eta))
    s = eta**2 * sigma**2
    yield spectrum(
        "bilinear: 1 - s^2 +- i s, a conjugate pair", found, 1 - s + i * eta * sigma, 1 - s - i * eta * sigma
    )
    yield same("rho^2 = 1 - eta^2 sigma^2 + eta^4 sigma^4", found.det(), 1 - s + s**2)
    edge = [{eta: 1, sigma: 1}, {eta: Q(1, 2), sigma: 2}, {eta: 3, sigma: Q(1, 3)}]
    yield region(
        "stable iff eta sigma < 1", stability(BILINEAR, extragradient(eta), at=ORIGIN), eta * sigma < 1, on=edge
    )
    squared = found.det().subs(sigma, 1)
    best = [v for v in sp.solve(sp.diff(squared, eta), eta) if v > 0]
    yield holds(
        "best at eta sigma = 1/sqrt 2, where rho^2 = 3/4",
        best == [sp.sqrt(2) / 2] and squared.subs(eta, best[0]) == Q(3, 4),
    )


def proximal_and_its_shadows() -> Iterator[Check]:
    yield eigenvalue_by_eigenvalue(
        "any game: proximal point 1/(1 + eta l)", proximal_point(eta), W * (1 + eta * LAM) - 1
    )
    found = matrix_of(BILINEAR, proximal_point(eta)).applyfunc(sp.cancel)
    yield spectrum("bilinear", found, 1 / (1 + i * eta * sigma), 1 / (1 - i * eta * sigma))
    yield same("rho^2 = 1/(1 + eta^2 sigma^2)", found.det(), 1 / (1 + eta**2 * sigma**2))
    slope = sp.Symbol("slope", positive=True)
    one = Game(only=minimize(slope * x**2 / 2, x))
    extra, near = (linearise(one, rule(eta), {x: 0}).matrix[0] for rule in (extragradient, proximal_point))
    yield same(
        "extragradient less proximal point = eta^3 l^3 + ...",
        sp.series(extra - near, eta, 0, 4).removeO(),
        eta**3 * slope**3,
    )
    pair = sp.Poly(polynomial(linearise(one, optimistic(eta), {x: 0}).matrix), W)
    # The root with value 1 at eta = 0, by Newton's iteration on power series.
    root: Any = sp.S.One
    for _ in range(2):
        root = sp.series(root - pair.eval(root) / pair.diff(W).eval(root), eta, 0, 4).removeO()
    yield same("the optimistic principal root agrees up to eta^2", sp.series(root - near, eta, 0, 3).removeO(), 0)
    yield holds("and not further", sp.series(root - near, eta, 0, 4).removeO() != 0)


def popov_is_optimistic() -> Iterator[Check]:
    fields = [sp.Function(name) for name in ("F1", "F2")]
    system = flow_of({v: -F(x, y) for v, F in zip((x, y), fields, strict=True)})  # nothing is known of the field
    popov, optimism = derive(system, past_extragradient(eta)), derive(system, optimistic(eta))
    first = popov.composed()
    waypoint = [sp.Symbol(f"{v}_waypoint", real=True) for v in (x, y)]
    through = _memory(popov, "waypoint")
    # Two steps of Popov's method; its waypoints are compared with one step of the optimistic rule.
    once = dict(zip((x, y), (first[v] for v in (x, y)), strict=True)) | dict(zip(waypoint, through, strict=True))
    second = [w.subs(once, simultaneous=True) for w in through]
    previous = [sp.Symbol(f"{v}_previous", real=True) for v in (x, y)]
    put = dict(zip((x, y), through, strict=True)) | dict(zip(previous, waypoint, strict=True))
    step = optimism.composed()
    for v, found in zip((x, y), second, strict=True):
        yield same(f"the next waypoint of {v}", found, step[v].subs(put, simultaneous=True))


def _memory(update: Any, part: str) -> list[Any]:
    """What a rule remembers after one step, in terms of its state."""
    values = [sp.sympify(v) for v in update.memory_after[part].values()]
    for line in reversed(update.assignments):
        values = [v.subs(line.target, line.value) for v in values]
    return values


def symplectic_adjustment() -> Iterator[Check]:
    weight = sp.Symbol("lambda", positive=True)
    h = sp.Symbol("eta", positive=True)
    rule = symplectic(h, weight)
    yield spectrum("xy: the adjusted field has l +- i", -matrix_of(UNIT, continuous(rule)), weight + i, weight - i)
    edge = [{weight: 1, h: 1}, {weight: 2, h: Q(4, 5)}, {weight: Q(1, 2), h: Q(4, 5)}]
    yield region(
        "stable iff eta < 2 l/(1 + l^2)", stability(UNIT, rule, at=ORIGIN), h * (1 + weight**2) < 2 * weight, on=edge
    )
    weak = Game(x_player=minimize(x**2 / 2 + 10 * x * y, x), y_player=minimize(y**2 / 2 - 10 * x * y, y))
    yield same("weak attractor: S = I", weak.symmetric_part(), sp.eye(2))
    yield same("and A", weak.antisymmetric_part(), sp.Matrix([[0, 10], [-10, 0]]))
    yield spectrum("without adjustment 1 +- 10 i", -matrix_of(weak, flow()), 1 + 10 * i, 1 - 10 * i)
    turn = i * (10 - 10 * weight)
    yield spectrum(
        "with it 1 + 100 l +- i (10 - 10 l)",
        -matrix_of(weak, continuous(rule)),
        1 + 100 * weight + turn,
        1 + 100 * weight - turn,
    )


def competitive_descent() -> Iterator[Check]:
    f = sp.Function("f")(x, y)
    update = derive(Game(x_player=minimize(f, x), y_player=maximize(f, y)), competitive(eta)).composed()
    a, b, c = sp.symbols("f_x f_y f_xy", real=True)
    plain = lambda e: e.doit().subs({f.diff(x, y): c, f.diff(y, x): c}).subs({f.diff(x): a, f.diff(y): b})
    yield same("the step of x", plain(update[x] - x), -eta * (a + eta * c * b) / (1 + eta**2 * c**2))
    yield same("the step of y", plain(update[y] - y), eta * (b - eta * c * a) / (1 + eta**2 * c**2))
    dx, dy = sp.symbols("d_x d_y", real=True)
    model = a * dx + b * dy + c * dx * dy
    nash = sp.solve([sp.diff(model + dx**2 / (2 * eta), dx), sp.diff(model - dy**2 / (2 * eta), dy)], [dx, dy])
    yield same("is the Nash point of the regularised bilinear model", plain(update[x] - x), nash[dx])
    yield same("for y too", plain(update[y] - y), nash[dy])
    alpha = sp.Symbol("alpha", real=True)
    game = BILINEAR.map_losses(lambda loss: loss.subs(sigma, alpha))
    both = [matrix_of(game, rule(eta)).applyfunc(sp.cancel) for rule in (competitive, proximal_point)]
    yield same("on alpha x y it is the proximal point", *both)
    yield spectrum("with 1/(1 +- i eta alpha)", both[0], 1 / (1 + i * eta * alpha), 1 / (1 - i * eta * alpha))


def least_action() -> Iterator[Check]:
    alpha, beta = sp.symbols("alpha beta", real=True)
    roots = []
    for l in (i * sigma, -i * sigma):
        trace = 1 + beta - (eta + alpha) * l
        root = sp.sqrt(trace**2 - 4 * (beta - alpha * l))
        roots += [(trace + root) / 2, (trace - root) / 2]
    yield spectrum("the four eigenvalues", matrix_of(BILINEAR, lead(eta, alpha, beta)), *roots)
    same_rule = is_zero(matrix_of(BILINEAR, lead(eta, eta)) - matrix_of(BILINEAR, optimistic(eta)))
    yield holds("without momentum and with alpha = eta it is the optimistic rule", same_rule)


RESULTS = (
    Result(
        "Z13",
        "Daskalakis et al. 2018, arXiv:1711.00141; Anagnostides and Penna 2020, arXiv:2002.06522",
        "Optimistic descent on a bilinear game: rho in closed form, stable iff eta sigma < 1/sqrt 3.",
        optimistic_descent,
    ),
    Result(
        "Z15",
        "Mokhtari et al. 2020, arXiv:1901.08511; Azizian et al. 2020, arXiv:1906.05945",
        "Extragradient: 1 - eta l + eta^2 l^2; bilinear rate, limit and best step.",
        extragradient_descent,
    ),
    Result(
        "Z17",
        "Mokhtari et al. 2020, arXiv:1901.08511, theorem 2; Liang and Stokes 2019, arXiv:1802.06132",
        "Proximal point: 1/(1 + eta l); extragradient and optimism approximate it.",
        proximal_and_its_shadows,
    ),
    Result(
        "Z18",
        "Popov 1980; Gidel et al. 2019, arXiv:1802.10551; Hsieh et al. 2019, arXiv:1908.08465",
        "The waypoints of past extragradient obey the optimistic rule, on any field.",
        popov_is_optimistic,
    ),
    Result(
        "Z20",
        "Balduzzi et al. 2018, arXiv:1802.05642",
        "Symplectic adjustment of xy and of a weak attractor; its step limit.",
        symplectic_adjustment,
    ),
    Result(
        "Z22",
        "Schaefer and Anandkumar 2019, arXiv:1905.12103",
        "Competitive descent is the Nash point of a regularised bilinear model; on alpha x y the proximal point.",
        competitive_descent,
    ),
    Result(
        "Z23",
        "Hemmat et al. 2023, arXiv:2010.13846, theorem 2",
        "LEAD on a bilinear game: four eigenvalues; a special case is optimism.",
        least_action,
    ),
)
