"""Published spectra: game and rule go in, the paper's polynomial or eigenvalues are compared with what comes out."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from tests.rules.examples import Q, origin, random_game

x, y, theta, psi = sp.symbols("x y theta psi", real=True)
h, sigma = sp.symbols("eta sigma", positive=True)
w, lam = sp.symbols("w lambda")
BILINEAR = Game(x_player=minimize(sigma * x * y, x), y_player=maximize(sigma * x * y, y))
f1, f2, c = sp.symbols("f1 f2 c", real=True)
# f known to second order at 0: f(t) = f(0) + f1 t + f2 t^2/2.
DIRAC_LOSS = f1 * psi * theta + f2 * (psi * theta) ** 2 / 2 + 2 * c
DIRAC = Game(generator=minimize(DIRAC_LOSS, theta), discriminator=maximize(DIRAC_LOSS, psi))


def polynomial(game: Game, rule: Any) -> sp.Expr:
    """det(w I - M) of a rule at the origin, without factors of w."""
    found = R.linearise(game, rule, origin(game)).matrix
    return sp.factor((w * sp.eye(found.rows) - found).det(method="berkowitz"))


def same(a: Any, b: Any) -> bool:
    return sp.cancel(sp.expand(a - b)) == 0


def from_roots(*roots: Any) -> sp.Expr:
    return sp.expand(sp.Mul(*(w - root for root in roots)))


def scalar_map(rule: Any) -> sp.Expr:
    """det(w I - M) for one player with F' = lambda."""
    slope = sp.Symbol("slope", positive=True)
    game = Game(only=minimize(slope * x**2 / 2, x))
    return polynomial(game, rule).subs(slope, lam)


def test_z01_simultaneous():
    assert same(polynomial(BILINEAR, R.simultaneous(h)), from_roots(1 + sp.I * h * sigma, 1 - sp.I * h * sigma))


def test_z02_alternating():
    assert same(polynomial(BILINEAR, R.alternating(h)), (w - 1) ** 2 + h**2 * sigma**2 * w)


def test_z04_heavy_ball_on_any_eigenvalue():
    beta = sp.Symbol("beta", real=True)
    trace = 1 - h * lam + beta
    root = sp.sqrt(1 - 4 * beta / trace**2)
    assert same(scalar_map(R.heavy_ball(h, beta)), from_roots(trace * (1 + root) / 2, trace * (1 - root) / 2))


def test_z08_alternating_heavy_ball():
    b1, b2 = sp.symbols("beta1 beta2", real=True)
    e1, e2 = sp.symbols("eta1 eta2", positive=True)
    rule = R.heavy_ball({"x_player": e1, "y_player": e2}, {"x_player": b1, "y_player": b2}, alternating=True)
    assert same(polynomial(BILINEAR, rule), (w - 1) ** 2 * (w - b1) * (w - b2) + e1 * e2 * sigma**2 * w**3)


def test_z10_generalised_extragradient():
    a1, a2, g1, g2 = sp.symbols("alpha1 alpha2 gamma1 gamma2", positive=True)
    rule = R.extragradient({"x_player": a1, "y_player": a2}, {"x_player": g1, "y_player": g2})
    b1, b2 = a2 * g1, a1 * g2
    # The paper's three conditions are Jury's for w^2 - T w + D.
    trace = 2 - (b1 + b2) * sigma**2
    determinant = 1 - (b1 + b2) * sigma**2 + (a1 * a2 + b1 * b2 * sigma**2) * sigma**2
    assert same(polynomial(BILINEAR, rule), w**2 - trace * w + determinant)


def test_z13_optimistic():
    found = polynomial(BILINEAR, R.optimistic(h))
    assert same(found, w**2 * (w - 1) ** 2 + h**2 * sigma**2 * (2 * w - 1) ** 2)
    rho_squared = (1 + sp.sqrt(1 - 4 * h**2 * sigma**2)) / 2
    # Factors over i: w^2 - w + i s (2w - 1), s = eta sigma; its largest root has |w|^2 = rho^2 as the paper says.
    s = Q(3, 10)
    roots = sp.Poly(found.subs({h: s, sigma: 1}), w).nroots(n=30)
    assert abs(max(abs(root) ** 2 for root in roots) - rho_squared.subs({h: s, sigma: 1})) < 1e-20


def test_z15_extragradient_on_any_eigenvalue():
    assert same(scalar_map(R.extragradient(h)), w - (1 - h * lam + h**2 * lam**2))
    found = R.linearise(BILINEAR, R.extragradient(h), {x: 0, y: 0}).matrix
    assert same(found.det(), 1 - h**2 * sigma**2 + h**4 * sigma**4)


