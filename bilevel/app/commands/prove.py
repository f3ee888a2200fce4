"""`bilevel prove`: theorems of the folder proved anew, each claim with its steps or its counterexample.

Main definitions: `run`, `answer` (a theorem as data), `told` (the same as text).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bilevel.analysis.claim_certificates import certificate_of_proof
from bilevel.app import budget
from bilevel.app.layout import dumps
from bilevel.app.screen import columns
from bilevel.app.theorems import Theorem, named, theorems


def run(options: Any) -> int:
    """Prove the theorems named, or all of them; those named are shown step by step."""
    known = theorems()
    chosen = [named(name, known) for name in options.name] if options.name else known
    answers = []
    for theorem in chosen:
        answers.append(answer(theorem))
        if not options.json:
            print(("\n" if answers[1:] else "") + told(answers[-1], whole=bool(options.name)), flush=True)
    budget.stop()
    if options.json:
        print(dumps({"theorems": answers}))
    return 0 if all(found["holds"] for found in answers) else 3


def answer(theorem: Theorem) -> dict[str, Any]:
    """What is proved, how it is known, and by what; of two formulations, which ones and under which conditions."""
    from bilevel.app.report_evidence import claim_data

    module = theorem.module()
    proof, pair = theorem.prove(module), getattr(module, "CORRESPONDS", None)
    related = {"first": pair.first, "second": pair.second, "relation": pair.relation,
               "conditions": list(pair.conditions)} if pair else {}  # fmt: skip
    return {
        "number": proof.number,
        "title": proof.title,
        **({} if pair else {"says": theorem.summary}),
        **related,
        "holds": _holds(claim.holds for claim in proof.claims),
        "known": _known(proof),
        "source": proof.source,
        "file": theorem.file,
        "claims": [claim_data(claim) for claim in proof.claims],
        "certificate": certificate_of_proof(proof),
    }


def _holds(verdicts: Iterable[bool | None]) -> bool | None:
    """True if all are proved, False if one is refuted, else None."""
    found = list(verdicts)
    return False if False in found else None if None in found else True


def _known(proof: Any) -> str:
    """The weakest way in which a claim is known."""
    ways = [claim.known for claim in proof.claims]
    return next((way for way in ("unknown", "float", "enclosed") if way in ways), "exact")


def told(answer: dict[str, Any], *, whole: bool) -> str:
    """A few lines on a theorem; with `whole`, every claim and what shows it."""
    words = {True: "proved", False: "REFUTED", None: "unknown"}
    claims, certificate = answer["claims"], answer["certificate"]
    against = sum(claim["counterexample"] is not None for claim in claims)
    rows = [
        ("says", answer.get("says", "")),
        *((part, answer.get(part, "")) for part in ("first", "second", "relation")),
        ("where", "\n".join(answer.get("conditions", ()))),
        (
            "known",
            f"{words[answer['holds']]} ({answer['known']}), {_count(len(claims), 'claim')}, {against} by refutation",
        ),
        ("certificate", f"{_count(len(certificate['parts']), 'part')}, in --json" if certificate else ""),
        ("source", answer["source"]),
        ("file", answer["file"]),
    ]
    parts = [f"{answer['number']}. {answer['title']}", columns(rows)]
    return "\n".join([*parts, *(_claim(claim) for claim in (claims if whole else []))])


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _claim(claim: dict[str, Any]) -> str:
    """A claim and what shows it."""
    mark = {True: "proved", False: "refuted", None: "unknown"}[claim["holds"]]
    lines = [f"\n  {claim['text']}  [{mark}, {claim['known']}]"]
    if claim["equation"]:
        left, right = map(_plain, claim["equation"])
        lines.append(f"    {left}\n    {'!=' if claim['counterexample'] else '='} {right}")
    lines += [f"    - {_step(step)}" for step in claim["steps"]]
    if claim["counterexample"]:
        seen = claim["counterexample"]
        lines.append(f"    at {seen if isinstance(seen, str) else _point(seen)}")
    if claim["note"]:
        lines.append(f"    {claim['note']}")
    return "\n".join(lines)


def _plain(said: Any) -> str:
    return said["text"] if isinstance(said, dict) else str(said)


def _step(step: Any) -> str:
    """What was done; what became of a part is shown, what became of a whole side is the claim itself."""
    if not isinstance(step, dict):
        return " ".join(str(step).split())
    whole = step["rule"].startswith(("normal form", "equal", "common denominator"))
    text = f"{step['rule']}: {step['what']}"
    return text if whole else f"{text}: {_plain(step['before'])} = {_plain(step['after'])}"


def _point(seen: dict[str, Any]) -> str:
    where = "; ".join(
        f"{name} = {value}" for part in ("sizes", "networks", "laws", "point") for name, value in seen[part].items()
    )
    return f"{where}: {seen['left']} is not {seen['right']}"
