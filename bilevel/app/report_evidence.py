"""What shows a claim: the equation, the proof step by step or the counterexample; on the page and as data.

Main definitions: `evidence`, `claim_data`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel import show
from bilevel.app.report_parts import said, shortened, where, worded
from bilevel.language.normal_form import Step
from bilevel.show.blocks import block, inline

_LONG = 40  # steps shown of one claim: the rest is told by number


def evidence(claim: Any) -> list[Any]:
    """The blocks that show a claim: its equation, counterexample, note and steps."""
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
    return show.trace_steps(kept) + (
        [f"{len(trace) - _LONG} more steps of the same kinds"] if len(trace) > _LONG else []
    )


def _step(step: Any) -> list[Any]:
    return [inline(step[0]), *map(block, step[1:])] if isinstance(step, list) else [inline(step)]


def _counterexample(found: Any) -> list[tuple[Any, ...]]:
    if not hasattr(found, "point"):
        return [(worded(str(found)),)]
    lines: list[tuple[Any, ...]] = []
    for name, group in (
        ("Sizes", found.dims),
        ("Networks", found.networks),
        ("Laws", found.laws),
        ("Point", found.point),
    ):
        pairs = [
            (" " if not k else "; ", show.code(f"{key} = {str(value).replace('**', '^')}"))
            for k, (key, value) in enumerate(group.items())
        ]
        lines += [(f"{name}:", *(piece for pair in pairs for piece in pair))] if group else []
    if any("a1_" in str(value) for value in found.networks.values()):
        lines.append(
            (
                "where ",
                show.code("ak_i"),
                " is component i of a network's k-th argument.",
            )
        )
    return [*lines, (f"There the sides are {_number(found.left)} and {_number(found.right)}.",)]


def _number(value: Any) -> str:
    text = str(value)
    return (
        text
        if len(text) <= 24
        else f"{sp.N(value, 10)}… (exact value in report.json)"
        if len(text) > 60
        else f"{text} = {sp.N(value, 10)}…"
    )


def claim_data(claim: Any) -> dict[str, Any]:
    """A claim as data, counterexample and steps included."""
    return {
        "text": claim.text,
        "holds": claim.holds,
        "known": claim.known,
        "equation": None if claim.equation is None else [said(side) for side in claim.equation],
        "steps": [_step_data(step) for step in claim.trace],
        "counterexample": None if claim.counterexample is None else _against(claim.counterexample),
        "note": claim.note,
    }


def _step_data(step: Any) -> Any:
    if not hasattr(step, "before"):
        return str(step)
    return {"rule": step.rule, "what": step.what, "before": said(step.before), "after": said(step.after)}


def _against(found: Any) -> Any:
    if not hasattr(found, "point"):
        return str(found)
    parts = {"sizes": found.dims, "networks": found.networks, "laws": found.laws, "point": found.point}
    sides = {"left": str(found.left), "right": str(found.right), "known": found.known}
    return {name: dict(part) for name, part in parts.items()} | sides