def test_z17_proximal_point_and_its_approximations():
    assert same(scalar_map(R.proximal_point(h)), w - 1 / (1 + h * lam))
    gap = (1 - h * lam + h**2 * lam**2) - 1 / (1 + h * lam)
    assert sp.series(gap, h, 0, 4).removeO() == h**3 * lam**3
    # The optimistic rule's principal root: w^2 - (1 - 2 eta lambda) w - eta lambda = 0 agrees with it to second order.
    assert same(scalar_map(R.optimistic(h)), w**2 - (1 - 2 * h * lam) * w - h * lam)
    principal = (1 - 2 * h * lam + sp.sqrt(1 + 4 * h**2 * lam**2)) / 2
    assert sp.series(principal - 1 / (1 + h * lam), h, 0, 3).removeO() == 0


def test_z18_past_extragradient_is_optimistic_in_its_waypoints():
    # On a nonlinear game: run the two printed updates in exact arithmetic and compare waypoints.
    game = random_game((1, 1), 5)
    step = Q(1, 50)
    popov, optimistic = R.derive(game, R.past_extragradient(step)), R.derive(game, R.optimistic(step))
    z, waypoint = (Q(1, 3), Q(-1, 2)), (Q(1, 5), Q(1, 4))
    seen = [waypoint]
    for _ in range(4):
        at = dict(zip([*game.variables, *memory_symbols(popov, "waypoint")], [*z, *waypoint]))
        z, waypoint = state(popov, at)
        seen.append(waypoint)
    for before, now, after in zip(seen, seen[1:], seen[2:]):
        at = dict(zip([*game.variables, *memory_symbols(optimistic, "previous")], [*now, *before]))
        assert state(optimistic, at)[0] == after


def memory_symbols(update: Any, part: str) -> list[Any]:
    return [sp.Symbol(f"{v}_{part}", real=True) for v in update.game.variables]


def state(update: Any, at: dict[Any, Any]) -> tuple[tuple[Any, ...], ...]:
    values = dict(at)
    for line in update.assignments:
        values[line.target] = line.value.subs(values)
    parts = [update.after, *update.memory_after.values()]
    return tuple(tuple(sp.sympify(value).subs(values) for value in part.values()) for part in parts)


def test_z20_symplectic_gradient_adjustment():
    weight = sp.Symbol("weight", positive=True)
    unit = Game(x_player=minimize(x * y, x), y_player=maximize(x * y, y))
    field = from_roots(weight + sp.I, weight - sp.I)
    assert same(polynomial(unit, R.continuous(R.symplectic(h, weight))), field.subs(w, -w))
    weak = Game(x_player=minimize(x**2 / 2 + 10 * x * y, x), y_player=minimize(y**2 / 2 - 10 * x * y, y))
    assert same(polynomial(weak, R.flow()), from_roots(-1 - 10 * sp.I, -1 + 10 * sp.I))
    roots = [-(1 + 100 * weight + s * sp.I * (10 - 10 * weight)) for s in (1, -1)]
    assert same(polynomial(weak, R.continuous(R.symplectic(h, weight))), from_roots(*roots))


def test_z22_competitive_gradient_descent():
    alpha = sp.Symbol("alpha", real=True)
    game = BILINEAR.map_losses(lambda loss: loss.subs(sigma, alpha))
    competitive, proximal = (
        R.linearise(game, rule(h), {x: 0, y: 0}).matrix for rule in (R.competitive, R.proximal_point)
    )
    assert (competitive - proximal).applyfunc(sp.cancel) == sp.zeros(2)
    spectrum = from_roots(1 / (1 + sp.I * h * alpha), 1 / (1 - sp.I * h * alpha))
    assert same(polynomial(game, R.competitive(h)), spectrum)
    f = sp.Function("f")(x, y)
    update = R.derive(Game(x_player=minimize(f, x), y_player=maximize(f, y)), R.competitive(h)).composed()
    fx, fy, fxy = f.diff(x), f.diff(y), f.diff(x, y)
    assert same((update[x] - x).subs(f.diff(y, x), fxy), -h * (fx + h * fxy * fy) / (1 + h**2 * fxy**2))
    assert same((update[y] - y).subs(f.diff(y, x), fxy), h * (fy - h * fxy * fx) / (1 + h**2 * fxy**2))


def test_z23_lead():
    alpha, beta = sp.symbols("alpha beta", real=True)
    trace = lambda l: 1 + beta - (h + alpha) * l
    quadratic = lambda l: w**2 - trace(l) * w + beta - alpha * l
    expected = sp.expand(quadratic(sp.I * sigma) * quadratic(-sp.I * sigma))
    assert same(polynomial(BILINEAR, R.lead(h, alpha, beta)), expected)
    assert R.linearise(BILINEAR, R.lead(h, h), {x: 0, y: 0}) == R.linearise(BILINEAR, R.optimistic(h), {x: 0, y: 0})


