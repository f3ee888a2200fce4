"""Pictures of the Dirac-GAN: eigenvalues along the step size, paths in the plane, step sizes that converge.

Main definitions: `spectra`, `portraits`, `maps`. Everything is evaluated from the derived updates and exact Jacobians.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

from bilevel import show
from bilevel.rules import alternating, derive, simultaneous
from bilevel.show.evaluate import on_arrays

_STEP, _PENALTY = sp.Symbol("h", positive=True), sp.Symbol("gamma", positive=True)
_START = (1.0, 1.0)


def spectra(example: Any) -> Iterator[Any]:
    """Eigenvalues as the step grows: without the penalty beside with it."""
    steps = np.linspace(0.01, 5.0, 400)
    drawn = []
    for penalty, weight, title in (
        ("none", None, "Without penalty"),
        ("R1", sp.Rational(1, 4), "With penalty, γ = 1/4"),
    ):
        paths = {}
        for rule in ("simultaneous", "alternating"):
            matrix = sp.Matrix(example.verdicts[penalty, rule].jacobian)
            paths[rule] = matrix.subs(_PENALTY, weight) if weight is not None else matrix
        figure = show.eigenvalue_paths(paths, steps, parameter=_STEP, title=title)
        drawn.append(
            show.figure(
                show.figure_svg(figure, title=f"Eigenvalues {penalty}"),
                (
                    show.element("b", f"{title}. "),
                    "Eigenvalues of one step as the step size grows. Inside the circle a disturbance shrinks.",
                ),
            )
        )
    yield show.gallery(*drawn)


def portraits(example: Any) -> Iterator[Any]:
    """Paths of flow, simultaneous and alternating steps from one start."""
    drawn = []
    for game, weight, title in (
        (example.bare, None, "Without penalty"),
        (example.penalised, sp.Rational(1, 2), "With penalty, γ = 1/2"),
    ):
        values = {} if weight is None else {_PENALTY: weight}
        field = [-value.subs(values) for value in game.field().values()]
        paths = {
            "flow": _flow(field, game.variables, 40.0),
            "simultaneous, h = 1/2": _iterate(derive(game, simultaneous(sp.Rational(1, 2))), values, 28),
            "alternating, h = 1/2": _iterate(derive(game, alternating(sp.Rational(1, 2))), values, 80),
        }
        figure = show.phase_portrait(field, game.variables, paths, equilibria=[(0.0, 0.0)], title=title)
        drawn.append(show.figure(show.figure_svg(figure, title=f"Plane {title}"), (
            show.element("b", f"{title}. "), "All start at (1, 1); the cross is the equilibrium. ",
            "The flow circles, simultaneous steps spiral out, alternating steps stay near a closed "
            "curve." if weight is None
            else "All three now reach the equilibrium.")))  # fmt: skip
    yield show.gallery(*drawn)


def _iterate(update: Any, values: dict[Any, Any], count: int) -> np.ndarray:
    """Iterates of the derived update equations."""
    variables = update.game.variables
    steps = [on_arrays(value.subs(values), variables) for value in update.composed().values()]
    points = [np.array(_START)]
    for _ in range(count):
        points.append(np.array([float(step(*points[-1])) for step in steps]))
    return np.array(points)


def _flow(field: list[Any], variables: tuple[Any, ...], until: float) -> np.ndarray:
    """The flow, by the classical Runge-Kutta rule with small steps (for the eye)."""
    parts = [on_arrays(part, variables) for part in field]
    slope = lambda z: np.array([float(part(*z)) for part in parts])
    points, step = [np.array(_START)], 0.1
    for _ in range(int(until / step)):
        z = points[-1]
        a = slope(z)
        b = slope(z + step / 2 * a)
        c = slope(z + step / 2 * b)
        points.append(z + step / 6 * (a + 2 * b + 2 * c + slope(z + step * c)))
    return np.array(points)


def maps(example: Any) -> Iterator[Any]:
    """Spectral radius over step size and penalty, with the exact boundary of the condition drawn over it."""
    steps, weights = np.linspace(0.02, 5.0, 120), np.linspace(0.0, 3.0, 100)
    drawn = []
    for rule in ("simultaneous", "alternating"):
        verdict = example.verdicts["R1", rule]
        figure = show.stability_map(
            radius(verdict.jacobian),
            steps,
            weights,
            names=(_STEP, _PENALTY),
            boundary=border(verdict.condition),
            title=rule.capitalize(),
        )
        drawn.append(
            show.figure(
                show.figure_svg(figure, title=f"Map {rule}"),
                (
                    show.element("b", f"{rule.capitalize()} steps. "),
                    "Blue converges, orange does not. The black curve is the exact condition ",
                    verdict.condition,
                    ", not a level line of the colours.",
                ),
            )
        )
    yield show.gallery(*drawn)


def radius(matrix: Any) -> Any:
    """Spectral radius of a 2 x 2 matrix in (h, gamma), on arrays."""
    entries = [on_arrays(entry, (_STEP, _PENALTY)) for entry in sp.Matrix(matrix)]

    def evaluated(h: Any, gamma: Any) -> Any:
        a, b, c, d = (entry(h, gamma) for entry in entries)
        middle, root = (a + d) / 2, np.sqrt(((a - d) / 2) ** 2 + b * c + 0j)
        return np.maximum(abs(middle + root), abs(middle - root))

    return evaluated


def border(condition: Any) -> Any:
    """An expression that is negative exactly where a conjunction of strict inequalities holds, zero on its border."""
    gaps = [
        relation.lts - relation.gts for relation in (condition.args if isinstance(condition, sp.And) else (condition,))
    ]
    return gaps[0] if len(gaps) == 1 else sp.Max(*gaps)
