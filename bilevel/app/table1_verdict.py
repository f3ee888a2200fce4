"""From what happened to regions, rates and fixed points to one word, for a problem and for a cell.

Main definitions: `judged` (one problem), `summed` (a cell).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bilevel.analysis.comparison import DEPENDS, HELPS, HURTS, NEUTRAL, UNKNOWN

NOT_APPLICABLE = "not applicable"
LONG = 120  # characters of a condition that nobody reads in a sentence


def judged(found: Mapping[str, Any], *, destroyed: bool) -> dict[str, str]:
    """The word for one problem and variant.

    A destroyed fixed point hurts. Else each rule has its word: where before and after some step is stable, best rate
    and region decide together; where the actor's equilibrium is moved, what helps comes at a price: it depends.
    """
    if destroyed:
        return {"word": HURTS, "why": f"the fixed point is destroyed: {found['fixed_point']['why']}"}
    if found["fixed_point"].get("line"):
        why = f"the fixed point is no longer isolated ({found['fixed_point']['line']})"
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


def reached(entry: dict[str, Any]) -> list[str]:
    """What an entry that stopped had decided, rule by rule; records that were only begun are taken out of it."""
    if "rules" not in entry:
        return []
    entry["rules"] = {name: rule for name, rule in entry["rules"].items() if rule}
    fixed = entry.get("fixed_point")
    said = [f"the fixed point: {fixed['word']}, {fixed['why']}"] if fixed else []
    return said + [f"{name}: {_of_rule(rule)[1]}" for name, rule in entry["rules"].items() if not rule["same"]]


def _of_rule(rule: Mapping[str, Any]) -> tuple[str, str]:
    rates, word = (rule["best_before"], rule["best_after"]), rule["word"]
    if rule.get("scale"):  # the same map at another step: a step that is chosen gains and loses nothing by it
        word = NEUTRAL
    if None in rates or word == UNKNOWN:
        return word, _region(rule)
    (low, high), (new_low, new_high) = (rate["rate"] for rate in rates)
    speed = HELPS if new_high < low * (1 - 1e-9) else HURTS if new_low > high * (1 + 1e-9) else NEUTRAL
    told = f"best rate {rate_text(rates[0])} to {rate_text(rates[1])} a step"
    return joined([speed, word]), f"{told}; {_region(rule)}"


def _region(rule: Mapping[str, Any]) -> str:
    if rule.get("scale"):
        return f"only the step is another: h acts as ({rule['scale']})*h did; {where(rule['after'])}"
    if rule["word"] == NEUTRAL:
        return f"the same region ({where(rule['after'])})"
    return f"{where(rule['before'])} becomes {where(rule['after'])}: {rule['why']}"


def where(verdict: Mapping[str, Any]) -> str:
    if verdict["verdict"] != "conditional":
        return str(verdict["verdict"])
    if verdict["condition"] == "false":
        return f"nowhere stable, unstable where {verdict['unstable_on']}"
    steps = " or ".join(f"{low} < h < {high}" for low, high in verdict.get("steps") or ())
    if steps and len(verdict["condition"]) > LONG:
        return f"stable where about {steps} (the exact condition stands in the verdict)"
    return f"stable where {verdict['condition']}" + (f", about {steps}" if steps else "")


def rate_text(rate: Mapping[str, Any] | None) -> str:
    """A best rate to four digits; with the sign of approximation where it rests on floats alone."""
    if rate is None:
        return "—"
    return f"{rate['rate'][1]:.4f}" + ("≈" if rate["known"] == "float" else "")


def joined(words: Iterable[str]) -> str:
    """Neutral words carry no weight; the others must agree, and none may be open unless two disagree anyway."""
    found = set(words)
    weighty = found - {NEUTRAL, UNKNOWN, NOT_APPLICABLE}
    if len(weighty) > 1:
        return DEPENDS
    if UNKNOWN in found and DEPENDS not in weighty:
        return UNKNOWN
    if weighty:
        return weighty.pop()
    return NOT_APPLICABLE if found == {NOT_APPLICABLE} else NEUTRAL


def summed(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The word of a cell: that of its entries where they agree, else what it depends on; and what it rests on.

    `open` of `of` entries are undecided, `approximate` ones compare best rates known as floats only; `shown` is the
    word with these beside it.
    """
    entries = list(entries)
    groups: dict[str, list[str]] = {}
    for entry in entries:
        groups.setdefault(entry["word"], []).append(_called(entry))
    rests = {
        "open": len(groups.get(UNKNOWN, ())),
        "of": len(entries),
        "approximate": sum(rests_on_floats(entry) for entry in entries),
    }
    word, why = _word_of(entries, groups)
    return {"word": word, "why": why, **rests, "shown": _shown(word, **rests)}


