"""Backward-error results: the differential equations and the losses that discrete rules follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy as sp

from bilevel.analysis.modified import modified_field, modified_losses
from bilevel.game import Game, minimize
from bilevel.rules import Rule, alternating, extragradient, proximal_point, rule, simultaneous
from bilevel.system import flow_of
from tests.published.claims import Check, Result, holds, same

x, y, s, h = sp.symbols("x y s h", real=True)


@rule
def jacobian_method(step: Any) -> Callable[..., Any]:
    """z - s F + s^2 F' F, a rule the library does not have."""
    return lambda field: lambda z: z - step * field(z) + step * (step * field.jvp(z, field(z)))


def order_one_equations() -> Iterator[Check]:
    F = [sp.Function(name)(x, y) for name in ("F1", "F2")]
    system = flow_of({x: -F[0], y: -F[1]})
    half = [sum(sp.diff(f, v) * g for v, g in zip((x, y), F, strict=True)) / 2 for f in F]
    rules: dict[str, tuple[Rule, int]] = {
        "descent": (simultaneous(s), -1),
        "proximal point": (proximal_point(s), 1),
        "extragradient": (extragradient(s), 1),
        "the Jacobian method": (jacobian_method(s), 1),
    }
    for name, (chosen, sign) in rules.items():
        found = modified_field(system, chosen, s)
        for v, f, extra in zip((x, y), F, half, strict=True):
            yield same(f"{name}, {v}: -F {'+' if sign > 0 else '-'} (s/2) F' F", found.field[v], -f + sign * s * extra)


def losses_with_a_drift() -> Iterator[Check]:
    phi, theta = sp.symbols("phi theta", real=True)
    E = sp.Function("E")(phi, theta)
    game = Game(phi=minimize(-E, phi), theta=minimize(E, theta))
    own, other = sp.diff(E, phi) ** 2, sp.diff(E, theta) ** 2
    first = -E + h / 4 * own - h / 4 * other
    claims = {
        "simultaneous": (simultaneous(h), E - h / 4 * own + h / 4 * other),
        "alternating": (alternating(h), E + h / 4 * own + h / 4 * other),
    }
    for name, (chosen, second) in claims.items():
        found = modified_losses(game, chosen, h)
        yield holds(f"{name}: modified losses exist", found is not None)
        if found:
            # A loss counts up to terms its player cannot move.
            yield same(f"{name}: phi", sp.expand(sp.diff(found["phi"] - first, phi).doit()), 0)
            yield same(f"{name}: theta", sp.expand(sp.diff(found["theta"] - second, theta).doit()), 0)
    wrong = E - h / 4 * own + h / 4 * other
    found = modified_losses(game, alternating(h), h)
    yield holds(
        "the simultaneous loss is not the alternating one",
        sp.expand(sp.diff((found or {})["theta"] - wrong, theta).doit()) != 0,
    )


RESULTS = (
    Result(
        "O01",
        "Lu 2022, arXiv:2001.08826",
        "In s, descent follows -F - (s/2)F'F; proximal point, extragradient, Jacobian method -F + (s/2)F'F.",
        order_one_equations,
    ),
    Result(
        "O02",
        "Rosca et al. 2021, arXiv:2105.13922",
        "Modified losses of simultaneous and alternating steps, zero-sum, equal rates.",
        losses_with_a_drift,
    ),
)
