"""Maximum-entropy inverse reinforcement learning is a GAN whose discriminator holds the generator's density.

With D = e/(e + q), e(x) = exp(-c(x))/Z the cost's Gibbs density and q the density of the generator: the
discriminator's loss has in c the gradient of the maximum-entropy likelihood, E_p[dc] - E_mu[w dc], its partition
function estimated by importance sampling from the even mixture mu of data and samples, with weights w = e/((e +
q)/2); its best Z is that estimate of the partition function; and the generator's loss is the sampler's, E_q[c + log
q] + log Z, the divergence from the Gibbs density. The estimate uses e for the unknown density p of the data, so it is
exact where e = p, and there both gradients vanish.

Source: Finn, Christiano, Abbeel, Levine (2016), A connection between generative adversarial networks, inverse
reinforcement learning, and energy-based models, arXiv:1611.03852, section 3.
"""

import sympy as sp

from bilevel.analysis import Claim, Corresponds, Proof, refutes, shows
from bilevel.game import Game, minimize
from bilevel.language import E, data, gradient, network, random, vector

CORRESPONDS = Corresponds(
    "guided cost learning: maximum-entropy inverse reinforcement learning with a learned sampler",
    "a GAN with the discriminator exp(-c)/Z / (exp(-c)/Z + q)",
    "the same gradients: of the cost (importance-sampled likelihood), of Z, and of the sampler",
    (
        "the generator's density q can be evaluated",
        "the mixture's density is estimated by (exp(-c)/Z + q)/2, exact where exp(-c)/Z is the density of the data",
    ),
)
THETA, Z = vector("theta", "p"), sp.Symbol("Z", positive=True)
X, Y = random("x", data("p_data", "n")), random("y", data("q_samples", "n"))
COST, DENSITY = network("c"), network("q", range="positive")


def gibbs(x):
    """exp(-c)/Z."""
    return sp.exp(-COST(x, THETA)) / Z


def discriminator(x):
    """The special form."""
    return gibbs(x) / (gibbs(x) + DENSITY(x))


def mixture(body):
    """Average over the even mixture of data and samples."""
    return (E(body(X), X) + E(body(Y), Y)) / 2


def game() -> Game:
    """The discriminator's two moves as two players with one loss."""
    loss = -E(sp.log(discriminator(X)), X) - E(sp.log(1 - discriminator(Y)), Y)
    return Game(cost=minimize(loss, THETA), partition=minimize(loss, Z))


def of_the_discriminator() -> tuple[Claim, ...]:
    """Cost and partition function."""
    field = game().field()
    weight = lambda x: gibbs(x) / ((gibbs(x) + DENSITY(x)) / 2)
    slope = lambda x: gradient(COST(x, THETA), THETA)
    likelihood = E(slope(X), X) - mixture(lambda x: weight(x) * slope(x))
    estimate = mixture(lambda x: sp.exp(-COST(x, THETA)) / ((gibbs(x) + DENSITY(x)) / 2))
    only_samples = E(slope(X), X) - E(weight(Y) * slope(Y), Y)
    return (
        shows("The discriminator's gradient in c is the importance-sampled likelihood's.", field[THETA], likelihood),
        shows(
            "Its gradient in Z is (Z - estimate)/Z^2: at the best Z, Z is the estimate of the partition function.",
            field[Z],
            (Z - estimate) / Z**2,
        ),
        refutes("With weights over the samples alone it is another gradient.", field[THETA], only_samples),
    )


def of_the_densities() -> tuple[Claim, ...]:
    """At a point: p, q and e stand for densities there, g for the slope of the cost."""
    p, q, e, g = *sp.symbols("p q e", positive=True), sp.Symbol("g", real=True)
    D = e / (e + q)
    loss = -p * sp.log(D) - q * sp.log(1 - D)
    slope = sp.diff(loss, e) * (-e * g)  # de = -e dc
    return (
        shows(
            "Pointwise the discriminator's slope is the likelihood's, (p - e) dc, times q/(e + q).",
            slope,
            (p - e) * g * q / (e + q),
        ),
        shows(
            "So the two differ by (p - e) e/(e + q) dc, which vanishes where e = p.",
            (p - e) * g - slope,
            (p - e) * g * e / (e + q),
        ),
        refutes("They are not equal elsewhere.", slope, (p - e) * g),
    )


def of_the_generator() -> tuple[Claim, ...]:
    """The sampler."""
    fooled = E(sp.log(1 - discriminator(Y)) - sp.log(discriminator(Y)), Y)
    divergence = E(sp.log(DENSITY(Y)) + COST(Y, THETA), Y) + sp.log(Z)
    return (
        shows("The generator's loss is E_q[log q + c] + log Z: cost less entropy, and a constant.", fooled, divergence),
        refutes("The minimax loss alone is not.", E(sp.log(1 - discriminator(Y)), Y), divergence),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    claims = (*of_the_discriminator(), *of_the_densities(), *of_the_generator())
    return Proof(18, "Inverse reinforcement learning is a GAN", __doc__ or "", "Finn et al. 2016, section 3", claims)
