"""A model's small instance held against the model: losses of any form, realised with the instance's networks and laws.

Main definitions: `check_instance`.

Two roads to the same numbers. One takes the losses to coordinates and differentiates them there, symbolically. The
other compiles the losses as the model writes them, with the instance's networks and laws as JAX functions, and
differentiates automatically.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import sympy as sp

from bilevel.game import Game
from bilevel.language.algebra import is_scalar
from bilevel.language.instance import Instance, Outcomes, as_law
from bilevel.language.instantiate import instantiate
from bilevel.language.law_kinds import Data, Density, Normal
from bilevel.numeric.check import _FLOW, Check, _blocks, _compared, _expressions, _title, _with
from bilevel.numeric.forms import Function, trapezoid
from bilevel.numeric.lowering import Scalars
from bilevel.numeric.realisation import Realisation, realise
from bilevel.numeric.stepper import reading


def check_instance(game: Game, instance: Instance, *, trials: int = 2, seed: int = 0) -> Check:
    """Whether the field of a model's instance is the derivative of the model's own losses at the same numbers.

    Math: F_i of `instantiate(game, instance)`, differentiated in coordinates and evaluated, against d cost_i / d x_i by
        `jax.grad` of the model-level loss with the instance's networks and laws.

    Shapes: the sizes the instance gives.

    Raises: GameError if the instance leaves something open.

    Reference: Bradbury et al. (2018), JAX.

    Examples:
        >>> from bilevel import models
        >>> check_instance(models.gan(), models.gan_instance(), trials=1).passed
        True
    """
    small = instantiate(game, instance)
    plan = realise(*_expressions(game), seed=seed, dims=instance.dims, values=_fixed(game, instance))
    shown = {s for player in small.players.values() for s in player.loss.free_symbols} | set(small.variables)
    names = {c for v in plan.variables for c in _components(v, instance)}
    extra = _numbers(sorted(shown - names, key=str), seed)
    laws = {law.name: law for e in _expressions(game) for law in e.atoms(Data, Density)}
    plan = replace(
        plan,
        networks={name: Function(_network(instance.network(name), extra)) for name in plan.networks},
        laws={name: _Chosen(instance.laws[name], _size(laws[name], instance), name, extra) for name in plan.laws},
        fine=any(isinstance(_probe(law, instance), Normal) for law in laws.values()),
    )
    field = small.field()

    def both(numbers: Any) -> tuple[Any, Any]:
        known = {**extra, **_by_component(plan, instance, numbers)}
        here = Scalars(known)
        stepper = reading(game, _FLOW, realisation=_with(plan, numbers), values=numbers["values"])
        slopes = {str(key): slope for key, slope in stepper.field(_blocks(game, numbers)).items()}
        left = [jnp.asarray(here(field[v]), dtype=plan.dtype) for v in small.variables]
        return left, [slopes[str(v)] for v in game.variables]

    return _compared(_title("the instance's field", game), both, plan, range(seed, seed + trials))


@dataclass(frozen=True)
class _Chosen:
    """A law of the instance as outcomes and probabilities, or on a grid, at the current parameters."""

    given: Any
    size: int | None
    name: str
    extra: Mapping[Any, Any]
    sizes: Any = ()

    def nodes(self, numbers: Any, *parameters: Any) -> tuple[Any, Any]:
        """Outcomes and their probabilities."""
        law, here = self._law(parameters)
        if isinstance(law, Normal):
            return trapezoid(_flat(here, law.args[0]), here(law.args[1]), self.size)
        points = jnp.stack([_flat(here, value) for value in law.values])
        shares = jnp.stack([jnp.asarray(here(p)) for p in law.probabilities])
        return (points[:, 0] if self.size is None else points), shares

    def log_density(self, numbers: Any, value: Any, *parameters: Any) -> Any:
        """Logarithm of the density, or of the probability of the outcome nearest to the value."""
        law, here = self._law(parameters)
        if isinstance(law, Normal):
            apart = jnp.ravel(value) - _flat(here, law.args[0])
            spread = here(law.args[1])
            return -jnp.sum(apart**2) / (2 * spread) - apart.shape[0] * jnp.log(2 * np.pi * spread) / 2
        points, shares = self.nodes(numbers, *parameters)
        points = jnp.reshape(points, (shares.shape[0], -1))
        return jnp.log(shares[jnp.argmin(jnp.sum((points - jnp.ravel(value)) ** 2, axis=1))])

    def _law(self, parameters: Sequence[Any]) -> tuple[Any, Scalars]:
        if not callable(self.given) or isinstance(self.given, Normal):
            return as_law(self.given, self.size, self.name), Scalars(self.extra)
        groups, known = _places(parameters)
        return as_law(self.given(*groups), self.size, self.name), Scalars({**self.extra, **known})


def _network(function: Callable[..., Any], extra: Mapping[Any, Any]) -> Callable[..., Any]:
    def called(*arguments: Any) -> Any:
        groups, known = _places(arguments)
        value = function(*groups)
        here = Scalars({**extra, **known})
        if isinstance(value, (list, tuple, sp.MatrixBase, sp.Tuple)):
            return _flat(here, value)
        return jnp.asarray(here(sp.sympify(value, strict=True)))

    return called


def _places(arguments: Sequence[Any]) -> tuple[list[Any], dict[Any, Any]]:
    """Symbols for arguments as an instance's function takes them, and the arrays that stand for them."""
    groups: list[Any] = []
    known: dict[Any, Any] = {}
    for argument in arguments:
        array = jnp.asarray(argument)
        symbols = [sp.Dummy(real=True) for _ in range(array.size)]
        known |= dict(zip(symbols, jnp.ravel(array), strict=True))
        groups.append(symbols[0] if array.ndim == 0 else symbols)
    return groups, known


