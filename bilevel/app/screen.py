"""Answers as a person reads them on a terminal.

Main definitions: `stability_text`, `equilibria_text`, `columns`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def columns(rows: Iterable[tuple[str, str]], indent: str = "  ") -> str:
    """Labels and texts in two columns; further lines of a text stand under its first."""
    kept = [(label, text) for label, text in rows if text]
    width = max((len(label) for label, _ in kept), default=0)
    lines = []
    for label, text in kept:
        first, *rest = text.split("\n")
        lines.append(f"{indent}{label:<{width}}  {first}")
        lines += [f"{indent}{'':<{width}}  {line}" for line in rest]
    return "\n".join(lines)


def heading(answer: dict[str, Any]) -> str:
    """Title and rule."""
    rule = answer["rule"] or ("the flow itself" if answer["time"] == "continuous" else "the map itself")
    return "\n".join(line for line in (answer["title"], f"rule: {rule} ({answer['time']} time)") if line)


def point_text(point: dict[str, Any]) -> str:
    """theta = 0, psi = 0."""
    return ", ".join(f"{name} = {value}" if value != name else f"{name} free" for name, value in point.items())


def matrix_text(matrix: dict[str, Any]) -> str:
    """Rows in aligned columns."""
    rows = matrix["rows"]
    if not rows:
        return ""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    if sum(widths) > 140:
        return f"{len(rows)} x {len(rows)}, too wide to show here; see --json"
    lines = ["[ " + "  ".join(f"{entry:<{width}}" for entry, width in zip(row, widths)) + " ]" for row in rows]
    return "\n".join(lines) + f"\nin {', '.join(matrix['order'])}"


def _short(text: str | None, limit: int = 400) -> str:
    if not text:
        return ""
    return text if len(text) <= limit else text[:limit] + " ... (whole in --json)"


def _notes(reason: str) -> str:
    """What is left open, a line for each case, short ones first."""
    first, *others = reason.split("; where ")
    return "\n".join(f"note: {_short(note)}" for note in [first, *sorted((f"where {o}" for o in others), key=len)])


def stability_text(answer: dict[str, Any]) -> str:
    """The verdict on every equilibrium."""
    parts = [heading(answer)]
    if answer.get("reason"):
        parts.append(_notes(answer["reason"]))
    parts += [_equilibrium(found) for found in answer["equilibria"]]
    if not answer["equilibria"]:
        parts.append("no equilibrium" + ("" if answer["complete"] else " was analysed"))
    return "\n\n".join(parts)


def _equilibrium(found: dict[str, Any]) -> str:
    conditional = found["verdict"] == "conditional"
    stable = (
        [f"if and only if {_short(found['condition'])}" if found["condition"] != "false" else "nowhere"]
        if conditional
        else []
    )
    stable += [_short(value) for value in found["solved"].values() if value and value != found["condition"]]
    eigenvalues = [
        e["value"] + (f" ({e['multiplicity']} times)" if e["multiplicity"] > 1 else "")
        for e in found["eigenvalues"] or ()
    ]
    nonlinear = found["nonlinear"] or {}
    across = found.get("transverse") or {}
    marginal = _short(found["marginal_on"]) if conditional and found["marginal_on"] != "false" else ""
    rows = [
        ("kinds", ", ".join(found["kinds"])),
        ("verdict", f"{found['verdict']} ({found['known']})"),
        ("because", found.get("reason") or ""),
        ("exists", f"where {_short(found['exists_on'])}" if found["exists_on"] not in (None, "true") else ""),
        ("stable", "\n".join(stable)),
        (
            "unstable",
            f"where {_short(found['unstable_on'])}"
            if conditional and found["unstable_on"] not in (None, "false")
            else "",
        ),
        ("marginal", f"where {marginal}" if marginal else ""),
        ("marginal by", found["marginal_why"] or ""),
        ("across", f"stable if and only if {across['condition']}" if across else ""),
        ("nonlinear", _beyond(nonlinear)),
        ("eigenvalues", "\n".join(_short(value, 200) for value in eigenvalues)),
        ("polynomial", _short(found["characteristic_polynomial"])),
        ("Jacobian", matrix_text(found["jacobian"])),
    ]
    return f"equilibrium {point_text(found['point'])}\n" + columns(rows)


def equilibria_text(answer: dict[str, Any]) -> str:
    """Every fixed point with its kinds."""
    parts = [heading(answer)]
    if answer.get("reason"):
        parts.append(_notes(answer["reason"]))
    for found in answer["equilibria"]:
        # A flow or map without players has no rule, and no kinds either.
        kinds = ", ".join(found["kinds"]) or ("undecided" if answer["rule"] else "")
        rows = [("kinds", kinds), ("known", found["known"])]
        if found["exists_on"] != "true":
            rows.append(("exists", f"where {found['exists_on']}"))
        rows += [(kind, f"where {_short(where)}") for kind, where in found.get("kinds_where", {}).items()]
        if found.get("attracts"):
            always = {"true": "always", "false": "never"}
            rows.append(("attracts", always.get(found["attracts"], f"if and only if {_short(found['attracts'])}")))
        parts.append(f"fixed point {point_text(found['point'])}\n" + columns(rows))
    parts.append("these are all" if answer["complete"] else "there may be others")
    words = {True: "can converge to", False: "cannot converge to", None: "may or may not converge to"}
    reached = [f"{answer['rule']} {words[can]}: {kind}" for kind, can in answer.get("can_converge_to", {}).items()]
    parts += ["\n".join(reached)] if reached and answer["rule"] else []
    return "\n\n".join(parts)


def _beyond(found: dict[str, Any]) -> str:
    """What nonlinear terms decide, how, and where in the parameters."""
    if not found:
        return ""
    where = f", where {found['where']}" if found.get("where") not in (None, "true") else ""
    return f"{found['claim']}{where}, by {found['by']}"
