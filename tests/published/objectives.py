"""Objectives of GANs and actor-critic methods: best responses, divergences, gradients."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from bilevel.analysis import correspond
from bilevel.game import Game, minimize
from bilevel.language import E, equal, gradient, network, normal, random, vector
from bilevel.language.conjugates import conjugate
from bilevel.language.constrained import best_density
from bilevel.language.divergences import recognise
from bilevel.language.function_space import BestResponse, densities, pointwise_best_response
from bilevel.language.functions import sigmoid
from bilevel.models import blind_actor_critic, gan
from bilevel.rules import flow
from tests.published.claims import Check, Result, differs, holds, matrix_of, same, spectrum
from tests.published.dirac import F1, dirac, slope_penalty

p, q = densities("p q")
D = sp.Symbol("D", real=True)


def gan_critic() -> BestResponse:
    return pointwise_best_response(p * sp.log(D) + q * sp.log(1 - D), D, sense="max", range="probability")


def best_discriminator() -> Iterator[Check]:
    reply = gan_critic()
    yield same("the best discriminator is p/(p+q)", reply.value, p / (p + q))
    yield same("the curvature there is -(p+q)^3/(pq)", reply.curvature, -((p + q) ** 3) / (p * q))
    yield holds("it is attained inside the range", reply.kind == "interior" and reply.known == "exact")


def value_of_the_gan() -> Iterator[Check]:
    value = recognise(gan_critic().value_at_best_response, p, q)
    yield holds(
        "the value is affine in one divergence, 2 JS", [(c, d.notation) for c, d in value.terms] == [(2, "JS(p, q)")]
    )
    yield same("its constant is -log 4", value.constant, -sp.log(4).expand(force=True))
    real, fake = sp.symbols("p q", positive=True)
    best = best_density(gan_critic().value_at_best_response.subs({p: real, q: fake}), fake, pointwise=[real])
    formula = best.value.args[0][0] if best.value.has(sp.Piecewise) else best.value
    # A multiple of p of total mass one is p: the minimum is attained there and only there (strict convexity).
    yield holds("the best fake density is a multiple of p, hence p", not sp.cancel(formula / real).has(real))
    at_best = gan_critic().value.subs({p: real, q: real})
    yield same("there the discriminator says 1/2", at_best, sp.Rational(1, 2))


def two_generator_losses() -> Iterator[Check]:
    a = sp.Symbol("a", real=True)
    out = sigmoid(a)
    saturating = Game(g=minimize(sp.log(1 - out), a)).field()[a]
    other = Game(g=minimize(-sp.log(out), a)).field()[a]
    yield same("d/da log(1-D) = -D", saturating.rewrite(sp.exp), -out.rewrite(sp.exp))
    yield same("d/da (-log D) = -(1-D)", other.rewrite(sp.exp), -(1 - out).rewrite(sp.exp))
    ratio = other / saturating
    yield same(
        "the ratio of the second to the first is (1-D)/D", ratio.rewrite(sp.exp), ((1 - out) / out).rewrite(sp.exp)
    )
    theta, z = vector("theta", "k"), vector("z", "m")
    logit = network("a")(z, theta)
    left, right = (gradient(loss, theta) for loss in (sp.log(1 - sigmoid(logit)), -sp.log(sigmoid(logit))))
    slope = gradient(logit, theta)
    # Both are the logit's own gradient times a number that is never zero: the same zeros.
    yield holds("in any parameters: -D times the logit's gradient", equal(left, -sigmoid(logit) * slope).answer)
    yield holds("and -(1-D) times it", equal(right, -(1 - sigmoid(logit)) * slope).answer)


def f_gan_row(name: str, f: sp.Expr, u: sp.Symbol, critic: sp.Expr, dual: sp.Expr, at_one: sp.Expr) -> Iterator[Check]:
    t, value = sp.symbols("t T", real=True)
    found = conjugate(f, u, argument=t)
    yield same(f"{name}: the conjugate", found.expression.rewrite(sp.exp), dual.subs(sp.Symbol("t"), t))
    reply = pointwise_best_response(
        p * value - q * found.expression.subs(t, value), value, sense="max", range=found.domain
    )
    # On positive densities roots and logarithms of quotients open up.
    plain = {p: sp.Symbol("p", positive=True), q: sp.Symbol("q", positive=True)}
    best, claim = (sp.expand_log(sp.expand(e.subs(plain)), force=True) for e in (reply.value, critic))
    yield same(f"{name}: the best critic", best, claim)
    yield same(f"{name}: at p = q", sp.expand_log(best.subs(plain[q], plain[p]), force=True), at_one)


def f_gans() -> Iterator[Check]:
    u, t = sp.Symbol("u", positive=True), sp.Symbol("t")
    log, exp = sp.log, sp.exp
    yield from f_gan_row("KL", u * log(u), u, 1 + log(p / q), exp(t - 1), sp.S(1))
    yield from f_gan_row("reverse KL", -log(u), u, -q / p, -1 - log(-t), sp.S(-1))
    yield from f_gan_row("Pearson", (u - 1) ** 2, u, 2 * (p / q - 1), t**2 / 4 + t, sp.S(0))
    yield from f_gan_row("squared Hellinger", (sp.sqrt(u) - 1) ** 2, u, 1 - sp.sqrt(q / p), t / (1 - t), sp.S(0))
    shannon = u * log(u) - (u + 1) * log((u + 1) / 2)
    yield from f_gan_row("Jensen-Shannon", shannon, u, log(2 * p / (p + q)), -log(2 - exp(t)), sp.S(0))
    yield from f_gan_row("GAN", u * log(u) - (u + 1) * log(u + 1), u, log(p / (p + q)), -log(1 - exp(t)), -log(2))


def least_squares() -> Iterator[Check]:
    a, b, c = sp.symbols("a b c", real=True)
    reply = pointwise_best_response(p * (D - b) ** 2 / 2 + q * (D - a) ** 2 / 2, D)
    yield same("the best discriminator is (bp+aq)/(p+q)", reply.value, (b * p + a * q) / (p + q))
    generator = p * (D - c) ** 2 / 2 + q * (D - c) ** 2 / 2
    value = 2 * generator.subs(D, reply.value)
    yield same("twice the value", value, ((b - c) * (p + q) - (b - a) * q) ** 2 / (p + q))
    special = recognise(sp.cancel(value.subs({b: c + 1, a: c - 1})), p, q)
    yield holds(
        "b-c=1, b-a=2: the Pearson divergence of 2q from p+q",
        [(k, d.notation) for k, d in special.terms] == [(1, "chi2(2 q || p + q)")] and special.constant == 0,
    )


def relativistic_dirac() -> Iterator[Check]:
    gamma = sp.Symbol("gamma", positive=True)
    half = {"R1": gamma / 2, "R2": gamma / 2, "both": gamma}
    yield spectrum("no penalty: +-i f'(0)", matrix_of(dirac(), flow()), sp.I * F1, -sp.I * F1)
    for name, rate in half.items():
        found = matrix_of(dirac(slope_penalty(name, gamma)), flow())
        root = sp.sqrt(rate**2 - F1**2)
        yield spectrum(f"{name}: -g/2 +- sqrt(g^2/4 - f'(0)^2)", found, -rate + root, -rate - root)
        yield same(f"{name}: the determinant is f'(0)^2", found.det(), F1**2)
        yield differs(f"{name}: f'(0) unsquared under the root is a misprint", found.det(), F1)


def critic_of_the_blind_actor() -> Iterator[Check]:
    square = pointwise_best_response(p * (1 - D) ** 2 + q * D**2, D, range="probability")
    entropy = pointwise_best_response(-p * sp.log(D) - q * sp.log(1 - D), D, range="probability")
    yield same("squared residual: p/(p+q)", square.value, p / (p + q))
    yield same("cross-entropy: p/(p+q)", entropy.value, p / (p + q))
    found = correspond(blind_actor_critic(scaled=True), gan(), claim="constant")
    yield holds("the method, its signal masked by what is shown, has half the GAN's field", found.answer)


def actor_signals() -> Iterator[Check]:
    theta, phi = vector("theta", "k"), vector("phi", "l")
    z = random("z", normal("m"))
    out = network("D", range="probability")(network("G", out="n")(z, theta), phi)
    plain, log, other = (gradient(E(loss, z), theta) for loss in (out, sp.log(out), -sp.log(1 - out)))
    inside = [gradient(loss, theta) for loss in (out, sp.log(out), -sp.log(1 - out))]
    yield holds("grad D = D grad log D, under the expectation", equal(plain, E(out * inside[1], z)).answer)
    yield holds("= (1-D) grad[-log(1-D)]", equal(plain, E((1 - out) * inside[2], z)).answer)
    yield holds(
        "grad log D = (1-D)/D grad[-log(1-D)], per sample", equal(inside[1], (1 - out) / out * inside[2]).answer
    )
    yield holds("under the expectation the directions differ", equal(log, other).answer is False)


RESULTS = (
    Result(
        "G01",
        "Goodfellow et al. 2014, arXiv:1406.2661, proposition 1",
        "Of E_p log D + E_q log(1-D) the best discriminator is p/(p+q), with curvature -(p+q)^3/(pq).",
        best_discriminator,
    ),
    Result(
        "G02",
        "Goodfellow et al. 2014, arXiv:1406.2661, theorem 1",
        "Its value is -log 4 + 2 JS(p, q), least exactly where p = q.",
        value_of_the_gan,
    ),
    Result(
        "G03",
        "Goodfellow et al. 2014, arXiv:1406.2661, section 3",
        "In the logit, log(1-D) has slope -D and -log D has slope -(1-D): same zeros, ratio (1-D)/D.",
        two_generator_losses,
    ),
    Result(
        "G05",
        "Nowozin, Cseke, Tomioka 2016, arXiv:1606.00709, tables 1, 2, 6",
        "Of E_p T - E_q f*(T) the best critic is f'(p/q), for six divergences with their conjugates.",
        f_gans,
    ),
    Result(
        "G06",
        "Mao et al. 2017, arXiv:1611.04076, theorem 1",
        "The least-squares GAN: best discriminator, value, and the Pearson divergence at b-c=1, b-a=2.",
        least_squares,
    ),
    Result(
        "G10",
        "Huang et al. 2024 (R3GAN), arXiv:2501.05441, lemmas B.2 and B.4, misprint corrected",
        "The relativistic Dirac-GAN is a centre; one penalty gives -g/2 +- sqrt(g^2/4 - f'(0)^2), both double g.",
        relativistic_dirac,
    ),
    Result(
        "G11",
        "Pfau and Vinyals 2016, arXiv:1610.01945, section 2.3",
        "Squared Bellman residual and cross-entropy have the best critic p/(p+q); a GAN is the blind actor-critic.",
        critic_of_the_blind_actor,
    ),
    Result(
        "G12",
        "Pfau and Vinyals 2016, arXiv:1610.01945, section 2.3",
        "The actor's signals D, log D, -log(1-D) have gradients that are multiples of each other sample by sample.",
        actor_signals,
    ),
)
