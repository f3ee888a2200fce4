"""Training steps over pytrees, with batches and keys, held against a rule on the same losses.

Main definitions: `hold_tree`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bilevel.language.errors import GameError
from bilevel.numeric.field import JaxField
from bilevel.numeric.stepper import Stepper
from bilevel.rules import catalogue
from bilevel.testing.explain import Mismatch, Tried, _ratio
from bilevel.testing.patterns import pattern
from bilevel.testing.slips_of_rules import _changes
from bilevel.testing.traced import variants

__all__: list[str] = []

Params = Any
Moving = Mapping[str, list[Any]]
FEW = 3  # points at which changed steppers are compared with the code
PRECISIONS = {2: 3e-2, 4: 1e-4, 8: 1e-9}


def hold_tree(
    step: Any, stepper: Any, points: Iterable[Any] | None, arguments: tuple[Any, ...], trials: int, seed: int,
    tolerance: float | None,
) -> None:  # fmt: skip
    """Compare leaf by leaf at the given parameters and at random ones of their shape."""
    if not isinstance(stepper, Stepper):
        raise GameError("a step is held against bilevel.derive(game, rule), or against bilevel.numeric.reading(losses, "
                        f"rule) for losses in JAX; got {type(stepper).__name__}")  # fmt: skip
    given = list(points or ())
    if not given:
        raise GameError("a step over pytrees is tried at parameters of your shapes; pass points=[params]")
    tried = [*given, *_around(stepper, given[0], max(0, trials - len(given)), seed)]
    code = step.step if callable(getattr(step, "step", None)) else step
    wanted = [_after(stepper, params, arguments) for params in tried]
    found = [_moved(stepper, code(params, *arguments), params) for params in tried]
    allowed = tolerance or max(PRECISIONS.get(leaf.dtype.itemsize, 1e-1) for leaf in _leaves(wanted[0]))
    failing = [k for k in range(len(tried)) if not _close(found[k], wanted[k], allowed)]
    if not failing:
        return
    first = failing[0]
    again = _moved(stepper, code(tried[first], *arguments), tried[first])
    same = all(np.array_equal(a, b, equal_nan=True) for a, b in zip(_leaves(again), _leaves(found[first])))
    wavering = "the step gives other numbers when called again at one point: hand it a fixed key"
    reasons = _reasons(stepper, tried, found, wanted, arguments, allowed) if same else (wavering,)
    raise _mismatch(_names(stepper, given[0]), first, found[first], wanted[first], allowed, reasons)


def _arrays(stepper: Any, params: Params) -> Moving:
    """What moves, player by player."""
    return {name: [np.asarray(leaf) for leaf in block] for name, block in stepper.layout(params).blocks.items()}


def _leaves(moving: Moving) -> list[Any]:
    return [leaf for block in moving.values() for leaf in block]


def _after(stepper: Any, params: Params, arguments: tuple[Any, ...]) -> Moving:
    return _arrays(stepper, stepper.step(params, stepper.init(params), *arguments)[0])


def _around(stepper: Any, params: Params, count: int, seed: int) -> Iterator[Params]:
    source, layout = np.random.default_rng(seed), stepper.layout(params)
    for _ in range(count):
        yield layout.params({
            name: tuple(leaf + source.standard_normal(leaf.shape).astype(leaf.dtype) for leaf in block)
            for name, block in layout.blocks.items()
        })  # fmt: skip


def _moved(stepper: Any, found: Any, like: Params) -> Moving:
    """The arrays of what a step gives back: parameters, or a tuple that begins with them."""
    first, wanted = found[0] if isinstance(found, tuple) and found else found, _arrays(stepper, like)
    try:
        came = _arrays(stepper, first)
    except GameError as problem:
        raise GameError(f"the step must return parameters as it got them: {problem}") from None
    for name, block in wanted.items():
        if len(block) != len(came[name]):
            counts = f"{len(block)} went in, {len(came[name])} came back"
            raise GameError(f"the step must keep the arrays of {name}: {counts}")
        for one, other in zip(block, came[name]):
            if one.shape != other.shape:
                raise GameError(f"the step must keep shapes; an array of shape {one.shape} came back as {other.shape}")
    return came


def _names(stepper: Any, params: Params) -> list[str]:
    layout = stepper.layout(params)
    return layout.game().variables if hasattr(layout, "game") else [v for moves in layout.moves.values() for v in moves]


def _close(found: Moving, wanted: Moving, allowed: float) -> bool:
    pairs = zip(_leaves(found), _leaves(wanted), strict=True)
    return all(bool(np.all(np.abs(a - b) <= allowed * (1 + np.abs(b)))) for a, b in pairs)


def _reasons(stepper: Any, tried: Any, found: Any, wanted: Any, arguments: Any, allowed: float) -> tuple[str, ...]:
    """The first changed stepper that does what the code does; else the constant ratio of a player's step."""
    tried, found, wanted = (side[:FEW] for side in (tried, found, wanted))
    whole, told = _ratios([_arrays(stepper, params) for params in tried], found, wanted, allowed)
    for name, changed in itertools.chain(_mutants(stepper, tried[0]), () if whole else
                                         _of_losses(stepper, tried[0], arguments)):  # fmt: skip
        try:
            with jax.disable_jit():  # each changed stepper runs a few times only
                fits = all(_close(f, _after(changed, p, arguments), allowed) for p, f in zip(tried, found))
        except (TypeError, ValueError, NotImplementedError, GameError):  # a change that makes no sense
            continue
        if fits:
            return (name,)
    return told or _patterns(stepper, tried, found, wanted, allowed)


