"""Every theorem of the folder as a card: statement, claims, how each is known, proof step by step, checks in JAX.

Main definitions: `Card`, `made` (prove, check, write), `section`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bilevel import show
from bilevel.app.report_evidence import claim_data, evidence
from bilevel.app.report_parts import Part, power, worded
from bilevel.app.report_updates import check_data
from bilevel.app.theorems import Theorem, number, paragraphs


@dataclass(frozen=True)
class Card:
    """A theorem on the page: its anchor, its markup, the same as data."""

    anchor: str
    markup: str
    data: dict[str, Any]


def made(theorem: Theorem) -> Card:
    """Prove a theorem, check it numerically where JAX can, and write its card."""
    began = time.perf_counter()
    proof, checks, failure = None, (), ""
    try:
        proof = theorem.prove()
        checks = tuple(numerically(proof))
    except Exception as problem:  # one broken file must not cost the page: the card says what happened
        failure = f"{type(problem).__name__}: {problem}"[:300]
    data = _data(theorem, proof, checks, failure) | {"seconds": round(time.perf_counter() - began, 2)}
    return Card(anchor(theorem), str(_card(theorem, proof, checks, failure)), data)


def anchor(theorem: Theorem) -> str:
    """Where its card stands on the page: theorem-1."""
    kind, digits = (re.findall(r"[a-z]+|\d+", theorem.name) + ["", ""])[:2]
    return f"{kind}-{int(digits)}" if digits.isdigit() else theorem.name.replace("_", "-")


def numerically(proof: Any) -> Iterable[Any]:
    """The checks of a proof in JAX."""
    try:
        from bilevel.numeric.check import check_proof
    except ImportError:
        return ()
    return tuple(check_proof(proof))


def section(cards: list[Card], others: Sequence[Theorem] = ()) -> Part:
    """One card a theorem; of the others, what they say and how to prove them."""
    made = show.section(
        "Theorems and refutations",
        "One file each in the folder proofs; every claim is decided anew whenever this page is made. An equality "
        "is proved by "
        "bringing both sides to one normal form, whose steps are the proof; it is refuted by an instance at "
        "which the sides differ. "
        "Then both sides are compiled to JAX and compared at random networks, laws and points, in 64 bit; the "
        "tolerance is a bound on "
        "rounding, computed from the number of operations.",
        *(show.Markup(card.markup) for card in cards),
        *_others(others),
        anchor="theorems",
    )
    listed = [{"name": one.name, "says": one.summary, "file": one.file} for one in others]
    return Part(made, {"theorems": [card.data for card in cards], "beyond": listed})


def _others(others: Sequence[Theorem]) -> list[Any]:
    """Theorems on other methods: what each says, and the command that proves it; none is proved for the page."""
    if not others:
        return []
    rows = [[worded(one.summary), show.code(f"bilevel prove {number(one)}")] for one in others]
    return [
        show.element("h3", "Beyond the paper"),
        show.paragraph(f"The folder holds {len(others)} more theorems, on other methods. They are listed here, not "
                       "proved; each is proved, with its steps, by the command beside it, and all by ",
                       show.code("bilevel prove"), "."),
        show.table(["Theorem", "Proved by"], rows),
    ]  # fmt: skip


def _card(theorem: Theorem, proof: Any, checks: tuple[Any, ...], failure: str) -> Any:
    if proof is None:
        return show.claim(
            theorem.summary, f"The file could not be run: {failure}", known="unknown", anchor=anchor(theorem)
        )
    _, rest, source = paragraphs(proof.statement)
    kind = "Refutation" if anchor(theorem).startswith("refutation") else "Theorem"
    broken = [show.check(f"The numeric check could not be run: {failure}", passed=False)] if failure else []
    return show.claim(
        f"{kind} {proof.number}. {proof.title}",
        show.element("p", worded(theorem.summary), class_="lead"),
        *(show.paragraph(worded(paragraph)) for paragraph in rest),
        *(_claim(claim) for claim in proof.claims),
        *([_numeric(checks)] if checks else []),
        *broken,
        known=_strength(proof),
        source=source or proof.source,
        anchor=anchor(theorem),
    )


def _strength(proof: Any) -> str:
    """The weakest way in which a claim of the theorem is known."""
    if not proof.stands:
        return "unknown"
    return next((word for word in ("float", "enclosed") if any(claim.known == word for claim in proof.claims)), "exact")


def _claim(claim: Any) -> Any:
    """A sentence with its mark; what shows it is folded behind it."""
    mark = show.element("span", "✓" if claim.holds else "?" if claim.holds is None else "✗", class_="mark")
    words = [mark, worded(claim.text), " ", show.badge(claim.known if claim.holds else "unknown")]
    shown, colour = evidence(claim), "exact" if claim.holds else "refuted"
    if not shown:
        return show.element("p", *words, class_=f"check {colour}")
    line = show.element(
        "summary",
        *words,
        " ",
        show.element("span", _title(claim), class_="source"),
        style="color:inherit",
        class_=f"check {colour}",
    )
    return show.element("details", line, *shown, class_="proof")


def _title(claim: Any) -> str:
    if claim.counterexample is not None:
        return "counterexample"
    return f"{len(claim.trace)} step{'s' if len(claim.trace) != 1 else ''}" if claim.trace else "details"


def _numeric(checks: tuple[Any, ...]) -> Any:
    """What was compared in JAX and how closely it agreed: one line, the single checks folded behind it."""
    agreeing, refuting = ([check for check in checks if check.differs is which] for which in (False, True))
    failed = [check for check in checks if not check.passed]
    words = f"In JAX: {len(agreeing)} equation{'s' * (len(agreeing) != 1)} agree{'s' * (len(agreeing) == 1)}, "
    words += f"worst difference {power(max(check.worst for check in agreeing))}" if agreeing else ""
    words += (
        f"; {len(refuting)} refuted one{'s' * (len(refuting) != 1)} differ{'s' * (len(refuting) == 1)}"
        if refuting
        else ""
    )
    if failed:
        words = f"In JAX: {len(failed)} of {len(checks)} checks FAIL"
    mark = show.element("span", "✗" if failed else "✓", class_="mark")
    line = show.element(
        "summary", mark, words, style="color:inherit", class_=f"check {'refuted' if failed else 'exact'}"
    )
    rows = [[worded(check.text), power(check.worst), power(check.tolerance),
             "FAILS" if not check.passed else "differs, as it "
                                              "should" if check.differs else "agrees"] for check in checks]  # fmt: skip
    shown = show.table(["Equation", "Worst difference", "Tolerance", ""], rows, caption=(
        f"{checks[0].trials} trials each, {checks[0].dtype}; random networks, laws and points."))  # fmt: skip
    return show.element("details", line, shown, class_="proof")


def _data(theorem: Theorem, proof: Any, checks: tuple[Any, ...], failure: str) -> dict[str, Any]:
    stands = not failure and proof.stands and all(check.passed for check in checks)
    found = {"file": theorem.file, "stands": stands} | ({"failure": failure} if failure else {})
    if proof is None:
        return found
    return {
        **found, "number": proof.number, "title": proof.title, "statement": proof.statement, "source": proof.source,
        "claims": [claim_data(claim) for claim in proof.claims], "numeric": [check_data(check) for check in checks],
    }  # fmt: skip
