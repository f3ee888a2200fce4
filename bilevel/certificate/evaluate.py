"""Value and derivatives of a tree, by forward-mode differentiation over the field of atoms.

The rules used are those of a first course (sum, product, chain rule and the derivatives of exp, log, sqrt, sin, cos);
a derivative is never read off a normal form, so the checker does not trust whoever differentiated.
Main definitions: `Dual`, `evaluate`, `value`, `gradient`, `setting` (symbols and assumptions of a certificate).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bilevel.certificate import functions
from bilevel.certificate.atoms import Element, Field, in_field
from bilevel.certificate.errors import CertificateError
from bilevel.certificate.sampling import meaningful
from bilevel.certificate.signs import ASSUMPTIONS, RELATIONS, Sign
from bilevel.certificate.trees import Tree, expand_defined, is_name, is_rational, rational, validate

T = TypeVar("T")


@dataclass(frozen=True)
class Dual:
    """A value and its partial derivatives."""

    value: Element
    slopes: tuple[Element, ...] = ()

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, tuple(a + b for a, b in zip(self.slopes, other.slopes)))

    def __mul__(self, other: Dual) -> Dual:
        pairs = zip(self.slopes, other.slopes)
        return Dual(self.value * other.value, tuple(a * other.value + self.value * b for a, b in pairs))

    def __truediv__(self, other: Dual) -> Dual:
        quotient = self.value / other.value
        pairs = zip(self.slopes, other.slopes)
        return Dual(quotient, tuple((a - quotient * b) / other.value for a, b in pairs))

    def chain(self, value: Element, slope: Callable[[], Element]) -> Dual:
        """A function of this, given its value here and (only if needed) its derivative here."""
        if all(s.is_zero() for s in self.slopes):
            return Dual(value, self.slopes)
        outer = slope()
        return Dual(value, tuple(outer * s for s in self.slopes))


def evaluate(tree: Tree, field: Field, place: Mapping[str, Dual], width: int) -> Dual:
    """A tree's value and derivatives, its symbols taken from `place` (else they stand for themselves)."""
    if is_name(tree):
        return place[tree] if tree in place else _still(field, field.symbol(tree), width)
    if is_rational(tree):
        return _still(field, field.rational(rational(tree)), width)
    tree = expand_defined(tree)
    op = tree[0]
    if op == "^":
        return _power(evaluate(tree[1], field, place, width), tree[2], field, place, width)
    if op == "exp" and isinstance(tree[1], list) and tree[1][0] == "log":
        return evaluate(tree[1][1], field, place, width)  # exp(log u) = u wherever log u is defined
    if op == "call":
        return _call(tree, [evaluate(t, field, place, width) for t in tree[3:]], field, width)
    parts = [evaluate(t, field, place, width) for t in tree[1:]]
    return _combine(op, parts, field, width)


def _combine(op: str, parts: list[Dual], field: Field, width: int) -> Dual:
    first = parts[0]
    minus = _still(field, -field.one, width)
    if op in "+*":
        for part in parts[1:]:
            first = first + part if op == "+" else first * part
        return first
    if op == "-":
        return first * minus if len(parts) == 1 else first + parts[1] * minus
    if op == "/":
        return first / parts[1]
    u = first.value
    two = field.one + field.one
    if op == "exp":
        out = functions.exp(field, u)
        return first.chain(out, lambda: out)
    if op == "log":
        return first.chain(functions.log(field, u), lambda: field.one / u)
    if op == "sqrt":
        if u.is_zero() and width:
            raise CertificateError("a square root (or abs, max, min) has no derivative where its argument is zero")
        root = functions.sqrt(field, u)
        return first.chain(root, lambda: field.one / (two * root))
    sine, cosine = functions.sine(field, u)
    return first.chain(sine, lambda: cosine) if op == "sin" else first.chain(cosine, lambda: -sine)