def _patterns(stepper: Any, tried: Any, found: Any, wanted: Any, allowed: float) -> tuple[str, ...]:
    """What the difference looks like as a whole, player by player."""
    before, told = [_arrays(stepper, params) for params in tried], []
    for player in before[0]:
        rows = [
            np.stack([np.concatenate([np.ravel(leaf) for leaf in moving[player]]) for moving in side]).astype(float)
            for side in (before, found, wanted)
        ]
        told += [f"{player}: {said}"] if (said := pattern(rows[0], rows[1], rows[2], allowed)) else []
    return tuple(told)


def _ratios(tried: Any, found: Any, wanted: Any, allowed: float) -> tuple[bool, tuple[str, ...]]:
    """Constant ratios of the players' steps to the derived ones, and whether they say all."""
    told, wrong = [], 0
    for player in tried[0]:
        before, came, meant = (
            np.concatenate([np.ravel(leaf) for moving in side for leaf in moving[player]])[:, None]
            for side in (tried, found, wanted)
        )
        one = Tried((player,), (0,), before, before, came, meant, allowed)
        if not one.agrees(meant)[0]:
            wrong += 1
            told += [f"{player}: {said}"] if (said := _ratio(one, 0, {})) else []
    return len(told) == wrong, tuple(told)


def _mutants(stepper: Any, params: Params) -> Iterator[tuple[str, Any]]:
    """Changed steppers: of the rule, of the players' costs, of the field."""
    yield from _of_rule(stepper, params)
    for player in params:
        for factor, words in ((-1, f"wrong sign: {player} moves the other way"), (0.5, f"the gradient of {player} is "
                              "half of it (a factor 1/2)"), (2, f"the gradient of {player} is twice it (a factor 2)"),
                              (0, f"no step at all: {player} stands still")):  # fmt: skip
            yield words, _with_cost(stepper, {player: partial(_times, factor)})
    for player, other in itertools.permutations(params, 2):
        yield f"the wrong player's gradient: {player} descends the cost of {other}", _crossed(stepper, player, other)
    yield "a transposed Jacobian: J in place of its transpose", _with_field(stepper, _Transposed)
    held = "the rule's own derivatives stop where the losses do: what a loss holds constant is held in J too"
    yield held, _with_field(stepper, _Holding.of)


