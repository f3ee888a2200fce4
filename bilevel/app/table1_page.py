"""The completed table as a page, as Markdown and as LaTeX.

Main definitions: `html`, `markdown`, `latex`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bilevel import show
from bilevel.app.report_parts import worded
from bilevel.app.table1_verdict import PRINTED, models_of, rate_text, where

TITLE = "Table 1, completed"
SIDES = {"gan": "GANs", "ac": "Actor-critic"}
SIGNS = {"helps": "+", "hurts": "−", "neutral": "=", "depends": "±", "not applicable": "∅", "unknown": "?"}


LEFT_OUT = (
    "The print rests on experience with deep networks. Sampling noise, exploration, the way to the equilibrium and "
    "deep networks are not in the models from which the words here are derived: a word that differs says what happens "
    "to expected updates next to the equilibrium of small problems, and no more."
)


def _pairs(cells: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, Mapping[str, Any]]]]:
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for cell in cells:
        rows.setdefault(cell["strategy"], {})[cell["side"]] = cell
    return list(rows.items())


def _has_print(row: tuple[str, Mapping[str, Any]]) -> bool:
    return any(cell["printed"] for cell in row[1].values())


def _blocks(cells: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    rows, named = _pairs(cells), _has_print
    blocks = [
        ("The paper's nine rows", [r for r in rows if named(r)]),
        ("Strategies since", [r for r in rows if not named(r)]),
    ]
    return [(title, found) for title, found in blocks if found]


def html(cells: Sequence[Mapping[str, Any]], files: Mapping[tuple[Any, ...], Mapping[str, str]]) -> str:
    """One page: the table first, then every cell down to its files."""
    tables = [_table(title, rows) for title, rows in _blocks(cells)]
    details = [_detail(name, sides, files) for name, sides in _pairs(cells)]
    against = [f"{c['title']}, {SIDES[c['side']]}: {c['against']}" for c in cells if c.get("against")]
    differing = [
        show.section("Where this is not what is printed", show.paragraph(LEFT_OUT), show.bullets(*map(worded, against)))
    ]
    return show.page(
        TITLE,
        show.section("The table", *tables, _legend()),
        *(differing if against else []),
        show.section("How the words are found", *_method()),
        *details,
        subtitle="Stabilising strategies on both sides, after Pfau and Vinyals (2016), arXiv:1610.01945",
        lead="For every strategy and side: what it does to the update equations, to the fixed point and to the exact "
        "region of stability on small test problems. Beside what the paper prints stands what is derived.",
    )


def _heads(rows: Sequence[Any]) -> list[str]:
    """The columns of rows: what is printed only where the paper prints something."""
    if not any(map(_has_print, rows)):
        return ["Strategy", *SIDES.values()]
    return ["Strategy", *(f"{side}: {what}" for side in SIDES.values() for what in ("printed", "derived"))]


def _columns(rows: Sequence[Any], told: Callable[[str, Mapping[str, Any]], Any]) -> list[list[Any]]:
    """What stands in the columns of rows beside the strategy's name."""
    printed, found = any(map(_has_print, rows)), []
    for name, sides in rows:
        line: list[Any] = []
        for side in SIDES:
            cell = sides.get(side)
            line += [PRINTED[cell["printed"]] if cell and cell["printed"] else "—"] if printed else []
            line.append(told(f"{_anchor(name)}-{side}", cell) if cell else "—")
        found.append(line)
    return found


def _title(sides: Mapping[str, Any]) -> str:
    return next(iter(sides.values()))["title"]


def _table(title: str, rows: Sequence[Any]) -> Any:
    columns = _columns(rows, lambda anchor, cell: show.link(_word(cell), f"#{anchor}"))
    body = [[show.link(_title(sides), f"#{_anchor(name)}"), *line] for (name, sides), line in zip(rows, columns)]
    return show.table(_heads(rows), body, caption=title)


def _word(cell: Mapping[str, Any]) -> Any:
    return f"{SIGNS[cell['word']]} {cell['shown']}"


def _legend() -> Any:
    meanings = {
        "helps": "more steps are stable, or the best rate is better, and nothing is lost",
        "hurts": "the reverse, or the fixed point is destroyed",
        "depends": "better here, worse there, or better at a moved fixed point: on what is said below",
        "neutral": "neither the region nor the best rate changes, or only as by another choice of the step",
        "not applicable": "proved: the update equations are the same, or there is nothing the strategy acts on",
        "unknown": "not decided; the reason is given",
    }
    rows = [(f"{SIGNS[word]} {word}", text) for word, text in meanings.items()]
    rows += [
        (
            "(1 of 6 undecided)",
            "so many of the problems and variants weighed are unknown: the word rests on the others",
        ),
        ("≈", "best rates found in floating point only; all others are exact, or enclosed to six digits"),
    ]
    return show.table(["Word", "Means"], rows)


