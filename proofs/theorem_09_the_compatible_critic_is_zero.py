"""The compatible critic has nothing to say.

With features grad log pi at the action and the true interventional value, the compatible critic of the GAN's
environment solves I w = g, I the Fisher matrix and g = E[(r - b) grad log pi]. Since the reward does not depend on the
action, g = 0: the weight is zero when the Fisher matrix is nonsingular, and w . grad log pi vanishes almost surely
otherwise, because its second moment is w^T I w = 0. The best baseline, the one that minimises E[(r - b)^2], is 1/2.

Source: Sutton et al. (2000), theorem 2; Silver et al. (2014), section 4.3; Pfau and Vinyals (2016), arXiv:1610.01945,
section 3.2.
"""

import sympy as sp

from bilevel.analysis import Claim, Proof, by_rewrite, shows, states
from bilevel.analysis.proportion import is_zero
from bilevel.language import dot, gradient, jacobian, log_density, vector
from bilevel.language.expectation import E
from bilevel.language.function_space import pointwise_best_response
from bilevel.language.rewrites import score_is_centred
from bilevel.models import Policy, gan_environment


def the_baseline(environment) -> tuple[Claim, ...]:
    """What to subtract from the reward."""
    b, half = sp.Symbol("b", real=True), sp.Rational(1, 2)
    best = pointwise_best_response(half * (1 - b) ** 2 + half * b**2, b)
    spread = E((environment.reward - b) ** 2, *environment.randomness)
    return (
        shows("The misfit of a baseline b is 1/2 (1 - b)^2 + 1/2 b^2 ...", spread, best.integrand),
        states("... and the best baseline is 1/2.", best.value == half, trace=best.trace),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    theta, w = vector("theta", "p"), vector("w", "p")
    environment = gan_environment()
    reward, b = environment.reward, sp.Symbol("b", real=True)
    (action,) = Policy(theta, name="pi").act((), environment.action)[1]
    score = gradient(log_density(action.law, action), theta)
    centred = score_is_centred(action.law, action, theta)
    pull = E((reward - b) * score, *environment.randomness, action)
    nothing = sp.ZeroMatrix(theta.shape[0], 1)
    misfit = E((reward - dot(w, score)) ** 2, *environment.randomness, action)
    fisher = E(dot(w, score) ** 2, action)
    slope = gradient(misfit, w)
    claims = (
        shows(
            "The policy gradient with any baseline b is (1/2 - b) times the mean of the score ...",
            pull,
            (sp.Rational(1, 2) - b) * centred.before,
        ),
        by_rewrite("... which is zero.", centred, centred.before, nothing),
        shows(
            "The least-squares misfit of the critic w . score has the slope of w^T I w, less E[score].",
            slope,
            gradient(fisher, w) - centred.before,
        ),
        shows(
            "That slope is 2 I w - E[score] with I = E[score score^T]: as E[score] = 0, w = 0 is the only stationary "
            "weight where I is nonsingular.",
            slope,
            2 * E(score * score.T, action) * w - centred.before,
        ),
        shows("The misfit is convex: its curvature is 2 I.", jacobian(slope, w), 2 * E(score * score.T, action)),
        states(
            "In general a stationary w has w^T I w = E[(w . score)^2] = 0, so w . score = 0 almost surely.",
            is_zero(dot(w, gradient(fisher, w)) - 2 * fisher),
            note="<w, grad of w^T I w> = 2 w^T I w (Euler), and the left side is <w, E[score]> = 0 at a stationary w",
        ),
        *the_baseline(environment),
    )
    return Proof(9, "The compatible critic is zero", __doc__ or "", "Pfau and Vinyals 2016, section 3.2", claims)