def test_d03_dirac_simultaneous():
    assert same(polynomial(DIRAC, R.simultaneous(h)), from_roots(1 + sp.I * h * f1, 1 - sp.I * h * f1))


@pytest.mark.parametrize("generator, critic", [(1, 1), (1, 3), (2, 3)])
def test_d04_dirac_alternating(generator: int, critic: int):
    rule = R.alternating(h, repeats={"generator": generator, "discriminator": critic})
    alpha_squared = generator * critic * h**2 * f1**2
    root = sp.sqrt((1 - alpha_squared / 2) ** 2 - 1)
    assert same(polynomial(DIRAC, rule), from_roots(1 - alpha_squared / 2 + root, 1 - alpha_squared / 2 - root))


def test_d11_dirac_consensus_flow():
    weight = sp.Symbol("gamma", positive=True)
    found = polynomial(DIRAC, R.continuous(R.consensus(1, weight)))
    assert same(found, from_roots(*(-weight * f1**2 + s * sp.I * f1 for s in (1, -1))))


def test_d13_consensus_on_any_game():
    weight = sp.Symbol("gamma", positive=True)
    game = random_game((1, 2), 11)
    A = -game.jacobian().subs(origin(game))
    found = R.linearise(game, R.continuous(R.consensus(1, weight)), origin(game)).matrix
    assert sp.expand(found - (A - weight * A.T * A)) == sp.zeros(3)


def test_d17_nagarajan_kolter_penalty():
    weight = sp.Symbol("eta_", positive=True)
    game = Game(generator=minimize(x * y, x), critic=maximize(x * y, y))  # the Dirac-WGAN
    rule = R.continuous(R.jare(1, {"generator": 2 * weight, "critic": 0}))
    roots = [-weight + s * sp.sqrt(weight**2 - 1) for s in (1, -1)]
    assert same(polynomial(game, rule), from_roots(*roots))


@pytest.mark.parametrize(
    "f, expected", [(-3 * x**2 - y**2 + 4 * x * y, (2, 2)), (3 * x**2 + y**2 + 4 * x * y, (-2, -2))]
)
def test_s10_follow_the_ridge(f: Any, expected: tuple[int, int]):
    ex, ey = sp.symbols("eta_x eta_y", positive=True)
    cubic = f + 5 * x**3 - x**2 * y + 7 * x * y**2 + y**3
    game = Game(leader=minimize(cubic, x), follower=maximize(cubic, y))
    rule = R.follow_the_ridge({"leader": ex, "follower": ey})
    assert same(polynomial(game, rule), from_roots(1 - expected[0] * ex, 1 - expected[1] * ey))


def test_s10_follow_the_ridge_has_the_schur_complement_spectrum():
    a, b, d = sp.symbols("f_xx f_xy f_yy", real=True, nonzero=True)
    ex, ey = sp.symbols("eta_x eta_y", positive=True)
    f = a * x**2 / 2 + b * x * y + d * y**2 / 2
    rule = R.follow_the_ridge({"leader": ex, "follower": ey})
    found = polynomial(Game(leader=minimize(f, x), follower=maximize(f, y)), rule)
    assert same(found, from_roots(1 - ex * (a - b**2 / d), 1 + ey * d))


def test_s14_look_ahead_and_lola():
    b, alpha = sp.symbols("b alpha", real=True)
    game = BILINEAR.map_losses(lambda loss: loss.subs(sigma, b))
    ahead = [-(alpha * b**2 + s * sp.I * b) for s in (1, -1)]
    assert same(polynomial(game, R.continuous(R.look_ahead(1, alpha))), from_roots(*ahead))
    assert same(polynomial(game, R.continuous(R.symplectic(1, alpha))), from_roots(*ahead))
    shaped = [-(2 * alpha * b**2 + s * sp.I * b) for s in (1, -1)]
    assert same(polynomial(game, R.continuous(R.lola(1, alpha))), from_roots(*shaped))


def test_s04_time_scales():
    ratio = sp.Symbol("gamma", positive=True)
    f = -3 * x**2 - y**2 + 4 * x * y
    game = Game(a=minimize(f, x), b=maximize(f, y))
    # Trace 6 - 2 gamma, determinant 4 gamma of the flow: stable iff gamma > 3.
    found = polynomial(game, R.continuous(R.two_time_scale(h, ratio)))
    assert same(found, w**2 - (6 - 2 * ratio) * w + 4 * ratio)


def test_s07_stackelberg():
    a, b, d = sp.symbols("f_xx f_xy f_yy", real=True, nonzero=True)
    f = a * x**2 / 2 + b * x * y + d * y**2 / 2
    found = polynomial(Game(leader=minimize(f, x), follower=maximize(f, y)), R.continuous(R.stackelberg(h)))
    assert same(found, from_roots(-(a - b**2 / d), d))
