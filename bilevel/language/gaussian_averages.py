"""Averages over normal variables of kinks, of roots and of fractions, all along one direction, in closed form.

Main definitions: `gaussian_average`.

What is no polynomial in the variables (|L|, sign L, exp(-a |L|), a delta at L, a negative or half power of L^2 + c)
has to depend on one linear form L alone. Then the variables are turned so that one of them lies along L: the others
enter polynomially and are averaged first. A kink at L = 0 is never differentiated through: it has probability zero,
and where a derivative leaves a delta there the density stands in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sympy as sp

from bilevel.language.moments import Normal, moment

_HALF = sp.Rational(1, 2)


def gaussian_average(body: Any, normals: Sequence[Any]) -> Any | None:
    """E[body] over independent standard normal variables, None where no closed form is known here.

    Math: with y ~ N(0, 1): E |y|^m exp(-a |y|) = M_m, M_0 = exp(a^2/2) erfc(a/sqrt 2), M_(m+1) = m M_(m-1) - a M_m
        (+ sqrt(2/pi) at m = 0); E (y^2 + c)^s = I_s, I_(s+1) = (1 + 2 s + c) I_s - 2 s c I_(s-1), from
        I_(-1) = sqrt(pi/(2 c)) exp(c/2) erfc(sqrt(c/2)) and I_(-1/2) = exp(c/4) K_0(c/4)/sqrt(2 pi).

    Reference: Gradshteyn and Ryzhik (2007), 3.322, 3.364 and 3.466; Abramowitz and Stegun (1964), chapter 7.

    Examples:
        >>> x, y = sp.symbols("x y", real=True)
        >>> gaussian_average(sp.exp(-sp.Abs(x - y)), (x, y))
        E*erfc(1)
        >>> gaussian_average(x * sp.sign(x + y), (x, y))
        1/sqrt(pi)
    """
    used = [x for x in normals if x in body.free_symbols]
    special = _special(body, set(used))
    if special is None:
        return None
    direction = _direction(special, used)
    if direction is None:
        return None
    y = sp.Dummy("y", real=True)
    rest = [sp.Dummy(f"w{k}", real=True) for k in range(len(used) - 1)]
    axes = _axes(direction)
    turned = {x: sum((axis[k] * new for axis, new in zip(axes, (y, *rest), strict=True)), sp.S.Zero)
              for k, x in enumerate(used)}  # fmt: skip
    marks = _Marks(y)
    put = {}
    for node in special:
        mark = marks.of(node, sp.expand(node.args[0].xreplace(turned)))
        if mark is None:
            return None
        put[node] = mark
    smooth = body.xreplace(put).xreplace(turned)
    symbols = (y, *rest, *marks.symbols)
    if not smooth.is_polynomial(*symbols):
        return None
    total = []
    for powers, factor in sp.Poly(smooth, *symbols).terms():
        others = [moment(Normal(0, 1), n) for n in powers[1 : len(used)]]
        along = sp.S.Zero if sp.S.Zero in others else marks.average(powers[0], powers[len(used) :])
        if along is None:
            return None
        total.append(factor * along * sp.Mul(*others))
    return sp.expand(sp.Add(*total))


def _special(body: Any, normals: set[Any]) -> list[Any] | None:
    """The largest parts that are no polynomials in the variables, each of a kind known here; None if one is not."""
    if not body.free_symbols & normals:
        return []
    if body.is_Symbol:
        return []
    if isinstance(body, sp.Add | sp.Mul) or (body.is_Pow and body.exp.is_Integer and body.exp > 0):
        found: list[Any] = []
        for part in body.args:
            inner = _special(part, normals)
            if inner is None:
                return None
            found += [node for node in inner if node not in found]
        return found
    half = body.is_Pow and (2 * body.exp).is_Integer
    return [body] if half or isinstance(body, sp.Abs | sp.sign | sp.exp | sp.DiracDelta) else None


def _direction(special: list[Any], normals: list[Any]) -> list[Any] | None:
    """The one direction along which all of these change."""
    rows = []
    for node in special:
        inner = [a.args[0] for a in node.atoms(sp.Abs)] if isinstance(node, sp.exp) else [node.args[0]]
        for argument in inner:
            if not argument.is_polynomial(*normals) or sp.Poly(argument, *normals).total_degree() > 2:
                return None
            rows += [[sp.diff(argument, a, b) for b in normals] for a in normals]
            rows.append([sp.diff(argument, a).xreplace(dict.fromkeys(normals, sp.S.Zero)) for a in normals])
    rows = [row for row in rows if any(entry != 0 for entry in row)]
    if not rows:
        return None
    lead = next(k for k, entry in enumerate(rows[0]) if entry != 0)
    first = [sp.cancel(entry / rows[0][lead]) for entry in rows[0]]
    return first if all(sp.cancel(e - row[lead] * f) == 0 for row in rows for e, f in zip(row, first)) else None


def _axes(direction: list[Any]) -> list[list[Any]]:
    """An orthonormal basis that begins with the direction, whose first entry that is not zero is one."""
    lead = direction.index(1)
    units = [[sp.Integer(i == k) for i in range(len(direction))] for k in range(len(direction)) if k != lead]
    basis: list[list[Any]] = []
    for vector in [direction, *units]:
        for axis in basis:
            along = sum(a * b for a, b in zip(vector, axis, strict=True))
            vector = [sp.cancel(a - along * b) for a, b in zip(vector, axis, strict=True)]
        length = sp.sqrt(sp.cancel(sum(a**2 for a in vector)))
        basis.append([a / length for a in vector])
    return basis


class _Marks:
    """Symbols for |y|, sign y, a delta, exp(-a |y|) and powers of y^2 + c, and averages of their products."""

    def __init__(self, y: Any) -> None:
        self.y, self.kinds = y, dict[Any, tuple[str, Any]]()

    @property
    def symbols(self) -> tuple[Any, ...]:
        return tuple(self.kinds)

    def _mark(self, kind: str, value: Any = None) -> Any:
        for symbol, known in self.kinds.items():
            if known == (kind, value):
                return symbol
        symbol = sp.Dummy(kind)
        self.kinds[symbol] = (kind, value)
        return symbol

    def of(self, node: Any, argument: Any) -> Any | None:
        """The mark, times a constant, that stands for a kink, a root or an exponential of an argument in y."""
        y = self.y
        if isinstance(node, sp.exp):
            return self._exponential(argument)
        if not argument.is_polynomial(y):
            return None
        if node.is_Pow:
            a, b, c = (argument.coeff(y, k) for k in (2, 1, 0))
            shift = c / a if a != 0 else sp.S.Zero
            if sp.degree(argument, y) != 2 or b != 0 or not a.is_positive or not shift.is_positive:
                return None
            root = self._mark("root", shift)  # (y^2 + c)^(-1/2)
            return a**node.exp * root ** (-2 * node.exp) if node.exp < 0 else self._rooted(node.exp, a, shift, root)
        slope = argument.coeff(y, 1)
        if sp.expand(argument - slope * y) != 0:
            return None
        if isinstance(node, sp.Abs):
            return sp.Abs(slope) * self._mark("abs")
        if isinstance(node, sp.sign):
            return sp.sign(slope) * self._mark("sign")
        return self._mark("delta") / sp.Abs(slope) if len(node.args) == 1 else None

    def _rooted(self, power: Any, a: Any, shift: Any, root: Any) -> Any:
        return a**power * (self.y**2 + shift) ** int(power + _HALF) * root

    def _exponential(self, argument: Any) -> Any | None:
        kinks = argument.atoms(sp.Abs)
        size = sp.Dummy("size", positive=True)
        put = {}
        for kink in kinks:
            slope = sp.expand(kink.args[0]).coeff(self.y, 1)
            if sp.expand(kink.args[0] - slope * self.y) != 0:
                return None
            put[kink] = sp.Abs(slope) * size
        flat = sp.expand(argument.xreplace(put))
        rate = flat.coeff(size, 1)
        rest = sp.expand(flat - rate * size)
        if rest.has(size, self.y) or rate.has(self.y):
            return None
        return sp.exp(rest) * self._mark("rate", -rate)

    def average(self, power: int, powers: Sequence[int]) -> Any | None:
        """E[y^power times the marks to their powers]."""
        count: dict[str, list[tuple[Any, int]]] = {}
        for (kind, value), n in zip(self.kinds.values(), powers, strict=True):
            if n:
                count.setdefault(kind, []).append((value, n))
        of = lambda kind: sum(n for _, n in count.get(kind, ()))
        if (power + of("sign")) % 2:
            return sp.S.Zero  # odd in y, the rest is even
        size, roots = power + of("abs"), count.get("root", [])
        rate = sum((value * n for value, n in count.get("rate", ())), sp.S.Zero)
        if deltas := of("delta"):
            at_zero = sp.Mul(*(sp.sqrt(c) ** -n for c, n in roots)) / sp.sqrt(2 * sp.pi)
            return None if deltas > 1 or of("sign") else sp.S.Zero if size else at_zero
        if not roots:
            return _with_rate(size, rate)
        if rate != 0 or len(roots) > 1 or size % 2:
            return None
        (shift, n), m = roots[0], size // 2
        # y^2 = (y^2 + c) - c
        parts = (sp.binomial(m, i) * (-shift) ** (m - i) * _shifted(i - sp.Rational(n, 2), shift) for i in range(m + 1))
        return sp.Add(*parts)


@cache
def _with_rate(m: int, rate: Any) -> Any:
    """E |y|^m exp(-rate |y|)."""
    if m == 0:
        return sp.exp(rate**2 / 2) * sp.erfc(rate / sp.sqrt(2))
    lower = sp.sqrt(2 / sp.pi) if m == 1 else (m - 1) * _with_rate(m - 2, rate)
    return sp.expand(lower - rate * _with_rate(m - 1, rate))


@cache
def _shifted(s: Any, c: Any) -> Any:
    """E (y^2 + c)^s for an integer or half an odd integer s."""
    if s == 0:
        return sp.S.One
    if s == -1:
        return sp.sqrt(sp.pi / (2 * c)) * sp.exp(c / 2) * sp.erfc(sp.sqrt(c / 2))
    if s == -_HALF:
        return sp.exp(c / 4) * sp.besselk(0, c / 4) / sp.sqrt(2 * sp.pi)
    if s == -3 * _HALF:  # I_s' = s I_(s-1), K_0' = -K_1
        return sp.exp(c / 4) * (sp.besselk(1, c / 4) - sp.besselk(0, c / 4)) / (2 * sp.sqrt(2 * sp.pi))
    if s > 0:
        t = s - 1
        return sp.expand((1 + 2 * t + c) * _shifted(t, c) - 2 * t * c * _shifted(t - 1, c))
    t = s + 1
    return sp.expand(((1 + 2 * t + c) * _shifted(t, c) - _shifted(t + 1, c)) / (2 * t * c))
