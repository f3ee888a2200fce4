"""Matrix games, populations, and reinforcement learning in closed form."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bilevel.analysis import equilibria, stability
from bilevel.game import Game, maximize, minimize
from bilevel.language import stop_gradient
from bilevel.language.constrained import best_density
from bilevel.language.coordinate_laws import Normal
from bilevel.language.mean import mean
from bilevel.models import LinearCritic, key, w_to_two_w
from bilevel.rules import flow, simultaneous
from bilevel.system import flow_of
from tests.published.claims import Check, Q, Result, holds, matrix_of, region, same, spectrum
from tests.published.dirac import F1, dirac, slope_penalty
from tests.published.every_size import every_size


def gradient_ascent_on_bimatrix_games() -> Iterator[Check]:
    R, C = (sp.Matrix(2, 2, sp.symbols(f"{letter}11 {letter}12 {letter}21 {letter}22", real=True)) for letter in "rc")
    alpha, beta = sp.symbols("alpha beta", real=True)
    p, q = sp.Matrix([alpha, 1 - alpha]), sp.Matrix([beta, 1 - beta])
    game = lambda R, C: Game(row=maximize((p.T * R * q)[0], alpha), column=maximize((p.T * C * q)[0], beta))
    total = lambda M: M[0, 0] + M[1, 1] - M[0, 1] - M[1, 0]
    u, v = total(R), total(C)
    found = next(point.point for point in equilibria(game(R, C)).points if not point.free)
    yield same("centre: alpha", found[alpha], (C[1, 1] - C[1, 0]) / v)
    yield same("centre: beta", found[beta], (R[1, 1] - R[0, 1]) / u)
    jacobian = -game(R, C).jacobian()
    yield same("Jacobian [[0, u], [u', 0]]", sp.Matrix(jacobian).expand(), sp.Matrix([[0, u], [v, 0]]))
    yield spectrum("eigenvalues +-sqrt(u u')", sp.Matrix(jacobian), sp.sqrt(u * v), -sp.sqrt(u * v))
    pennies = sp.Matrix([[1, -1], [-1, 1]])
    at = {alpha: Q(1, 2), beta: Q(1, 2)}
    verdict = stability(game(pennies, -pennies), flow(), at=at)
    yield spectrum("matching pennies: +-4i", verdict.jacobian, 4 * sp.I, -4 * sp.I)
    yield holds("a centre, by linearisation undecided", verdict.verdict == "marginal")


def rock_paper_scissors() -> Iterator[Check]:
    w, l = sp.symbols("w l", positive=True)
    a, b = sp.symbols("a b", real=True)
    A = sp.Matrix([[0, -l, w], [w, 0, -l], [-l, w, 0]])
    x = sp.Matrix([a, b, 1 - a - b])
    fitness = A * x
    average = (x.T * fitness)[0]
    system = flow_of({a: a * (fitness[0] - average), b: b * (fitness[1] - average)})
    third = {a: Q(1, 3), b: Q(1, 3)}
    verdict = stability(system, flow(), at=third)
    turn = sp.I * sp.sqrt(3) * (w + l) / 6
    yield spectrum("eigenvalues (l-w)/6 +- i sqrt 3 (w+l)/6", verdict.jacobian, (l - w) / 6 + turn, (l - w) / 6 - turn)
    yield region("stable iff w > l", verdict, w > l, on=[{w: 1, l: 1}, {w: Q(2, 7), l: Q(2, 7)}])


def exact_gaussian_gradient() -> Iterator[Check]:
    theta, e = sp.symbols("theta e", real=True)
    sigma = sp.Symbol("sigma", positive=True)
    coefficients = sp.symbols("q0:6", real=True)
    reward = lambda a: sum(c * a**k for k, c in enumerate(coefficients))
    cubic = lambda a: sum(c * a**k for k, c in enumerate(coefficients[:4]))
    policy = {e: Normal(0, 1)}
    average = lambda body: mean(sp.expand(body), policy)
    pathwise = lambda r: -Game(actor=maximize(average(r(theta + sigma * e)), theta)).field()[theta]
    score = lambda r: average(r(theta + sigma * e) * e / sigma)  # the log-density's slope is (a - theta)/sigma^2
    slope = sp.diff(cubic(theta), theta)
    yield same(
        "cubic reward: Q' + 3 q3 sigma^2, exactly",
        sp.expand(pathwise(cubic)),
        sp.expand(slope + 3 * coefficients[3] * sigma**2),
    )
    yield same("the score-function road agrees", sp.expand(score(reward)), sp.expand(pathwise(reward)))
    yield same(
        "as sigma goes to 0, Q'", sp.expand(pathwise(reward)).subs(sigma, 0), sp.expand(sp.diff(reward(theta), theta))
    )
    yield from every_size(17)


def divergence_of_semi_gradients() -> Iterator[Check]:
    w = sp.Symbol("w", real=True)
    alpha, gamma = sp.symbols("alpha gamma", positive=True)
    learner = Game(critic=minimize((stop_gradient(gamma * 2 * w) - w) ** 2 / 2, w))
    found = matrix_of(learner, simultaneous(alpha))
    yield same("w becomes w (1 + alpha (2 gamma - 1))", found[0], 1 + alpha * (2 * gamma - 1))
    catalogue = matrix_of(w_to_two_w(), simultaneous(alpha))
    yield same("the catalogue's one transition, from its chain", catalogue[0], 1 + alpha * (2 * gamma - 1))
    verdict = stability(learner, simultaneous(alpha), at={w: 0})
    yield region(
        "for steps below 2 it converges iff gamma < 1/2",
        verdict,
        gamma < Q(1, 2),
        assuming=(alpha < 2,),
        on=[{gamma: Q(1, 2), alpha: 1}, {gamma: Q(1, 2), alpha: Q(1, 9)}],
    )


def saddle_point_td() -> Iterator[Check]:
    P12, P21 = Q(1, 3), Q(1, 5)
    A = sp.Matrix(2, 2, lambda i, j: sp.Symbol(f"a{i + 1}{j + 1}", real=True))
    m1, m2 = sp.symbols("m1 m2", positive=True)
    k = sp.Symbol("k", real=True)
    M = sp.Matrix([[m1, k * m1], [k * m1, m2 + k**2 * m1]])  # every positive definite matrix is of this form
    b = sp.Matrix(sp.symbols("b1 b2", real=True))
    theta, y = sp.symbols("theta1 theta2", real=True), sp.symbols("y1 y2", real=True)
    residual = b - A * sp.Matrix(theta)
    loss = sp.expand((residual.T * sp.Matrix(y) - sp.Matrix([y]) * M * sp.Matrix(y) / 2)[0])
    game = Game(theta=minimize(loss, *theta), y=maximize(loss, *y))
    field = game.field()
    follower = sp.solve([field[v] for v in y], y, dict=True)[0]
    yield same(
        "max over y: half the squared residual in M^{-1}",
        sp.cancel(loss.subs(follower)),
        sp.cancel((residual.T * M.inv() * residual)[0] / 2),
    )
    yield same("theta follows A^T y", -sp.Matrix([field[v] for v in theta]), (A.T * sp.Matrix(y)).expand())
    centred = Game(game.map_losses(lambda e: e.subs(dict.fromkeys(b, 0))).players)
    verdict = stability(centred, flow(), at=dict.fromkeys((*theta, *y), 0))
    values = {m1: 2, m2: 3, k: Q(1, 2)}
    singular = [values | dict(zip(A, entries, strict=True)) for entries in ((0, 0, 0, 0), (1, 2, 2, 4), (0, 1, 0, -3))]
    yield region("stable wherever A is nonsingular, marginal where it is not", verdict, sp.true, on=singular, points=16)
    a, m = sp.symbols("a m", positive=True)
    t, z = sp.symbols("t z", real=True)
    scalar = -a * t * z - m * z**2 / 2
    one = Game(generator=minimize(scalar, t), discriminator=maximize(scalar, z))
    root = sp.sqrt(m**2 / 4 - a**2)
    yield spectrum("scalar: -m/2 +- sqrt(m^2/4 - a^2)", matrix_of(one, flow()), -m / 2 + root, -m / 2 - root)
    other = matrix_of(dirac(slope_penalty("R1", m)), flow()).subs(F1, -a)
    yield same("the Dirac-GAN with R1 is the same flow", matrix_of(one, flow()), other)
    made = key(LinearCritic([[1 - P12, P12], [P21, 1 - P21]], [1, 2], sp.eye(2), Q(1, 2)).gtd2())[0]
    td = key(LinearCritic([[1 - P12, P12], [P21, 1 - P21]], [1, 2], sp.eye(2), Q(1, 2)).td())[0]
    yield same("GTD2 of a chain has the blocks -A^T, A", made[:2, 2:] + td.T, sp.zeros(2, 2))
    yield same("and its M is the features' second moment", made[2:, 2:], sp.diag(P21, P12) / (P12 + P21))
    plain = Game(generator=minimize(-a * t * z, t), discriminator=maximize(-a * t * z, z))
    yield holds("M = 0: a centre", stability(plain, flow(), at={t: 0, z: 0}).verdict == "marginal")
    yield from every_size(20)


def soft_values() -> Iterator[Check]:
    q, tau = sp.Symbol("Q", real=True), sp.Symbol("tau", positive=True)
    pi = sp.Symbol("pi", positive=True)
    reply = best_density(pi * q - tau * pi * sp.log(pi), pi, sense="max", pointwise=[q])
    yield same("the best policy is proportional to exp(Q/tau)", reply.shape, sp.exp(q / tau))
    yield same("its value is tau log Z, Z the sum of exp(Q/tau)", reply.optimum, tau * sp.log(reply.normaliser))
    consistency = q - tau * sp.log(reply.value)
    yield same(
        "V = Q - tau log pi for every action", sp.expand_log(consistency, force=True).expand(), sp.expand(reply.optimum)
    )
    gamma = sp.Symbol("gamma", positive=True)
    values = sp.symbols("V1:4", real=True)
    backup = tau * sp.log(sum(sp.exp((sp.Symbol(f"r{k}", real=True) + gamma * v) / tau) for k, v in enumerate(values)))
    slopes = [sp.diff(backup, v) for v in values]
    yield same(
        "the backup's slopes are positive and sum to gamma: a contraction", sp.cancel(sp.together(sum(slopes))), gamma
    )
    yield holds("each is positive", all(s.is_positive for s in slopes))
    yield from every_size(16)


RESULTS = (
    Result(
        "M01",
        "Singh, Kearns, Mansour 2000, UAI",
        "Gradient ascent on 2 x 2 bimatrix games: centre, +-sqrt(u u'), pennies +-4i.",
        gradient_ascent_on_bimatrix_games,
    ),
    Result(
        "M03",
        "Weissing 1991",
        "Rock-paper-scissors replicator: (l-w)/6 +- i sqrt 3 (w+l)/6, stable iff w > l.",
        rock_paper_scissors,
    ),
    Result(
        "R07",
        "Silver et al. 2014, ICML, theorem 2",
        "A Gaussian policy's gradient tends to Q'; for a cubic it is Q' + 3 q3 sigma^2.",
        exact_gaussian_gradient,
    ),
    Result(
        "R11",
        "Sutton and Barto 2018, section 11.2",
        "Semi-gradient TD on w -> 2w: w (1 + alpha(2 gamma - 1)).",
        divergence_of_semi_gradients,
    ),
    Result(
        "R14",
        "Liu et al. 2015, UAI",
        "GTD2 as a saddle point: value, flow, spectrum, equal to the Dirac-GAN with R1.",
        saddle_point_td,
    ),
    Result(
        "R19",
        "Haarnoja et al. 2017, arXiv:1702.08165; Nachum et al. 2017, arXiv:1702.08892",
        "Soft values: softmax policy, tau log sum exp, path consistency, contraction.",
        soft_values,
    ),
)
