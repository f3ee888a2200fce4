"""Target networks: a slow copy of the critic stands where its own later value would.

Main definitions: `target_networks`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bilevel.language.nodes import Stopped
from bilevel.models.samples import SampledGame
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import copies, critic_of, with_followers, with_losses


@strategy(
    row="Target networks",
    printed=("n/a", "yes"),
    variants=({}, {"rate": 1, "every": 2}),
    numbers={"rate": "1/10"},
    remarks={
        "gan": "in a stateless problem the second occurrence of Q vanishes, and the critic does ordinary regression",
        "ac": "one of the two occurrences of Q in the Bellman recursion is frozen, since learning both is unstable",
    },
)
def target_networks(rate: Any = None, every: Any = 1, critic: str | None = None) -> Any:
    """The critic's weights in its own bootstrapped target are replaced by a copy that follows them slowly.

    Math: r + gamma Q(x'; w-) in place of r + gamma sg Q(x'; w), w- <- w- + rate (w - w-) after every `every` steps;
        rate 1 with several steps is the periodic exact copy (which leaves a flow as it is). What the loss holds fixed
        is found in it: where the critic's weights stand under a stopped gradient. Where there is no such place the copy
        stands nowhere.

    Reference: Mnih et al. (2015), doi 10.1038/nature14236; Lillicrap et al. (2016), arXiv:1509.02971.

    Examples:
        >>> from bilevel.models import two_states_in_samples
        >>> from bilevel.models.strategies import target_networks
        >>> [*target_networks("1/10")(two_states_in_samples())[0].players]
        ['actor', 'critic', 'target']
    """

    def build(game: Any, rule: Any) -> Any:
        if every != 1 and rule.time == "continuous":
            return game, rule
        name = critic_of(game, critic)
        copy = copies(game, game[name].moves, "target")
        aims = {held: w for w, held in copy.items()}
        if isinstance(game, SampledGame) and name == game.samples.critic:
            changed: Any = game.changed(replace(game.samples, held=tuple(copy[w] for w in game.samples.weights)))
        else:
            loss = game.cost(name).replace(
                lambda part: isinstance(part, Stopped) and bool(part.free_symbols & set(copy)),
                lambda part: part.args[0].xreplace(copy),
            )
            changed = with_losses(game, {name: loss})
        return with_followers(changed, rule, "target", aims, rate, every=every)

    return (build, f"copied every {every} steps; a flow has no steps") if every != 1 else build
