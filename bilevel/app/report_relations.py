"""In which senses the games are the same problem: a table of relations, each proved, refuted or open.

Main definitions: `relations` (the section).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel import show
from bilevel.analysis import correspond
from bilevel.app.report_cast import Cast
from bilevel.app.report_parts import Part, listed, said
from bilevel.language import calculus, data, random
from bilevel.models import blind_actor_critic, gan, squared

_ROWS = {
    "identical": "identical losses",
    "equal-fields": "equal fields",
    "constant": "fields equal up to one positive constant",
    "constant-per-player": "… up to a constant per player",
    "function": "… up to a positive function per player",
    "fixed-points": "same fixed points",
    "per-sample": "proportional under the expectation",
}


def relations(cast: Cast, tell: Callable[[str], None] = lambda _: None) -> Part:
    """Pairs of games against relations, from strong to weak."""
    pairs = _pairs(cast)
    found = {}
    for name, (first, second, _) in pairs.items():
        tell(f"relations: {name}")
        found[name] = correspond(first, second)
    header = ["Relation", *(show.element("span", name) for name in "ABCDEF"[: len(pairs)])]
    rows = [[words, *(_cell(one[relation], relation) for one in found.values())] for relation, words in _ROWS.items()]
    legend = [(show.element("b", f"{letter}. "), words) for letter, (_, _, words) in zip("ABCDEF", pairs.values())]
    section = show.section(
        "In which senses they are the same",
        "From strong to weak: each of the first six implies those after it among the six. The last stands apart: "
        "sample by sample the "
        "integrands agree up to a positive factor, which implies neither collinear steps nor equal fixed points. "
        "A number is the factor from the second game to the first.",
        show.table(header, rows, caption="✓ proved; ✗ refuted by an instance; ? open for networks of unspecified form"),
        show.bullets(*legend),
        show.paragraph(
            "That C does not have the same fixed points, an instance in ",
            show.link("theorem 2", "#theorem-2"),
            " shows. Where the last line's factor is no number, it is:",
        ),
        *(_strongest(letter, one) for letter, one in zip("ABCDEF", found.values())),
        anchor="relations",
    )
    return Part(section, {name: _data(one) for name, one in found.items()})


def _pairs(cast: Cast) -> dict[str, tuple[Any, Any, str]]:
    from_data, any_noise = gan(noise=data("p_data", "n")), data("p_noise", "m")
    return {
        "scaled actor-critic, minimax "
        "GAN": (cast.scaled, cast.minimax, "The blind actor-critic method with scaled signal, and the minimax GAN"),
        "actor-critic, minimax "
        "GAN": (cast.plain, cast.minimax, "The same with an actor that climbs Q itself, and the minimax GAN"),
        "non-saturating, "
        "minimax": (gan("non-saturating", noise=any_noise), gan(noise=any_noise), "The non-saturating and the "
                                                                                  "minimax GAN, noise of any law"),
        "query at the action, at the image "
        "shown": (cast.at_action, cast.plain, "Q queried at the action (DPG, unmasked) and at the image shown "
                                              "(masked)"),
        "squared error, "
        "cross-entropy": (blind_actor_critic(divergence=squared), cast.plain, "A critic with squared error, and "
                                                                              "one with cross-entropy"),
        "sighted actor-critic, GAN with noise from the data": (
            blind_actor_critic(sighted=True, scaled=True), from_data, "A sighted actor, and a GAN whose noise is "
                                                                      "drawn from the data"),
    }  # fmt: skip


def _cell(relation: Any, name: str) -> Any:
    if relation.holds is None:
        return show.element("span", "?", title=relation.reason)
    if not relation.holds:
        return show.element("span", "✗", title=relation.reason)
    number = _one_number(relation.factor) if name not in ("fixed-points", "per-sample") else None
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
        factors = list(dict.fromkeys(_plainly(variables, value) for variables, value in groups))
        if any(not value.is_number for value in factors):
            lines += [(show.element("b", f"{letter}. "), f"{player}: ", *_series(factors))]
    return show.bullets(*lines) if lines else show.Markup("")


def _plainly(variables: tuple[Any, ...], factor: Any) -> Any:
    """The factor with its samples called w (data) and z (noise), and 1 - D rather than -(D - 1)."""
    named = {v: random("w" if getattr(v.law, "name", "") == "p_data" else "z", v.law) for v in variables}
    number, rest = calculus.replace(factor, named).as_coeff_Mul()
    turned = [
        -part if isinstance(part, sp.Add) and part.as_coeff_Add()[0] == -1 else part for part in sp.Mul.make_args(rest)
    ]
    flips = sum(a != b for a, b in zip(turned, sp.Mul.make_args(rest)))
    number = number * (-1) ** flips
    return (
        sp.Mul(*([number] if number != 1 else []), *turned, evaluate=False)
        if number != 1 or len(turned) > 1
        else turned[0]
    )


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
