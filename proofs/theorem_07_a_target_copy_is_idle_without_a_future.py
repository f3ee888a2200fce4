"""A copy of the critic that stands only in the bootstrapped target changes nothing at discount 0.

Both players' updates are those of the method without the copy, for networks of any form; the copy is a driven
component. The Jacobian is block triangular, so the spectrum is the players' own and, apart, the copy's one eigenvalue
(1 - tau for a copy that moves by the fraction tau, as often as the critic has weights). A lagged copy of the opponent
is another strategy, and no no-op.

Source: Pfau and Vinyals (2016), arXiv:1610.01945, section 3.2 (target networks: not applicable to GANs).
"""

import sympy as sp

from bilevel.analysis import Proof, shows, states
from bilevel.game import Game, minimize
from bilevel.language import jacobian, sigmoid, vector
from bilevel.language.instance import Instance
from bilevel.language.instantiate import instantiate
from bilevel.models import blind_actor_critic
from bilevel.rules import linearise, simultaneous

GAMMA = sp.Symbol("gamma", nonnegative=True)


def with_copy() -> Game:
    """The method with a target copy and discount gamma."""
    return blind_actor_critic(discount=GAMMA, mode="target copy")


def on_the_dirac_gan() -> tuple[sp.Matrix, sp.Matrix, sp.Symbol]:
    """Jacobians at the origin of simultaneous steps, without and with the copy, at discount 0."""
    h, tau = sp.symbols("h tau", positive=True)
    dirac = Instance(
        dims={"n": 1, "m": 1, "p": 1, "q": 1},
        networks={"D": lambda x, phi: sigmoid(phi[0] * x[0]), "G": lambda z, theta: [theta[0]]},
        laws={"p_data": ([[0]], [1])},
    )
    plain = instantiate(blind_actor_critic(), dirac)
    phi, theta = plain.variables
    copy = sp.Symbol("phi_copy", real=True)
    players = {**plain.players, "target": minimize((copy - phi) ** 2 / 2, copy)}
    lagging = Game(players)
    before = linearise(plain, simultaneous(h), {phi: 0, theta: 0}).matrix
    steps = {"critic": h, "actor": h, "target": tau}
    after = linearise(lagging, simultaneous(steps), {phi: 0, theta: 0, copy: 0}).matrix
    return before, after, tau


def prove() -> Proof:
    """The theorem with its evidence."""
    theta, phi = vector("theta", "p"), vector("phi", "q")
    copied, plain = with_copy(), blind_actor_critic()
    field, bare = copied.field(), plain.field()
    before, after, tau = on_the_dirac_gan()
    copy = copied["target"].moves[0]
    z = sp.Symbol("z")
    spectrum = after.charpoly(z).as_expr() - (z - (1 - tau)) * before.charpoly(z).as_expr()
    lagged = lagged_opponent()
    claims = (
        shows("At discount 0 the critic's gradient is that without the copy.", field[phi].subs(GAMMA, 0), bare[phi]),
        shows("So is the actor's, at any discount.", field[theta], bare[theta]),
        shows(
            "No player's gradient depends on the copy at discount 0: the critic's derivative in it is zero, ...",
            jacobian(field[phi].subs(GAMMA, 0), copy),
            sp.ZeroMatrix(phi.shape[0], phi.shape[0]),
        ),
        shows("... and so is the actor's.", jacobian(field[theta], copy), sp.ZeroMatrix(theta.shape[0], phi.shape[0])),
        shows(
            "The copy's own block is the identity: under steps tau its eigenvalue is 1 - tau, and no other.",
            jacobian(field[copy], copy),
            sp.Identity(phi.shape[0]),
        ),
        states(
            "On the Dirac-GAN the copy adds one eigenvalue, 1 - tau, and leaves the others.",
            sp.expand(spectrum) == 0,
            note=f"characteristic polynomial with the copy: (z - 1 + tau) ({before.charpoly(z).as_expr()})",
        ),
        states(
            "A lagged copy of the opponent is no no-op: it changes the spectrum of the players themselves.",
            lagged != 0,
            note=f"the characteristic polynomials differ by {lagged}",
        ),
    )
    return Proof(
        7, "A target copy is idle without a future", __doc__ or "", "Pfau and Vinyals 2016, section 3.2", claims
    )


def lagged_opponent():
    """Dirac-GAN whose generator sees a copy of the discriminator: what is left after taking the copy's eigenvalue
    out."""
    theta, psi, copy, z = *sp.symbols("theta psi psi_copy", real=True), sp.Symbol("z")
    h, tau = sp.symbols("h tau", positive=True)
    loss = lambda weight: -sp.log(1 + sp.exp(-weight * theta))
    direct = Game(generator=minimize(loss(psi), theta), discriminator=minimize(-loss(psi), psi))
    through = Game(
        generator=minimize(loss(copy), theta),
        discriminator=minimize(-loss(psi), psi),
        target=minimize((copy - psi) ** 2 / 2, copy),
    )
    origin = {theta: 0, psi: 0}
    plain = linearise(direct, simultaneous(h), origin).matrix.charpoly(z).as_expr()
    steps = {"generator": h, "discriminator": h, "target": tau}
    lagging = linearise(through, simultaneous(steps), {**origin, copy: 0}).matrix.charpoly(z).as_expr()
    return sp.factor(lagging - (z - 1 + tau) * plain)
