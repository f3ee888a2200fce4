"""Batch normalisation of what the critic is shown, virtual batch normalisation included.

Main definitions: `batch_normalization`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.language.coordinate_laws import Finite, Normal, Uniform
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.values import expression
from bilevel.models.samples import Samples, Stream
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
def batch_normalization(
    epsilon: Any = None, batches: str = "joint", n: Any = None, gradient: str = "through", reference: Any = None
) -> Any:
    """The critic's inputs are centred and scaled by the mean and variance of their batch.

    Math: x -> (x - mean)/sqrt(variance + eps), mean and variance over a batch in which n points of every kind ("joint")
        or of one kind ("separate", the actor's points among themselves) are shown, averaged exactly over all batches;
        next points are a batch of their own; differentiated "through" mean and variance or with these "stopped".
        "reference" (virtual): over n points that do not change, and x itself; the points of `reference`, or any with
        mean and variance of the law. Without n: large batches, moments of the laws in place of the batch's (of the
        first kind of data for a reference, held fixed in every gradient). Whom a point meets in its batch is held
        fixed in the actor's gradient: each sample has the score of its own choice. A pair of one kind with a density
        and eps = 0 is +-1 evenly, whatever the law.

    Shapes: `reference` lists numbers or expressions, or tuples of them where a point has several coordinates.

    Raises: GameError for other batches or gradients, or where all points of a batch are one and eps = 0; UnknownAnswer
        for eps = 0 where a real and a generated point meet alone, which jumps where they do.

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
    if reference is not None and batches != "reference":
        raise GameError(f"reference points are for batches='reference'; got batches={batches!r}")
    if batches == "reference":
        return _virtual(epsilon, n, reference)
    if n is None:
        return lambda game, rule: (_large(game, epsilon, batches, stopped=gradient == "stopped"), rule), (
            f"large batches, {batches}"
        )

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "batch_normalization")
        width = len(samples.coordinates)
        if epsilon == 0 and n == (1 if batches == "joint" else 2):
            flat = _pairs(samples, joint=batches == "joint")
            if flat is not None:
                return with_samples(game, flat), rule
        scaled = lambda x, batch: (*(_scaled(k, x, batch, epsilon) for k in range(width)), *x[width:])
        changed = in_batches(samples, n, scaled, joint=batches == "joint", stopped=gradient == "stopped")
        return with_samples(game, changed), rule

    return build


def _spread(samples: Samples, stream: Stream) -> bool:
    """Whether a stream's point is one number that is surely random, with a density."""
    drawn = [s for s in stream.shown[0].free_symbols if isinstance(samples.laws.get(s), Normal | Uniform)]
    return len(samples.coordinates) == 1 and any(
        not sp.diff(stream.shown[0], s, 2) and sp.diff(stream.shown[0], s).is_zero is False for s in drawn
    )


def _pairs(samples: Samples, *, joint: bool) -> Samples | None:
    """Pairs of one law each: (x1 - x2)/|x1 - x2|, even by symmetry; None where a kind is not one law with a density.

    A pair of two laws is refused: the sign of a difference that moves with the parameters.
    """
    if joint and any(_spread(samples, stream) for stream in samples.data):
        raise UnknownAnswer(
            "a pair of one real and one generated point, normalised with epsilon = 0, is +-1 and jumps where they "
            "meet: the gradient of a sample is zero and that of the average is not",
            next_step="give epsilon > 0",
        )
    every = (*samples.data, *samples.own)
    if joint or not all(_spread(samples, s) and not s.later and s.batch == 1 for s in every):
        return None
    if any(len(kindred(some, s.kind)) > 1 for some in (samples.data, samples.own) for s in some):
        return None
    changed, coin = samples.with_law("coin", Finite((-1, 1), (sp.S.Half, sp.S.Half)))
    shown = lambda s: replace(s, shown=(coin, *s.shown[1:]), batch=2)
    data, own = tuple(map(shown, samples.data)), tuple(map(shown, samples.own))
    return replace(changed, data=data, own=own, density=None, law=samples.drawn)


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


def _virtual(epsilon: Any, n: Any, points: Any) -> Any:
    """By a reference batch: n points with mean m and variance v, and the point x itself, or (large) by m and v alone.

    Together their mean is (n m + x)/(n + 1) and their variance n v/(n + 1) + n (x - m)^2/(n + 1)^2.
    """
    if points is not None:
        if n is not None:
            raise GameError(f"a reference batch is given by either n or its points; got n={n} and {points}")
        points = _points(points)
        n = len(points)
    if n is not None and (n != int(n) or n < 1):
        raise GameError(f"a reference batch holds a whole number of points, at least one; got {n}")
    share = sp.S.One if n is None else sp.Rational(n, n + 1)

    def build(game: Any, rule: Any) -> Any:
        samples, held = holding(samples_of(game, "batch_normalization"))
        width, first = len(samples.coordinates), samples.data[0].kind
        found = moments(samples, kindred(samples.data, first)) if points is None else _moments_of(points, width)
        still = [tuple(moment.xreplace(held) for moment in both) for both in found]

        def normalised(_: Stream, point: Point) -> Point:
            pairs = zip(point, still, strict=False)
            scaled = (_over_root(share * (x - m), _square(x, m, v)) for x, (m, v) in pairs)
            return (*scaled, *point[len(still) :])

        return with_samples(game, remapped(samples, normalised)), rule

    def _square(x: Any, m: Any, v: Any) -> Any:
        return share * v + share * (1 - share) * (x - m) ** 2 + epsilon

    if points is not None:
        return build
    return (
        build,
        "large batches, reference" if n is None else f"a reference batch of {n} with the law's mean and variance",
    )


def _points(given: Any) -> tuple[Point, ...]:
    """Reference points as tuples of coordinates."""
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise GameError(f"a reference batch lists its points, at least one; got {given!r}")
    rows = (x if isinstance(x, tuple | list) else (x,) for x in given)
    return tuple(tuple(expression(e, "a reference point") for e in row) for row in rows)


def _moments_of(points: tuple[Point, ...], width: int) -> tuple[tuple[Any, Any], ...]:
    """Mean and variance of every coordinate over points."""
    if any(len(point) != width for point in points):
        raise GameError(f"a point has {width} coordinate{'s' * (width > 1)} here; the reference batch is {points}")
    means = [sum(column, sp.S.Zero) / len(points) for column in zip(*points, strict=True)]
    squares = [sum((x[k] ** 2 for x in points), sp.S.Zero) / len(points) for k in range(width)]
    return tuple((m, sp.expand(s - m**2)) for m, s in zip(means, squares, strict=True))
