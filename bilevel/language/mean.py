"""Averages at the coordinate level that have no closed form yet.

Main definitions: `mean` (the average, closed where one is known), `Mean` (the node that waits), `waiting` (pending ones
wait), `valued` (none waits).

An average is differentiated inside, the point is substituted, and only then is it averaged: E[log sigmoid(psi x)] has
no closed form, its derivatives at psi = 0 are moments. The variables of a node are standard (normal with mean 0 and
variance 1, uniform on [0, 1]); scale and shift stand in its body: laws with moving parameters differentiate pathwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import sympy as sp

from bilevel.language.coordinate_laws import outcomes
from bilevel.language.errors import UnknownAnswer
from bilevel.language.gaussian_averages import gaussian_average
from bilevel.language.instance import PendingExpectation
from bilevel.language.known_function import KnownFunction
from bilevel.language.law_kinds import Normal as StandardNormal
from bilevel.language.moments import Law, Normal, Uniform, expectation

__all__ = ["Mean", "mean", "valued", "waiting"]

_KINKS = (sp.Abs, sp.sign, sp.DiracDelta)


class Mean(sp.Expr):
    """E[body] over independent standard normal and standard uniform variables.

    Math: derivatives and substitutions act on the body; `doit` tries the closed form again.

    Reference: Leibniz's rule for differentiating under the integral.

    Examples:
        >>> x, t = sp.symbols("x t", real=True)
        >>> waiting = Mean(sp.log(1 + sp.exp(t*x)), (x,), ())
        >>> waiting.diff(t, 2).subs(t, 0).doit()
        1/4
    """

    is_commutative = True
    binds_symbols = True

    def __new__(cls, body: Any, normals: Any = (), uniforms: Any = ()) -> Any:
        body = sp.sympify(body, strict=True)
        bound = {*normals, *uniforms}
        constants: list[Any] = []
        rest: list[Any] = []
        for factor in sp.Mul.make_args(body):
            (rest if factor.free_symbols & bound else constants).append(factor)
        if not rest:
            return body
        body = sp.Mul(*rest)
        used = [sp.Tuple(*(s for s in group if s in body.free_symbols)) for group in (normals, uniforms)]
        return sp.Mul(*constants, sp.Expr.__new__(cls, body, *used))

    @property
    def body(self) -> Any:
        """What is averaged."""
        return self.args[0]

    @property
    def bound(self) -> set[Any]:
        """The variables averaged over."""
        return {*self.args[1], *self.args[2]}

    @property
    def laws(self) -> dict[Any, Law]:
        """The law of every variable averaged over."""
        found: dict[Any, Law] = {s: Normal(0, 1) for s in self.args[1]}
        return found | {s: Uniform(0, 1) for s in self.args[2]}

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols of the body that are not averaged over."""
        return self.body.free_symbols - self.bound

    def _eval_derivative(self, symbol: Any) -> Any:
        return _closed(Mean(sp.diff(self.body, symbol), *self.args[1:]))

    def _eval_subs(self, old: Any, new: Any) -> Any:
        if getattr(old, "free_symbols", set()) & self.bound:  # it speaks of another variable of that name
            return self
        fresh = self._apart_from(sp.sympify(new, strict=True).free_symbols)
        return _closed(Mean(fresh.body._subs(old, new), *fresh.args[1:]))

    def _xreplace(self, rule: Any) -> tuple[Any, bool]:
        if self in rule:
            return rule[self], True
        if not hasattr(rule, "items"):  # SymPy's own rewriting of numbers, given as a function
            return super()._xreplace(rule)
        inner = {old: new for old, new in rule.items() if not getattr(old, "free_symbols", set()) & self.bound}
        fresh = self._apart_from({s for new in inner.values() for s in getattr(new, "free_symbols", ())})
        body, changed = fresh.body._xreplace(inner)
        return (_closed(Mean(body, *fresh.args[1:])), True) if changed else (self, False)

    def _apart_from(self, symbols: set[Any]) -> Mean:
        """The same average, its variables renamed where they would capture one of the symbols."""
        clash = {s: sp.Symbol(f"{s.name}_", real=True) for s in self.bound & symbols}
        if not clash:
            return self
        groups = [[clash.get(s, s) for s in group] for group in self.args[1:]]
        return sp.Expr.__new__(Mean, self.body.xreplace(clash), *(sp.Tuple(*group) for group in groups))

    def doit(self, **hints: Any) -> Any:
        """The closed form where one is known, term by term."""
        return _closed(Mean(self.body.doit(**hints), *self.args[1:]))

    def _eval_is_extended_real(self) -> bool | None:
        return self.body.is_extended_real

    def _eval_is_finite(self) -> bool | None:
        return True if self.body.is_finite else None

    def _sympystr(self, printer: Any) -> str:
        return f"E({printer._print(self.body)})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\mathbb{{E}}\left[{printer._print(self.body)}\right]"
        return rf"{text}^{{{exp}}}" if exp else text


