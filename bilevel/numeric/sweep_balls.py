"""Ball arithmetic in JAX: every number with a bound on how far rounding has carried it.

Main definitions: `Ball`, `Balls` (SymPy expressions as balls), `certainly` (the comparison that rounding cannot fool).

Math: a ball (v, r) stands for every number within r of v. Each operation adds EPS |v| for its own rounding, EPS being
twice the unit roundoff (Higham 2002, section 3.3, running error analysis). The radii are floats too: `certainly`
widens them once by far more than their own rounding can amount to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp

from bilevel.language.errors import UnknownAnswer
from bilevel.language.functions import sigmoid, softplus

EPS = 2.0**-52
LIBRARY = 16 * EPS  # what we grant a compiled exp, log, sin, ...: vendors promise 1 to 4 units in the last place
TINY = 1e-290  # products below the smallest float vanish; no radius may vanish with them


class Ball:
    """A centre and a radius; radius None: the centre is exact."""

    def __init__(self, value: Any, radius: Any = None) -> None:
        self.value, self.radius = value, radius

    @property
    def spread(self) -> Any:
        """The radius as a number."""
        return 0.0 if self.radius is None else self.radius

    def _with(self, value: Any, *radii: Any) -> Ball:
        return Ball(value, sum((r for r in radii if r is not None), EPS * jnp.abs(value)))

    def __add__(self, other: Ball) -> Ball:
        return self._with(self.value + other.value, self.radius, other.radius)

    def __sub__(self, other: Ball) -> Ball:
        return self._with(self.value - other.value, self.radius, other.radius)

    def __mul__(self, other: Ball) -> Ball:
        return self._with(
            self.value * other.value,
            None if other.radius is None else jnp.abs(self.value) * other.radius,
            None if self.radius is None else (jnp.abs(other.value) + other.spread) * self.radius,
        )

    def __truediv__(self, other: Ball) -> Ball:
        # |a/b - v| <= (ra + |v| rb) / (|b| - rb)
        value, room = self.value / other.value, jnp.abs(other.value) - other.spread
        if self.radius is None and other.radius is None:
            return self._with(value)
        wide = (self.spread + jnp.abs(value) * other.spread) / room
        return self._with(value, jnp.where(room > 0, wide, jnp.inf))

    def power(self, exponent: int) -> Ball:
        """A whole power, not 0, by repeated squaring."""
        half, odd = divmod(abs(exponent), 2)
        root = self.power(half) if half > 1 else self
        result = self if half == 0 else root * root * self if odd else root * root
        return Ball(1.0) / result if exponent < 0 else result

    def through(self, value: Any, slope: Any) -> Ball:
        """A library function's value, whose derivative is at most `slope` on the whole ball."""
        return Ball(value, slope * self.spread + LIBRARY * jnp.abs(value) + TINY)


def number(value: Any) -> Ball:
    """A rational number: the nearest float, exact or half a unit off; one beyond all floats says nothing."""
    try:
        nearest = float(value)
    except OverflowError:
        nearest = math.inf
    if not math.isfinite(nearest):
        return Ball(0.0, math.inf)
    return Ball(nearest, None if sp.Rational(nearest) == value else EPS * abs(nearest) + TINY)


def certainly(positive: Ball) -> Any:
    """Whether every number in the ball is positive; False for nan."""
    return positive.value > positive.spread * 1.000001 + TINY


def _exp(x: Ball) -> Ball:
    value = jnp.exp(x.value)
    return Ball(value, value * (jnp.expm1(x.spread) * (1 + LIBRARY) + LIBRARY) + TINY)


def _log(x: Ball) -> Ball:
    room = x.value - x.spread
    return x.through(jnp.log(x.value), jnp.where(room > 0, 1 / room, jnp.inf))


def _sqrt(x: Ball) -> Ball:
    room = x.value - x.spread
    return x.through(jnp.sqrt(x.value), jnp.where(room > 0, 1 / jnp.sqrt(room), jnp.inf))


_HEADS = {
    sp.exp: _exp,
    sp.log: _log,
    sp.sin: lambda x: _periodic(x, jnp.sin),
    sp.cos: lambda x: _periodic(x, jnp.cos),
    sp.tanh: lambda x: x.through(jnp.tanh(x.value), 1.0),
    sp.Abs: lambda x: Ball(jnp.abs(x.value), x.radius),
    sigmoid: lambda x: x.through(jax.nn.sigmoid(x.value), 0.25),
    softplus: lambda x: x.through(jax.nn.softplus(x.value), 1.0),
}


def _periodic(x: Ball, function: Any) -> Ball:
    value = function(x.value)
    # Far out, a library may reduce the angle with a coarse period: the bound then says nothing.
    return Ball(value, jnp.where(jnp.abs(x.value) < 1e5, x.spread + LIBRARY, jnp.inf))


class Balls:
    """Evaluates SymPy expressions to balls at given balls of the symbols; each different subexpression once."""

    def __init__(self, values: Mapping[Any, Ball]) -> None:
        self.known: dict[Any, Ball] = dict(values)

    def __call__(self, expression: Any) -> Ball:
        """The ball of an expression."""
        if expression not in self.known:
            self.known[expression] = self._computed(expression)
        return self.known[expression]

    def _computed(self, node: Any) -> Ball:
        if node.is_Rational:
            return number(node)
        if node.is_number and node.is_real:  # sqrt(2), pi, exp(1): thirty digits, rounded
            nearest = float(node.evalf(30))
            return Ball(nearest, 2 * EPS * abs(nearest) + TINY)
        if node.is_Add or node.is_Mul:
            result, *rest = (self(part) for part in node.args)
            for part in rest:
                result = result + part if node.is_Add else result * part
            return result
        if node.is_Pow and node.exp.is_Integer:
            return self(node.base).power(int(node.exp))
        if node.is_Pow:
            return self._root(node)
        if type(node) in _HEADS:
            return _HEADS[type(node)](self(node.args[0]))
        raise UnknownAnswer(
            f"{type(node).__name__} has no bound on its rounding here: {str(node)[:60]}",
            next_step="fix the parameters in it, or decide single points with stability",
        )

    def _root(self, node: Any) -> Ball:
        base, exponent = self(node.base), node.exp
        if exponent.is_Rational and exponent.q == 2:
            root = _sqrt(base)
            return root.power(int(exponent.p)) if exponent.p != 1 else root
        return _exp(self(exponent) * _log(base))
