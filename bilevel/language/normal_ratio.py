"""Rational functions in named atoms: the scalar coefficients of the model-level normal form.

Main definitions: `Ratio` (a reduced quotient of polynomials in atoms, with rational coefficients and rational
exponents), `sign`, `factor`.

An exponent may be a fraction: `exp(m)**(1/2)` and `x**(1/2)` are powers of one atom, and principal powers of one
base add up. Quotients are compared as rational functions, hence where both sides are defined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cached_property, reduce
from math import lcm
from typing import Any

import flint

from bilevel.language.normal_atom import Atom, Names

Monomial = tuple[tuple[Atom, Fraction], ...]
Polynomial = dict[Monomial, Fraction]

ONE: Monomial = ()


def monomial(powers: Iterable[tuple[Atom, Fraction]]) -> Monomial:
    """Product of powers of atoms, sorted, equal atoms gathered."""
    gathered: dict[Atom, Fraction] = {}
    for atom, exponent in powers:
        gathered[atom] = gathered.get(atom, Fraction(0)) + exponent
    return tuple(sorted(((a, e) for a, e in gathered.items() if e), key=lambda pair: pair[0].key))


def times(left: Polynomial, right: Polynomial) -> Polynomial:
    """Product of two polynomials."""
    product: Polynomial = {}
    for m, c in left.items():
        for n, d in right.items():
            mn = monomial(m + n) if m and n else m or n
            product[mn] = product.get(mn, Fraction(0)) + c * d
    return {m: c for m, c in product.items() if c}


def plus(left: Polynomial, right: Polynomial) -> Polynomial:
    """Sum of two polynomials."""
    total = dict(left)
    for m, c in right.items():
        total[m] = total.get(m, Fraction(0)) + c
    return {m: c for m, c in total.items() if c}


def order(m: Monomial) -> tuple:
    """Sort key of a monomial, the same in every context."""
    return tuple((a.key, e) for a, e in m)


class Flint:
    """A flint context for some polynomials: atoms become generators, fractional exponents are scaled to whole ones."""

    def __init__(self, *polynomials: Polynomial) -> None:
        scale: dict[Atom, int] = {}
        for poly in polynomials:
            for m in poly:
                for a, e in m:
                    scale[a] = lcm(scale.get(a, 1), Fraction(e).denominator)
        self.atoms = sorted(scale)
        self.scale = [scale[a] for a in self.atoms]
        self.place = {a: i for i, a in enumerate(self.atoms)}
        self.context = flint.fmpq_mpoly_ctx.get([f"x{i}" for i in range(max(1, len(self.atoms)))], "lex")

    def enter(self, poly: Polynomial) -> Any:
        """The polynomial as a flint polynomial."""
        terms = {}
        for m, c in poly.items():
            exponents = [0] * max(1, len(self.atoms))
            for a, e in m:
                exponents[self.place[a]] = int(e * self.scale[self.place[a]])
            terms[tuple(exponents)] = flint.fmpq(c.numerator, c.denominator)
        return self.context.from_dict(terms)

    def leave(self, poly: Any) -> Polynomial:
        """Back from flint."""
        result: Polynomial = {}
        for exponents, c in poly.to_dict().items():
            m = tuple((self.atoms[i], Fraction(int(e), self.scale[i])) for i, e in enumerate(exponents) if e)
            result[m] = Fraction(int(c.p), int(c.q))
        return result


def reduce_pair(num: Polynomial, den: Polynomial) -> tuple[Polynomial, Polynomial]:
    """The quotient in lowest terms, the denominator's leading coefficient 1."""
    if not num:
        return {}, {ONE: Fraction(1)}
    if any(e < 0 for poly in (num, den) for m in poly for _, e in m):
        lift: dict[Atom, Fraction] = {}
        for poly in (num, den):
            for m in poly:
                for a, e in m:
                    lift[a] = max(lift.get(a, Fraction(0)), -e)
        factor = {monomial(lift.items()): Fraction(1)}
        num, den = times(num, factor), times(den, factor)
    if set(den) != {ONE}:
        space = Flint(num, den)
        n, d = space.enter(num), space.enter(den)
        g = n.gcd(d)
        if not g.is_one():
            num, den = space.leave(n / g), space.leave(d / g)
    lead = den[max(den, key=order)]
    if lead != 1:
        num, den = {m: c / lead for m, c in num.items()}, {m: c / lead for m, c in den.items()}
    return num, den