def _of_losses(stepper: Any, params: Params, arguments: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Steppers with another loss: the program that JAX has traced, with a stop-gradient or a term changed."""
    layout = stepper.layout(params)
    blocks = {name: tuple(map(jnp.asarray, block)) for name, block in layout.blocks.items()}
    costs = stepper.make({str(key): value for key, value in stepper.values.items()}, arguments, layout).costs
    moves = layout.moves if not hasattr(layout, "game") else {n: p.moves for n, p in layout.game().players.items()}
    names = [name for player in sorted(blocks) for name in moves[player]]  # as JAX sorts them
    for player in blocks:
        for words, changed in variants(costs[player], blocks, names=names):
            yield words.format(player), _with_cost(stepper, {player: partial(_instead, changed)})


def _of_rule(stepper: Any, params: Params) -> Iterator[tuple[str, Any]]:
    rule, given, known = stepper.rule, dict(stepper.rule.parameters), catalogue()
    if rule.name == "alternating":
        simple = known["simultaneous"](given["step"])
        yield "old values: simultaneous in place of alternating", replace(stepper, rule=simple)
    for order in list(itertools.permutations(params))[:6]:
        if rule.name in ("simultaneous", "alternating") and given.get("order") != order:
            sort = "new values: alternating in place of simultaneous"
            words = sort if rule.name == "simultaneous" else "another order"
            turned = known["alternating"](given["step"], order=list(order))
            yield f"{words}: {' before '.join(order)}", replace(stepper, rule=turned)
    for key, value in given.items() if rule.name in known else ():
        for words, changed in _changes(value) if key != "repeats" else ():
            try:
                yield f"{rule.name}: {key} {words}", replace(stepper, rule=known[rule.name](**{**given, key: changed}))
            except (GameError, TypeError, ValueError):
                continue


def _times(factor: float, cost: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda z: factor * cost(z)


def _instead(changed: Callable[[Any], Any], _: Any) -> Callable[[Any], Any]:
    return changed


def _with_cost(stepper: Any, changes: Mapping[str, Callable[[Any], Any]]) -> Any:
    def make(*arguments: Any) -> Any:
        field = stepper.make(*arguments)
        return replace(field, costs={n: changes.get(n, lambda cost: cost)(cost) for n, cost in field.costs.items()})

    return replace(stepper, make=make)


def _crossed(stepper: Any, player: str, other: str) -> Any:
    def make(*arguments: Any) -> Any:
        field = stepper.make(*arguments)
        return replace(field, costs={**field.costs, player: field.costs[other]})

    return replace(stepper, make=make)


def _with_field(stepper: Any, wrap: Callable[[Any], Any]) -> Any:
    return replace(stepper, make=lambda *arguments: wrap(stepper.make(*arguments)))


class _Holding(JaxField):
    """A field in whose Jacobian, too, constant is what its costs hold constant."""

    @classmethod
    def of(cls, field: JaxField) -> _Holding:
        return cls(**{part.name: getattr(field, part.name) for part in fields(field)})

    def _field(self, blocks: Any) -> Any:
        return dict((self.slope or self.own_slopes)(blocks))


class _Transposed:
    """A field that answers with J where J^T is asked for."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __getattr__(self, name: str) -> Any:
        return getattr(self.field, {"jvp": "vjp", "vjp": "jvp"}.get(name, name))

    def __call__(self, z: Any) -> Any:
        return self.field(z)


def _mismatch(
    names: list[str], trial: int, came: Moving, meant: Moving, allowed: float, reasons: tuple[str, ...]
) -> Mismatch:
    where = "the parameters given" if trial == 0 else f"random parameters (trial {trial})"
    lines, found, wanted = [f"the step is not the derived one at {where}"], {}, {}
    for name, one, other in zip(names, _leaves(came), _leaves(meant), strict=True):
        apart = ~(np.abs(one - other) <= allowed * (1 + np.abs(other)))
        if np.any(apart):
            place = np.unravel_index(int(np.argmax(apart)), np.shape(apart))
            entry = name + (f"[{', '.join(map(str, map(int, place)))}]" if place else "")
            found[entry], wanted[entry] = float(one[place]), float(other[place])
            share = f"{int(apart.sum())} of {apart.size} numbers differ, first " if apart.size > 1 else ""
            lines.append(f"  {share}{entry}: {found[entry]:.8g} came, the derived value is {wanted[entry]:.8g}")
    lines += [f"it looks like this: {reason}" for reason in reasons] or ["no single known slip explains it"]
    return Mismatch("\n".join(lines), {}, found, wanted, reasons)
