"""Proofs that an expression is positive: evident signs, comparison with hypotheses, and witnesses.

A witness is the same expression written so that its sign can be read off: sums of products of positive things, even
powers, exponentials, and `["given", e]`, which refers to a hypothesis e > 0.
Main definitions: `Prover`, `positive_part`, `references`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bilevel.certificate.atoms import Element, Field
from bilevel.certificate.errors import CertificateError
from bilevel.certificate.evaluate import Dual, value
from bilevel.certificate.signs import (
    ANY,
    NEGATIVE,
    NONNEGATIVE,
    NONZERO,
    POSITIVE,
    ZERO,
    Sign,
    plus,
    sign_of,
    times,
    to_power,
)
from bilevel.certificate.trees import Tree, expand_defined, is_name, is_rational, rational

GIVEN = ("given",)


def positive_part(condition: Tree) -> Tree:
    """The tree e of a condition e > 0; left > right and left < right are read too."""
    if isinstance(condition, list) and len(condition) == 3 and condition[0] in ("<", ">"):
        op, left, right = condition
        return ["-", left, right] if op == ">" else ["-", right, left]
    return condition


def references(witness: Tree) -> Tree:
    """A witness whose references ["given", condition] all stand as ["given", e], meaning e > 0."""
    if not isinstance(witness, list) or not witness:
        return witness
    if witness[0] == "given" and len(witness) == 2:
        return ["given", references(positive_part(witness[1]))]
    return [references(part) for part in witness]


def plain(tree: Tree) -> Tree:
    """A witness without its references: ["given", e] is e."""
    if not isinstance(tree, list):
        return tree
    if tree[0] == "given":
        return plain(tree[1])
    return [plain(part) if isinstance(part, list) and part and isinstance(part[0], str) else part for part in tree]


class Prover:
    """Shows expressions positive from hypotheses (elements known to be positive) and the field's assumptions."""

    def __init__(self, field: Field, place: dict[str, Dual], hypotheses: Sequence[Element]) -> None:
        self.field, self.place = field, place
        self.hypotheses = [self.rootless(h) for h in hypotheses]
        kept = [h for h in self.hypotheses if not h.is_zero()]
        self.compared: dict[str, Sign] = {}
        self.facts = {str(p): NONZERO for h in kept for p, _ in field.factors(h.num)[1]}  # no factor of them vanishes
        for hypothesis in kept + kept:
            self._learn(hypothesis)

    def value(self, tree: Tree) -> Element:
        """The value of a tree, references included."""
        return value(plain(tree), self.field, self.place)

    def rootless(self, element: Element) -> Element:
        """An element of the same sign with fewer square roots: A + B S times A - B S, where that has a visible sign.

        So h < 4 (sqrt(g^2 + 1) - g) and h^2 + 8 g h < 16 are seen to be the same condition for positive g and h.
        """
        for index, _ in reversed(self.field.squares):
            if element.is_zero() or not element.num.degrees()[index]:
                continue
            flipped = element.num.compose(*(-g if i == index else g for i, g in enumerate(self.field.gens)))
            conjugate = self.field.fraction(flipped, self.field.context.constant(1))
            sign = self.field.sign(conjugate)
            if sign in (POSITIVE, NEGATIVE):
                element = element * (conjugate if sign == POSITIVE else -conjugate)
        return element

    def sign(self, element: Element) -> Sign:
        """The sign of an element: evident, or that of a positive multiple of a hypothesis, or above such a multiple."""
        element = self.rootless(element)
        sign = self.field.sign(element, self._factor)
        for hypothesis in self.hypotheses:
            if len(sign) > 1 and not hypothesis.is_zero():
                sign = (
                    sign & self.field.sign(element / hypothesis, self._factor)
                    if self._alike(element, hypothesis)
                    else sign
                )
        if len(sign) > 1 and 1 in sign and any(self._above(element, h) for h in self.hypotheses):
            return POSITIVE
        return sign

    def _factor(self, p: Any) -> Sign:
        """What the hypotheses say about an irreducible polynomial."""
        name = str(p)
        known = self.facts.get(name, ANY)
        if 1 not in known or len(known) == 1:
            return known
        if name not in self.compared:  # the hypotheses do not change, so neither does what they are compared with
            self.compared[name] = self._compared(p)
        return known if self.compared[name] is ANY else self.compared[name]

    def _compared(self, p: Any) -> Sign:
        """The sign of a polynomial that lies above a positive multiple of a hypothesis, or whose negative does."""
        for sign, element in ((POSITIVE, self.field.polynomial(p)), (NEGATIVE, self.field.polynomial(-p))):
            if any(self._above(element, h) for h in self.hypotheses if not h.is_zero()):
                return sign
        return ANY

    def _learn(self, hypothesis: Element) -> None:
        """When all factors of a positive expression but one have known signs, that one has too."""
        content, found = self.field.factors(hypothesis.num)
        total = times(frozenset((sign_of(content),)), self.field.sign_of_polynomial(hypothesis.den) - ZERO)
        unknown = []
        for p, k in found:
            known = self.field.sign_of_polynomial(p) & self._factor(p)
            if k % 2 and len(known) > 1:
                unknown.append(p)
            total = times(total, known) if k % 2 and len(known) == 1 else total
        if len(unknown) == 1 and total in (POSITIVE, NEGATIVE):
            self.facts[str(unknown[0])] = total

    def _above(self, element: Element, hypothesis: Element) -> bool:
        """Whether element - c hypothesis >= 0 is evident for some c > 0 that cancels a term; both as polynomials."""
        signs = [self.field.sign_of_polynomial(e.den) - ZERO for e in (element, hypothesis)]
        if signs != [POSITIVE, POSITIVE] or len(element.num) + len(hypothesis.num) > 200:
            return False
        terms = dict(hypothesis.num.terms())
        ratios = {c / terms[m] for m, c in element.num.terms() if m in terms and c / terms[m] > 0}
        return any(self.field.sign_of_polynomial(element.num - c * hypothesis.num) <= NONNEGATIVE for c in ratios)

    @staticmethod
    def _alike(element: Element, hypothesis: Element) -> bool:
        """Whether the quotient is worth forming: they share a factor."""
        if element.num.is_constant() or hypothesis.num.is_constant():
            return False
        return not element.num.gcd(hypothesis.num).is_constant()

    def positive(self, element: Element) -> bool:
        """Whether an element is shown positive."""
        return self.sign(element) == POSITIVE

    def same(self, left: Element, right: Element) -> bool:
        """Whether two elements are shown to have the same sign everywhere: their quotient is positive."""
        left, right = self.rootless(left), self.rootless(right)
        if left.is_zero() or right.is_zero():
            return left.is_zero() and right.is_zero()
        return self.field.sign(left / right) == POSITIVE

    def read(self, tree: Tree) -> Sign:
        """The sign of a witness, read off its form."""
        if is_rational(tree):
            return frozenset((sign_of(rational(tree)),))
        if is_name(tree):
            return self.field.sign(self.value(tree))
        tree = expand_defined(tree)
        op = tree[0]
        if op == "given":
            element = self.value(tree)
            if not any(self.same(element, h) for h in self.hypotheses) and not self.positive(element):
                raise CertificateError("a witness refers to a hypothesis that is not there")
            return POSITIVE
        found = self._combined(op, tree)
        return found if len(found) == 1 else found & self.field.sign(self.value(tree))

    def _combined(self, op: str, tree: Tree) -> Sign:
        if op == "exp":
            return POSITIVE
        if op == "sqrt":
            return POSITIVE if self.read(tree[1]) == POSITIVE else NONNEGATIVE
        if op == "^":
            return to_power(self.read(tree[1]), tree[2]) if isinstance(tree[2], int) else POSITIVE
        if op not in "+-*/":
            return ANY
        signs = [self.read(part) for part in tree[1:]]
        if op == "-":
            signs[-1] = times(signs[-1], NEGATIVE)
        if op == "/":
            signs[-1] = signs[-1] - ZERO
        total = signs[0]
        for sign in signs[1:]:
            total = plus(total, sign) if op in "+-" else times(total, sign)
        return total

    def witnessed(self, condition: Element, witness: Tree) -> bool:
        """Whether a witness has the value of a condition (up to a positive factor) and a visible sign."""
        return self.same(condition, self.value(witness)) and self.read(witness) == POSITIVE
