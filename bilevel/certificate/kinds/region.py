"""Kind `region`: under the assumptions, exponential stability holds exactly where a list of conditions holds.

The Jacobian's entries are expressions in parameters. The checker derives the characteristic polynomial and lists
of necessary and sufficient conditions, then shows: each claimed condition is necessary; and some sufficient list
follows from the claimed conditions. A step it cannot see by itself is listed under "steps" with a witness of
positivity, or with "z3": then the answer says that it rests on z3, after a search for counterexamples.
Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from bilevel.certificate.atoms import Element, Field
from bilevel.certificate.conditions import faddeev_leverrier, families
from bilevel.certificate.errors import CertificateBudget, CertificateError, Result
from bilevel.certificate.evaluate import Dual, setting, value
from bilevel.certificate.games import MAX_VARIABLES, names, rows
from bilevel.certificate.positivity import GIVEN, Prover, positive_part, references
from bilevel.certificate.sampling import disagreement
from bilevel.certificate.signs import ANY, NONNEGATIVE, NONPOSITIVE
from bilevel.certificate.spectra import time_of
from bilevel.certificate.trees import Tree, is_name, rational, validate

KIND = "region"
FIELDS = {
    "symbols": True,
    "assume": False,
    "example": False,
    "time": True,
    "order": False,
    "jacobian": True,
    "coefficients": False,
    "conditions": False,
    "claim": True,
    "steps": False,
}
OTHER = "z3"


def check(certificate: dict[str, Any]) -> Result:
    """Coefficients from the Jacobian; the unreduced list from the coefficients; the claim from the list."""
    time, size = time_of(certificate), len(certificate["jacobian"])
    if not 0 < size <= MAX_VARIABLES:
        raise CertificateError(f"the Jacobian has 1 to {MAX_VARIABLES} rows")
    if "order" in certificate and len(names(certificate["order"])) != size:
        raise CertificateError('"order" names one variable per row')
    jacobian, named = rows(certificate["jacobian"], size, size), _named(certificate, size)
    claim = "false" if certificate["claim"] == "false" else _conditions(certificate["claim"])
    unreduced = _conditions(certificate["conditions"]) if "conditions" in certificate else None
    steps = _steps(certificate.get("steps", []))

    def expanded(field: Field) -> tuple[str, tuple[str, ...]]:
        entries = [[value(t, field) for t in row] for row in jacobian]
        found = faddeev_leverrier(entries, field.zero, lambda k: field.rational(rational(f"1/{k}")))
        for (name, tree), a in zip(named, found):
            if not value(tree, field).equals(a):
                return f"the coefficient {name} of the characteristic polynomial is another one", ()
        place = {name: Dual(a) for (name, _), a in zip(named, found)}
        if claim != "false" and not _defined(field, entries, [value(t, field, place) for t in claim]):
            return "a condition may be undefined where the Jacobian is defined", ()
        if named and unnamed.proves(certificate):
            return "", ()
        return _argue(field, place, found, time, steps, unreduced, claim)

    unnamed = _Generic(named, time, steps, unreduced, claim)
    why, rests = setting(certificate, expanded)
    if not why and rests:
        why = disagreement(certificate, jacobian, dict(named), time, claim)
    return Result(not why, KIND, why, () if why else rests)


class _Generic:
    """The argument with the coefficients as independent symbols: far smaller when the Jacobian is large."""

    def __init__(self, named: list[tuple[str, Tree]], time: str, steps: Any, unreduced: Any, claim: Any) -> None:
        self.named, self.time, self.steps, self.unreduced, self.claim = named, time, steps, unreduced, claim

    def proves(self, certificate: dict[str, Any]) -> bool:
        """Whether the claim already follows without looking into the coefficients."""
        extra = {name: ANY for name, _ in self.named}

        def work(field: Field) -> bool:
            letters = [field.symbol(name) for name, _ in self.named]
            return _argue(field, {}, letters, self.time, self.steps, self.unreduced, self.claim) == ("", ())

        try:
            return setting(certificate, work, extra)
        except CertificateBudget:
            return False


def _argue(
    field: Field, place: Any, a: Any, time: str, steps: Any, unreduced: Any, claim: Any
) -> tuple[str, tuple[str, ...]]:
    """The argument with the cheapest family alone, then with all."""
    for first_only in (True, False):
        known = list(families(a, time, field.one, first_only=first_only))
        answer = _Argument(field, place, known, steps).both(unreduced, claim)
        if answer == ("", ()):
            break
    return answer


class _Argument:
    """The logic: hypotheses, necessary conditions, sufficient families."""

    def __init__(
        self, field: Field, place: dict[str, Dual], known: list[tuple[str, list[Element]]], steps: Any
    ) -> None:
        self.field, self.place, self.steps, self.families = field, place, steps, known

    def both(self, unreduced: list[Tree] | None, claim: Any) -> tuple[str, tuple[str, ...]]:
        """Why the claim is not shown (or empty), and what else it rests on."""
        if unreduced is not None:
            why, rests = self.equivalent([value(t, self.field, self.place) for t in unreduced], "unreduced condition")
            if why:
                return why, ()
            self.families.insert(0, ("unreduced", [value(t, self.field, self.place) for t in unreduced]))
        else:
            rests = ()
        if claim == "false":
            return (
                ("", rests) if self.impossible() else ("no necessary condition could be shown to fail everywhere", ())
            )
        why, more = self.equivalent([value(t, self.field, self.place) for t in claim], "condition")
        return why, tuple(dict.fromkeys(rests + more))

    def equivalent(self, conditions: list[Element], word: str) -> tuple[str, tuple[str, ...]]:
        """Each condition is necessary, and together they are sufficient."""
        necessary = [c for _, family in self.families for c in family]
        forward, rests = Prover(self.field, self.place, necessary), []
        for number, condition in enumerate(conditions, 1):
            by = "" if forward.positive(condition) else self._step(condition, forward)
            if by is None:
                return f"{word} {number} could not be shown to be necessary", ()
            rests.extend([f"{OTHER}: {word} {number} is necessary"] if by else [])
        backward = Prover(self.field, self.place, conditions)
        best: list[str] | None = None
        for name, family in self.families:
            needed = self._sufficient(name, family, backward)
            if needed is not None and (best is None or len(needed) < len(best)):
                best = needed
            if best == []:
                break
        if best is None:
            return f"the {word}s could not be shown to be sufficient", ()
        return "", tuple(rests + best)

    def _sufficient(self, name: str, family: list[Element], backward: Prover) -> list[str] | None:
        """What a family's proof from the conditions rests on, or None when there is no proof."""
        rests = []
        for number, member in enumerate(family, 1):
            by = "" if backward.positive(member) else self._step(member, backward)
            if by is None:
                return None
            rests.extend([f"{OTHER}: condition {number} of the {name} list follows"] if by else [])
        return rests

    def _step(self, condition: Element, prover: Prover) -> str | None:
        """ "" if some step shows the condition positive, "z3" if it is left to z3, None if there is no such step."""
        left = None
        for tree, because in self.steps:
            if not prover.same(condition, prover.value(tree)):
                continue
            if because == OTHER:
                left = OTHER
                continue
            try:
                if prover.witnessed(condition, because):
                    return ""
            except CertificateError:
                continue  # a witness for the other direction refers to hypotheses that are not there
        return left

    def impossible(self) -> bool:
        """Whether some necessary condition is never positive."""
        prover = Prover(self.field, self.place, [])
        for _, family in self.families:
            for member in family:
                if prover.sign(member) <= NONPOSITIVE:
                    return True
                for tree, because in self.steps:
                    alike = because != OTHER and prover.value(tree).equals(-member)
                    if alike and prover.value(because).equals(-member) and prover.read(because) <= NONNEGATIVE:
                        return True
        return False