class Ratio:
    """A quotient of polynomials in atoms, always in lowest terms: equal functions of the atoms are equal objects."""

    def __init__(self, num: Polynomial, den: Polynomial | None = None, *, reduced: bool = False) -> None:
        den = {ONE: Fraction(1)} if den is None else den
        if not den:
            raise ZeroDivisionError("a coefficient was divided by an expression that is identically zero")
        self.num, self.den = (num, den) if reduced else reduce_pair(num, den)

    @classmethod
    def number(cls, value: Any) -> Ratio:
        """A constant."""
        value = Fraction(value)
        return cls({ONE: value} if value else {}, reduced=True)

    @classmethod
    def of(cls, atom: Atom, exponent: Any = 1) -> Ratio:
        """A power of an atom."""
        return cls({monomial([(atom, Fraction(exponent))]): Fraction(1)})

    @cached_property
    def key(self) -> str:
        """Canonical text."""
        text = poly_key(self.num)
        return text if set(self.den) == {ONE} else f"({text})/({poly_key(self.den)})"

    @cached_property
    def free(self) -> frozenset[str]:
        """Random variables that stand free in it."""
        return frozenset().union(*(a.free for a in self.atoms))

    @cached_property
    def atoms(self) -> frozenset[Atom]:
        """The atoms it is a function of."""
        return frozenset(a for poly in (self.num, self.den) for m in poly for a, _ in m)

    @cached_property
    def height(self) -> int:
        """Nesting depth of expectations."""
        return max((a.height for a in self.atoms), default=0)

    def rename(self, names: Names) -> Ratio:
        """Rename free random variables."""
        return self.map(lambda a: Ratio.of(a.rename(names))) if self.free & names.keys() else self

    def map(self, image: Callable[[Atom], Ratio]) -> Ratio:
        """Replace every atom by a ratio (integer powers) or by an atom (any power)."""
        images = {a: image(a) for a in self.atoms}

        def evaluate(poly: Polynomial) -> Ratio:
            total = Ratio.number(0)
            for m, c in poly.items():
                total = total + reduce(lambda product, pair: product * images[pair[0]] ** pair[1], m, Ratio.number(c))
            return total

        single = {a: r.atom for a, r in images.items() if r.atom is not None}
        if len(single) == len(images):
            swap = lambda poly: gather((monomial((single[a], e) for a, e in m), c) for m, c in poly.items())
            return Ratio(swap(self.num), swap(self.den))
        return evaluate(self.num) / evaluate(self.den)

    @property
    def atom(self) -> Atom | None:
        """The atom it consists of, if it is just one."""
        if len(self.num) == 1 and set(self.den) == {ONE}:
            ((m, c),) = self.num.items()
            if c == 1 and len(m) == 1 and m[0][1] == 1:
                return m[0][0]
        return None

    @property
    def constant(self) -> Fraction | None:
        """Its value if it is a rational number."""
        if not self.num:
            return Fraction(0)
        return self.num[ONE] if set(self.num) == {ONE} and set(self.den) == {ONE} else None

    def __add__(self, other: Ratio) -> Ratio:
        if self.den == other.den:
            return Ratio(plus(self.num, other.num), self.den)
        return Ratio(plus(times(self.num, other.den), times(other.num, self.den)), times(self.den, other.den))

    def __neg__(self) -> Ratio:
        return Ratio({m: -c for m, c in self.num.items()}, self.den, reduced=True)

    def __sub__(self, other: Ratio) -> Ratio:
        return self + -other

    def __mul__(self, other: Ratio) -> Ratio:
        return Ratio(times(self.num, other.num), times(self.den, other.den))

    def __truediv__(self, other: Ratio) -> Ratio:
        return Ratio(times(self.num, other.den), times(self.den, other.num))

    def __pow__(self, exponent: Any) -> Ratio:
        exponent = Fraction(exponent)
        if self.atom is not None:
            return Ratio.of(self.atom, exponent)
        if exponent.denominator != 1:
            raise ValueError("a fractional power of a sum is an atom of its own")
        base = self if exponent >= 0 else Ratio.number(1) / self
        return reduce(lambda product, _: product * base, range(abs(exponent.numerator)), Ratio.number(1))

    def __bool__(self) -> bool:
        return bool(self.num)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ratio) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.key


def gather(pairs: Iterable[tuple[Monomial, Fraction]]) -> Polynomial:
    """A polynomial from monomials that may repeat."""
    total: Polynomial = {}
    for m, c in pairs:
        total[m] = total.get(m, Fraction(0)) + c
    return {m: c for m, c in total.items() if c}


def poly_key(poly: Polynomial) -> str:
    """Canonical text of a polynomial."""
    return (
        "+".join(
            "*".join([str(poly[m])] + [a.key if e == 1 else f"{a.key}^{e}" for a, e in m])
            for m in sorted(poly, key=order)
        )
        or "0"
    )


def factor(poly: Polynomial) -> tuple[Fraction, list[tuple[Polynomial, Fraction]]]:
    """Content and irreducible factors (integer coefficients without common divisor)."""
    space = Flint(poly)
    content, factors = space.enter(poly).factor()
    pieces: list[tuple[Polynomial, Fraction]] = []
    for piece, power in factors:
        inside = space.leave(piece)
        if len(inside) == 1:  # a generator x_i stands for atom**(1/scale): give the atom itself back
            ((m, _),) = inside.items()
            pieces.append(({((m[0][0], Fraction(1)),): Fraction(1)}, m[0][1] * int(power)))
        else:
            pieces.append((inside, Fraction(int(power))))
    return Fraction(int(content.p), int(content.q)), pieces


def sign(poly: Polynomial) -> int:
    """+1 or -1 if the polynomial has that strict sign for all allowed values of its atoms, else 0 (not known)."""
    if not poly:
        return 0
    shares = {a for m in poly for a, _ in m if a.range == "probability"}
    if any(Fraction(e).denominator != 1 for m in poly for a, e in m if a in shares):
        return 0
    for share in shares:  # p = 1/(1 + t) with t > 0, denominators cleared
        top = max(int(e) for m in poly for a, e in (m or ((share, Fraction(0)),)) if a == share)
        positive = Atom("odds", (share,), range="positive")
        one_plus = {ONE: Fraction(1), ((positive, Fraction(1)),): Fraction(1)}
        total: Polynomial = {}
        for m, c in poly.items():
            power = next((int(e) for a, e in m if a == share), 0)
            term: Polynomial = {tuple(pair for pair in m if pair[0] != share): c}
            total = plus(total, reduce(times, [one_plus] * (top - power), term))
        poly = total
    clear = all(
        a.range == "positive" or a.range == "nonnegative" or (a.range == "real" and e % 2 == 0)
        for m in poly
        for a, e in m
    )
    strict = any(all(a.range == "positive" for a, _ in m) for m in poly)
    signs = {c > 0 for c in poly.values()}
    return (1 if signs == {True} else -1) if clear and strict and len(signs) == 1 else 0
