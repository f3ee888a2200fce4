"""Trajectories of a rule, for phase portraits and plots.

Main definitions: `simulate`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bilevel.language.errors import GameError
from bilevel.numeric.precision import as_numpy, checked_dtype, working
from bilevel.numeric.stepper import reading
from bilevel.rules.protocol.rule import Rule


def simulate(
    game: Any,
    rule: Rule,
    start: Mapping[Any, Any],
    steps: int,
    values: Mapping[Any, Any] | None = None,
    *,
    time_step: float | None = None,
    dtype: Any = "float64",
    **choices: Any,
) -> dict[str, np.ndarray]:
    """Where a rule goes from one or several starting points.

    Math: z_{t+1} = T(z_t) for `steps` steps; a flow dz/dt is integrated by classical Runge-Kutta steps of
        `time_step`, with error O(time_step^4). Points that overflow become inf or nan and stay so. `values` give the
        symbols of game and rule; `choices` go to `reading`.

    Shapes: {variable name: array of shape (steps + 1, ...)}, time first, then the common shape of the starting values.

    Raises: GameError for an incomplete start, a negative number of steps, a flow without `time_step`, or a missing
        value.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, figure 1, for the pictures.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import simultaneous
        >>> x, y, h = sp.symbols("x y h", real=True)
        >>> game = Game(a=minimize(x*y, x), b=maximize(x*y, y))
        >>> simulate(game, simultaneous(h), {x: 1, y: 0}, 2, {h: 1})["y"].tolist()
        [0.0, 1.0, 2.0]
    """
    if steps != int(steps) or steps < 0:
        raise GameError(f"a trajectory has a whole number of steps, at least 0; got {steps}")
    if rule.time == "continuous" and time_step is None:
        raise GameError(f"{rule.name} is a flow: give time_step, the length of one integration step")
    with working(dtype):
        stepper = reading(game, rule, values=values, **choices)
        points = {
            key: jnp.asarray(np.asarray(value, dtype=checked_dtype(dtype))) for key, value in _named(start).items()
        }
        shape = jnp.broadcast_shapes(*(value.shape for value in points.values()))
        spread = {key: jnp.broadcast_to(value, shape).reshape(-1) for key, value in points.items()}
        advance = (
            stepper.step
            if time_step is None or rule.time == "discrete"
            else _integrated(stepper.step, float(time_step))
        )

        def run(params: Any) -> Any:
            def turn(state: Any, _: Any) -> tuple[Any, Any]:
                return advance(*state), state[0]

            last, before = jax.lax.scan(turn, (params, stepper.init(params)), None, length=int(steps))
            return {key: jnp.concatenate([before[key], last[0][key][None]]) for key in params}

        found = as_numpy(jax.jit(jax.vmap(run, out_axes=1))(spread))
    return {key: value.reshape(int(steps) + 1, *shape) for key, value in found.items()}


def _named(start: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(getattr(key, "name", key)): value for key, value in start.items()}


def _integrated(rate: Callable[..., Any], length: float) -> Callable[..., Any]:
    """One classical Runge-Kutta step of dz/dt = rate(z)."""

    def ahead(z: Any, slope: Any, part: float) -> Any:
        return jax.tree.map(lambda a, b: a + part * length * b, z, slope)

    def advance(z: Any, state: Any) -> Any:
        first, _ = rate(z, state)
        second, _ = rate(ahead(z, first, 0.5), state)
        third, _ = rate(ahead(z, second, 0.5), state)
        fourth, _ = rate(ahead(z, third, 1.0), state)
        mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, first, second, third, fourth)
        return ahead(z, mean, 1.0), state

    return advance
