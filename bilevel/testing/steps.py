"""Training steps and gradients held against derived ones.

Main definitions: `assert_implements`, `assert_gradient`.

Nothing of the user's code is looked into: it is called at points. The library that wrote it does not matter, as long as
it takes and gives numbers or arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bilevel.game import Game
from bilevel.language.errors import GameError
from bilevel.language.instantiate import instantiate
from bilevel.rules import derive
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.update import Update
from bilevel.testing.adapters import Step, as_function, named, precision
from bilevel.testing.explain import Mismatch, Tried, explain, table
from bilevel.testing.sampling import points as drawn_points
from bilevel.testing.sampling import smallest

__all__ = ["assert_gradient", "assert_implements"]

_GRADIENT = Rule("the gradient", (), lambda field: lambda z: field(z), "continuous")


def assert_implements(
    step: Any,
    derived: Any,
    *,
    values: Mapping[Any, Any] | None = None,
    points: Iterable[Any] | None = None,
    arguments: tuple[Any, ...] = (),
    instance: Any = None,
    trials: int = 10,
    seed: int = 0,
    tolerance: float | None = None,
) -> None:
    """Assert that a training step does what a derived update says; a failure names the slip it looks like.

    Math: |step(z)_v - update(z)_v| <= tolerance (1 + |update(z)_v|) for every variable v at every point tried. Where it
        fails, the point is made small and the step is compared with mutants of the update (see `mutants`). The
        tolerance follows the results' type (1e-9 in float64, 3e-5 in float32) unless given. An update with memory:
        the step takes and returns keys such as x@previous as well.

    Shapes: the step takes {name: number} and returns {name: number or array of shape ()}, or these in order. It is a
        function, or an object with a method `step`: with an argument it is called so; without, variables are set and
        read as attributes. Every call gets a fresh copy of the object. For optax see `optimizer_step`. `arguments`
        follow the point: a batch, a key. An update of a model-level game needs the `instance` that `instantiate`
        takes: its networks and laws. For real networks `derived` is `bilevel.numeric.reading(losses, rule)` on losses
        in JAX; the step then takes {player: pytree}, `points` are parameters of your shapes, and `arguments` go to
        the losses too.

    Raises: Mismatch (an AssertionError) with the smallest point found, both values and the reasons; GameError for
        missing names, or where the update has no value at any point.

    Reference: Claessen and Hughes (2000), QuickCheck.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import derive, simultaneous
        >>> x, y = sp.symbols("x y", real=True)
        >>> update = derive(Game(a=minimize(x*y, x), b=maximize(x*y, y)), simultaneous("1/10"))
        >>> assert_implements(lambda z: {"x": z["x"] - 0.1*z["y"], "y": z["y"] + 0.1*z["x"]}, update)
    """
    if not isinstance(derived, Update):
        from bilevel.testing.trees import hold_tree

        return hold_tree(step, derived, points, arguments, trials, seed, tolerance)
    derived, code = _in_coordinates(derived, instance), as_function(step)
    variables = derived.game.variables
    keys = (*map(str, variables), *(f"{v}@{part}" for part, v in derived.remembered))
    # What a memory part that starts at zero holds may be a mean of squares, so it is kept from being negative.
    zero = {part for part, how in derived.rule.memory if how == "zero"}
    inputs = {key: _Like(key, _nonnegative(v)) for key, v in zip(keys, variables, strict=False)}
    inputs |= {f"{v}@{part}": _Like(f"{v}@{part}", part in zero) for part, v in derived.remembered}
    call = (lambda z: code(z, *arguments)) if arguments else code
    plan = _Plan(call, derived, keys, keys, _numbers(values), tolerance, "the step", list(inputs.values()))
    plan.hold(points, trials, seed)


def _in_coordinates(derived: Update, instance: Any) -> Update:
    """The update in scalar variables; of a model-level game by way of an instance."""
    if derived.game.is_coordinate:
        return derived
    if instance is None:
        raise GameError(
            "this game is at the model level, where networks and laws have no numbers; pass instance="
            "bilevel.language.Instance(dims={...}, networks={...}, laws={...}), or hold the step against "
            "bilevel.numeric.reading(losses, rule) on your own JAX losses"
        )
    return derive(instantiate(derived.game, instance), derived.rule)


def assert_gradient(
    gradient: Any,
    game: Game,
    player: str,
    *,
    values: Mapping[Any, Any] | None = None,
    points: Iterable[Mapping[Any, Any]] | None = None,
    trials: int = 10,
    seed: int = 0,
    tolerance: float | None = None,
) -> None:
    """Assert that a function computes a player's gradient; a failure names the slip it looks like.

    Math: F_v, the derivative of the player's cost (minus the loss of a maximiser) through the replies it declares and
        not through its stopped gradients, for each variable v the player moves; compared as in `assert_implements`.

    Shapes: the function takes {name: number} and returns {name: number} for the player's variables.

    Raises: Mismatch as `assert_implements`; GameError for an unknown player, or missing names or values.

    Reference: Claessen and Hughes (2000), QuickCheck.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> x = sp.Symbol("x", real=True)
        >>> assert_gradient(lambda z: {"x": 2*z["x"]}, Game(a=minimize(x**2, x)), "a")
    """
    wanted, numbers = tuple(map(str, game[player].moves)), _numbers(values)
    if missing := [str(s) for s in game.parameters if str(s) not in numbers]:
        raise GameError(f"the game needs a value for {', '.join(missing)}; pass values={{'{missing[0]}': ...}}")
    every = tuple(map(str, game.variables))
    likes = [_Like(str(v), _nonnegative(v)) for v in game.variables]
    plan = _Plan(gradient, derive(game, _GRADIENT), every, wanted, numbers, tolerance, "the gradient", likes)
    plan.hold(points, trials, seed)


class _Like:
    """A name that stands for numbers of a kind."""

    def __init__(self, name: str, nonnegative: bool) -> None:
        self.name, self.is_nonnegative = name, nonnegative

    def __str__(self) -> str:
        return self.name


def _nonnegative(variable: Any) -> bool:
    return bool(getattr(variable, "is_nonnegative", False))


def _numbers(values: Mapping[Any, Any] | None) -> dict[str, float]:
    return {str(key): float(value) for key, value in (values or {}).items()}


class _Plan:
    """One comparison: the code, the update, what is put in and what is compared."""

    def __init__(
        self,
        code: Step,
        update: Update,
        inputs: tuple[str, ...],
        keys: tuple[str, ...],
        values: dict[str, float],
        tolerance: float | None,
        what: str,
        likes: list[_Like],
    ) -> None:
        self.code, self.update, self.inputs, self.keys, self.values = code, update, inputs, keys, values
        self.tolerance, self.what, self.likes = tolerance, what, likes
        self.columns = tuple(inputs.index(key) for key in keys)

    def hold(self, given: Iterable[Mapping[Any, Any]] | None, trials: int, seed: int) -> None:
        chosen = list(drawn_points(self.likes, trials=trials, seed=seed)) if given is None else list(given)
        tried = self.tried([self._row(point) for point in chosen])
        bad = np.abs(tried.found - tried.wanted) <= tried.tolerance * (1 + np.abs(tried.wanted))
        failing = np.flatnonzero(~np.all(bad, axis=1))  # not a number fails as well
        if len(failing) == 0:
            return
        point = dict(zip(self.inputs, map(float, tried.rows[failing[0]]), strict=True))
        # Points that somebody chose are not left: the code may be meant for no others.
        small = smallest(point, lambda at: self._fails(at, tried.tolerance)) if given is None else point
        raise self._mismatch(tried, small)

    def tried(self, rows: list[list[float]], tolerance: float | None = None) -> Tried:
        """Both sides at every row where the update has a value."""
        wanted = table(self.update, rows, self.values)[:, self.columns]
        inside = np.all(np.isfinite(wanted), axis=1)
        if not np.any(inside):
            raise GameError("the derived update has no finite value at the points tried; pass points=[{...}, ...]")
        kept, rounding, found = np.asarray(rows, dtype=float)[inside], tolerance or self.tolerance, []
        for row in kept:
            came = named(self.code(dict(zip(self.inputs, map(float, row), strict=True))), list(self.keys), self.what)
            rounding = max(rounding or 0.0, precision(came)) if self.tolerance is None else rounding
            found.append([_number(value, key) for key, value in came.items()])
        before = np.zeros((len(kept), len(self.keys))) if self.update.continuous else kept[:, self.columns]
        return Tried(self.keys, self.columns, kept, before, np.asarray(found), wanted[inside], rounding or 0.0)

    def _row(self, point: Mapping[Any, Any]) -> list[float]:
        by_name = {str(key): value for key, value in point.items()}
        if missing := [key for key in self.inputs if key not in by_name]:
            raise GameError(f"a point needs a number for {', '.join(missing)}; it has {', '.join(by_name)}")
        return [float(by_name[key]) for key in self.inputs]

    def _fails(self, at: Mapping[str, float], tolerance: float) -> bool:
        if any(like.is_nonnegative and at[str(like)] <= 0 for like in self.likes):
            return False
        try:
            tried = self.tried([self._row(at)], tolerance)
        except Exception:  # outside its domain the user's code may raise anything: such a point shows nothing
            return False
        return bool(np.all(np.isfinite(tried.found)) and not np.all(tried.agrees(tried.wanted)))

    def _mismatch(self, tried: Tried, point: Mapping[str, float]) -> Mismatch:
        shown = self.tried([self._row(point)], tried.tolerance)
        found, wanted = (dict(zip(self.keys, map(float, side[0]), strict=True)) for side in (shown.found, shown.wanted))
        reasons = self._wavering(tried) or explain(self.update, tried, self.values)
        fine = shown.agrees(shown.wanted)
        lines = [f"{self.what} is not the derived one at {_listed(point)}{_where(self.values)}"]
        for key, good in zip(self.keys, fine, strict=True):
            if not good:
                lines.append(f"  {key}: {found[key]:.8g} came, the derived value is {wanted[key]:.8g}")
        lines += [f"it looks like this: {reason}" for reason in reasons] or ["no single known slip explains it"]
        lines += ["derived:", *(f"  {line}" for line in self._equations())]
        return Mismatch("\n".join(lines), point, found, wanted, reasons)

    def _wavering(self, tried: Tried) -> tuple[str, ...]:
        """Whether the code answers differently when it is asked the same again."""
        again = self.tried([list(row) for row in tried.rows], tried.tolerance)
        if again.found.shape == tried.found.shape and np.array_equal(again.found, tried.found, equal_nan=True):
            return ()
        return (f"{self.what} gives other numbers when called again at the same point: it draws random numbers or "
                "keeps a state; hand it a fixed key or seed, or an object that can be copied",)  # fmt: skip

    def _equations(self) -> list[str]:
        if self.update.rule is _GRADIENT:
            return [f"gradient in {v}: {value}" for v, value in self.update.after.items() if str(v) in self.keys]
        return str(self.update).splitlines()


def _number(value: Any, key: str) -> float:
    try:
        array = np.asarray(value.detach() if hasattr(value, "detach") else value, dtype=float)
        return float(array.reshape(())[()])
    except (TypeError, ValueError):
        shape = f" of shape {value.shape}" if hasattr(value, "shape") else ""
        raise GameError(f"{key} should come back as one number; got {type(value).__name__}{shape}") from None


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{key} = {value:.6g}" for key, value in values.items())


def _where(values: Mapping[str, float]) -> str:
    return f" (with {_listed(values)})" if values else ""
