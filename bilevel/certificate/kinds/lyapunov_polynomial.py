"""Kind `lyapunov_polynomial`: a polynomial V proves an equilibrium of a polynomial flow or map (asymptotically) stable.

Math: V = b' Q b with Q > 0, where b vanishes at the equilibrium and contains every coordinate, so V > 0 elsewhere and
    its sublevel sets are compact. The decrease (-grad V . f, or V(z) - V(T(z))) is c' R c + (level - V) d' S d with
    S >= 0 and R >= 0 (Lyapunov stable), or R > 0 with c containing every coordinate (asymptotically stable, and
    attracting all of V <= level). Without "region" the term with S is absent and the claim is global.
Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.atoms import Element, Field
from bilevel.certificate.definite import definite, gram_value, symmetric
from bilevel.certificate.errors import CertificateError, Result
from bilevel.certificate.evaluate import Dual, evaluate, setting, value
from bilevel.certificate.games import names, point, rows, standing, trees
from bilevel.certificate.signs import POSITIVE
from bilevel.certificate.spectra import time_of
from bilevel.certificate.trees import Tree, validate

KIND = "lyapunov_polynomial"
FIELDS = {
    "symbols": True,
    "assume": False,
    "example": False,
    "time": True,
    "order": True,
    "functions": True,
    "at": False,
    "V": True,
    "positive": True,
    "decrease": True,
    "region": False,
    "claim": True,
}
CLAIMS = ("asymptotically stable", "Lyapunov stable")


def check(certificate: dict[str, Any]) -> Result:
    """Polynomial identities, and definiteness by exact pivots."""
    order, claim = names(certificate["order"]), certificate["claim"]
    if claim not in CLAIMS:
        raise CertificateError(f'"claim" is one of {", ".join(CLAIMS)}; came {claim!r}')
    at = dict.fromkeys(order, "0") | point(certificate.get("at", {}), order)
    validate(certificate["V"])
    region = certificate.get("region")
    if region is not None and (not isinstance(region, dict) or set(region) != {"level", "multiplier"}):
        raise CertificateError('"region" is {"level": expression, "multiplier": {"basis", "gram"}}')
    grams = {name: _gram(certificate[name]) for name in ("positive", "decrease")}
    if region is not None:
        validate(region["level"])
        grams["multiplier"] = _gram(region["multiplier"])
    proof = _Proof(
        order, trees(certificate["functions"], len(order)), at, certificate["V"], time_of(certificate), grams
    )
    why = setting(certificate, lambda field: proof.wrong(field, region, claim == CLAIMS[0]))
    return Result(not why, KIND, why)


def _gram(entry: Any) -> tuple[list[Tree], list[list[Tree]]]:
    if not isinstance(entry, dict) or set(entry) != {"basis", "gram"} or not isinstance(entry["basis"], list):
        raise CertificateError('a sum of squares is {"basis": [expressions], "gram": square matrix}')
    size = len(entry["basis"])
    return trees(entry["basis"], size), rows(entry["gram"], size, size)


class _Proof:
    """The steps of the proof in one field."""

    def __init__(self, order: Any, functions: Any, at: Any, v: Tree, time: str, grams: Any) -> None:
        self.order, self.functions, self.at, self.v, self.time, self.grams = order, functions, at, v, time, grams

    def wrong(self, field: Field, region: Any, asymptotic: bool) -> str:
        """Why the proof fails; empty when it holds."""
        here = {name: Dual(value(tree, field)) for name, tree in self.at.items()}
        v = evaluate(self.v, field, standing(field, self.order), len(self.order))
        after = [value(tree, field) for tree in self.functions]
        if not all(self._polynomial(e, field) for e in (v.value, *after)):
            return "V and the functions must be polynomials in the variables"
        for name, tree in zip(self.order, self.functions):
            target = here[name].value if self.time == "discrete" else field.zero
            if not value(tree, field, here).equals(target):
                return "the point is not an equilibrium"
        form = self._square("positive", field, here, whole=True)
        if form is None:
            return "the form of V could not be shown positive definite in every coordinate"
        if not v.value.equals(form):
            return "V is not the sum of squares stated"
        return self._decreases(field, here, v, after, region, asymptotic)

    def _decreases(self, field: Field, here: Any, v: Dual, after: list[Element], region: Any, asymptotic: bool) -> str:
        if self.time == "discrete":
            change = v.value - value(self.v, field, {n: Dual(e) for n, e in zip(self.order, after)})
        else:
            change = -sum((s * e for s, e in zip(v.slopes, after)), field.zero)
        square = self._square("decrease", field, here, whole=asymptotic)
        if square is None:
            return "the decrease could not be shown definite enough for the claim"
        if region is not None:
            level, multiplier = value(region["level"], field), self._square("multiplier", field, here, whole=False)
            if field.sign(level) != POSITIVE or not self._constant(level, field) or multiplier is None:
                return "the level is not a positive constant, or the multiplier is no sum of squares"
            square = square + multiplier * (level - v.value)
        return "" if change.equals(square) else "the decrease of V is not the sum of squares stated"

    def _square(self, name: str, field: Field, here: Any, *, whole: bool) -> Element | None:
        """b' Q b, or None unless Q >= 0 (whole: Q > 0, b zero at the equilibrium and containing every coordinate)."""
        basis, gram = self.grams[name]
        elements, entries = [value(t, field) for t in basis], [[value(t, field) for t in row] for row in gram]
        free = all(self._constant(e, field) for row in entries for e in row)
        if not free or not symmetric(entries) or not definite(entries, field, strict=whole):
            return None
        if whole:
            coordinates = [field.symbol(n) - here[n].value for n in self.order]
            if not all(any(c.equals(e) for e in elements) for c in coordinates):
                return None
            if not all(value(t, field, here).is_zero() for t in basis):
                return None
        if not all(self._polynomial(e, field) for e in elements):
            return None
        return gram_value(elements, entries, field)

    def _polynomial(self, element: Element, field: Field) -> bool:
        """Polynomial in the variables, with coefficients rational in the parameters."""
        state = {field.index[name] for name in self.order}
        used = [i for i, d in enumerate(element.num.degrees()) if d] if not element.is_zero() else []
        below = [i for i, d in enumerate(element.den.degrees()) if d]
        return all(i < len(field.index) for i in used + below) and not state & set(below)

    def _constant(self, element: Element, field: Field) -> bool:
        """Free of the variables."""
        if element.is_zero():
            return True
        state = {field.index[name] for name in self.order}
        used = {i for p in (element.num, element.den) for i, d in enumerate(p.degrees()) if d}
        return self._polynomial(element, field) and not used & state
