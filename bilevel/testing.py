"""What people import into their own tests: their training step held against a derived update.

Main definitions: `assert_implements`, `assert_gradient`, `points`.

Nothing of the user's code is looked into: it is called at random points. The library that wrote it does not matter, as
long as it takes and gives numbers or arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from bilevel.language.errors import GameError
from bilevel.rules.protocol.update import Update

__all__ = ["assert_gradient", "assert_implements", "points"]


def points(names: Any, *, trials: int = 10, seed: int = 0, scale: float = 1.0) -> Iterator[dict[str, float]]:
    """Random points: a number for every name, standard normal times `scale`; the first point is simple.

    Math: x ~ N(0, scale^2), independent; the first point is 1, 2, 3, ... times scale.

    Reference: Claessen and Hughes (2000), QuickCheck.

    Examples:
        >>> next(points(["x", "y"]))
        {'x': 1.0, 'y': 2.0}
    """
    source, wanted = np.random.default_rng(seed), [str(name) for name in names]
    for trial in range(trials):
        drawn = np.arange(1.0, len(wanted) + 1) if trial == 0 else source.standard_normal(len(wanted))
        yield dict(zip(wanted, map(float, scale * drawn), strict=True))


def assert_implements(
    step: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    derived: Update,
    *,
    values: Mapping[Any, Any] | None = None,
    trials: int = 10,
    seed: int = 0,
    tolerance: float = 1e-6,
) -> None:
    """Assert that a training step does what a derived update says.

    Math: |step(z)_v - update(z)_v| <= tolerance (1 + |update(z)_v|) for every variable v at every point tried. Update
        with memory: the step takes and returns keys such as x@previous as well.

    Shapes: the step takes {name: number} and returns {name: number or array of shape ()}.

    Raises: AssertionError with the point, both values and what the difference looks like; GameError for missing names.

    Reference: Claessen and Hughes (2000), QuickCheck.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import derive, simultaneous
        >>> x, y = sp.symbols("x y", real=True)
        >>> update = derive(Game(a=minimize(x*y, x), b=maximize(x*y, y)), simultaneous("1/10"))
        >>> assert_implements(lambda z: {"x": z["x"] - 0.1*z["y"], "y": z["y"] + 0.1*z["x"]}, update)
    """
    import jax

    from bilevel.numeric.export import jax_function

    function, given = jax_function(derived), {str(key): float(value) for key, value in (values or {}).items()}
    keys = [str(v) for v in derived.game.variables] + [f"{v}@{part}" for part, v in derived.remembered]
    for point in points(keys, trials=trials, seed=seed):
        found = step(dict(point))
        if missing := [key for key in keys if key not in found]:
            raise GameError(f"the step returns {', '.join(found)}; {', '.join(missing)} is missing")
        with jax.enable_x64(True):
            wanted = dict(zip(keys, map(float, function(*point.values(), **given)), strict=True))
        for key in keys:
            _held(key, float(np.asarray(found[key])), wanted[key], point, tolerance)


def assert_gradient(
    gradient: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    game: Any,
    player: str,
    *,
    values: Mapping[Any, Any] | None = None,
    trials: int = 10,
    seed: int = 0,
    tolerance: float = 1e-6,
) -> None:
    """Assert that a function computes a player's gradient.

    Math: F_v, the derivative of the player's cost (minus the loss of a maximiser) through the replies it declares, for
        each variable v the player moves; compared as in `assert_implements`.

    Shapes: the function takes {name: number} and returns {name: number} for the player's variables.

    Raises: AssertionError as `assert_implements`; GameError for an unknown player or missing names.

    Reference: Claessen and Hughes (2000), QuickCheck.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> x = sp.Symbol("x", real=True)
        >>> assert_gradient(lambda z: {"x": 2*z["x"]}, Game(a=minimize(x**2, x)), "a")
    """
    from bilevel.numeric.lowering import lower

    moved = game[player].moves
    inputs = [*game.variables, *game.parameters]
    function = lower([game.field()[v] for v in moved], inputs)
    numbers = {str(key): float(value) for key, value in (values or {}).items()}
    if missing := [str(s) for s in game.parameters if str(s) not in numbers]:
        raise GameError(f"the game needs a value for {', '.join(missing)}; pass values={{'{missing[0]}': ...}}")
    for point in points(game.variables, trials=trials, seed=seed):
        found = gradient(dict(point))
        wanted = function(*point.values(), *(numbers[str(s)] for s in game.parameters))
        for v, value in zip(moved, wanted, strict=True):
            if str(v) not in found:
                raise GameError(f"the gradient returns {', '.join(found)}; {v} is missing")
            _held(str(v), float(np.asarray(found[str(v)])), float(value), point, tolerance, gradient=True)


def _held(
    name: str, found: float, wanted: float, point: Mapping[str, float], tolerance: float, gradient: bool = False
) -> None:
    if abs(found - wanted) <= tolerance * (1 + abs(wanted)):  # false for nan as well
        return
    at = ", ".join(f"{key} = {value:.4g}" for key, value in point.items())
    before = 0.0 if gradient else point[name]
    raise AssertionError(
        f"{name}: {found:.8g} came, the derived value is {wanted:.8g}, at {at}{_hint(found - before, wanted - before)}"
    )


def _hint(moved: float, wanted: float) -> str:
    """What a difference of two steps looks like."""
    if wanted == 0 or not np.isfinite(moved):
        return ""
    ratio = moved / wanted
    told = {
        -1.0: "the opposite sign",
        0.5: "half of it (a factor 1/2)",
        2.0: "twice it (a factor 2)",
        0.0: "no step at all",
    }
    for factor, text in told.items():
        if abs(ratio - factor) < 1e-5:
            return f"; the step taken is {text}"
    return ""
