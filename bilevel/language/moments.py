"""Exact expectations at the coordinate level: averages of polynomials times exponentials under scalar laws.

Main definitions: `moment`, `expectation`; with them the laws `Normal`, `Bernoulli`, `Uniform`, `Finite` and `read_law`.

A normal variable is averaged where the expression is a sum of terms c x^n exp(a x + b x^2), a uniform one where b = 0;
a variable with finitely many values is averaged in every expression. Anything else has no closed form known here, and
is said to be so.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import sympy as sp

from bilevel.language.coordinate_laws import Bernoulli, Finite, Law, Normal, Uniform, outcomes, read_law
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.reader import read_value

__all__ = ["Bernoulli", "Finite", "Law", "Normal", "Uniform", "expectation", "moment", "read_law"]

_TERMS = 2_000  # terms of one sum, and outcomes summed out together
_POWER = 100


def moment(law: Law, order: int, rate: Any = 0, bend: Any = 0) -> sp.Expr:
    """E[x^order exp(rate x + bend x^2)] of a coordinate law, in closed form.

    Math:
        Normal(m, v), tilted, with s = 1 - 2 b v > 0: exp((a m + a^2 v/2 + b m^2)/s)/sqrt(s) E[y^n] with
        y ~ Normal((m + a v)/s, v/s), and E[y^n] = sum_k n!/((2k)! (n-2k)!) (2k-1)!! v^k mean^(n-2k); infinite for
        s <= 0.
        Uniform: sum_i low^i high^(n-i)/(n+1) at a = 0, else by parts. Finite laws: the sum.
    Raises:
        UnknownAnswer: for a uniform law when it is not known whether the rate is 0, or with a bend; for a normal law
        when 1 - 2 b v is not known to be positive.
    Reference:
        Isserlis 1918, Biometrika 12 (the case of one variable); Esscher 1932 (tilting).
    Examples:
        >>> s = sp.Symbol("s", positive=True)
        >>> moment(Normal(0, s), 4), moment(Uniform(-1, 1), 2), moment(Normal(0, s), 0, 1)
        (3*s**2, 1/3, exp(s/2))
    """
    rate, bend = sp.sympify(rate, strict=True), sp.sympify(bend, strict=True)
    pairs = outcomes(law)
    if pairs is not None:
        return sp.Add(*[p * value**order * sp.exp(rate * value + bend * value**2) for value, p in pairs])
    if isinstance(law, Normal):
        return _tilted(law, order, rate, bend)
    if not isinstance(law, Uniform):
        raise GameError(f"{law} is no law; write for example Normal(0, 1)")
    if bend != 0:
        raise UnknownAnswer(f"the average of exp({bend}*x**2) over a uniform law has no closed form here")
    low, high = law.low, law.high
    if rate.is_zero:
        return sp.Add(*[low**i * high ** (order - i) for i in range(order + 1)]) / (order + 1)
    if rate.is_zero is None:
        raise UnknownAnswer(
            f"the average of exp({rate}*x) over a uniform law depends on whether {rate} is 0",
            next_step="declare the parameters in it positive or nonzero",
        )
    # The integral of x^n e^(ax) is P_n e^(ax) with P_0 = 1/a and P_n = (x^n - n P_(n-1))/a.
    x = sp.Dummy("x")
    inside = 1 / rate
    for n in range(1, order + 1):
        inside = (x**n - n * inside) / rate
    return (inside.subs(x, high) * sp.exp(rate * high) - inside.subs(x, low) * sp.exp(rate * low)) / (high - low)


def _tilted(law: Normal, order: int, rate: Any, bend: Any) -> Any:
    if bend == 0:
        tilt = sp.exp(sp.expand(rate * law.mean + rate**2 * law.variance / 2))
        return tilt * _normal_moment(order, law.mean + rate * law.variance, law.variance)
    left = sp.expand(1 - 2 * bend * law.variance)
    if left.is_positive is not True:
        answer = "infinite" if left.is_nonpositive else f"finite only where {left} > 0"
        raise UnknownAnswer(f"the average of exp({bend}*x**2) over a normal law is {answer}")
    tilt = sp.exp(sp.expand((rate * law.mean + rate**2 * law.variance / 2 + bend * law.mean**2) / left)) / sp.sqrt(left)
    return tilt * _normal_moment(order, (law.mean + rate * law.variance) / left, law.variance / left)


def expectation(expr: Any, laws: Mapping[sp.Symbol, Law]) -> sp.Expr:
    """Exact average of an expression over independent random variables.

    Math:
        E is linear, splits over independent factors, E[c x^n exp(a x + b x^2)] is `moment`; a finite law is summed out.
    Raises:
        GameError: when a variable carries assumptions its law does not grant, or a law's parameter is random.
        UnknownAnswer: when no closed form is known here, with the part that has none.
    Reference:
        Isserlis 1918, Biometrika 12.
    Examples:
        >>> x, y, t = sp.symbols("x y t", real=True)
        >>> expectation((x + t)**2*y, {x: Normal(0, 1), y: Bernoulli("1/3")})
        t**2/3 + 1/3
        >>> expectation(sp.log(1 + x**2), {x: Normal(0, 1)})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        bilevel.language.errors.UnknownAnswer: no closed form is known for the average of log(x**2 + 1) over x; ...
    """
    expr = read_value(expr)
    if not isinstance(expr, sp.Expr):
        raise GameError(f"an average is taken of a number, not of the condition {expr}; write it as values 0 and 1")
    for symbol, law in laws.items():
        _check(symbol, law, laws)
    return _average(expr, dict(laws))


# --- averaging -------------------------------------------------------------------------------------------------------
def _average(expr: Any, laws: dict[sp.Symbol, Law]) -> Any:
    """Average by linearity, independence, then one variable at a time."""
    involved = sorted(expr.free_symbols & laws.keys(), key=lambda symbol: symbol.name)
    if not involved:
        return expr
    if isinstance(expr, sp.Add):
        return sp.Add(*[_average(term, laws) for term in expr.args])
    if isinstance(expr, sp.Mul):
        groups = _independent_factors(expr, laws)
        if len(groups) > 1:
            return sp.Mul(*[_average(group, laws) for group in groups])
    for symbol in involved:
        terms = _exponential_polynomial(expr, symbol)
        if terms is not None and not (isinstance(laws[symbol], Uniform) and any(bend != 0 for _, bend, _ in terms)):
            rest = sp.Add(*[factor * moment(laws[symbol], n, a, b) for (a, b, n), factor in terms.items()])
            return _average(rest, {other: law for other, law in laws.items() if other != symbol})
    finite = {symbol: pairs for symbol in involved if (pairs := outcomes(laws[symbol])) is not None}
    if finite:
        return _summed_out(expr, finite, laws)
    over = ", ".join(symbol.name for symbol in involved)
    raise UnknownAnswer(
        f"no closed form is known for the average of {expr} over {over}",
        next_step="average it numerically, or choose a law with finitely many values",
    )


def _summed_out(expr: Any, finite: Mapping[sp.Symbol, Any], laws: dict[sp.Symbol, Law]) -> Any:
    """Average over one finite variable by its values, then over the others."""
    count = prod(len(pairs) for pairs in finite.values())
    if count > _TERMS:
        raise UnknownAnswer(
            f"{count} joint outcomes of {', '.join(map(str, finite))} are more than {_TERMS}",
            next_step="average numerically, or split the expression into independent parts",
        )
    symbol, pairs = next(iter(finite.items()))
    parts = [p * expr.subs(symbol, value) for value, p in pairs]
    if any(part.has(sp.zoo, sp.nan, sp.oo, -sp.oo) for part in parts):
        raise UnknownAnswer(
            f"{expr} is not finite at every value of {symbol}",
            next_step="leave out the value, or change the expression",
        )
    return _average(sp.Add(*parts), {other: law for other, law in laws.items() if other != symbol})


def _independent_factors(product: Any, laws: Mapping[sp.Symbol, Law]) -> list[Any]:
    """Factors grouped so that no random variable stands in two groups."""
    groups: list[tuple[set[Any], Any]] = []
    for factor in product.args:
        symbols = factor.free_symbols & laws.keys()
        touching = [group for group in groups if group[0] & symbols]
        groups = [group for group in groups if not group[0] & symbols]
        groups.append(
            (symbols.union(*[group[0] for group in touching]), sp.Mul(factor, *[group[1] for group in touching]))
        )
    return [group[1] for group in groups]


_Terms = dict[tuple[Any, Any, int], Any]


def _exponential_polynomial(e: Any, x: sp.Symbol) -> _Terms | None:
    """{(a, b, n): c} with e = sum of c x^n exp(a x + b x^2) and every c free of x; None when e is no such sum."""
    zero = sp.S.Zero
    if x not in e.free_symbols:
        return {(zero, zero, 0): e}
    if e == x:
        return {(zero, zero, 1): sp.S.One}
    if isinstance(e, (sp.sinh, sp.cosh)):
        return _exponential_polynomial(e.rewrite(sp.exp), x)
    if isinstance(e, sp.exp) or (isinstance(e, sp.Pow) and x not in e.base.free_symbols and e.base.is_positive):
        inside = _exponential_polynomial(e.exp, x)
        if inside is None or not inside.keys() <= {(zero, zero, n) for n in (0, 1, 2)}:
            return None
        scale = sp.S.One if isinstance(e, sp.exp) else sp.log(e.base)
        constant, rate, bend = (scale * inside.get((zero, zero, n), zero) for n in (0, 1, 2))
        return {(sp.expand(rate), sp.expand(bend), 0): sp.exp(constant)}
    if isinstance(e, sp.Pow):
        factors = [e.base] * int(e.exp) if e.exp.is_Integer and 0 < e.exp <= _POWER else None
    else:
        factors = list(e.args) if isinstance(e, (sp.Add, sp.Mul)) else None
    if factors is None:
        return None
    parts = [_exponential_polynomial(factor, x) for factor in factors]
    total: _Terms | None = parts[0]
    for part in parts[1:]:
        if total is None or part is None:
            return None
        total = _merged(total, part) if isinstance(e, sp.Add) else _product(total, part)
    return total


def _merged(left: _Terms, right: _Terms) -> _Terms:
    return _nonzero({key: left.get(key, sp.S.Zero) + right.get(key, sp.S.Zero) for key in {**left, **right}})


def _product(left: _Terms, right: _Terms) -> _Terms | None:
    total: dict[tuple[Any, Any, int], list[Any]] = {}
    for (rate, bend, power), factor in left.items():
        for (other_rate, other_bend, other_power), other in right.items():
            key = (rate + other_rate, bend + other_bend, power + other_power)
            total.setdefault(key, []).append(factor * other)
    return _nonzero({key: sp.Add(*parts) for key, parts in total.items()}) if len(total) <= _TERMS else None


def _nonzero(terms: _Terms) -> _Terms:
    return {key: factor for key, factor in terms.items() if factor != 0}


def _normal_moment(order: int, mean: Any, variance: Any) -> Any:
    """E[y^n] of Normal(mean, variance)."""
    pairings = [sp.binomial(order, 2 * k) * sp.factorial2(2 * k - 1) for k in range(order // 2 + 1)]
    return sp.Add(*[count * variance**k * mean ** (order - 2 * k) for k, count in enumerate(pairings)])


# --- checks ----------------------------------------------------------------------------------------------------------
def _check(symbol: Any, law: Any, laws: Mapping[sp.Symbol, Law]) -> None:
    """A random variable is real and nothing more; what its law does not grant would be used to simplify wrongly."""
    if not isinstance(symbol, sp.Symbol) or not isinstance(law, (Normal, Uniform, Finite, Bernoulli)):
        raise GameError(f"{symbol} has the law {law}; give symbols their laws, for example {{x: Normal(0, 1)}}")
    narrower = ("positive", "negative", "zero", "rational")
    if symbol.is_real is False or any(getattr(symbol, f"is_{word}") is not None for word in narrower):
        raise GameError(f"the random variable {symbol} carries assumptions beyond being real; declare it real only")
    parameters = law.__dict__.values()
    random = sp.Tuple(*parameters).free_symbols & laws.keys()
    if random:
        other = min(map(str, random))
        raise GameError(f"the law of {symbol} depends on the random variable {other}; laws here are independent")
