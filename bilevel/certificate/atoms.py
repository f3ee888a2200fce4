"""Exact arithmetic with exp, log, sqrt, sin, cos: a field of fractions over independent generators ("atoms").

Math: An expression becomes num/den with polynomials over Q in the symbols and in atoms. Every rewriting is an identity
    of real numbers wherever the expression is defined (the rewritings are in `bilevel.certificate.functions`):
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
from bilevel.certificate.signs import ANY, NONNEGATIVE, POSITIVE, ZERO, Sign, plus, sign_of, times, to_power

T = TypeVar("T")
MAX_TERMS = 20_000
MAX_ATOMS = 150
MAX_PRODUCT = 400_000
_LEX = Ordering.lex


class Refine(Exception):
    """Start again: an exponential needs a smaller unit (exp(x/2) met after exp(x)), or there is no room for an atom."""

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
        except Refine as wish:
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
            raise CertificateError(f'the symbol {name!r} is not declared under "symbols"')
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
        num, den = self.reduce(num), self.reduce(den)
        if den == 0:
            raise CertificateError("division by zero: an expression is not defined anywhere")
        if num == 0:
            return self.zero
        if not den.is_constant():
            common = num.gcd(den)
            num, den = num / common, den / common
        unit = den.leading_coefficient()
        return Element(self, num / unit, den / unit)

    def reduce(self, p: fmpq_mpoly) -> fmpq_mpoly:
        """A polynomial with every root, absolute value and cosine at most to the first power."""
        for index, square in reversed(self.squares):
            if p == 0 or p.degrees()[index] < 2:
                continue
            parts: dict[int, dict[tuple[int, ...], Any]] = {}
            for monomial, coefficient in p.terms():
                half, rest = divmod(int(monomial[index]), 2)
                parts.setdefault(half, {})[(*monomial[:index], rest, *monomial[index + 1 :])] = coefficient
            p = sum(
                (self.context.from_dict(part) * square**half for half, part in parts.items()), self.context.constant(0)
            )
        return p

    def atom(self, key: Any, sign: Sign) -> tuple[int, bool]:
        """The generator of an atom, and whether it is new."""
        if key in self.atoms:
            return self.atoms[key], False
        if len(self.signs) == len(self.gens):
            raise Refine()
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

    def sign(self, element: Element, more: Callable[[fmpq_mpoly], Sign] = lambda p: ANY) -> Sign:
        """What is known about the sign of an element, factor by factor; `more` may know more about a factor."""
        if element.is_zero():
            return ZERO
        total: Sign = POSITIVE
        for part, below in ((element.num, False), (element.den, True)):
            content, found = self.factors(part)
            total = times(total, frozenset((sign_of(content),)))
            for p, k in found:
                known = self.sign_of_polynomial(p)
                known = known & more(p) if len(known) > 1 else known
                known = known - ZERO if below else known
                total = times(total, to_power(known, k))
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
