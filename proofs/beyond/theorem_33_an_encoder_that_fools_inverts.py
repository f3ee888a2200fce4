"""An encoder and a generator that fool a discriminator of pairs are inverse to each other.

Against the best discriminator the encoder and generator of BiGAN minimise 2 JS(joint of (x, E(x)), joint of (G(z), z))
- log 4, least where the two joint laws are equal. On finite spaces with deterministic maps the joint laws are equal
exactly where G(E(x)) = x, E(G(z)) = z and E carries the data's law to the latent's: checked over all pairs of maps of
three points. On two points with linear maps the game has exactly the two inverse pairs as equilibria, and its flow is
stable at both. Where encoder and generator are laws (ALI) the joint laws agree exactly where the encoder is the
generator's posterior and the generator's points have the data's law; where latents hold more than the data says, the
encoder tosses the rest itself.

Source: Donahue, Kraehenbuehl, Darrell (2017), arXiv:1605.09782, theorems 1 and 2; Dumoulin et al. (2017),
arXiv:1606.00704, proposition 1.
"""

from itertools import product

import sympy as sp

from bilevel.analysis import Proof, equilibria, stability, states
from bilevel.language.divergences import recognise
from bilevel.language.function_space import densities, pointwise_best_response
from bilevel.models import instance

DATA = (sp.Rational(1, 2), sp.Rational(1, 3), sp.Rational(1, 6))
LATENT = (DATA[2], DATA[0], DATA[1])


def joint_laws_agree(encoder, generator) -> bool:
    """Whether (x, E(x)) and (G(z), z) have one law."""
    first, second = {}, {}
    for x, weight in enumerate(DATA):
        first[x, encoder[x]] = weight
    for z, weight in enumerate(LATENT):
        second[generator[z], z] = weight
    return first == second


def inverse(encoder, generator) -> bool:
    """Whether the maps are inverse to each other and E carries the data's law to the latent's."""
    there = all(generator[encoder[x]] == x and encoder[generator[x]] == x for x in range(3))
    return there and all(DATA[x] == LATENT[encoder[x]] for x in range(3))


def posterior():
    """The claim about encoders and generators that are laws, on two points and two latents, for all of them."""
    p, a, b = sp.symbols("p a b", positive=True)  # p(z = 1), and the generator's law of x = 1 for either latent
    d, u, v = sp.symbols("d u v", positive=True)  # the data's law of x = 1, and the encoder's of z = 1 for either point
    gaps = [d * u - p * a, d * (1 - u) - (1 - p) * b, (1 - d) * v - p * (1 - a), (1 - d) * (1 - v) - (1 - p) * (1 - b)]
    found = sp.solve(gaps, [d, u, v], dict=True)
    shown = p * a + (1 - p) * b
    bayes = {d: shown, u: p * a / shown, v: p * (1 - a) / (1 - shown)}
    return states(
        "With laws on two points the joint laws agree exactly at the generator's law of points and Bayes' posterior.",
        len(found) == 1 and all(sp.cancel(found[0][k] - bayes[k]) == 0 for k in bayes),
        note="the four equations have this solution and no other",
    )


def tossed():
    """The claim about latents of two coins and data of one."""
    game = instance("ali")
    found = equilibria(game)
    points = [tuple(e.point[v] for v in game.variables) for e in found.points]
    verdicts = {stability(game, at=e.point).verdict for e in found.points}
    return states(
        "Of latents of two coins the encoder takes one from the point and tosses the other; the flow is stable there.",
        found.complete
        and verdicts == {"stable"}
        and {p[3:] for p in points} == {(s, t, s) for s in (-1, 1) for t in (-1, 1)},
        note=f"(eta_1, eta_2, theta) = {', '.join(str(p[3:]) for p in points)}",
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    p, q = densities("p q")
    u = sp.Symbol("D")
    best = pointwise_best_response(p * sp.log(u) + q * sp.log(1 - u), u, sense="max", range="probability")
    value = recognise(best.value_at_best_response, p, q)
    maps = list(product(range(3), repeat=3))
    pairs = list(product(maps, maps))
    agreeing = [pair for pair in pairs if joint_laws_agree(*pair)]
    small = instance("bigan")
    found = equilibria(small)
    verdicts = [stability(small, at=point.point).verdict for point in found.points]
    ends = sorted(tuple(point.point[v] for v in small.variables) for point in found.points)
    claims = (
        states(
            f"Against the best discriminator of pairs the value is {value.statement}, of the joint laws.",
            value.constant == -2 * sp.log(2) and [(c, d.notation) for c, d in value.terms] == [(2, "JS(p, q)")],
            trace=(*best.trace, *value.trace),
        ),
        states(
            "Of all pairs of maps of three points, the joint laws agree exactly for those that are inverse and carry "
            "one law to the other.",
            len(pairs) == 729 and all(joint_laws_agree(*pair) == inverse(*pair) for pair in pairs) and bool(agreeing),
            note=f"{len(pairs)} pairs, {len(agreeing)} of them",
        ),
        states(
            "On two points with linear maps the equilibria are the two inverse pairs, and no others.",
            found.complete and ends == [(0, 0, -1, -1), (0, 0, 1, 1)],
            note="; ".join(map(str, found.points)),
        ),
        states("The flow is stable at both.", verdicts == ["stable"] * 2, note=", ".join(verdicts)),
        posterior(),
        tossed(),
    )
    return Proof(33, "An encoder that fools inverts", __doc__ or "", "Donahue et al. 2017, theorems 1 and 2", claims)
