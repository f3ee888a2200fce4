"""exp, log, sqrt, sin and cos on the field of atoms: the rewritings that `bilevel.certificate.atoms` lists.

Main definitions: `exp`, `log`, `sqrt`, `sine`, `unknown`, `absolute`.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq, fmpq_mpoly

from bilevel.certificate.atoms import Element, Field, Refine
from bilevel.certificate.errors import CertificateBudget, CertificateError
from bilevel.certificate.signs import ANY, NEGATIVE, NONNEGATIVE, POSITIVE, sign_of


def absolute(field: Field, p: fmpq_mpoly) -> Element:
    """|p| of an irreducible polynomial: p or -p where the sign is known, else an atom with square p^2."""
    sign = field.sign_of_polynomial(p)
    if -1 not in sign:
        return field.polynomial(p)
    if 1 not in sign:
        return field.polynomial(-p)
    index, new = field.atom(("abs", str(p)), NONNEGATIVE)
    if new:
        field.squares.append((index, field.reduce(p * p)))
    return field.generator(index)


def exp(field: Field, u: Element) -> Element:
    """exp(u), split over the terms of u."""
    whole, rest = divmod(u.num, u.den) if not u.den.is_constant() else (u.num, None)
    out = field.one
    for p, den in ((whole, field.context.constant(1)), (rest, u.den)):
        for monomial, coefficient in p.terms() if p is not None and p != 0 else ():
            out = out * _exp_term(field, tuple(int(k) for k in monomial), fmpq(coefficient), den)
    return out


def _exp_term(field: Field, monomial: tuple[int, ...], coefficient: fmpq, den: fmpq_mpoly) -> Element:
    support = tuple((i, k) for i, k in enumerate(monomial) if k)
    if (
        len(support) == 1
        and support[0][1] == 1
        and support[0][0] in field.logs
        and den.is_constant()
        and coefficient.q <= 2
    ):
        size = absolute(field, field.logs[support[0][0]])
        return (sqrt(field, size) if coefficient.q == 2 else size) ** _exponent(coefficient.p)
    key = ("exp", support, str(den))
    unit = field.units.get(key, 1)
    scaled = coefficient * unit
    if scaled.q != 1:
        raise Refine(key, unit * int(scaled.q))
    index, new = field.atom(key, POSITIVE)
    if new:
        term = field.context.from_dict({monomial: fmpq(1, unit)})
        field.log_of[index] = field.fraction(term, den)
    return field.generator(index) ** _exponent(scaled.p)


def _exponent(k: Any) -> int:
    if abs(int(k)) > 400:
        raise CertificateBudget(f"the exponential of a multiple of {int(k)} is beyond the budget")
    return int(k)


def log(field: Field, u: Element) -> Element:
    """log(u) for u > 0, split over the irreducible factors of u."""
    if u.is_zero():
        raise CertificateError("the logarithm of zero is not defined")
    if 1 not in field.sign(u):
        raise CertificateError("the logarithm of something that is never positive is not defined")
    out = field.zero
    for part, direction in ((u.num, 1), (u.den, -1)):
        content, found = field.factors(part)
        for integer, way in ((abs(content.p), direction), (content.q, -direction)):
            for prime, k in _primes(integer):
                out = out + _log_absolute(field, field.context.constant(prime)) * field.rational(fmpq(way * k))
        for p, k in found:
            out = out + _log_absolute(field, p) * field.rational(fmpq(direction * k))
    return out


def _log_absolute(field: Field, p: fmpq_mpoly) -> Element:
    """log|p| of an irreducible polynomial or a prime."""
    for index, value in field.log_of.items():
        if p == field.gens[index]:
            return value
    for root, square in field.squares:
        if p == field.gens[root]:
            return log(field, field.polynomial(square)) * field.rational(fmpq(1, 2))
    index, new = field.atom(("log", str(p)), ANY)
    if new:
        field.logs[index] = p
        if p.is_constant():
            field.signs[index] = POSITIVE  # the logarithm of an integer above 1
    return field.generator(index)


def sqrt(field: Field, u: Element) -> Element:
    """sqrt(u) for u >= 0, split over the irreducible factors of u."""
    if u.is_zero():
        return field.zero
    if field.sign(u) == NEGATIVE:
        raise CertificateError("the square root of something negative is not defined")
    out, odd, sign = field.one, [], 1
    for part, direction in ((u.num, 1), (u.den, -1)):
        content, found = field.factors(part)
        sign *= sign_of(content)
        for integer, way in ((abs(content.p), direction), (content.q, -direction)):
            for prime, k in _primes(integer):
                base = field.rational(fmpq(prime)) ** (k // 2) * (
                    _root(field, field.context.constant(prime)) if k % 2 else field.one
                )
                out = out * base**way
        for p, k in found:
            known = field.sign_of_polynomial(p)
            size = absolute(field, p) if k > 1 else field.one
            out = out * size ** (direction * (k // 2))
            if k % 2 and (-1 in known and 1 in known):
                odd.append((p, direction))
            elif k % 2:
                down = -1 in known
                sign *= -1 if down else 1
                out = out * _root(field, -p if down else p) ** direction
    if odd:
        product = field.context.constant(sign)
        for p, _ in odd:
            product = product * p
        out = out * _root(field, product)
        for p in (p for p, way in odd if way < 0):  # a single factor has the sign that makes u >= 0
            out = out / (absolute(field, p) if len(odd) > 1 else field.polynomial(product))
    return out


def _root(field: Field, p: fmpq_mpoly) -> Element:
    """sqrt(p) of a square-free polynomial or a prime: a generator whose square is p."""
    for index, value in field.log_of.items():
        if p == field.gens[index]:
            return exp(field, value * field.rational(fmpq(1, 2)))
    if p == 1:
        return field.one
    index, new = field.atom(("sqrt", str(p)), NONNEGATIVE if not p.is_constant() else POSITIVE)
    if new:
        field.squares.append((index, p))
    return field.generator(index)


def sine(field: Field, u: Element) -> tuple[Element, Element]:
    """sin(u) and cos(u)."""
    if u.is_zero():
        return field.zero, field.one
    flip = u.num.leading_coefficient() < 0
    v = -u if flip else u
    key = (str(v.num), str(v.den))
    s, _ = field.atom(("sin", key), ANY)
    c, new = field.atom(("cos", key), ANY)
    if new:
        field.squares.append((c, 1 - field.gens[s] ** 2))
    sine = field.generator(s)
    return (-sine if flip else sine), field.generator(c)


def unknown(field: Field, name: str, orders: tuple[int, ...], arguments: list[Element]) -> Element:
    """A partial derivative of an unknown function at a point."""
    key = ("call", name, orders, tuple((str(a.num), str(a.den)) for a in arguments))
    return field.generator(field.atom(key, ANY)[0])


def _primes(number: Any) -> list[tuple[int, int]]:
    """Prime factors of a positive integer; a large one is kept whole."""
    if number == 1:
        return []
    if int(number).bit_length() > 100:
        return [(int(number), 1)]
    return [(int(p), int(k)) for p, k in number.factor()]
