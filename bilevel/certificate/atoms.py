"""Exact arithmetic with exp, log, sqrt, sin, cos: a field of fractions over independent generators ("atoms").

Math: An expression becomes num/den with polynomials over Q in the symbols and in atoms. Every rewriting is an identity of
    real numbers wherever the expression is defined:
    exp(p + q) = exp(p) exp(q), exp(k u) = exp(u)^k, exp(k log|p|) = |p|^k;
    log(u) = sum of k log|p| over the irreducible factors p^k of u (u > 0), log|exp(u)| = u;
    sqrt(u) = product of |p|^(k/2); the rest is a generator S with S^2 = its square; cos(u)^2 = 1 - sin(u)^2.
    Atoms are otherwise treated as independent, so an equality found here is an equality of real numbers wherever
    both sides are defined (the converse need not hold: a true equality may be missed, never a false one proved).
Main definitions: `Field`, `Element`, `in_field`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from flint import Ordering, fmpq, fmpq_mpoly, fmpq_mpoly_ctx

from bilevel.certificate.errors import CertificateBudget, CertificateError
from bilevel.certificate.signs import ANY, NEGATIVE, NONNEGATIVE, POSITIVE, ZERO, Sign, plus, sign_of, times, to_power

T = TypeVar("T")
MAX_TERMS = 20_000
MAX_ATOMS = 150
MAX_PRODUCT = 400_000
_LEX = Ordering.lex


class _Refine(Exception):
    """An exponential needs a smaller unit (exp(x/2) met after exp(x)), or there are more atoms than room: start again."""

    def __init__(self, key: Any = None, unit: int = 1) -> None:
        self.key, self.unit = key, unit
        super().__init__(key)


def in_field(symbols: Mapping[str, Sign], work: Callable[[Field], T]) -> T:
    """Run `work` in a field with these symbols, restarting with smaller units of exponentials where needed."""
    units: dict[Any, int] = {}
    room = 12
    for _ in range(12):
        try:
            return work(Field(symbols, units, room))
        except _Refine as wish:
            if wish.key is None:
                room *= 2
            else:
                units[wish.key] = wish.unit
        if room > MAX_ATOMS:
            break
    raise CertificateBudget("the expressions contain more exponentials, logarithms and roots than the budget allows")


@dataclass(frozen=True, eq=False)
class Element:
    """num/den in lowest terms, den with leading coefficient 1."""

    field: Field
    num: Any
    den: Any

    def __add__(self, other: Element) -> Element:
        if self.den == other.den:
            return self.field.fraction(self.num + other.num, self.den)
        return self.field.fraction(self.num * other.den + other.num * self.den, self.den * other.den)

    def __neg__(self) -> Element:
        return Element(self.field, -self.num, self.den)

    def __sub__(self, other: Element) -> Element:
        return self + (-other)

    def __mul__(self, other: Element) -> Element:
        if len(self.num) * len(other.num) + len(self.den) * len(other.den) > MAX_PRODUCT:
            raise CertificateBudget("a product expands to more terms than the budget allows")
        return self.field.fraction(self.num * other.num, self.den * other.den)

    def __truediv__(self, other: Element) -> Element:
        if other.is_zero():
            raise CertificateError("division by zero: an expression is not defined anywhere")
        return self.field.fraction(self.num * other.den, self.den * other.num)

    def __pow__(self, exponent: int) -> Element:
        if exponent < 0:
            return self.field.one / self ** (-exponent)
        degree = max((self.num.total_degree(), self.den.total_degree(), 0)) if not self.is_zero() else 0
        terms = max(len(self.num), len(self.den))
        if exponent * (degree + 1) > 4000 or (terms > 1 and terms * exponent > 4000):
            raise CertificateBudget("a power expands to more terms than the budget allows")
        return self.field.fraction(self.num**exponent, self.den**exponent)

    def is_zero(self) -> bool:
        """Whether this is zero as a formal expression."""
        return bool(self.num == 0)

    def equals(self, other: Element) -> bool:
        """Equality proved: one polynomial identity."""
        return (self - other).is_zero()

    def constant(self) -> fmpq | None:
        """The rational this is, or None."""
        if self.is_zero():
            return fmpq(0)
        if self.num.is_constant() and self.den.is_constant():
            return self.num.leading_coefficient() / self.den.leading_coefficient()
        return None


class Field:
    """The fraction field: symbols with their signs, and atoms created as expressions ask for them."""

    def __init__(self, symbols: Mapping[str, Sign], units: Mapping[Any, int], room: int) -> None:
        names = [f"s{i}" for i in range(len(symbols))] + [f"a{i}" for i in range(room)]
        self.context = fmpq_mpoly_ctx.get(names, _LEX)
        self.gens = self.context.gens()
        self.index = {name: i for i, name in enumerate(symbols)}
        self.signs: list[Sign] = list(symbols.values())
        self.units = units
        self.atoms: dict[Any, int] = {}
        self.squares: list[tuple[int, Any]] = []  # (generator, its square), newest last
        self.logs: dict[int, Any] = {}  # generator of log|p| -> p
        self.log_of: dict[int, Element] = {}  # generator g -> log|g|, where short
        self.facts: dict[str, Sign] = {}  # irreducible factor -> sign, from the assumptions
        self.zero = Element(self, self.context.constant(0), self.context.constant(1))
        self.one = self.rational(fmpq(1))

    # --- building elements -------------------------------------------------------------------------------------
    def rational(self, number: fmpq) -> Element:
        """A rational number."""
        return Element(self, self.context.constant(number), self.context.constant(1))

    def symbol(self, name: str) -> Element:
        """A declared symbol."""
        if name not in self.index:
            raise CertificateError(f"the symbol {name!r} is not declared under \"symbols\"")
        return self.generator(self.index[name])

    def generator(self, index: int) -> Element:
        """One generator as an element."""
        return self.polynomial(self.gens[index])

    def polynomial(self, p: fmpq_mpoly) -> Element:
        """A polynomial as an element."""
        return Element(self, p, self.context.constant(1))

    def fraction(self, num: fmpq_mpoly, den: fmpq_mpoly) -> Element:
        """num/den reduced: squares of roots replaced, common factors removed, leading coefficient of den 1."""
        if len(num) + len(den) > MAX_TERMS:
            raise CertificateBudget(f"an intermediate expression has more than {MAX_TERMS} terms")
        num, den = self._reduce(num), self._reduce(den)
        if den == 0:
            raise CertificateError("division by zero: an expression is not defined anywhere")
        if num == 0:
            return self.zero
        if not den.is_constant():
            common = num.gcd(den)
            num, den = num / common, den / common
        unit = den.leading_coefficient()
        return Element(self, num / unit, den / unit)

    def _reduce(self, p: fmpq_mpoly) -> fmpq_mpoly:
        for index, square in reversed(self.squares):
            if p == 0 or p.degrees()[index] < 2:
                continue
            parts: dict[int, dict[tuple[int, ...], Any]] = {}
            for monomial, coefficient in p.terms():
                half, rest = divmod(int(monomial[index]), 2)
                parts.setdefault(half, {})[(*monomial[:index], rest, *monomial[index + 1 :])] = coefficient
            p = sum((self.context.from_dict(part) * square**half for half, part in parts.items()), self.context.constant(0))
        return p

    def _atom(self, key: Any, sign: Sign) -> tuple[int, bool]:
        """The generator of an atom, and whether it is new."""
        if key in self.atoms:
            return self.atoms[key], False
        if len(self.signs) == len(self.gens):
            raise _Refine()
        self.signs.append(sign)
        self.atoms[key] = len(self.signs) - 1
        return self.atoms[key], True

    # --- signs -------------------------------------------------------------------------------------------------
    def factors(self, p: fmpq_mpoly) -> tuple[fmpq, list[tuple[Any, int]]]:
        """Content and irreducible factors with positive leading coefficient."""
        content, found = p.factor()
        content, out = fmpq(content), []
        for q, k in found:
            if q.leading_coefficient() < 0:
                q, content = -q, content * (-1) ** int(k)
            out.append((q, int(k)))
        return content, out

    def sign_of_polynomial(self, p: fmpq_mpoly) -> Sign:
        """What is known about the sign of a polynomial: from the facts, else term by term."""
        if str(p) in self.facts:
            return self.facts[str(p)]
        total: Sign = ZERO
        for monomial, coefficient in p.terms():
            sign: Sign = frozenset((sign_of(coefficient),))
            for known, exponent in zip(self.signs, monomial):
                if exponent:
                    sign = times(sign, to_power(known, int(exponent)))
            total = plus(total, sign)
            if total == ANY:
                break
        return total

    def sign(self, element: Element) -> Sign:
        """What is known about the sign of an element, factor by factor."""
        if element.is_zero():
            return ZERO
        total: Sign = POSITIVE
        for part, below in ((element.num, False), (element.den, True)):
            content, found = self.factors(part)
            total = times(total, frozenset((sign_of(content),)))
            for p, k in found:
                known = to_power(self.sign_of_polynomial(p), k)
                total = times(total, known - ZERO if below else known)
        return total

    def learn(self, element: Element, sign: Sign) -> None:
        """Use an assumption: when all factors but one have known signs, it fixes the sign of that one."""
        if element.is_zero():
            return
        unknown, known, nonzero = [], POSITIVE, 0 not in sign
        for part in (element.num, element.den):
            content, found = self.factors(part)
            known = times(known, frozenset((sign_of(content),)))
            for p, k in found:
                here = self.sign_of_polynomial(p)
                if nonzero or part is element.den:
                    here = here - ZERO
                    self.facts[str(p)] = here
                if k % 2 and len(here) > 1:
                    unknown.append(p)
                elif k % 2:
                    known = times(known, here)
                elif 0 in here:
                    known = times(known, NONNEGATIVE)
        if len(unknown) == 1 and len(known) == 1 and known != ZERO:
            (direction,) = known
            p = unknown[0]
            learned = frozenset(s * direction for s in sign) & self.sign_of_polynomial(p)
            if learned:
                self.facts[str(p)] = learned

    # --- functions ---------------------------------------------------------------------------------------------
    def absolute(self, p: fmpq_mpoly) -> Element:
        """|p| of an irreducible polynomial: p or -p where the sign is known, else an atom with square p^2."""
        sign = self.sign_of_polynomial(p)
        if -1 not in sign:
            return self.polynomial(p)
        if 1 not in sign:
            return self.polynomial(-p)
        index, new = self._atom(("abs", str(p)), NONNEGATIVE)
        if new:
            self.squares.append((index, self._reduce(p * p)))
        return self.generator(index)

    def exp(self, u: Element) -> Element:
        """exp(u), split over the terms of u."""
        whole, rest = divmod(u.num, u.den) if not u.den.is_constant() else (u.num, None)
        out = self.one
        for p, den in ((whole, self.context.constant(1)), (rest, u.den)):
            for monomial, coefficient in p.terms() if p is not None and p != 0 else ():
                out = out * self._exp_term(tuple(int(k) for k in monomial), fmpq(coefficient), den)
        return out

    def _exp_term(self, monomial: tuple[int, ...], coefficient: fmpq, den: fmpq_mpoly) -> Element:
        support = tuple((i, k) for i, k in enumerate(monomial) if k)
        if len(support) == 1 and support[0][1] == 1 and support[0][0] in self.logs and den.is_constant() and coefficient.q <= 2:
            size = self.absolute(self.logs[support[0][0]])
            return (self.sqrt(size) if coefficient.q == 2 else size) ** self._exponent(coefficient.p)
        key = ("exp", support, str(den))
        unit = self.units.get(key, 1)
        scaled = coefficient * unit
        if scaled.q != 1:
            raise _Refine(key, unit * int(scaled.q))
        index, new = self._atom(key, POSITIVE)
        if new:
            term = self.context.from_dict({monomial: fmpq(1, unit)})
            self.log_of[index] = self.fraction(term, den)
        return self.generator(index) ** self._exponent(scaled.p)

    @staticmethod
    def _exponent(k: Any) -> int:
        if abs(int(k)) > 400:
            raise CertificateBudget(f"the exponential of a multiple of {int(k)} is beyond the budget")
        return int(k)

    def log(self, u: Element) -> Element:
        """log(u) for u > 0, split over the irreducible factors of u."""
        if u.is_zero():
            raise CertificateError("the logarithm of zero is not defined")
        if 1 not in self.sign(u):
            raise CertificateError("the logarithm of something that is never positive is not defined")
        out = self.zero
        for part, direction in ((u.num, 1), (u.den, -1)):
            content, found = self.factors(part)
            for integer, way in ((abs(content.p), direction), (content.q, -direction)):
                for prime, k in _primes(integer):
                    out = out + self._log_absolute(self.context.constant(prime)) * self.rational(fmpq(way * k))
            for p, k in found:
                out = out + self._log_absolute(p) * self.rational(fmpq(direction * k))
        return out

    def _log_absolute(self, p: fmpq_mpoly) -> Element:
        """log|p| of an irreducible polynomial or a prime."""
        for index, value in self.log_of.items():
            if p == self.gens[index]:
                return value
        for root, square in self.squares:
            if p == self.gens[root]:
                return self.log(self.polynomial(square)) * self.rational(fmpq(1, 2))
        index, new = self._atom(("log", str(p)), ANY)
        if new:
            self.logs[index] = p
            if p.is_constant():
                self.signs[index] = POSITIVE  # the logarithm of an integer above 1
        return self.generator(index)

    def sqrt(self, u: Element) -> Element:
        """sqrt(u) for u >= 0, split over the irreducible factors of u."""
        if u.is_zero():
            return self.zero
        if self.sign(u) == NEGATIVE:
            raise CertificateError("the square root of something negative is not defined")
        out, odd, sign = self.one, [], 1
        for part, direction in ((u.num, 1), (u.den, -1)):
            content, found = self.factors(part)
            sign *= sign_of(content)
            for integer, way in ((abs(content.p), direction), (content.q, -direction)):
                for prime, k in _primes(integer):
                    base = self.rational(fmpq(prime)) ** (k // 2) * (self._root(self.context.constant(prime)) if k % 2 else self.one)
                    out = out * base**way
            for p, k in found:
                known = self.sign_of_polynomial(p)
                size = self.absolute(p) if k > 1 else self.one
                out = out * size ** (direction * (k // 2))
                if k % 2 and (-1 in known and 1 in known):
                    odd.append((p, direction))
                elif k % 2:
                    down = -1 in known
                    sign *= -1 if down else 1
                    out = out * self._root(-p if down else p) ** direction
        if odd:
            product = self.context.constant(sign)
            for p, _ in odd:
                product = product * p
            out = out * self._root(product)
            for p in (p for p, way in odd if way < 0):  # a single factor has the sign that makes u >= 0
                out = out / (self.absolute(p) if len(odd) > 1 else self.polynomial(product))
        return out

    def _root(self, p: fmpq_mpoly) -> Element:
        """sqrt(p) of a square-free polynomial or a prime: a generator whose square is p."""
        for index, value in self.log_of.items():
            if p == self.gens[index]:
                return self.exp(value * self.rational(fmpq(1, 2)))
        if p == 1:
            return self.one
        index, new = self._atom(("sqrt", str(p)), NONNEGATIVE if not p.is_constant() else POSITIVE)
        if new:
            self.squares.append((index, p))
        return self.generator(index)

    def sine(self, u: Element) -> tuple[Element, Element]:
        """sin(u) and cos(u)."""
        if u.is_zero():
            return self.zero, self.one
        flip = u.num.leading_coefficient() < 0
        v = -u if flip else u
        key = (str(v.num), str(v.den))
        s, _ = self._atom(("sin", key), ANY)
        c, new = self._atom(("cos", key), ANY)
        if new:
            self.squares.append((c, 1 - self.gens[s] ** 2))
        sine = self.generator(s)
        return (-sine if flip else sine), self.generator(c)

    def unknown(self, name: str, orders: tuple[int, ...], arguments: list[Element]) -> Element:
        """A partial derivative of an unknown function at a point."""
        key = ("call", name, orders, tuple((str(a.num), str(a.den)) for a in arguments))
        return self.generator(self._atom(key, ANY)[0])


def _primes(number: Any) -> list[tuple[int, int]]:
    """Prime factors of a positive integer; a large one is kept whole."""
    if number == 1:
        return []
    if int(number).bit_length() > 100:
        return [(int(number), 1)]
    return [(int(p), int(k)) for p, k in number.factor()]
