"""DRAGAN: the critic's slope is drawn to length one around the data.

Main definitions: `dragan`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.coordinate_laws import Normal
from bilevel.language.gaussian_lengths import mean_length
from bilevel.models.samples import Samples
from bilevel.models.strategies.protocol.points import need_slopes, squared_slope
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_costs


@strategy(row="DRAGAN penalty", numbers={"gamma": "1/2"})
def dragan(gamma: Any = None, spread: Any = 1) -> Any:
    """The critic pays for a slope that is not of length one at noisy data.

    Math: gamma/2 E (|dQ/dx|(x + e) - 1)^2, x of the critic's first kind of data, e ~ N(0, spread) in each input; with
        a kink at slope zero.

    Raises: GameError where the critic is shown finitely many fixed points.

    Reference: Kodali, Abernethy, Hays, Kira (2017), arXiv:1705.07215.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import dragan
        >>> dragan("1/2")(gan_in_samples())[0].costs
        (('discriminator', (Abs(psi) - 1)**2/4),)
    """

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "dragan")
        need_slopes(samples, "a penalty on the slope")
        now = dict(zip(samples.behaviour, samples.parameters, strict=True))
        changed, noisy = samples, []
        for entry in samples.data[0].shown[: len(samples.coordinates)]:
            changed, e = changed.with_law("e_data", Normal(0, spread))
            noisy.append(entry.xreplace(now) + e)
        noisy += samples.data[0].shown[len(noisy) :]
        square = sp.factor(squared_slope(samples, tuple(noisy)))
        return with_costs(game, {samples.critic: gamma / 2 * _averaged(changed, square)}), rule

    return build


def _averaged(samples: Samples, square: Any) -> Any:
    """E (sqrt(q) - 1)^2: E q - 2 E sqrt(q) + 1 where the slope is a normal vector in the plane."""
    length = sp.sqrt(square)
    drawn = {s: law for s, law in samples.laws.items() if s in square.free_symbols}
    if isinstance(length, sp.Pow) and all(isinstance(law, Normal) and law.mean == 0 for law in drawn.values()):
        standard = {s: sp.sqrt(law.variance) * s for s, law in drawn.items()}
        mean = mean_length(sp.expand(square.subs(standard, simultaneous=True)), list(drawn))
        if mean is not None:
            return samples.average(sp.expand(square)) - 2 * mean + 1
    return samples.average((length - 1) ** 2)
