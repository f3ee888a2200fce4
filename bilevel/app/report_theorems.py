"""Every theorem of the folder as a card: statement, claims and how each is known, proof step by step, what was checked in JAX.

Main definitions: `Card`, `made` (prove, check, write), `begin` (all of them, in a second process), `section`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sympy as sp

from bilevel import show
from bilevel.app.report_games import check_data, shortened, where
from bilevel.app.report_parts import Part, power, said, worded
from bilevel.app.theorems import Theorem, paragraphs, theorems
from bilevel.language.normal_form import Step
from bilevel.show.blocks import block, inline

_LONG = 40    # steps shown of one claim: the rest is told by number


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
    except Exception as problem:    # one broken file must not cost the page: the card says what happened
        failure = f"{type(problem).__name__}: {problem}"[:300]
    data = _data(theorem, proof, checks, failure) | {"seconds": round(time.perf_counter() - began, 2)}
    return Card(anchor(theorem), str(_card(theorem, proof, checks, failure)), data)


def anchor(theorem: Theorem) -> str:
    """Where its card stands on the page: theorem-1."""
    kind, number = (re.findall(r"[a-z]+|\d+", theorem.name) + ["", ""])[:2]
    return f"{kind}-{int(number)}" if number.isdigit() else theorem.name.replace("_", "-")


def begin(tell: Callable[[str], None]) -> Callable[[], list[Card]]:
    """Start proving in a second process, and return what waits for the cards; without a second process, prove then."""
    command = [sys.executable, "-m", "bilevel.app.report_worker"]
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=os.environ | {"PYTHONPATH": path})
    except OSError:
        return lambda: [made(theorem) for theorem in theorems()]
    cards: dict[str, Card] = {}

    def read() -> None:
        for line in process.stdout or ():
            name, card = json.loads(line)
            cards[name] = Card(**card)
            tell(f"proved: {card['data'].get('title', name)}")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def wait() -> list[Card]:
        reader.join()
        process.wait()
        return [cards.get(theorem.name) or made(theorem) for theorem in theorems()]

    return wait


def numerically(proof: Any) -> Iterable[Any]:
    """The checks of a proof in JAX."""
    try:
        from bilevel.numeric.check import check_proof
    except ImportError:
        return ()
    return tuple(check_proof(proof))


def section(cards: list[Card]) -> Part:
    """One card a theorem."""
    made = show.section(
        "Theorems and refutations",
        "One file each in the folder proofs; every claim is decided anew whenever this page is made. An equality is proved by "
        "bringing both sides to one normal form, whose steps are the proof; it is refuted by an instance at which the sides differ. "
        "Then both sides are compiled to JAX and compared at random networks, laws and points, in 64 bit; the tolerance is a bound on "
        "rounding, computed from the number of operations.",
        *(show.Markup(card.markup) for card in cards),
        anchor="theorems",
    )
    return Part(made, {"theorems": [card.data for card in cards]})


def _card(theorem: Theorem, proof: Any, checks: tuple[Any, ...], failure: str) -> Any:
    if proof is None:
        return show.claim(theorem.summary, f"The file could not be run: {failure}", known="unknown", anchor=anchor(theorem))
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
    evidence, colour = _evidence(claim), "exact" if claim.holds else "refuted"
    if not evidence:
        return show.element("p", *words, class_=f"check {colour}")
    line = show.element("summary", *words, " ", show.element("span", _title(claim), class_="source"), style="color:inherit", class_=f"check {colour}")
    return show.element("details", line, *evidence, class_="proof")


def _title(claim: Any) -> str:
    if claim.counterexample is not None:
        return "counterexample"
    return f"{len(claim.trace)} step{'s' if len(claim.trace) != 1 else ''}" if claim.trace else "details"


def _evidence(claim: Any) -> list[Any]:
    parts: list[Any] = []
    images: dict[Any, Any] = {}
    if claim.equation is not None:
        left, right = (_short(side, images) for side in claim.equation)
        sign = "≠" if claim.counterexample is not None else "="
        parts.append(show.equation_rows([(_nothing(), "", left), (_nothing(), sign, right)], laws=False))
    if claim.counterexample is not None:
        parts += [show.paragraph(*part) for part in _counterexample(claim.counterexample)]
    if claim.note:
        parts.append(show.paragraph(worded(claim.note)))
    if claim.trace:
        steps = [show.element("li", *_step(step)) for step in _steps(claim.trace, images)]
        parts.append(show.element("ol", *steps, class_="steps"))
    return [where(images), *parts] if images else parts


def _nothing() -> Any:
    return show.Markup("")


def _short(expression: Any, images: dict[Any, Any]) -> Any:
    """With o for the image shown, which is remembered in `images`."""
    if not isinstance(expression, sp.Basic):
        return expression
    made, found = shortened(expression)
    images |= found
    return made


def _steps(trace: tuple[Any, ...], images: dict[Any, Any]) -> list[Any]:
    if not all(hasattr(step, "before") for step in trace):
        return [worded(str(step)) for step in trace[:_LONG]]
    kept = [Step(s.rule, s.what, _short(s.before, images), _short(s.after, images)) for s in trace[:_LONG]]
    return show.trace_steps(kept) + ([f"{len(trace) - _LONG} more steps of the same kinds"] if len(trace) > _LONG else [])


def _step(step: Any) -> list[Any]:
    return [inline(step[0]), *map(block, step[1:])] if isinstance(step, list) else [inline(step)]


def _counterexample(found: Any) -> list[tuple[Any, ...]]:
    if not hasattr(found, "point"):
        return [(worded(str(found)),)]
    lines: list[tuple[Any, ...]] = []
    for name, group in (("Sizes", found.dims), ("Networks", found.networks), ("Laws", found.laws), ("Point", found.point)):
        pairs = [(" " if not k else "; ", show.code(f"{key} = {str(value).replace('**', '^')}")) for k, (key, value) in enumerate(group.items())]
        lines += [(f"{name}:", *(piece for pair in pairs for piece in pair))] if group else []
    if any("a1_" in str(value) for value in found.networks.values()):
        lines.append(("where ", show.code("ak_i"), " is component i of a network's k-th argument.",))
    return [*lines, (f"There the sides are {_number(found.left)} and {_number(found.right)}.",)]


def _number(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{sp.N(value, 10)}… (exact value in report.json)" if len(text) > 60 else f"{text} = {sp.N(value, 10)}…"


def _numeric(checks: tuple[Any, ...]) -> Any:
    """What was compared in JAX, how closely it agreed, and the tolerance: one line, the single checks folded behind it."""
    agreeing, refuting = ([check for check in checks if check.differs is which] for which in (False, True))
    failed = [check for check in checks if not check.passed]
    words = f"In JAX: {len(agreeing)} equation{'s' * (len(agreeing) != 1)} agree{'s' * (len(agreeing) == 1)}, "
    words += f"worst difference {power(max(check.worst for check in agreeing))}" if agreeing else ""
    words += f"; {len(refuting)} refuted one{'s' * (len(refuting) != 1)} differ{'s' * (len(refuting) == 1)}" if refuting else ""
    if failed:
        words = f"In JAX: {len(failed)} of {len(checks)} checks FAIL"
    mark = show.element("span", "✗" if failed else "✓", class_="mark")
    line = show.element("summary", mark, words, style="color:inherit", class_=f"check {'refuted' if failed else 'exact'}")
    rows = [[worded(check.text), power(check.worst), power(check.tolerance),
             "FAILS" if not check.passed else "differs, as it should" if check.differs else "agrees"] for check in checks]  # fmt: skip
    shown = show.table(["Equation", "Worst difference", "Tolerance", ""], rows, caption=(
        f"{checks[0].trials} trials each, {checks[0].dtype}; random networks, laws and points."))  # fmt: skip
    return show.element("details", line, shown, class_="proof")


def _data(theorem: Theorem, proof: Any, checks: tuple[Any, ...], failure: str) -> dict[str, Any]:
    stands = not failure and proof.stands and all(check.passed for check in checks)
    found = {"file": f"proofs/{theorem.path.name}", "stands": stands} | ({"failure": failure} if failure else {})
    if proof is None:
        return found
    return {
        **found, "number": proof.number, "title": proof.title, "statement": proof.statement, "source": proof.source,
        "claims": [_claim_data(claim) for claim in proof.claims], "numeric": [check_data(check) for check in checks],
    }  # fmt: skip


def _claim_data(claim: Any) -> dict[str, Any]:
    steps = [{"rule": s.rule, "what": s.what, "before": said(s.before), "after": said(s.after)} if hasattr(s, "before") else str(s)
             for s in claim.trace]  # fmt: skip
    equation = None if claim.equation is None else [said(side) for side in claim.equation]
    against = None if claim.counterexample is None else _against(claim.counterexample)
    return {"text": claim.text, "holds": claim.holds, "known": claim.known, "equation": equation, "steps": steps,
            "counterexample": against, "note": claim.note}  # fmt: skip


def _against(found: Any) -> Any:
    if not hasattr(found, "point"):
        return str(found)
    return {"sizes": dict(found.dims), "networks": dict(found.networks), "laws": dict(found.laws), "point": dict(found.point),
            "left": str(found.left), "right": str(found.right), "known": found.known}  # fmt: skip
