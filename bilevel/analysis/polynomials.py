"""Expressions as polynomials over the rationals in named generators, exact and never simplified.

Main definitions: `Coordinates` (SymPy expressions <-> python-flint polynomials).

Everything that is not a rational function of the symbols (a root, an exponential, an unknown function value) becomes
a generator of its own; roots carry their relation t^k = radicand (and a sine next to its cosine sin^2 = 1 - cos^2),
used to write polynomials uniquely. A relation that is missed never makes a statement wrong: every polynomial
identity here stays true when the generators are given their values."""

from __future__ import annotations

from typing import Any

import sympy as sp
from flint import fmpq, fmpq_mpoly_ctx

from bilevel.language.errors import UnknownAnswer

LARGEST_POWER = 16  # of an exponential, written as a power of another one


def rational(value: Any) -> fmpq:
    """A SymPy rational (or Float: the value of its bits) as a flint rational."""
    number = sp.Rational(value)
    return fmpq(int(number.p), int(number.q))


def to_sympy(value: Any) -> Any:
    """A flint rational as a SymPy rational."""
    return sp.Rational(int(value.p), int(value.q))


def _roots_of(node: Any) -> list[tuple[Any, int]]:
    """A fractional power as a product of (radicand, q)-roots: the prime factors of an integer radicand, each once."""
    base, q = node.base, node.exp.q
    if base.is_Integer and base > 0:
        return [(sp.Integer(prime), q) for prime in sp.factorint(base)]
    return [(base, q)]


def _powers_of_one(expressions: Any) -> dict[Any, tuple[Any, int]]:
    """Exponentials e^{r u}, r rational, as (e^{g u}, k), r = k g: their products are recognised, e^u e^{-u} = 1 too."""
    classes: dict[Any, list[tuple[Any, Any]]] = {}
    for node in {node for e in expressions for node in e.atoms(sp.exp)}:
        share, rest = node.args[0].as_content_primitive()
        turn = -1 if rest.could_extract_minus_sign() else 1
        classes.setdefault(turn * rest, []).append((turn * share, node))
    found: dict[Any, tuple[Any, int]] = {}
    for rest, members in classes.items():
        unit = sp.Rational(sp.igcd(0, *(r.p for r, _ in members)), sp.ilcm(1, *(r.q for r, _ in members)))
        if len(members) > 1 and max(abs(r / unit) for r, _ in members) <= LARGEST_POWER:
            found |= {node: (sp.exp(unit * rest), int(r / unit)) for r, node in members}
    return found


