"""Local dynamics of GAN training: the Dirac-GAN, instance noise, gradient penalties, consensus, a Gaussian GAN."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bilevel.analysis import equilibria, stability
from bilevel.game import Game, maximize, minimize
from bilevel.language.coordinate_laws import Normal
from bilevel.language.errors import BilevelError
from bilevel.language.mean import mean
from bilevel.rules import alternating, consensus, continuous, derive, flow, jare, simultaneous
from bilevel.system import flow_of
from tests.published.claims import Check, Q, Result, holds, matrix_of, polynomial, region, same, spectrum
from tests.published.dirac import F1, F2, dirac, f, psi, slope_penalty, theta

h, gamma = sp.symbols("h gamma", positive=True)
ORIGIN = {theta: 0, psi: 0}
G = sp.Function("f")  # a score of which nothing is known


def dirac_flow() -> Iterator[Check]:
    jacobian = dirac().jacobian().subs(ORIGIN).doit()
    yield same("the field's Jacobian", jacobian, sp.Matrix([[0, F1], [-F1, 0]]))
    yield spectrum("eigenvalues +-i f'(0)", matrix_of(dirac(), flow()), sp.I * F1, -sp.I * F1)
    for name, score in (("logistic", lambda t: -sp.log(1 + sp.exp(-t))), ("Wasserstein", lambda t: t)):
        found = equilibria(dirac(f=score))
        places = [dict(point.point) for point in found.points]
        yield holds(f"{name}: the origin is the only equilibrium", found.complete and places == [ORIGIN])
    verdict = stability(dirac(), flow(), at=ORIGIN)
    yield holds("marginal: a centre", verdict.verdict == "marginal")


def circle() -> Iterator[Check]:
    motion = derive(dirac(f=G), flow()).composed()
    change = 2 * theta * motion[theta] + 2 * psi * motion[psi]
    yield same("theta^2 + psi^2 does not change along the flow, whatever f", change.doit(), 0)


def simultaneous_steps() -> Iterator[Check]:
    yield spectrum(
        "eigenvalues 1 +- i h f'(0)", matrix_of(dirac(), simultaneous(h)), 1 + sp.I * h * F1, 1 - sp.I * h * F1
    )
    yield same("modulus sqrt(1 + h^2 f'(0)^2)", matrix_of(dirac(), simultaneous(h)).det(), 1 + h**2 * F1**2)
    yield holds("unstable for every step", stability(dirac(), simultaneous(h), at=ORIGIN).verdict == "unstable")
    after = derive(dirac(f=G), simultaneous(h)).composed()
    t = sp.Symbol("t")
    slope = G(t).diff(t).subs(t, theta * psi).doit()
    radius = (after[theta] ** 2 + after[psi] ** 2).doit()
    yield same(
        "from every point the squared radius grows by 1 + h^2 f'^2",
        radius.subs(psi * theta, theta * psi),
        (theta**2 + psi**2) * (1 + h**2 * slope**2),
    )


def alternating_steps() -> Iterator[Check]:
    for first, second in ((1, 1), (1, 3), (2, 3)):
        rule = alternating(h, repeats={"generator": first, "discriminator": second})
        alpha = sp.sqrt(first * second) * h * F1
        root = sp.sqrt((1 - alpha**2 / 2) ** 2 - 1)
        text = f"{first} and {second} steps"
        yield spectrum(
            f"{text}: eigenvalues", matrix_of(dirac(), rule), 1 - alpha**2 / 2 + root, 1 - alpha**2 / 2 - root
        )
    rule = alternating(h, repeats={"generator": 1, "discriminator": 4})
    verdict = stability(dirac(), rule, at=ORIGIN)
    yield region(
        "nowhere exponentially stable", verdict, sp.false, on=[{F1: 1, h: 1}, {F1: 2, h: Q(1, 3)}, {F1: -1, h: 1}]
    )
    outside = stability(dirac(), rule, at=ORIGIN).unstable_on
    yield holds(
        "unstable just beyond alpha = 2, not before it",
        outside.subs({F1: 1, h: Q(1001, 1000)}) == sp.true and outside.subs({F1: 1, h: Q(999, 1000)}) == sp.false,
    )
    edge = stability(dirac(f=lambda t: t), alternating(2), at=ORIGIN)
    yield holds(
        "alpha = 2: a Jordan block on the circle, linear growth",
        edge.verdict == "marginal" and "Jordan" in (edge.marginal_why or ""),
    )
    inside = stability(dirac(f=lambda t: t), alternating(Q(19, 10)), at=ORIGIN)
    yield holds(
        "below it the eigenvalues are simple",
        inside.verdict == "marginal" and "Jordan" not in (inside.marginal_why or ""),
    )


def gradient_penalty_with_a_target() -> Iterator[Check]:
    slope = sp.Symbol("g0", positive=True)
    game = dirac(gamma / 2 * (sp.Abs(psi) - slope) ** 2, f=lambda t: t)
    for name, rule in (("simultaneous", simultaneous(h)), ("alternating", alternating(h))):
        move = (derive(game, rule).composed()[psi] - psi).subs(theta, 0).doit()
        for side, sign in (("+", 1), ("-", -1)):
            # Each single step of the critic ends this far away however near it starts, so no number of them converges.
            limit = sp.limit(move, psi, 0, side)
            yield same(f"{name}: the critic's step from psi = 0{side}", limit, sign * h * gamma * slope)
    try:
        verdict = stability(game, simultaneous(h), at=ORIGIN).verdict
    except BilevelError:
        verdict = "refused"
    yield holds("linearising at the kink is not answered with a verdict", verdict in ("refused", "unknown"))


def instance_noise() -> Iterator[Check]:
    variance = sp.Symbol("v", positive=True)  # sigma^2
    e, d = sp.symbols("e d", real=True)
    value = mean(f(psi * (theta + e)), {e: Normal(0, variance)}) + mean(f(-psi * d), {d: Normal(0, variance)})
    game = Game(generator=minimize(value, theta), discriminator=maximize(value, psi))
    found = matrix_of(game, flow())
    root = sp.sqrt(F2**2 * variance**2 - F1**2)
    yield spectrum("eigenvalues f2 s^2 +- sqrt(f2^2 s^4 - f1^2)", found, F2 * variance + root, F2 * variance - root)
    verdict = stability(game, flow(), at=ORIGIN)
    yield region("stable iff f2 < 0", verdict, F2 < 0, on=[{F1: 1, F2: 0, variance: 2}])
    w = sp.Symbol("w")
    gap = sp.discriminant(polynomial(found).expand(), w)
    critical = abs(F1) / abs(F2)
    yield same("eigenvalues meet at s^2 = |f1|/|f2|", gap.subs(variance, critical), 0)


def slope_penalties() -> Iterator[Check]:
    root = sp.sqrt(gamma**2 / 4 - F1**2)
    for name in ("R1", "R2"):
        game = dirac(slope_penalty(name, gamma))
        yield spectrum(
            f"{name}: -g/2 +- sqrt(g^2/4 - f1^2)", matrix_of(game, flow()), -gamma / 2 + root, -gamma / 2 - root
        )
        yield holds(f"{name}: stable for every weight", stability(game, flow(), at=ORIGIN).verdict == "stable")
    w = sp.Symbol("w")
    gap = sp.discriminant(polynomial(matrix_of(game, flow())).expand(), w)
    yield same("eigenvalues meet at g = 2 |f1|", gap.subs(gamma, 2 * abs(F1)), 0)


def penalised_steps() -> Iterator[Check]:
    fast = sp.And(gamma >= 2 * abs(F1), h * (gamma / 2 + sp.sqrt(gamma**2 / 4 - F1**2)) < 2)
    at_once = sp.Or(sp.And(gamma < 2 * abs(F1), h * F1**2 < gamma), fast)
    in_turn = h**2 * F1**2 + 2 * h * gamma < 4
    for name in ("R1", "R2"):
        game = dirac(slope_penalty(name, gamma))
        both, turn = (stability(game, rule(h), at=ORIGIN) for rule in (simultaneous, alternating))
        edge = [{F1: 1, gamma: Q(3, 2), h: Q(3, 2)}, {F1: 1, gamma: Q(5, 2), h: 1}, {F1: 1, gamma: 2, h: 2}]
        yield region(f"{name}, simultaneous", both, at_once, on=edge)
        yield region(
            f"{name}, alternating", turn, in_turn, on=[{F1: 1, gamma: Q(3, 2), h: 1}, {F1: 2, gamma: 3, h: Q(1, 2)}]
        )


def consensus_on_dirac() -> Iterator[Check]:
    found = matrix_of(dirac(), continuous(consensus(1, gamma)))
    yield spectrum("-g f1^2 +- i f1", found, -gamma * F1**2 + sp.I * F1, -gamma * F1**2 - sp.I * F1)


def step_of_a_stable_flow() -> Iterator[Check]:
    x, y, u, v = sp.symbols("x y u v", real=True)
    a, c = sp.symbols("a c", negative=True)
    b, d = sp.symbols("b d", real=True)
    limit = lambda re, im: h * abs(re) * (1 + (im / re) ** 2) < 2
    one = flow_of({x: a * x - b * y, y: b * x + a * y})
    edge = [{a: -1, b: 1, h: 1}, {a: -Q(1, 2), b: 0, h: 4}, {a: -1, b: 3, h: Q(1, 5)}]
    yield region("one pair a +- ib", stability(one, simultaneous(h), at={x: 0, y: 0}), limit(a, b), on=edge)
    two = flow_of({x: a * x - b * y, y: b * x + a * y, u: c * u - d * v, v: d * u + c * v})
    verdict = stability(two, simultaneous(h), at=dict.fromkeys((x, y, u, v), 0))
    corner = [{a: -1, b: 1, c: -1, d: 1, h: 1}, {a: -1, b: 1, c: -2, d: 0, h: 1}]
    yield region("two pairs: the smaller limit", verdict, sp.And(limit(a, b), limit(c, d)), on=corner)


def consensus_on_any_field() -> Iterator[Check]:
    x, y, u = sp.symbols("x y u", real=True)
    rows = sp.Matrix(3, 3, lambda i, j: sp.Symbol(f"a{i}{j}", real=True))
    z = sp.Matrix([x, y, u])
    field = rows * z + sp.Matrix([x * y, u**2 - x**3, x * u])  # the higher terms must not matter
    system = flow_of(dict(zip((x, y, u), field, strict=True)))
    found = matrix_of(system, continuous(consensus(1, gamma)))
    yield same("the Jacobian is A - g A^T A", found, rows - gamma * rows.T * rows)
    a, b = sp.symbols("a b", real=True)
    normal = flow_of({x: a * x - b * y, y: b * x + a * y})
    size = gamma * (a**2 + b**2)
    yield spectrum(
        "normal A: l becomes l - g |l|^2",
        matrix_of(normal, continuous(consensus(1, gamma))),
        a - size + sp.I * b,
        a - size - sp.I * b,
    )


def gaussian_gan() -> Iterator[Check]:
    w1, w2, b, x, z = sp.symbols("w1 w2 b x z", real=True)
    sigma = sp.Symbol("sigma", positive=True)
    D = lambda at: w1 * at + w2 * at**2
    value = mean(f(D(x)), {x: Normal(0, sigma**2)}) + mean(f(-D(b + sigma * z)), {z: Normal(0, 1)})
    game = Game(discriminator=maximize(value, w1, w2), generator=minimize(value, b))
    found = matrix_of(game, flow())
    slopes = sp.Matrix([sp.diff(D(x), w) for w in (w1, w2)])
    second = (slopes * slopes.T).applyfunc(lambda e: mean(e, {x: Normal(0, sigma**2)}))
    cross = -F1 * sp.Matrix([sp.diff(mean(s.subs(x, b + sigma * z), {z: Normal(0, 1)}), b) for s in slopes]).subs(b, 0)
    yield same("discriminator block 2 f2 E[grad D grad D^T]", found[:2, :2], 2 * F2 * second)
    yield same("coupling -f1 d/db E[grad D]", found[:2, 2:], cross)
    yield same("and minus its transpose", found[2:, :2], -cross.T)
    yield same("the generator's own block vanishes", found[2, 2], 0)
    root = sp.sqrt(F2**2 * sigma**4 - F1**2)
    yield spectrum("eigenvalues", found, 6 * F2 * sigma**4, F2 * sigma**2 + root, F2 * sigma**2 - root)


def generator_penalty() -> Iterator[Check]:
    eta, s = sp.symbols("eta s", positive=True)
    rule = continuous(jare(1, {"generator": 2 * eta, "discriminator": 0}))
    w1, w2, b = sp.symbols("w1 w2 b", real=True)
    p11, p12, p22, k1, k2 = sp.symbols("p11 p12 p22 k1 k2", real=True)
    value = (p11 * w1**2 + 2 * p12 * w1 * w2 + p22 * w2**2) / 2 + (k1 * w1 + k2 * w2) * b + w1 * b**2 - w2**2 * b
    general = Game(discriminator=maximize(value, w1, w2), generator=minimize(value, b))
    J, K = sp.Matrix([[p11, p12], [p12, p22]]), sp.Matrix([k1, k2])
    claim = sp.Matrix(sp.BlockMatrix([[J, K], [-K.T * (sp.eye(2) + 2 * eta * J), -2 * eta * K.T * K]]))
    yield same("the Jacobian, for any V without curvature in b", matrix_of(general, rule), claim)
    # Linear-quadratic WGAN: D(x) = w x^2, data and noise of second moment s, G(z) = a z.
    w, a = sp.symbols("w a", real=True)
    x = sp.Symbol("x", real=True)
    average = lambda e: mean(e, {x: Normal(0, s)})
    quadratic = average(w * x**2) - average(w * (a * x) ** 2)
    game = Game(discriminator=maximize(quadratic, w), generator=minimize(quadratic, a))
    root = 2 * s * sp.sqrt(4 * eta**2 * s**2 - 1)
    yield spectrum("linear-quadratic WGAN", matrix_of(game, rule, a=1), -4 * eta * s**2 + root, -4 * eta * s**2 - root)
    small = Game(generator=minimize(theta * psi, theta), discriminator=maximize(theta * psi, psi))
    root = sp.sqrt(eta**2 - 1)
    yield spectrum("Dirac-WGAN", matrix_of(small, rule), -eta + root, -eta - root)
    squared = Game(
        generator=minimize(theta * psi + eta * psi.diff(psi) * theta**2, theta), discriminator=small["discriminator"]
    )
    yield spectrum(
        "the same with the penalty written into the generator's loss",
        matrix_of(squared, flow()),
        -eta + root,
        -eta - root,
    )


_MESCHEDER = "Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406"
_NUMERICS = "Mescheder, Nowozin, Geiger 2017, arXiv:1705.10461"
RESULTS = (
    Result(
        "D01",
        f"{_MESCHEDER}, lemma 2.2",
        "The Dirac-GAN has one equilibrium, the origin, a centre: +-i f'(0).",
        dirac_flow,
    ),
    Result("D02", f"{_MESCHEDER}, lemma 2.3", "Its flow keeps theta^2 + psi^2, for any f.", circle),
    Result(
        "D03",
        f"{_MESCHEDER}, lemma 2.4",
        "Simultaneous steps spiral out: 1 +- i h f'(0), and a growing radius everywhere.",
        simultaneous_steps,
    ),
    Result(
        "D04",
        f"{_MESCHEDER}, lemma 2.5, boundary made precise",
        "Alternating steps stay on the unit circle iff alpha = sqrt(n_g n_d) h |f'(0)| <= 2; "
        "at 2 a Jordan block grows.",
        alternating_steps,
    ),
    Result(
        "D07",
        f"{_MESCHEDER}, appendix (WGAN-GP)",
        "With a gradient penalty of positive target g0 the critic's step at psi = 0 is h g g0, not zero: "
        "no convergence.",
        gradient_penalty_with_a_target,
    ),
    Result(
        "D08",
        f"{_MESCHEDER}, lemma 3.2",
        "Instance noise of variance s^2: f2 s^2 +- sqrt(f2^2 s^4 - f1^2).",
        instance_noise,
    ),
    Result(
        "D09",
        f"{_MESCHEDER}, lemma 3.3",
        "R1 or R2: -g/2 +- sqrt(g^2/4 - f1^2), stable for every g > 0.",
        slope_penalties,
    ),
    Result(
        "D10",
        f"exact steps in the setting of {_MESCHEDER}, lemma 3.3",
        "R1 or R2: the exact limits on the step, simultaneous and alternating.",
        penalised_steps,
    ),
    Result(
        "D11", f"{_MESCHEDER}, appendix (consensus optimisation)", "Consensus: -g f1^2 +- i f1.", consensus_on_dirac
    ),
    Result(
        "D12",
        f"{_NUMERICS}, lemma 4 and corollary 5",
        "I + hA is stable iff h < (1/|Re l|) 2/(1 + (Im l/Re l)^2) for every eigenvalue l of A.",
        step_of_a_stable_flow,
    ),
    Result(
        "D13",
        f"{_NUMERICS}, section 4",
        "Consensus has Jacobian A - g A^T A; for normal A, l - g |l|^2.",
        consensus_on_any_field,
    ),
    Result(
        "D15",
        "Nagarajan and Kolter 2017, arXiv:1706.04156, theorem 3.1",
        "The linear-quadratic GAN of a Gaussian: blocks of the Jacobian and its eigenvalues.",
        gaussian_gan,
    ),
    Result(
        "D17",
        "Nagarajan and Kolter 2017, arXiv:1706.04156, section 4",
        "A generator that also descends the squared slope of the critic: Jacobian, and two WGANs in closed form.",
        generator_penalty,
    ),
)
