"""Slips made in the rule: the order of play, its parameters, the written step.

Main definitions: `order_of_play`, `parameters`, `lines`; each yields mutants of an update.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import sympy as sp

from bilevel.rules import catalogue, derive
from bilevel.rules.protocol.point import PerPlayer
from bilevel.rules.protocol.update import Update
from bilevel.testing.mutant import FACTORS, Mutant, derived, terms


def order_of_play(update: Update) -> Iterator[Mutant]:
    rule, game, given = update.rule, update.game, dict(update.rule.parameters)
    names = tuple(game.players)
    if rule.name == "alternating":
        simple = catalogue()["simultaneous"](given["step"])
        yield Mutant("old values: simultaneous in place of alternating", derived(game, simple))
    for order in list(itertools.permutations(names))[:6]:
        if rule.name not in ("simultaneous", "alternating") or given.get("order") == order:
            continue
        words = "new values: alternating in place of simultaneous" if rule.name == "simultaneous" else "another order"
        turned = catalogue()["alternating"](given["step"], order=list(order), repeats=given.get("repeats", sp.S.One))
        yield Mutant(f"{words}: {' before '.join(order)}", derived(game, turned))
    explicit = {line.target: line.variable for line in update.assignments if not line.implicit}
    if len(explicit) > 1:
        yield Mutant(
            "old values: every gradient is taken at the current point", partial(_substituted, update, explicit)
        )
    for line in update.assignments:
        later = {line.target: line.variable}
        if not line.implicit:
            words = f"an old value: {line.variable} in place of its new value {line.value}"
            yield Mutant(words, partial(_substituted, update, later))
    if rule.name == "alternating" or update.continuous:
        return
    for v, w in itertools.permutations(game.variables, 2):
        if v in update.after[w].free_symbols:
            after = {**update.after, w: update.after[w].xreplace({v: update.after[v]})}
            yield Mutant(f"a new value: the update of {w} uses the new {v}", partial(replace, update, after=after))


def _substituted(update: Update, values: Mapping[Any, Any]) -> Update:
    lines = tuple(replace(line, value=line.value.xreplace(values)) for line in update.assignments)
    # The named point may itself be some variable's next value: that one stays.
    after = {v: e if e in values else e.xreplace(values) for v, e in update.after.items()}
    return replace(update, assignments=lines, after=after)


def parameters(update: Update) -> Iterator[Mutant]:
    rule, given = update.rule, dict(update.rule.parameters)
    maker = catalogue().get(rule.name)
    if maker is None:
        return

    def made(key: str, changed: Any) -> Update:
        return derive(update.game, maker(**{**given, key: changed}))

    for key, value in given.items():
        for words, changed in _changes(value) if key != "repeats" else ():
            yield Mutant(f"{rule.name}: {key} {words}", partial(made, key, changed))


def _changes(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, PerPlayer):
        for name, other in itertools.permutations(value.values, 2):
            yield f"of {name} is that of {other}", {**value.values, name: value[other]}
        for name, part in value.values.items():
            yield f"of {name} is halved (a factor 1/2)", {**value.values, name: part / 2}
            yield f"of {name} is doubled (a factor 2)", {**value.values, name: part * 2}
    elif isinstance(value, sp.Expr):
        yield from ((words, factor * value) for factor, words in FACTORS.items())


def lines(update: Update) -> Iterator[Mutant]:
    """Terms of the written step itself: of x[t+1] - x (or dx/dt), at the point where it is written."""
    written = {v: next((li.value for li in update.assignments if li.target == e), e) for v, e in update.after.items()}
    for v, value in written.items():
        start = sp.S.Zero if update.continuous else v
        if not update.continuous:
            yield Mutant(f"{v}: the change comes back in place of the new value", _rewritten(update, v, value - v))
        yield Mutant(f"{v}: no step at all", _rewritten(update, v, start))
        for factor, words in FACTORS.items():
            changed = start + factor * (value - start)
            yield Mutant(f"{v}: the step {words}", _rewritten(update, v, changed))
        for term in terms(value - start):
            for factor, words in FACTORS.items():
                yield Mutant(f"{v}: the term {term} {words}", _rewritten(update, v, value + (factor - 1) * term))


def _rewritten(update: Update, variable: Any, value: Any) -> Callable[[], Update]:
    target = update.after[variable]
    lines = tuple(
        replace(line, value=value) if line.target == target and not line.implicit else line
        for line in update.assignments
    )
    after = update.after if lines != update.assignments else {**update.after, variable: value}
    return lambda: replace(update, assignments=lines, after=after)
