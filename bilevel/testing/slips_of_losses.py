"""Slips made in a player's loss or gradient.

Main definitions: `signs`, `factors`, `stops`, `stops_too_many`, `other_losses`, `loss_terms`, `field_terms`,
`transposes`; each yields mutants of an update.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.game import Player
from bilevel.language import calculus
from bilevel.language.nodes import Stopped, stop_gradient
from bilevel.rules import derive
from bilevel.rules.protocol.update import Update
from bilevel.testing.mutant import FACTORS, MOST_TERMS, Mutant, derived, terms


def _with_loss(update: Update, name: str, loss: Any, **changed: Any) -> Callable[[], Update]:
    player = replace(update.game[name], loss=loss, **changed)
    # Made late: a loss without its last term in the player's variables is no game at all.
    return lambda: derive(update.game.with_players(**{name: player}), update.rule)


def signs(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        turned, verb = ("max", "maximises") if player.sense == "min" else ("min", "minimises")
        changed = _with_loss(update, name, player.loss, sense=turned)
        yield Mutant(f"wrong sign: {name} {verb} its loss", changed)
        yield Mutant(f"wrong sign of the whole step of {name}", _scaled(update, dict.fromkeys(player.moves, -1)))


def factors(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        for factor, words in ((sp.Rational(1, 2), "half of it (a factor 1/2)"), (2, "twice it (a factor 2)")):
            yield Mutant(f"the gradient of {name} is {words}", _scaled(update, dict.fromkeys(player.moves, factor)))
        yield Mutant(f"no step at all: {name} stands still", _scaled(update, dict.fromkeys(player.moves, 0)))


def _scaled(update: Update, factors: Mapping[Any, Any]) -> Callable[[], Update]:
    field = update.game.field()
    return _with_field(update, {v: factor * field[v] for v, factor in factors.items()})


def stops(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        stopped = sorted(player.loss.atoms(Stopped), key=sp.default_sort_key)
        for node in stopped:
            loss = player.loss.xreplace({node: node.args[0]})
            yield Mutant(
                f"missing stop-gradient: the loss of {name} is differentiated through {node.args[0]}",
                _with_loss(update, name, loss),
            )
        if len(stopped) > 1:
            loss = player.loss.xreplace({node: node.args[0] for node in stopped})
            yield Mutant(f"missing stop-gradients, all of them, in the loss of {name}", _with_loss(update, name, loss))
        for other, how in player.through:
            kept = tuple(entry for entry in player.through if entry[0] != other)
            yield Mutant(
                f"the gradient of {name} does not pass through the reply of {other} ({how})",
                _with_loss(update, name, player.loss, through=kept),
            )


def stops_too_many(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        for part, loss in itertools.islice(_stoppable(player), MOST_TERMS):
            words = f"a stop-gradient too many: on {part} in the loss of {name}"
            yield Mutant(words, _with_loss(update, name, loss))


def _stoppable(player: Player) -> Iterator[tuple[Any, Any]]:
    """An inner summand or factor that holds some of what the gradient passes through, and the loss with it stopped."""
    for node in sp.preorder_traversal(player.loss):
        # To stop a summand of the loss itself is to leave it out, which has a plainer name.
        whole = isinstance(node, sp.Add) and node in (player.loss, player.cost)
        if not isinstance(node, sp.Add | sp.Mul) or whole:
            continue
        through = [arg for arg in node.args if arg.free_symbols & set(player.moves) and not arg.has(Stopped)]
        for part in through if len(through) > 1 else []:
            kept = node.func(*(stop_gradient(arg) if arg is part else arg for arg in node.args))
            yield part, player.loss.xreplace({node: kept})


def other_losses(update: Update) -> Iterator[Mutant]:
    players = update.game.players
    for name, other in itertools.permutations(players, 2):
        for sense, verb in (("min", "descends"), ("max", "climbs")):
            mine, theirs = players[name], players[other]
            if mine.loss == theirs.loss:
                continue
            yield Mutant(
                f"the wrong player's gradient: {name} {verb} the loss of {other}",
                _with_loss(update, name, theirs.loss, sense=sense),
            )


def loss_terms(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        for term in terms(player.loss):
            if not term.free_symbols & set(update.game.variables):
                continue
            for factor, words in FACTORS.items():
                loss, part = player.loss + (factor - 1) * term, f"in the loss of {name} the term {term}"
                yield Mutant(f"{part} {words}", _with_loss(update, name, loss), part if factor == 0 else "")


class _Changed:
    """A symbolic field that answers with other expressions, or with J where J^T is asked for."""

    def __init__(self, field: Any, values: Mapping[Any, Any], transposed: bool = False) -> None:
        self.field, self.values, self.transposed = field, values, transposed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.field, {"jvp": "vjp", "vjp": "jvp"}.get(name, name) if self.transposed else name)

    def __call__(self, z: Any) -> Any:
        if not self.values:
            return self.field(z)
        at = self.field.named(z)
        return self.field._point(calculus.replace(self.values[v], at) for v in self.field.game.variables)


def _with_field(update: Update, changed: Mapping[Any, Any], transposed: bool = False) -> Callable[[], Update]:
    values = {**update.game.field(), **changed} if changed else {}
    rule = replace(update.rule, build=lambda field: update.rule.build(_Changed(field, values, transposed)))
    return derived(update.game, rule)


def field_terms(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        for v in player.moves:
            whole = update.game.field()[v]
            for term in terms(whole):
                what = f"the term {term}" if term != whole else "all"
                part = f"in the gradient of {name} with respect to {v} {what}"
                for factor, words in FACTORS.items():
                    changed = _with_field(update, {v: whole + (factor - 1) * term})
                    yield Mutant(f"{part} {words}", changed, part if factor == 0 else "")


def transposes(update: Update) -> Iterator[Mutant]:
    yield Mutant("a transposed Jacobian: J in place of its transpose", _with_field(update, {}, transposed=True))
    field = update.game.field()
    for (name, player), (other, theirs) in itertools.product(update.game.players.items(), repeat=2):
        if len(player.moves) != len(theirs.moves) or len(player.moves) < 2:
            continue
        block = sp.Matrix([[sp.diff(field[v], w) for w in theirs.moves] for v in player.moves])
        turned = (block.T - block) * sp.Matrix(theirs.moves)
        yield Mutant(
            f"a transposed matrix: {name}'s gradient has the block in the variables of {other} transposed",
            _with_field(update, {v: field[v] + turned[k] for k, v in enumerate(player.moves)}),
        )
