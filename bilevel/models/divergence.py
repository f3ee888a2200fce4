"""Divergences between a target and a critic's estimate.

Main definitions: `Divergence`, `squared`, `cross_entropy`, `kullback_leibler`, `bregman`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.bregman import bregman as compare


@dataclass(frozen=True)
class Divergence:
    """A loss of an estimate against a target, target first.

    Math: D(target || estimate), least over the estimate at estimate = target.

    Reference: Bregman (1967), doi 10.1016/0041-5553(67)90040-7.

    Examples:
        >>> t, q = sp.symbols("t q", positive=True)
        >>> squared.slope(t, q)
        2*q - 2*t
    """

    name: str
    of: Callable[[Any, Any], Any]

    def __call__(self, target: Any, estimate: Any) -> Any:
        return self.of(target, estimate)

    def slope(self, target: Any, estimate: Any) -> Any:
        """Derivative in the estimate."""
        t, q = sp.Dummy("t", real=True), sp.Dummy("q", positive=True)
        return sp.diff(self.of(t, q), q).xreplace({t: target, q: estimate})


#: (target - estimate)^2
squared = Divergence("squared", lambda t, q: (t - q) ** 2)
#: -t log q - (1 - t) log(1 - q): differs from the Kullback-Leibler divergence by a term free of the estimate
cross_entropy = Divergence("cross_entropy", lambda t, q: -t * sp.log(q) - (1 - t) * sp.log(1 - q))

#: t log(t/q) + (1 - t) log((1 - t)/(1 - q)), for targets strictly between 0 and 1
kullback_leibler = Divergence("kullback_leibler", lambda t, q: t * sp.log(t / q) + (1 - t) * sp.log((1 - t) / (1 - q)))


def bregman(name: str, phi: Callable[[Any], Any]) -> Divergence:
    """The Bregman divergence of a convex function, target first.

    Math: phi(t) - phi(q) - phi'(q) (t - q).

    Reference: Bregman (1967), doi 10.1016/0041-5553(67)90040-7.

    Examples:
        >>> t, q = sp.symbols("t q", positive=True)
        >>> sp.factor(bregman("squared", lambda x: x**2)(t, q))
        (q - t)**2
    """
    return Divergence(name, lambda t, q: compare(phi, t, q))
