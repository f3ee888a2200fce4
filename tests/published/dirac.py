"""The Dirac-GAN, written out: data at 0, generator at theta, discriminator D(x) = psi x, an unspecified score f.

Of f only f(0), f'(0) = F1, not zero, and f''(0) = F2 are given. Penalties are computed from the discriminator's slope,
averages over instance noise from the law of the noise.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.game import Game, maximize, minimize
from bilevel.models.scores import score

theta, psi = sp.symbols("theta psi", real=True)
f = score("unspecified")
F1, F2 = sp.Symbol("f1", real=True, nonzero=True), sp.Symbol("f2", real=True)


def dirac(penalty: Any = 0, f: Any = f) -> Game:
    """min over theta, max over psi of f(psi theta) + f(0), less the discriminator's penalty."""
    value = f(psi * theta) + f(sp.S.Zero)
    return Game(generator=minimize(value, theta), discriminator=maximize(value - penalty, psi))


def slope_penalty(where: str, weight: Any) -> Any:
    """weight/2 times the squared slope of D at the data (R1), at the generated point (R2), or both."""
    x = sp.Symbol("x", real=True)
    squared = sp.diff(psi * x, x) ** 2
    at_data, at_fake = squared.subs(x, 0), squared.subs(x, theta)
    return weight / 2 * {"R1": at_data, "R2": at_fake, "both": at_data + at_fake}[where]
