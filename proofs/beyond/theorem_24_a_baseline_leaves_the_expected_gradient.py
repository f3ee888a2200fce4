"""A baseline that does not look at the action leaves the expected policy gradient as it is; the best one calms it.

For any law of states, any policy with a density and any critic: E[(Q - b(s)) grad log pi] = E[Q grad log pi], because
the score has mean zero given the state. In one dimension the second moment of the estimate is a square in b with the
least value at b = E[Q g^2]/E[g^2], g the score: that baseline never does worse than none. A baseline that looks at
the action is a control variate that changes the mean.

Source: Williams (1992), doi 10.1007/BF00992696; Greensmith, Bartlett, Baxter (2004), Variance reduction techniques
for gradient estimates in reinforcement learning, theorem 8.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, by_rewrite, refutes, shows
from bilevel.language import E, data, density, gradient, log_density, network, normal, random, vector
from bilevel.language.instance import Instance
from bilevel.language.rewrites import score_is_centred

THETA, STATE = vector("theta", "p"), random("s", data("rho", "k"))


def of_the_mean() -> tuple[Claim, ...]:
    """The score has mean zero in every state."""
    a = random("a", density("pi", "m", STATE, THETA))
    score = gradient(log_density(a.law, a), THETA)
    centred = score_is_centred(a.law, a, THETA)
    Q, b = network("Q")(STATE, a), network("b")(STATE)
    plain, less = E(Q * score, STATE, a), E((Q - b) * score, STATE, a)
    return (
        by_rewrite("Given the state, the score has mean zero.", centred, centred.before, sp.ZeroMatrix(*THETA.shape)),
        shows("What a baseline takes away is b times that mean.", plain - less, E(b * centred.before, STATE)),
        shows("So the expected gradient stays as it is.", less, plain),
        refutes(
            "A baseline that looks at the action changes it.", E((Q - network("c")(STATE, a)) * score, STATE, a), plain
        ),
    )


def of_the_spread() -> tuple[Claim, ...]:
    """One parameter: the second moment of the estimate."""
    t, b = sp.symbols("t b", real=True)
    a = random("a", normal(t, 1))
    Q, g = network("Q")(a), gradient(log_density(a.law, a), t)
    spread = E(((Q - b) * g) ** 2, a)
    best = E(Q * g**2, a) / E(g**2, a)
    at = Instance({}, {"Q": lambda x: x**2 + x}, scalars={"t": 1, "b": 0})
    return (
        shows(
            "The second moment is that at the best baseline and E[g^2] (b - best)^2 more.",
            spread,
            spread.subs(b, best) + E(g**2, a) * (b - best) ** 2,
        ),
        refutes("The mean of Q is not the best baseline in general.", best, E(Q, a), instances=[at]),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    claims = (*of_the_mean(), *of_the_spread())
    return Proof(
        24, "A baseline leaves the expected gradient", __doc__ or "", "Williams 1992; Greensmith et al. 2004", claims
    )
