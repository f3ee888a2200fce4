"""In which senses the games are the same problem: a table of relations, each proved, refuted or open.

Main definitions: `relations` (the section).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel import show
from bilevel.analysis import correspond
from bilevel.app.report_games import Cast
from bilevel.app.report_parts import Part, listed, said
from bilevel.language import data
from bilevel.models import blind_actor_critic, gan, squared

_ROWS = {
    "identical": "identical losses",
    "equal-fields": "equal fields",
    "constant": "fields equal up to one positive constant",
    "constant-per-player": "... up to a constant per player",
    "function": "... up to a positive function per player",
    "per-sample": "proportional under the expectation",
    "fixed-points": "same fixed points",
}


def relations(cast: Cast, tell: Callable[[str], None] = lambda _: None) -> Part:
    """Pairs of games against relations, from strong to weak."""
    pairs = _pairs(cast)
    found = {}
    for name, (first, second, _) in pairs.items():
        tell(f"relations: {name}")
        found[name] = correspond(first, second)
    header = ["Relation", *(show.element("span", name) for name in "ABCDEF"[: len(pairs)])]
    rows = [[words, *(_cell(one[relation]) for one in found.values())] for relation, words in _ROWS.items()]
    legend = [(show.element("b", f"{letter}. "), words) for letter, (_, _, words) in zip("ABCDEF", pairs.values())]
    section = show.section(
        "In which senses they are the same",
        "From strong to weak; each implies those below it, except that proportionality under the expectation, sample by sample, "
        "implies neither collinear steps nor equal fixed points. A number is the factor from the second game to the first.",
        show.table(header, rows, caption="✓ proved; ✗ refuted by an instance; ? open for networks of unspecified form"),
        show.bullets(*legend),
        *(_strongest(letter, one) for letter, one in zip("ABCDEF", found.values())),
        anchor="relations",
    )
    return Part(section, {name: _data(one) for name, one in found.items()})


def _pairs(cast: Cast) -> dict[str, tuple[Any, Any, str]]:
    from_data = gan(noise=data("p_data", "n"))
    return {
        "scaled actor-critic, minimax GAN": (cast.scaled, cast.minimax, "The blind actor-critic method with scaled signal, and the minimax GAN"),
        "actor-critic, minimax GAN": (cast.plain, cast.minimax, "The same with an actor that climbs Q itself, and the minimax GAN"),
        "non-saturating, minimax": (cast.non_saturating, cast.minimax, "The non-saturating and the minimax GAN"),
        "query at the action, at the image shown": (cast.at_action, cast.plain, "Q queried at the action (DPG, unmasked) and at the image shown (masked)"),
        "squared error, cross-entropy": (blind_actor_critic(divergence=squared), cast.plain, "A critic with squared error, and one with cross-entropy"),
        "sighted actor-critic, GAN with noise from the data": (
            blind_actor_critic(sighted=True, scaled=True), from_data, "A sighted actor, and a GAN whose noise is drawn from the data"),
    }  # fmt: skip


def _cell(relation: Any) -> Any:
    if relation.holds is None:
        return show.element("span", "?", title=relation.reason)
    if not relation.holds:
        return show.element("span", "✗", title=relation.reason)
    number = _one_number(relation.factor)
    return ("✓ ", number) if number is not None and number != 1 else "✓"


def _one_number(factor: Any) -> Any:
    if isinstance(factor, dict):
        values = {value if isinstance(value, sp.Basic) else None for value in factor.values()}
        return values.pop() if len(values) == 1 else None
    return factor if isinstance(factor, sp.Basic) and factor.is_number else None


def _strongest(letter: str, found: Any) -> Any:
    """Factors that are no single number: per player, or per sample."""
    per_sample = found["per-sample"]
    if not per_sample.holds or not isinstance(per_sample.factor, dict):
        return show.Markup("")
    lines = []
    for player, groups in per_sample.factor.items():
        factors = list(dict.fromkeys(value for _, value in groups))
        if any(not value.is_number for value in factors):
            lines += [(f"{letter}, per sample, {player}: ", *_series(factors))]
    return show.bullets(*lines) if lines else show.Markup("")


def _series(factors: list[Any]) -> list[Any]:
    return [piece for index, factor in enumerate(factors) for piece in ("; " if index else "", factor)]


def _data(found: Any) -> dict[str, Any]:
    maximal = [relation.name for relation in found.maximal]
    return {
        "maximal": maximal,
        "in words": listed(maximal) if maximal else "none proved",
        "relations": [
            {"name": r.name, "holds": r.holds, "known": r.known, "factor": _factor(r.factor), "reason": r.reason,
             "counterexample": None if r.counterexample is None else str(r.counterexample)}
            for r in found.relations
        ],
    }  # fmt: skip


def _factor(factor: Any) -> Any:
    if isinstance(factor, dict):
        return {str(key): _factor(value) for key, value in factor.items()}
    if isinstance(factor, list | tuple) and not isinstance(factor, sp.Basic):
        return [_factor(part) for part in factor]
    return said(factor) if isinstance(factor, sp.Basic) else factor
