"""Minibatch discrimination: the critic also sees how close a point is to its batch-mates.

Main definitions: `minibatch_discrimination`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.models.strategies.protocol.batches import in_batches
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_samples

Point = tuple[Any, ...]


@strategy(
    row="Minibatch discrimination",
    printed=("yes", "no"),
    variants=({}, {"n": 2}),
    remarks={
        "gan": "it raises the entropy of the samples, against collapse",
        "ac": "it may stand in for an entropy bonus where entropy is impractical to compute",
    },
)
def minibatch_discrimination(scale: Any = 1, n: Any = None) -> Any:
    """A further input of the critic, with a weight of its own: the closeness of a point to the others of its batch.

    Math: D(x) + u o(x), o(x_1) = sum over j > 1 of exp(-scale |x_1 - x_j|_1), x_1, ..., x_n independent points of one
        kind, averaged exactly over all batches; next points are a batch of their own. Two points that differ through
        the parameters make a kink where they meet. Without n: batches of two and the smooth kernel
        1 - scale |x_1 - x_2|^2, which is exp(-scale |x_1 - x_2|^2) to second order.

    Raises: GameError for a batch of less than one point.

    Reference: Salimans et al. (2016), arXiv:1606.03498, section 3.2; Pfau and Vinyals (2016), section 3.4.

    Examples:
        >>> from bilevel.models import gaussian_gan_in_samples
        >>> from bilevel.models.strategies import minibatch_discrimination
        >>> [str(v) for v in minibatch_discrimination(n=2)(gaussian_gan_in_samples())[0].variables]
        ['theta', 'phi_1', 'phi_2', 'u']
    """

    def smooth(x: Point, batch: tuple[Point, ...]) -> Point:
        gap = sum(((a - b) ** 2 for a, b in zip(x, batch[1], strict=True)), sp.S.Zero)
        return (*x, 1 - scale * sp.expand(gap))

    def exact(x: Point, batch: tuple[Point, ...]) -> Point:
        gaps = (sum((sp.Abs(a - b) for a, b in zip(x, other, strict=True)), sp.S.Zero) for other in batch[1:])
        return (*x, sum((sp.exp(-scale * gap) for gap in gaps), sp.S.Zero))

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "minibatch discrimination")
        samples = in_batches(samples, 2, smooth) if n is None else in_batches(samples, n, exact)
        u = sp.Symbol("u" if all(str(v) != "u" for v in game.variables) else "u_", real=True)
        o = sp.Dummy("o", real=True)
        value = sp.Lambda((*samples.value.variables, o), samples.value.expr + u * o)
        weights, tags = (*samples.weights, u), samples.tags + 1
        return with_samples(game, replace(samples, weights=weights, value=value, tags=tags)), rule

    return (build, "batches of two; the closeness of two points to second order") if n is None else build
