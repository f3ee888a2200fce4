"""The Dirac-GAN: a point mass learns a point mass, the smallest game in which training a GAN can fail.

Main definitions: `dirac_gan`.

Notation: data at 0, generator at theta, discriminator D(x) = psi x, which maximises L = f(psi theta) + f(0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel.game import Game, Player, maximize, minimize
from bilevel.language.coordinate_laws import Normal
from bilevel.language.errors import GameError
from bilevel.language.mean import mean
from bilevel.language.values import expression
from bilevel.models.scores import score

_PENALTIES = ("R1", "R2", "both", "one-sided gradient penalty")


def dirac_gan(
    f: str | Callable[[Any], Any] = "logistic",
    penalty: str | None = None,
    *,
    gamma: Any = None,
    bound: Any = None,
    noise: Any = 0,
    generator: str = "minimax",
) -> Game:
    """The Dirac-GAN, with the penalties, the instance noise and the generator losses of the literature.

    Math: discriminator: max_psi E f(psi (theta + e)) + E f(-psi e') - penalty; generator:
        min_theta E f(psi (theta + e)) ("minimax") or min_theta -E f(-psi (theta + e)) ("non-saturating");
        e, e' ~ N(0, `noise`), a variance.
        f: "logistic" -log(1 + exp(-t)), "wasserstein" t, "least squares" -(1 - t)^2/2, "unspecified" (f(0) = f0,
        f'(0) = f1 nonzero, f''(0) = f2), or any function. `penalty`: "R1" and "R2" are gamma/2 psi^2, the squared slope
        of D at the data or at the generated point; "both" is their sum; "one-sided gradient penalty" is
        gamma/2 max(0, |psi| - bound)^2.

    Shapes: two scalars, theta and psi.

    Raises: GameError for an unknown score, penalty or generator loss, and for the two-sided gradient penalty, which has
        a kink at the equilibrium.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, lemmas 2.2 to 3.3.

    Examples:
        >>> game = dirac_gan(penalty="R1")
        >>> theta, psi = game.variables
        >>> game.jacobian().subs({theta: 0, psi: 0})
        Matrix([
        [   0,   1/2],
        [-1/2, gamma]])
    """
    theta, psi = sp.symbols("theta psi", real=True)
    losses = _losses(score(f), theta, psi, expression(noise, "a variance of the noise"))
    if generator not in ("minimax", "non-saturating"):
        raise GameError(f"generator is 'minimax' or 'non-saturating'; got {generator!r}")
    cost = _penalty(penalty, psi, gamma, bound)
    value = losses["minimax"] + losses["real"]
    mover: Player = minimize(losses[generator] + (losses["real"] if generator == "minimax" else 0), theta)
    title = "Dirac-GAN" + (f" with {penalty}" if penalty else "")
    return Game(
        {"generator": mover, "discriminator": maximize(value - cost, psi)},
        title=title,
        source="Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406",
    )


def _losses(f: Callable[[Any], Any], theta: Any, psi: Any, variance: Any) -> dict[str, Any]:
    """Averages over the instance noise; without noise, plain values."""
    if variance == 0:
        return {"minimax": f(psi * theta), "non-saturating": -f(-psi * theta), "real": f(sp.S.Zero)}
    e = sp.Symbol("e", real=True)
    forms = {"minimax": f(psi * (theta + e)), "non-saturating": -f(-psi * (theta + e)), "real": f(-psi * e)}
    return {name: mean(form, {e: Normal(0, variance)}) for name, form in forms.items()}


def _penalty(penalty: str | None, psi: Any, gamma: Any, bound: Any) -> Any:
    if penalty is None:
        return sp.S.Zero
    weight = sp.Symbol("gamma", positive=True) if gamma is None else expression(gamma, "the weight of the penalty")
    limit = sp.Symbol("g0", positive=True) if bound is None else expression(bound, "the bound of the penalty")
    if penalty == "one-sided gradient penalty":
        return weight / 2 * sp.Max(0, sp.Abs(psi) - limit) ** 2
    if penalty not in _PENALTIES:
        kinked = "gradient penalty" in penalty.lower() or "gp" in penalty.lower().split("-")
        if kinked:
            raise GameError(
                "the two-sided gradient penalty (|psi| - g0)^2 has a kink at psi = 0, so the game has no equilibrium "
                "there to linearise at; try 'one-sided gradient penalty', 'R1' or 'R2'"
            )
        raise GameError(f"penalty is one of {', '.join(map(repr, _PENALTIES))}; got {penalty!r}")
    return weight / 2 * psi**2 * (2 if penalty == "both" else 1)