def _flat(here: Scalars, value: Any) -> Any:
    entries = list(value) if isinstance(value, (list, tuple, sp.MatrixBase, sp.Tuple)) else [value]
    return jnp.stack([jnp.asarray(here(sp.sympify(entry, strict=True)), dtype=float) for entry in entries])


def _size(law: Any, instance: Instance) -> int | None:
    return None if law.dim is None else instance.size(law.dim)


def _probe(law: Any, instance: Instance) -> Any:
    """The kind of law the instance gives, at symbols."""
    given = instance.laws[law.name]
    if callable(given) and not isinstance(given, Normal):
        sizes = [None if is_scalar(p) else instance.size(p.shape[0]) for p in law.parameters]
        given = given(*(sp.Dummy(real=True) if n is None else [sp.Dummy(real=True) for _ in range(n)] for n in sizes))
    found = as_law(given, _size(law, instance), law.name)
    return found if not isinstance(found, Outcomes) else None


def _components(variable: Any, instance: Instance) -> list[Any]:
    if isinstance(variable, sp.MatrixSymbol):
        return list(instance.components(variable.name, instance.size(variable.shape[0])))
    return [instance.scalars.get(variable.name, variable)]


def _by_component(plan: Realisation, instance: Instance, numbers: Any) -> dict[Any, Any]:
    known: dict[Any, Any] = {}
    for variable in plan.variables:
        parts = _components(variable, instance)
        known |= dict(zip(parts, jnp.ravel(numbers["values"][variable.name]), strict=True))
    return {symbol: value for symbol, value in known.items() if isinstance(symbol, sp.Symbol)}


def _fixed(game: Game, instance: Instance) -> dict[str, Any]:
    """What the instance gives as numbers: components of vectors and scalar parameters."""
    free = {v.name for v in realise(*_expressions(game), dims=instance.dims).variables}
    given: dict[str, Any] = {name: sp.Matrix([value])[0] for name, value in instance.scalars.items()}
    given |= {name: sp.Matrix(list(value)) for name, value in instance.vectors.items()}
    known = {name: value for name, value in given.items() if name in free and not value.free_symbols}
    return {
        name: np.array(value, dtype=float).ravel() if name in instance.vectors else float(value)
        for name, value in known.items()
    }


def _numbers(symbols: Sequence[Any], seed: int) -> dict[Any, Any]:
    source = np.random.default_rng(seed + 1)
    return {s: source.uniform(0.15, 0.9) if s.is_positive else 0.6 * source.standard_normal() for s in symbols}


__all__ = ["check_instance"]
