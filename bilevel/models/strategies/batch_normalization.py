"""Batch normalisation of what the critic is shown, virtual batch normalisation included.

Main definitions: `batch_normalization`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.models.samples import Stream
from bilevel.models.strategies.protocol.points import moments, need_slopes, remapped
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_samples


@strategy(
    row="Batch normalization",
    printed=("yes", "yes"),
    variants=({"batches": "joint"}, {"batches": "separate"}, {"batches": "reference"}),
    numbers={"epsilon": "1/4"},
)
def batch_normalization(epsilon: Any = None, batches: str = "joint") -> Any:
    """The critic's inputs are centred and scaled by the mean and variance of their batch.

    Math: x -> (x - mean)/sqrt(variance + eps), with mean and variance over all points of a batch in which every kind
        ("joint") or one kind ("separate") is shown, differentiated through; or over a fixed reference ("reference",
        virtual batch normalisation): the first kind of data when the actor is at rest, not differentiated through.
        Large batches: moments of the laws. Where all points of a kind coincide this is exact for batches of every size.

    Raises: GameError for other batches, or where the critic is shown finitely many fixed points.

    Reference: Ioffe and Szegedy (2015), arXiv:1502.03167; Salimans et al. (2016), arXiv:1606.03498, section 3.5.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import batch_normalization
        >>> game, _ = batch_normalization(1, "separate")(gan_in_samples())
        >>> game.samples.own[0].shown
        (0,)
    """
    if batches not in ("joint", "separate", "reference"):
        raise GameError(f"batches are 'joint', 'separate' or 'reference'; got {batches!r}")

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "batch_normalization")
        need_slopes(samples, "batch normalisation")

        def normalised(stream: Stream, point: tuple[Any, ...]) -> tuple[Any, ...]:
            group = {"joint": samples.data, "separate": (stream,), "reference": samples.data[:1]}[batches]
            found = moments(samples, group)
            if batches == "joint" and stream in samples.own:
                now = dict(zip(samples.behaviour, samples.parameters, strict=True))
                found = tuple((m.xreplace(now), v.xreplace(now)) for m, v in found)
            return tuple((x - m) / sp.sqrt(v + epsilon) for x, (m, v) in zip(point, found, strict=True))

        return with_samples(game, remapped(samples, normalised)), rule

    return build, f"large batches, {batches}"
