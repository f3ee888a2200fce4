"""What a SymPy head means in JAX, with forms that neither overflow nor cancel.

Main definitions: `HEADS`, `number`, `product`, `total`, `power`, `logarithm`.

log(1 + exp(x)) overflows at x = 1000 as written, and exp(x)/(1 + exp(x)) becomes nan; both are recognised. So are
log sigmoid, log(1 - sigmoid), 1 - sigmoid and sums of exponentials under a logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp
from jax.scipy import special

from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus

Value = Callable[[Any], Any]  # an expression to its array


def _folded(combine: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def apply(first: Any, *rest: Any) -> Any:
        for part in rest:
            first = combine(first, part)
        return first

    return apply


def _polygamma(order: Any, x: Any) -> Any:
    return special.polygamma(jnp.asarray(order, dtype=jnp.result_type(x)), x)


#: SymPy class -> function of the arguments' arrays
HEADS: dict[Any, Callable[..., Any]] = {
    sp.sin: jnp.sin, sp.cos: jnp.cos, sp.tan: jnp.tan, sp.asin: jnp.arcsin, sp.acos: jnp.arccos, sp.atan: jnp.arctan,
    sp.atan2: jnp.arctan2, sp.sinh: jnp.sinh, sp.cosh: jnp.cosh, sp.tanh: jnp.tanh, sp.asinh: jnp.arcsinh,
    sp.acosh: jnp.arccosh, sp.atanh: jnp.arctanh, sp.Abs: jnp.abs, sp.sign: jnp.sign, sp.floor: jnp.floor,
    sp.ceiling: jnp.ceil, sp.erf: special.erf, sp.erfc: special.erfc, sp.erfinv: special.erfinv,
    sp.loggamma: special.gammaln, sp.gamma: special.gamma, sp.polygamma: _polygamma, sp.exp: jnp.exp,
    sp.Max: _folded(jnp.maximum), sp.Min: _folded(jnp.minimum), sigmoid: jax.nn.sigmoid, softplus: jax.nn.softplus,
    sp.StrictLessThan: jnp.less, sp.LessThan: jnp.less_equal, sp.StrictGreaterThan: jnp.greater,
    sp.GreaterThan: jnp.greater_equal, sp.Equality: jnp.equal, sp.Unequality: jnp.not_equal,
    sp.And: _folded(jnp.logical_and), sp.Or: _folded(jnp.logical_or), sp.Not: jnp.logical_not, sp.ITE: jnp.where,
    sp.Heaviside: lambda x, half=0.5: jnp.where(x == 0, half, jnp.where(x > 0, 1.0, 0.0)),
    sp.sec: lambda x: 1 / jnp.cos(x), sp.csc: lambda x: 1 / jnp.sin(x), sp.cot: lambda x: 1 / jnp.tan(x),
}  # fmt: skip


def number(expr: Any) -> float:
    """A constant as a Python float: weakly typed, so float32 inputs stay float32; large integers cannot wrap around."""
    value = expr.evalf(20) if not isinstance(expr, sp.Integer | sp.Rational | sp.Float) else expr
    try:
        found = float(value)
    except (TypeError, OverflowError):
        found = math.nan
    if math.isnan(found) or (math.isinf(found) and expr.is_finite is not False):
        raise GameError(f"the constant {str(expr)[:40]} is no real number that a float can hold")
    return found


def exponents(expr: Any) -> list[tuple[Any, float]] | None:
    """An expression as a sum of c exp(u) with c > 0, as pairs (u, log c); None if it is no such sum."""
    pairs = []
    for term in sp.Add.make_args(expr):
        coefficient, rest = term.as_coeff_Mul()
        if not (coefficient.is_real and coefficient.is_positive) or not (rest == 1 or isinstance(rest, sp.exp)):
            return None
        pairs.append((sp.S.Zero if rest == 1 else rest.args[0], math.log(number(coefficient))))
    return pairs if any(u != 0 for u, _ in pairs) else None


def logarithm(expr: Any, value: Value) -> Any:
    """log of an expression."""
    if isinstance(expr, sp.Add):
        if (inside := _complement(expr)) is not None:
            return -jax.nn.softplus(value(inside))  # log(1 - sigmoid(u))
        if (pairs := exponents(expr)) is not None and len(pairs) > 1:
            return _folded(jnp.logaddexp)(*(value(u) + c if u != 0 else c for u, c in pairs))
    if isinstance(expr, sigmoid):
        return -jax.nn.softplus(-value(expr.args[0]))
    if isinstance(expr, sp.exp):
        return value(expr.args[0])
    if isinstance(expr, sp.Pow) and _is_smooth_positive(expr.base) and expr.exp.is_number:
        return number(expr.exp) * logarithm(expr.base, value)
    if isinstance(expr, sp.Mul) and all(map(_is_smooth_positive, expr.args)):
        return sum(logarithm(factor, value) for factor in expr.args)
    return jnp.log(value(expr))


def _is_smooth_positive(expr: Any) -> bool:
    if isinstance(expr, sp.Pow) and expr.exp.is_number:
        return _is_smooth_positive(expr.base)
    return isinstance(expr, sigmoid | sp.exp) or (
        isinstance(expr, sp.Add) and (exponents(expr) is not None or _complement(expr) is not None)
    )


def _complement(expr: Any) -> Any:
    """u if the expression is 1 - sigmoid(u)."""
    if isinstance(expr, sp.Add) and len(expr.args) == 2 and sp.S.One in expr.args:
        other = -next(arg for arg in expr.args if arg != 1)
        return other.args[0] if isinstance(other, sigmoid) else None
    return None


def total(expr: Any, value: Value) -> Any:
    """A sum."""
    if (inside := _complement(expr)) is not None:
        return jax.nn.sigmoid(-value(inside))
    result = value(expr.args[0])
    for arg in expr.args[1:]:
        result = result + value(arg)
    return result


def product(expr: Any, value: Value) -> Any:
    """A product; exp(k u) (1 + exp(u))^-n with 0 <= k <= n is sigmoid(u)^k sigmoid(-u)^(n-k)."""
    factors = list(expr.args)
    powers = {f: _logistic(f) for f in factors if isinstance(f, sp.Pow)}
    grown = next((f for f in factors if isinstance(f, sp.exp)), None)
    for factor, found in powers.items():
        if found is None or grown is None:
            continue
        u, n = found
        k = (grown.args[0] / u).cancel() if u != 0 else sp.S.NaN
        if k.is_Integer and 0 < k <= n:
            factors = [f for f in factors if f not in (factor, grown)]
            parts = [value(f) for f in factors]
            up, down = jax.nn.sigmoid(value(u)), jax.nn.sigmoid(-value(u))
            return _folded(jnp.multiply)(up ** int(k), *([down ** int(n - k)] if n > k else []), *parts)
    result = value(factors[0])
    for factor in factors[1:]:
        result = result * value(factor)
    return result


def _logistic(factor: Any) -> tuple[Any, Any] | None:
    """(u, n) if the factor is (1 + exp(u))^-n."""
    if not (isinstance(factor.base, sp.Add) and factor.exp.is_Integer and factor.exp < 0):
        return None
    pairs = exponents(factor.base)
    if pairs is None or len(pairs) != 2 or (sp.S.Zero, 0.0) not in pairs:
        return None
    u, c = next(pair for pair in pairs if pair[0] != 0)
    return (u, -factor.exp) if c == 0.0 else None


def power(expr: Any, value: Value) -> Any:
    """A power; whole exponents by multiplication, so that negative bases and zero are differentiated rightly."""
    base, exponent = expr.base, expr.exp
    if exponent.is_Integer:
        if (found := _logistic(expr)) is not None:
            return jax.nn.sigmoid(-value(found[0])) ** int(found[1])
        if abs(int(exponent)) > 10**6:
            raise GameError(f"the power {expr} is out of reach of floating-point numbers")
        return value(base) ** int(exponent)
    if exponent == sp.S.Half:
        return jnp.sqrt(value(base))
    if exponent == -sp.S.Half:
        return 1 / jnp.sqrt(value(base))
    return jnp.power(value(base), value(exponent))


def piecewise(expr: Any, value: Value) -> Any:
    """The first branch whose condition holds; nan where none does."""
    result: Any = jnp.nan
    for branch, condition in reversed(expr.args):
        result = value(branch) if condition == sp.true else jnp.where(value(condition), value(branch), result)
    return result
