"""`bilevel correspondences`: pairs of formulations that theorems of the folder relate, with proofs and certificates.

Main definitions: `run`.

The folder is the list: a theorem's file that declares CORRESPONDS stands here. Every proof is made anew.
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
    """Print the correspondences, or the one named with its proof."""
    listed = [theorem for theorem in theorems() if theorem.relates]
    chosen = [named(options.name, listed)] if options.name is not None else listed
    from bilevel.app.report_evidence import claim_data

    answers = [_answer(theorem, claim_data) for theorem in chosen]
    budget.stop()
    if options.json:
        print(dumps({"correspondences": answers}))
    else:
        print("\n\n".join(_text(answer, whole=options.name is not None) for answer in answers))
    return 0 if all(answer["holds"] for answer in answers) else 3


def _answer(theorem: Theorem, claim_data: Any) -> dict[str, Any]:
    module = theorem.module()
    proof, pair = theorem.prove(module), module.CORRESPONDS
    certificate = certificate_of_proof(proof)
    return {
        "number": proof.number,
        "title": proof.title,
        "first": pair.first,
        "second": pair.second,
        "relation": pair.relation,
        "conditions": list(pair.conditions),
        "holds": _holds(claim.holds for claim in proof.claims),
        "known": _known(proof),
        "source": proof.source,
        "file": f"proofs/{theorem.path.name}",
        "claims": [claim_data(claim) for claim in proof.claims],
        "certificate": certificate,
    }


def _holds(verdicts: Iterable[bool | None]) -> bool | None:
    """True if all are proved, False if one is refuted, else None."""
    found = list(verdicts)
    return False if False in found else None if None in found else True


def _known(proof: Any) -> str:
    """The weakest way in which a claim is known."""
    ways = [claim.known for claim in proof.claims]
    return next((way for way in ("unknown", "float", "enclosed") if way in ways), "exact")


def _text(answer: dict[str, Any], whole: bool) -> str:
    words = {True: "proved", False: "REFUTED", None: "unknown"}
    claims, certificate = answer["claims"], answer["certificate"]
    against = sum(claim["counterexample"] is not None for claim in claims)
    rows = [
        ("first", answer["first"]),
        ("second", answer["second"]),
        ("relation", answer["relation"]),
        ("where", "\n".join(answer["conditions"])),
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
