"""What the adversarial models are put together from: the classifier's loss, and the two losses of whoever fools it.

Main definitions: `classified`, `fooling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.language.expectation import E


def classified(real: Any, real_over: Sequence[Any], fake: Any, fake_over: Sequence[Any]) -> Any:
    """The cross-entropy of a critic's values on real and on generated examples.

    Math: F_GAN = -E[log D(real)] - E[log(1 - D(fake))], each average over its own variables.

    Reference: Goodfellow et al. (2014), arXiv:1406.2661, equation 1.

    Examples:
        >>> from bilevel.language import data, network, normal, random
        >>> D, w, z = network("D", range="probability"), random("w", data("p", "n")), random("z", normal("n"))
        >>> print(classified(D(w), (w,), D(z), (z,)))
        -E_z[log(1 - D(z))] - E_w[log(D(w))]
    """
    return -E(sp.log(real), *real_over) - E(sp.log(1 - fake), *fake_over)


def fooling(fake: Any, over: Sequence[Any], generator: str) -> Any:
    """What a generator minimises so that a critic takes its examples for real.

    Math: "minimax": E[log(1 - D(fake))]; "non-saturating": -E[log D(fake)].

    Raises: GameError for another word.

    Reference: Goodfellow et al. (2014), arXiv:1406.2661, section 3.

    Examples:
        >>> from bilevel.language import network, normal, random
        >>> D, z = network("D", range="probability"), random("z", normal("n"))
        >>> print(fooling(D(z), (z,), "non-saturating"))
        -E_z[log(D(z))]
    """
    losses = {"minimax": E(sp.log(1 - fake), *over), "non-saturating": -E(sp.log(fake), *over)}
    if generator not in losses:
        raise GameError(f"generator is 'minimax' or 'non-saturating'; got {generator!r}")
    return losses[generator]
