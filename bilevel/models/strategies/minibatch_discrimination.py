"""Minibatch discrimination: the critic also sees how close a point is to its batch-mates.

Main definitions: `minibatch_discrimination`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.models.strategies.protocol.points import companions, need_slopes
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_samples


@strategy(row="Minibatch discrimination", printed=("yes", "no"))
def minibatch_discrimination(scale: Any = 1) -> Any:
    """A further input of the critic, with a weight of its own: the closeness of a point to another one of its batch.

    Math: D(x) + u o(x), o = 1 - scale |x - x'|^2, x' a second independent point of the same kind: batches of two,
        and the kernel exp(-scale |x - x'|^2) to second order in place of the kinked one.

    Raises: GameError where the critic is shown finitely many fixed points.

    Reference: Salimans et al. (2016), arXiv:1606.03498, section 3.2; Pfau and Vinyals (2016), section 3.4.

    Examples:
        >>> from bilevel.models import gaussian_gan_in_samples
        >>> from bilevel.models.strategies import minibatch_discrimination
        >>> [str(v) for v in minibatch_discrimination()(gaussian_gan_in_samples())[0].variables]
        ['theta', 'phi_1', 'phi_2', 'u']
    """

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "minibatch discrimination")
        need_slopes(samples, "minibatch discrimination")
        u = sp.Symbol("u" if all(str(v) != "u" for v in game.variables) else "u_", real=True)
        o = sp.Dummy("o", real=True)
        kinds: dict[str, list[Any]] = {"data": [], "own": []}
        for kind, streams in kinds.items():
            for stream in getattr(samples, kind):
                samples, other = companions(samples, stream)
                gap = sum(((a - b) ** 2 for a, b in zip(stream.shown, other, strict=True)), sp.S.Zero)
                streams.append(
                    replace(
                        stream,
                        shown=(*stream.shown, 1 - scale * sp.expand(gap)),
                        later=tuple((p, (*x, sp.S.One)) for p, x in stream.later),
                    )
                )
        value = sp.Lambda((*samples.value.variables, o), samples.value.expr + u * o)
        changed = replace(
            samples, weights=(*samples.weights, u), value=value, data=tuple(kinds["data"]), own=tuple(kinds["own"])
        )
        return with_samples(game, changed), rule

    return build, "batches of two; the closeness of two points to second order"
