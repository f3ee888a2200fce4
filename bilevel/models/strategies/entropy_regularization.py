"""Entropy regularisation: the actor is paid for the spread of what it does.

Main definitions: `entropy_regularization`.
"""

from __future__ import annotations

from typing import Any

from bilevel.language.errors import UnknownAnswer
from bilevel.models.strategies.protocol.points import need_spread
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_costs


@strategy(
    row="Entropy regularization",
    printed=("no", "yes"),
    numbers={"beta": "1/2"},
    remarks={
        "gan": "collapse is the same disease as too little exploration",
        "ac": "a bonus for spread-out policies, against too little exploration",
    },
)
def entropy_regularization(beta: Any = None) -> Any:
    """The actor maximises beta times the entropy of its own law beside its other aims.

    Math: L_actor - beta H; H of a softmax policy (averaged over states) or of a generator that is affine in normal
        noise.

    Raises: GameError where the actor makes one point for certain, UnknownAnswer where its law has no density that is
        known in closed form.

    Reference: Williams and Peng (1991); Haarnoja et al. (2018), arXiv:1801.01290; Pfau and Vinyals (2016), section 3.8.

    Examples:
        >>> from bilevel.models import linear_quadratic_gan_in_samples
        >>> from bilevel.models.strategies import entropy_regularization
        >>> entropy_regularization("1/2")(linear_quadratic_gan_in_samples())[0].costs
        (('generator', -log(sigma**2)/4),)
    """

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "entropy regularisation")
        need_spread(samples, "entropy regularisation")
        if samples.entropy is None:
            raise UnknownAnswer(
                "the actor's law has no density known in closed form, so it has no entropy",
                next_step="give the actor noise, or write its entropy into its loss",
            )
        return with_costs(game, {samples.actor: -beta * samples.entropy}), rule

    return build
