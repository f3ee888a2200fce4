"""Replay buffers: the critic learns from what past actors made.

Main definitions: `replay_buffers`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.models.samples import SampledGame, Stream
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import (
    actor_of,
    copies,
    critic_of,
    moves_before,
    with_followers,
    with_losses,
)


@strategy(
    row="Replay buffers",
    printed=("no", "yes"),
    variants=({}, {"window": 2}),
    numbers={"rate": "1/10"},
    remarks={
        "gan": "the authors tried it and did not get asymptotically correct samples even on simple distributions",
        "ac": "it decorrelates the data of the critic; the actor can make no use of past critics",
    },
)
def replay_buffers(rate: Any = None, window: Any = None) -> Any:
    """The critic's data come from past actors: a window of the last few, or all of them, weighted exponentially.

    Math: the actor's parameters in the critic's data (not in its target) become those of the buffer. Window k: the even
        mixture of the current and the k - 1 actors before it, exact; a flow has no steps and is left as it is.
        Exponential with rate rho: parameters averaged, average <- average + rho (theta - average), in place of the
        mixture; the linearisation at a fixed point is that of the mixture. The whole history, 1/t, is the limit
        rho -> 0.

    Raises: GameError for a window that is no whole number of at least 2.

    Reference: Lin (1992); Mnih et al. (2015), doi 10.1038/nature14236; Pfau and Vinyals (2016), section 3.7.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import replay_buffers
        >>> from bilevel.rules import alternating
        >>> [str(v) for v in replay_buffers(window=3)(gan_in_samples(), alternating("1/10"))[0].variables]
        ['theta', 'psi', 'theta_back1', 'theta_back2']
    """
    if window is not None and (window != int(window) or window < 2):
        raise GameError(f"a window holds at least 2 actors, the current one counted; got {window}")
    length = 0 if window is None else int(window) - 1

    def build(game: Any, rule: Any) -> Any:
        if length and rule.time == "continuous":
            return game, rule
        actor, critic = actor_of(game), critic_of(game)
        moved = game[actor].moves
        past = [copies(game, moved, f"back{k + 1}") for k in range(length)] or [copies(game, moved, "buffer")]
        held = [{v: v for v in moved}, *past] if length else past
        changed = _mixed(game, critic, moved, held)
        if not length:
            return with_followers(changed, rule, "buffer", {c: v for v, c in past[0].items()}, rate)
        aims = {old[v]: (v if k == 0 else past[k - 1][v]) for k, old in enumerate(past) for v in moved}
        # Where the actor moves first, the critic meets the actor that has moved: the one before is then where it stood.
        when = "ahead" if moves_before(rule, actor, critic, game.players) else "first"
        return with_followers(changed, rule, "buffer", aims, sp.S.One, **{when: True})

    return (
        build,
        f"the last {window} actors, exact; a flow has no steps"
        if window is not None
        else "exponential average of parameters",
    )


def _mixed(game: Any, critic: str, moved: Any, held: list[dict[Any, Any]]) -> Any:
    """The game whose critic learns from an even mixture of actors."""
    if isinstance(game, SampledGame) and critic == game.samples.critic:
        samples = game.samples
        stands = dict(zip(samples.behaviour, samples.parameters, strict=True))
        data = [
            _of(stream, {past: old[now] for past, now in stands.items()}, len(held))
            for stream in samples.data
            for old in held
        ]
        return game.changed(replace(samples, data=tuple(data), law=samples.drawn))
    from bilevel.language.nodes import Stopped

    loss, fixed = game.cost(critic), dict[Any, Any]()
    loss = loss.replace(
        lambda part: isinstance(part, Stopped), lambda part: fixed.setdefault(part, sp.Dummy("stopped", real=True))
    )
    mixed = sum((loss.xreplace(old) for old in held), sp.S.Zero) / len(held)
    return with_losses(game, {critic: mixed.xreplace({dummy: part for part, dummy in fixed.items()})})


def _of(stream: Stream, old: dict[Any, Any], count: int) -> Stream:
    shown = tuple(entry.xreplace(old) for entry in stream.shown)
    later = tuple((p, tuple(entry.xreplace(old) for entry in x)) for p, x in stream.later)
    weight = stream.weight.xreplace(old) / count
    return replace(stream, shown=shown, label=stream.label.xreplace(old), weight=weight, later=later)
