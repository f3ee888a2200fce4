"""The completed table as a page, as Markdown and as LaTeX.

Main definitions: `html`, `markdown`, `latex`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bilevel import show
from bilevel.app.report_parts import worded

TITLE = "Table 1, completed"
PRINTED = {"yes": "shown to help", "no": "not yet demonstrated", "n/a": "not applicable"}
SIDES = {"gan": "GANs", "ac": "Actor-critic"}
SIGNS = {"helps": "+", "hurts": "−", "neutral": "=", "depends": "±", "not applicable": "∅", "unknown": "?"}
REMARK = (
    "The paper's remark on replay buffers, which its authors saw fail for GANs, is what comes out here too: with past "
    "generators in the critic's data the centre of the Dirac-GAN becomes unstable, for the last two generators (exact) "
    "as for an exponential history (parameters averaged, which has the mixture's linearisation)."
)


def _pairs(cells: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, Mapping[str, Any]]]]:
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for cell in cells:
        rows.setdefault(cell["strategy"], {})[cell["side"]] = cell
    return list(rows.items())


def _blocks(cells: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    rows = _pairs(cells)
    named = lambda row: any(cell["printed"] for cell in row[1].values())
    blocks = [
        ("The paper's nine rows", [r for r in rows if named(r)]),
        ("Strategies since", [r for r in rows if not named(r)]),
    ]
    return [(title, found) for title, found in blocks if found]


def html(cells: Sequence[Mapping[str, Any]], files: Mapping[tuple[Any, ...], Mapping[str, str]]) -> str:
    """One page: the table first, then every cell down to its files."""
    tables = [_table(title, rows) for title, rows in _blocks(cells)]
    details = [_detail(name, sides, files) for name, sides in _pairs(cells)]
    replay = (
        [REMARK]
        if any(c["strategy"] == "replay_buffers" and c["side"] == "gan" and c["word"] == "hurts" for c in cells)
        else []
    )
    return show.page(
        TITLE,
        show.section("The table", *tables, *replay, _legend()),
        show.section("How the words are found", *_method()),
        *details,
        subtitle="Stabilising strategies on both sides, after Pfau and Vinyals (2016), arXiv:1610.01945",
        lead="For every strategy and side: what it does to the update equations, to the fixed point and to the exact "
        "region of stability on small test problems. Beside what the paper prints stands what is derived.",
    )


def _table(title: str, rows: Sequence[Any]) -> Any:
    header = ["Strategy", *(f"{side}: {what}" for side in SIDES.values() for what in ("printed", "derived"))]
    body = []
    for name, sides in rows:
        line: list[Any] = [show.link(next(iter(sides.values()))["title"], f"#{_anchor(name)}")]
        for side in SIDES:
            cell = sides.get(side)
            line += [_printed(cell), show.link(_word(cell), f"#{_anchor(name)}-{side}") if cell else "—"]
        body.append(line)
    return show.table(header, body, caption=title)


def _printed(cell: Any) -> str:
    return PRINTED[cell["printed"]] if cell and cell["printed"] else "—"


def _word(cell: Mapping[str, Any]) -> Any:
    return f"{SIGNS[cell['word']]} {cell['word']}"


def _legend() -> Any:
    meanings = {
        "helps": "more steps are stable, or the best rate is better, and nothing is lost",
        "hurts": "the reverse, or the fixed point is destroyed",
        "depends": "better here, worse there, or better at a moved fixed point: on what is said below",
        "neutral": "neither the region nor the best rate changes",
        "not applicable": "proved: the update equations are the same, or there is nothing the strategy acts on",
        "unknown": "not decided; the reason is given",
    }
    return show.table(["Word", "Means"], [(f"{SIGNS[word]} {word}", text) for word, text in meanings.items()])


def _method() -> list[Any]:
    return [
        show.bullets(
            "GAN side: the Dirac-GAN (logistic), the linear-quadratic GAN (linear score, mean and spread learnt) and "
            "the Gaussian GAN (logistic, mean learnt). Actor-critic side: a two-armed bandit, a process of two states, "
            "and the scalar linear-quadratic regulator, all with semi-gradient critics and the policy's own actions.",
            "Both sides are written in one form, by what the critic is shown; the same strategy acts on both.",
            "The region of stability is the set of steps h at which every eigenvalue of the linearised round lies "
            "inside the unit circle (alternating steps, actor first), or in the left half plane (flow). It is exact.",
            "Regions are compared by a point gained, a point lost, and a proof that there is none. Best rates are the "
            "smallest spectral radius over h, per step of the underlying rule. What only follows the players, an "
            "average say, is left out of the comparison.",
            "What nonlinear terms do away from the fixed point, noise, and large networks are not weighed here.",
        )
    ]


def _anchor(name: str) -> str:
    return name.replace("_", "-")


def _detail(name: str, sides: Mapping[str, Any], files: Mapping[tuple[Any, ...], Mapping[str, str]]) -> Any:
    blocks: list[Any] = []
    for side, cell in sides.items():
        blocks.append(show.section(f"{SIDES[side]}: {cell['word']}", worded_paragraph(cell["why"]),
                                   *(_entry(cell, k, entry, files) for k, entry in enumerate(cell["entries"])),
                                   anchor=f"{_anchor(name)}-{side}"))  # fmt: skip
    return show.section(next(iter(sides.values()))["title"], *blocks, anchor=_anchor(name))


def worded_paragraph(words: str) -> Any:
    """Plain words with their formulas, as a paragraph."""
    return show.paragraph(worded(words))


def _entry(cell: Mapping[str, Any], number: int, entry: Mapping[str, Any], files: Mapping[tuple[Any, ...], Any]) -> Any:
    title = f"{entry['problem_title']}{_variant(entry)}: {entry['word']}"
    parts: list[Any] = [worded_paragraph(entry["why"])]
    if entry.get("model"):
        parts.append(show.paragraph(f"Model: {entry['model']}."))
    if "updates" in entry:
        parts.append(show.element("pre", entry["updates"], class_="scroll", tabindex="0"))
    if entry.get("fixed_point"):
        fixed = entry["fixed_point"]
        parts.append(worded_paragraph(f"Fixed point: {fixed['word']} ({fixed['why']})."))
    rows = []
    for rule, found in entry.get("rules", {}).items():
        links = files.get((cell["strategy"], cell["side"], number, rule), {})
        certificate = "verdict and certificate" if found["after"].get("certificate") else "verdict"
        at = found["after"].get("certified_at")
        named = [show.link("problem", links["problem"]), " · "] if "problem" in links else []
        named += (
            [show.link(certificate + (f" at h = {at['h']}" if at else ""), links["verdict"])]
            if "verdict" in links
            else []
        )
        rows.append((rule, worded(_said(found["before"])), worded(_said(found["after"])), _rates(found), tuple(named)))
    if rows:
        parts.append(show.table(["Rule", "Before", "After", "Best rate", "Files"], rows))
    body = show.join(*(part if isinstance(part, show.Markup) else show.paragraph(part) for part in parts))
    return show.element("details", show.element("summary", title), body)


def _variant(entry: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{k} {v}' for k, v in entry['variant'].items())})" if entry["variant"] else ""


def _said(verdict: Mapping[str, Any]) -> str:
    if verdict["verdict"] != "conditional":
        return str(verdict["verdict"])
    if verdict["condition"] == "false":
        return f"nowhere stable; unstable where {verdict['unstable_on']}"
    return f"stable where {verdict['condition']}"


def _rates(found: Mapping[str, Any]) -> str:
    told = [
        f"{rate['rate'][1]:.4f}" + ("≈" if rate["known"] == "float" else "") if rate else "—"
        for rate in (found["best_before"], found["best_after"])
    ]
    return f"{told[0]} → {told[1]}" if told != ["—", "—"] else "—"


def markdown(cells: Sequence[Mapping[str, Any]]) -> str:
    """The table and the reason of every cell."""
    lines = [f"# {TITLE}", ""]
    for title, rows in _blocks(cells):
        lines += [
            f"## {title}",
            "",
            "| Strategy | GANs: printed | GANs: derived | Actor-critic: printed | Actor-critic: derived |",
            "|---|---|---|---|---|",
        ]
        for _, sides in rows:
            entries = [
                x for side in SIDES for x in (_printed(sides.get(side)), sides[side]["word"] if side in sides else "—")
            ]
            lines.append(f"| {next(iter(sides.values()))['title']} | {' | '.join(entries)} |")
        lines.append("")
    lines += ["## Reasons", ""]
    for _, sides in _pairs(cells):
        lines += [
            f"- **{cell['title']}, {SIDES[side]}**: {cell['word']}. {cell['why']}" for side, cell in sides.items()
        ]
    return "\n".join(lines) + "\n"


def latex(cells: Sequence[Mapping[str, Any]]) -> str:
    """A tabular of what is printed and what is derived."""
    lines = [
        r"\begin{tabular}{lllll}",
        r"\hline",
        r"Strategy & GANs (printed) & GANs (derived) & AC (printed) & AC (derived) \\",
        r"\hline",
    ]
    for _, rows in _blocks(cells):
        for _, sides in rows:
            entries = [
                x
                for side in SIDES
                for x in (_printed(sides.get(side)), sides[side]["word"] if side in sides else "---")
            ]
            lines.append(" & ".join([next(iter(sides.values()))["title"], *entries]).replace("—", "---") + r" \\")
        lines.append(r"\hline")
    return "\n".join([*lines, r"\end{tabular}"]) + "\n"