def _power(base: Dual, exponent: Any, field: Field, place: Mapping[str, Dual], width: int) -> Dual:
    if isinstance(exponent, int):
        if exponent == 0:
            return _still(field, field.one, width)
        factor = field.rational(rational(str(exponent)))
        return base.chain(base.value**exponent, lambda: factor * base.value ** (exponent - 1))
    power = evaluate(exponent, field, place, width)  # u^v = exp(v log u), for u > 0
    log = _combine("log", [base], field, width)
    return _combine("exp", [power * log], field, width)


def _call(tree: Tree, parts: list[Dual], field: Field, width: int) -> Dual:
    name, orders, values = tree[1], tuple(tree[2]), [p.value for p in parts]
    slopes = [field.zero] * width
    for i, part in enumerate(parts):
        if any(not s.is_zero() for s in part.slopes):
            outer = functions.unknown(field, name, tuple(k + (i == j) for j, k in enumerate(orders)), values)
            slopes = [old + outer * s for old, s in zip(slopes, part.slopes)]
    return Dual(functions.unknown(field, name, orders, values), tuple(slopes))


def _still(field: Field, element: Element, width: int) -> Dual:
    return Dual(element, (field.zero,) * width)


def value(tree: Tree, field: Field, place: Mapping[str, Dual] | None = None) -> Element:
    """The value of a tree."""
    return evaluate(tree, field, place or {}, 0).value


def gradient(
    tree: Tree, field: Field, variables: Sequence[str], at: Mapping[str, Tree] | None = None
) -> tuple[Element, ...]:
    """Partial derivatives of a tree in some of its symbols, at a point given by trees (default: where it stands)."""
    place = {}
    for i, name in enumerate(variables):
        slopes = tuple(field.one if i == j else field.zero for j in range(len(variables)))
        here = value(at[name], field) if at and name in at else field.symbol(name)
        place[name] = Dual(here, slopes)
    return evaluate(tree, field, place, len(variables)).slopes


def declared(certificate: Mapping[str, Any]) -> tuple[dict[str, Sign], list[tuple[str, Tree, Tree]]]:
    """The symbols with their signs, and the relations assumed, of a certificate."""
    symbols, relations = certificate["symbols"], certificate.get("assume", [])
    if not isinstance(symbols, dict) or not isinstance(relations, list) or len(symbols) > 60:
        raise CertificateError(
            '"symbols" is a table of at most 60 names, "assume" a list of relations [">", left, right]'
        )
    for name, assumption in symbols.items():
        if not is_name(name) or assumption not in ASSUMPTIONS:
            raise CertificateError(
                f"{name!r}: {assumption!r} declares no symbol; assumptions are {', '.join(ASSUMPTIONS)}"
            )
    for relation in relations:
        if not isinstance(relation, list) or len(relation) != 3 or relation[0] not in RELATIONS:
            raise CertificateError(f'an assumption is written [">", left, right]; came {relation!r}')
        validate(relation[1])
        validate(relation[2])
    return {name: ASSUMPTIONS[a] for name, a in symbols.items()}, [tuple(r) for r in relations]


def assumed(field: Field, relations: Sequence[tuple[str, Tree, Tree]]) -> list[tuple[Element, Sign]]:
    """Left minus right of every assumed relation, with its sign; the field learns them too."""
    found = [(value(left, field) - value(right, field), RELATIONS[op]) for op, left, right in relations]
    for element, sign in found + found:  # twice: an earlier one may follow once a later one is known
        field.learn(element, sign)
    return found


def setting(
    certificate: Mapping[str, Any],
    work: Callable[[Field], T],
    extra: Mapping[str, Sign] | None = None,
    defined: Sequence[Tree] = (),
) -> T:
    """Run `work` in the field of a certificate's symbols, its assumptions learned.

    A claim whose assumptions exclude each other, or about expressions that are nowhere defined, is refused.
    """
    symbols, relations = declared(certificate)

    def prepared(field: Field) -> T:
        assumed(field, relations)
        return work(field)

    answer = in_field({**symbols, **(extra or {})}, prepared)
    if relations or defined or "example" in certificate:
        meaningful(certificate, defined)
    return answer