def _word_of(entries: list[Mapping[str, Any]], groups: Mapping[str, list[str]]) -> tuple[str, str]:
    decided = [entry["word"] for entry in entries if entry["word"] != UNKNOWN]
    word = joined(decided) if decided else UNKNOWN
    if word in (NEUTRAL, NOT_APPLICABLE) and UNKNOWN in groups:  # an effect may hide in what is not decided
        word = UNKNOWN
    if len(groups) == 1:
        only = entries[0]["word"]
        reasons = list(dict.fromkeys(entry["why"] for entry in entries))
        told = only in (NOT_APPLICABLE, UNKNOWN) and len(reasons) == 1
        return only, reasons[0] if told else f"on every problem and variant weighed ({len(entries)})"
    order = (HELPS, HURTS, DEPENDS, NEUTRAL, NOT_APPLICABLE, UNKNOWN)
    return word, "; ".join(f"{w}: {', '.join(groups[w])}" for w in order if w in groups)


PRINTED = {"yes": "shown to help", "no": "not yet demonstrated", "n/a": "not applicable"}


def against(printed: str | None, word: str, entries: Iterable[Mapping[str, Any]]) -> str | None:
    """Where the word is not what is printed: on what and under which models it was derived."""
    agree = {"yes": (HELPS, UNKNOWN), "n/a": (NOT_APPLICABLE, UNKNOWN)}
    if printed not in agree or word in agree[printed]:
        return None
    weighed = [entry for entry in entries if entry["word"] not in (NOT_APPLICABLE, UNKNOWN)]
    problems = ", ".join(dict.fromkeys(entry["problem_title"] for entry in weighed))
    return (
        f"printed is “{PRINTED[printed]}”, derived “{word}” for expected updates next to the equilibrium of {problems} "
        f"(model: {models_of(weighed)})."
    )


def models_of(entries: Iterable[Mapping[str, Any]]) -> str:
    """The models under which some entries were derived, each once."""
    return "; ".join(dict.fromkeys(entry["model"] for entry in entries if entry.get("model")))


def rests_on_floats(entry: Mapping[str, Any]) -> bool:
    """Whether a best rate that is known as a float only was compared for an entry's word."""
    rates = (
        (rule.get("best_before"), rule.get("best_after"))
        for rule in entry.get("rules", {}).values()
        if not rule.get("same")
    )
    return any(None not in pair and "float" in {rate["known"] for rate in pair} for pair in rates)


def _shown(word: str, *, open: int, of: int, approximate: int) -> str:
    if word == UNKNOWN:
        return word
    notes = [f"{open} of {of} undecided"] if open else []
    notes += [f"{approximate} of {of} by rates in floats ≈"] if approximate else []
    return f"{word} ({', '.join(notes)})" if notes else word


def _called(entry: Mapping[str, Any]) -> str:
    chosen = ", ".join(f"{k} {v}" for k, v in entry["variant"].items())
    return f"{entry['problem_title']}{f' ({chosen})' if chosen else ''}"
