"""Training steps over pytrees, with batches and keys, held against a rule on the same losses.

Main definitions: `hold_tree`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from bilevel.language.errors import GameError
from bilevel.numeric.stepper import Stepper
from bilevel.rules import catalogue
from bilevel.testing.explain import Mismatch, Tried, _ratio
from bilevel.testing.slips_of_rules import _changes
from bilevel.testing.traced import variants

__all__: list[str] = []

Params = Any
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
    tried = [*given, *_around(given[0], max(0, trials - len(given)), seed)]
    code = step.step if callable(getattr(step, "step", None)) else step
    wanted = [_after(stepper, params, arguments) for params in tried]
    found = [_parameters(code(params, *arguments), params) for params in tried]
    allowed = tolerance or max(PRECISIONS.get(np.dtype(leaf.dtype).itemsize, 1e-1) for leaf in jax.tree.leaves(wanted))
    names, flat = _names(given[0]), _flat(tried, found, wanted)
    failing = [k for k, (_, came, meant) in enumerate(flat) if not _close(came, meant, allowed)]
    if not failing:
        return
    wavering = any(not _same(found[k], _parameters(code(tried[k], *arguments), tried[k])) for k in failing[:2])
    reasons: tuple[str, ...] = ("the step gives other numbers when called again at one point: hand it a fixed key",)
    if not wavering:
        reasons = _reasons(stepper, tried, found, wanted, arguments, allowed)
    raise _mismatch(names, flat[failing[0]], failing[0], allowed, reasons)


def _after(stepper: Any, params: Params, arguments: tuple[Any, ...]) -> Params:
    return stepper.step(params, stepper.init(params), *arguments)[0]


def _around(params: Params, count: int, seed: int) -> Iterator[Params]:
    source = np.random.default_rng(seed)
    for _ in range(count):
        yield jax.tree.map(lambda a: np.asarray(a) + source.standard_normal(np.shape(a)).astype(np.asarray(a).dtype),
                           params)  # fmt: skip


def _parameters(found: Any, like: Params) -> Params:
    """What a step gives back: parameters, or a tuple that begins with them."""
    shape: Any = jax.tree.structure(like)
    first = found[0] if isinstance(found, tuple) and shape != jax.tree.structure(found) else found
    if shape != jax.tree.structure(first):
        returned = jax.tree.structure(first)
        raise GameError(f"the step must return parameters as it got them, {shape}; it returned {returned}")
    shapes = [(np.shape(a), np.shape(b)) for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(like), strict=True)]
    if wrong := next(((a, b) for a, b in shapes if a != b), None):
        raise GameError(f"the step must keep shapes; an array of shape {wrong[1]} came back as {wrong[0]}")
    return first


def _names(params: Params) -> list[str]:
    return [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]


def _flat(*sides: list[Params]) -> list[tuple[list[Any], ...]]:
    leaves = [[[np.asarray(leaf) for leaf in jax.tree.leaves(tree)] for tree in side] for side in sides]
    return list(zip(*leaves, strict=True))


def _close(found: list[Any], wanted: list[Any], allowed: float) -> bool:
    return all(bool(np.all(np.abs(a - b) <= allowed * (1 + np.abs(b)))) for a, b in zip(found, wanted, strict=True))


def _same(one: Params, other: Params) -> bool:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True) for a, b in pairs)


def _reasons(stepper: Any, tried: Any, found: Any, wanted: Any, arguments: Any, allowed: float) -> tuple[str, ...]:
    """The first changed stepper that does what the code does; else the constant ratio of a player's step."""
    tried, found, wanted = (side[:FEW] for side in (tried, found, wanted))
    came = _flat(tried, found)
    whole, told = _ratios(tried, found, wanted, allowed)
    for name, changed in itertools.chain(_mutants(stepper, tried[0], arguments), () if whole else
                                         _of_losses(stepper, tried[0], arguments)):  # fmt: skip
        try:
            gives = [[np.asarray(leaf) for leaf in jax.tree.leaves(_after(changed, p, arguments))] for p in tried]
        except (TypeError, ValueError, NotImplementedError, GameError):  # a change that makes no sense
            continue
        if all(_close(leaves, given, allowed) for (_, leaves), given in zip(came, gives, strict=True)):
            return (name,)
    return told


def _ratios(tried: Any, found: Any, wanted: Any, allowed: float) -> tuple[bool, tuple[str, ...]]:
    """Constant ratios of the players' steps to the derived ones, and whether they say all."""
    told, wrong = [], 0
    for player in tried[0]:
        sides = [np.concatenate([np.ravel(leaf) for tree in side for leaf in jax.tree.leaves(tree[player])])[:, None]
                 for side in (tried, found, wanted)]  # fmt: skip
        one = Tried((player,), (0,), sides[0], sides[0], sides[1], sides[2], allowed)
        wrong += not one.agrees(one.wanted)[0]
        if not one.agrees(one.wanted)[0] and (said := _ratio(one, 0, {})):
            told.append(f"{player}: {said}")
    return len(told) == wrong, tuple(told)


def _mutants(stepper: Any, params: Params, arguments: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
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


def _of_losses(stepper: Any, params: Params, arguments: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Steppers with another loss: the program that JAX has traced, with a stop-gradient less or more."""
    enter = stepper.enter(params)
    costs = stepper.make(stepper.values, arguments, params).costs
    for player in params:
        for words, changed in variants(costs[player], enter):
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


class _Transposed:
    """A field that answers with J where J^T is asked for."""

    def __init__(self, field: Any) -> None:
        self.field = field

    def __getattr__(self, name: str) -> Any:
        return getattr(self.field, {"jvp": "vjp", "vjp": "jvp"}.get(name, name))

    def __call__(self, z: Any) -> Any:
        return self.field(z)


def _mismatch(names: list[str], flat: Any, trial: int, allowed: float, reasons: tuple[str, ...]) -> Mismatch:
    _, came, meant = flat
    where = "the parameters given" if trial == 0 else f"random parameters (trial {trial})"
    lines, found, wanted = [f"the step is not the derived one at {where}"], {}, {}
    for name, one, other in zip(names, came, meant, strict=True):
        apart = ~(np.abs(one - other) <= allowed * (1 + np.abs(other)))
        if np.any(apart):
            place = np.unravel_index(int(np.argmax(apart)), np.shape(apart))
            entry = name + (f"[{', '.join(map(str, map(int, place)))}]" if place else "")
            found[entry], wanted[entry] = float(one[place]), float(other[place])
            share = f"{int(apart.sum())} of {apart.size} numbers differ, first " if apart.size > 1 else ""
            lines.append(f"  {share}{entry}: {found[entry]:.8g} came, the derived value is {wanted[entry]:.8g}")
    lines += [f"it looks like this: {reason}" for reason in reasons] or ["no single known slip explains it"]
    return Mismatch("\n".join(lines), {}, found, wanted, reasons)
