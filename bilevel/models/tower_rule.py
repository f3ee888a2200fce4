"""The critic's loss sample by sample, and with the expectation inside the divergence: the tower rule as a proof step.

Main definitions: `sampled_critic`.
"""

from __future__ import annotations

from typing import Any

from bilevel.language.errors import GameError
from bilevel.language.networks import Network
from bilevel.language.rewrites import Rewrite, sample_by_sample
from bilevel.models.divergence import Divergence
from bilevel.models.environment import Environment
from bilevel.models.policy import Policy


def sampled_critic(
    environment: Environment, policy: Policy, critic: Network, weights: Any, divergence: Divergence
) -> Rewrite:
    """The sample-by-sample critic loss at discount 0, written with the target averaged given what the critic sees.

    Math: E[D(r || Q(o))] = E[D(E[r | o] || Q(o))] + a term free of Q, which is zero for cross-entropy. `before` is the
        critic's loss of `actor_critic(...)`, `after` that of `actor_critic(..., inside=True)` plus the free term.

    Raises: GameError if the discount is not zero, if the critic sees several things apart, or if the divergence is no
        Bregman divergence with the target first.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, equation 9; Banerjee, Guo, Wang (2005),
        doi 10.1109/TIT.2005.850145, theorem 1.

    Examples:
        >>> from bilevel.language import network, vector
        >>> from bilevel.models import cross_entropy, gan_environment, generator_policy
        >>> critic = network("D", range="probability")
        >>> sampled_critic(gan_environment(), generator_policy(), critic, vector("phi", "q"), cross_entropy).name
        'tower rule'
    """
    if environment.discount != 0:
        raise GameError(f"the rewrite is for discount 0, where the target is the reward; got {environment.discount}")
    if len(environment.critic_sees) != 1:
        raise GameError(f"the critic sees {len(environment.critic_sees)} things; stack them into one observation")
    step = environment.step(policy)
    (seen,) = (step(sight) for sight in environment.critic_sees)
    variables = (environment.state, *step.drawn)
    return sample_by_sample(divergence, step(environment.reward), critic(seen, weights), variables, seen)
