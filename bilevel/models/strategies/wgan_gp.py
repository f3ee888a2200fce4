"""WGAN-GP: the critic's slope is drawn to length one between data and generated points.

Main definitions: `wgan_gp`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.coordinate_laws import Uniform
from bilevel.language.errors import GameError
from bilevel.models.strategies.protocol.points import need_slopes, squared_slope
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_costs


@strategy(row="WGAN-GP penalty", variants=({}, {"sides": "one"}), numbers={"gamma": "1/2"})
def wgan_gp(gamma: Any = None, sides: str = "two") -> Any:
    """The critic pays for a slope that is not of length one ("two" sides), or for one that is longer ("one" side).

    Math: gamma/2 E (|dQ/dx| - 1)^2 or gamma/2 E max(0, |dQ/dx| - 1)^2 on the line between the critic's first kind of
        data and an actor's point. The two-sided one has a kink at slope zero, where there is no derivative.

    Raises: GameError for another number of sides, or where the critic is shown finitely many fixed points.

    Reference: Gulrajani et al. (2017), arXiv:1704.00028; Mescheder et al. (2018), arXiv:1801.04406, for the kink.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import wgan_gp
        >>> wgan_gp()(gan_in_samples())[0].costs
        (('discriminator', gamma*(Abs(psi) - 1)**2/2),)
    """
    if sides not in ("one", "two"):
        raise GameError(f"sides is 'one' or 'two'; got {sides!r}")

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "wgan_gp")
        need_slopes(samples, "a penalty on the slope")
        changed, u = samples.with_law("u_mix", Uniform(0, 1))
        now = dict(zip(samples.behaviour, samples.parameters, strict=True))
        pairs = zip(samples.data[0].shown, samples.own[0].shown, strict=True)
        mixed = tuple(u * a.xreplace(now) + (1 - u) * b for a, b in pairs)
        length = sp.sqrt(sp.factor(squared_slope(samples, mixed)))
        gap = length - 1 if sides == "two" else sp.Max(0, length - 1)
        return with_costs(game, {samples.critic: gamma / 2 * changed.average(gap**2)}), rule

    return build
