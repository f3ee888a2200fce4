"""Compatibility: a critic that is linear in the score of the actor's law.

Main definitions: `compatibility`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.language.errors import UnknownAnswer
from bilevel.language.nodes import stop_gradient
from bilevel.models.strategies.protocol.points import need_spread
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_samples


@strategy(
    row="Compatibility",
    printed=("no", "yes"),
    remarks={
        "gan": "unclear: the true value is constant, its gradient zero, and the two are meant to be adversaries",
        "ac": "an optimal critic that is linear in the score gives an unbiased policy gradient",
    },
)
def compatibility() -> Any:
    """The critic is replaced by one that is linear in the score of the actor's law, with a baseline.

    Math: Q(x) = w . d log p(x; theta)/d theta + v . phi(s), the score at the current theta, held fixed, phi features of
        what the actor sees (a constant where it sees nothing); the critic's fit then gives the actor an unbiased
        gradient, w being the natural one.

    Raises: GameError where the actor makes one point for certain, UnknownAnswer where its law has no density that is
        known.

    Reference: Sutton, McAllester, Singh, Mansour (2000), theorem 2; Pfau and Vinyals (2016), section 3.9.

    Examples:
        >>> from bilevel.models import gaussian_gan_in_samples
        >>> from bilevel.models.strategies import compatibility
        >>> [str(v) for v in compatibility()(gaussian_gan_in_samples())[0].variables]
        ['theta', 'c1', 'v']
    """

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "compatibility")
        need_spread(samples, "compatibility")
        if samples.score is None:
            raise UnknownAnswer(
                "the actor's law has no density known in closed form, so it has no score",
                next_step="give the actor noise, or write the critic in terms of its score",
            )
        c = tuple(sp.Symbol(f"c{k + 1}", real=True) for k in range(len(samples.parameters)))
        inputs = samples.score.variables
        seen = sp.Tuple(sp.S.One) if samples.seen is None else samples.seen(*inputs)
        v = sp.symbols("v" if len(seen) == 1 else f"v1:{len(seen) + 1}", real=True, seq=True)
        still = {p: sp.Symbol(f"{p.name}_held", **p._assumptions_orig) for p in samples.parameters}
        score = [entry.xreplace(still) for entry in samples.score.expr]
        terms = (a * b for a, b in (*zip(c, score, strict=True), *zip(v, seen, strict=True)))
        value = sp.Lambda(inputs, sum(terms, sp.S.Zero))
        frozen = tuple((symbol, stop_gradient(p)) for p, symbol in still.items())
        return with_samples(
            game, replace(samples, weights=(*c, *v), value=value, held=None, frozen=(*samples.frozen, *frozen))
        ), rule

    return build
