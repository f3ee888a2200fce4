"""Published facts about the catalogue's models come out of the models and a rule alone, exactly."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel import models
from bilevel.analysis import stability
from bilevel.language.errors import GameError
from bilevel.rules import alternating, flow, simultaneous

h, s, gamma = sp.symbols("h s gamma", positive=True)
f1, f2 = sp.Symbol("f1", real=True, nonzero=True), sp.Symbol("f2", real=True)


def origin(game, **values):
    """The point at which every variable is zero but those named."""
    return {v: values.get(v.name, 0) for v in game.variables}


def same_spectrum(verdict, expected):
    """The characteristic polynomial of the flow's Jacobian is that of the eigenvalues claimed."""
    z = sp.Symbol("z")
    claimed = sp.prod([z - value for value in expected])
    return sp.expand(sp.expand(verdict.jacobian.charpoly(z).as_expr() - claimed)) == 0


def test_the_dirac_gan_circles():  # D01
    game = models.dirac_gan("unspecified")
    theta, psi = game.variables
    verdict = stability(game, flow(), at=origin(game))
    assert same_spectrum(verdict, [sp.I * f1, -sp.I * f1])
    assert verdict.verdict == "marginal" and verdict.known == "exact"
    field = game.field()
    score = models.score("logistic")
    t = sp.Dummy(real=True)
    slope = sp.diff(score(t), t)
    logistic = models.dirac_gan().field()
    assert logistic[theta] == psi * slope.subs(t, psi * theta) and logistic[psi] == -theta * slope.subs(t, psi * theta)
    assert field[theta].subs(psi, 0) == 0


def test_simultaneous_steps_never_settle():  # D03
    game = models.dirac_gan("unspecified")
    verdict = stability(game, simultaneous(h), at=origin(game))
    assert verdict.verdict == "unstable" and same_spectrum(verdict, [1 + sp.I * h * f1, 1 - sp.I * h * f1])


def test_instance_noise():  # D08
    game = models.dirac_gan("unspecified", noise=s)
    verdict = stability(game, flow(), at=origin(game))
    root = sp.sqrt(f2**2 * s**2 - f1**2)
    assert same_spectrum(verdict, [f2 * s + root, f2 * s - root])
    assert verdict.condition == (f2 < 0)


@pytest.mark.parametrize(("penalty", "weight"), [("R1", gamma), ("R2", gamma), ("both", 2 * gamma)])
def test_penalties(penalty, weight):  # D09, and G10 for both at once
    game = models.dirac_gan("unspecified", penalty)
    verdict = stability(game, flow(), at=origin(game))
    root = sp.sqrt(weight**2 / 4 - f1**2)
    assert verdict.verdict == "stable" and same_spectrum(verdict, [-weight / 2 + root, -weight / 2 - root])


def test_penalised_alternating_steps():  # D10
    game = models.dirac_gan(penalty="R1")
    verdict = stability(game, alternating(h), at=origin(game))
    for g, step, stable in [("1", "16/10", True), ("1", "17/10", False), ("1/10", "3", True)]:
        g, step = sp.Rational(g), sp.Rational(step)
        assert bool(verdict.condition.subs({gamma: g, h: step})) is stable
        assert stable == (step**2 / 4 + 2 * step * g < 4)


def test_one_sided_penalty_does_not_act_at_the_equilibrium():
    game = models.dirac_gan("wasserstein", "one-sided gradient penalty")
    assert same_spectrum(stability(game, flow(), at=origin(game)), [sp.I, -sp.I])


@pytest.mark.parametrize("penalty", ["WGAN-GP", "gradient penalty"])
def test_the_kinked_penalty_is_refused(penalty):  # D07
    with pytest.raises(GameError, match="kink"):
        models.dirac_gan("wasserstein", penalty)


def test_linear_quadratic_gan():  # D15
    game = models.linear_quadratic_gan("unspecified")
    verdict = stability(game, flow(), at=origin(game))
    root = sp.sqrt(f2**2 * s**2 - f1**2)
    assert same_spectrum(verdict, [6 * f2 * s**2, f2 * s + root, f2 * s - root])
    assert verdict.condition == (f2 < 0)


def test_gaussian_gan_agrees_with_the_linear_discriminator_with_bias():
    """Two roads to one Jacobian: the instantiated general GAN, and Gaussian moments by hand."""
    game, mu = models.gaussian_gan(), sp.Symbol("mu", real=True)
    verdict = stability(game, flow(), at=origin(game, theta=mu))
    half = sp.Rational(1, 2)
    assert verdict.jacobian == sp.Matrix([[-half, -mu / 2, 0], [-mu / 2, -(1 + mu**2) / 2, -half], [0, half, 0]])
    assert verdict.verdict == "stable"


