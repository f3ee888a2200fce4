"""Figure 1: both information-structure diagrams come out of the games.

The GAN is drawn from its labelled form, the actor-critic method (deterministic policy gradient) with the bootstrap
edges left out, as the paper does. With the edge into the first model left out too (and the noise node that is then
isolated), the two are isomorphic, G with pi, D with Q, x with s, y with r. With that edge they are not: what goes into
the first model is noise for the GAN and the state for the actor. That is blindness.

Source: Pfau and Vinyals (2016), arXiv:1610.01945, figure 1.
"""

from bilevel.analysis import Proof, information_structure, states
from bilevel.models import deterministic_policy_gradient, gan

GAN_EDGES = "G to D (information), x to D (information), y to D (information), z to G (information), D to G (gradient)"
METHOD_EDGES = (
    "pi to Q (information), r to Q (information), s to Q (information), s to pi (information), Q to pi (gradient)"
)
PAIRS = {"G": "pi", "D": "Q", "x": "s", "y": "r"}


def diagrams():
    """The two diagrams of figure 1."""
    method = deterministic_policy_gradient(bootstrap=False)
    return information_structure(gan("non-saturating", labelled=True)), information_structure(method)


def drawn(structure):
    """The edges of a diagram in words: information first, then gradients, each in the order of the alphabet."""
    edges = sorted(structure.edges, key=lambda e: (e.kind != "information", e.source, e.target))
    return ", ".join(f"{e.source} to {e.target} ({e.kind})" for e in edges)


def prove() -> Proof:
    """The theorem with its evidence."""
    adversarial, method = diagrams()
    bare_gan = adversarial.without(("z", "G")).without_isolated()
    bare_method = method.without(("s", "pi")).without_isolated()
    claims = (
        states(
            "The GAN: z to G, G and x and y to D, and D's gradient to G.",
            drawn(adversarial) == GAN_EDGES,
            note=drawn(adversarial),
        ),
        states(
            "The actor-critic method: s to pi, pi and s and r to Q, and Q's gradient to pi.",
            drawn(method) == METHOD_EDGES,
            note=drawn(method),
        ),
        states(
            "Without the edge into the first model they are isomorphic, G with pi, D with Q, x with s, y with r.",
            bare_gan.isomorphism(bare_method, fixing={"x": "s"}) == PAIRS,
            note=", ".join(f"{one} with {other}" for one, other in PAIRS.items()),
        ),
        states(
            "With that edge they are not isomorphic: blindness.",
            adversarial.isomorphism(method) is None,
            note="G is fed by noise, pi by the state, which Q sees too; no pairing of the nodes keeps every edge",
        ),
    )
    return Proof(6, "The same information structure", __doc__ or "", "Pfau and Vinyals 2016, figure 1", claims)
