"""The fixed test problems on which the table's strategies are weighed.

Main definitions: `PROBLEMS`, `Bench`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from bilevel.models import (
    bandit_in_samples,
    gan_in_samples,
    gaussian_gan_in_samples,
    linear_quadratic_gan_in_samples,
    regulator_in_samples,
    two_states_in_samples,
)
from bilevel.rules import alternating, flow

STEP = sp.Symbol("h", positive=True)
RULES: dict[str, Callable[[], Any]] = {"flow": flow, "alternating": lambda: alternating(STEP)}


@dataclass(frozen=True)
class Bench:
    """One test problem: its side of the table, its game, and the equilibrium that learning should reach."""

    name: str
    side: str
    title: str
    make: Callable[[], Any]
    point: tuple[tuple[str, Any], ...]

    def game(self) -> Any:
        """The game, made once, so that what is derived from it is derived once."""
        return _made(self.make)


@cache
def _made(make: Callable[[], Any]) -> Any:
    return make()


PROBLEMS = (
    Bench("dirac", "gan", "Dirac-GAN", gan_in_samples, (("theta", 0), ("psi", 0))),
    Bench(
        "linear-quadratic",
        "gan",
        "Linear-quadratic GAN",
        linear_quadratic_gan_in_samples,
        (("b", 0), ("sigma", 1), ("w1", 0), ("w2", 0)),
    ),
    Bench(
        "gaussian",
        "gan",
        "Gaussian GAN",
        lambda: gaussian_gan_in_samples(1),
        (("theta", 1), ("phi_1", 0), ("phi_2", 0)),
    ),
    Bench("bandit", "ac", "Bandit", bandit_in_samples, (("theta", "log(2)"), ("q1", "log(2)"), ("q2", 0))),
    Bench(
        "two-states",
        "ac",
        "Two-state decision process",
        two_states_in_samples,
        (("theta_1", 0), ("theta_2", 0), ("q_1_1", 1), ("q_1_2", 1), ("q_2_1", 0), ("q_2_2", 0)),
    ),
    Bench("regulator", "ac", "Regulator", regulator_in_samples, (("k", "1/2"), ("w1", "-5/2"), ("w2", -2), ("w3", -2))),
)
