"""Generators of sequences climb the discriminator by the score of every token.

SeqGAN's policy gradient, the stopped value of the discriminator times the sum of the tokens' log-probabilities, is the
gradient of -E D(sequence) in the generator's parameters, for sequences of one, two and three tokens, policies of any
form and any dimension. No derivative of D is taken: the tokens may be discrete. With the first token's score alone it
is something else.

Source: Yu, Zhang, Wang, Yu (2017), arXiv:1609.05473, equations 1 to 6 and appendix A; Williams (1992),
doi:10.1007/BF00992696.
"""

from bilevel.analysis import Proof, information_structure, refutes, shows, states
from bilevel.language import E, density, gradient, log_density, network, stop_gradient, vector
from bilevel.models import seqgan
from bilevel.models.sequences import sampled_tokens

THETA, PHI, D = vector("theta", "p"), vector("phi", "q"), network("D", range="probability")


def climbed(length):
    """The gradient of -E D(y_1, ..., y_T), by the score function."""
    tokens = sampled_tokens(length, THETA)
    return gradient(-E(D(*tokens, PHI), *tokens), THETA)


def first_token_only():
    """The two-token gradient with the second token's score left out."""
    tokens = sampled_tokens(2, stop_gradient(THETA))
    score = log_density(density("pi_1", "n", THETA), tokens[0])
    return gradient(E(-stop_gradient(D(*tokens, PHI)) * score, *tokens), THETA)


def prove() -> Proof:
    """The theorem with its evidence."""
    gradients = [e for e in information_structure(seqgan()).edges if e.kind == "gradient"]
    claims = (
        *(
            shows(f"{n} token{'s' * (n > 1)}: it is the gradient of -E D.", seqgan(n).field()[THETA], climbed(n))
            for n in (1, 2, 3)
        ),
        refutes("The first token's score alone is something else.", seqgan(2).field()[THETA], first_token_only()),
        states("No derivative of the discriminator is used.", not gradients, note="the diagram has no gradient edge"),
    )
    return Proof(57, "Sequences climb the discriminator", __doc__ or "", "Yu et al. 2017", claims)
