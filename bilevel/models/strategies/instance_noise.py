"""Instance noise: everything the critic is shown is blurred.

Main definitions: `instance_noise`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.coordinate_laws import Normal
from bilevel.models.samples import Samples
from bilevel.models.strategies.protocol.points import need_slopes, remapped
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_samples


@strategy(row="Instance noise", numbers={"variance": "1/4"})
def instance_noise(variance: Any = None) -> Any:
    """Normal noise is added to every point the critic is shown, real and generated.

    Math: Q(x + e), e ~ N(0, variance) in each input, drawn anew for each point.

    Raises: GameError where the critic is shown finitely many fixed points.

    Reference: Sonderby et al. (2017), arXiv:1610.04490; Mescheder et al. (2018), arXiv:1801.04406, lemma 3.2.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import instance_noise
        >>> instance_noise("1/4")(gan_in_samples())[0].samples.own[0].shown
        (e_1/2 + theta,)
    """

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "instance_noise")
        need_slopes(samples, "noise on the points")
        changed, noise = _drawn(samples, variance)
        if any(stream.later for stream in samples.data):  # what comes next is another point, with noise of its own
            changed, later = _drawn(changed, variance)
        else:
            later = noise
        blurred = remapped(
            changed,
            lambda stream, point: tuple(
                x + e for x, e in zip(point, noise if point is stream.shown else later, strict=True)
            ),
        )
        return with_samples(game, blurred), rule

    return build


def _drawn(samples: Samples, variance: Any) -> tuple[Samples, list[Any]]:
    """The samples with one more independent noise for each coordinate, and these."""
    noise = []
    for k in range(len(samples.coordinates)):
        samples, e = samples.with_law(f"e_{k + 1}", Normal(0, 1))
        noise.append(sp.sqrt(variance) * e)
    return samples, noise + [sp.S.Zero] * samples.tags
