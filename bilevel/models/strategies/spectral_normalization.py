"""Spectral normalisation: the critic's weights on its inputs are divided by their length.

Main definitions: `spectral_normalization`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.models.charts import Chart
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_samples


@strategy(
    row="Spectral normalization",
    variants=({"epsilon": 0}, {}),
    numbers={"epsilon": "1/4"},
)
def spectral_normalization(epsilon: Any = None, bound: Any = 1) -> Any:
    """The weights that multiply an input are divided by their length; the rest, a constant say, is left alone.

    Math: w -> bound w/sqrt(|w|^2 + eps), over the weights w with d^2 Q/(dw dx) != 0. At eps = 0 this is the spectral
        norm of a critic of one linear layer, undefined at w = 0; a positive eps is a smooth model of it.

    Reference: Miyato, Kataoka, Koyama, Yoshida (2018), arXiv:1802.05957.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import spectral_normalization
        >>> spectral_normalization("1/4")(gan_in_samples())[0].samples.value.expr
        psi*t/sqrt(psi**2 + 1/4)
    """

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "spectral_normalization")
        value = samples.value
        inner = [w for w in samples.weights if any(sp.diff(value.expr, w, x) != 0 for x in samples.coordinates)]
        length = sp.sqrt(sum((w**2 for w in inner), sp.S.Zero) + epsilon)
        scaled = {w: bound * w / length for w in inner}
        body = value.expr.subs(scaled, simultaneous=True)
        chart = Chart(tuple(inner), tuple(scaled.values()), bound**2 - sum(w**2 for w in inner)) if epsilon else None
        return with_samples(game, replace(samples, value=sp.Lambda(value.variables, body), chart=chart)), rule

    return build, "" if epsilon == 0 else "smooth model with eps under the root"
