"""Slips that people make when they write an update down, as changes of the derived one.

Main definitions: `mutants`, `Mutant`.

Each family below is a function from an update to named mutants, the likeliest first; adding a family is adding a
function to `FAMILIES`. A change is made where the slip is made: in a loss, in the field, in the rule's parameters, or
in the order of play; the update is then derived anew, so that a slip in F shows wherever the rule evaluates F.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sympy as sp

from bilevel.game import Game, Player
from bilevel.language import calculus
from bilevel.language.errors import BilevelError
from bilevel.language.nodes import Stopped, stop_gradient
from bilevel.rules import catalogue, derive
from bilevel.rules.protocol.point import PerPlayer
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.update import Update

MOST_TERMS = 24  # additive terms of one expression that are changed one by one
FACTORS = {
    -1: "has the wrong sign",
    0: "is missing",
    sp.Rational(1, 2): "is halved (a factor 1/2)",
    2: "is doubled (a factor 2)",
}


@dataclass(frozen=True)
class Mutant:
    """A slip, in words, and the update one gets by making it.

    Math: `make()` derives the changed update.

    Reference: DeMillo, Lipton, Sayward (1978), Hints on test data selection, for mutants as models of slips.

    Examples:
        >>> from bilevel.models import bilinear_game
        >>> from bilevel.rules import simultaneous
        >>> slip = next(mutants(derive(bilinear_game(), simultaneous("1/10"))))
        >>> slip.name
        'wrong sign: first maximises its loss'
        >>> print(slip.make())
        x[t+1] = x + sigma*y/10
        y[t+1] = y + sigma*x/10
    """

    name: str
    make: Callable[[], Update]


def mutants(update: Update) -> Iterator[Mutant]:
    """Every slip that is recognised, the likeliest first.

    Math: signs and factors of gradients and of their terms; stop-gradients too few or too many; old values in place
        of new ones and the other way round; another player's loss or step size; J in place of its transpose; a term of
        a loss or a parameter of the rule left out.

    Reference: DeMillo, Lipton, Sayward (1978), Hints on test data selection.

    Examples:
        >>> from bilevel.models import bilinear_game
        >>> from bilevel.rules import alternating
        >>> names = [slip.name for slip in mutants(derive(bilinear_game(), alternating("1/10")))]
        >>> "old values: simultaneous in place of alternating" in names
        True
    """
    for family in FAMILIES:
        yield from family(update)


# --- changes of the players -------------------------------------------------------------------------------------------


def _derived(game: Game, rule: Rule) -> Callable[[], Update]:
    return lambda: derive(game, rule)


def _with_loss(update: Update, name: str, loss: Any, **changed: Any) -> Callable[[], Update]:
    player = replace(update.game[name], loss=loss, **changed)
    # Made late: a loss without its last term in the player's variables is no game at all.
    return lambda: derive(update.game.with_players(**{name: player}), update.rule)


def _signs(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        turned, verb = ("max", "maximises") if player.sense == "min" else ("min", "minimises")
        changed = _with_loss(update, name, player.loss, sense=turned)
        yield Mutant(f"wrong sign: {name} {verb} its loss", changed)
        yield Mutant(f"wrong sign of the whole step of {name}", _scaled(update, dict.fromkeys(player.moves, -1)))


def _factors(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        for factor, words in ((sp.Rational(1, 2), "half of it (a factor 1/2)"), (2, "twice it (a factor 2)")):
            yield Mutant(f"the gradient of {name} is {words}", _scaled(update, dict.fromkeys(player.moves, factor)))
        yield Mutant(f"no step at all: {name} stands still", _scaled(update, dict.fromkeys(player.moves, 0)))


def _scaled(update: Update, factors: Mapping[Any, Any]) -> Callable[[], Update]:
    field = update.game.field()
    return _with_field(update, {v: factor * field[v] for v, factor in factors.items()})


def _stops(update: Update) -> Iterator[Mutant]:
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


def _stops_too_many(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        for part in _stoppable(player):
            yield Mutant(
                f"a stop-gradient too many: on {part} in the loss of {name}",
                _with_loss(update, name, player.loss.xreplace({part: stop_gradient(part)})),
            )


def _stoppable(player: Player) -> list[Any]:
    """Inner summands and factors that hold only some of what the player's gradient passes through."""
    found: dict[Any, None] = {}
    for node in sp.preorder_traversal(player.loss):
        # To stop a summand of the loss itself is to leave it out, which has a plainer name.
        if isinstance(node, Stopped) or not isinstance(node, sp.Add | sp.Mul) or node in (player.loss, player.cost):
            continue
        through = [arg for arg in node.args if arg.free_symbols & set(player.moves) and not arg.has(Stopped)]
        found |= dict.fromkeys(through if len(through) > 1 else [])
    return list(found)[:MOST_TERMS]


def _others(update: Update) -> Iterator[Mutant]:
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


def _loss_terms(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        for term in _terms(player.loss):
            if not term.free_symbols & set(update.game.variables):
                continue
            for factor, words in FACTORS.items():
                loss = player.loss + (factor - 1) * term
                yield Mutant(f"in the loss of {name} the term {term} {words}", _with_loss(update, name, loss))


# --- changes of the field ---------------------------------------------------------------------------------------------


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
    return _derived(update.game, rule)


def _terms(expr: Any) -> list[Any]:
    """The additive terms as written, then those of the expanded expression."""
    found = [*sp.Add.make_args(expr), *sp.Add.make_args(sp.expand_mul(expr))]
    return list(dict.fromkeys(found))[: 2 * MOST_TERMS] if len(found) <= 4 * MOST_TERMS else []


def _field_terms(update: Update) -> Iterator[Mutant]:
    for name, player in update.game.players.items():
        for v in player.moves:
            whole = update.game.field()[v]
            for term in _terms(whole):
                what = f"the term {term}" if term != whole else "all"
                for factor, words in FACTORS.items():
                    yield Mutant(
                        f"in the gradient of {name} with respect to {v} {what} {words}",
                        _with_field(update, {v: whole + (factor - 1) * term}),
                    )


def _transposes(update: Update) -> Iterator[Mutant]:
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


# --- changes of the rule ----------------------------------------------------------------------------------------------


def _order(update: Update) -> Iterator[Mutant]:
    rule, game, given = update.rule, update.game, dict(update.rule.parameters)
    names = tuple(game.players)
    if rule.name == "alternating":
        simple = catalogue()["simultaneous"](given["step"])
        yield Mutant("old values: simultaneous in place of alternating", _derived(game, simple))
    for order in list(itertools.permutations(names))[:6]:
        if rule.name not in ("simultaneous", "alternating") or given.get("order") == order:
            continue
        words = "new values: alternating in place of simultaneous" if rule.name == "simultaneous" else "another order"
        turned = catalogue()["alternating"](given["step"], order=list(order), repeats=given.get("repeats", sp.S.One))
        yield Mutant(f"{words}: {' before '.join(order)}", _derived(game, turned))
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


def _parameters(update: Update) -> Iterator[Mutant]:
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


def _lines(update: Update) -> Iterator[Mutant]:
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
        for term in _terms(value - start):
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


FAMILIES: tuple[Callable[[Update], Iterator[Mutant]], ...] = (
    _signs, _factors, _stops, _order, _transposes, _field_terms, _stops_too_many, _parameters, _others, _loss_terms,
    _lines,
)  # fmt: skip

#: What a mutant may raise when it makes no sense (a momentum that must be a number, a reply that has no solution).
UNFIT = (BilevelError, ValueError, TypeError, NotImplementedError, KeyError, ZeroDivisionError)
