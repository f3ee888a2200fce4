"""Feature matching is done where the means of the features agree.

For networks of any form the generator's gradient is linear in the difference of the two means of the features, so it
vanishes where they agree, whatever the discriminator says; the loss is a squared length, zero exactly there. Where the
features do not move with the discriminator, as on the instance, the generator does not hear it at all, and the game is
block triangular: its eigenvalues are those of the two players one by one.

Source: Salimans et al. (2016), arXiv:1606.03498, section 3.1.
"""

from bilevel.analysis import Proof, shows, states
from bilevel.language import E, jacobian, network, norm2, normal, random, vector
from bilevel.language.laws import data
from bilevel.models import feature_matching, instance


def prove() -> Proof:
    """The theorem with its evidence."""
    theta, phi = vector("theta", "p"), vector("phi", "q")
    w, z = random("w", data("p_data", "n")), random("z", normal("m"))
    f, made = network("f", out="l"), network("G", out="n")(z, theta)
    apart = E(f(w, phi), w) - E(f(made, phi), z)
    slope = E(jacobian(f(made, phi), theta), z)
    game = feature_matching()
    small = instance("feature_matching")
    matrix = small.jacobian()
    one, other = small.variables
    claims = (
        shows(
            "The generator's gradient is -2 (d E f(G)/d theta)^T (E f(w) - E f(G)).",
            game.field()[theta],
            -2 * slope.T * apart,
        ),
        shows("The loss is the squared length of that difference.", game.cost("generator"), norm2(apart)),
        states(
            "On the instance, whose feature does not move, the generator's row has no entry for the discriminator.",
            matrix[small.variables.index(other), small.variables.index(one)] == 0,
            note=str(matrix),
        ),
    )
    return Proof(36, "Feature matching is done where means agree", __doc__ or "", "Salimans et al. 2016", claims)
