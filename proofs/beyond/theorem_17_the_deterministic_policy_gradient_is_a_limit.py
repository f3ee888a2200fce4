"""The deterministic policy gradient is the limit of the stochastic one as the noise goes to zero.

For an action a ~ N(mu(s, theta), sigma^2 I) of any dimension and any Q that is differentiable: the stochastic policy
gradient E[Q grad log pi] is, by integration by parts, E[(d mu)^T dQ(s, mu + sigma z)], z standard normal, and at
sigma = 0 this is the deterministic gradient E[(d mu)^T dQ(s, mu)]. In one dimension it is Q' + sigma^2/2 Q''' +
o(sigma^2) at the mean; for cubic Q exactly Q'(theta) + 3 q3 sigma^2. The limit passes under the expectation where dQ
is continuous and grows at most polynomially.

Source: Silver, Lever, Heess, Degris, Wierstra, Riedmiller (2014), Deterministic policy gradient algorithms, theorem
2.
"""

import sympy as sp

from bilevel.analysis import Claim, Corresponds, Proof, by_rewrite, refutes, shows
from bilevel.language import E, data, gradient, network, normal, random, substitute, vector
from bilevel.language.instance import Instance
from bilevel.language.rewrites import score_as_pathwise

CORRESPONDS = Corresponds(
    "stochastic policy gradient with a Gaussian policy of standard deviation sigma",
    "deterministic policy gradient",
    "the limit as sigma goes to 0, with the error sigma^2/2 Q''' + o(sigma^2) in one dimension",
    (
        "Q is continuously differentiable in the action and grows at most polynomially with its derivative",
        "for the error: Q is three times so",
    ),
)
SIGMA = sp.Symbol("sigma", positive=True)


def cubic() -> Instance:
    """One state, one action, Q(a) = a^3."""
    networks = {"Q": lambda s, a: a[0] ** 3, "mu": lambda s, theta: [theta[0]]}
    return Instance({"k": 1, "m": 1, "p": 1}, networks, {"rho": ([[0]], [1])}, {"theta": [1]})


def in_any_dimension() -> tuple[Claim, ...]:
    """Every state and action space, policies and critics of any form."""
    theta, s = vector("theta", "p"), random("s", data("rho", "k"))
    Q, mu = network("Q"), network("mu", out="m")
    a, z = random("a", normal(mu(s, theta), SIGMA**2)), random("z", normal("m"))
    roads = score_as_pathwise(E(Q(s, a), s, a), theta)
    smoothed = gradient(E(Q(s, mu(s, theta) + SIGMA * z), s, z), theta)
    deterministic = gradient(E(Q(s, mu(s, theta)), s), theta)
    return (
        by_rewrite(
            "The score-function gradient is the pathwise one: E[(d mu)^T dQ(s, mu + sigma z)].",
            roads,
            gradient(E(Q(s, a), s, a), theta, how="score"),
            smoothed,
        ),
        shows(
            "At sigma = 0 it is the deterministic policy gradient.",
            substitute(smoothed, {SIGMA: sp.S.Zero}),
            deterministic,
        ),
        refutes(
            "At sigma = 1 it is another.", substitute(smoothed, {SIGMA: sp.S.One}), deterministic, instances=[cubic()]
        ),
    )


def in_one_dimension() -> tuple[Claim, ...]:
    """The error, in general and for a cubic."""
    t, z = sp.Symbol("theta", real=True), random("z", normal(0, 1))
    Q = network("Q")
    slope = gradient(E(Q(t + SIGMA * z), z), t)
    at_zero = lambda value: substitute(value, {SIGMA: sp.S.Zero})
    bend = gradient(gradient(gradient(Q(t), t), t), t)
    first, second = gradient(slope, SIGMA), gradient(gradient(slope, SIGMA), SIGMA)
    q = sp.symbols("q0:4", real=True)
    cubic = lambda a: q[0] + q[1] * a + q[2] * a**2 + q[3] * a**3
    a = random("a", normal(t, SIGMA**2))
    exact, plain = gradient(E(cubic(a), a), t, how="score"), sp.diff(cubic(t), t)
    return (
        shows("One dimension: the slope in sigma vanishes at 0, ...", at_zero(first), sp.S.Zero),
        shows("... and the second slope is Q''': the error is sigma^2/2 Q''' + o(sigma^2).", at_zero(second), bend),
        shows("For a cubic Q the gradient is Q' + 3 q3 sigma^2, for every sigma.", exact, plain + 3 * q[3] * SIGMA**2),
        refutes("It is not Q' itself.", exact, plain),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    title = "The deterministic policy gradient is a limit"
    claims = (*in_any_dimension(), *in_one_dimension())
    return Proof(17, title, __doc__ or "", "Silver et al. 2014, theorem 2", claims)
