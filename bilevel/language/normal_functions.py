"""Exponentials, logarithms and powers of rational functions in atoms, in one form each.

Main definitions: `exponential`, `logarithm`, `power`, `function`.

`exp` of a sum is a product of powers of `exp(monomial)`, so `exp(2 l) = exp(l)^2`; sigmoid and softplus are written
through it, so `1 - sigmoid(l) = sigmoid(-l)` and `log sigmoid(l) = -softplus(-l)` hold by cancelling. A logarithm
splits into those of its irreducible factors only where their sign is known: `log(a b) = log a + log b` for a > 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import flint

from bilevel.language.normal_atom import Atom
from bilevel.language.normal_ratio import ONE, Polynomial, Ratio, factor, sign

REAL = ("real", "positive", "probability", "nonnegative")


def is_real(ratio: Ratio) -> bool:
    """Whether every atom is known to be real, with integer powers where it may be negative."""
    powers = [pair for poly in (ratio.num, ratio.den) for m in poly for pair in m]
    return all(a.range in REAL and (a.range in ("positive", "probability") or e.denominator == 1) for a, e in powers)


def sign_of(ratio: Ratio) -> int:
    """+1 or -1 if the ratio has that strict sign everywhere, else 0."""
    return sign(ratio.num) * sign(ratio.den)


def exponential(ratio: Ratio) -> Ratio:
    """exp of a ratio."""
    result, real = Ratio.number(1), is_real(ratio)
    for m, c in ratio.num.items():
        logarithm_alone = (
            m[0][0] if len(m) == 1 and m[0][1] == 1 and m[0][0].kind == "log" and set(ratio.den) == {ONE} else None
        )
        if logarithm_alone is not None and (c.denominator == 1 or logarithm_alone.range == "real"):
            result = result * power(logarithm_alone.parts[0], Ratio.number(c))
            continue
        unit = Ratio({m: Fraction(1)}, ratio.den)
        shift = unit.num[next(iter(unit.num))] if len(unit.num) == 1 else Fraction(1)
        unit = Ratio({n: d / shift for n, d in unit.num.items()}, unit.den, reduced=True)
        result = result * Ratio.of(Atom("exp", (unit,), range="positive" if real else "complex"), c * shift)
    return result


def logarithm(ratio: Ratio) -> Ratio:
    """log of a ratio, split as far as signs are known."""
    if not ratio:
        return Ratio.of(Atom("log", (ratio,), range="complex"))
    result, content, unknown = Ratio.number(0), Fraction(1), Ratio.number(1)
    for poly, turn in ((ratio.num, 1), (ratio.den, -1)):
        constant, pieces = factor(poly)
        content = content * constant if turn == 1 else content / constant
        for piece, exponent in pieces:
            exponent = exponent * turn
            known = sign(piece)
            if known == 0 or (known < 0 and exponent.denominator != 1):
                unknown = unknown * raise_poly(piece, exponent)
                continue
            if known < 0:
                piece, content = {m: -c for m, c in piece.items()}, content * Fraction(-1) ** int(exponent)
            result = result + _log_of_positive(piece) * Ratio.number(exponent)
    if unknown.constant == 1 and content > 0:
        return result + _log_of_number(content)
    unknown = unknown * Ratio.number(-1 if content < 0 else 1)
    return result + _log_of_number(abs(content)) + Ratio.of(Atom("log", (unknown,), range="complex"))


def raise_poly(poly: Polynomial, exponent: Fraction) -> Ratio:
    """An irreducible polynomial to a power; fractional powers occur only of atoms."""
    return Ratio.of(next(iter(poly))[0][0], exponent) if len(poly) == 1 else Ratio(poly) ** exponent


def _log_of_positive(poly: Polynomial) -> Ratio:
    if len(poly) == 1:
        ((m, _),) = poly.items()
        atom, exponent = m[0]
        if atom.kind == "exp" and atom.range == "positive":
            return atom.parts[0] * Ratio.number(exponent)
        return Ratio.of(Atom("log", (Ratio.of(atom),), range="real")) * Ratio.number(exponent)
    return Ratio.of(Atom("log", (Ratio(poly),), range="real"))


def _log_of_number(value: Fraction) -> Ratio:
    total = Ratio.number(0)
    for number, turn in ((value.numerator, 1), (value.denominator, -1)):
        for prime, exponent in flint.fmpz(number).factor():
            total = total + Ratio.of(Atom("log", (Ratio.number(int(prime)),), range="real")) * Ratio.number(
                turn * int(exponent)
            )
    return total


def power(base: Ratio, exponent: Ratio) -> Ratio:
    """base ** exponent: exact for whole exponents, an atom of its own otherwise."""
    fixed = exponent.constant
    if fixed is not None and fixed.denominator == 1:
        return base**fixed
    number = base.constant
    if fixed is not None and number is not None and number >= 0:
        return _power_of_number(number, fixed)
    if fixed is not None and base.atom is not None and (base.atom.kind != "exp" or base.atom.range == "positive"):
        return base**fixed
    if sign_of(base) > 0:
        content, result = Fraction(1), Ratio.number(1)
        pieces: list[tuple[Polynomial, Fraction]] = []
        for poly, turn in ((base.num, 1), (base.den, -1)):
            constant, found = factor(poly)
            content, pieces = content * constant**turn, pieces + [(p, e * turn) for p, e in found]
        if fixed is not None and all(sign(p) for p, _ in pieces):
            for poly, e in pieces:
                upright = poly if sign(poly) > 0 else {m: -c for m, c in poly.items()}
                content = content if sign(poly) > 0 else content * Fraction(-1) ** int(e)
                atom = (
                    next(iter(upright))[0][0]
                    if len(upright) == 1
                    else Atom("root", (Ratio(upright),), range="positive")
                )
                result = result * Ratio.of(atom, e * fixed) if len(upright) == 1 else result * _root(atom, e * fixed)
            return result * _power_of_number(content, fixed)
        return exponential(exponent * logarithm(base))
    return Ratio.of(Atom("power", (base, exponent), range="complex"))


def _root(atom: Atom, exponent: Fraction) -> Ratio:
    """A power of a positive sum or a number: the whole part multiplied out, the rest on an atom between 0 and 1."""
    inside: Ratio = atom.parts[0]
    whole = exponent.numerator // exponent.denominator
    return inside**whole * Ratio.of(atom, exponent - whole)


def _power_of_number(value: Fraction, exponent: Fraction) -> Ratio:
    if value == 0:
        return Ratio.number(0)
    result = Ratio.number(1)
    for number, turn in ((value.numerator, 1), (value.denominator, -1)):
        for prime, times in flint.fmpz(number).factor():
            root = Atom("root", (Ratio.number(int(prime)),), range="positive")
            result = result * _root(root, exponent * int(times) * turn)
    return result


def function(name: str, arguments: Iterable[Any]) -> Ratio:
    """A named function of ratios; the elementary ones are written through exp."""
    given = tuple(arguments)
    one = Ratio.number(1)
    if name in THROUGH_EXP:
        return THROUGH_EXP[name](given[0], one)
    if name == "Abs":
        known = sign_of(given[0])
        if known or not given[0]:
            return given[0] * Ratio.number(known)
        upright = min(given[0], -given[0], key=lambda r: r.key)
        return Ratio.of(Atom("function", (upright,), name=name, range="nonnegative"))
    if name == "sign" and sign_of(given[0]):
        return Ratio.number(sign_of(given[0]))
    if name in ("Max", "Min"):
        kept = sorted({g.key: g for g in given}.values(), key=lambda r: r.key)
        given = tuple(kept)
        if len(given) == 1:
            return given[0]
        turn = 1 if name == "Max" else -1
        for g in given:
            if all(g is h or sign_of(g - h) == turn for h in given):
                return g
    return Ratio.of(Atom("function", given, name=name, range="real" if all(is_real(g) for g in given) else "complex"))


def _tanh(x: Ratio, one: Ratio) -> Ratio:
    square = exponential(x + x)
    return (square - one) / (square + one)


def _half_sum(x: Ratio, turn: int) -> Ratio:
    return (exponential(x) + Ratio.number(turn) * exponential(-x)) / Ratio.number(2)


THROUGH_EXP = MappingProxyType(
    {
        "exp": lambda x, one: exponential(x),
        "log": lambda x, one: logarithm(x),
        "sigmoid": lambda x, one: one / (one + exponential(-x)),
        "softplus": lambda x, one: logarithm(one + exponential(x)),
        "tanh": _tanh,
        "sinh": lambda x, one: _half_sum(x, -1),
        "cosh": lambda x, one: _half_sum(x, 1),
    }
)
