"""What the actor's signal must be, and what happens when it is not.

Masked (zero when the real image is shown) and scaled by the slope of the divergence, the actor's step is half the
minimax generator's. Unmasked and unscaled, with Q queried at the action itself as in DPG, it is twice the masked
unscaled one. Minimax, non-saturating and plain DPG steps are pairwise proportional under the expectation, sample by
sample: in the logit the slopes are Q, 1 - Q and Q (1 - Q). That they are collinear, or have the same fixed points, for
general networks is refuted by an instance; on the Dirac-GAN they share the fixed point.

Source: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3; Goodfellow et al. (2014), arXiv:1406.2661, section 3.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, checks, correspond, refutes, shows, states
from bilevel.analysis.proportion import is_positive
from bilevel.language import data, sigmoid, vector
from bilevel.language.instance import Instance
from bilevel.language.instantiate import instantiate
from bilevel.models import blind_actor_critic, cross_entropy, gan, gan_environment

THETA = vector("theta", "p")


def signal(game):
    """The gradient that the first player of the generating side descends."""
    return game.field()[THETA]


def in_the_logit() -> tuple[Claim, ...]:
    """Slopes of the three losses in the critic's logit."""
    logit = sp.Symbol("l", real=True)
    q = sigmoid(logit)
    slopes = {
        "minimax, log(1 - Q): -Q": (sp.diff(sp.log(1 - q), logit), -q),
        "non-saturating, -log Q: -(1 - Q)": (sp.diff(-sp.log(q), logit), -(1 - q)),
        "plain DPG, -Q: -Q (1 - Q)": (sp.diff(-q, logit), -q * (1 - q)),
    }
    return tuple(shows(f"Slope in the logit of {name}.", found, meant) for name, (found, meant) in slopes.items())


def on_the_dirac_gan():
    """The three games on the Dirac-GAN: real data at 0, generated at theta, Q = sigmoid(psi x)."""
    dirac = Instance(
        dims={"n": 1, "m": 1, "p": 1, "q": 1},
        networks={"D": lambda x, phi: sigmoid(phi[0] * x[0]), "G": lambda z, theta: [theta[0]]},
        laws={"p_data": ([[0]], [1])},
    )
    games = {"minimax": gan(), "non-saturating": gan("non-saturating"), "DPG": blind_actor_critic(query="action")}
    fields = {name: instantiate(game, dirac).field() for name, game in games.items()}
    theta, phi = sp.Symbol("theta", real=True), sp.Symbol("phi", real=True)
    # Every generator slope is -psi times something positive and every critic slope theta times something positive: both
    # vanish at theta = psi = 0 and nowhere else.
    return all(is_positive(-field[theta] / phi) and is_positive(field[phi] / theta) for field in fields.values())


def in_general():
    """Two noises, D = sigmoid(x + phi^2), G(z, theta) from -log 3 + 4 theta to -2 theta: gradients at the origin."""
    instance = Instance(
        dims={"n": 1, "m": 1, "p": 1, "q": 1},
        networks={
            "D": lambda x, phi: sigmoid(x[0] + phi[0] ** 2),
            "G": lambda z, theta: [(1 - z[0]) * (4 * theta[0] - sp.log(3)) - z[0] * 2 * theta[0]],
        },
        laws={"p_data": ([[0]], [1]), "p_noise": ([[0], [1]], [sp.Rational(1, 2)] * 2)},
    )
    origin = {sp.Symbol("theta", real=True): 0, sp.Symbol("phi", real=True): 0}
    games = (gan(noise=data("p_noise", "m")), gan("non-saturating", noise=data("p_noise", "m")))
    return [
        {v: value.subs(origin).rewrite(sp.exp) for v, value in instantiate(g, instance).field().items()} for g in games
    ]


def scaling() -> tuple[Claim, ...]:
    """What masking and scaling make of the actor's step."""
    minimax, masked, scaled = gan(), blind_actor_critic(), blind_actor_critic(scaled=True)
    at_action, y = blind_actor_critic(query="action"), gan_environment().reward
    by_hand = blind_actor_critic(query="action", mask=1 - y)
    wrong = blind_actor_critic(query="action", scaled=True)
    q = sp.Symbol("Q", positive=True)
    astray = correspond(wrong, minimax, claim="function")
    return (
        shows(
            "Masked and scaled, the actor descends half the minimax generator's gradient.",
            signal(scaled),
            signal(minimax) / 2,
        ),
        shows("Unmasked and unscaled it is twice the masked unscaled one.", signal(at_action), 2 * signal(masked)),
        shows("Differentiated through the shown image, the mask is automatic.", signal(masked), signal(by_hand)),
        refutes(
            "Unmasked and scaled by the slope averaged over the coin it is no half of minimax ...",
            signal(wrong),
            signal(minimax) / 2,
        ),
        checks("... nor any positive multiple, ...", astray, "function", holds=False),
        shows(
            "... for that averaged slope is (2 Q - 1)/(2 Q (1 - Q)), which changes sign at Q = 1/2.",
            sum(sp.diff(cross_entropy(label, q), q) for label in (0, 1)) / 2,
            (2 * q - 1) / (2 * q * (1 - q)),
        ),
    )


def three_steps() -> tuple[Claim, ...]:
    """How minimax, non-saturating and DPG steps compare."""
    minimax, other, dpg = gan(), gan("non-saturating"), blind_actor_critic(query="action")
    noise = data("p_noise", "m")
    parted = correspond(gan(noise=noise), gan("non-saturating", noise=noise), claim="function")
    one, two = in_general()
    pairs = {
        "Non-saturating and minimax": (other, minimax),
        "Plain DPG and minimax": (dpg, minimax),
        "Plain DPG and non-saturating": (dpg, other),
    }
    return (
        *(
            checks(
                f"{names}: proportional sample by sample, by a positive factor.",
                correspond(*games, claim="per-sample"),
                "per-sample",
            )
            for names, games in pairs.items()
        ),
        checks("Yet minimax and non-saturating steps are not collinear in general.", parted, "function", holds=False),
        states(
            "Nor do they have the same fixed points in general: an instance is one of minimax "
            "and none of non-saturating.",
            all(v == 0 for v in one.values()) and any(v.is_nonzero for v in two.values()),
            note=f"two noises, D = sigmoid(x + phi^2), G from -log 3 + 4 theta to -2 theta; gradients {one} and {two}",
        ),
        states(
            "On the Dirac-GAN all three have the one fixed point theta = psi = 0.",
            on_the_dirac_gan(),
            note="every generator slope over psi is negative, every critic slope over theta positive",
        ),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    claims = (*scaling(), *in_the_logit(), *three_steps())
    return Proof(2, "The actor's signal", __doc__ or "", "Pfau and Vinyals 2016, section 2.3", claims)
