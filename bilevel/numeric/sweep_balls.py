"""Ball arithmetic in JAX: every number with a bound on how far rounding has carried it.

Main definitions: `Ball`, `Balls` (SymPy expressions as balls), `certainly` (the comparison that rounding cannot fool).

Math: a ball (v, r) stands for every number within r of v. Each operation adds EPS |v| for its own rounding, EPS being
twice the unit roundoff (Higham 2002, section 3.3, running error analysis). The radii are floats too: `certainly`
widens them once by far more than their own rounding can amount to. A polynomial gets its radius at the end: no term
takes part in more than k roundings, so the value is off by at most gamma_k = k u/(1 - k u) times the same polynomial
of absolute values (lemma 3.1), and k EPS is more than gamma_k.
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
    """Evaluates SymPy expressions to balls at given balls of the symbols; each different subexpression once.

    `floors`: the smallest absolute value, not 0, that each symbol takes; below 1e-290 a product may vanish.
    """

    def __init__(self, values: Mapping[Any, Ball], floors: Mapping[Any, float] | None = None) -> None:
        self.known: dict[Any, Ball] = dict(values)
        self.terms: dict[Any, tuple[Any, Any, int, float] | None] = {
            symbol: (ball.value, jnp.abs(ball.value), int(ball.radius is not None), min(1.0, (floors or {})[symbol]))
            for symbol, ball in values.items()
            if symbol in (floors or {})
        }

    def __call__(self, expression: Any) -> Ball:
        """The ball of an expression."""
        if expression not in self.known:
            self.known[expression] = self._polynomial(expression) or self._computed(expression)
        return self.known[expression]

    def _polynomial(self, expression: Any) -> Ball | None:
        found = self._term(expression) if expression.args else None
        if found is None:
            return None
        value, size, roundings, floor = found
        return Ball(value, jnp.asarray(jnp.inf) if floor < TINY else roundings * EPS * size)

    def _term(self, node: Any) -> tuple[Any, Any, int, float] | None:
        """Value, that of absolute values, number of roundings, and a floor of nonzero terms; None if no polynomial."""
        if node not in self.terms:
            self.terms[node] = self._combined(node)
        return self.terms[node]

    def _combined(self, node: Any) -> tuple[Any, Any, int, float] | None:
        if node.is_Rational:
            ball = number(node)
            known = math.isfinite(ball.spread)
            return (ball.value, abs(ball.value), int(bool(ball.spread)), min(1.0, abs(ball.value))) if known else None
        power = node.is_Pow and node.exp.is_Integer and 0 < node.exp <= 64
        if not (node.is_Add or node.is_Mul or power):
            return None
        parts = [self._term(node.base)] * int(node.exp) if power else [self._term(arg) for arg in node.args]
        if any(part is None for part in parts):
            return None
        (value, size, roundings, floor), *rest = (part for part in parts if part is not None)
        for more in rest:
            if node.is_Add:
                value, size, floor = value + more[0], size + more[1], min(floor, more[3])
                roundings = max(roundings, more[2]) + 1
            else:
                value, size, floor = value * more[0], size * more[1], floor * more[3]
                roundings += more[2] + 1
        return value, size, roundings, floor

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