def _method() -> list[Any]:
    return [
        show.bullets(
            "GAN side: the Dirac-GAN (logistic), the linear-quadratic GAN (linear score, mean and spread learnt) and "
            "the Gaussian GAN (logistic, mean learnt). Actor-critic side: a two-armed bandit, a decision process of "
            "two states and two actions in which states are visited by the discounted law of the actor's own policy, "
            "and the scalar linear-quadratic regulator, all with semi-gradient critics and the policy's own actions.",
            "Both sides are written in one form, by what the critic is shown; the same strategy acts on both.",
            "The region of stability is the set of steps h at which every eigenvalue of the linearised round lies "
            "inside the unit circle (alternating steps, actor first), or in the left half plane (flow). It is exact.",
            "Regions are compared by a point gained, a point lost, and a proof that there is none. Best rates are the "
            "smallest spectral radius over h, per step of the underlying rule. What only follows the players, an "
            "average say, is left out of the comparison. Where the characteristic polynomial after is that before with "
            "c h in place of h, only the step is another, and the region counts as the same.",
            "What nonlinear terms do away from the fixed point, noise, and large networks are not weighed here.",
        )
    ]


def _anchor(name: str) -> str:
    return name.replace("_", "-")


def _detail(name: str, sides: Mapping[str, Any], files: Mapping[tuple[Any, ...], Mapping[str, str]]) -> Any:
    blocks: list[Any] = []
    for side, cell in sides.items():
        blocks.append(show.section(f"{SIDES[side]}: {cell['shown']}", *map(worded_paragraph, _lead(cell)),
                                   *(_entry(cell, k, entry, files) for k, entry in enumerate(cell["entries"])),
                                   anchor=f"{_anchor(name)}-{side}"))  # fmt: skip
    return show.section(_title(sides), *blocks, anchor=_anchor(name))


def _lead(cell: Mapping[str, Any]) -> list[str]:
    """What is derived, what the paper says of it, and where the two differ."""
    said, models = [cell["why"]], models_of(cell["entries"])
    if cell.get("remark"):
        said.append(f"The paper remarks: {cell['remark']}.")
    if cell.get("against"):
        said.append(f"Not as printed: {cell['against']} (Why words may differ stands above.)")
    elif models not in ("", "exact"):
        said.append(f"Models: {models}.")
    return said


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
        rows.append((rule, worded(where(found["before"])), worded(where(found["after"])), _rates(found), tuple(named)))
    if rows:
        parts.append(show.table(["Rule", "Before", "After", "Best rate", "Files"], rows))
    body = show.join(*(part if isinstance(part, show.Markup) else show.paragraph(part) for part in parts))
    return show.element("details", show.element("summary", title), body)


def _variant(entry: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{k} {v}' for k, v in entry['variant'].items())})" if entry["variant"] else ""


def _rates(found: Mapping[str, Any]) -> str:
    told = [rate_text(rate) for rate in (found["best_before"], found["best_after"])]
    return f"{told[0]} → {told[1]}" if told != ["—", "—"] else "—"


def markdown(cells: Sequence[Mapping[str, Any]]) -> str:
    """The table and the reason of every cell."""
    lines = [f"# {TITLE}", ""]
    for title, rows in _blocks(cells):
        heads = _heads(rows)
        lines += [f"## {title}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        columns = _columns(rows, lambda anchor, cell: cell["shown"])
        lines += [f"| {' | '.join([_title(sides), *line])} |" for (_, sides), line in zip(rows, columns)]
        lines.append("")
    lines += ["## Reasons", "", *([LEFT_OUT, ""] if any(cell.get("against") for cell in cells) else [])]
    for _, sides in _pairs(cells):
        lines += [
            f"- **{cell['title']}, {SIDES[side]}**: {cell['shown']}. {' '.join(_lead(cell))}"
            for side, cell in sides.items()
        ]
    return "\n".join(lines) + "\n"


def latex(cells: Sequence[Mapping[str, Any]]) -> str:
    """A tabular of what is derived, beside what is printed where the paper prints it."""
    blocks = []
    for _, rows in _blocks(cells):
        heads = _heads(rows)
        lines = [rf"\begin{{tabular}}{{{'l' * len(heads)}}}", r"\hline", _tex(heads), r"\hline"]
        columns = _columns(rows, lambda anchor, cell: cell["shown"])
        lines += [_tex([_title(sides), *line]) for (_, sides), line in zip(rows, columns)]
        blocks.append("\n".join([*lines, r"\hline", r"\end{tabular}"]))
    return "\n\n".join(blocks) + "\n"


def _tex(line: Sequence[str]) -> str:
    return " & ".join(line).replace("—", "---").replace("≈", r"$\approx$") + r" \\"