def _defined(field: Field, entries: list[list[Element]], conditions: list[Element]) -> bool:
    """Whether denominators of the conditions vanish only where the Jacobian is undefined."""
    allowed = {str(p) for row in entries for e in row for p, _ in field.factors(e.den)[1]}
    below = [p for c in conditions for p, _ in field.factors(c.den)[1]]
    return all(str(p) in allowed or 0 not in field.sign_of_polynomial(p) for p in below)


def _conditions(entry: Any) -> list[Tree]:
    if not isinstance(entry, list):
        raise CertificateError('conditions are a list of expressions e (for e > 0) or [">", left, right]; or "false"')
    found = [positive_part(condition) for condition in entry]
    for tree in found:
        validate(tree)
    return found


def _named(certificate: dict[str, Any], size: int) -> list[tuple[str, Tree]]:
    entry = certificate.get("coefficients", [])
    if entry == []:
        return []
    if not isinstance(entry, list) or len(entry) != size or any(not isinstance(p, list) or len(p) != 2 for p in entry):
        raise CertificateError(f'"coefficients" is a list of {size} pairs [name, expression], highest power first')
    for name, tree in entry:
        if not is_name(name) or name in certificate["symbols"]:
            raise CertificateError(f"{name!r} cannot name a coefficient: it is no symbol, or declared already")
        validate(tree)
    names([name for name, _ in entry])
    return [(name, tree) for name, tree in entry]


def _steps(entry: Any) -> list[tuple[Tree, Tree]]:
    if not isinstance(entry, list):
        raise CertificateError('"steps" is a list of {"condition": expression, "because": witness or "z3"}')
    found = []
    for step in entry:
        if not isinstance(step, dict) or set(step) != {"condition", "because"}:
            raise CertificateError('a step is {"condition": expression, "because": witness or "z3"}')
        condition = positive_part(step["condition"])
        validate(condition)
        because = references(step["because"])
        if because != OTHER:
            validate(because, extra=GIVEN)
        found.append((condition, because))
    return found