def mean(body: Any, laws: Mapping[Any, Law]) -> Any:
    """The average of an expression over independent random variables; what has no closed form waits as a `Mean`.

    Math: finite laws are summed out; Normal(m, v) is m + sqrt(v) n, Uniform(a, b) is a + (b - a) u, n and u standard.

    Raises: GameError when a law's parameter is random.

    Reference: Isserlis 1918, Biometrika 12, for the moments.

    Examples:
        >>> x, t = sp.symbols("x t", real=True)
        >>> mean((x + t)**2, {x: Normal(0, 2)})
        t**2 + 2
        >>> mean(sp.log(1 + sp.exp(t*x)), {x: Normal(0, 1)})
        E(log(exp(t*x) + 1))
    """
    body = sp.sympify(body, strict=True)
    involved = {symbol: law for symbol, law in laws.items() if symbol in body.free_symbols}
    return sp.Add(*[_term(part, involved) for part in sp.Add.make_args(body)])


def _term(body: Any, laws: Mapping[Any, Law]) -> Any:
    laws = {symbol: law for symbol, law in laws.items() if symbol in body.free_symbols}
    try:
        return expectation(body, laws)
    except UnknownAnswer:
        pass
    for symbol, law in laws.items():
        if (pairs := outcomes(law)) is not None:
            rest = {other: known for other, known in laws.items() if other != symbol}
            return sp.Add(*[p * mean(body.subs(symbol, value), rest) for value, p in pairs])
    moved = {s: law.mean + sp.sqrt(law.variance) * s for s, law in laws.items() if isinstance(law, Normal)}
    moved |= {s: law.low + (law.high - law.low) * s for s, law in laws.items() if isinstance(law, Uniform)}
    normals = [s for s, law in laws.items() if isinstance(law, Normal)]
    return Mean(body.subs(moved, simultaneous=True), normals, [s for s in laws if s not in normals])


def _closed(average: Any) -> Any:
    if isinstance(average, sp.Mul):
        return sp.Mul(*[_closed(factor) for factor in average.args])
    if not isinstance(average, Mean):
        return average
    total = []
    for term in sp.Add.make_args(average.body):
        waits = Mean(term, *average.args[1:])
        try:
            found = _along_one(term, average) if _rough(term, average.bound) else expectation(term, average.laws)
        except UnknownAnswer:
            found = None
        total.append(waits if found is None else found)
    return sp.Add(*total)


def _rough(body: Any, bound: set[Any]) -> bool:
    """Whether a kink, a root or a fraction of what is averaged over stands in the body: no sum of x^n exp(a x)."""
    return any(node.free_symbols & bound for node in body.atoms(*_KINKS)) or any(
        not (node.exp.is_Integer and node.exp > 0) and node.base.free_symbols & bound for node in body.atoms(sp.Pow)
    )


def _along_one(body: Any, average: Mean) -> Any | None:
    """The average where kinks, roots and fractions are all along one direction of the normal variables."""
    if body.free_symbols & {*average.args[2]}:
        return None
    if body.free_symbols - average.bound and not body.has(*_KINKS):
        return None  # roots off their centre have none: wait until the point is put in
    return gaussian_average(body, tuple(average.args[1]))


def waiting(expression: Any) -> Any:
    """The expression with every pending average of `instantiate` as one that waits until a point is put in.

    Math: E[body] over standard normal and uniform symbols, now differentiated and substituted inside.

    Reference: Leibniz's rule for differentiating under the integral.

    Examples:
        >>> from bilevel.language.laws import normal
        >>> x, t = sp.symbols("x t", real=True)
        >>> pending = PendingExpectation(sp.log(1 + sp.exp(t*x)), (x, normal(0, 1)))
        >>> waiting(pending).diff(t, 2).subs(t, 0)
        1/4
    """
    return expression.replace(lambda node: isinstance(node, PendingExpectation), _waiting)


def _waiting(node: PendingExpectation) -> Any:
    taken = {s.name for s in node.free_symbols}
    plain: dict[Any, Any] = {}
    for symbol, _ in node.drawn:
        name = next(n for k in count() if (n := f"{symbol.name}{k}") not in taken)
        plain[symbol] = sp.Symbol(name, real=True)
        taken.add(name)
    laws = {plain[s]: Normal(0, 1) if isinstance(law, StandardNormal) else Uniform(0, 1) for s, law in node.drawn}
    return mean(node.body.xreplace(plain), laws)


def valued(expression: Any) -> Any:
    """The expression with every average and every partly known function replaced by its value.

    Math: meant for expressions at a point, after differentiation and substitution.

    Raises: UnknownAnswer when an average has no closed form, or a value or derivative was not given: it says which.

    Reference: Isserlis 1918, Biometrika 12, for the moments.

    Examples:
        >>> x, t = sp.symbols("x t", real=True)
        >>> valued(Mean(sp.log(1 + sp.exp(t*x)), (x,), ()).diff(t, 2).subs(t, 0))
        1/4
    """
    while waiting := expression.atoms(Mean):
        closed = {average: average.doit() for average in waiting}
        if open_ones := [average for average in waiting if closed[average].has(Mean)]:
            lacking = [f.missing() for average in open_ones for f in average.atoms(KnownFunction)]
            advice = f"give {lacking[0]} under [functions]" if lacking else "choose a law with finitely many values"
            raise UnknownAnswer(f"no closed form is known for {min(map(str, open_ones))}", next_step=advice)
        expression = expression.xreplace(closed)
    for function in sorted(expression.atoms(KnownFunction), key=str):
        given = [len(values) - 1 for place, values in function.points if place == function.args[0]]
        known = (
            f"only derivatives up to number {given[0]} are given there" if given else "nothing is given at that point"
        )
        raise UnknownAnswer(f"{function.missing()} is needed, but {known}", next_step="add it under [functions]")
    return expression
