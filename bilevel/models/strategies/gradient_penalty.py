"""R1 and R2: the critic pays for its slope at data, or at generated points.

Main definitions: `gradient_penalty`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.models.strategies.protocol.points import need_slopes, squared_slope
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_costs


@strategy(row="R1 and R2 penalties", variants=({"kind": "R1"}, {"kind": "R2"}), numbers={"gamma": "1/2"})
def gradient_penalty(gamma: Any = None, kind: str = "R1") -> Any:
    """The critic also pays for the squared slope of its value where data are shown (R1) or where the actor's points are
    (R2).

    Math: gamma/2 E |dQ/dx|^2, over the critic's first kind of data (R1) or over the actor's own points (R2).

    Raises: GameError for another kind, or where the critic is shown finitely many fixed points.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, section 4.1.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import gradient_penalty
        >>> gradient_penalty()(gan_in_samples())[0].costs
        (('discriminator', gamma*psi**2/2),)
    """
    if kind not in ("R1", "R2"):
        raise GameError(f"kind is 'R1' or 'R2'; got {kind!r}")

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "gradient_penalty")
        need_slopes(samples, "a penalty on the slope")
        streams = samples.data[:1] if kind == "R1" else samples.own
        now = dict(zip(samples.behaviour, samples.parameters, strict=True))
        slopes = (s.weight * samples.average(sp.expand(squared_slope(samples, s.shown))) for s in streams)
        return with_costs(game, {samples.critic: gamma / 2 * sum(slopes, sp.S.Zero).xreplace(now)}), rule

    return build