class Coordinates:
    """The generators of a set of expressions: `z`, a small `epsilon`, the symbols, and one for each non-rational
    subexpression.

    `relations` maps a generator's index to (k, numerator polynomial): t^k = that polynomial. `domain` collects what
    must hold for the expressions to be real and finite (radicands, logarithms); denominators are collected by the
    caller."""

    def __init__(self, expressions: Any, z: Any) -> None:
        self.z, self.has_floats = z, False
        self.domain: list[Any] = []
        self.meaning: list[Any] = [z, sp.Symbol("epsilon")]
        self._index: dict[Any, int] = {}
        self._pending: list[tuple[int, Any, int]] = []
        collected = [sp.sympify(expression, strict=True) for expression in expressions]
        self._exponentials = _powers_of_one(collected)
        for expression in collected:
            self._collect(expression)
        names = [f"x{k}" for k in range(len(self.meaning))]
        self.context = fmpq_mpoly_ctx.get(names, "degrevlex")
        self.generators = self.context.gens()
        self.one, self.zero = self.context.constant(1), self.context.constant(0)
        self.relations: dict[int, tuple[int, Any]] = {}
        self._cache: dict[Any, tuple[Any, Any]] = {}
        self._scales: dict[int, Any] = {}
        self._written: dict[int, tuple[Any, Any]] = {}
        for index, radicand, q in self._pending:
            numerator, denominator = self.convert(radicand)
            # t = (radicand)^(1/q) * denominator is stored, so that t^q is a polynomial.
            self.relations[index] = (q, self.reduce(numerator * denominator ** (q - 1)))
            self._scales[index] = denominator
        for index, node in enumerate(self.meaning):
            if isinstance(node, sp.sin) and sp.cos(*node.args) in self._index:
                cosine = self.generators[self._index[sp.cos(*node.args)]]
                self.relations[index] = (2, 1 - cosine**2)

    def _collect(self, node: Any) -> None:
        if node.is_Number:
            if node.is_Float:
                self.has_floats = True
            elif not node.is_Rational:
                raise UnknownAnswer(f"the entry {node} is not a finite number", next_step="check the Jacobian")
        elif node.is_Add or node.is_Mul or (node.is_Pow and node.exp.is_Integer):
            for a in node.args if not node.is_Pow else (node.base,):
                self._collect(a)
        elif node.is_Pow and node.exp.is_Rational:
            for radicand, q in _roots_of(node):
                self._collect(radicand)
                self._root(radicand, q)
        elif node.has(sp.I) or node.is_real is False:
            raise UnknownAnswer(f"the Jacobian contains {node}, which is not real", next_step="use real variables")
        elif node in self._exponentials and self._exponentials[node][0] != node:
            self._collect(self._exponentials[node][0])
        elif node not in self._index:
            self.has_floats = self.has_floats or node.has(sp.Float)
            if isinstance(node, sp.log) or (node.is_Pow and not node.exp.is_number and not node.base.is_positive):
                self.domain.append(sp.Gt(node.args[0], 0))
                self._collect(node.args[0])
            self._index[node] = len(self.meaning)
            self.meaning.append(node)

    def _root(self, radicand: Any, q: int) -> None:
        key = (radicand, q)
        if key not in self._index:
            self._index[key] = len(self.meaning)
            self._pending.append((len(self.meaning), radicand, q))
            self.meaning.append(sp.Pow(radicand, sp.Rational(1, q)))
            if radicand.is_nonnegative is not True:
                self.domain.append(sp.Ge(radicand, 0))

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The generators that are not z and epsilon, as SymPy expressions."""
        return tuple(self.meaning[2:])

    def convert(self, node: Any) -> tuple[Any, Any]:
        """An expression as (numerator, denominator), coprime."""
        if node not in self._cache:
            self._cache[node] = self._cancel(*self._convert(node))
        return self._cache[node]

    def _convert(self, node: Any) -> tuple[Any, Any]:
        if node.is_Number:
            return self.context.constant(rational(node)), self.one
        if node == self.z:
            return self.generators[0], self.one
        if node in self._exponentials:
            base, k = self._exponentials[node]
            power = self.generators[self._index[base]] ** abs(k)
            return (power, self.one) if k > 0 else (self.one, power)
        if node in self._index:
            return self.generators[self._index[node]], self.one
        if node.is_Add:
            top, bottom = self.zero, self.one
            for n, d in map(self.convert, node.args):
                if d == bottom:
                    top = top + n
                    continue
                # Over the least common denominator: terms of one sum share most of theirs.
                common = bottom.gcd(d)
                top, bottom = top * (d / common) + n * (bottom / common), bottom * (d / common)
            return top, bottom
        if node.is_Mul:
            top, bottom = self.one, self.one
            for n, d in map(self.convert, node.args):
                top, bottom = top * n, bottom * d
            return top, bottom
        if node.is_Pow:
            return self._convert_power(node)
        raise UnknownAnswer(f"the expression {node} was not expected here")

    def _convert_power(self, node: Any) -> tuple[Any, Any]:
        if node.exp.is_Integer:
            pairs = [self.convert(node.base)]
            if node.base.is_zero:
                raise UnknownAnswer("division by zero in the Jacobian", next_step="check the point")
        else:
            pairs = []
            for radicand, q in _roots_of(node):
                index = self._index[(radicand, q)]
                pairs.append((self.generators[index], self._scales.get(index, self.one)))
            if node.base.is_Integer and node.base > 0:
                powers = [(pair, m) for pair, m in zip(pairs, sp.factorint(node.base).values(), strict=True)]
                pairs = [(n**m, d**m) for (n, d), m in powers]
        top, bottom, exponent = self.one, self.one, int(node.exp.p)
        for n, d in pairs:
            if exponent < 0:
                n, d = d, n
            if d == 0:
                raise UnknownAnswer("division by zero in the Jacobian", next_step="check the point")
            top, bottom = top * n ** abs(exponent), bottom * d ** abs(exponent)
        return top, bottom

    def _cancel(self, top: Any, bottom: Any) -> tuple[Any, Any]:
        top, bottom = self.reduce(top), self.reduce(bottom)
        if bottom.is_constant():
            if bottom == 0:
                raise UnknownAnswer("division by zero in the Jacobian", next_step="check the point")
            return top / bottom.leading_coefficient(), self.one
        common = top.gcd(bottom)
        top, bottom = top / common, bottom / common
        scale = bottom.leading_coefficient()
        return top / scale, bottom / scale

    def reduce(self, p: Any) -> Any:
        """The polynomial with every power t^k of a root replaced by its radicand."""
        for index, (k, radicand) in reversed(self.relations.items()):
            while p.degrees()[index] >= k:
                low: dict[tuple[int, ...], Any] = {}
                high: dict[tuple[int, ...], Any] = {}
                for monomial, c in p.to_dict().items():
                    power = monomial[index]
                    target = high if power >= k else low
                    target[monomial[:index] + (power - k if power >= k else power,) + monomial[index + 1 :]] = c
                p = self.context.from_dict(low) + radicand * self.context.from_dict(high)
        return p

    def expression(self, p: Any) -> Any:
        """A polynomial as a SymPy expression in the original terms (an expression is returned as it is)."""
        if isinstance(p, sp.Basic):
            return p
        if id(p) not in self._written:
            # only of what occurs: a root's denominator is itself a polynomial, in other generators
            meanings = {i: self._meaning(i) for i, degree in enumerate(p.degrees()) if degree > 0}
            terms = []
            for monomial, c in p.to_dict().items():
                powers = [meanings[i] if e == 1 else meanings[i] ** e for i, e in enumerate(monomial) if e]
                terms.append(sp.Mul(to_sympy(c), *powers))
            self._written[id(p)] = (p, sp.Add(*terms))
        return self._written[id(p)][1]

    def _meaning(self, index: int) -> Any:
        scale = self._scales.get(index)
        return self.meaning[index] if scale is None or scale == 1 else self.meaning[index] * self.expression(scale)

    def coefficients(self, p: Any, index: int = 0) -> list[Any]:
        """Coefficients of a polynomial in one generator (z by default), constant term first."""
        parts: list[dict[tuple[int, ...], Any]] = [{} for _ in range(p.degrees()[index] + 1)]
        for monomial, c in p.to_dict().items():
            parts[monomial[index]][monomial[:index] + (0,) + monomial[index + 1 :]] = c
        return [self.context.from_dict(part) for part in parts] or [self.zero]
