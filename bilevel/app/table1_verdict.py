"""From what happened to regions, rates and fixed points to one word, for a problem and for a cell.

Main definitions: `judged` (one problem), `summed` (a cell).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bilevel.analysis.comparison import DEPENDS, HELPS, HURTS, NEUTRAL, UNKNOWN

NOT_APPLICABLE = "not applicable"


def judged(found: Mapping[str, Any], *, destroyed: bool) -> dict[str, str]:
    """The word for one problem and variant.

    A destroyed fixed point hurts. Else each rule has its word: where before and after some step is stable, best rate
    and region decide together; where the actor's equilibrium is moved, what helps comes at a price: it depends.
    """
    if destroyed:
        return {"word": HURTS, "why": f"the fixed point is destroyed: {found['fixed_point']['why']}"}
    if found["fixed_point"].get("isolated") is False:
        why = "the fixed point is no longer isolated: along a line of the actor's parameters nothing is learnt"
        return {"word": HURTS, "why": f"{why}; {found['fixed_point']['why']}"}
    words, said = [], []
    for name, rule in found["rules"].items():
        if rule["same"]:
            continue
        word, why = _of_rule(rule)
        words.append(word)
        said.append(f"{name}: {why}")
    word = joined(words)
    fixed = found["fixed_point"]
    if fixed["word"] == "moved":
        said.append(f"the equilibrium moves {fixed['why']}")
        word = word if word in (HURTS, UNKNOWN) else HURTS if word == NEUTRAL else DEPENDS
    elif fixed["word"] != "kept":
        said.append(fixed["why"])
    return {"word": word, "why": "; ".join(said)}


def _of_rule(rule: Mapping[str, Any]) -> tuple[str, str]:
    rates = rule["best_before"], rule["best_after"]
    if None in rates or rule["word"] == UNKNOWN:
        return rule["word"], _region(rule)
    (low, high), (new_low, new_high) = (rate["rate"] for rate in rates)
    speed = HELPS if new_high < low * (1 - 1e-9) else HURTS if new_low > high * (1 + 1e-9) else NEUTRAL
    told = f"best rate {_range(low, high)} to {_range(new_low, new_high)} a step"
    return joined([speed, rule["word"]]), f"{told}; {_region(rule)}"


def _region(rule: Mapping[str, Any]) -> str:
    if rule["word"] == NEUTRAL:
        return f"the same region ({_where(rule['after'])})"
    return f"{_where(rule['before'])} becomes {_where(rule['after'])}: {rule['why']}"


def _where(verdict: Mapping[str, Any]) -> str:
    if verdict["verdict"] != "conditional":
        return str(verdict["verdict"])
    if verdict["condition"] == "false":
        return f"nowhere stable, unstable where {verdict['unstable_on']}"
    return f"stable where {verdict['condition']}"


def _range(low: float, high: float) -> str:
    return f"{high:.4f}"


def joined(words: Iterable[str]) -> str:
    """Neutral words carry no weight; the others must agree."""
    found = set(words)
    if UNKNOWN in found and not found & {HELPS, HURTS, DEPENDS}:
        return UNKNOWN
    weighty = found - {NEUTRAL, UNKNOWN, NOT_APPLICABLE}
    if not weighty:
        return NOT_APPLICABLE if found == {NOT_APPLICABLE} else NEUTRAL
    return weighty.pop() if len(weighty) == 1 and UNKNOWN not in found else DEPENDS


def summed(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The word of a cell: that of its entries where they agree, else what it depends on."""
    entries = list(entries)
    groups: dict[str, list[str]] = {}
    for entry in entries:
        groups.setdefault(entry["word"], []).append(_called(entry))
    decided = [entry["word"] for entry in entries if entry["word"] != UNKNOWN]
    word = joined(decided) if decided else UNKNOWN
    if word in (NEUTRAL, NOT_APPLICABLE) and UNKNOWN in groups:  # an effect may hide in what is not decided
        word = UNKNOWN
    if len(groups) == 1:
        only = entries[0]["word"]
        why = (
            entries[0]["why"]
            if only in (NOT_APPLICABLE, UNKNOWN)
            else f"on every problem and variant weighed ({len(entries)})"
        )
        return {"word": only, "why": why}
    order = (HELPS, HURTS, DEPENDS, NEUTRAL, NOT_APPLICABLE, UNKNOWN)
    open_ones = len(groups.get(UNKNOWN, ()))
    said = f"{len(entries) - open_ones} of {len(entries)} decided; " if open_ones else ""
    return {"word": word, "why": said + "; ".join(f"{w}: {', '.join(groups[w])}" for w in order if w in groups)}


def _called(entry: Mapping[str, Any]) -> str:
    chosen = ", ".join(f"{k} {v}" for k, v in entry["variant"].items())
    return f"{entry['problem_title']}{f' ({chosen})' if chosen else ''}"
