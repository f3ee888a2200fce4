"""Every theorem of the folder as a card: statement, claims and how each is known, proof step by step, what was checked in JAX.

Main definitions: `proved` (run the proofs), `cards` (the section).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel import show
from bilevel.app.report_games import shortened, where
from bilevel.app.report_parts import Part, said, worded
from bilevel.app.theorems import Theorem, paragraphs, theorems
from bilevel.language.normal_form import Step
from bilevel.show.blocks import block, inline

_LONG = 40    # steps shown of one claim: the rest is told by number


@dataclass(frozen=True)
class Proved:
    """A theorem's file with the proof it returned, the numeric checks of it, or why there is none."""

    theorem: Theorem
    proof: Any
    checks: tuple[Any, ...]
    seconds: float
    failure: str = ""

    @property
    def anchor(self) -> str:
        """Where its card stands on the page."""
        kind, number = (re.findall(r"[a-z]+|\d+", self.theorem.name) + ["", ""])[:2]
        return f"{kind}-{int(number)}" if number.isdigit() else self.theorem.name.replace("_", "-")

    @property
    def stands(self) -> bool:
        """Every claim proved and every check passed."""
        return not self.failure and self.proof.stands and all(passed(check) for check in self.checks)


def proved(progress: Callable[[str], None] = lambda _: None) -> list[Proved]:
    """Run every proof, and check each numerically where JAX can."""
    found = []
    for theorem in theorems():
        progress(theorem.summary)
        found.append(_run(theorem))
    return found


def _run(theorem: Theorem) -> Proved:
    began = time.perf_counter()
    try:
        proof = theorem.prove()
        checks = tuple(numerically(proof))
    except Exception as problem:    # one broken file must not cost the page: the card says what happened
        return Proved(theorem, None, (), time.perf_counter() - began, f"{type(problem).__name__}: {problem}"[:300])
    return Proved(theorem, proof, checks, time.perf_counter() - began)


def numerically(proof: Any) -> Iterable[Any]:
    """The checks of a proof in JAX."""
    try:
        from bilevel.numeric.check import check_proof
    except ImportError:
        return ()
    return tuple(check_proof(proof))


def passed(check: Any) -> bool:
    """Whether a numeric check agreed."""
    return bool(getattr(check, "passed", getattr(check, "agrees", getattr(check, "holds", False))))


def cards(found: list[Proved]) -> Part:
    """One card a theorem."""
    section = show.section(
        "Theorems and refutations",
        "One file each in the folder proofs; every claim is decided anew whenever this page is made. An equality is proved by "
        "bringing both sides to one normal form, whose steps are the proof; it is refuted by an instance at which the sides differ.",
        *(_card(one) for one in found),
        anchor="theorems",
    )
    return Part(section, {"theorems": [_data(one) for one in found]})


def _card(one: Proved) -> Any:
    if one.proof is None:
        return show.claim(one.theorem.summary, f"The file could not be run: {one.failure}", known="unknown", anchor=one.anchor)
    _, rest, source = paragraphs(one.proof.statement)
    kind = "Refutation" if one.anchor.startswith("refutation") else "Theorem"
    return show.claim(
        f"{kind} {one.proof.number}. {one.proof.title}",
        show.element("p", worded(one.theorem.summary), class_="lead"),
        *(show.paragraph(worded(paragraph)) for paragraph in rest),
        *(_claim(claim) for claim in one.proof.claims),
        *map(_numeric, one.checks),
        known=_strength(one.proof),
        source=source or one.proof.source,
        anchor=one.anchor,
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


def _numeric(check: Any) -> Any:
    """What was compared in JAX, how closely it agreed, and the tolerance."""
    return show.check(f"In JAX: {check}", passed=passed(check))


def _data(one: Proved) -> dict[str, Any]:
    shared = {"file": f"proofs/{one.theorem.path.name}", "stands": one.stands, "seconds": round(one.seconds, 2)}
    if one.proof is None:
        return {**shared, "failure": one.failure}
    return {
        **shared, "number": one.proof.number, "title": one.proof.title, "statement": one.proof.statement, "source": one.proof.source,
        "claims": [_claim_data(claim) for claim in one.proof.claims], "numeric": [str(check) for check in one.checks],
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
