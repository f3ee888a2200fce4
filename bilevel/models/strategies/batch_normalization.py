"""Batch normalisation of what the critic is shown, virtual batch normalisation included.

Main definitions: `batch_normalization`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.models.samples import Stream
from bilevel.models.strategies.protocol.batches import holding, in_batches, kindred, others
from bilevel.models.strategies.protocol.points import moments, remapped
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_samples

Point = tuple[Any, ...]


@strategy(
    row="Batch normalization",
    printed=("yes", "yes"),
    variants=(
        {"batches": "joint"},
        {"batches": "reference"},
        {"batches": "joint", "n": 1},
        {"batches": "joint", "n": 1, "gradient": "stopped"},
        {"batches": "separate", "n": 2},
        {"batches": "reference", "n": 2},
    ),
    numbers={"epsilon": "1/4"},
    remarks={
        "gan": "essential for deep convolutional networks",
        "ac": "it helped in most environments tried; virtual batch normalisation is untested there",
    },
)
def batch_normalization(epsilon: Any = None, batches: str = "joint", n: Any = None, gradient: str = "through") -> Any:
    """The critic's inputs are centred and scaled by the mean and variance of their batch.

    Math: x -> (x - mean)/sqrt(variance + eps), mean and variance over a batch in which n points of every kind ("joint")
        or of one kind ("separate", the actor's points among themselves) are shown, averaged exactly over all batches;
        next points are a batch of their own; differentiated "through" mean and variance or with these "stopped".
        "reference" (virtual): over n points that do not change, and x itself. Without n: large batches, moments of the
        laws in place of the batch's (of the first kind of data for a reference, held fixed in every gradient). Whom a
        point meets in its batch is held fixed in the actor's gradient: each sample has the score of its own choice.

    Raises: GameError for other batches or gradients, or where all points of a batch are one and eps = 0.

    Reference: Ioffe and Szegedy (2015), arXiv:1502.03167; Salimans et al. (2016), arXiv:1606.03498, section 3.5.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import batch_normalization
        >>> game, _ = batch_normalization(1, "joint", 1)(gan_in_samples())
        >>> game.samples.own[0].shown
        (theta/(2*sqrt(theta**2/4 + 1)),)
    """
    if batches not in ("joint", "separate", "reference"):
        raise GameError(f"batches are 'joint', 'separate' or 'reference'; got {batches!r}")
    if gradient not in ("through", "stopped"):
        raise GameError(f"gradient is 'through' or 'stopped'; got {gradient!r}")
    if batches == "reference":
        return _virtual(epsilon, n)
    if n is None:
        return lambda game, rule: (_large(game, epsilon, batches, stopped=gradient == "stopped"), rule), (
            f"large batches, {batches}"
        )

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "batch_normalization")
        width = len(samples.coordinates)
        scaled = lambda x, batch: (*(_scaled(k, x, batch, epsilon) for k in range(width)), *x[width:])
        changed = in_batches(samples, n, scaled, joint=batches == "joint", stopped=gradient == "stopped")
        return with_samples(game, changed), rule

    return build


def _scaled(k: int, x: Point, batch: tuple[Point, ...], epsilon: Any) -> Any:
    """One input less the batch's mean, over the root of the batch's variance, the mean square of all differences / 2"""
    column, size = [other[k] for other in batch], len(batch)
    squares = ((a - b) ** 2 for i, a in enumerate(column) for b in column[:i])
    return _over_root(sp.expand(x[k] - sum(column) / size), sum(squares, sp.S.Zero) / size**2 + epsilon)


def _over_root(off: Any, square: Any) -> Any:
    if square == 0:
        raise GameError("a batch of equal points has variance 0; give epsilon > 0")
    return off / sp.sqrt(square)


def _large(game: Any, epsilon: Any, batches: str, *, stopped: bool) -> Any:
    """By the moments of the laws: of the data of every kind, or of one kind, where the actor's points are a batch of
    their own."""
    samples, held = holding(samples_of(game, "batch_normalization"))

    def normalised(stream: Stream, point: Point) -> Point:
        own = stream in samples.own
        group = kindred(samples.own if own and batches == "separate" else samples.data, stream.kind)
        if batches == "joint":
            group = (*group, *(s for other in others(samples, stream) for s in other))
        if own:  # as in a batch of n: whom a point meets is no choice of its own
            group = tuple(replace(s, weight=s.weight.xreplace(held)) for s in group)
        put = held if stopped else dict(zip(samples.behaviour, samples.parameters, strict=True))
        found = [tuple(m.xreplace(put) if own else m for m in both) for both in moments(samples, group)]
        scaled = (_over_root(x - m, v + epsilon) for x, (m, v) in zip(point, found, strict=False))
        return (*scaled, *point[len(found) :])

    return with_samples(game, remapped(samples, normalised))


def _virtual(epsilon: Any, n: Any) -> Any:
    """By a reference batch: n points with mean m and variance v, and the point x itself, or (large) by m and v alone.

    Together their mean is (n m + x)/(n + 1) and their variance n v/(n + 1) + n (x - m)^2/(n + 1)^2.
    """
    if n is not None and (n != int(n) or n < 1):
        raise GameError(f"a reference batch holds a whole number of points, at least one; got {n}")
    share = sp.S.One if n is None else sp.Rational(n, n + 1)

    def build(game: Any, rule: Any) -> Any:
        samples, held = holding(samples_of(game, "batch_normalization"))
        found = moments(samples, kindred(samples.data, samples.data[0].kind))
        still = [tuple(moment.xreplace(held) for moment in both) for both in found]

        def normalised(_: Stream, point: Point) -> Point:
            pairs = zip(point, still, strict=False)
            scaled = (_over_root(share * (x - m), _square(x, m, v)) for x, (m, v) in pairs)
            return (*scaled, *point[len(still) :])

        return with_samples(game, remapped(samples, normalised)), rule

    def _square(x: Any, m: Any, v: Any) -> Any:
        return share * v + share * (1 - share) * (x - m) ** 2 + epsilon

    model = "large batches, reference" if n is None else f"a reference batch of {n} with the law's mean and variance"
    return build, model
