"""Signs that no identity in the coefficients shows: of A + B sqrt(d), of quadratics without real roots, on a line.

Main definitions: `sign_beyond`, `factored_sign`.

Math: with t = sqrt(d) >= 0 and N = A^2 - B^2 d, the number A + B t has the sign of A where N > 0 and of B where N < 0.
A quadratic a y^2 + b y + c, y = x or a power of it, has the sign of a where 4 a c > b^2. A polynomial in one parameter
has one sign on an interval when no root of it, isolated exactly, lies there. Each rule asks for the signs of smaller
polynomials in turn.
Reference: Basu, Pollack, Roy (2006), Algorithms in Real Algebraic Geometry, chapter 2.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.analysis.regions import Sign

MAX_TERMS, MAX_NORM, MAX_DEGREE, MAX_DEPTH = 120, 4000, 24, 3
_TIMES = {"+": 1, "-": -1, ">=0": 1, "<=0": -1}


def sign_beyond(known: Any, p: Any, depth: int = 0) -> str | None:
    """The sign of a polynomial in the generators of `known` (an `Assumptions`): "+", "-", ">=0", "<=0", or None."""
    if depth > MAX_DEPTH or p.is_constant():
        return None
    used = [i for i, degree in enumerate(p.degrees()) if degree]
    roots = [i for i in used if known.coordinates.relations.get(i, (0,))[0] == 2 and _is_root(known, i)]
    if roots:
        return _with_root(known, p, roots[-1], depth)
    if len(p) > MAX_TERMS or known.coordinates.relations.keys() & set(used):
        return None
    if len(used) == 1:
        return _on_line(known, p, used[0])
    even = [i for i in used if p.degrees()[i] % 2 == 0]
    return next((s for i in even if (s := _quadratic(known, p, i, depth))), None)


def factored_sign(known: Any, p: Any, depth: int) -> str | None:
    """The sign of a polynomial from those of its factors."""
    direct = known.sign(p, depth)
    if direct is not None or len(p) > MAX_NORM:
        return direct
    unit, factors = p.factor()
    total, strict = 1 if unit > 0 else -1, True
    for factor, multiplicity in factors:
        found = known.sign(factor, depth)
        if found == "0":
            return "0"
        if found is None and multiplicity % 2:
            return None
        strict = strict and (found in ("+", "-") or known.is_nonzero(factor))
        total *= _TIMES[found] if multiplicity % 2 else 1
    return _named(total, strict)


def _named(direction: int, strict: bool) -> str:
    return ("+" if direction > 0 else "-") if strict else (">=0" if direction > 0 else "<=0")


def _is_root(known: Any, index: int) -> bool:
    meaning = known.coordinates.meaning[index]
    return bool(meaning.is_Pow and meaning.exp == sp.S.Half)


def _with_root(known: Any, p: Any, index: int, depth: int) -> str | None:
    """A + B t by the sign of its norm, t = sqrt(d) times a denominator of known sign."""
    coordinates = known.coordinates
    p = coordinates.reduce(p)
    parts = coordinates.coefficients(p, index)
    scale = coordinates._scales.get(index, coordinates.one)
    turn = known.sign(scale, depth + 1)
    if len(parts) != 2 or turn not in ("+", "-"):
        return None
    a, b = parts if turn == "+" else (parts[0], -parts[1])
    radicand = coordinates.relations[index][1]
    if len(a) ** 2 + len(b) ** 2 * len(radicand) > MAX_NORM:
        return None
    if a == 0:
        return _times(factored_sign(known, b, depth + 1), factored_sign(known, radicand, depth + 1))
    norm = factored_sign(known, coordinates.reduce(a * a - b * b * radicand), depth + 1)
    first = factored_sign(known, a, depth + 1) if norm != "-" else None
    second = factored_sign(known, b, depth + 1) if norm in (None, "-", "<=0") else None
    if norm is None:
        if first is None or second is None or _TIMES.get(first, 0) != _TIMES.get(second, 1):
            return None
        return _named(_TIMES[first], first in ("+", "-"))
    leading = second if norm in ("-", "<=0") else first
    return _named(_TIMES[leading], norm in ("+", "-")) if leading is not None and leading in _TIMES else None


def _times(first: str | None, radicand: str | None) -> str | None:
    """The sign of B sqrt(d), real."""
    if first not in _TIMES:
        return first
    return _named(_TIMES[first], first in ("+", "-") and radicand == "+")


def _quadratic(known: Any, p: Any, index: int, depth: int) -> str | None:
    """Of a y^2 + b y + c, y a power of one generator."""
    parts = known.coordinates.coefficients(p, index)
    half = len(parts) // 2
    if any(parts[k] != 0 for k in range(len(parts)) if k % half):
        return None
    c, b, a = parts[0], parts[half], parts[-1]
    leading = factored_sign(known, a, depth + 1)
    if leading not in ("+", "-") or len(a) * len(c) + len(b) ** 2 > MAX_NORM:
        return None
    return leading if factored_sign(known, 4 * a * c - b * b, depth + 1) == "+" else None


def _on_line(known: Any, p: Any, index: int) -> str | None:
    if p.degrees()[index] > MAX_DEGREE:
        return None
    line = known.line([p], index)
    signs = (("+", Sign(p, ">")), ("-", Sign(-p, ">")))
    return next((name for name, atom in signs if all(line.truth(atom, k) for k in line.cells)), None)
