"""GTD2, read as a saddle point, is the Dirac-GAN with a gradient penalty, up to a shift and a sign.

The saddle point min_theta max_y (b - A theta)^T y - y^T M y/2 becomes, with x = theta - A^{-1} b and psi = -y, the
game min_x max_psi psi^T A x - psi^T M psi/2, for every number of features and nonsingular A: the origin is the fixed
point, A the strength of the coupling and M the penalty. One feature: the Dirac-GAN with the linear score a t and the
penalty m/2 psi^2, with eigenvalues -m/2 +- sqrt(m^2/4 - a^2) of the flow; without the penalty, a centre. A shift and
a change of sign keep lengths, so gradient flows and all rules correspond too.

Source: Sutton et al. (2009), doi 10.1145/1553374.1553501; Liu, Liu, Ghavamzadeh, Mahadevan, Petrik (2015),
Finite-sample analysis of proximal gradient TD algorithms; Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406.
"""

import sympy as sp

from bilevel.analysis import Claim, Corresponds, Proof, checks, correspond, refutes, shows, states
from bilevel.analysis.analyse import analyse
from bilevel.game import Game, maximize, minimize
from bilevel.language import dot, gradient, substitute, vector
from bilevel.models import dirac_gan

CORRESPONDS = Corresponds(
    "GTD2 as a saddle point",
    "the Dirac-GAN with a gradient penalty on its discriminator",
    "the same losses, up to terms a player does not move, after the shift x = theta - A^{-1} b and psi = -y",
    ("A nonsingular", "the score of the GAN linear with slope a (for other scores: linearised at the equilibrium)"),
)
THETA, Y = vector("theta", "d"), vector("y", "d")


def of_every_size() -> tuple[Claim, ...]:
    """Any number of features."""
    d = THETA.shape[0]
    A, M, b = sp.MatrixSymbol("A", d, d), sp.MatrixSymbol("M", d, d), vector("b", "d")
    x, psi = vector("x", "d"), vector("psi", "d")
    saddle = dot(b - A * THETA, Y) - dot(Y, M * Y) / 2
    shifted = {THETA: x + sp.Inverse(A) * b, Y: -psi}
    dirac = dot(psi, A * x) - dot(psi, M * psi) / 2
    moved = {v: substitute(gradient(saddle, v), shifted) for v in (THETA, Y)}
    unmoved = substitute(saddle, {THETA: x, Y: -psi})
    return (
        shows("The losses are the same function.", substitute(saddle, shifted), dirac),
        shows("The gradient in theta is the gradient in x, ...", moved[THETA], gradient(dirac, x)),
        shows("... and the gradient in y is minus that in psi: both flows are one.", moved[Y], -gradient(dirac, psi)),
        refutes("Without the shift the losses differ.", unmoved, dirac),
    )


def of_one_feature() -> tuple[Claim, ...]:
    """The Dirac-GAN of the catalogue, and the spectrum."""
    a, m = sp.symbols("a m", positive=True)
    theta, y, b = sp.symbols("theta_td y b", real=True)
    saddle = (b - a * theta) * y - m * y**2 / 2
    gtd2 = Game(generator=minimize(saddle, theta), discriminator=maximize(saddle, y))
    dirac = dirac_gan(lambda t: a * t, penalty="R1", gamma=m)
    x, psi = dirac.variables
    same = correspond(gtd2, dirac, claim="equal-fields", map={"theta_td": x + b / a, "y": -psi})
    still = correspond(gtd2, dirac, claim="equal-fields", map={"theta_td": x, "y": -psi})
    z = sp.Symbol("z")
    flow = -gtd2.jacobian()
    root = sp.sqrt(m**2 / 4 - a**2)
    verdict, centre = (analyse(matrix, time="continuous") for matrix in (flow, flow.subs(m, 0)))
    return (
        checks("One feature: GTD2 is the Dirac-GAN with slope a and penalty m/2 psi^2.", same, "equal-fields"),
        checks("Without the shift it is not.", still, "equal-fields", holds=False),
        shows("The characteristic polynomial is z^2 + m z + a^2, ...", flow.charpoly(z).as_expr(), z**2 + m * z + a**2),
        states(
            "... with roots -m/2 +- sqrt(m^2/4 - a^2).",
            sp.expand((z + m / 2 - root) * (z + m / 2 + root) - flow.charpoly(z).as_expr()) == 0,
            note=f"z = {-m / 2 + root} and z = {-m / 2 - root}",
        ),
        states(
            "The flow converges for every a and m > 0, ...",
            verdict.verdict == "stable",
            known=verdict.known,
            note=f"Hurwitz: {verdict.condition}",
        ),
        states(
            "... and without the penalty it is a centre.", centre.verdict == "marginal", note=str(centre.marginal_why)
        ),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    claims = (*of_every_size(), *of_one_feature())
    return Proof(
        20, "GTD2 is the Dirac-GAN with a penalty", __doc__ or "", "Liu et al. 2015; Mescheder et al. 2018", claims
    )
