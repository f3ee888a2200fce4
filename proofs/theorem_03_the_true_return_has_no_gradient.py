"""The actor has no effect on its reward, and is moved all the same.

In the GAN's environment the gradient of the true expected reward is zero for every generator: pathwise always, and by
the score function where the generator has a density. The gradient of the critic's estimate in the generator's
parameters is not
identically zero: the actor climbs features that predict the reward and do not cause it.

Source: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.
"""

import sympy as sp

from bilevel.analysis import Proof, by_rewrite, refutes, shows
from bilevel.language import gradient, log_density, vector
from bilevel.language.expectation import E
from bilevel.language.rewrites import score_is_centred
from bilevel.models import Policy, blind_actor_critic, expected_reward, gan_environment, generator_policy


def prove() -> Proof:
    """The theorem with its evidence."""
    theta = vector("theta", "p")
    environment, y = gan_environment(), gan_environment().reward
    reward = expected_reward(environment, generator_policy())
    (drawn,) = Policy(theta, name="pi").act((), environment.action)[1]
    score = E(y * gradient(log_density(drawn.law, drawn), theta), *environment.randomness, drawn)
    centred = score_is_centred(drawn.law, drawn, theta)
    nothing = sp.ZeroMatrix(theta.shape[0], 1)
    claims = (
        shows("The expected reward is 1/2, whatever the generator.", reward, sp.Rational(1, 2)),
        shows("Its pathwise gradient is zero.", gradient(reward, theta), nothing),
        shows("By the score function it is half the mean of the score ...", score, centred.before / 2),
        by_rewrite("... which is zero, where the generator has a density.", centred, centred.before, nothing),
        refutes(
            "The gradient of the critic's estimate is not identically zero.",
            blind_actor_critic().field()[theta],
            nothing,
        ),
    )
    return Proof(3, "The true return has no gradient", __doc__ or "", "Pfau and Vinyals 2016, section 2.3", claims)
