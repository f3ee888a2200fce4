"""Taylor coefficients at a point by truncated arithmetic: every subexpression once, nothing composed is differentiated.

Main definition: `Jets`.

Math: a jet of order n at z* is sum over |k| <= n of c_k (z - z*)^k. Sums and products of jets are truncated; a function
of one argument acts by f(c_0 + d) = sum f^(j)(c_0) d^j / j!, d having no constant part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import factorial
from typing import Any

import sympy as sp

Jet = dict[tuple[int, ...], Any]


class Jets:
    """Jets of expressions in some variables at a point, those of common subexpressions shared."""

    def __init__(self, variables: Sequence[Any], point: Mapping[Any, Any], order: int) -> None:
        self.variables, self.order = tuple(variables), order
        self.values = {v: sp.sympify(point[v]) for v in variables}
        self.constant = (0,) * len(self.variables)
        self._cache: dict[Any, Jet] = {}

    def of(self, expression: Any) -> Jet:
        """The jet, as coefficients by exponents; NotImplementedError for what is no function of one argument."""
        if expression not in self._cache:
            self._cache[expression] = self._made(expression)
        return self._cache[expression]

    def derivative(self, expression: Any, index: tuple[int, ...]) -> Any:
        """The partial derivative in the variables with these numbers."""
        exponents = tuple(index.count(k) for k in range(len(self.variables)))
        scale = sp.Mul(*(factorial(e) for e in exponents))
        return self.of(expression).get(exponents, sp.S.Zero) * scale

    def _made(self, e: Any) -> Jet:
        if e in self.values:
            unit = tuple(int(v == e) for v in self.variables)
            return {k: c for k, c in ((self.constant, self.values[e]), (unit, sp.S.One)) if c != 0}
        if not e.free_symbols & set(self.variables):
            return {self.constant: e} if e != 0 else {}
        if e.is_Add:
            total: Jet = {}
            for part in e.args:
                total = _added(total, self.of(part))
            return total
        if e.is_Mul:
            product: Jet = {self.constant: sp.S.One}
            for part in e.args:
                product = self._times(product, self.of(part))
            return product
        if isinstance(e, sp.Pow) and e.exp.is_Integer and e.exp > 0:
            return self._power(self.of(e.base), int(e.exp))
        if isinstance(e, sp.Pow) and not e.exp.free_symbols & set(self.variables):
            return self._function(lambda t: t**e.exp, self.of(e.base))
        if len(e.args) == 1 and isinstance(e, sp.Function):
            return self._function(e.func, self.of(e.args[0]))
        raise NotImplementedError(type(e).__name__)

    def _function(self, f: Any, inner: Jet) -> Jet:
        t = sp.Dummy("t", real=True)
        middle = inner.get(self.constant, sp.S.Zero)
        around = {k: c for k, c in inner.items() if k != self.constant}
        result: Jet = {}
        slope, power = f(t), {self.constant: sp.S.One}
        for j in range(self.order + 1):
            value = slope.subs(t, middle)
            if value.has(sp.nan, sp.zoo, sp.oo, sp.Subs, sp.Derivative):
                raise NotImplementedError(f"a derivative of {f} at {middle}")
            result = _added(result, {k: value * c / factorial(j) for k, c in power.items()})
            if j < self.order:
                power, slope = self._times(power, around), sp.diff(slope, t)
        return result

    def _power(self, base: Jet, exponent: int) -> Jet:
        result: Jet = {self.constant: sp.S.One}
        for _ in range(exponent):
            result = self._times(result, base)
        return result

    def _times(self, a: Jet, b: Jet) -> Jet:
        terms: dict[tuple[int, ...], list[Any]] = {}
        for k, c in a.items():
            for m, d in b.items():
                if sum(k) + sum(m) <= self.order:
                    terms.setdefault(tuple(i + j for i, j in zip(k, m, strict=True)), []).append(c * d)
        return _clean({k: sp.Add(*cs) for k, cs in terms.items()})


def _added(a: Jet, b: Jet) -> Jet:
    return _clean({k: a.get(k, sp.S.Zero) + b.get(k, sp.S.Zero) for k in a.keys() | b.keys()})


def _clean(jet: Jet) -> Jet:
    opened = {k: c if c.is_Atom else sp.expand(c) for k, c in jet.items()}
    return {k: c for k, c in opened.items() if c != 0}
