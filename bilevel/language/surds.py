"""Quotients of polynomials in symbols and square roots, by python-flint: each root is a letter with t^2 = its radicand.

Main definitions: `settled` (in lowest terms, so that a zero shows), `determinant`.

Exponentials are products of powers of letters exp(u); what else is no rational function is a letter of its own. A
relation between different roots, as sqrt(x) sqrt(y) = sqrt(x y), is not looked for: a zero may hide behind it, nothing
is ever said to be zero that is not. Denominators are not made rational: that puts poles where conjugates vanish.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import lcm
from typing import Any

import sympy as sp
from flint import fmpq, fmpq_mpoly_ctx

Value = tuple[Any, dict[int, int]]  # numerator; powers of the denominators, by their number in the tower


def settled(expression: Any) -> Any | None:
    """A quotient of expanded polynomials in symbols and square roots; None for zero over zero, or with floats.

    Math: p/(q1^k1 ... qn^kn), every t^2 replaced by its radicand, no factor shared above and below as polynomials;
        the cost is that of polynomials of the degrees that occur.

    Reference: Bronstein (2005), Symbolic Integration I, chapter 1: algebraic extensions.

    Examples:
        >>> x = sp.Symbol("x", positive=True)
        >>> settled((sp.sqrt(1 + x)**3 + sp.sqrt(1 + x))/(2 + x) - sp.sqrt(1 + x))
        0
        >>> settled(1/(1 + sp.sqrt(x)) + 1/(1 - sp.sqrt(x)))
        -2/((sqrt(x) - 1)*(sqrt(x) + 1))
    """
    if expression.has(sp.Float, sp.I, sp.oo, -sp.oo, sp.zoo, sp.nan):
        return None
    try:
        tower = _Tower([expression])
        return tower.write(tower.read(expression))
    except ZeroDivisionError:
        return None


def determinant(matrix: Any) -> Any | None:
    """The determinant of a small matrix, written as by `settled`; None where that has no answer.

    Math: by expansion along rows, nothing divided: n! products of polynomials at worst.

    Shapes: square; meant for n <= 6.

    Reference: see `settled`.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> determinant(sp.Matrix([[sp.exp(x), 1], [1, sp.exp(-x)]]))
        0
    """
    if matrix.has(sp.Float, sp.I, sp.oo, -sp.oo, sp.zoo, sp.nan):
        return None
    try:
        tower = _Tower(matrix)
        rows = [[tower.read(matrix[i, j]) for j in range(matrix.cols)] for i in range(matrix.rows)]
        return tower.write(tower.determinant(rows))
    except ZeroDivisionError:
        return None


class _Tower:
    """Polynomials in the letters of expressions; `relations` gives t^2 for the letter t of a root, inner ones first."""

    def __init__(self, expressions: Iterable[Any]) -> None:
        expressions = list(expressions)
        self.parts = _exponents(expressions)
        letters = list(dict.fromkeys(letter for e in expressions for letter in _letters(e, self.parts)))
        letters = [e for e in letters if not _is_root(e)] + [e for e in letters if _is_root(e)]
        self.context = fmpq_mpoly_ctx.get([f"x{i}" for i in range(len(letters) or 1)], "degrevlex")
        self.letters, self.generators = letters, self.context.gens()
        self.index = {e: i for i, e in enumerate(letters)}
        self.one = self.context.constant(1)
        self.below: list[Any] = []
        self.relations: dict[int, Any] = {}
        self.scales: dict[int, Any] = {}  # t = root * scale, which makes t^2 a polynomial
        for i, letter in enumerate(letters):
            if _is_root(letter):
                top, below = self.read(letter.base)
                scale = self._product(below)
                radicand = self.reduce(top * scale)
                # The same number under a root, written in another way, is the same letter.
                same = (k for k, known in self.relations.items() if known == radicand and self.scales[k] == scale)
                self.index[letter] = next(same, i)
                if self.index[letter] == i:
                    self.relations[i], self.scales[i] = radicand, scale

    def _number(self, p: Any) -> int:
        """The number of a denominator, made monic."""
        p = p / p.leading_coefficient()
        found = next((k for k, known in enumerate(self.below) if known == p), None)
        if found is None:
            self.below.append(p)
        return len(self.below) - 1 if found is None else found

    def reduce(self, p: Any) -> Any:
        """Every t^2 by its radicand, outer roots first."""
        for i, radicand in reversed(self.relations.items()):
            while p.degrees()[i] > 1:
                low: dict[Any, Any] = {}
                high: dict[Any, Any] = {}
                for m, c in p.to_dict().items():
                    (high if m[i] > 1 else low)[(*m[:i], m[i] - 2 if m[i] > 1 else m[i], *m[i + 1 :])] = c
                p = self.context.from_dict(low) + radicand * self.context.from_dict(high)
        return p

    def read(self, e: Any) -> Value:
        """The expression over powers of monic denominators."""
        if e.is_Rational:
            return self.context.constant(fmpq(int(e.p), int(e.q))), {}
        if e.is_Add:
            return self._sum([self.read(a) for a in e.args])
        if e.is_Mul:
            return self._times(map(self.read, e.args))
        if e.is_Pow and e.exp.is_Rational and e.exp.q <= 2:
            return self._power(self._root(e.base) if e.exp.q == 2 else self.read(e.base), int(e.exp.p))
        if isinstance(e, sp.exp):
            value: Value = (self.one, {})
            for count, letter in _powers(e, self.parts):
                power = self._power((self.generators[self.index[letter]], {}), count)
                value = self._times([value, power])
            return value
        return self.generators[self.index[e]], {}

    def _root(self, radicand: Any) -> Value:
        i = self.index[sp.Pow(radicand, sp.S.Half, evaluate=False)]
        return self._over(self.generators[i], self.scales[i])

    def _power(self, value: Value, k: int) -> Value:
        top, below = value
        if k >= 0:
            return self.reduce(top**k), {q: n * k for q, n in below.items()}
        above = self.one
        for q, n in below.items():
            above = self.reduce(above * self.below[q] ** (-n * k))
        if top.is_zero():
            raise ZeroDivisionError
        unit = top.leading_coefficient()
        return self._lowest(above * unit**k, {} if top.is_constant() else {self._number(top): -k})

    def _over(self, top: Any, bottom: Any) -> Value:
        unit = bottom.leading_coefficient()
        return self._lowest(top / unit, {} if bottom.is_constant() else {self._number(bottom): 1})

    def _sum(self, parts: list[Value]) -> Value:
        common: dict[Any, int] = {}
        for _, below in parts:
            common |= {q: max(n, common.get(q, 0)) for q, n in below.items()}
        total = self.context.constant(0)
        for top, below in parts:
            missing = self._product({q: n - below.get(q, 0) for q, n in common.items()})
            total += self.reduce(top * missing)
        return self._lowest(self.reduce(total), common)

    def _times(self, values: Iterable[Value]) -> Value:
        top: Any = self.one
        below: dict[int, int] = {}
        for t, b in values:
            top, below = self.reduce(top * t), {q: below.get(q, 0) + b.get(q, 0) for q in (*below, *b)}
        return self._lowest(top, below)

    def determinant(self, rows: list[list[Value]]) -> Value:
        """By expansion along the first row."""
        if len(rows) == 1:
            return rows[0][0]
        parts = []
        for j, entry in enumerate(rows[0]):
            if not entry[0].is_zero():
                top, below = self._times([entry, self.determinant([row[:j] + row[j + 1 :] for row in rows[1:]])])
                parts.append((-top if j % 2 else top, below))
        return self._sum(parts)

    def _product(self, powers: dict[Any, int]) -> Any:
        total = self.one
        for q, n in powers.items():
            total = self.reduce(total * self.below[q] ** n)
        return total

    def _lowest(self, top: Any, below: dict[Any, int]) -> Value:
        """Factors shared as polynomials cancelled."""
        if top.is_zero():
            return top, {}
        left: dict[int, int] = {}
        for q, n in below.items():
            while n and not (shared := top.gcd(self.below[q])).is_constant():
                rest = self.below[q] / shared
                top, n = top / shared / rest.leading_coefficient(), n - 1
                if not rest.is_constant():
                    left[self._number(rest)] = left.get(self._number(rest), 0) + 1
            if n:
                left[q] = left.get(q, 0) + n
        return top, left

    def write(self, value: Value) -> Any:
        """As a SymPy expression."""
        top, below = value
        return sp.Mul(self._written(top), *(self._written(self.below[q]) ** -n for q, n in below.items()))

    def _written(self, p: Any) -> Any:
        terms = []
        for monomial, c in p.to_dict().items():
            powers = [self._meaning(i) ** e for i, e in enumerate(monomial) if e]
            terms.append(sp.Mul(sp.Rational(int(c.p), int(c.q)), *powers))
        return sp.Add(*terms)

    def _meaning(self, i: int) -> Any:
        scale = self.scales.get(i)
        return self.letters[i] if scale is None or scale == 1 else self.letters[i] * self._written(scale)


def _is_root(e: Any) -> bool:
    return bool(e.is_Pow and e.exp == sp.S.Half)


def _letters(e: Any, parts: dict[Any, int]) -> Iterator[Any]:
    """What becomes a letter, what stands under a root before the root."""
    if e.is_Rational:
        return
    if e.is_Add or e.is_Mul:
        for a in e.args:
            yield from _letters(a, parts)
    elif e.is_Pow and e.exp.is_Rational and e.exp.q <= 2:
        yield from _letters(e.base, parts)
        if e.exp.q == 2:
            yield sp.Pow(e.base, sp.S.Half, evaluate=False)
    elif isinstance(e, sp.exp):
        yield from (letter for _, letter in _powers(e, parts))
    else:
        yield e


def _exponents(expressions: list[Any]) -> dict[Any, int]:
    """Terms u of the exponents, without their numbers, with the least k such that every exponential is a product of
    whole powers of exp(u/k)."""
    found: dict[Any, int] = {}
    for e in set().union(*(e.atoms(sp.exp) for e in expressions)):
        for term in sp.Add.make_args(sp.expand(e.exp)):
            number, u = term.as_coeff_Mul()
            if number.is_Rational:
                found[u] = lcm(found.get(u, 1), int(number.q))
    return found


def _powers(e: Any, parts: dict[Any, int]) -> list[tuple[int, Any]]:
    """An exponential as whole powers of letters."""
    pairs = []
    for term in sp.Add.make_args(sp.expand(e.exp)):
        number, u = term.as_coeff_Mul()
        pairs.append((int(number * parts[u]), sp.exp(u / parts[u])) if number.is_Rational else (1, sp.exp(term)))
    return pairs