def test_stable_but_no_minimax():  # S01
    game = models.stable_not_minimax()
    verdict = stability(game, flow(), at=origin(game))
    assert verdict.verdict == "stable"
    assert (verdict.jacobian.trace(), verdict.jacobian.det()) == (-sp.Rational(3, 4), sp.Rational(11, 100))


def test_three_critical_points():  # S02
    game, r = models.adolphs_game(), sp.sqrt(2)
    x, y = game.variables
    found = [stability(game, flow(), at={x: a, y: b}).verdict for a, b in [(0, 0), (-2 - r, 2 + r), (-2 + r, 2 - r)]]
    assert found == ["stable", "stable", "unstable"]


@pytest.mark.parametrize(
    ("game", "bound", "below"),
    [
        (models.wang_g1(), 3, False),
        (models.jin_quadratic(), 2 / sp.Symbol("epsilon", positive=True), False),
        (models.jin_quadratic(minimax=False), 2 / sp.Symbol("epsilon", positive=True), True),
    ],
)
def test_ratio_of_speeds(game, bound, below):  # S04
    ratio = sp.Symbol("tau", positive=True)
    verdict = stability(game, flow({"first": 1, "second": ratio}), at=origin(game))
    fixed = {p: sp.Rational(1, 2) for p in game.parameters}
    limit = sp.sympify(bound).subs(fixed)
    for value in (limit * sp.Rational(9, 10), limit * sp.Rational(11, 10)):
        assert bool(verdict.condition.subs({**fixed, ratio: value})) is (bool(value < limit) is below)


def test_two_by_two_games():  # M01
    game = models.bimatrix_game()
    alpha, beta = game.variables
    r11, r12, r21, r22 = sp.symbols("r11 r12 r21 r22", real=True)
    c11, c12, c21, c22 = sp.symbols("c11 c12 c21 c22", real=True)
    u, v = r11 + r22 - r12 - r21, c11 + c22 - c12 - c21
    centre = {alpha: (c22 - c21) / v, beta: (r22 - r12) / u}
    assert all(sp.simplify(slope.subs(centre)) == 0 for slope in game.field().values())
    assert (-game.jacobian() - sp.Matrix([[0, u], [v, 0]])).expand() == sp.zeros(2)
    pennies = models.matching_pennies()
    verdict = stability(pennies, flow(), at=dict.fromkeys(pennies.variables, sp.Rational(1, 2)))
    assert same_spectrum(verdict, [4 * sp.I, -4 * sp.I])


def test_rock_paper_scissors():  # M03
    system = models.rock_paper_scissors()
    w, l = sp.symbols("w l", positive=True)
    verdict = stability(system, at=dict.fromkeys(system.variables, sp.Rational(1, 3)))
    root = sp.I * sp.sqrt(3) * (w + l) / 6
    assert same_spectrum(verdict, [(l - w) / 6 + root, (l - w) / 6 - root])
    for win, loss, stable in [(2, 1, True), (1, 2, False), (1, 1, False)]:
        assert bool(verdict.condition.subs({w: win, l: loss})) is stable


def test_duopolies():  # H08
    a, b, c = sp.symbols("a b c", positive=True)
    cournot, stackelberg = models.cournot_duopoly(), models.stackelberg_duopoly()
    q = sp.solve(list(cournot.field().values()), cournot.variables)
    assert [sp.factor(player.loss.subs(q)) for player in cournot.players.values()] == [(a - c) ** 2 / (9 * b)] * 2
    q = sp.solve(list(stackelberg.field().values()), stackelberg.variables)
    assert list(q.values()) == [(a - c) / (2 * b), (a - c) / (4 * b)]
    profits = [sp.factor(player.loss.subs(q)) for player in stackelberg.players.values()]
    assert profits == [(a - c) ** 2 / (8 * b), (a - c) ** 2 / (16 * b)]
    assert stability(stackelberg, flow(), at=q).verdict == "stable"


def test_gradient_temporal_differences_are_a_penalised_dirac_gan():  # R14
    game = models.linear_saddle(b=0)
    a, m = sp.symbols("a m", positive=True)
    root = sp.sqrt(m**2 / 4 - a**2)
    verdict = stability(game, flow(), at=origin(game))
    assert verdict.verdict == "stable" and same_spectrum(verdict, [-m / 2 + root, -m / 2 - root])


def test_riccati_gain_is_where_the_policy_gradient_vanishes():
    game = models.linear_quadratic_regulator()
    (k,) = game.variables
    a, b, q, r = game.parameters
    P = sp.Symbol("P", positive=True)
    gain = a * b * P / (r + b**2 * P)  # the optimal gain when P solves the Riccati equation
    riccati = sp.together(q + a**2 * P - a**2 * b**2 * P**2 / (r + b**2 * P) - P).as_numer_denom()[0]
    slope = sp.together(game.field()[k].subs(k, gain)).as_numer_denom()[0]
    assert sp.rem(sp.expand(slope), sp.expand(riccati), P) == 0
