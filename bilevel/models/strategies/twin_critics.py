"""Twin critics: two critics, and the smaller value in the target.

Main definitions: `twin_critics`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.models.samples import Stream
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import copies, samples_of, with_samples


@strategy(row="Twin critics", variants=({}, {"sharpness": 1}))
def twin_critics(sharpness: Any = None) -> Any:
    """Two critics learn the same; the target takes the smaller of their values, the actor follows the first.

    Math: min(Q1, Q2) = (Q1 + Q2 - |Q1 - Q2|)/2, exact, with a kink where the two agree, which is where they end:
        the difference of the critics does not feel the target they share, so it decays by itself and drives the rest.
        With a `sharpness` k, a smooth model: -log((exp(-k Q1) + exp(-k Q2))/2)/k, the mean at 0.

    Reference: Fujimoto, van Hoof, Meger (2018), arXiv:1802.09477; Asadi and Littman (2017), arXiv:1612.05628.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import twin_critics
        >>> [str(v) for v in twin_critics()(gan_in_samples())[0].variables]
        ['theta', 'psi', 'psi_twin']
    """

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "twin_critics")
        twin = copies(game, samples.weights, "twin")
        first = samples.value.expr
        second = first.xreplace(twin)
        least = (first + second) / 2
        if sharpness is None:
            least -= sp.Abs(first - second) / 2
        elif sharpness != 0:
            least = -sp.log((sp.exp(-sharpness * first) + sp.exp(-sharpness * second)) / 2) / sharpness
        picks = sp.symbols("pick1:4", real=True)
        chosen = sum((p * q for p, q in zip(picks, (first, second, least), strict=True)), sp.S.Zero)
        picked = [tuple(sp.Integer(k == j) for j in range(3)) for k in range(3)]

        def extended(stream: Stream, which: int) -> Stream:
            later = tuple((p, (*x, *picked[2])) for p, x in stream.later)
            kind = f"{stream.kind}{which + 1}"
            return replace(stream, shown=(*stream.shown, *picked[which]), later=later, kind=kind)

        changed = replace(
            samples,
            weights=(*samples.weights, *twin.values()),
            value=sp.Lambda((*samples.value.variables, *picks), chosen),
            data=tuple(extended(stream, k) for stream in samples.data for k in (0, 1)),
            own=tuple(extended(stream, 0) for stream in samples.own),
            held=None,
            density=None,
            law=samples.drawn,
            tags=samples.tags + 3,
        )
        return with_samples(game, changed), rule

    if sharpness is None:
        return build
    return build, "the mean of both values" if sharpness == 0 else "soft minimum in place of the kinked one"
