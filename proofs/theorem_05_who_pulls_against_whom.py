"""The coupling blocks of the Jacobian: what is adversarial about each game.

For a zero-sum GAN J_xy = -J_yx^T at every point. For the other games it holds up to one positive constant wherever the
critic is a constant c in (0, 1) with zero slope on the generator's support: with l the critic's logit and C =
E_z[(d_phi d_x l) d_theta G], the blocks (critic row; generator row) are cC and -cC^T (minimax), cC and -(1-c)C^T
(non-saturating), cC/2 and -c(1-c)C^T/2 (actor-critic, masked), cC/2 and -c(1-c)C^T (unmasked), cC/2 and -cC^T/2 (masked
and scaled). Elsewhere it is no identity: an instance with blocks larger than 1 x 1 refutes it, and on the Dirac-GAN the
factor turns negative.

Source: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3; Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, refutes, shows, states
from bilevel.game import Game
from bilevel.language import gradient, jacobian, network, normal, normal_form, random, sigmoid, vector
from bilevel.language.expectation import E
from bilevel.language.instance import Instance
from bilevel.language.instantiate import instantiate
from bilevel.models import blind_actor_critic, gan

THETA, PHI = vector("theta", "p"), vector("phi", "q")
LOGIT = network("l")


def in_the_logit(game: Game) -> Game:
    """The same game with D = sigmoid(l)."""
    critic = network("D", range="probability")
    return game.map_losses(
        lambda loss: loss.replace(
            lambda part: getattr(part, "network", None) == critic and hasattr(part, "arguments"),
            lambda part: sigmoid(LOGIT(*part.arguments)),
        )
    )


def blocks(game: Game):
    """(critic row, generator row): derivative of each player's gradient in the other's variables."""
    field = game.field()
    return jacobian(field[PHI], THETA), jacobian(field[THETA], PHI)


def flat(c):
    """Assumptions: at generated images the critic is the constant c and has no slope."""
    z = random("z", normal("m"))
    image = network("G", out="n")(z, THETA)
    value = LOGIT(image, PHI)
    x = vector("x", "n")
    slope = gradient(LOGIT(x, PHI), x).subs(x, image)
    nothing = sp.ZeroMatrix(*slope.shape)
    return image, ((slope, nothing), (value, sp.log(c / (1 - c))))


def times(factor: sp.Expr) -> str:
    """A factor as it stands before a matrix: bracketed where it is a sum or a quotient."""
    text = str(factor).replace("*", " ")
    return f"({text})" if isinstance(factor, sp.Add) or "/" in text else text


def prove() -> Proof:
    """The theorem with its evidence."""
    c = sp.Symbol("c", positive=True)
    z = random("z", normal("m"))
    image, assumptions = flat(c)
    x = vector("x", "n")
    mixed = jacobian(gradient(LOGIT(x, PHI), PHI), x).subs(x, image)
    coupling = E(mixed * jacobian(network("G", out="n")(z, THETA), THETA), z)
    critic, generator = blocks(gan())
    cases = {
        "minimax": (gan(), c, -c),
        "non-saturating": (gan("non-saturating"), c, -(1 - c)),
        "actor-critic, masked": (blind_actor_critic(), c / 2, -c * (1 - c) / 2),
        "actor-critic, unmasked": (blind_actor_critic(query="action"), c / 2, -c * (1 - c)),
        "actor-critic, masked and scaled": (blind_actor_critic(scaled=True), c / 2, -c / 2),
    }
    claims: list[Claim] = [shows("In a zero-sum GAN J_xy = -J_yx^T, at every point.", critic, -generator.T)]
    for name, (game, upper, lower) in cases.items():
        rows = blocks(in_the_logit(game))
        for row, factor, shown in ((rows[0].T, upper, "critic row transposed"), (rows[1], lower, "generator row")):
            text = f"{name}: where the critic is flat, the {shown} is {times(factor)} C^T."
            claims.append(shows(text, normal_form(row).expression, factor * coupling.T, assuming=assumptions))
    other = blocks(gan("non-saturating"))
    claims.append(
        refutes("Elsewhere it is no identity: non-saturating, with blocks larger than 1 x 1.", other[0], -other[1].T)
    )
    size, weights = {PHI.shape[0]: THETA.shape[0]}, vector("phi", "p")
    upper, lower = (gan().cost(player).xreplace(size) for player in ("discriminator", "generator"))
    rows = jacobian(gradient(upper, weights), THETA), jacobian(gradient(lower, THETA), weights)
    claims.append(
        refutes("Without the transpose it fails, for square blocks of more than one entry.", rows[0], -rows[1])
    )
    claims.append(refutes("With the sign of a cooperative game it fails.", critic, generator.T))
    claims.extend(negative_on_the_dirac_gan())
    return Proof(5, "Who pulls against whom", __doc__ or "", "Pfau and Vinyals 2016, section 2.3", tuple(claims))


def negative_on_the_dirac_gan() -> tuple[Claim, ...]:
    """The ratio of the two coupling entries of the non-saturating Dirac-GAN, and its sign far from the origin."""
    dirac = Instance(
        dims={"n": 1, "m": 1, "p": 1, "q": 1},
        networks={"D": lambda x, phi: sigmoid(phi[0] * x[0]), "G": lambda z, theta: [theta[0]]},
        laws={"p_data": ([[0]], [1])},
    )
    game = instantiate(gan("non-saturating"), dirac)
    phi, theta = game.variables
    matrix = game.jacobian()
    t, s = phi * theta, sigmoid(phi * theta)
    formula = (1 - s) * (1 - t * s) / (s * (1 + t * (1 - s)))
    # Where t > 2 the critic's value s is between 1/2 and 1: t = 2 + a and s = 1 - b = 1/2 + d with a, b, d positive.
    a, b, d = sp.symbols("a b d", positive=True)
    falling = sp.expand(1 - (2 + a) * (sp.Rational(1, 2) + d))
    below = b * falling / ((1 - b) * (1 + (2 + a) * b))
    signs = falling.is_negative and (below * (1 - b)).is_negative
    return (
        shows(
            "On the Dirac-GAN (non-saturating) the factor is (1 - s) (1 - t s)/(s (1 + t (1 - s))), with t = theta psi "
            "and s = sigmoid(t).",
            -matrix[1, 0],
            formula * matrix[0, 1],
        ),
        states(
            "It is 1 at the origin, and negative wherever theta psi > 2.",
            bool(formula.subs({phi: 0, theta: 0}) == 1 and signs),
            note=f"t = 2 + a and s = 1/2 + d with a, d > 0 give 1 - t s = {falling} < 0; all else is positive",
        ),
    )
