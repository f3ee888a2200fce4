"""Slips made inside a loss or a gradient: an inner term, a factor, a power, one parameter in place of another.

Main definitions: `inner_terms`, `inner_factors`, `chain_factors`, `other_parameters`, `memories`; each yields mutants
of an update.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import sympy as sp

from bilevel.game import Player
from bilevel.rules.protocol.update import Update
from bilevel.testing.mutant import MOST_TERMS, Mutant, terms
from bilevel.testing.slips_of_losses import _with_field, _with_loss


def inner_terms(update: Update) -> Iterator[Mutant]:
    """A summand inside the loss: of a difference that is squared, of a weight, of a function's argument."""
    for name, player in update.game.players.items():
        for node in _inside(player, sp.Add):
            for term in node.args:
                for factor, words in ((0, "is missing"), (-1, "has the wrong sign")):
                    loss = player.loss.xreplace({node: node + (factor - 1) * term})
                    part = f"in the loss of {name} the term {term} of {node}"
                    yield Mutant(f"{part} {words}", _with_loss(update, name, loss), part if factor == 0 else "")


def inner_factors(update: Update) -> Iterator[Mutant]:
    """A weight, a discount or another factor inside the loss: left out, or to a power one too low or too high."""
    for name, player in update.game.players.items():
        for node, changed, words in itertools.islice(_refactored(player), 4 * MOST_TERMS):
            yield Mutant(
                f"in the loss of {name} {words}", _with_loss(update, name, player.loss.xreplace({node: changed}))
            )


def _refactored(player: Player) -> Iterator[tuple[Any, Any, str]]:
    for node in _inside(player, sp.Mul, sp.Pow):
        factors = node.args if node.is_Mul else (node,)
        for k, factor in enumerate(factors):
            if not factor.free_symbols:
                continue
            others = [f for i, f in enumerate(factors) if i != k]
            if node.is_Mul:
                yield node, node.func(*others), f"the factor {factor} is missing from {node}"
            base, exponent = factor.as_base_exp()
            if base.is_Symbol and (exponent.is_Integer or not base.free_symbols & set(player.moves)):
                for power in (exponent - 1, exponent + 1):
                    changed = sp.Mul(base**power, *others)
                    yield node, changed, f"the power of {base} is wrong: {base**power} in place of {factor} in {node}"


def _inside(player: Player, *kinds: Any) -> Iterator[Any]:
    """The nodes of the loss of some kinds, each once, but for the loss itself where it is a sum."""
    seen = set()
    for node in sp.preorder_traversal(player.loss):
        whole = isinstance(node, sp.Add) and node in (player.loss, player.cost)
        if isinstance(node, kinds) and not whole and node not in seen:
            seen.add(node)
            yield node


def chain_factors(update: Update) -> Iterator[Mutant]:
    """A factor of a gradient's term, such as the inner derivative that the chain rule brings."""
    for name, player in update.game.players.items():
        field = update.game.field()
        for v in player.moves:
            for term in terms(field[v]):
                for factor in term.args if term.is_Mul else ():
                    if factor.free_symbols:
                        changed = field[v] + term / factor - term
                        yield Mutant(
                            f"in the gradient of {name} with respect to {v} the factor {factor} of {term} is missing",
                            _with_field(update, {v: changed}),
                        )
        shared = [_factors(field[v]) for v in player.moves]
        for factor in sorted(set().union(*shared), key=sp.default_sort_key):
            values = {v: field[v] / factor if factor in mine else field[v] for v, mine in zip(player.moves, shared)}
            words = f"the gradient of {name} lacks the factor {factor} throughout"
            yield Mutant(words, _with_field(update, values))


def _factors(value: Any) -> set[Any]:
    factors = sp.Mul.make_args(sp.factor_terms(value))
    return {factor for factor in factors if factor.free_symbols}


def other_parameters(update: Update) -> Iterator[Mutant]:
    """One parameter of the game where another one is meant."""
    for name, player in update.game.players.items():
        mine = sorted(player.loss.free_symbols - set(update.game.variables), key=str)
        for right, wrong in itertools.product(mine, sorted(update.game.parameters, key=str)):
            if right == wrong:
                continue
            words = f"in the loss of {name} {wrong} stands in place of {right}"
            yield Mutant(words, _with_loss(update, name, player.loss.xreplace({right: wrong})))


def memories(update: Update) -> Iterator[Mutant]:
    """What a rule remembers: updated too early, too late or never; read where the current value is meant."""
    for part, kept in update.memory_after.items():
        changes: dict[str, dict[Any, Any]] = {}
        for v, written in kept.items():
            symbol, new = update.remembered[part, v], update.after[v]
            for words, seen, meant in (("new value, after the step", new, v), ("old value, before the step", v, new)):
                split = _affine(written, meant, {symbol, *update.game.parameters})
                if split is not None:
                    changes.setdefault(f"takes the {words}", {})[v] = split[0] + split[1] * seen
            changes.setdefault("is never updated", {})[v] = symbol
            changes.setdefault("is the new value itself, not a slow copy", {})[v] = new
        for words, values in changes.items():
            for some in (values, *({v: e} for v, e in values.items() if len(values) > 1)):
                if any(kept[v] != e for v, e in some.items()):
                    names = ", ".join(map(str, some))
                    yield Mutant(f"the {part} of {names} {words}", partial(_remembering, update, part, some))
    for (part, v), symbol in update.remembered.items():
        copy, current = f"the {part} of {v}", f"the current {v}"
        yield Mutant(f"the gradients read {current} in place of {copy}", partial(_reading, update, {symbol: v}))
        yield Mutant(f"the gradients read {copy} in place of {current}", partial(_reading, update, {v: symbol}))


def _affine(written: Any, moving: Any, allowed: set[Any]) -> tuple[Any, Any] | None:
    """(a, c) with written = a + c moving, where a holds only what is allowed; None where there are none."""
    for s in sorted(moving.free_symbols - allowed, key=str):
        slope = sp.diff(moving, s)
        if slope == 0:
            continue
        c = sp.cancel(sp.diff(written, s) / slope)
        rest = sp.expand(written - c * moving)
        return (rest, c) if c != 0 and (rest.free_symbols | c.free_symbols) <= allowed else None
    return None


def _remembering(update: Update, part: str, values: Mapping[Any, Any]) -> Update:
    memory = {name: dict(kept) for name, kept in update.memory_after.items()}
    memory[part] |= values
    return replace(update, memory_after=memory)


def _reading(update: Update, change: Mapping[Any, Any]) -> Update:
    """The change inside every step, but not for the value that a step starts from."""
    (reads,) = change

    def changed(variable: Any, value: Any) -> Any:
        if variable == reads:
            return variable + (value - variable).xreplace(change)
        return value.xreplace(change)

    lines = tuple(replace(line, value=changed(line.variable, line.value)) for line in update.assignments)
    return replace(update, assignments=lines, after={v: changed(v, e) for v, e in update.after.items()})
